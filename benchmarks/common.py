"""What the benchmarks share: the command line, timing in turns, records, tables."""

import argparse
import gc
import json
import re
import time
from pathlib import Path
from statistics import median
from unittest.mock import patch

import torch

from ganod_lite import copies
from ganod_lite.adgan import latent_search
from ganod_lite.base import resolve_device
from ganod_lite.dcgan import Generator
from ganod_lite.files import write_aside
from ganod_study.store import circumstances, stopwatch

RESULTS = Path(__file__).resolve().parents[1] / "book" / "results" / "benchmarks"


def main(name, measure, argv=None, cpu_only=False, **sizes):
    """Run a benchmark from its command line, print its table, write its record and return the path.

    measure(device, seconds, **sizes) returns (parameters, rows): a dictionary, and flat dictionaries
    in which a list holds one value for each round. `seconds` is what its rounds may take together.
    cpu_only: measure on the CPU whatever --device says.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument(
        "--time-limit", type=float, default=100, help="seconds after which no round begins (100); warming up is extra"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the record (book/results/benchmarks)")
    args = parser.parse_args(argv)
    device = resolve_device("cpu" if cpu_only else args.device)
    with stopwatch() as seconds:
        parameters, rows = measure(device, args.time_limit, **sizes)
    record = {
        "benchmark": name,
        "device_type": device.type,
        "parameters": parameters,
        "rows": rows,
        "seconds": round(seconds(), 1),
        **circumstances(str(device)),
    }
    print_table(rows)
    path = args.out / f"{name}-{_slug(record['device'])}.json"
    write_aside(path, (json.dumps(record, indent=1) + "\n").encode())
    print(f"{record['device']}; {record['seconds']} s; written to {path}")
    return path


def in_turns(functions, device, seconds, rounds=5):
    """Time functions in turn, round after round: ({name: its result}, {name: seconds in each round}).

    Each is called once before, unmeasured, for its result. At least one round is measured, and no
    further one begins after `seconds`. A machine that is slow for a while is so for all functions of a
    round: compare within rounds.
    """
    results = {name: function() for name, function in functions.items()}
    times = {name: [] for name in functions}
    gc.collect()
    gc.freeze()  # what a compiler leaves behind takes the collector a second, whenever it comes by
    with stopwatch() as passed:
        for r in range(rounds):
            if r and passed() > seconds:
                break
            for name, function in functions.items():
                _synchronize(device)
                start = time.perf_counter()
                function()
                _synchronize(device)
                times[name].append(time.perf_counter() - start)
    gc.unfreeze()
    return results, times


def ratios(above, below):
    """above / below in each round, rounded."""
    return [float(f"{a / b:.4g}") for a, b in zip(above, below, strict=True)]


def per(values, n):
    """The value of each round divided by n, rounded."""
    return ratios(values, [n] * len(values))


def untrained_generator(ngf, latent_size=256, image_shape=(1, 32, 32)):
    """A generator with BatchNorm's statistics set: as fast as a trained one, and its pixels as large."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        generator = Generator(image_shape, latent_size, ngf)
        for _ in range(20):
            generator(torch.randn(64, latent_size))
    return generator.eval()


def random_images(n, image_shape=(1, 32, 32)):
    """Images (n, *image_shape), uniform in [-1, 1], the same in each run."""
    return torch.rand(n, *image_shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def search_scores(generator, x, *, compiled=False, **options):
    """latent_search's scores (n,), with the first layer's update compiled or not, however much there is to search."""
    with patch.object(copies, "COMPILE_FROM", 0 if compiled else float("inf")):
        scores = latent_search(generator, x, **options).scores
    assert not compiled or copies.OuterProducts.can_compile, "torch.compile failed: see the warning above"
    return scores


def print_table(rows):
    """Print rows as aligned columns, lists as median (min to max); rows with other columns start a new table."""
    while rows:
        columns = list(rows[0])
        n = next((i for i, row in enumerate(rows) if list(row) != columns), len(rows))
        cells = [columns] + [[_shown(row[column]) for column in columns] for row in rows[:n]]
        widths = [max(map(len, column)) for column in zip(*cells)]
        for row in cells:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        print()
        rows = rows[n:]


def _shown(value):
    if isinstance(value, list):
        return f"{median(value):.3g} ({min(value):.3g} to {max(value):.3g})"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _slug(device):
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def _synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)
