"""Image files that are all expected to be good; `ganod_lite.images.survey_images` takes whatever people have."""

import os

import numpy as np

from ganod_lite.images import as_seen, ends_as_image, list_files, survey_images


def image_files(folder):
    """The files of `list_files` that end as a format that Pillow reads. FileNotFoundError if there are none."""
    files = [file for file in list_files(folder) if ends_as_image(file)]
    if not files:
        raise FileNotFoundError(f"{folder} holds no images.")
    return files


def read_images(files, *, size=32, mode="RGB", background="white", depth=None):
    """Image files as uint8 (n, size, size, 3), or (n, size, size) where the mode is "L".

    The arguments are those of `survey_images`; a folder's files of other endings are passed over. Raises ValueError
    naming the first file that can't be read, FileNotFoundError if a folder is missing or holds no images.
    """
    files = image_files(files) if isinstance(files, str | os.PathLike) else files
    survey = survey_images(files, size=size, mode=mode, background=background, depth=depth, smallest=1)
    for file, outcome, note in survey.report:
        if outcome == "left out":
            raise ValueError(f"The image {file} can't be read: {note.rstrip('.')}.")
    return survey.images


def as_square(image, size):
    """One of Pillow's images as `read_images` makes it: uint8 (size, size, 3)."""
    from PIL import ImageOps  # which is there, since the image is

    return np.asarray(ImageOps.fit(as_seen(image)[0].convert("RGB"), (size, size)))
