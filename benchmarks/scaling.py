"""The cost of latent_search against images, seeds, steps and width; and its peak memory against max_memory.

`relative` is the time for each image, seed, step and parameter, relative to the first row of the same
series and round: 1 where the cost is proportional. Images are varied with a small generator, so that
10,000 of them take seconds.

Peak memory is how much a fresh process grows by in a search (read from Linux's /proc), less the result,
which comes on top of max_memory as documented; on a GPU it is what PyTorch has allocated there.
"""

import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from ganod_lite.adgan import latent_search
from ganod_lite.dcgan import Generator
from ganod_study import cost

from .common import in_turns, main, per, random_images, ratios, untrained_generator

SMALL = {"ngf": 8, "latent_size": 32, "image_shape": (1, 16, 16)}
BASE = {
    "cpu": {"n_images": 8, "n_seeds": 8, "n_steps": 5, "ngf": 16},
    "cuda": {"n_images": 256, "n_seeds": 64, "n_steps": 5, "ngf": 64},
}
SERIES = {
    "n_images": (100, 1000, 10_000),
    "n_seeds": (1, 4, 16, 64),
    "n_steps": (1, 2, 5, 10, 20),
    "ngf": (8, 16, 32, 64),
}
MEMORY = [(10, 8, 32), (10, 64, 32), (500, 4, 32), (40, 64, 128)]  # images, seeds, MiB


def measure(device, seconds, series=SERIES, memory=MEMORY, **base):
    base = BASE[device.type] | base
    rows = []
    for varied, values in series.items():
        rows += _measure_series(varied, values, base, device, seconds / len(series))
    for n_images, n_seeds, mebibytes in memory:
        # a process of its own for each: a peak can't be unmade
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            found = process.submit(peak_memory, n_images, n_seeds, mebibytes * 2**20, device).result()
        rows.append({"images": n_images, "seeds": n_seeds, "max_memory": mebibytes * 2**20} | found)
    return base | {"generator_when_images_vary": SMALL}, rows


def _measure_series(varied, values, base, device, seconds):
    cases, functions = {}, {}
    for value in values:
        case = base | {varied: value}
        if varied == "n_images":
            case |= {"n_seeds": 2, "ngf": SMALL["ngf"]}
            generator, x = untrained_generator(**SMALL), random_images(value, SMALL["image_shape"])
        else:
            generator, x = untrained_generator(case["ngf"]), random_images(case["n_images"])
        options = {"n_seeds": case["n_seeds"], "n_steps": case["n_steps"], "device": device, "verbose": False}
        functions[value] = lambda g=generator, x=x, o=options: latent_search(g, x, random_state=0, **o)
        n_parameters = sum(layer.parameters for layer in cost.layers(generator))
        cases[value] = case, case["n_images"] * case["n_seeds"] * case["n_steps"], n_parameters
    _, times = in_turns(functions, device, seconds)
    each = {value: per(times[value], n_seed_steps * p / 1e6) for value, (_, n_seed_steps, p) in cases.items()}
    return [
        {
            "varied": varied,
            **case,
            "seconds_per_image": per(times[value], case["n_images"]),
            "seconds_per_seed_step": per(times[value], n_seed_steps),
            "relative": ratios(each[value], each[values[0]]),
        }
        for value, (case, n_seed_steps, _) in cases.items()
    ]


def peak_memory(n_images, n_seeds, max_memory, device):
    """Bytes that a search takes beyond its result, and as a share of max_memory. For a process of its own."""
    generator, n_steps = Generator(ngf=16).eval(), 2
    options = {"n_seeds": n_seeds, "n_steps": n_steps, "random_state": 0, "device": device, "verbose": False}
    small = Generator((1, 8, 8), latent_size=8, ngf=4).eval()
    latent_search(small, random_images(2, (1, 8, 8)), **options)  # takes the libraries' own buffers
    x = random_images(n_images)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        latent_search(generator, x, **options, max_memory=max_memory)
        grown, result = torch.cuda.max_memory_allocated(device) - before, 0
    else:
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
        before = _resident_peak()
        latent_search(generator, x, **options, max_memory=max_memory)
        grown, result = _resident_peak() - before, 4 * n_images * n_seeds * (generator.latent_size + n_steps + 1)
    return {"grown": grown, "result": result, "share_of_max_memory": round((grown - result) / max_memory, 3)}


def _resident_peak():
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


if __name__ == "__main__":
    main("scaling", measure)
