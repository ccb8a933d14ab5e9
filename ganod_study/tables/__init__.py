"""Every table of the book, and the sentences beside them, as functions of stored results: a module for each page."""
