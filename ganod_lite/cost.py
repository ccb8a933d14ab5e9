"""What a latent search costs, counted from the generator; and what was measured of it.

With a copy of the parameters for each seed, every weight that is read is used for one image alone, at
a handful of positions. So a search is bound by the memory's bandwidth, not by arithmetic, and bytes are
what is counted here.
"""

import json
from pathlib import Path
from typing import NamedTuple

import torch

# Bytes that one step of one seed moves for each of its parameters, in float32 with dense Adam.
BYTES = {
    "forward: read the weight": 4,
    "backward: read it for the gradient of the layer's input": 4,
    "backward: write its gradient": 4,
    "Adam: read weight, gradient and both moments": 16,
    "Adam: write weight and both moments": 12,
}
BYTES_PER_PARAMETER = sum(BYTES.values())
# Once for each seed: copy the weight, clear both moments, read the weight for the last loss.
BYTES_AROUND = 4 + 8 + 4


class Layer(NamedTuple):
    """One layer in one seed-step."""

    name: str
    parameters: int
    positions: int  # at which each parameter is used; also the largest rank that the gradient can have
    activations: int  # numbers that the layer puts out

    @property
    def operations(self):
        """Multiplications and additions: 2 forward, 2 for the input's gradient, 2 for the weights'."""
        return 6 * self.parameters * self.positions

    @property
    def bytes(self):
        return BYTES_PER_PARAMETER * self.parameters


def layers(generator):
    """The layers of a generator that have parameters, as a list of `Layer`."""
    found, hooks = [], []

    def note(module, inputs, output):
        n = sum(p.numel() for p in module.parameters(recurse=False))
        positions = min(h[0, 0].numel() for h in (*inputs, output))
        found.append(Layer(type(module).__name__, n, positions, output[0].numel()))

    for module in generator.modules():
        if next(module.parameters(recurse=False), None) is not None:
            hooks.append(module.register_forward_hook(note))
    try:
        with torch.no_grad():
            weight = next(generator.parameters())
            generator(torch.zeros(1, generator.latent_size, dtype=weight.dtype, device=weight.device))
    finally:
        for hook in hooks:
            hook.remove()
    return found


def ways(generator, n_steps=5):
    """Bytes that one seed's whole search moves: {way: bytes}, from what is done today down.

    The lower ones add up. They are exact: only what is stored differs, not what is computed.
    """
    first, *rest = layers(generator)
    rest = sum(layer.parameters for layer in rest)
    dense = BYTES_PER_PARAMETER * n_steps
    # Of the first step: nobody has a copy yet, so the weights are read once for all, and the moments are zero.
    fresh = dense - 8 - 4 - 8
    return {
        "as it is: the floor, and what comes before and after it": (dense + BYTES_AROUND) * (first.parameters + rest),
        "the floor: dense Adam on copies": dense * (first.parameters + rest),
        "first step from shared weights and zero moments": fresh * (first.parameters + rest),
        "low rank: the first layer keeps no gradient and no moments": fresh * rest
        + (16 * n_steps - 12) * first.parameters,
        "the first layer's copies made anew from their factors whenever they are used": fresh * rest,
    }
