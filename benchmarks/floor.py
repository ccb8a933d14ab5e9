"""latent_search against the time that dense copies and dense Adam would need for their memory traffic alone.

The floor is `ganod_study.cost`'s bytes per seed-step over the bandwidth measured here in the same round,
the better of a copy and a sum of two arrays much larger than the caches. latent_search moves less, as it
keeps no gradient and no moments of the first layer, least where that layer's update is compiled: shares
above 1 are below the floor.
"""

import torch

from ganod_study import cost

from .common import in_turns, main, per, random_images, ratios, search_scores, untrained_generator

SIZES = {"cpu": {"n_images": 16, "n_seeds": 8}, "cuda": {"n_images": 512, "n_seeds": 64}}
ARRAY_BYTES = {"cpu": 2**28, "cuda": 2**32}  # of each array whose copying is timed
N_STEPS = 5


def measure(device, seconds, ngfs=(16, 64), array_bytes=None, compiled=True, **sizes):
    sizes = SIZES[device.type] | sizes
    array_bytes = array_bytes or ARRAY_BYTES[device.type]
    rows = []
    for ngf in ngfs:
        rows += _measure_one(ngf, device, seconds / len(ngfs), array_bytes, compiled, **sizes)
    parameters = sizes | {"array_bytes": array_bytes, "n_steps": N_STEPS, "latent_size": 256, "ngf": list(ngfs)}
    return parameters, rows


def _measure_one(ngf, device, seconds, array_bytes, compiled, n_images, n_seeds):
    generator, x = untrained_generator(ngf), random_images(n_images)
    options = {"n_seeds": n_seeds, "n_steps": N_STEPS, "random_state": 0, "device": device, "verbose": False}
    a, b, c = (torch.ones(array_bytes // 4, device=device) for _ in range(3))
    functions = {
        "copy": lambda: a.copy_(b),
        "sum": lambda: torch.add(b, c, out=a),
        "latent_search": lambda: search_scores(generator, x, **options),
    }
    if compiled:
        functions["latent_search, compiled"] = lambda: search_scores(generator, x, compiled=True, **options)
    _, times = in_turns(functions, device, seconds)
    bandwidth = [  # of arrays read and written
        max(2 * array_bytes / copied, 3 * array_bytes / summed) for copied, summed in zip(times["copy"], times["sum"])
    ]
    bytes_moved = cost.BYTES_PER_PARAMETER * sum(layer.parameters for layer in cost.layers(generator))
    n_seed_steps = n_images * n_seeds * N_STEPS
    return [
        {
            "ngf": ngf,
            "variant": name,
            "seconds_per_seed_step": per(times[name], n_seed_steps),
            "bytes_per_second": per(bandwidth, 1),
            "share_of_floor": ratios([bytes_moved * n_seed_steps / speed for speed in bandwidth], times[name]),
        }
        for name in functions
        if name not in ("copy", "sum")
    ]


if __name__ == "__main__":
    main("floor", measure)
