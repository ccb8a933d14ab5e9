"""The grid: which cells there are, and computing those that a store lacks.

What has been computed is not computed again, in whichever page, run or process it comes up.
"""

import os
import time
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import joblib
import numpy as np
import torch
from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from ganod_lite.base import resolve_device
from ganod_lite.training import TimeIsUp

from . import datasets, networks
from .jobs import Cell, TableCell, images_of
from .methods import METHODS, TABLE1
from .scales import SCALES, STORED, TABLES, known
from .store import Store, seconds_of

GANS_AT_ONCE = 10  # on a GPU
COMMITTED = Path(__file__).resolve().parents[1] / "book/results"  # what the repository keeps, a folder for each scale


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
    known("dataset", dataset, (*datasets.TITLES, *TABLES[scale]))
    if dataset not in (*SCALES[scale], *TABLES[scale]):
        return Outcome([], [], f"{datasets.TITLES[dataset]} is not part of the scale {scale!r}.")
    cells, store, without = grid(scale, dataset, **choice), open_store(store), ""
    need_weights = [cell for cell in cells if cell.features == "AlexNet" and store.get(cell.stem(store)) is None]
    try:
        if need_weights:
            datasets.alexnet_weights(data_root)
    except datasets.MissingData as error:
        cells, without = [cell for cell in cells if cell not in need_weights], str(error)
    try:
        entries = run(cells, store, data_root=data_root, device=device, verbose=verbose)
        return Outcome(cells, entries, without=without)
    except datasets.MissingData as error:
        return Outcome(cells, [], str(error))


def attempt_each(scale, names, *, store=None, data_root=None, device="auto", verbose=True, **choice):
    """`attempt` of several sets of images, {name: `Outcome`}; what is lacking of all of them is computed at once."""
    known("scale", scale, SCALES)
    there = [d for d, found in datasets.available(data_root).items() if found and d in names and d in SCALES[scale]]
    options = {"data_root": data_root, "device": device, "verbose": verbose}
    run([cell for d in there for cell in grid(scale, d, **choice)], open_store(store), **options)
    return {d: attempt(scale, d, store=store, **options, **choice) for d in names}


def already_there(scale, dataset, store=None, **choice):
    """What the store has of a part of the grid, as an `Outcome`; nothing is computed. `choice` goes to `grid`."""
    if dataset not in (*SCALES[scale], *TABLES[scale]):
        return Outcome([], [], f"{datasets.TITLES[dataset]} is not part of the scale {scale!r}.")
    cells, store = grid(scale, dataset, **choice), open_store(store)
    return Outcome(cells, [entry for cell in cells if (entry := store.get(cell.stem(store)))])


def kept(dataset, scale, methods):
    """What the repository keeps of some methods at a scale, as an `Outcome`."""
    entries = [entry for entry in stored_results(dataset, scale) if entry.parameters["method"] in methods]
    lacking = f"no results of {', '.join(methods)} on {datasets.TITLES[dataset]} at the scale {scale!r} are stored."
    return Outcome([], entries, "" if entries else lacking)


def open_store(root=None):
    """The store at `root`, else at GANOD_STORE, else `build/results` in the working directory."""
    return Store(root or os.environ.get("GANOD_STORE") or "build/results")


def grid(scale, dataset, methods=TABLE1, classes=None, seeds=(0,), rows="same"):
    """The cells of a data set at a scale: `classes` of images (default: the scale's own), `rows` of tables."""
    known("scale", scale, SCALES)
    if dataset in TABLES[scale]:
        return [TableCell(dataset, m, s, scale, rows) for m in methods for s in seeds]
    known("dataset", dataset, SCALES[scale])
    classes = SCALES[scale][dataset].classes if classes is None else classes
    return [Cell(dataset, c, m, s, scale) for m in methods for s in seeds for c in classes]


def run(cells, store, *, data_root=None, device="auto", time_limit=None, n_jobs=None, verbose=True):
    """Compute the cells that `store` lacks; return the store's entries for all of them, in order.

    Cells that share a fit, a network or a search are one job, and jobs go through joblib: `n_jobs` at a time,
    else as many as GANOD_JOBS says (1 if it is not set, and on a GPU), or as `joblib.parallel_config` does, on
    several cores or on a cluster that sees the same store. On a CPU each job has one thread, so that its
    numbers are the same to the bit however many run. A lock for each keeps two processes from doing it.
    time_limit: seconds after which no job is begun and a training stops, its checkpoint saved;
    what is not there by then has None for its entry.

    Raises datasets.MissingData if a cell is to be computed and its data are not there; FloatingPointError, once all
    other cells are computed, where a training or a search diverged.
    """
    stop_at = None if time_limit is None else time.time() + time_limit
    device = resolve_device(device)
    missing = [cell for cell in dict.fromkeys(cells) if store.get(cell.stem(store)) is None]
    for name in {cell.dataset for cell in missing}:
        datasets.require(name, data_root)
    if any(cell.features == "AlexNet" for cell in missing):
        datasets.alexnet_weights(data_root)
    jobs = _jobs(missing, store)
    if n_jobs is None and device.type == "cpu" and len(jobs) > 1:
        n_jobs = int(os.environ.get("GANOD_JOBS", 1))
    if device.type == "cuda":
        _train_at_once(jobs, store, data_root, device, stop_at, verbose)
    alone = n_jobs in (None, 1)  # else the bars of several jobs would write over each other
    options = {"data_root": data_root, "device": device, "stop_at": stop_at, "verbose": verbose and alone}
    done, diverged = [], {}
    # First what nobody else is at, then, once they have left it, what others did not finish.
    for wait in (False, True):
        work = joblib.Parallel(n_jobs=None if alone else n_jobs, return_as="generator_unordered")(
            joblib.delayed(_do)(job, store.root, wait=wait, **options) for job in jobs
        )
        with tqdm(total=sum(map(len, jobs)), unit="cell", disable=not verbose or not jobs) as bar:
            for computed, failed in work:
                bar.update(len(computed))
                done += computed
                diverged |= failed
        jobs = [left for job in jobs if (left := [cell for cell in job if cell not in done and cell not in diverged])]
    if diverged:
        cell, why = next(iter(diverged.items()))
        raise FloatingPointError(f"{len(diverged)} of {len(cells)} cells diverged; the first, {cell}: {why}")
    return [store.get(cell.stem(store)) for cell in cells]


def _jobs(cells, store):
    """The cells as lists of those that share something, the longest first as far as the store tells."""
    jobs = {}
    for cell in cells:
        jobs.setdefault(cell.shares, []).append(cell)
    folders = {cell: cell.stem(store).parent for cell in cells}
    expected = {folder: _expected_seconds(folder, store) for folder in set(folders.values())}
    # What nothing is known of comes first
    seconds = {folder: float("inf") if known is None else known for folder, known in expected.items()}
    return sorted(jobs.values(), key=lambda cells: -sum(seconds[folders[cell]] for cell in cells))


def _do(cells, root, *, data_root, device, stop_at, verbose, wait):
    """Compute what is still missing of a job.

    Returns those of its cells that the store then has, and {cell: why} of those that diverged.
    """
    store, done, diverged = Store(root), [], {}
    try:
        with (
            _lock(store, cells[0].shares).acquire(timeout=-1 if wait and stop_at is None else 0),
            joblib.parallel_config(backend="sequential"),  # what a job waits for is not elsewhere on a cluster
            _one_thread() if device.type == "cpu" else nullcontext(),
        ):
            missing = [cell for cell in cells if store.get(cell.stem(store)) is None]
            done = [cell for cell in cells if cell not in missing]
            if not missing:
                return done, diverged
            options = {"data_root": data_root, "device": device, "stop_at": stop_at, "verbose": verbose}
            job = missing[0].job(missing, missing[0].load(data_root), store, **options)
            for cell in missing:
                if stop_at is not None:  # else no record need be read
                    expected = _expected_seconds(cell.stem(store).parent, store) or 0
                    if time.time() + expected > stop_at:
                        break
                try:
                    job.compute(cell)
                    done.append(cell)
                except FloatingPointError as error:
                    diverged[cell] = str(error)
    except (Timeout, TimeIsUp):
        pass
    return done, diverged


@contextmanager
def _one_thread():
    """Two threads of a job are hardly faster than one, and stall when anything else runs."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(n_threads)


def _expected_seconds(folder, store):
    """How long a method has taken on its data at its scale, fit and search included; None if unknown."""
    records = store.records(folder)
    seconds = [seconds_of(record) + record["details"].get("seconds_of_fit", 0) for record in records]
    return float(np.median(seconds)) if seconds else None


def _train_at_once(jobs, store, data_root, device, stop_at, verbose):
    """Train the GANs that jobs lack in groups, as a GPU is not filled by one.

    On a CPU that gains little, and one after the other each comes out the same to the bit whichever
    others are asked for; there a job trains its own.
    """
    wanted = {}
    for network in (cells[0].network for cells in jobs):
        if network and network.kind == "gan" and store.get(network.stem(store)) is None:
            alike = network.scale, network.dataset, network.objective, network.latent_size
            wanted.setdefault(alike, []).append(network)
    for some in wanted.values():
        groups = networks.unfinished(some, store)  # with their checkpoints, whatever is asked for now
        rest = [network for network in some if not any(network in group for group in groups)]
        groups += [rest[i : i + GANS_AT_ONCE] for i in range(0, len(rest), GANS_AT_ONCE)]
        images = images_of(some[0].dataset, datasets.data_root(data_root))
        for group in groups:
            with ExitStack() as locks:
                mine = []
                for network in group:
                    try:
                        locks.enter_context(_lock(store, network.shares).acquire(timeout=0))
                        mine.append(network)
                    except Timeout:
                        continue  # another process is at it
                try:
                    networks.train(mine, store, images, device=device, stop_at=stop_at, verbose=verbose)
                except TimeIsUp:
                    return
                except FloatingPointError:
                    continue  # a job then trains its own, and says which diverged


def _lock(store, shares):
    name = sha256(repr(shares).encode()).hexdigest()[:16]
    folder = store.root / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / name)


def gans_behind(entries, store=None):
    """The generators that ADGAN's entries used, {class's name: (GAN, its entry)}, each class' first seed.

    Where the store lacks the network of a class, that has None.
    """
    found = {}
    for e in entries:
        p = e.parameters
        if p["method"] == "adgan":
            cell = Cell(p["dataset"], p["normal_class"], "adgan", p["seed"], p["scale"])
            name = datasets.CLASSES[cell.dataset][cell.normal_class]
            found.setdefault(name, cell.network.load(open_store(store)))
    return found


def entries_of(*groups):
    """All entries in dictionaries of entries or of `Outcome`s, in order."""
    return [e for group in groups for found in group.values() for e in getattr(found, "entries", found)]


def stored_results(dataset, *scales, **wanted):
    """The entries of a data set's methods that the repository holds at the scales, by default all; there may be none.

    What methods share, such as a search, is left out. wanted: other parameters that they are to have.
    """
    stored = (Store(COMMITTED / scale).entries(dataset=dataset, scale=scale, **wanted) for scale in scales or STORED)
    return [entry for entries in stored for entry in entries if entry.parameters["method"] in METHODS]


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
