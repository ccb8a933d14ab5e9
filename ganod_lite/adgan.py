"""ADGAN: anomaly detection by searching a generator's latent space (Deecke et al. 2018, algorithm 1)."""

import hashlib
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted
from torch.nn import functional as F
from tqdm import tqdm

from .base import as_images, resolve_device, seed_from
from .copies import Prepared, copies_of
from .gan import GANDetector


@dataclass
class SearchResult:
    """What a latent search found, for n images and n_seeds starting points each.

    scores (n,): the mean over seeds of the final losses, ADGAN's anomaly score.
    losses (n, n_seeds): the loss after the last step.
    losses_by_step (n, n_seeds, n_steps + 1): the loss before the first step, ..., after the last.
    z (n, n_seeds, latent_size): the final latents.
    """

    losses_by_step: np.ndarray
    z: np.ndarray

    @property
    def losses(self):
        return self.losses_by_step[:, :, -1]

    @property
    def scores(self):
        return self.losses.mean(1)

    @property
    def prior_scores(self):
        """(n,): the mean over seeds of -log p_z of the final latents, for a standard normal prior (section 3.2)."""
        return (self.z**2 + np.log(2 * np.pi)).sum(2).mean(1) / 2


def squared_l2(generated, x):
    """Squared L2 distance, summed over channels and pixels: (m, c, h, w), (m, c, h, w) -> (m,)."""
    return (generated - x).square().flatten(1).sum(1)


def laplacian_pyramid(generated, x):
    """Laplacian pyramid loss (the paper's outlook; Ling and Okada 2006): (m, c, h, w), (m, c, h, w) -> (m,).

    The L1 distance of each level of the two pyramids, the j-th from the finest weighed by 4^j, which
    is what one of its pixels covers. Being linear, the pyramid of the difference is the difference of
    the pyramids. Levels are halved by a 5-tap binomial filter down to 4 x 4 pixels.
    """
    level, total, weight = generated - x, 0, 1
    while min(level.shape[2:]) >= 8:
        coarse = _blur(level)[:, :, ::2, ::2]
        expanded = _blur(F.interpolate(coarse, size=level.shape[2:], mode="nearest"))
        total = total + weight * (level - expanded).abs().flatten(1).sum(1)
        level, weight = coarse, 4 * weight
    return total + weight * level.abs().flatten(1).sum(1)


def _blur(images):
    """Images under the binomial filter (1, 4, 6, 4, 1) / 16 along both axes, edges repeated."""
    channels = images.shape[1]
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=images.dtype, device=images.device) / 16
    kernel = torch.outer(taps, taps).expand(channels, 1, 5, 5)
    return F.conv2d(F.pad(images, (2, 2, 2, 2), mode="replicate"), kernel, groups=channels)


def standard_normal(n, latent_size, draw):
    """The prior p_z that the paper trains and searches with: (n, latent_size) from a torch.Generator."""
    return torch.randn(n, latent_size, generator=draw)


def latent_search(
    generator,
    x,
    *,
    n_seeds=64,
    n_steps=5,
    lr_z=0.25,
    lr_theta=5e-5,
    theta_per="seed",
    loss=squared_l2,
    prior=standard_normal,
    latent_size=None,
    random_state=None,
    device="auto",
    max_memory=None,
    verbose=True,
):
    """Search the generator's latent space for each image: algorithm 1 of the ADGAN paper, batched.

    Each of n_seeds starting points of each image has its own latent z and its own copy of all the
    generator's parameters theta, reset to the trained values; n_steps of Adam move both. The
    defaults are the paper's (section 4.2 and its footnote 9).

    generator: any differentiable torch.nn.Module that maps (m, latent_size) or (m, latent_size, 1, 1)
        to images (m, channels, height, width). It is neither changed nor put in another mode. It is
        searched in evaluation mode: BatchNorm normalises with its running statistics, as in a batch
        of one (which is what algorithm 1 feeds it) it would otherwise erase the very image it is
        looking for, and its statistics would drift from search to search. BatchNorm's scale and
        shift are parameters, so they adapt with the rest.
    x: images (n, channels, height, width) in [-1, 1], or uint8; see `as_images`.
    lr_z, lr_theta: Adam's step sizes for z and theta, both with betas (0.5, 0.999).
        lr_theta=0 leaves theta as trained (an ablation), at a fraction of the cost.
    theta_per: "seed" is algorithm 1; "image" (an ablation) lets the seeds of an image share one copy
        of theta, which follows the gradient of their summed loss.
    loss: maps generated images and x, (m, channels, height, width) each, to losses (m,).
    prior: maps (n, latent_size, torch.Generator) to n latents; what the generator was trained with.
    latent_size: needed where the generator has no attribute of that name.
    random_state: the starting points of an image depend on it and on the image's own pixels, and on
        nothing else. So a score is the same whatever else is searched, in whatever order.
    max_memory: bytes that the generator and the copies searched at one time may take, with their
        optimiser and activations. The result comes on top, in main memory. Default: half of what is
        free on a GPU, a size that suits the caches on a CPU. Running out of GPU memory halves it.

    Returns a SearchResult. Raises ValueError or TypeError for arguments that do not fit and
    FloatingPointError if a loss stops being finite.

    Cost: with P parameters a seed-step of dense copies moves about 40 P bytes (forward and backward read
    theta, backward writes its gradient, Adam reads four and writes three arrays of that size) and does
    some 6 operations per parameter and position it is used at. It is bound by memory, not by
    arithmetic. The first layer of a DCGAN-like generator, most of P, needs but 16 bytes, as its gradient
    and moments are outer products of vectors: see `copies.OuterProducts`, and the page "What a search
    costs" of the book. Where much is to be searched its update is compiled, if that can be done here.
    """
    check_scalar(n_seeds, "n_seeds", Integral, min_val=1)
    check_scalar(n_steps, "n_steps", Integral, min_val=0)
    check_scalar(lr_z, "lr_z", Real, min_val=0)
    check_scalar(lr_theta, "lr_theta", Real, min_val=0)
    if theta_per not in ("seed", "image"):
        raise ValueError(f"theta_per must be 'seed' or 'image'; got {theta_per!r}.")
    images = as_images(x, name="x")
    prepared = Prepared(generator, latent_size, resolve_device(device))
    prepared.check(images)
    seed = seed_from(random_state)
    z = torch.stack([_starts(image, n_seeds, prepared.latent_size, prior, seed) for image in images])
    n_rows = n_seeds if theta_per == "image" else 1  # latents that share one copy of theta
    z = z.reshape(-1, n_rows, prepared.latent_size)
    losses = torch.empty(len(z), n_rows, n_steps + 1)

    copies = copies_of(prepared, lr_z, lr_theta, n_steps, len(z))
    chunk, start = min(copies.how_many(n_rows, images[:1], loss, max_memory), len(z)), 0
    with tqdm(total=len(images), unit="image", desc="latent search", disable=not verbose) as bar:
        while start < len(z):
            part = slice(start, start + chunk)
            owner = torch.arange(len(z))[part] * n_rows // n_seeds
            try:
                found = _search(copies, images[owner], z[part], n_steps, loss)
            except torch.OutOfMemoryError:
                if chunk == 1:
                    raise
                chunk = (chunk + 1) // 2
                continue
            losses[part], z[part] = found
            start += chunk
            bar.update(min(start, len(z)) * n_rows // n_seeds - bar.n)
    if not torch.isfinite(losses).all():
        bad = (~torch.isfinite(losses.reshape(len(images), -1))).any(1).nonzero().flatten().tolist()
        raise FloatingPointError(
            f"latent_search: the loss stopped being finite for {len(bad)} of {len(images)} images, the first at "
            f"index {bad[0]}. Check the generator's weights, or lower lr_z (got {lr_z}) or lr_theta (got {lr_theta})."
        )
    return SearchResult(
        losses.reshape(len(images), n_seeds, n_steps + 1).double().numpy(),
        z.reshape(len(images), n_seeds, -1).numpy(),
    )


@torch.enable_grad()
def _search(copies, x, z, n_steps, loss):
    """Algorithm 1's inner loop for c copies of theta, each with r latents, all at once.

    x (c, channels, height, width), z (c, r, latent_size); returns the losses (c, r, n_steps + 1)
    and the final z.
    """
    c, r, _ = z.shape
    x = x.to(copies.generator.device, copies.generator.dtype).repeat_interleave(r, 0)
    z = copies.start(z)
    losses = []
    for t in range(n_steps + 1):
        with torch.set_grad_enabled(bool(t < n_steps)):
            losses.append(loss(copies.generate(z).flatten(0, 1), x))
        if t < n_steps:
            losses[t].sum().backward()
            copies.step()
    return torch.stack(losses, 1).detach().view(c, r, -1).cpu(), z.detach().cpu()


def _starts(image, n_seeds, latent_size, prior, seed):
    """The starting points of one image (n_seeds, latent_size), drawn from a seed made of its pixels."""
    pixels = ((image + 1) * 127.5).round().to(torch.uint8)  # so that it is one image, as uint8 or as floats
    digest = hashlib.blake2b(pixels.numpy().tobytes(), digest_size=7, key=str(seed).encode()).digest()
    draw = torch.Generator().manual_seed(int.from_bytes(digest, "big"))
    z = prior(n_seeds, latent_size, draw)
    if z.shape != (n_seeds, latent_size):
        raise ValueError(f"prior must return latents {(n_seeds, latent_size)}; got {tuple(z.shape)}.")
    return z


class ADGAN(GANDetector):
    """The ADGAN detector: a WGAN trained on normal images, then `latent_search` for each image to score.

    X is images as `as_images` takes them: square, of 8, 16, 32, 64, ... pixels.

    n_iter, latent_size, ngf, batch_size, objective: the training, see `train_gans` (n_iter is its
        n_steps). The paper gives neither the number of steps nor the batch size.
    generator: a trained generator to search instead, any module that `latent_search` takes; `fit`
        then only sets the threshold.
    n_seeds, n_steps, lr_z, lr_theta, loss, max_memory: the search, see `latent_search`.
    contamination: the share of training images that `predict` is to call outliers, or None for no
        threshold, which saves searching the images it is set on.

    After `fit`: `generator_`, `critic_` (None where the generator was given), `critic_loss_` and
    `generator_loss_` (per training step), `offset_`, `image_shape_`, `n_features_in_`.
    """

    def __init__(
        self,
        n_iter=10_000,
        *,
        latent_size=256,
        ngf=64,
        batch_size=64,
        objective="wgan",
        generator=None,
        n_seeds=64,
        n_steps=5,
        lr_z=0.25,
        lr_theta=5e-5,
        loss=squared_l2,
        contamination=0.1,
        random_state=None,
        device="auto",
        max_memory=None,
        verbose=True,
    ):
        self.n_iter = n_iter
        self.latent_size = latent_size
        self.ngf = ngf
        self.batch_size = batch_size
        self.objective = objective
        self.generator = generator
        self.n_seeds = n_seeds
        self.n_steps = n_steps
        self.lr_z = lr_z
        self.lr_theta = lr_theta
        self.loss = loss
        self.contamination = contamination
        self.random_state = random_state
        self.device = device
        self.max_memory = max_memory
        self.verbose = verbose

    def search(self, X):
        """The latent search behind the scores of X, as a SearchResult."""
        check_is_fitted(self)
        return latent_search(
            self.generator_,
            X,
            n_seeds=self.n_seeds,
            n_steps=self.n_steps,
            lr_z=self.lr_z,
            lr_theta=self.lr_theta,
            loss=self.loss,
            latent_size=getattr(self.generator_, "latent_size", self.latent_size),
            random_state=self.seed_,
            device=self.device,
            max_memory=self.max_memory,
            verbose=self.verbose,
        )
