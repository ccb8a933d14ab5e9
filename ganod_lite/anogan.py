"""AnoGAN: the nearest image that a GAN can make, by the eyes of its discriminator too (Schlegl et al. 2017)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import nn
from tqdm import tqdm

from .base import RandomState, own_state, resolve_device, seed_from, standard_normal, starting_points
from .copies import BETAS, Prepared, check_finite, copy_of
from .dcgan import Critic
from .gan import GANDetector
from .images import ImagesLike, as_images
from .losses import l1
from .training import check_number

Features = Callable[[nn.Module, torch.Tensor], torch.Tensor]


@dataclass
class AnoGANResult:
    """What AnoGAN's search found, for n images.

    Attributes
    ----------
    scores : array (n,)
        The loss after the last step, the anomaly score.
    residual, discrimination : arrays (n,)
        Its two parts, without their weights.
    z : array (n, latent_size)
        The final latents.
    nearest : array (n, channels, height, width)
        The images that the generator makes of them.
    """

    scores: np.ndarray
    residual: np.ndarray
    discrimination: np.ndarray
    z: np.ndarray
    nearest: np.ndarray


def last_hidden_layer(critic: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """What a `dcgan.Critic` hands to its last convolution: (m, c, h, w) -> (m, width, 4, 4)."""
    if not isinstance(critic, Critic):
        raise TypeError(f"features must be given for a critic other than dcgan.Critic; got {type(critic).__name__}.")
    return nn.Sequential(*list(critic)[:-2])(images)


@own_state()
def anogan_search(
    generator: nn.Module,
    critic: nn.Module,
    x: ImagesLike,
    *,
    n_steps: int = 500,
    discrimination_weight: float = 0.1,
    lr_z: float = 0.03,
    features: Features = last_hidden_layer,
    latent_size: int | None = None,
    random_state: RandomState = None,
    device: str | torch.device = "auto",
    chunk_size: int = 128,
    verbose: bool = True,
) -> AnoGANResult:
    """Search the generator's latent space for each image: section 2.2 of the AnoGAN paper, batched.

    From one point of the standard normal prior, n_steps of Adam on z alone lower, for each image, (1 - lambda)
    sum `|x - G(z)|` + lambda sum `|f(x) - f(G(z))|`, the residual and the discrimination loss, where f is an
    inner layer of the critic. Its value at the end is the anomaly score. Steps and lambda are the paper's.

    Absolute values have kinks, at which the search magnifies rounding: over 500 steps the last bit of a
    float grows to some 2 % of a score (median; up to 25 %). On a CPU with one thread scores are the same
    bits whatever else is searched in whatever chunks; threads, a GPU or another machine may round otherwise.

    Parameters
    ----------
    generator, critic : torch.nn.Module
        Trained, the generator as in `latent_search`. Neither is changed nor put in another mode: copies are
        searched, frozen and in evaluation mode.
    x, latent_size, random_state, device, verbose
        As in `latent_search`, whose errors it raises.
    n_steps : int, default 500
    discrimination_weight : float in [0, 1], default 0.1
        Lambda.
    lr_z : float, default 0.03
        Adam's step size, with betas (0.5, 0.999). The paper gives none. Of 0.01, 0.03, 0.1 and 0.25 the default
        leaves the lowest loss on normal training images of digits after 500 steps (after 100 steps 0.1 is as
        good).
    features : callable, default `last_hidden_layer`
        f, which maps the critic and images (m, channels, height, width) to features (m, ...). The paper says
        "an intermediate layer"; the default is the last one of a `dcgan.Critic`.
    chunk_size : int, default 128
        How many images are searched at one time.

    Returns
    -------
    AnoGANResult
    """
    images, seed = _whole_pixels(as_images(x, name="x")), seed_from(random_state)
    prepared, features_of = prepare_search(
        generator, critic, images, n_steps, discrimination_weight, lr_z, features, latent_size, device, chunk_size
    )
    z = torch.cat([starting_points(image, 1, prepared.latent_size, standard_normal, seed) for image in images])
    losses = torch.empty(2, len(images), dtype=torch.float64)  # residual, discrimination
    nearest = torch.empty_like(images)
    weights = torch.tensor([1 - discrimination_weight, discrimination_weight], dtype=torch.float64)
    with tqdm(total=len(images), unit="image", desc="AnoGAN search", disable=not verbose) as bar:
        for start in range(0, len(images), chunk_size):
            part = slice(start, start + chunk_size)
            found = _search(prepared, features_of, images[part], z[part], n_steps, weights, lr_z)
            losses[:, part], z[part], nearest[part] = found
            bar.update(len(images[part]))
    scores = weights @ losses
    advice = f"Check the weights of the generator and the critic, or lower lr_z (got {lr_z})."
    check_finite("anogan_search", scores, advice)
    return AnoGANResult(*(values.numpy() for values in (scores, *losses, z, nearest)))


def prepare_search(
    generator: nn.Module,
    critic: nn.Module,
    images: torch.Tensor,
    n_steps: int,
    discrimination_weight: float,
    lr_z: float,
    features: Features,
    latent_size: int | None,
    device: str | torch.device,
    chunk_size: int,
) -> tuple[Prepared, Callable[[torch.Tensor], torch.Tensor]]:
    """Check all that `anogan_search` can check before it searches; return the generator and f, both prepared."""
    check_scalar(n_steps, "n_steps", Integral, min_val=0)
    check_number("discrimination_weight", discrimination_weight, max_val=1)
    check_number("lr_z", lr_z)
    check_scalar(chunk_size, "chunk_size", Integral, min_val=1)
    if not isinstance(critic, nn.Module):
        raise TypeError(f"critic must be a torch.nn.Module; got {critic!r}.")
    if not callable(features):
        raise TypeError(f"features must be a function of the critic and images; got {features!r}.")
    prepared = Prepared(generator, latent_size, resolve_device(device))
    prepared.check(images)
    prepared.check_independent()
    critic = copy_of("critic", critic).to(prepared.device, prepared.dtype).eval().requires_grad_(False)
    x = images[:1].to(prepared.device, prepared.dtype)
    try:
        found = features(critic, x)
    except RuntimeError as error:
        raise ValueError(f"critic: it takes no images of shape {tuple(images.shape[1:])}: {error}") from error
    if found.ndim < 2 or len(found) != 1:
        raise ValueError(f"features must return one row per image, (1, ...) for one; got {tuple(found.shape)}.")
    beside = features(critic, torch.cat([x, -x]))[:1]
    if (beside - found).norm() > 1e-2 * found.norm():
        raise ValueError(
            "critic: the features of an image depend on the images beside it, so a score would depend on what else is "
            "searched. Let its normalisation keep running statistics."
        )
    return prepared, partial(features, critic)


def _whole_pixels(images: torch.Tensor) -> torch.Tensor:
    """Pixels that came from uint8 as one float each: rounding elsewhere must not show in the scores."""
    whole = ((images + 1) * 127.5).round() / 127.5 - 1
    return torch.where((images - whole).abs() < 1e-6, whole, images)


def _search(
    generator: Prepared,
    features_of: Callable[[torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    z: torch.Tensor,
    n_steps: int,
    weights: torch.Tensor,
    lr_z: float,
) -> tuple[torch.Tensor, ...]:
    """The search for m images at once: x (m, channels, height, width), z (m, latent_size).

    Returns the losses (2, m), residual and discrimination, the final z and the final images. The loss is summed over
    images and Adam works element by element, so each latent goes its own way.
    """
    like: Any = {"device": generator.device, "dtype": generator.dtype}
    x, weights = x.to(**like), weights.to(**like)
    z = z.to(**like, copy=True).requires_grad_()
    adam = torch.optim.Adam([z], lr=float(lr_z), betas=BETAS, fused=True)
    with torch.no_grad():
        features_of_x = features_of(x)
    for t in range(n_steps + 1):
        with torch.set_grad_enabled(bool(t < n_steps)):
            generated = generator(z)
            losses = torch.stack([l1(generated, x), l1(features_of(generated), features_of_x)])
        if t < n_steps:
            adam.zero_grad()
            (weights @ losses).sum().backward()
            adam.step()
    return losses.cpu(), z.detach().cpu(), generated


@dataclass(eq=False, repr=False, kw_only=True)
class AnoGAN(GANDetector):
    """The AnoGAN detector: a GAN trained on normal images, then `anogan_search` for each image to score.

    X is images as `as_images` takes them: square, of 8, 16, 32, 64, ... pixels.

    Parameters
    ----------
    n_iter : int, default 10,000
        Generator steps of the training.
    latent_size, ngf, batch_size, objective
        The training, as in `ADGAN`, but for the objective, whose default is the paper's "gan". The networks are
        DCGAN's, as Deecke et al. 2018 have them where they compare AnoGAN with ADGAN.
    generator, critic : torch.nn.Module or None, default None
        Trained networks to search instead, both or neither, as `anogan_search` takes them; `fit` then only sets
        the threshold.
    n_steps, discrimination_weight, lr_z, features, chunk_size
        The search, see `anogan_search`.
    contamination, random_state, checkpoint, device, verbose
        As in `ADGAN`.

    Attributes
    ----------
    generator_, critic_ : torch.nn.Module
        The networks that are searched.
    critic_loss_, generator_loss_ : list of float
        A value per training step; empty where the networks were given.
    offset_, image_shape_, n_features_in_
        As ADGAN's.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.RandomState(0).randint(256, size=(20, 8, 8)).astype(np.uint8)
    >>> detector = AnoGAN(3, latent_size=4, ngf=4, n_steps=2, random_state=0, verbose=False).fit(X)
    >>> detector.anomaly_score(X).shape
    (20,)
    """

    objective: str = "gan"
    critic: torch.nn.Module | None = None
    n_steps: int = 500
    discrimination_weight: float = 0.1
    lr_z: float = 0.03
    features: Features = last_hidden_layer
    chunk_size: int = 128

    SEARCH = ("n_steps", "discrimination_weight", "lr_z", "features", "chunk_size")

    def _fit(self, X: torch.Tensor, y: Any) -> None:
        if (self.generator is None) != (self.critic is None):
            given, missing = ("critic", "generator") if self.generator is None else ("generator", "critic")
            raise ValueError(f"generator and critic: give both or neither; got a {given} and no {missing}.")
        super()._fit(X, y)

    def _prepare_search(self, generator: nn.Module, critic: nn.Module, X: torch.Tensor) -> None:
        prepare_search(generator, critic, X[:1], **self._search_options(generator))

    def search(self, X: ImagesLike) -> AnoGANResult:
        """The search behind the scores of X, as an AnoGANResult."""
        check_is_fitted(self)
        networks, options = (self.generator_, self.critic_), self._search_options(self.generator_)
        return anogan_search(*networks, X, random_state=self.seed_, verbose=self.verbose, **options)

    def _explain(self, X: Any) -> Any:
        return self.search(X).nearest, l1
