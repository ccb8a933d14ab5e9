"""Images from files: `survey_images` takes whatever people have and reports, `read_images` expects all to be good.

Pillow is imported where files are read: the computations of the study can do without.
"""

import os
import unicodedata
from collections import Counter
from functools import cache
from numbers import Integral
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_scalar
from tqdm import tqdm

from ganod_lite.images import DEEP, as_seen


class FileReport(NamedTuple):
    """What became of a file: "read", "converted" or "left out", and from what, or why."""

    file: Path
    outcome: str
    note: str


class Survey(NamedTuple):
    """Images of one size and colour mode, the files that they come from, and a report on all files."""

    images: np.ndarray  # uint8 (n, size, size, 3), or (n, size, size) in grey
    files: list[Path]  # n
    report: list[FileReport]

    def __str__(self):
        n = Counter(row.outcome for row in self.report)
        size, colour = self.images.shape[1], "colour" if self.images.ndim == 4 else "grey"
        return (
            f"{len(self.report)} files: {n['read']} read, {n['converted']} converted, {n['left out']} left out. "
            f"The images are {size} x {size} pixels in {colour}, each cut to its central square."
        )


def list_files(folder):
    """All files in a folder and the folders below it, in the order of their names.

    Left out is what is hidden, or in a hidden folder or in __MACOSX. Raises FileNotFoundError if there is no such
    folder.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder.")
    found = []
    for file in folder.rglob("*"):
        inner = file.relative_to(folder)
        if file.is_file() and not any(part.startswith(".") or part == "__MACOSX" for part in inner.parts):
            found.append((unicodedata.normalize("NFC", inner.as_posix()), file))  # the same on all systems
    return [file for _, file in sorted(found)]


def survey_images(files, *, size=32, mode=None, background="white", depth="type", smallest=8, verbose=False):
    """Look at all files of a folder, read those that are images and say what was done with each.

    Images are turned upright, put on the background where they are transparent, cut to their central square
    and scaled. Of an animated one the first frame is taken. Each is decoded once and kept at its final size only.

    Parameters
    ----------
    files : path of a folder, read with the folders below it (see `list_files`), or list of paths
    size : int, default 32
        Height and width of the images in pixels.
    mode : "RGB", "L" (grey) or None, default None
        None: grey if all images are, else RGB.
    background : str, default "white"
        A colour as Pillow names it: "black", "#102030".
    depth : "type", "found" or None, default "type"
        How more than 8 bits a channel become 8: by the type's range, or by the range found in all files together
        (for grey images only). None: such files are left out.
    smallest : int, default 8
        Images of fewer pixels in height or width are left out.
    verbose : bool, default False
        Whether to show a progress bar.

    Returns
    -------
    Survey

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> Image.new("RGBA", (60, 40)).save(folder / "a.png")
    >>> _ = (folder / "b.jpg").write_text("no image")
    >>> survey = survey_images(folder)
    >>> for row in survey.report:
    ...     print(row.file.name, "|", row.outcome, "|", row.note)
    a.png | converted | transparent, put on white
    b.jpg | left out | no image that Pillow knows
    """
    try:
        from PIL import Image, ImageColor, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise ImportError('Pillow is needed to read images: pip install pillow, or "ganod-lite[images]"') from error
    files = list_files(files) if isinstance(files, str | os.PathLike) else _paths(files)
    check_scalar(size, "size", Integral, min_val=1)
    check_scalar(smallest, "smallest", Integral, min_val=1)
    for argument, value, allowed in (("mode", mode, ("RGB", "L", None)), ("depth", depth, ("type", "found", None))):
        if value not in allowed:
            raise ValueError(f"{argument} must be one of {allowed}; got {value!r}.")
    if not isinstance(background, str):
        raise TypeError(f'background must be a colour as Pillow names it, such as "white"; got {background!r}.')
    ImageColor.getrgb(background)  # a ValueError that names it
    span = _range_found(files) if depth == "found" else (0, 65535)
    images, report, modes = np.empty((len(files), size, size, 3), np.uint8), [], []
    for file in tqdm(files, unit="file", desc="reading", disable=not verbose):
        try:
            if not ends_as_image(file):
                raise ValueError(f"no image by its ending {file.suffix!r}")
            if not file.stat().st_size:
                raise ValueError("empty")
            with Image.open(file) as image:
                if min(image.size) < smallest:
                    raise ValueError(f"too small: {image.width} x {image.height} pixels; {smallest} are needed")
                seen, notes = as_seen(image, background, depth, span)
                if min(image.size) < size:
                    notes.append(f"enlarged from {image.width} x {image.height} pixels")
            if mode == "L" != seen.mode:
                seen = seen.convert("L")
                notes.append("colour made grey")
            images[len(modes)] = ImageOps.fit(seen.convert("RGB"), (size, size))
            modes.append(seen.mode)
            report.append(FileReport(file, "converted" if notes else "read", ", ".join(notes)))
        except Exception as error:  # Pillow's plugins raise all sorts
            why = "no image that Pillow knows" if isinstance(error, UnidentifiedImageError) else str(error)
            report.append(FileReport(file, "left out", why or type(error).__name__))
    kept = [row.file for row in report if row.outcome != "left out"]
    images = images[: len(kept)]
    if mode == "L" or (mode is None and modes and set(modes) == {"L"}):
        images = images[..., 0].copy()  # three times the same
    else:
        grey = {file for file, of in zip(kept, modes) if of == "L"}
        report = [
            row._replace(outcome="converted", note=", ".join(filter(None, (row.note, "grey made colour"))))
            if row.file in grey
            else row
            for row in report
        ]
    return Survey(images, kept, report)


def _paths(files):
    try:
        return [Path(file).expanduser() for file in files]
    except TypeError as error:
        raise TypeError(f"files must be the path of a folder, or a list of paths; got {files!r}.") from error


def _range_found(files):
    """The least and the greatest pixel of all files of more than 8 bits together."""
    from PIL import Image

    low, high = np.inf, -np.inf
    for file in files:
        try:
            with Image.open(file) as image:
                values = np.asarray(image) if image.mode.startswith(DEEP) else np.empty(0)
                if values.size and np.isfinite(values).all():
                    low, high = min(low, float(values.min())), max(high, float(values.max()))
        except Exception:  # the reading to come reports it
            continue
    return low, high


@cache
def _endings():
    from PIL import Image

    return {end for end, kind in Image.registered_extensions().items() if kind in Image.OPEN}


def ends_as_image(file):
    """Whether a file's name ends as a format that Pillow reads."""
    return file.suffix.lower() in _endings()


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
    from PIL import ImageOps

    return np.asarray(ImageOps.fit(as_seen(image)[0].convert("RGB"), (size, size)))
