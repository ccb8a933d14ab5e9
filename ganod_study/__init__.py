"""The study: what the book computes and shows with `ganod_lite`."""
