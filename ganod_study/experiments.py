"""The grid of experiments: which cells there are, and running those that a store lacks.

    python -m ganod_study run --scale paper --dataset mnist --methods adgan,critic --classes 0-9 \\
        --seeds 0-2 --time-limit 540 --store DIR        run what is missing from the store, longest first
    python -m ganod_study status --scale paper --store DIR       what is there, what is missing
    python -m ganod_study merge --store DIR OTHER ...            copy what DIR lacks from other stores

What has been computed is not computed again, in whichever page, run or process it comes up.
"""

import argparse
import json
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import joblib
import numpy as np
from filelock import FileLock, Timeout
from tqdm import tqdm

from ganod_lite.base import resolve_device
from ganod_lite.training import TimeIsUp

from . import datasets
from .cells import METHODS, SCALES, TABLE1, Cell, Errand, known, stored_network, train_networks
from .store import Store

GANS_AT_ONCE = 10  # on a GPU
COMMITTED = Path("book/results")  # where the repository keeps results, a folder for each scale
STORED = ("paper", "medium")  # those scales, the best first


@dataclass(frozen=True)
class Outcome:
    """What a part of the grid gave: entries of the store, or none and the reason why.

    without: why some of the cells that were asked for are not among them, "" if all are.
    """

    cells: list
    entries: list
    missing: str = ""
    without: str = ""

    def show(self, draw, *args, **options):
        """`draw(entries, ...)`, or in its place a note that says why there is nothing to draw."""
        if self.entries:
            return draw(self.entries, *args, **options)
        from IPython.display import Markdown

        return Markdown(f"*Not run in this build: {self.missing}*")


def attempt(scale, dataset, *, store=None, data_root=None, device="auto", verbose=True, **choice):
    """Run a part of the grid where its data are there: an `Outcome`. `choice` goes to `grid`."""
    known("scale", scale, SCALES)
    known("dataset", dataset, datasets.TITLES)
    if dataset not in SCALES[scale]:
        return Outcome([], [], f"{datasets.TITLES[dataset]} is not part of the scale {scale!r}.")
    cells, store, without = grid(scale, dataset, **choice), open_store(store), ""
    need_weights = [c for c in cells if METHODS[c.method].features == "AlexNet" and store.get(c.stem(store)) is None]
    try:
        if need_weights:
            datasets.alexnet_weights(data_root)
    except datasets.MissingData as error:
        cells, without = [c for c in cells if c not in need_weights], str(error)
    try:
        entries = run(cells, store, data_root=data_root, device=device, verbose=verbose)
        return Outcome(cells, entries, without=without)
    except datasets.MissingData as error:
        return Outcome(cells, [], str(error))


def open_store(root=None):
    """The store at `root`, else at GANOD_STORE, else `build/results` in the working directory."""
    return Store(root or os.environ.get("GANOD_STORE") or "build/results")


def grid(scale, dataset, methods=TABLE1, classes=None, seeds=(0,)):
    """The cells of a table; `classes` defaults to the scale's own."""
    known("scale", scale, SCALES)
    known("dataset", dataset, SCALES[scale])
    classes = SCALES[scale][dataset].classes if classes is None else classes
    return [Cell(dataset, c, m, s, scale) for m in methods for s in seeds for c in classes]


def run(cells, store, *, data_root=None, device="auto", time_limit=None, verbose=True):
    """Compute the cells that `store` lacks; return the store's entries for all of them, in order.

    Cells that share a fit, a network or a search are one errand, and errands go through joblib:
    one after the other, or as `joblib.parallel_config` says, on several cores or a cluster that sees
    the same store. A lock for each errand keeps two processes from doing the same one.
    time_limit: seconds after which no errand is begun and a training stops, its checkpoint saved;
    what is not there by then has None for its entry.

    Raises datasets.MissingData if a cell is to be computed and its data are not there.
    """
    stop_at = None if time_limit is None else time.time() + time_limit
    device = resolve_device(device)
    missing = [cell for cell in dict.fromkeys(cells) if store.get(cell.stem(store)) is None]
    for name in {cell.dataset for cell in missing}:
        _images(name, data_root)
    errands = _errands(missing, store)
    if device.type == "cuda":
        _train_at_once(errands, store, data_root, device, stop_at, verbose)
    options = {"data_root": data_root, "device": device, "stop_at": stop_at, "verbose": verbose}
    # First what nobody else is at, then, once they have left it, what others did not finish.
    for wait in (False, True):
        work = joblib.Parallel(return_as="generator_unordered")(
            joblib.delayed(_do)(errand, store.root, wait=wait, **options) for errand in errands
        )
        done = []
        with tqdm(total=sum(map(len, errands)), unit="cell", disable=not verbose or not errands) as bar:
            for errand in work:
                bar.update(len(errand))
                done += errand
        errands = [left for errand in errands if (left := [cell for cell in errand if cell not in done])]
    return [store.get(cell.stem(store)) for cell in cells]


def _errands(cells, store):
    """The cells as lists of those that share something, the longest first as far as the store tells."""
    errands = {}
    for cell in cells:
        errands.setdefault(cell.shares, []).append(cell)
    unknown = float("inf")  # of what nothing is known comes first
    return sorted(errands.values(), key=lambda cells: -sum(_expected_seconds(c, store) or unknown for c in cells))


def _do(cells, root, *, data_root, device, stop_at, verbose, wait):
    """Compute what is still missing of an errand; return those of its cells that the store then has."""
    store, done = Store(root), []
    try:
        with (
            _lock(store, cells).acquire(timeout=-1 if wait and stop_at is None else 0),
            joblib.parallel_config(backend="sequential"),  # what an errand waits for is not elsewhere on a cluster
        ):
            missing = [cell for cell in cells if store.get(cell.stem(store)) is None]
            done = [cell for cell in cells if cell not in missing]
            if not missing:
                return done
            images = _images(missing[0].dataset, data_root)
            errand = Errand(
                missing, images, store, data_root=data_root, device=device, stop_at=stop_at, verbose=verbose
            )
            for cell in missing:
                if stop_at is not None and time.time() + (_expected_seconds(cell, store) or 0) > stop_at:
                    break
                errand.compute(cell)
                done.append(cell)
    except (Timeout, TimeIsUp):
        pass
    return done


def _expected_seconds(cell, store):
    """How long the cell's method has taken on its data at its scale, fit or training included; None if unknown."""
    seconds = []
    for path in cell.stem(store).parent.glob("*.json"):
        record = json.loads(path.read_text())
        seconds.append(record["seconds"] + record["details"].get("seconds_of_fit", 0))
    return float(np.median(seconds)) if seconds else None


def _train_at_once(errands, store, data_root, device, stop_at, verbose):
    """Train the GANs that errands lack in groups, as a GPU is not filled by one.

    On a CPU that gains little, and one after the other each comes out the same to the bit whichever
    others are asked for; there an errand trains its own.
    """
    lacking = {}
    for cells in errands:
        if cells[0].network == "gan" and store.get(cells[0].network_stem(store)) is None:
            lacking.setdefault((cells[0].scale, cells[0].dataset, cells[0].objective), []).append(cells)
    for errands in lacking.values():
        for group in (errands[i : i + GANS_AT_ONCE] for i in range(0, len(errands), GANS_AT_ONCE)):
            with ExitStack() as locks:
                mine = []
                for cells in group:
                    try:
                        locks.enter_context(_lock(store, cells).acquire(timeout=0))
                        mine.append(cells[0])
                    except Timeout:
                        continue  # another process is at it
                try:
                    images = _images(mine[0].dataset, data_root) if mine else None
                    train_networks(mine, store, images, device=device, stop_at=stop_at, verbose=verbose)
                except TimeIsUp:
                    return


def _lock(store, cells):
    name = sha256(repr(cells[0].shares).encode()).hexdigest()[:16]
    folder = store.root / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / name)


def _images(dataset, data_root):
    return _loaded(dataset, datasets.data_root(data_root))


_loaded = lru_cache(maxsize=2)(lambda dataset, root: datasets.load_images(dataset, root=root))


def gans_behind(entries, store=None):
    """The generators that ADGAN's entries used, {class's name: (GAN, its entry)}, each class' first seed."""
    found = {}
    for e in entries:
        p = e.parameters
        if p["method"] == "adgan":
            cell = Cell(p["dataset"], p["normal_class"], "adgan", p["seed"], p["scale"])
            name = datasets.CLASSES[cell.dataset][cell.normal_class]
            found.setdefault(name, stored_network(cell, open_store(store)))
    return found


def entries_of(*groups):
    """All entries in dictionaries of entries or of `Outcome`s, in order."""
    return [e for group in groups for found in group.values() for e in getattr(found, "entries", found)]


def stored_results(dataset, *scales):
    """The entries of a data set that the repository holds at the scales, by default all; none have to be there."""
    stored = (Store(COMMITTED / scale).entries(dataset=dataset, scale=scale) for scale in scales or STORED)
    return [entry for entries in stored for entry in entries]


def status(cells, store):
    """How many of the cells the store has: {(data set, method): (there, asked for)}."""
    counts = {}
    for cell in cells:
        there, all_ = counts.get((cell.dataset, cell.method), (0, 0))
        counts[cell.dataset, cell.method] = there + (store.get(cell.stem(store)) is not None), all_ + 1
    return counts


def merge(target, sources):
    """Copy the undamaged entries that the store `target` lacks from other stores: how many were copied."""
    n_copied = 0
    for source in sources:
        if not source.root.is_dir():
            raise NotADirectoryError(f"sources: {source.root} is no folder.")
        for record in sorted(source.root.rglob("*.json")):
            stem = record.relative_to(source.root).with_suffix("")
            if target.get(target.root / stem) is None and source.get(source.root / stem) is not None:
                target.copy(source, stem)
                n_copied += 1
    return n_copied


def shared_options():
    """A parent for the parsers of commands that compute into a store, a part at a time."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--seeds", type=_numbers, default=[0], help="such as 0-2")
    parser.add_argument("--time-limit", type=float, help="seconds after which nothing is begun and a training stops")
    parser.add_argument("--store", help="folder of results; default: GANOD_STORE, else build/results")
    parser.add_argument("--data-root", help="where the data lie; default: GANOD_DATA, else the user's cache folder")
    parser.add_argument("--device", default="auto")
    return parser


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m ganod_study", description="Run a part of the grid.", parents=[shared_options()]
    )
    parser.add_argument("command", nargs="?", choices=("run", "status", "merge"), default="run")
    parser.add_argument("sources", nargs="*", help="stores to merge from")
    parser.add_argument("--scale", choices=SCALES, default="lite")
    parser.add_argument("--dataset", action="append", help="may be repeated; default: all of the scale")
    parser.add_argument("--methods", type=lambda text: text.split(","), default=TABLE1, help="default: Table 1's")
    parser.add_argument("--classes", type=_numbers, help="such as 0-3,7; default: those of the scale")
    parser.add_argument("--jobs", type=int, help="errands at a time (joblib's n_jobs)")
    args = parser.parse_args(arguments)
    store = open_store(args.store)
    try:
        if args.command == "merge":
            print(f"{merge(store, map(Store, args.sources))} entries copied to {store.root}")
            return 0
        cells = [
            cell
            for dataset in args.dataset or SCALES[args.scale]
            for cell in grid(args.scale, dataset, args.methods, args.classes, args.seeds)
        ]
    except (ValueError, NotADirectoryError) as error:
        parser.error(str(error))
    if args.command == "run":
        try:
            with joblib.parallel_config(n_jobs=args.jobs):
                run(cells, store, data_root=args.data_root, device=args.device, time_limit=args.time_limit)
        except datasets.MissingData as error:
            parser.error(str(error))
    counts = status(cells, store)
    for (dataset, method), (there, all_) in counts.items():
        print(f"{dataset:10} {method:19} {there:4} of {all_}")
    return 0 if all(there == all_ for there, all_ in counts.values()) else 3


def _numbers(text):
    """ "0-2,5" as [0, 1, 2, 5]."""
    ends = [part.split("-") for part in text.split(",")]
    return [n for each in ends for n in range(int(each[0]), int(each[-1]) + 1)]
