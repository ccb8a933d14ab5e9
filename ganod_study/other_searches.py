"""Searches that differ from algorithm 1: by another re-run's order, by an encoder's starting points, by the loss."""

import copy

import torch
from torch.nn import functional as F
from tqdm import tqdm

from ganod_lite.autoencoders import ADAM
from ganod_lite.base import own_state, seeded, standard_normal
from ganod_lite.copies import BETAS
from ganod_lite.dcgan import Encoder
from ganod_lite.losses import l1, squared_l2
from ganod_lite.training import Training, digest_of

AT_ONCE = 16  # copies of the generator: more of them leave a processor's caches
N_HELD_OUT = 500  # generated images that an encoder is judged on


@own_state()
def search_in_turn(generator, x, z, *, n_steps=5, lr_z=0.25, lr_theta=5e-5, device="cpu", verbose=True):
    """The search as in the code of Golan and El-Yaniv (2018): a step of z, then one of theta, n_steps times.

    The step of z, and every loss that is recorded, sees batch normalisation with the statistics of the training. The
    step of theta sees the statistics of its batch, which is the one image that is generated. The loss and both Adam
    are those of `latent_search`.

    A DCGAN generator, x (n, channels, height, width) and the starting points z (n, s, latent_size) ->
    losses (n, s, n_steps + 1).
    """
    generator = copy.deepcopy(generator).to(device).eval()
    owners = torch.arange(len(x)).repeat_interleave(z.shape[1])
    parts = zip(owners.split(AT_ONCE), z.flatten(0, 1).split(AT_ONCE))
    with tqdm(total=len(owners), unit="start", desc="search in turn", disable=not verbose) as bar:
        losses = []
        for owner, some in parts:
            losses.append(_search_in_turn(generator, x[owner].to(device), some.to(device), n_steps, lr_z, lr_theta))
            bar.update(len(some))
    return torch.cat(losses).view(*z.shape[:2], -1)


def _search_in_turn(generator, x, z, n_steps, lr_z, lr_theta):
    """`search_in_turn` for c images and a starting point of each: x (c, ...), z (c, latent_size)."""
    z = z.clone().requires_grad_()
    theta = [p.detach().expand(len(z), *p.shape).clone().requires_grad_() for p in generator.parameters()]
    adam_z = torch.optim.Adam([z], lr_z, BETAS, fused=True)
    adam_theta = torch.optim.Adam(theta, lr_theta, BETAS, fused=True)
    losses = []
    for t in range(n_steps + 1):
        losses.append(squared_l2(_images(generator, [p.detach() for p in theta], z), x))
        if t < n_steps:
            adam_z.zero_grad()
            losses[t].sum().backward()  # a term for each copy, whose gradients do not mix
            adam_z.step()
            adam_theta.zero_grad()
            squared_l2(_images(generator, theta, z.detach(), of_batch=True), x).sum().backward()
            adam_theta.step()
    return torch.stack(losses, 1).detach().cpu()


def _images(generator, theta, z, of_batch=False):
    """What each copy of a DCGAN's parameters, a list of (c, ...), makes of its own latent, z (c, latent_size).

    of_batch: whether batch normalisation takes the statistics of each batch of one in place of the training's.
    """
    h, theta = z[:, :, None, None], iter(theta)
    for layer in generator:
        if isinstance(layer, torch.nn.ConvTranspose2d):  # products with the weights, added up where kernels overlap
            how = {"kernel_size": layer.kernel_size, "stride": layer.stride, "padding": layer.padding}
            size = [(n - 1) * s + k - 2 * p for n, k, s, p in zip(h.shape[2:], *how.values())]
            h = F.fold(next(theta).flatten(2).transpose(1, 2) @ h.flatten(2), size, **how)
        elif isinstance(layer, torch.nn.BatchNorm2d):
            mean, variance = layer.running_mean[:, None, None], layer.running_var[:, None, None]
            if of_batch:
                variance, mean = torch.var_mean(h, (2, 3), correction=0, keepdim=True)
            scale, shift = (next(theta)[:, :, None, None] for _ in range(2))
            h = (h - mean) * (variance + layer.eps).rsqrt() * scale + shift
        else:
            h = layer(h)
    return h


class EncoderTraining(Training):
    """The training behind `train_encoder`, on pairs (g(z), z) that never repeat."""

    advice = "Try another seed."

    def __init__(self, generator, seed, n_steps, batch_size, device):
        self.generator, self.batch_size = copy.deepcopy(generator).to(device).eval(), batch_size
        sizes = self.generator.arguments
        with seeded(seed):
            self.encoder = Encoder(sizes["image_shape"], sizes["latent_size"], sizes["ngf"]).to(device)
        self.adam = torch.optim.Adam(self.encoder.parameters(), **ADAM)
        self.rng = torch.Generator().manual_seed(seed)
        weights = torch.cat([p.detach().flatten() for p in generator.parameters()])
        arguments = {"generator": digest_of(weights.cpu()), "seed": seed, "n_steps": n_steps, "batch_size": batch_size}
        parts = [self.encoder, self.adam]
        super().__init__("encoder", ("loss",), n_steps, [seed], arguments, parts, [self.rng], torch.device(device))

    def _pairs(self, n):
        z = standard_normal(n, self.generator.latent_size, self.rng).to(self.device)
        with torch.no_grad():
            return self.generator(z), z

    def block(self, n_steps):
        return torch.stack([self._step() for _ in range(n_steps)])

    def _step(self):
        x, z = self._pairs(self.batch_size)
        loss = squared_l2(self.encoder(x), z).mean()
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return loss.detach().reshape(1, 1)

    def finish(self):
        self.encoder.eval()
        x, z = self._pairs(N_HELD_OUT)
        with torch.no_grad():
            left = squared_l2(self.encoder(x), z).mean() / squared_l2(torch.zeros_like(z), z).mean()
        return self.encoder.cpu(), 1 - left.item()


@own_state()
def train_encoder(generator, seed, *, n_steps, batch_size, device="cpu", checkpoint=None, stop_at=None, verbose=True):
    """An approximate inverse of a DCGAN generator. `checkpoint` and `stop_at` are those of `Training.run`.

    Returns the encoder, which maps images to latents (n, latent_size), and the share of the latents' variance that it
    explains of generated images it has not seen: 1 is an inverse, 0 no better than the prior's mean.
    """
    training = EncoderTraining(generator, seed, n_steps, batch_size, device)
    return training.run(checkpoint, stop_at=stop_at, verbose=verbose)


def laplacian_pyramid(generated, x):
    """Laplacian pyramid loss (the ADGAN paper's outlook; Ling and Okada 2006).

    The L1 distance of each level of the two pyramids, the j-th from the finest weighed by 4^j, which
    is what one of its pixels covers. Being linear, the pyramid of the difference is the difference of
    the pyramids. Levels are halved by a 5-tap binomial filter down to 4 x 4 pixels.
    """
    level, total, weight = generated - x, torch.zeros(()), 1
    while min(level.shape[2:]) >= 8:
        coarse = _blur(level)[:, :, ::2, ::2]
        expanded = _blur(F.interpolate(coarse, size=level.shape[2:], mode="nearest"))
        total = total + weight * l1(level, expanded)
        level, weight = coarse, 4 * weight
    return total + weight * level.abs().flatten(1).sum(1)


def _blur(images):
    """Images under the binomial filter (1, 4, 6, 4, 1) / 16 along both axes, edges repeated."""
    channels = images.shape[1]
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=images.dtype, device=images.device) / 16
    kernel = torch.outer(taps, taps).expand(channels, 1, 5, 5)
    return F.conv2d(F.pad(images, (2, 2, 2, 2), mode="replicate"), kernel, groups=channels)
