"""The detector contract: images or tables in, scores out; devices, seeds, validation.

Every method is a scikit-learn outlier detector. `score_samples` is higher for what is more
normal, as scikit-learn wants it; `anomaly_score` is its negative, the sense of the papers.
"""

import hashlib
import os

import numpy as np
import torch
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted, validate_data


class Detector(OutlierMixin, BaseEstimator):
    """What all methods share once they are fitted.

    A subclass offers `_check_X(X, reset)`, which validates; `_fit(X, y)`, which trains on validated
    input; and `_anomaly_score(X)`, which scores it, one float per sample.
    """

    def fit(self, X, y=None):
        """Fit on normal samples X; y is ignored.

        A `fit` that fails or is interrupted leaves the detector as it was, fitted or not.
        Raises ValueError or TypeError for data or parameters that cannot be used.
        """
        before = dict(vars(self))
        try:
            self._check_contamination()
            X = self._check_X(X, reset=True)
            self._fit(X, y)
            self._set_offset(X)
        except BaseException:  # Ctrl-C too
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def anomaly_score(self, X):
        """Anomaly scores (n,): higher is more anomalous, the sense of the papers."""
        check_is_fitted(self)
        return self._anomaly_score(self._check_X(X, reset=False))

    def score_samples(self, X):
        """Scores (n,): higher is more normal, the sense of scikit-learn."""
        return -self.anomaly_score(X)

    def decision_function(self, X):
        """`score_samples` less `offset_` (n,): negative for outliers."""
        check_is_fitted(self)
        if self.offset_ is None:
            raise ValueError(
                "contamination=None leaves the threshold unset: fit with contamination in "
                "(0, 0.5] to use decision_function or predict, or use score_samples."
            )
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """+1 for inliers, -1 for outliers (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_is_fitted__(self):
        # `n_features_in_` alone, which a failed `fit` leaves behind, is not enough.
        return hasattr(self, "offset_")

    def _check_contamination(self):
        if self.contamination is not None:
            check_scalar(
                self.contamination,
                "contamination",
                (float, int),
                min_val=0,
                max_val=0.5,
                include_boundaries="right",
            )

    def _set_offset(self, X):
        """Put the threshold where `contamination` of the (validated) training data fall below it."""
        self.offset_ = None
        if self.contamination is not None:
            scores = -self._anomaly_score(X)
            self.offset_ = float(np.percentile(scores, 100 * self.contamination))


class TableDetector(Detector):
    """A detector for tables: X is (n, d), finite numbers."""

    def _check_X(self, X, reset):
        return validate_data(self, X, reset=reset, dtype=np.float64, ensure_min_samples=1 + reset)


class ImageDetector(Detector):
    """A detector for images: see `as_images` for what X may be.

    A score can cost a whole search, so the threshold is set on at most `N_THRESHOLD` training
    images drawn at random; with `contamination=None` none is searched and there is no threshold.
    """

    N_THRESHOLD = 200

    def _check_X(self, X, reset):
        shape = None if reset else self.image_shape_
        images = as_images(X, shape=shape, min_samples=1 + reset)
        if reset:
            self.image_shape_ = tuple(images.shape[1:])
            self.n_features_in_ = images[0].numel()
        return images

    def _set_offset(self, X):
        if len(X) > self.N_THRESHOLD:
            picked = np.random.RandomState(seed_from(self.random_state)).permutation(len(X))
            X = X[np.sort(picked[: self.N_THRESHOLD])]
        super()._set_offset(X)


def as_images(X, *, shape=None, min_samples=1, name="X"):
    """Validate images and return them as a float32 tensor (n, channels, height, width) in [-1, 1].

    X is an array or tensor of floats (n, channels, height, width) in [-1, 1], or of uint8
    (n, height, width) or (n, height, width, channels) in 0..255. `shape`, if given, is the
    (channels, height, width) that each image must have.
    Raises ValueError or TypeError, naming what is wrong, what was given and what is allowed.
    """
    if not isinstance(X, torch.Tensor):
        X = np.array(X, order="C")  # a copy, since torch shares memory and wants it writable
        if X.dtype.kind not in "biuf":
            raise TypeError(f"{name}: images must be float in [-1, 1] or uint8; got {X.dtype}.")
        X = torch.from_numpy(X)
    images = X.detach()
    if images.dtype == torch.uint8:
        if images.ndim == 3:
            images = images.unsqueeze(-1)
        if images.ndim != 4:
            raise ValueError(
                f"{name}: uint8 images must be (n, height, width) or (n, height, width, channels); "
                f"got shape {tuple(images.shape)}."
            )
        images = images.permute(0, 3, 1, 2).float() / 127.5 - 1
    elif not images.is_floating_point():
        raise TypeError(f"{name}: images must be float in [-1, 1] or uint8; got {images.dtype}.")
    if images.ndim != 4:
        raise ValueError(f"{name}: float images must be (n, channels, height, width); got shape {tuple(images.shape)}.")
    if len(images) < min_samples:
        raise ValueError(f"{name}: at least {min_samples} images are needed; got {len(images)}.")
    if images.shape[1] not in (1, 3):
        raise ValueError(
            f"{name}: images must have 1 or 3 channels; got {images.shape[1]} in shape {tuple(images.shape)}."
        )
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
    return images.to("cpu", torch.float32).contiguous()


def resolve_device(device):
    """The torch device for `device`; "auto" is CUDA where there is one, else the CPU.

    Raises ValueError if there is no such device, or if it is a CUDA device and there is none here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f'device must be "auto" or a device of torch like "cpu" or "cuda"; got {device!r}.') from error
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f'device={device!r}: there is no CUDA device here; use "auto" or "cpu".')
    return resolved


def seed_from(random_state):
    """An int seed from whatever scikit-learn accepts as `random_state`."""
    if isinstance(random_state, (int, np.integer)):
        if not 0 <= random_state < 2**32:
            raise ValueError(f"random_state must lie between 0 and 2**32 - 1; got {random_state}.")
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def standard_normal(n, latent_size, rng):
    """The prior p_z that the ADGAN paper trains and searches with: (n, latent_size) from a torch.Generator."""
    return torch.randn(n, latent_size, generator=rng)


def starting_points(image, n, latent_size, prior, seed):
    """Latents (n, latent_size) for one image, drawn from the prior by a seed made of `seed` and its pixels alone."""
    pixels = ((image + 1) * 127.5).round().to(torch.uint8)  # so that it is one image, as uint8 or as floats
    digest = hashlib.blake2b(pixels.numpy().tobytes(), digest_size=7, key=str(seed).encode()).digest()
    z = prior(n, latent_size, torch.Generator().manual_seed(int.from_bytes(digest, "big")))
    if z.shape != (n, latent_size):
        raise ValueError(f"prior must return latents {(n, latent_size)}; got {tuple(z.shape)}.")
    return z


def write_aside(path, raw):
    """Write bytes beside `path`, then rename, so that nobody ever sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(raw)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
