"""The grid of experiments: a cell is a data set, a normal class, a method and a seed at a scale.

A cell's parameters are all that its numbers depend on; by them it is found in the store, so what has
been computed is not computed again, in whichever page or run it comes up. A generator is trained once
for a data set, class, seed and scale, and everything that needs one takes it from the store.
"""

import os
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from sklearn.utils import check_scalar
from tqdm import tqdm

from . import classic, datasets
from .adgan import latent_search
from .base import as_images, resolve_device
from .dcgan import Critic, Generator
from .gaal import SOGAAL
from .gan import GAN, has_batch_norm, train_gans
from .store import Store, stopwatch


@dataclass(frozen=True)
class Settings:
    """What a scale means for a set of images."""

    classes: tuple  # normal classes of the grid
    n_train: int | None  # normal training images, None: all there are
    n_test: int  # test images of all classes
    n_holdout: int  # test images apart from those, to choose PCA's dimension on
    dimensions: tuple  # of PCA, to choose from
    latent_size: int
    ngf: int
    batch_size: int
    objective: str
    n_iter: int  # generator steps; training always ends there
    n_seeds: int
    n_steps: int


PAPER = Settings(  # section 4 of the ADGAN paper; it is silent on n_holdout, ngf, batch_size and n_iter
    classes=tuple(range(10)), n_train=None, n_test=5000, n_holdout=500, dimensions=(20, 40, 60, 80, 100),
    latent_size=256, ngf=64, batch_size=64, objective="wgan", n_iter=20_000, n_seeds=64, n_steps=5,
)  # fmt: skip
# Clipping needs several thousand steps before samples look like anything, so at the small scales the
# critic is held by the gradient penalty.
LITE = replace(
    PAPER, n_test=1000, dimensions=(20, 40, 60), ngf=16, objective="wgan-gp", n_iter=2000, n_seeds=8
)  # fmt: skip
SMOKE = replace(
    LITE, n_train=60, n_test=60, n_holdout=30, dimensions=(4, 8), latent_size=8, ngf=4, batch_size=16,
    n_iter=10, n_seeds=2, n_steps=2,
)  # fmt: skip
SCALES = {
    "smoke": {"digits": replace(SMOKE, classes=(0, 1))},
    "lite": {
        "digits": replace(LITE, classes=(0, 1, 4, 8), n_test=400, n_holdout=200, dimensions=(10, 20, 40), n_iter=1000),
        "mnist": replace(LITE, classes=(0, 1, 8), n_train=2000),
    },
    "paper": {"mnist": PAPER, "cifar10": PAPER},
}

GANS_AT_ONCE = 10  # on a GPU
WGAN_VERSION = 1  # goes up when a change of the code changes what is trained
TRAINING = ("n_train", "latent_size", "ngf", "batch_size", "objective", "n_iter")
TEST = ("n_test", "n_holdout")
# What each method's numbers depend on. "version" goes up when a change of the code changes its numbers.
METHODS = {
    "kde": {"title": "KDE", "uses": ("n_train", *TEST, "dimensions"), "version": 1},
    "ocsvm": {"title": "OC-SVM", "uses": ("n_train", *TEST, "dimensions"), "version": 1},
    "iforest": {"title": "IF", "uses": ("n_train", *TEST, "dimensions"), "version": 1},
    "gmm": {"title": "GMM", "uses": ("n_train", *TEST, "dimensions"), "version": 1},
    "adgan": {"title": "ADGAN", "uses": (*TRAINING, *TEST, "n_seeds", "n_steps"), "version": 1},
}
CLASSIC = {"kde": classic.KDE, "ocsvm": classic.OCSVM, "iforest": classic.IForest, "gmm": classic.GMM}


@dataclass(frozen=True)
class Cell:
    """One number of Table 1 to be: which method, trained on which class, with which seed."""

    dataset: str
    normal_class: int
    method: str
    seed: int
    scale: str

    def __post_init__(self):
        _known("scale", self.scale, SCALES)
        _known("dataset", self.dataset, SCALES[self.scale])
        _known("method", self.method, METHODS)
        check_scalar(self.seed, "seed", int, min_val=0)  # JSON, which names the entry, knows int alone
        check_scalar(self.normal_class, "normal_class", int)
        _known("normal_class", self.normal_class, range(len(datasets.CLASSES[self.dataset])))

    @property
    def settings(self):
        return SCALES[self.scale][self.dataset]

    @property
    def parameters(self):
        method = METHODS[self.method]
        parameters = asdict(self) | _of(self.settings, method["uses"]) | {"version": method["version"]}
        return parameters | ({} if self.method in CLASSIC else {"wgan_version": WGAN_VERSION})

    def stem(self, store):
        folder = f"{self.dataset}/{self.scale}/{self.method}"
        return store.stem(folder, f"class{self.normal_class}-seed{self.seed}", self.parameters)


@dataclass(frozen=True)
class Outcome:
    """What a part of the grid gave: entries of the store, or none and the reason why."""

    cells: list
    entries: list
    missing: str = ""

    def show(self, draw, *args, **options):
        """`draw(entries, ...)`, or in its place a note that says why there is nothing to draw."""
        if self.entries:
            return draw(self.entries, *args, **options)
        from IPython.display import Markdown

        return Markdown(f"*Not run in this build: {self.missing}*")


def attempt(scale, dataset, *, store=None, data_root=None, device="auto", verbose=True, **choice):
    """Run a part of the grid where its data are there: an `Outcome`. `choice` goes to `grid`."""
    _known("scale", scale, SCALES)
    _known("dataset", dataset, datasets.TITLES)
    if dataset not in SCALES[scale]:
        return Outcome([], [], f"{datasets.TITLES[dataset]} is not part of the scale {scale!r}.")
    cells = grid(scale, dataset, **choice)
    try:
        entries = run(cells, open_store(store), data_root=data_root, device=device, verbose=verbose)
        return Outcome(cells, entries)
    except datasets.MissingData as error:
        return Outcome(cells, [], str(error))


def open_store(root=None):
    """The store at `root`, else at GANOD_STORE, else `build/results` in the working directory."""
    return Store(root or os.environ.get("GANOD_STORE") or "build/results")


def grid(scale, dataset, methods=tuple(METHODS), classes=None, seeds=(0,)):
    """The cells of a table, generators' users last; `classes` defaults to the scale's own."""
    _known("scale", scale, SCALES)
    _known("dataset", dataset, SCALES[scale])
    classes = SCALES[scale][dataset].classes if classes is None else classes
    return [Cell(dataset, c, m, s, scale) for m in methods for s in seeds for c in classes]


def run(cells, store, *, data_root=None, device="auto", verbose=True):
    """Compute the cells that `store` lacks; return the store's entries for all of them, in order.

    Raises datasets.MissingData if a cell is to be computed and its images are not there.
    """
    entries = {cell: store.get(cell.stem(store)) for cell in cells}
    missing = [cell for cell, entry in entries.items() if entry is None]
    images = {name: datasets.load_images(name, root=data_root) for name in {cell.dataset for cell in missing}}
    device = resolve_device(device)
    for dataset, scale in {(cell.dataset, cell.scale): None for cell in missing}:
        users = [c for c in missing if (c.dataset, c.scale) == (dataset, scale) and c.method not in CLASSIC]
        train_generators(users, store, images[dataset], device=device, verbose=verbose)
    with tqdm(missing, unit="cell", disable=not verbose or not missing) as bar:
        for cell in bar:
            bar.set_description(f"{cell.dataset} {cell.method} class {cell.normal_class} seed {cell.seed}")
            entries[cell] = _compute(cell, images[cell.dataset], store, device, verbose)
    return [entries[cell] for cell in cells]


def train_generators(cells, store, images, *, device="auto", verbose=True):
    """Train and store the GANs that the cells (of one data set and scale) need and the store lacks.

    On a GPU several at once, as `train_gans` can. On a CPU that gains little, and one after the
    other each comes out the same to the bit whichever others are asked for.
    """
    device = resolve_device(device)
    stems = {_gan_stem(cell, store)[0]: cell for cell in cells}
    missing = [(stem, cell) for stem, cell in stems.items() if store.get(stem) is None]
    at_once = 1 if device.type == "cpu" else GANS_AT_ONCE
    for group in (missing[i : i + at_once] for i in range(0, len(missing), at_once)):
        stems, group = zip(*group)
        settings = _of(group[0].settings, TRAINING)
        n_steps, _ = settings.pop("n_iter"), settings.pop("n_train")
        sets = [_split(cell, images).x_train for cell in group]
        checkpoint = stems[0].with_name("+".join(stem.name for stem in stems) + ".checkpoint")
        with stopwatch() as seconds:
            gans = train_gans(
                sets, [cell.seed for cell in group], n_steps=n_steps, **settings, device=device,
                checkpoint=checkpoint, verbose=verbose,
            )  # fmt: skip
        for cell, gan, x in zip(group, gans, sets):
            arrays = {
                "generator": gan.generator.state_dict(),
                "critic": gan.critic.state_dict(),
                "losses": torch.tensor([gan.critic_loss, gan.generator_loss]),
                "some_real_images": as_images(x[:10]),
            }
            details = {"image_shape": gan.generator.arguments["image_shape"], "trained_at_once": len(group)}
            store.put(*_gan_stem(cell, store), arrays, seconds() / len(group), device, details)


def stored_gan(cell, store):
    """The GAN that `train_generators` has stored for the cell, with its entry, or None."""
    entry = store.get(_gan_stem(cell, store)[0])
    if entry is None:
        return None
    p, shape = entry.parameters, entry.record["details"]["image_shape"]
    generator = Generator(shape, p["latent_size"], p["ngf"])
    critic = Critic(shape, p["ngf"], batch_norm=has_batch_norm(p["objective"]))
    generator.load_state_dict(entry.arrays["generator"])
    critic.load_state_dict(entry.arrays["critic"])
    return GAN(generator.eval(), critic.eval(), *entry.arrays["losses"].tolist()), entry


def gans_behind(entries, store=None):
    """The generators that ADGAN's entries used, {class's name: (GAN, its entry)}, each class' first seed."""
    found = {}
    for e in entries:
        p = e.parameters
        if p["method"] == "adgan":
            cell = Cell(p["dataset"], p["normal_class"], "adgan", p["seed"], p["scale"])
            found.setdefault(datasets.CLASSES[cell.dataset][cell.normal_class], stored_gan(cell, open_store(store)))
    return found


def _gan_stem(cell, store):
    parameters = {"dataset": cell.dataset, "normal_class": cell.normal_class, "seed": cell.seed}
    parameters |= {"method": "wgan", "version": WGAN_VERSION} | _of(cell.settings, TRAINING)
    name = f"class{cell.normal_class}-seed{cell.seed}"
    return store.stem(f"{cell.dataset}/{cell.scale}/wgan", name, parameters), parameters


def _compute(cell, images, store, device, verbose):
    split = _split(cell, images)
    settings = cell.settings
    if cell.method in CLASSIC:
        with stopwatch() as seconds:
            flat = [x.reshape(len(x), -1) / 127.5 - 1 for x in (split.x_train, split.x_holdout, split.x_test)]
            chosen, tried = classic.select_by_holdout(
                CLASSIC[cell.method](contamination=None, random_state=cell.seed),
                *flat[:2], split.y_holdout, n_components=settings.dimensions,
            )  # fmt: skip
            scores = chosen.anomaly_score(flat[2])
        arrays, details = {"scores": scores}, {"holdout_auc": tried}
    else:
        gan, trained = stored_gan(cell, store)
        with stopwatch() as seconds:
            found = latent_search(
                gan.generator, split.x_test, n_seeds=settings.n_seeds, n_steps=settings.n_steps,
                random_state=cell.seed, device=device, verbose=verbose,
            )  # fmt: skip
        arrays = {"scores": found.scores}
        details = {"generator": trained.record["file"]}
    arrays |= {"labels": split.y_test.astype(np.uint8), "test_index": split.test_index.astype(np.int32)}
    arrays["scores"] = arrays["scores"].astype(np.float32)
    return store.put(cell.stem(store), cell.parameters, arrays, seconds(), device, details)


# stop_epochs of SO-GAAL for each table, from PARAMETERS.txt of the authors' repository
STOP_EPOCHS = {
    "onecluster": 1000, "Annthyroid": 22, "Arrhythmia": 70, "Ionosphere": 100, "PageBlocks": 28, "PenDigits": 6,
    "Pima": 200, "Shuttle": 90, "SpamBase": 40, "Stamps": 200, "Waveform": 10, "WDBC": 200,
}  # fmt: skip
SOGAAL_VARIANTS = {
    "official": {},
    "the post, generator's bias 1": {"variant": "post", "generator_bias": 1.0},
    "the post, generator's bias 1e-5": {"variant": "post", "generator_bias": 1e-5},
}
SOGAAL_TABLES = {"smoke": (), "lite": ("WDBC", "Stamps", "Waveform"), "paper": tuple(STOP_EPOCHS)}


def onecluster(data_root=None):
    """The name of the GAAL authors' table where it is at hand, else of the generated one."""
    return "onecluster" if datasets.available(data_root)["onecluster"] else datasets.GENERATED


def sogaal_variants(table, scale, seeds, *, store=None, data_root=None):
    """SO-GAAL's learning curves on a onecluster table: {variant: entries, one for each seed}."""
    stop = 5 if scale == "smoke" else STOP_EPOCHS["onecluster"]
    return {
        name: [run_sogaal(table, stop, seed, open_store(store), data_root=data_root, **options) for seed in seeds]
        for name, options in SOGAAL_VARIANTS.items()
    }


def sogaal_tables(scale, seeds, *, store=None, data_root=None):
    """The official SO-GAAL on the scale's GAAL tables: {table: `Outcome`}."""
    _known("scale", scale, SOGAAL_TABLES)
    outcomes = {}
    for table in SOGAAL_TABLES[scale]:
        try:
            run = [run_sogaal(table, STOP_EPOCHS[table], s, open_store(store), data_root=data_root) for s in seeds]
            outcomes[table] = Outcome([], run)
        except datasets.MissingData as error:
            outcomes[table] = Outcome([], [], str(error))
    return outcomes


def run_sogaal(table, stop_epochs, seed, store, *, data_root=None, verbose=True, **options):
    """SO-GAAL on a table: the store's entry, with the scores at the stop and at the end and all curves.

    `options` go to SOGAAL (the post's variant, say) and are part of the entry's parameters.
    """
    parameters = {"dataset": table, "method": "sogaal", "seed": seed, "stop_epochs": stop_epochs, "version": 1}
    parameters |= options
    stem = store.stem(f"{table}/sogaal", f"seed{seed}", parameters)
    entry = store.get(stem)
    if entry is None:
        data = datasets.load_table(table, root=data_root)
        detector = SOGAAL(stop_epochs, random_state=seed, contamination=None, device="cpu", verbose=verbose, **options)
        with stopwatch() as seconds:
            detector.fit(data.X, data.y)
        arrays = {
            "scores": detector.anomaly_score(data.X),
            "scores_at_stop": detector.scores_at_stop_,
            "labels": data.y.astype(np.uint8),
        } | {name: np.asarray(values, np.float32) for name, values in detector.history_.items()}
        entry = store.put(stem, parameters, arrays, seconds(), "cpu")
    return entry


def entries_of(*groups):
    """All entries in dictionaries of entries or of `Outcome`s, in order."""
    return [e for group in groups for found in group.values() for e in getattr(found, "entries", found)]


PAPER_SCALE = "book/results/paper"  # where the repository keeps the results at the paper's scale


def paper_scale_results(dataset):
    """The stored entries of Table 1 at the paper's scale for a data set; none have to be there."""
    return Store(PAPER_SCALE).entries(dataset=dataset, scale="paper")


def _split(cell, images):
    s = cell.settings
    return datasets.one_versus_all(
        images, cell.normal_class, n_train=s.n_train, n_test=s.n_test, n_holdout=s.n_holdout, seed=cell.seed
    )


def _of(settings, names):
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(settings).items() if k in names}


def _known(name, value, allowed):
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}; got {value!r}.")
