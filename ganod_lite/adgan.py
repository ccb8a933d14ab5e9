"""ADGAN: anomaly detection by searching a generator's latent space (Deecke et al. 2018, algorithm 1)."""

import copy
import hashlib
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.func import functional_call, vmap
from torch.nn import functional as F
from tqdm import tqdm

from .base import as_images, resolve_device, seed_from
from .gan import GANDetector

# What a chunk of copies may take where `max_memory` is not given. On a CPU small chunks spend their time
# on calls and large ones leave the caches; on a GPU a chunk should fill the machine.
CPU_CHUNK_BYTES = 128 * 2**20
GPU_SHARE_OF_FREE_MEMORY = 0.5
# Bytes of activations, columns and their gradients at the peak, per byte that autograd keeps of them.
ACTIVATIONS = 6


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

    Cost: with P parameters a seed-step moves about 40 P bytes (forward and backward read theta,
    backward writes its gradient, Adam reads four and writes three arrays of that size) and does
    some 6 operations per parameter and position it is used at. It is bound by memory, not by
    arithmetic: see the page "What a search costs" of the book.
    """
    check_scalar(n_seeds, "n_seeds", Integral, min_val=1)
    check_scalar(n_steps, "n_steps", Integral, min_val=0)
    check_scalar(lr_z, "lr_z", Real, min_val=0)
    check_scalar(lr_theta, "lr_theta", Real, min_val=0)
    if theta_per not in ("seed", "image"):
        raise ValueError(f"theta_per must be 'seed' or 'image'; got {theta_per!r}.")
    images = as_images(x, name="x")
    copies = _Copies(generator, latent_size, resolve_device(device), frozen=lr_theta == 0)
    if copies.image_shape != images.shape[1:]:
        raise ValueError(
            f"x: the generator makes images of shape {tuple(copies.image_shape)} (channels, height, "
            f"width); got {tuple(images.shape[1:])}."
        )
    seed = seed_from(random_state)
    z = torch.stack([_starts(image, n_seeds, copies.latent_size, prior, seed) for image in images])
    n_rows = n_seeds if theta_per == "image" else 1  # latents that share one copy of theta
    z = z.reshape(-1, n_rows, copies.latent_size)
    losses = torch.empty(len(z), n_rows, n_steps + 1)

    chunk, start = min(copies.how_many(n_rows, images[:1], loss, max_memory), len(z)), 0
    with tqdm(total=len(images), unit="image", desc="latent search", disable=not verbose) as bar:
        while start < len(z):
            part = slice(start, start + chunk)
            owner = torch.arange(len(z))[part] * n_rows // n_seeds
            try:
                found = _search(copies, images[owner], z[part], n_steps, lr_z, lr_theta, loss)
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
def _search(copies, x, z, n_steps, lr_z, lr_theta, loss):
    """Algorithm 1's inner loop for c copies of theta, each with r latents, all at once.

    x (c, channels, height, width), z (c, r, latent_size); returns the losses (c, r, n_steps + 1)
    and the final z. Adam works element by element, so on stacked parameters it is Adam on each.
    """
    c, r, _ = z.shape
    x = x.to(copies.device, copies.dtype).repeat_interleave(r, 0)
    z, theta, adam = copies.start(z, lr_z, lr_theta)
    fresh = [leaf for leaf in (z, *theta) if leaf.grad is None]  # whose gradients each step makes anew
    losses = []
    for t in range(n_steps + 1):
        with torch.set_grad_enabled(bool(t < n_steps)):
            losses.append(loss(copies.generate(theta, z).flatten(0, 1), x))
        if t < n_steps:
            losses[t].sum().backward()
            adam.step()
            for leaf in fresh:
                leaf.grad = None
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


class _Copies:
    """Copies of a generator's parameters, and the generator as a function of them.

    `make(c)` gives c copies of theta as a list of tensors (c, ...); `generate(theta, z)` maps z
    (c, r, latent_size) to images (c, r, channels, height, width), row i through copy i; `start` gives
    what a search begins with.
    """

    def __init__(self, generator, latent_size, device, frozen):
        self.latent_size = latent_size or getattr(generator, "latent_size", None)
        if self.latent_size is None:
            raise ValueError("latent_size must be given: the generator has no attribute latent_size.")
        self.device, self.frozen, self.started = device, frozen, None
        self.generator = copy.deepcopy(generator).to(device).eval().requires_grad_(False)
        self.dtype = next((p.dtype for p in self.generator.parameters()), torch.float32)
        self.parameters = {} if frozen else dict(self.generator.named_parameters())
        self.buffers = dict(self.generator.named_buffers())
        self.as_matrices = None if frozen else _dcgan_as_matrix_products(self.generator)
        z = standard_normal(2, self.latent_size, torch.Generator().manual_seed(0)).to(device, self.dtype)
        for self.tail in ((), (1, 1)):
            try:
                images = self.generator(z.reshape(*z.shape, *self.tail))
                break
            except Exception as error:
                refused = error
        else:
            raise ValueError(
                f"generator: it takes neither latents (m, {self.latent_size}) nor (m, {self.latent_size}, "
                f"1, 1): {refused}"
            ) from refused
        self.image_shape = images.shape[1:]
        # Its layers do not tell all that a generator may do (a forward of its own, hooks), so it is asked.
        if self.as_matrices and (self.as_matrices(self.make(1), z[None])[0] - images).norm() > 0.01 * images.norm():
            self.as_matrices = None

    def make(self, c):
        return [p.expand(c, *p.shape).clone().requires_grad_() for p in self.parameters.values()]

    @torch.no_grad()
    def start(self, z, lr_z, lr_theta):
        """Leaves z (c, r, latent_size) and theta (c copies) with Adam for both: (z, theta, adam).

        They lie where those of the last call lay if they fit, which are overwritten. Fresh memory is
        cleared page by page by the system, which on a CPU takes as long as the arithmetic.
        """
        if self.started is None or self.started[0].shape != z.shape:
            self.started = None  # given back before more is taken
            theta = self.make(len(z))
            own = torch.empty(z.shape, dtype=self.dtype, device=self.device).requires_grad_()
            groups = [{"params": [own], "lr": lr_z}] + ([{"params": theta, "lr": lr_theta}] if theta else [])
            self.started = own, theta, torch.optim.Adam(groups, betas=(0.5, 0.999), fused=True)
            if self.as_matrices and z.shape[1] == 1:
                theta[0].grad = torch.empty_like(theta[0])  # see _OneRow
        own, theta, adam = self.started
        own.copy_(z)
        for copies, trained in zip(theta, self.parameters.values()):
            copies.copy_(trained)
        for state in adam.state.values():
            for value in state.values():
                value.zero_()
        return self.started

    def generate(self, theta, z):
        if self.as_matrices:
            return self.as_matrices(theta, z)
        z = z.reshape(*z.shape, *self.tail)
        if self.frozen:
            return self.generator(z.flatten(0, 1)).unflatten(0, z.shape[:2])

        def one(theta, z):
            parameters = dict(zip(self.parameters, theta))
            return functional_call(self.generator, (parameters, self.buffers), (z,))

        return vmap(one)(theta, z)

    @torch.enable_grad()
    def how_many(self, n_rows, x, loss, max_memory):
        """How many copies, with n_rows latents each, fit in max_memory bytes; tried with one, on the image x."""
        theta = self.make(1)
        z = torch.zeros(1, n_rows, self.latent_size, dtype=self.dtype, device=self.device, requires_grad=True)
        x = x.to(self.device, self.dtype).expand(n_rows, -1, -1, -1)
        own = {p.untyped_storage().data_ptr() for p in (*theta, *self.generator.parameters())}
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: kept.append(0 if t.untyped_storage().data_ptr() in own else t.nbytes), lambda t: t
        ):
            losses = loss(self.generate(theta, z).flatten(0, 1), x)
        if losses.shape != (n_rows,):
            raise ValueError(f"loss must return one value per image, {(n_rows,)}; got {tuple(losses.shape)}.")
        # what Adam moves, its gradient and its two moments; a layer's gradient on its way; activations
        moved = [p.nbytes for p in (z, *theta)]
        each = 4 * sum(moved) + max(moved) + ACTIVATIONS * sum(kept)
        itself = sum(p.nbytes for p in self.generator.parameters())
        if max_memory is None:
            max_memory = CPU_CHUNK_BYTES
            if self.device.type == "cuda":
                cached = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
                max_memory = GPU_SHARE_OF_FREE_MEMORY * (torch.cuda.mem_get_info(self.device)[0] + cached)
        elif max_memory < itself + each:
            raise ValueError(
                f"max_memory: this generator and one copy need {itself + each:,} bytes; got {max_memory:,}."
            )
        return max(1, int((max_memory - itself) // each))


class _OneRow(torch.autograd.Function):
    """bmm for one row each. The gradient of the matrices is then an outer product, for which bmm is slow.

    It is written to `out` where that is given, and is then not passed on: for the largest gradient of
    all, memory that is fresh at every step would take longer than all else.
    """

    @staticmethod
    def forward(ctx, row, matrix, out):
        ctx.save_for_backward(row, matrix)
        ctx.out = out
        return torch.bmm(row, matrix)

    @staticmethod
    def backward(ctx, gradient):
        row, matrix = ctx.saved_tensors
        outer = torch.mul(row.transpose(1, 2), gradient, out=ctx.out)
        return torch.bmm(gradient, matrix.transpose(1, 2)), outer if ctx.out is None else None, None


def _dcgan_as_matrix_products(generator):
    """A DCGAN-like generator as `_Copies.generate`, or None where it is not DCGAN-like.

    A transposed convolution is a matrix product, columns = W^T h, whose columns `fold` adds up where
    kernels overlap. With a copy of W for each row it is one batched product; convolutions with as
    many groups as copies, which is what vmap makes of it, are 2 to 3 times slower.
    """
    layers = list(generator) if isinstance(generator, nn.Sequential) else []
    known = (nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid)
    if not layers or type(layers[0]) is not nn.ConvTranspose2d or not all(type(layer) in known for layer in layers):
        return None
    for layer in layers:
        if type(layer) is nn.ConvTranspose2d and (
            layer.groups > 1 or set(layer.dilation) != {1} or set(layer.output_padding) != {0}
        ):
            return None
        if type(layer) is nn.BatchNorm2d and not (layer.affine and layer.track_running_stats):
            return None
    weights = [getattr(layer, name, None) for layer in layers for name in ("weight", "bias")]
    if [id(w) for w in weights if w is not None] != [id(p) for p in generator.parameters()]:
        return None  # shared weights, weights made from others (spectral norm), parameters of its own

    def generate(theta, z):
        c, r, _ = z.shape
        theta = iter(theta)
        h = z[..., None, None]  # (c, r, channels, height, width) throughout
        for layer in layers:
            if type(layer) is nn.ConvTranspose2d:
                leaf = next(theta)
                weight = leaf.flatten(2)  # (c, in, out * kernel area)
                size = [
                    (n - 1) * stride - 2 * padding + kernel
                    for n, stride, padding, kernel in zip(h.shape[3:], layer.stride, layer.padding, layer.kernel_size)
                ]
                # rows first, so that the weights' gradient comes out as the weights lie
                rows = h.flatten(3).transpose(2, 3).flatten(1, 2)  # (c, r * positions, in)
                if rows.shape[1] == 1:
                    columns = _OneRow.apply(rows, weight, None if leaf.grad is None else leaf.grad.flatten(2))
                else:
                    columns = torch.bmm(rows, weight)
                columns = columns.unflatten(1, (r, -1)).flatten(0, 1).transpose(1, 2)  # (c * r, ..., positions)
                if columns.shape[-1] == 1 and set(layer.padding) == {0}:  # a single position: nothing to add up
                    h = columns.reshape(c, r, -1, *size)
                else:
                    h = F.fold(columns, size, layer.kernel_size, padding=layer.padding, stride=layer.stride)
                    h = h.unflatten(0, (c, r))
                if layer.bias is not None:
                    h = h + next(theta)[:, None, :, None, None]
            elif type(layer) is nn.BatchNorm2d:
                weight, bias = next(theta), next(theta)
                scale = weight * (layer.running_var + layer.eps).rsqrt()
                shift = bias - layer.running_mean * scale
                h = torch.addcmul(shift[:, None, :, None, None], h, scale[:, None, :, None, None])
            else:
                h = layer(h)
        return h

    return generate


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
