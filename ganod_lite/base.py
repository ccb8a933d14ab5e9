"""The detector contract: images or tables in, scores out; devices, seeds, validation.

Every method is a scikit-learn outlier detector. `score_samples` is higher for what is more
normal, as scikit-learn wants it; `anomaly_score` is its negative, the sense of the papers.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .files import warn
from .images import PathLike, as_images
from .thresholds import Threshold, threshold_at
from .training import check_number, discard

RandomState = int | np.random.RandomState | None
D = TypeVar("D", bound="Detector")


@dataclass(eq=False, repr=False, kw_only=True)
class Detector(OutlierMixin, BaseEstimator):  # type: ignore[misc]  # they have no annotations
    """What all methods share once they are fitted.

    A subclass is a dataclass too, whose fields are its parameters. It offers `_check_X(X, reset)`, which
    validates; `_fit(X, y)`, which trains on validated input; and `_anomaly_score(X)`, which scores it, one float
    per sample.
    """

    contamination: float | None = 0.1
    random_state: RandomState = None

    _dtype: ClassVar[torch.dtype | None] = None  # torch's default dtype while it works; None: the caller's
    # What to do about training data whose scores are all equal
    _cure = "Features of very different or large scale are a likely reason: scale them, say with MinMaxScaler."

    def fit(self: D, X: Any, y: Any = None) -> D:
        """Fit on normal samples X; y is ignored.

        A `fit` that fails or is interrupted leaves the detector as it was, fitted or not.
        Raises ValueError or TypeError for data or parameters that cannot be used.
        """
        before = dict(vars(self))
        try:
            with own_state(self._dtype):
                self._check_contamination()
                X = self._check_X(X, reset=True)
                self._fit(X, y)
                self._set_offset(X)
        except BaseException:  # Ctrl-C too
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def anomaly_score(self, X: Any) -> np.ndarray:
        """Anomaly scores (n,): higher is more anomalous, the sense of the papers."""
        check_is_fitted(self)
        with own_state(self._dtype):
            return self._anomaly_score(self._check_X(X, reset=False))

    def score_samples(self, X: Any) -> np.ndarray:
        """Scores (n,): higher is more normal, the sense of scikit-learn."""
        return -self.anomaly_score(X)

    def decision_function(self, X: Any) -> np.ndarray:
        """`score_samples` less `offset_` (n,): negative for outliers."""
        check_is_fitted(self)
        if self.offset_ is None:
            raise ValueError(
                "contamination=None leaves the threshold unset: fit with contamination in "
                "(0, 0.5] to use decision_function or predict, or use score_samples."
            )
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """+1 for inliers, -1 for outliers (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def set_threshold(self, X: Any, false_alarm_rate: float = 0.05, confidence: float = 0.95) -> Threshold:
        """Set `offset_` so that `predict` calls at most this share of normal samples outliers.

        Parameters
        ----------
        X : images or table
            Normal samples, held back: none that the detector was fitted on.
        false_alarm_rate, confidence
            See `thresholds.threshold_at`.

        Returns
        -------
        Threshold
            With the interval of the rate that this threshold really has.
        """
        threshold = threshold_at(self.anomaly_score(X), false_alarm_rate, confidence)
        self.offset_: float | None = -threshold.threshold
        return threshold

    def save(self, path: str | Path) -> None:
        """Write the fitted detector to a file that `ganod_lite.load` reads.

        The file holds tensors and JSON, and is written aside and renamed, so there is never half of one. It may take
        the place of a saved detector; any other file is left alone: that raises ValueError. Functions of your own
        (`loss`, `features`, `callback`), networks of your own, exchanged layers and hooks can't be saved: that raises
        TypeError.
        """
        from .saving import save  # which knows all detectors

        save(self, path)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "offset_")  # what `fit` sets last: a file that `load` is given may hold less

    def _check_contamination(self) -> None:
        if self.contamination is not None:
            check_number("contamination", self.contamination, max_val=0.5, include_boundaries="right")

    def _set_offset(self, X: Any) -> None:
        """Put the threshold where `contamination` of the (validated) training data fall below it."""
        self.offset_ = None
        if self.contamination is not None:
            scores = -self._anomaly_score(X)
            if len(scores) > 1 and scores.min() == scores.max():
                warn(
                    f"{type(self).__name__}'s scores on its training data are all {-scores[0]:.3g}: they tell nothing "
                    f"apart. {self._cure}"
                )
            self.offset_ = float(np.percentile(scores, 100 * self.contamination))


class TableDetector(Detector):
    """A detector for tables: X is (n, d), finite numbers."""

    def _check_X(self, X: Any, reset: bool) -> np.ndarray:
        if isinstance(X, torch.Tensor):
            X = X.detach().cpu()
        try:
            return validate_data(self, X, reset=reset, dtype=np.float64, order="C", ensure_min_samples=1 + reset)
        except (ValueError, TypeError) as error:
            if "X" in str(error):
                raise
            raise type(error)(f"X: {error}") from error


class Explanation(NamedTuple):
    """What a detector of images makes of n of them, and how far from it they are.

    Attributes
    ----------
    reconstruction : array (n, channels, height, width)
        The image in [-1, 1] that it finds nearest.
    residual : array (n, height, width)
        Each pixel's share of the loss between the two.
    """

    reconstruction: np.ndarray
    residual: np.ndarray


@dataclass(eq=False, repr=False)
class ImageDetector(Detector):
    """A detector that trains networks on images: see `as_images` for what X may be.

    A subclass offers `_explain(X)`, for `explain`: the reconstructions and the loss. Its `_fit` sets `seed_`.

    A score can cost a whole search, so the threshold is set on at most `N_THRESHOLD` training
    images drawn at random; with `contamination=None` none is searched and there is no threshold.
    """

    n_iter: int = 10_000
    _: KW_ONLY
    latent_size: int = 256
    ngf: int = 64
    batch_size: int = 64
    checkpoint: PathLike | None = None
    device: str = "auto"
    verbose: bool = True

    N_THRESHOLD = 200
    _dtype = torch.float32
    _trains = True  # False where a trained network is given
    _cure = "A generator or network that makes one picture of everything is a likely reason: train it for longer."

    def _check_X(self, X: Any, reset: bool) -> torch.Tensor:
        shape = None if reset else self.image_shape_
        images = as_images(X, shape=shape, min_samples=1 + reset)
        if reset:
            self.image_shape_: tuple[int, ...] = tuple(images.shape[1:])
            self.n_features_in_ = images[0].numel()
        return images

    def explain(self, X: Any) -> Explanation:
        """What is anomalous about images: their reconstructions, and the pixels at which they differ.

        ADGAN's reconstruction is made by the adapted generator, at the start with the smallest final loss; AnoGAN's
        at the end of its search; a VAE's from the mean of the posterior. The residual is the detector's loss
        (the squared distance; AnoGAN's, the absolute one) of each pixel alone, summed over channels. ADGAN and
        AnoGAN search for it as long as for scores.

        Returns
        -------
        Explanation

        Raises
        ------
        ValueError
            Where ADGAN's `loss` is no sum over pixels.
        """
        check_is_fitted(self)
        with own_state(self._dtype):
            X = self._check_X(X, reset=False)
            reconstruction, loss = self._explain(X)
            made, asked = (
                images.movedim(1, -1).reshape(-1, images.shape[1], 1, 1)  # of one pixel each
                for images in (torch.as_tensor(reconstruction), X)
            )
            try:
                residual = loss(made, asked).view(len(X), *X.shape[2:])
            except (RuntimeError, IndexError, ValueError) as error:
                raise ValueError(f"explain: loss={loss!r} can't be taken pixel by pixel: {error}") from error
            if not torch.allclose(residual.flatten(1).sum(1), loss(torch.as_tensor(reconstruction), X), rtol=1e-3):
                raise ValueError(f"explain: loss={loss!r} is no sum over pixels, so they have no shares of it.")
            return Explanation(reconstruction, residual.numpy())

    def _seed(self) -> int:
        """The seed of the training and of all that is drawn after it."""
        if self._trains and self.checkpoint is not None and not isinstance(self.random_state, int | np.integer):
            raise ValueError(
                "checkpoint: a training goes on only with the seed that it began with, so random_state must be an "
                f"int; got {self.random_state!r}."
            )
        return seed_from(self.random_state)

    def _set_offset(self, X: Any) -> None:
        if len(X) > self.N_THRESHOLD:
            picked = np.random.RandomState(self.seed_).permutation(len(X))
            X = X[np.sort(picked[: self.N_THRESHOLD])]
        super()._set_offset(X)
        if self._trains and self.checkpoint is not None:
            discard(self.checkpoint)  # kept until now, as the threshold's search can take long, too


def resolve_device(device: str | torch.device) -> torch.device:
    """The torch device for `device`; "auto" is CUDA where there is one, else the CPU.

    Raises ValueError if there is no such device, or if it can't be used here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f'device must be "auto" or a device of torch like "cpu" or "cuda"; got {device!r}.') from error
    try:
        torch.zeros(1, dtype=torch.float32, device=resolved).item()
    except (RuntimeError, AssertionError, ImportError, TypeError) as error:
        why = str(error).split("\n")[0]
        raise ValueError(f'device={device!r} can\'t be used here; use "auto" or "cpu". {why}') from error
    return resolved


@contextmanager
def own_state(dtype: torch.dtype | None = torch.float32) -> Iterator[None]:
    """Torch as a computation here needs it: gradients on, no autocast, this default dtype (None: the caller's).

    What the caller has set of these, and of the default device, does not change results, and is as before in the end.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype or before)
    moved = torch.get_default_device().type != "cpu"
    try:
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False) if torch.cuda.is_available() else nullcontext(),
            torch.device("cpu") if moved else nullcontext(),
        ):
            yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's random numbers on the CPU from this seed on, then the caller's again; one thread at a time."""
    with _SEEDING, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


_SEEDING = threading.RLock()  # the generator is the whole process's


def seed_from(random_state: RandomState) -> int:
    """An int seed from whatever scikit-learn accepts as `random_state`."""
    if isinstance(random_state, (int, np.integer)):
        if not 0 <= random_state < 2**32:
            raise ValueError(f"random_state must lie between 0 and 2**32 - 1; got {random_state}.")
        return int(random_state)
    try:
        return int(check_random_state(random_state).randint(2**31 - 1))
    except ValueError as error:
        raise ValueError(f"random_state must be an int, a RandomState or None; got {random_state!r}.") from error


def standard_normal(n: int, latent_size: int, rng: torch.Generator) -> torch.Tensor:
    """The prior p_z that the ADGAN paper trains and searches with: (n, latent_size) from a torch.Generator."""
    return torch.randn(n, latent_size, generator=rng)


def starting_points(
    image: torch.Tensor, n: int, latent_size: int, prior: Callable[..., torch.Tensor], seed: int
) -> torch.Tensor:
    """Latents (n, latent_size) for one image, drawn from the prior by a seed made of `seed` and its pixels alone."""
    if not callable(prior):
        raise TypeError(f"prior must be a function of n, the latent size and a torch.Generator; got {prior!r}.")
    pixels = ((image + 1) * 127.5).round().to(torch.uint8)  # so that it is one image, as uint8 or as floats
    digest = hashlib.blake2b(pixels.numpy().tobytes(), digest_size=7, key=str(seed).encode()).digest()
    z = prior(n, latent_size, torch.Generator().manual_seed(int.from_bytes(digest, "big")))
    if z.shape != (n, latent_size):
        raise ValueError(f"prior must return latents {(n, latent_size)}; got {tuple(z.shape)}.")
    return z.detach().to("cpu", torch.float32)
