"""DCGAN's generator and critic (Radford et al. 2016), for square images of 8, 16, 32, 64, ... pixels.

The encoder, for autoencoders, is like the critic but gives many values per image.

Several independent networks of the same shape can stand side by side as the groups of one: see
`stack` and `unstack`. Convolutions, batch normalisation and Adam all act channel by channel or
group by group, so each of them trains as it would alone.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", "Generator", "Critic")


class Generator(nn.Sequential):
    """Maps latents (n, latent_size) or (n, latent_size, 1, 1) to images (n, channels, size, size) in [-1, 1].

    For 32x32 images the state is, after each layer,
        latent_size x 1 x 1  ->  4 ngf x 4 x 4  ->  2 ngf x 8 x 8  ->  ngf x 16 x 16  ->  channels x 32 x 32,
    with batch normalisation and ReLU between layers and tanh at the end; each further doubling of
    the size puts a layer with twice the channels in front.
    """

    def __init__(
        self, image_shape: tuple[int, ...] = (1, 32, 32), latent_size: int = 256, ngf: int = 64, groups: int = 1
    ) -> None:
        channels, n_doublings = image_shape[0], _doublings(image_shape)
        width = ngf * 2 ** (n_doublings - 1)
        layers = [*_up(latent_size, width, groups, stride=1, padding=0)]  # 1x1 -> 4x4
        for _ in range(n_doublings - 1):
            layers += _up(width, width // 2, groups)
            width //= 2
        layers += [
            nn.ConvTranspose2d(width * groups, channels * groups, 4, 2, 1, bias=False, groups=groups),
            nn.Tanh(),
        ]
        super().__init__(*layers)
        self.arguments: dict[str, Any] = {"image_shape": tuple(image_shape), "latent_size": latent_size, "ngf": ngf}
        self.latent_size = latent_size
        self.apply(_initialise)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return super().forward(z[:, :, None, None] if z.ndim == 2 else z)  # type: ignore[no-untyped-call]


class Critic(nn.Sequential):
    """Maps images (n, channels, size, size) to one unbounded value per image and group, (n, groups).

    The generator in reverse: for 32x32 images
        channels x 32 x 32  ->  ngf x 16 x 16  ->  2 ngf x 8 x 8  ->  4 ngf x 4 x 4  ->  1 x 1 x 1,
    leaky ReLU between layers. Batch normalisation is DCGAN's; a critic under a gradient penalty
    must do without it, as the penalty is on each sample's own gradient (Gulrajani et al. 2017, 4).
    """

    def __init__(
        self, image_shape: tuple[int, ...] = (1, 32, 32), ngf: int = 64, batch_norm: bool = True, groups: int = 1
    ) -> None:
        channels, width = image_shape[0], ngf
        layers = [nn.Conv2d(channels * groups, width * groups, 4, 2, 1, groups=groups), nn.LeakyReLU(0.2)]
        for _ in range(_doublings(image_shape) - 1):
            layers.append(nn.Conv2d(width * groups, 2 * width * groups, 4, 2, 1, bias=not batch_norm, groups=groups))
            layers += [nn.BatchNorm2d(2 * width * groups)] if batch_norm else []
            layers.append(nn.LeakyReLU(0.2))
            width *= 2
        layers += [nn.Conv2d(width * groups, groups, 4, groups=groups, bias=False), nn.Flatten()]
        super().__init__(*layers)
        self.arguments: dict[str, Any] = {"image_shape": tuple(image_shape), "ngf": ngf, "batch_norm": batch_norm}
        self.apply(_initialise)


class Encoder(nn.Sequential):
    """Maps images (n, channels, size, size) to n_out unbounded values each, (n, n_out).

    The generator in reverse: for 32x32 images
        channels x 32 x 32  ->  ngf x 16 x 16  ->  2 ngf x 8 x 8  ->  4 ngf x 4 x 4  ->  n_out x 1 x 1,
    with batch normalisation and ReLU between layers, after the first one too (unlike in the critic).
    """

    def __init__(self, image_shape: tuple[int, ...] = (1, 32, 32), n_out: int = 256, ngf: int = 64) -> None:
        n_in, width = image_shape[0], ngf
        layers = []
        for _ in range(_doublings(image_shape)):
            layers += [nn.Conv2d(n_in, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            n_in, width = width, 2 * width
        super().__init__(*layers, nn.Conv2d(n_in, n_out, 4), nn.Flatten())
        self.apply(_initialise)


def stack(networks: Sequence[Network]) -> Network:
    """One network whose groups are the given ones (all Generators or all Critics of one shape).

    Group i sees and makes the i-th block of channels: latents (n, groups * latent_size), images
    (n, groups * channels, size, size). The given networks are not changed.
    """
    states = [network.state_dict() for network in networks]
    return _network(
        networks[0],
        {  # every tensor's first axis is channels, laid out group after group; counters have no axis
            name: torch.cat([state[name] for state in states]) if value.ndim else value
            for name, value in states[0].items()
        },
        groups=len(networks),
    )


def unstack(stacked: Network, n_groups: int) -> list[Network]:
    """The networks that `stack` put together, as a list of `n_groups` ordinary ones."""
    states = [
        {name: value.chunk(n_groups)[i] if value.ndim else value for name, value in stacked.state_dict().items()}
        for i in range(n_groups)
    ]
    return [_network(stacked, state) for state in states]


def bare(kind: type, **arguments: Any) -> Any:
    """A network of this class whose weights are still to be given: they take no memory and no random numbers."""
    with torch.device("meta"):
        return kind(**arguments)


def _network(like: Network, state: dict[str, torch.Tensor], groups: int = 1) -> Network:
    """A network of the class and arguments of `like` with a copy of the given state."""
    network: Network = bare(type(like), **like.arguments, groups=groups)
    copies = {name: value.clone(memory_format=torch.contiguous_format) for name, value in state.items()}
    network.load_state_dict(copies, assign=True)
    return network


def _up(n_in: int, n_out: int, groups: int, stride: int = 2, padding: int = 1) -> list[nn.Module]:
    return [
        nn.ConvTranspose2d(n_in * groups, n_out * groups, 4, stride, padding, bias=False, groups=groups),
        nn.BatchNorm2d(n_out * groups),
        nn.ReLU(),
    ]


def _doublings(image_shape: tuple[int, ...]) -> int:
    """How often 4x4 is doubled to reach the image's size."""
    _, height, width = image_shape
    n = max(height, 8).bit_length() - 3
    if height != width or height != 4 * 2**n:
        raise ValueError(
            f"image_shape: DCGAN makes square images of 8, 16, 32, 64, ... pixels; got {tuple(image_shape)}. "
            "Pad or resize the images."
        )
    return n


def _initialise(layer: nn.Module) -> None:
    # DCGAN, section 4: weights from a normal of standard deviation 0.02 (around 1 for batch normalisation)
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0.0, 0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)
