"""Adversarial training of one or several generators at once: WGAN (the ADGAN paper, eq. 2), GAN, LSGAN.

A small network cannot fill a GPU and a table of one-class detectors needs many, so the networks of
several training sets stand side by side as the groups of one generator and one critic (`dcgan.stack`).
Each has its own seed, batches, noise, and loss; nothing but the kernels is shared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from .base import ImageDetector, own_state, resolve_device, seeded
from .dcgan import Critic, Generator, stack, unstack
from .images import ImagesLike, PathLike, as_images
from .losses import Loss
from .training import Training, check_counts, digest_of

# What is trained on and with what. A loss is a function of the critic's values (batch, groups), kept per group.
DCGAN_ADAM: dict[str, Any] = {
    "optimiser": torch.optim.Adam,
    "settings": {"lr": 2e-4, "betas": (0.5, 0.999)},
    "n_critic": 1,
}
RECIPES: dict[str, dict[str, Any]] = {
    # Arjovsky et al. 2017, algorithm 1: RMSprop, the critic's weights clipped
    "wgan": {"optimiser": torch.optim.RMSprop, "settings": {"lr": 5e-5}, "n_critic": 5},
    # Gulrajani et al. 2017: a gradient penalty in place of clipping. With DCGAN's Adam (2e-4; 0.5) and two
    # critic steps; that paper's five get about as far in a given time.
    "wgan-gp": {"optimiser": torch.optim.Adam, "settings": {"lr": 2e-4, "betas": (0.5, 0.9)}, "n_critic": 2},
    "gan": DCGAN_ADAM,  # Goodfellow et al. 2014 with the generator's loss of its section 3, as in DCGAN
    "lsgan": DCGAN_ADAM,  # Mao et al. 2017, eq. 9
}
CRITIC_LOSSES: dict[str, Loss] = {  # of the critic's values of generated and of real images
    # eq. 2: the critic maximises E d(x) - E d(g(z))
    "wgan": lambda fake, real: (fake - real).mean(0),
    "wgan-gp": lambda fake, real: (fake - real).mean(0),
    "gan": lambda fake, real: (F.softplus(fake) + F.softplus(-real)).mean(0),
    "lsgan": lambda fake, real: (fake.square() + (real - 1).square()).mean(0) / 2,
}
GENERATOR_LOSSES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "wgan": lambda fake: -fake.mean(0),
    "wgan-gp": lambda fake: -fake.mean(0),
    "gan": lambda fake: F.softplus(-fake).mean(0),
    "lsgan": lambda fake: (fake - 1).square().mean(0) / 2,
}
CLIP = 0.01  # Arjovsky et al., algorithm 1: c
PENALTY_WEIGHT = 10.0  # Gulrajani et al., algorithm 1: lambda


@dataclass
class GAN:
    """A trained generator and critic, both in evaluation mode on the CPU, and how training went.

    `critic_loss` and `generator_loss` (of a WGAN: E d(g(z)) - E d(x) and -E d(g(z))) hold one value per
    generator step; the critic's is that of its last step before. `seconds` is its share of the training's
    time, which those trained at once divide equally; None where it is not known.
    """

    generator: Generator
    critic: Critic
    critic_loss: list[float]
    generator_loss: list[float]
    seconds: float | None = None


@own_state()
def train_gans(
    image_sets: Sequence[ImagesLike],
    seeds: Sequence[int],
    *,
    n_steps: int,
    latent_size: int = 256,
    ngf: int = 64,
    batch_size: int = 64,
    objective: str = "wgan",
    n_critic: int | None = None,
    device: str | torch.device = "auto",
    checkpoint: PathLike | None = None,
    checkpoint_seconds: float = 60,
    stop_at: float | None = None,
    verbose: bool = True,
    keep: bool = False,
) -> list[GAN]:
    """Train one GAN per set of images, all at once.

    Parameters
    ----------
    image_sets : list of images
        Each as `as_images` takes them, all of one shape.
    seeds : list of int
        One for each set.
    n_steps : int
        Generator steps.
    latent_size, ngf : int, default 256 and 64
        See `dcgan.Generator`.
    batch_size : int, default 64
        Images in a step.
    objective : "wgan", "wgan-gp", "gan" or "lsgan", default "wgan"
        The ADGAN paper trains on "wgan"; "wgan-gp" is the same with a gradient penalty in place of clipped
        weights.
    n_critic : int or None, default None
        Critic steps before each generator step; None: 5 ("wgan"), 2 ("wgan-gp") or 1 ("gan", "lsgan").
    device : str, default "auto"
        "auto" is CUDA where there is one.
    checkpoint, checkpoint_seconds, stop_at, verbose, keep
        See `training.Training.run`.

    Returns
    -------
    list of GAN

    Raises
    ------
    ValueError, TypeError
        For arguments that do not fit, before anything is trained.
    FloatingPointError, TimeIsUp
        See `training.Training.run`.
    """
    training = GANTraining(
        image_sets, seeds, n_steps=n_steps, latent_size=latent_size, ngf=ngf, batch_size=batch_size,
        objective=objective, n_critic=n_critic, device=device,
    )  # fmt: skip
    return training.run(checkpoint, checkpoint_seconds, stop_at, verbose, keep)


def has_batch_norm(objective: str) -> bool:
    """Whether the critic of an objective has batch normalisation (see `Critic`)."""
    return objective != "wgan-gp"


def new_networks(
    shape: tuple[int, ...], latent_size: int, ngf: int, objective: str, seed: int
) -> tuple[Generator, Critic]:
    """The generator and the critic that a training with this seed begins with."""
    with seeded(seed):
        return Generator(shape, latent_size, ngf), Critic(shape, ngf, batch_norm=has_batch_norm(objective))


def check_training(objective: str, n_critic: int | None = None, **counts: int) -> None:
    """Raise ValueError or TypeError for arguments that no GAN can be trained with."""
    check_counts(**counts)
    if not isinstance(objective, str) or objective not in RECIPES:
        raise ValueError(f"objective must be one of {sorted(RECIPES)}; got {objective!r}.")
    if n_critic is not None:
        check_counts(n_critic=n_critic)


class GANTraining(Training):
    """The training behind `train_gans`, whose arguments it has: networks side by side, and their steps."""

    advice = "Try objective='wgan-gp', another seed, or a larger batch_size."

    def __init__(
        self,
        image_sets: Sequence[ImagesLike],
        seeds: Sequence[int],
        *,
        n_steps: int,
        latent_size: int,
        ngf: int,
        batch_size: int,
        objective: str,
        n_critic: int | None = None,
        device: str | torch.device = "auto",
    ) -> None:
        check_training(
            objective, n_critic, n_steps=n_steps, latent_size=latent_size, ngf=ngf, batch_size=batch_size
        )  # fmt: skip
        if len(image_sets) != len(seeds) or not len(seeds):
            raise ValueError(f"seeds: one for each set of images; got {len(seeds)} for {len(image_sets)} sets.")
        device = resolve_device(device)
        images = [as_images(x, min_samples=2) for x in image_sets]
        seeds = [int(seed) for seed in seeds]
        shape = tuple(images[0].shape[1:])
        for i, x in enumerate(images):
            if tuple(x.shape[1:]) != shape:
                raise ValueError(f"image_sets: all must be {shape} like the first; set {i} is {tuple(x.shape[1:])}.")
        arguments = {  # all that the result depends on
            "images": [digest_of(x) for x in images], "shape": shape, "seeds": seeds, "n_steps": n_steps,
            "latent_size": latent_size, "ngf": ngf, "batch_size": batch_size, "objective": objective,
            "device": device.type,
        }  # fmt: skip
        recipe = RECIPES[objective]
        self.n_critic = recipe["n_critic"] if n_critic is None else int(n_critic)
        if self.n_critic != recipe["n_critic"]:  # else the objective tells it
            arguments["n_critic"] = self.n_critic
        self.objective, self.batch_size = objective, batch_size
        networks = zip(*(new_networks(shape, latent_size, ngf, objective, seed) for seed in seeds))
        self.generator, self.critic = (stack(n).to(device, memory_format=torch.channels_last) for n in networks)
        self.optimisers = [
            recipe["optimiser"](network.parameters(), **recipe["settings"]) for network in (self.generator, self.critic)
        ]
        self.images = torch.cat(images).to(device)
        self.sizes = [len(x) for x in images]
        self.offsets = [sum(self.sizes[:i]) for i in range(len(self.sizes))]
        rngs = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        parts = [self.generator, self.critic, *self.optimisers]
        super().__init__(objective.upper(), ("critic", "generator"), n_steps, seeds, arguments, parts, rngs, device)

    def block(self, n_steps: int) -> torch.Tensor:
        """Train for n_steps generator steps; return their losses (n_steps, 2, groups)."""
        n, b = self.n_critic, self.batch_size
        real, noise, mix = [], [], []  # drawn group by group, so that each group draws what it would alone
        for size, offset, rng in zip(self.sizes, self.offsets, self.rngs):
            options: Any = {"generator": rng, "device": self.device}
            real.append(torch.randint(size, (n_steps, n, b, 1), **options) + offset)
            noise.append(torch.randn(n_steps, n + 1, b, self.generator.latent_size, **options))
            mix.append(torch.rand(n_steps, n, b, 1, **options))
        draws = (torch.cat(parts, -1) for parts in (real, noise, mix))
        return torch.stack([self.step(*draw) for draw in zip(*draws)])

    def step(self, real: torch.Tensor, noise: torch.Tensor, mix: torch.Tensor) -> torch.Tensor:
        """n_critic critic steps and one generator step.

        real: indices (n_critic, batch, groups); noise (n_critic + 1, batch, groups * latent_size);
        mix (n_critic, batch, groups) in [0, 1): where between real and generated the penalty looks.
        """
        generator_optimiser, critic_optimiser = self.optimisers
        for picked, z, share in zip(real, noise, mix):
            x = self.images[picked].flatten(1, 2).contiguous(memory_format=torch.channels_last)
            with torch.no_grad():
                fake = self.generator(z)
            critic_loss = CRITIC_LOSSES[self.objective](self.critic(fake), self.critic(x))
            loss = critic_loss.sum()  # a term for each group, whose gradients do not mix
            if self.objective == "wgan-gp":
                loss = loss + PENALTY_WEIGHT * self._gradient_penalty(x, fake, share).sum()
            critic_optimiser.zero_grad()
            loss.backward()
            critic_optimiser.step()
            if self.objective == "wgan":
                with torch.no_grad():
                    for parameter in self.critic.parameters():
                        parameter.clamp_(-CLIP, CLIP)
        self.critic.requires_grad_(False)
        generator_loss = GENERATOR_LOSSES[self.objective](self.critic(self.generator(noise[-1])))
        generator_optimiser.zero_grad()
        generator_loss.sum().backward()
        generator_optimiser.step()
        self.critic.requires_grad_(True)
        return torch.stack([critic_loss.detach(), generator_loss.detach()])

    def _gradient_penalty(self, x: torch.Tensor, fake: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """(|gradient of d| - 1)^2 at points between real and generated, per group (Gulrajani et al., eq. 3)."""
        share = share.repeat_interleave(x.shape[1] // share.shape[1], 1)[:, :, None, None]
        between = (share * x + (1 - share) * fake).requires_grad_()
        values = self.critic(between)
        (gradient,) = torch.autograd.grad(values.sum(), between, create_graph=True)
        n_groups = values.shape[1]
        return ((gradient.unflatten(1, (n_groups, -1)).flatten(2).norm(dim=2) - 1) ** 2).mean(0)

    def finish(self) -> list[GAN]:
        n, seconds = len(self.seeds), self.seconds / len(self.seeds)
        losses = torch.tensor(self.losses).reshape(-1, 2, n)
        return [
            GAN(g.cpu().eval(), c.cpu().eval(), losses[:, 0, i].tolist(), losses[:, 1, i].tolist(), seconds)
            for i, (g, c) in enumerate(zip(unstack(self.generator, n), unstack(self.critic, n)))
        ]


@dataclass(eq=False, repr=False, kw_only=True)
class GANDetector(ImageDetector):
    """A detector that trains a GAN on normal images, unless one is given, and scores by a search of it.

    A subclass has `objective`, perhaps `critic`; `SEARCH`, the names of its search's parameters; `search(X)`, whose
    result has `scores`; and `_prepare_search(generator, critic, X)`, which raises what a search of X will, before
    hours of training.
    """

    generator: torch.nn.Module | None = None

    SEARCH = tuple[str, ...]()

    @property
    def _trains(self) -> bool:  # type: ignore[override]
        return self.generator is None

    def _fit(self, X: torch.Tensor, y: Any) -> None:
        self.seed_ = self._seed()
        self.generator_: Any = self.generator
        self.critic_: Any = getattr(self, "critic", None)
        self.critic_loss_, self.generator_loss_ = [], []
        if not self._trains:
            self._prepare_search(self.generator_, self.critic_, X)
            return
        options = {"latent_size": self.latent_size, "ngf": self.ngf, "objective": self.objective}
        check_training(n_iter=self.n_iter, batch_size=self.batch_size, **options)
        self._prepare_search(*new_networks(self.image_shape_, **options, seed=self.seed_), X)
        options |= {"n_steps": self.n_iter, "batch_size": self.batch_size, "device": self.device}
        (trained,) = GANTraining([X], [self.seed_], **options).run(self.checkpoint, verbose=self.verbose, keep=True)
        self.generator_, self.critic_ = trained.generator, trained.critic
        self.critic_loss_, self.generator_loss_ = trained.critic_loss, trained.generator_loss

    def _search_options(self, generator: torch.nn.Module) -> dict[str, Any]:
        """What a search of this generator is asked for."""
        latent_size = getattr(generator, "latent_size", self.latent_size)
        return {name: getattr(self, name) for name in self.SEARCH} | {"latent_size": latent_size, "device": self.device}

    def _anomaly_score(self, X: torch.Tensor) -> np.ndarray:
        return self.search(X).scores
