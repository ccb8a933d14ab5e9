"""latent_search against the plain loop over images and seeds, which is how public implementations run it.

Compared, in turns: the plain loop (`adgan.plain_search`) with torch.optim.Adam as it comes and with its fused kernel;
latent_search on a DCGAN, not compiled, as short searches are; compiled, as longer ones are (without the
seconds of compiling; it needs a C++ compiler); and on the same network hidden in another module, which
takes the path for any generator (torch.func). All start from the same latents, and `difference` is how
far scores are from the plain loop's, relative to them.

What is slow searches only the first of the images, as many as `images` says; times are per image.
"""

from functools import partial
from unittest.mock import patch

import torch
from torch import nn

from ganod_lite.adgan import latent_search, plain_search

from .common import in_turns, main, per, random_images, ratios, search_scores, untrained_generator

SIZES = {  # on a GPU the plain loop waits for launches, and latent_search needs many images to fill it
    "cpu": {"n_images": 32, "n_others": 8, "n_plain": 4, "n_seeds": 8},
    "cuda": {"n_images": 512, "n_others": 512, "n_plain": 2, "n_seeds": 64},
}
N_STEPS = 5


def measure(device, seconds, ngfs=(16, 64), compiled=True, **sizes):
    sizes = SIZES[device.type] | sizes
    rows = []
    for ngf in ngfs:
        rows += _measure_one(ngf, device, seconds / len(ngfs), compiled, **sizes)
    return sizes | {"n_steps": N_STEPS, "latent_size": 256, "ngf": list(ngfs)}, rows


def _measure_one(ngf, device, seconds, compiled, n_images, n_others, n_plain, n_seeds):
    generator, x = untrained_generator(ngf), random_images(n_images)
    others = x[:n_others]
    options = {"n_seeds": n_seeds, "n_steps": N_STEPS, "random_state": 0, "device": device, "verbose": False}
    starts = latent_search(generator, x[:n_plain], **options | {"n_steps": 0}).z

    def plain(adam=torch.optim.Adam):
        with patch("torch.optim.Adam", adam):
            return plain_search(generator, x[:n_plain].to(device), starts, n_steps=N_STEPS).scores

    functions = {
        "plain loop": plain,
        "plain loop, fused Adam": lambda: plain(partial(torch.optim.Adam, fused=True)),
        "latent_search": lambda: search_scores(generator, x, **options),
        "latent_search, any generator": lambda: search_scores(Hidden(generator), others, **options),
    }
    if compiled:
        functions["latent_search, compiled"] = lambda: search_scores(generator, x, compiled=True, **options)

    scores, times = in_turns(functions, device, seconds)
    wanted = scores["plain loop"]
    n = {name: len(values) for name, values in scores.items()}
    each = {name: per(times[name], n[name]) for name in functions}
    return [
        {
            "ngf": ngf,
            "variant": name,
            "images": n[name],
            "seconds_per_image": each[name],
            "times_plain": ratios(each["plain loop"], each[name]),
            "difference": float((abs(scores[name][:n_plain] - wanted) / wanted).max()),
        }
        for name in functions
    ]


class Hidden(nn.Module):
    """A generator that latent_search does not recognise as a DCGAN."""

    def __init__(self, generator):
        super().__init__()
        self.generator, self.latent_size = generator, generator.latent_size

    def forward(self, z):
        return self.generator(z)


if __name__ == "__main__":
    main("search", measure)
