"""Searches that differ from algorithm 1: that of the only other re-run we know, and one from an encoder's starts."""

import copy

import torch
from torch.func import functional_call, vmap
from tqdm import tqdm

from ganod_lite.autoencoders import ADAM
from ganod_lite.base import own_state, standard_normal
from ganod_lite.copies import BETAS
from ganod_lite.dcgan import Encoder
from ganod_lite.losses import squared_l2

AT_ONCE = 8  # copies of the generator: more of them leave a processor's caches
N_HELD_OUT = 500  # generated images that an encoder is judged on


@own_state()
def search_in_turn(generator, x, z, *, n_steps=5, lr_z=0.25, lr_theta=5e-5, device="cpu", verbose=True):
    """The search as in the code of Golan and El-Yaniv (2018): a step of z, then one of theta, n_steps times.

    The step of z, and every loss that is recorded, sees batch normalisation with the statistics of the training. The
    step of theta sees the statistics of its batch, which is the one image that is generated. The loss and both Adam
    are those of `latent_search`.

    x (n, channels, height, width) and the starting points z (n, s, latent_size) -> losses (n, s, n_steps + 1).
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
    z, of_batch = z.clone().requires_grad_(), _with_statistics_of_the_batch(generator)
    theta = {n: p.detach().expand(len(z), *p.shape).clone().requires_grad_() for n, p in generator.named_parameters()}
    adam_z = torch.optim.Adam([z], lr_z, BETAS, fused=True)
    adam_theta = torch.optim.Adam(theta.values(), lr_theta, BETAS, fused=True)
    losses = []
    for t in range(n_steps + 1):
        losses.append(_losses(generator, {name: p.detach() for name, p in theta.items()}, z, x))
        if t < n_steps:
            adam_z.zero_grad()
            losses[t].sum().backward()  # a term for each copy, whose gradients do not mix
            adam_z.step()
            adam_theta.zero_grad()
            _losses(of_batch, theta, z.detach(), x).sum().backward()
            adam_theta.step()
    return torch.stack(losses, 1).detach().cpu()


def _losses(generator, theta, z, x):
    """The loss (c,) of what each copy of theta, {name: (c, ...)}, makes of its own latent as a batch of one."""
    made = vmap(lambda theta, z: functional_call(generator, theta, (z[None],))[0])(theta, z)
    return squared_l2(made, x)


def _with_statistics_of_the_batch(generator):
    """A copy whose batch normalisation knows no other statistics than its batch's."""
    generator = copy.deepcopy(generator)
    for layer in generator.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None
    return generator


@own_state()
def train_encoder(generator, seed, *, n_steps, batch_size, device="cpu", verbose=True):
    """An approximate inverse of a DCGAN generator, trained on pairs (g(z), z) that never repeat.

    Returns the encoder, which maps images to latents (n, latent_size), and the share of the latents' variance that it
    explains of generated images it has not seen: 1 is an inverse, 0 no better than the prior's mean.
    """
    made, rng = copy.deepcopy(generator).to(device).eval(), torch.Generator().manual_seed(seed)
    sizes = made.arguments
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        encoder = Encoder(sizes["image_shape"], sizes["latent_size"], sizes["ngf"]).to(device).train()
    adam = torch.optim.Adam(encoder.parameters(), **ADAM)

    def pairs(n):
        z = standard_normal(n, made.latent_size, rng).to(device)
        with torch.no_grad():
            return made(z), z

    for _ in tqdm(range(n_steps), unit="step", desc="encoder", disable=not verbose):
        x, z = pairs(batch_size)
        loss = squared_l2(encoder(x), z).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    encoder.eval()
    x, z = pairs(N_HELD_OUT)
    with torch.no_grad():
        explained = 1 - (squared_l2(encoder(x), z).mean() / squared_l2(torch.zeros_like(z), z).mean()).item()
    return encoder.cpu(), explained
