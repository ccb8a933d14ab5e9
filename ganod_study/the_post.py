"""SO-GAAL as a PyTorch post has it, qarchli.github.io/2020-05-10-gans-for-outlier-detection."""

from dataclasses import dataclass

import torch
from torch import nn

from ganod_lite.gaal import SOGAAL, make_discriminator, make_generator


@dataclass(eq=False, repr=False, kw_only=True)
class PostSOGAAL(SOGAAL):
    """The authors' SO-GAAL but for four points, which decide what it finds.

    Parameters
    ----------
    generator_bias : float
        The generator's first biases, the script's being 0. The post shows 1, its figure 4, and 1e-5, its figure 5.
    decay : float, default 1e-6
        The dampening of torch.optim.SGD, which scales each gradient but the first.
    stop_epochs, lr_d, lr_g, momentum, schedule, contamination, random_state, device, callback, log_dir, verbose
        As SOGAAL's.
    """

    generator_bias: float

    _shuffles = True

    def _start(self, d, n, rng):
        D, G = make_discriminator(d, n, torch.Generator()), make_generator(d)  # whose weights are not the post's
        for layer in D[::2]:
            nn.init.xavier_normal_(layer.weight, generator=rng)
            nn.init.constant_(layer.bias, 0.05)
        for layer in G[::2]:
            nn.init.constant_(layer.bias, self.generator_bias)
        return D, G

    @staticmethod
    def _rate(lr, decay, updates):
        return lr * (1 - decay if updates else 1)
