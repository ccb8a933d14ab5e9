"""Images in: from the arrays and tensors that people have, and from files.

`as_images` is what every method for images calls on its X. `survey_images` reads files with Pillow, which is imported
only there, and says what it did with each.
"""

import importlib
import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils import check_scalar
from torch.utils.data import Dataset, IterableDataset
from tqdm import tqdm

PathLike = str | os.PathLike[str]
ImagesLike = Any  # what `as_images` takes

ORIENTATION = 0x0112  # EXIF's tag; 1 is upright
DEEP = "I;16", "I", "F"  # how the modes of more than 8 bits a pixel begin
WANTED = "float images (n, channels, height, width) in [-1, 1], or uint8 (n, height, width[, channels])"
FEW = 5  # at most so many channels does an image of uint8 have; its sides are larger


def as_images(
    X: ImagesLike, *, shape: tuple[int, ...] | None = None, min_samples: int = 1, name: str = "X"
) -> torch.Tensor:
    """Validate images and return them as a float32 tensor (n, channels, height, width) in [-1, 1].

    Parameters
    ----------
    X : array, tensor, list of images, or torch Dataset of images or of (image, label)
        Floats of any precision (n, channels, height, width) in [-1, 1], with any number of channels, or
        uint8 (n, height, width) or (n, height, width, channels). Pillow's images in a list or data set are taken
        as one sees them, on white where they are transparent, in grey if all are.
    shape : tuple (channels, height, width), optional
        What each image must be.
    min_samples : int, default 1
        How many images are needed.
    name : str, default "X"
        What errors call X.

    Returns
    -------
    torch.Tensor
        On the CPU. It may share memory with X if X is such a tensor already.

    Raises
    ------
    ValueError, TypeError
        Naming what is wrong, what was given and what is allowed.
    """
    images = _as_tensor(X, name)
    refusal = f"{name} must be {WANTED}; got shape {tuple(images.shape)} of {str(images.dtype).removeprefix('torch.')}"
    if images.dtype == torch.uint8:
        if images.ndim == 3:
            images = images.unsqueeze(-1)
        if images.ndim != 4:
            raise ValueError(f"{refusal}.")
        if images.shape[1] <= FEW < images.shape[3]:
            raise ValueError(f"{refusal}: its channels seem to come first. Move them to the end.")
        images = images.permute(0, 3, 1, 2).float() / 127.5 - 1
    elif not images.is_floating_point():
        raise TypeError(f"{refusal}.")
    elif images.ndim == 4 and images.shape[3] <= FEW < min(images.shape[1:3]):
        raise ValueError(f"{refusal}: its channels seem to come last. Move them to the front.")
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise ValueError(f"{refusal}.")
    if len(images) < min_samples:
        raise ValueError(f"{name}: at least {min_samples} images are needed; got {len(images)}.")
    if shape is not None and tuple(images.shape[1:]) != tuple(shape):
        raise ValueError(
            f"{name}: images must be {tuple(shape)} (channels, height, width) as in training; "
            f"got {tuple(images.shape[1:])}."
        )
    if images.element_size() < 4:
        images = images.float()  # torch can't do what follows at all precisions
    if not torch.isfinite(images).all():
        raise ValueError(f"{name}: images must be finite; got NaN or infinity.")
    low, high = images.aminmax()
    if low < -1 or high > 1:
        raise ValueError(
            f"{name}: pixel values must lie in [-1, 1]; got [{low:.4g}, {high:.4g}]. Pass uint8 images, or rescale."
        )
    images = images.to("cpu", torch.float32).contiguous()
    return images.clone() if images.is_inference() else images  # which autograd would refuse


def _as_tensor(X: Any, name: str) -> torch.Tensor:
    kind = type(X).__name__
    if isinstance(X, Dataset):
        items: Any = X if isinstance(X, IterableDataset) else (X[i] for i in range(len(X)))  # type: ignore[arg-type]
        X = [item[0] if isinstance(item, tuple | list) else item for item in items]
    if isinstance(X, list | tuple):
        pillow = sys.modules.get("PIL.Image")  # which is there if any of them is Pillow's
        if X and pillow and all(isinstance(image, pillow.Image) for image in X):
            X = [as_seen(image, name=f"{name}[{i}]: ")[0] for i, image in enumerate(X)]
            mode = "L" if all(image.mode == "L" for image in X) else "RGB"
            X = [image.convert(mode) for image in X]
        X = [image.detach().cpu() if isinstance(image, torch.Tensor) else np.asarray(image) for image in X]
        if sizes := {tuple(image.shape) for image in X[1:]} - {tuple(image.shape) for image in X[:1]}:
            raise ValueError(f"{name}: all images must be of one shape; got {tuple(X[0].shape)} and {sizes.pop()}.")
        X = torch.stack(X) if X and all(isinstance(image, torch.Tensor) for image in X) else np.array(X)
    if isinstance(X, torch.Tensor):
        kinds = {"nested": X.is_nested, "quantized": X.is_quantized, "meta": X.is_meta}
        kinds[str(X.layout)] = X.layout is not torch.strided
        if unfit := [kind for kind, is_it in kinds.items() if is_it]:
            raise TypeError(f"{name} must be {WANTED}; got a {unfit[0]} tensor.")
        return X.detach()
    if np.ma.is_masked(X):
        raise TypeError(f"{name} must be {WANTED}; got a masked array. Fill it first.")
    X = np.array(X, order="C")  # a copy, since torch shares memory and wants it writable
    if X.dtype.kind not in "biuf":
        files = " Files are read by `survey_images`." if X.dtype.kind == "U" else ""
        raise TypeError(f"{name} must be {WANTED}; got {kind} of {X.dtype}.{files}")
    native = np.float64 if X.dtype.kind == "f" and X.itemsize > 8 else X.dtype.newbyteorder("=")
    return torch.from_numpy(X.astype(native, copy=False))


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

    def __str__(self) -> str:
        n = Counter(row.outcome for row in self.report)
        size, colour = self.images.shape[1], "colour" if self.images.ndim == 4 else "grey"
        return (
            f"{len(self.report)} files: {n['read']} read, {n['converted']} converted, {n['left out']} left out. "
            f"The images are {size} x {size} pixels in {colour}, each cut to its central square."
        )


def list_files(folder: PathLike) -> list[Path]:
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


def survey_images(
    files: PathLike | Sequence[PathLike],
    *,
    size: int = 32,
    mode: str | None = None,
    background: str = "white",
    depth: str | None = "type",
    smallest: int = 8,
    verbose: bool = False,
) -> Survey:
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
    files = list_files(files) if isinstance(files, str | os.PathLike) else _paths(files)
    check_scalar(size, "size", Integral, min_val=1)
    check_scalar(smallest, "smallest", Integral, min_val=1)
    for argument, value, allowed in (("mode", mode, ("RGB", "L", None)), ("depth", depth, ("type", "found", None))):
        if value not in allowed:
            raise ValueError(f"{argument} must be one of {allowed}; got {value!r}.")
    pillow, operations, colours = _pillow("Image"), _pillow("ImageOps"), _pillow("ImageColor")
    if not isinstance(background, str):
        raise TypeError(f'background must be a colour as Pillow names it, such as "white"; got {background!r}.')
    colours.getrgb(background)  # a ValueError that names it
    span = _range_found(files) if depth == "found" else (0, 65535)
    images, report = np.empty((len(files), size, size, 3), np.uint8), list[FileReport]()
    modes = list[str]()
    for file in tqdm(files, unit="file", desc="reading", disable=not verbose):
        try:
            if not ends_as_image(file):
                raise ValueError(f"no image by its ending {file.suffix!r}")
            if not file.stat().st_size:
                raise ValueError("empty")
            with pillow.open(file) as image:
                if min(image.size) < smallest:
                    raise ValueError(f"too small: {image.width} x {image.height} pixels; {smallest} are needed")
                seen, notes = as_seen(image, background, depth, span)
                if min(image.size) < size:
                    notes.append(f"enlarged from {image.width} x {image.height} pixels")
            if mode == "L" != seen.mode:
                seen = seen.convert("L")
                notes.append("colour made grey")
            images[len(modes)] = operations.fit(seen.convert("RGB"), (size, size))
            modes.append(seen.mode)
            report.append(FileReport(file, "converted" if notes else "read", ", ".join(notes)))
        except Exception as error:  # Pillow's plugins raise all sorts
            why = "no image that Pillow knows" if isinstance(error, pillow.UnidentifiedImageError) else str(error)
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


def _paths(files: Any) -> list[Path]:
    try:
        return [Path(file).expanduser() for file in files]
    except TypeError as error:
        raise TypeError(f"files must be the path of a folder, or a list of paths; got {files!r}.") from error


def as_seen(
    image: Any,
    background: str = "white",
    depth: str | None = None,
    span: tuple[float, float] = (0, 65535),
    name: str = "",
) -> tuple[Any, list[str]]:
    """A Pillow image as one sees it (upright, opaque, 8 bits, of mode "L" or "RGB"), and what was done for that."""
    pillow, notes = _pillow("Image"), []
    deep = image.mode.startswith(DEEP)
    deep_colour = not deep and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    if deep or deep_colour:
        refusal = None
        if depth is None:
            refusal = "convert it to 8 bits"
        elif depth == "found" and deep_colour:
            refusal = "of which Pillow reads the upper 8 only"
        elif depth == "type" and deep and not (image.mode.startswith("I;16") or image.format in ("PNG", "PPM")):
            refusal = "whose type has no range that is meant; take the one found"
        if refusal:
            raise ValueError(f"{name}more than 8 bits a channel (mode {image.mode}); {refusal}")
    if getattr(image, "n_frames", 1) > 1:
        notes.append(f"the first of {image.n_frames} frames")
    if image.getexif().get(ORIENTATION, 1) in range(2, 9):
        notes.append("turned upright")
    image = _pillow("ImageOps").exif_transpose(image)
    if deep:
        low, high = span
        values = (np.asarray(image, np.float64) - low) / ((high - low) or 1)
        if not np.isfinite(values).all():
            raise ValueError("NaN or infinity among its pixels")
        image = pillow.fromarray(np.round(255 * values).astype(np.uint8))
    if deep or deep_colour:
        by = f"the range found, {low:g} to {high:g}" if depth == "found" else "the type's range"
        brightest = np.asarray(image).max()
        dark = f" (its brightest pixel is {brightest} of 255)" if brightest < 32 else ""
        notes.append(f"more than 8 bits scaled by {by}{dark}")
    grey = image.mode in ("1", "L", "LA", "La")
    if not grey and not image.mode.startswith("RGB"):
        notes.append(f"{'palette' if image.mode == 'P' else image.mode} made RGB")
    if image.mode.endswith(("A", "a")) or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getextrema()[3][0] < 255:
            notes.append(f"transparent, put on {background}")
            below = pillow.new("RGBA", image.size, background)
            image = pillow.alpha_composite(below, image)
            grey &= len(set(below.getpixel((0, 0))[:3])) == 1
    return image.convert("L" if grey else "RGB"), notes


def _range_found(files: list[Path]) -> tuple[float, float]:
    """The least and the greatest pixel of all files of more than 8 bits together."""
    low, high = np.inf, -np.inf
    for file in files:
        try:
            with _pillow("Image").open(file) as image:
                values = np.asarray(image) if image.mode.startswith(DEEP) else np.empty(0)
                if values.size and np.isfinite(values).all():
                    low, high = min(low, float(values.min())), max(high, float(values.max()))
        except Exception:  # the reading to come reports it
            continue
    return low, high


@cache
def _endings() -> set[str]:
    pillow = _pillow("Image")
    return {end for end, kind in pillow.registered_extensions().items() if kind in pillow.OPEN}


def ends_as_image(file: Path) -> bool:
    """Whether a file's name ends as a format that Pillow reads."""
    return file.suffix.lower() in _endings()


def _pillow(module: str) -> Any:
    """Pillow is needed only where files are read, so it comes in here."""
    try:
        return importlib.import_module(f"PIL.{module}")
    except ImportError as error:
        raise ImportError('PIL is needed to read images: pip install pillow, or "ganod-lite[images]"') from error
