"""DCAE and VAE, the autoencoders that ADGAN is measured against (Deecke et al. 2018, section 4.2).

Both are DCGAN's shape there and back: an encoder of strided convolutions and the generator as the
decoder, with batch normalisation and ReLU in each layer.
"""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from .base import (
    ImageDetector,
    RandomState,
    own_state,
    resolve_device,
    seed_from,
    seeded,
    standard_normal,
    starting_points,
)
from .dcgan import Encoder, Generator
from .gan import DCGAN_ADAM
from .images import ImagesLike, PathLike, as_images
from .losses import squared_l2
from .training import Training, check_counts, digest_of

ADAM = DCGAN_ADAM["settings"]
CHUNK = 64  # images that pass through the networks together once they are trained
# The likelihood is no sharper than the rounding to 8 bits: the variance of a uniform error one grey level wide.
MIN_VARIANCE = (2 / 255) ** 2 / 12


class Autoencoder(nn.Module):
    """Encoder and decoder; called on images (n, channels, size, size) it gives their reconstructions.

    Of a DCAE the encoder gives a latent (n, latent_size). Of a VAE it gives the mean and the log
    variance of the approximate posterior, a Gaussian with diagonal covariance, under a standard
    normal prior; the reconstruction is that of the mean. So a VAE's `decoder` is a generator that
    `latent_search` can search as it is.

    `Autoencoder(**model.arguments)` takes the state_dict of `model`. `variance` (a VAE's buffer) is
    the variance of the Gaussian likelihood of a pixel; `loss` the training loss of each step and
    `seconds` the training's time, where it was trained here.
    """

    variance: torch.Tensor

    def __init__(
        self,
        image_shape: tuple[int, ...] = (1, 32, 32),
        latent_size: int = 256,
        ngf: int = 64,
        variational: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(image_shape, 2 * latent_size if variational else latent_size, ngf)
        self.decoder = Generator(image_shape, latent_size, ngf)
        if variational:
            self.register_buffer("variance", torch.ones(()))
        self.variational = variational
        self.arguments = {**self.decoder.arguments, "variational": variational}
        self.loss: list[float] = []
        self.seconds: float | None = None

    def posterior(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A VAE's posterior of the latents of images: mean and log variance, (n, latent_size) each."""
        return self.encoder(x).chunk(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.posterior(x)[0] if self.variational else self.encoder(x))


@own_state()
def train_autoencoder(
    images: ImagesLike,
    seed: int,
    *,
    variational: bool,
    n_steps: int,
    latent_size: int = 256,
    ngf: int = 64,
    batch_size: int = 64,
    device: str | torch.device = "auto",
    checkpoint: PathLike | None = None,
    checkpoint_seconds: float = 60,
    stop_at: float | None = None,
    verbose: bool = True,
    keep: bool = False,
) -> Autoencoder:
    """Train a DCAE, or with `variational` a VAE (Kingma & Welling 2014).

    The loss is a mean over the batch: of a DCAE the squared L2 distance of reconstruction and image,
    summed over pixels, as in ADGAN; of a VAE the negative ELBO in nats, of one posterior sample per
    image. Its likelihood, which the paper does not name, is a Gaussian with one variance for all
    pixels, at its analytic optimum: the mean squared error per pixel, in training of the batch
    (Rybkin et al. 2021, sigma-VAE, 4), at last of all training images, which is kept as `variance`.
    There is nothing to tune. A fixed unit variance is too wide for pixels in [-1, 1], and most of the
    posterior collapses to the prior: on scikit-learn's digits 0 and 8 (1,000 steps, ngf 16) 3 to 6 of 256
    latent dimensions stay in use, and held-out normal images are reconstructed at 59 to 74% of their squared
    distance to the training mean, against 15 to 16% with this variance.

    Parameters
    ----------
    images : images
        As `as_images` takes them.
    seed : int
    variational : bool
    n_steps : int
        Steps of Adam with DCGAN's settings; the paper names no optimiser.
    latent_size, ngf, batch_size, device, checkpoint, checkpoint_seconds, stop_at, verbose, keep
        As in `gan.train_gans`, whose errors it raises.

    Returns
    -------
    Autoencoder
        In evaluation mode, on the CPU.
    """
    training = AutoencoderTraining(images, seed, variational, n_steps, latent_size, ngf, batch_size, device)
    return training.run(checkpoint, checkpoint_seconds, stop_at, verbose, keep)


class AutoencoderTraining(Training):
    """The training behind `train_autoencoder`, whose arguments it has."""

    advice = "Try another seed or a larger batch_size."

    def __init__(
        self,
        images: ImagesLike,
        seed: int,
        variational: bool,
        n_steps: int,
        latent_size: int,
        ngf: int,
        batch_size: int,
        device: str | torch.device,
    ) -> None:
        check_counts(n_steps=n_steps, latent_size=latent_size, ngf=ngf, batch_size=batch_size)
        images, seed, device = as_images(images, min_samples=2, name="images"), int(seed), resolve_device(device)
        with seeded(seed):
            self.model = Autoencoder(tuple(images.shape[1:]), latent_size, ngf, variational)
        self.model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        arguments = {  # all that the result depends on
            "images": digest_of(images), "seed": seed, "n_steps": n_steps, "batch_size": batch_size,
            "device": device.type, **self.model.arguments,
        }  # fmt: skip
        self.images, self.batch_size = images.to(device), batch_size
        self.adam = torch.optim.Adam(self.model.parameters(), **ADAM)
        self.rng = torch.Generator(device).manual_seed(seed)
        kind, parts = "VAE" if variational else "DCAE", [self.model, self.adam]
        super().__init__(kind, ("loss",), n_steps, [seed], arguments, parts, [self.rng], device)

    def block(self, n_steps: int) -> torch.Tensor:
        size = self.batch_size
        options: Any = {"generator": self.rng, "device": self.device}
        return torch.stack([self._step(batch) for batch in torch.randint(len(self.images), (n_steps, size), **options)])

    def _step(self, batch: torch.Tensor) -> torch.Tensor:
        """One step of Adam on the images with these indices (batch_size,); returns the loss (1, 1)."""
        loss = self.loss(self.images[batch], self.rng)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return loss.detach().reshape(1, 1)

    def loss(self, x: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """The mean loss of images x (batch, channels, height, width): see `train_autoencoder`."""
        x = x.contiguous(memory_format=torch.channels_last)
        if not self.model.variational:
            return squared_l2(self.model(x), x).mean()
        noise = torch.randn(len(x), 1, self.model.decoder.latent_size, generator=rng, device=self.device)
        error, divergence = _elbo_terms(self.model, x, noise)
        return _negative_elbo(error, divergence, _best_variance(error, x), x).mean()

    def finish(self) -> Autoencoder:
        model = self.model.eval()
        if model.variational:
            model.variance.copy_(_variance_on(model, self.images, self.rng))
        model.loss, model.seconds = torch.tensor(self.losses).flatten().tolist(), self.seconds
        return model.to(device="cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]


@own_state()
def autoencoder_scores(
    model: Autoencoder,
    x: ImagesLike,
    *,
    n_samples: int = 8,
    random_state: RandomState = None,
    device: str | torch.device = "auto",
    verbose: bool = True,
) -> np.ndarray:
    """Anomaly scores of images under a trained autoencoder.

    Parameters
    ----------
    model : Autoencoder
        It is not changed.
    x : images
        As `as_images` takes them, of the size that the model was trained on.
    n_samples : int, default 8
        Of a VAE's posterior.
    random_state : int, RandomState or None, default None
        The samples of an image depend on it and on the image's own pixels, so up to rounding its scores do not
        depend on what else is scored.
    device, verbose
        As in `train_autoencoder`.

    Returns
    -------
    array (n,)
        Higher for what is more anomalous. Of a DCAE the squared L2 distance of image and reconstruction, summed over
        pixels; of a VAE the negative ELBO in nats, its likelihood the mean over n_samples of the posterior.

    Raises
    ------
    ValueError, TypeError
        For arguments that do not fit.
    FloatingPointError
        If a score is not finite.
    """
    check_counts(n_samples=n_samples)
    images = as_images(x, shape=model.arguments["image_shape"], name="x")
    seed, device = seed_from(random_state), resolve_device(device)
    model = copy.deepcopy(model).to(device).eval()
    parts = []
    with tqdm(total=len(images), unit="image", desc="scores", disable=not verbose) as bar:
        for part in images.split(CHUNK):
            parts.append(_scores(model, part, n_samples, seed, device))
            bar.update(len(part))
    scores = torch.cat(parts).double().cpu().numpy()
    if not np.isfinite(scores).all():
        raise FloatingPointError("autoencoder_scores: a score is not finite. Check the weights of the model.")
    return scores


@torch.no_grad()
def _scores(
    model: Autoencoder, images: torch.Tensor, n_samples: int, seed: int, device: str | torch.device
) -> torch.Tensor:
    x = images.to(device)
    if not model.variational:
        return squared_l2(model(x), x)
    latent_size = model.decoder.latent_size
    noise = torch.stack([starting_points(image, n_samples, latent_size, standard_normal, seed) for image in images])
    return _negative_elbo(*_elbo_terms(model, x, noise.to(device)), model.variance, x)


def _elbo_terms(model: Autoencoder, x: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What the ELBO of images x is made of, with noise (n, n_samples, latent_size) from a standard normal.

    Returns the squared L2 distance of x and the decoded samples, their mean (n,), and the
    divergence KL(posterior || prior) (n,).
    """
    mean, log_variance = model.posterior(x)
    z = mean[:, None] + (log_variance / 2).exp()[:, None] * noise
    decoded = model.decoder(z.flatten(0, 1))
    error = squared_l2(decoded, x.repeat_interleave(noise.shape[1], 0)).view(noise.shape[:2]).mean(1)
    divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
    return error, divergence


def _negative_elbo(
    error: torch.Tensor, divergence: torch.Tensor, variance: torch.Tensor, x: torch.Tensor
) -> torch.Tensor:
    """The negative ELBO (n,) in nats of images x, from `_elbo_terms` and the likelihood's variance."""
    n_pixels = x[0].numel()
    return error / (2 * variance) + n_pixels / 2 * (2 * math.pi * variance).log() + divergence


def _best_variance(error: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The variance of maximal likelihood for images x, whose squared L2 distances are `error` (n,)."""
    return (error.detach().mean() / x[0].numel()).clamp(min=MIN_VARIANCE)


@torch.no_grad()
def _variance_on(model: Autoencoder, images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """`_best_variance` for all images, with one posterior sample each."""
    errors = []
    for x in images.split(CHUNK):
        noise = torch.randn(len(x), 1, model.decoder.latent_size, generator=rng, device=x.device)
        errors.append(_elbo_terms(model, x, noise)[0])
    return _best_variance(torch.cat(errors), images)


@dataclass(eq=False, repr=False)
class DCAE(ImageDetector):
    """A deep convolutional autoencoder: what it reconstructs badly is anomalous (Deecke et al. 2018, 4.2).

    X is images as `as_images` takes them: square, of 8, 16, 32, 64, ... pixels.

    Parameters
    ----------
    n_iter, latent_size, ngf, batch_size : int, default 10,000, 256, 64 and 64
        The training, see `train_autoencoder`. The paper gives none of the sizes.
    contamination, random_state, checkpoint, device, verbose
        As in `ADGAN`.

    Attributes
    ----------
    network_ : Autoencoder
        The trained encoder and decoder.
    loss_ : list of float
        A value per training step.
    offset_, image_shape_, n_features_in_
        As ADGAN's.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.RandomState(0).randint(256, size=(20, 8, 8)).astype(np.uint8)
    >>> detector = DCAE(3, latent_size=4, ngf=4, random_state=0, verbose=False).fit(X)
    >>> detector.anomaly_score(X).shape
    (20,)
    """

    N_THRESHOLD = 5000  # a score is one pass through the networks
    _variational = False

    def _fit(self, X: torch.Tensor, y: Any) -> None:
        check_counts(n_iter=self.n_iter)
        self.seed_ = self._seed()
        sizes = self.latent_size, self.ngf, self.batch_size
        training = AutoencoderTraining(X, self.seed_, self._variational, self.n_iter, *sizes, self.device)
        self.network_ = training.run(self.checkpoint, verbose=self.verbose, keep=True)
        self.loss_ = self.network_.loss

    def _anomaly_score(self, X: torch.Tensor) -> np.ndarray:
        return autoencoder_scores(self.network_, X, random_state=self.seed_, device=self.device, verbose=self.verbose)

    def _explain(self, X: Any) -> Any:
        device = resolve_device(self.device)
        network = copy.deepcopy(self.network_).to(device).eval()
        with torch.no_grad():
            return torch.cat([network(x.to(device)).cpu() for x in X.split(CHUNK)]).numpy(), squared_l2


@dataclass(eq=False, repr=False, kw_only=True)
class VAE(DCAE):
    """A variational autoencoder (Deecke et al. 2018, 4.2); the anomaly score is the negative ELBO.

    Parameters
    ----------
    n_iter, latent_size, ngf, batch_size, contamination, random_state, checkpoint, device, verbose
        As in `DCAE`, whose attributes it has.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.RandomState(0).randint(256, size=(20, 8, 8)).astype(np.uint8)
    >>> detector = VAE(3, latent_size=4, ngf=4, random_state=0, verbose=False).fit(X)
    >>> detector.predict(X).shape
    (20,)
    """

    _variational = True
