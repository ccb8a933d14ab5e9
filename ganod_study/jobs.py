"""Cells, each one number of a table to be, and jobs, in which the cells that share something are computed together.

A cell is found in the store by its parameters, which are all that its numbers depend on.
"""

from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache

import numpy as np
from sklearn.utils import check_scalar

from . import datasets, networks
from .methods import METHODS
from .networks import Network, split_of
from .scales import SCALES, TABLES, known, settings_of, some_of
from .store import stopwatch
from .tabular import rows_of


class _Cell:
    """What cells of images and of tables have in common."""

    @property
    def settings(self):
        return settings_of(self.scale, self.dataset)

    @property
    def features(self):
        return METHODS[self.method].features

    def stem(self, store):
        return store.stem(self.folder, self.name, self.parameters)

    def job(self, cells, data, store, **options):
        return Job(cells, data, store, **options)


@dataclass(frozen=True)
class Cell(_Cell):
    """A method trained on one class of images and tested on all, in one repetition (its seed), at a scale."""

    dataset: str
    normal_class: int
    method: str
    seed: int
    scale: str

    def __post_init__(self):
        known("scale", self.scale, SCALES)
        known("dataset", self.dataset, SCALES[self.scale])
        known("method", self.method, [name for name, method in METHODS.items() if not method.tables])
        check_scalar(self.seed, "seed", int, min_val=0)  # JSON, which names the entry, knows int alone
        check_scalar(self.normal_class, "normal_class", int)
        known("normal_class", self.normal_class, range(len(datasets.CLASSES[self.dataset])))

    @property
    def network(self):
        """The `Network` behind the cell, or None."""
        method = METHODS[self.method]
        if not method.network:
            return None
        objective = (method.objective or self.settings.objective) if method.network == "gan" else ""
        trained_on = next_class(self.normal_class, self.settings.classes) if method.other_class else self.normal_class
        about = method.network, self.dataset, trained_on, self.seed, self.scale, objective, method.latent_size
        return Network(*about, contaminated=self.contaminated)

    @property
    def contaminated(self):
        return METHODS[self.method].contaminated

    @property
    def like(self):
        return METHODS[self.method].like or self.method

    @property
    def parameters(self):
        method = METHODS[self.method]
        parameters = asdict(self) | some_of(self.settings, method.uses) | {"version": method.version}
        parameters |= {"latent_size": method.latent_size} if method.latent_size else {}
        parameters |= {"contaminated": self.contaminated} if self.contaminated else {}
        parameters |= {"trained_on": self.network.normal_class} if method.other_class else {}
        if not method.network:
            return parameters
        return parameters | self.network.optional | {"network_version": networks.VERSIONS[method.network]}

    @property
    def folder(self):
        return f"{self.dataset}/{self.scale}/{self.method}"

    @property
    def name(self):
        return f"class{self.normal_class}-seed{self.seed}"

    @property
    def shares(self):
        """What cells must have in common to be one job."""
        if self.network:
            return self.network.shares
        # Fits depend on the training images alone, which are the same for all seeds if all of a class are taken.
        what = self.features if self.features == "AlexNet" else self.method
        drawn = self.settings.n_train is not None or self.contaminated
        return self.scale, self.dataset, self.normal_class, what, self.seed if drawn else None

    def load(self, data_root):
        return images_of(self.dataset, datasets.data_root(data_root))


@lru_cache(maxsize=2)
def images_of(dataset, root):
    """The data set's images: the last two data sets stay in memory."""
    return datasets.load_images(dataset, root=root)


def next_class(normal_class, classes):
    """The next of the classes in their order, behind the last one the first."""
    return next((c for c in classes if c > normal_class), classes[0])


@dataclass(frozen=True)
class TableCell(_Cell):
    """A method fitted to a table, in one repetition (its seed), scoring the same rows or those that were held out."""

    dataset: str
    method: str
    seed: int
    scale: str = "paper"
    rows: str = "same"  # or "held-out"

    network = None

    def __post_init__(self):
        known("scale", self.scale, TABLES)
        known("dataset", self.dataset, TABLES[self.scale])
        known("method", self.method, [name for name, method in METHODS.items() if method.tables])
        known("rows", self.rows, ("same", "held-out"))
        check_scalar(self.seed, "seed", int, min_val=0)

    @property
    def parameters(self):
        method, about = METHODS[self.method], {"dataset": self.dataset, "method": self.method, "seed": self.seed}
        about |= {"rows": self.rows} if self.rows != "same" else {}
        return about | some_of(self.settings, method.uses) | {"version": method.version}

    @property
    def folder(self):
        return f"{self.dataset}/{self.method}{'' if self.rows == 'same' else '-held-out'}"

    @property
    def name(self):
        return f"seed{self.seed}"

    @property
    def shares(self):
        return self.scale, self.dataset, self.method, self.rows

    def load(self, data_root):
        return datasets.load_table(self.dataset, root=data_root)


class Job:
    """Cells that have `shares` in common, and what they share, each made when first asked for.

    `stop_at`, if given, is the time.time() after which a training stops, with its checkpoint saved, by TimeIsUp.
    """

    def __init__(self, cells, data, store, *, data_root=None, device="cpu", stop_at=None, verbose=True):
        self.cells, self.data, self.store, self.data_root = cells, data, store, data_root
        self.device, self.stop_at, self.verbose = device, stop_at, verbose
        self.settings = cells[0].settings
        self._made = {}

    @property
    def options(self):
        """What all computations on a device take."""
        return {"device": self.device, "verbose": self.verbose}

    def compute(self, cell):
        """Compute and store one cell: its entry. Its seconds are without what it shares with others."""
        method = METHODS[cell.method]
        if method.shares:
            method.shares(self, cell)
        with stopwatch() as seconds:
            arrays, details = method.compute(self, cell)
        arrays = {name: np.asarray(values) for name, values in arrays.items()}
        if not method.tables:  # whose extreme scores would be tied in single precision
            arrays = {name: v if v.dtype == np.uint8 else v.astype(np.float32) for name, v in arrays.items()}
        arrays |= self._tested(cell, len(arrays["scores"]))
        devices = [self.device if where == "device" else where for where in method.runs_on]
        return self.store.put(cell.stem(self.store), cell.parameters, arrays, seconds(), devices, details)

    def _tested(self, cell, n):
        """The labels of what the cell scored, and where it stands in the data set."""
        if METHODS[cell.method].tables:
            index = rows_of(self, cell).index
            return {"labels": self.data.y[index].astype(np.uint8), "test_index": index.astype(np.uint32)}
        split = self.split(cell)
        return {"labels": split.y_test[:n].astype(np.uint8), "test_index": split.test_index[:n].astype(np.uint32)}

    def split(self, cell):
        return split_of(cell, self.data)

    @cached_property
    def x_train(self):
        """The training images, which are the same for all cells of a job, unless those share a network."""
        return self.split(self.cells[0]).x_train

    def once(self, name, make):
        """What `make()` returned when it was first asked for by that name; if it diverged then, it does so again."""
        if name not in self._made:
            try:
                self._made[name] = make()
            except FloatingPointError as error:
                self._made[name] = error
        if isinstance(self._made[name], FloatingPointError):
            raise self._made[name]
        return self._made[name]

    def stored(self, name, cell, parameters, compute):
        """The store's entry of what the cell shares with others, or what `compute()` gives: arrays and details."""

        def find():
            stem = self.store.stem(f"{cell.dataset}/{cell.scale}/{parameters['method']}", cell.name, parameters)
            entry = self.store.get(stem)
            if entry is None:
                with stopwatch() as seconds:
                    arrays, details = compute()
                entry = self.store.put(stem, parameters, arrays, seconds(), self.device, details)
            return entry

        return self.once(name, find)

    def trained(self, network):
        """The network, trained if the store lacks it, and the details to record of it."""
        options = {"device": self.device, "stop_at": self.stop_at, "verbose": self.verbose}
        networks.train([network], self.store, self.data, **options)
        found, entry = network.load(self.store)
        return found, {"network": entry.record["file"]}
