"""What images may be: arrays, tensors, lists and data sets of them, validated and brought to one form."""

import numpy as np
import torch
from torch.utils.data import Dataset

WANTED = "float images (n, channels, height, width) in [-1, 1], or uint8 (n, height, width[, channels])"
FEW = 5  # at most so many channels does an image of uint8 have; its sides are larger


def as_images(X, *, shape=None, min_samples=1, name="X"):
    """Validate images and return them as a float32 tensor (n, channels, height, width) in [-1, 1].

    Parameters
    ----------
    X : array, tensor, list of images (also of Pillow's), or torch Dataset of images or of (image, label)
        Floats of any precision (n, channels, height, width) in [-1, 1], with any number of channels, or
        uint8 (n, height, width) or (n, height, width, channels).
    shape : tuple (channels, height, width), optional
        What each image must be.
    min_samples : int, default 1
    name : str, default "X"
        What errors call X.

    Raises
    ------
    ValueError, TypeError
        Naming what is wrong, what was given and what is allowed.
    """
    images = _as_tensor(X, name)
    given = f"got shape {tuple(images.shape)} of {str(images.dtype).removeprefix('torch.')}"
    if images.dtype == torch.uint8:
        if images.ndim == 3:
            images = images.unsqueeze(-1)
        if images.ndim != 4:
            raise ValueError(f"{name} must be {WANTED}; {given}.")
        if images.shape[1] <= FEW < images.shape[3]:
            raise ValueError(
                f"{name} must be {WANTED}; {given}: its channels seem to come first. Move them to the end."
            )
        images = images.permute(0, 3, 1, 2).float() / 127.5 - 1
    elif not images.is_floating_point():
        raise TypeError(f"{name} must be {WANTED}; {given}.")
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise ValueError(f"{name} must be {WANTED}; {given}.")
    if len(images) < min_samples:
        raise ValueError(f"{name}: at least {min_samples} images are needed; got {len(images)}.")
    if shape is not None and tuple(images.shape[1:]) != tuple(shape):
        raise ValueError(
            f"{name}: images must be {tuple(shape)} (channels, height, width) as in training; "
            f"got {tuple(images.shape[1:])}."
        )
    if not torch.isfinite(images).all():
        raise ValueError(f"{name}: images must be finite; got NaN or infinity.")
    low, high = images.aminmax()
    if low < -1 or high > 1:
        raise ValueError(
            f"{name}: pixel values must lie in [-1, 1]; got [{low:.4g}, {high:.4g}]. Pass uint8 images, or rescale."
        )
    images = images.to("cpu", torch.float32).contiguous()
    return images.clone() if images.is_inference() else images  # which autograd would refuse


def _as_tensor(X, name):
    if isinstance(X, Dataset):
        X = [X[i][0] if isinstance(X[i], tuple | list) else X[i] for i in range(len(X))]
    if isinstance(X, list | tuple):
        X = [image.detach().cpu() if isinstance(image, torch.Tensor) else image for image in X]
        parts = [np.asarray(image) for image in X]
        if sizes := {part.shape for part in parts[1:]} - {parts[0].shape} if parts else set():
            raise ValueError(f"{name}: all images must be of one shape; got {parts[0].shape} and {sizes.pop()}.")
        X = np.stack(parts) if parts else np.empty(0)
    if isinstance(X, torch.Tensor):
        if X.layout is not torch.strided or X.is_quantized:
            raise TypeError(f"{name} must be {WANTED}; got a {'quantized' if X.is_quantized else X.layout} tensor.")
        return X.detach()
    X = np.array(X, order="C")  # a copy, since torch shares memory and wants it writable
    if X.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be {WANTED}; got {X.dtype}.")
    native = np.float64 if X.dtype.kind == "f" and X.itemsize > 8 else X.dtype.newbyteorder("=")
    return torch.from_numpy(X.astype(native, copy=False))
