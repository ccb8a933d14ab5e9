"""What a latent search costs, counted from the generator; and the records of what was measured of it.

With a copy of the parameters for each seed, a weight that is read serves one image alone, at a handful
of positions. So where arithmetic is fast enough a search is bound by the memory's bandwidth, and it is bytes
that count.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import torch

from .runner import COMMITTED
from .store import machine_in_words

# Bytes that one step of one seed moves for each of its parameters, in float32 with dense Adam.
BYTES = {
    "forward: read the weight": 4,
    "backward: read it again, for the gradient of the layer's input": 4,
    "backward: write its gradient": 4,
    "Adam: read weight, gradient and both moments": 16,
    "Adam: write weight and both moments": 12,
}
BYTES_PER_PARAMETER = sum(BYTES.values())
BYTES_AROUND = 4 + 8 + 4  # once for each seed: write the copy, clear both moments, read the weight for the last loss

RECORDS = COMMITTED / "benchmarks"  # where the repository keeps the records of its benchmarks


class Layer(NamedTuple):
    """One layer in one seed-step."""

    name: str
    parameters: int
    positions: int  # at which each parameter is used; the gradient's rank is no larger
    activations: int  # numbers that the layer puts out

    @property
    def operations(self):
        """Multiplications and additions: 2 forward, 2 for the gradient of the input, 2 for that of the weights."""
        return 6 * self.parameters * self.positions

    @property
    def bytes(self):
        return BYTES_PER_PARAMETER * self.parameters


def layers(generator):
    """The layers of a generator that have parameters, as a list of `Layer`.

    generator: maps latents (m, latent_size) to images and has an attribute latent_size.
    """
    found = []

    def note(module, inputs, output):
        n = sum(p.numel() for p in module.parameters(recurse=False))
        positions = min(h[0, 0].numel() for h in (*inputs, output))
        found.append(Layer(type(module).__name__, n, positions, output[0].numel()))

    with ExitStack() as hooks, torch.no_grad():
        for module in generator.modules():
            if next(module.parameters(recurse=False), None) is not None:
                hooks.callback(module.register_forward_hook(note).remove)
        generator(next(generator.parameters()).new_zeros(2, generator.latent_size))
    return found


def ways(generator, n_steps=5):
    """Bytes that the whole search of one seed moves, {way: bytes}, from what is simplest to what is least.

    All compute the same search; they differ in what is stored.
    """
    first, *rest = (layer.parameters for layer in layers(generator))
    rest = sum(rest)
    dense = BYTES_PER_PARAMETER * n_steps
    # No gradient and no moments; each step reads the weight for its output and for the gradient of its input, and
    # reads and writes it once more.
    factors = 16 * n_steps
    # In the first step the weights are read once for all, three times, and the moments are known to be zero.
    fresh = dense - 12 - 8
    return {
        "dense copies and dense Adam, with what comes before and after": (dense + BYTES_AROUND) * (first + rest),
        "the same without what comes before and after: the floor": dense * (first + rest),
        "first layer: outer products in place of gradient and moments (what is done)": (
            factors * first + (dense + BYTES_AROUND) * rest
        ),
        "first step from shared weights and zero moments": (factors - 12) * first + fresh * rest,
        "first layer: no copies either, made anew from the outer products where used": fresh * rest,
    }


class Measured(NamedTuple):
    """The records of one benchmark, a dictionary for each machine; there may be none."""

    name: str
    records: list

    def show(self, draw, **options):
        """`draw(records, ...)`, or in its place a note that says how to measure."""
        if self.records:
            return draw(self.records, **options)
        from IPython.display import Markdown

        return Markdown(f"*Not measured yet: `python -m benchmarks.{self.name}` does it.*")


def measured(name, folder=None):
    """What the benchmark of that name has left in `folder`, by default the repository's."""
    paths = sorted(Path(folder or RECORDS).glob(f"{name}-*.json"))
    records = [json.loads(path.read_text()) for path in paths]
    return Measured(name, [record | {"device": machine_in_words(record["device"])} for record in records])
