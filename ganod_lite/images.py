"""Images in: from the arrays, tensors, data sets and Pillow's images that people have."""

import os
import sys
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset

PathLike = str | os.PathLike[str]
ImagesLike = Any  # what `as_images` takes

ORIENTATION = 0x0112  # EXIF's tag; 1 is upright
DEEP = "I", "F"  # how the modes of more than 8 bits a pixel begin
WANTED = "float images (n, channels, height, width) in [-1, 1], or uint8 (n, height, width[, channels])"
FEW = 5  # an axis of at most so many is taken for that of channels, where sides are larger


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
        files = " Open files first: a list of Pillow's images will do." if X.dtype.kind == "U" else ""
        raise TypeError(f"{name} must be {WANTED}; got {kind} of {X.dtype}.{files}")
    native = np.float64 if X.dtype.kind == "f" and X.itemsize > 8 else X.dtype.newbyteorder("=")
    return torch.from_numpy(X.astype(native, copy=False))


def as_seen(
    image: Any,
    background: str = "white",
    depth: str | None = None,
    span: tuple[float, float] = (0, 65535),
    name: str = "",
) -> tuple[Any, list[str]]:
    """A Pillow image as one sees it (upright, opaque, 8 bits, of mode "L" or "RGB"), and what was done for that."""
    from PIL import Image, ImageColor, ImageOps  # which are there, since the image is

    notes: list[str] = []
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
    image = ImageOps.exif_transpose(image)
    if deep:
        low, high = span
        values = (np.asarray(image, np.float64) - low) / ((high - low) or 1)
        if not np.isfinite(values).all():
            raise ValueError("NaN or infinity among its pixels")
        image = Image.fromarray(np.round(255 * values).astype(np.uint8))
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
            below = Image.new("RGBA", image.size, background)
            image = Image.alpha_composite(below, image)
            grey &= len(set(ImageColor.getrgb(background)[:3])) == 1
    return image.convert("L" if grey else "RGB"), notes
