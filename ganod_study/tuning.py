"""What the paper leaves open of the training and of the search, chosen without a test image or an anomaly.

    python -m ganod_study tune --dataset mnist --classes 8 --seeds 0 --store DIR       run what DIR lacks

Generators are trained on a class' training images without a holdout, and measured on that holdout. Each
candidate is an entry of the store. What is chosen follows from the entries by one rule, `choose`.
"""

import copy
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.utils import check_scalar
from torch import nn
from torch.nn import functional as F

from ganod_lite.adgan import latent_search
from ganod_lite.gan import RECIPES
from ganod_lite.images import as_images

from . import datasets
from .averaging import train_averaged
from .jobs import images_of
from .networks import diversity
from .runner import COMMITTED, run
from .scales import AVERAGE, SCALES, known
from .store import Store, beside, stopwatch
from .summaries import Curves

SCALE = "medium"  # whose search the candidates have, and whose networks and batches where they are not the question
DATASETS = ("mnist", "cifar10")  # those of Table 1
N_STEPS = 1000  # generator steps where they are not the question
STEPS = (250, 500, 1000, 2000, 4000)
AVERAGED_STEPS = 2700  # where the average is the question: a third of the scale "large"
# Generator steps in about the time of AVERAGED_STEPS of SCALE's networks and batches, by width and by batch size. Fixed
# before they were run, by one core of an AMD EPYC: a step takes 2.5 and 8 times as long, with the larger batch 1.85.
WIDER_STEPS = {32: 1100, 64: 350}
BATCH_STEPS = {128: 1450}
N_HOLDOUT = 500
N_SEARCHED = 100  # images of the holdout, the first
N_GENERATED = 2000
N_COMPONENTS = 50  # of PCA
VERSION = 1  # goes up when a change of the code changes the numbers
MEASURES = {"frechet": "Fréchet distance", "search_loss": "search loss", "diversity": "diversity"}


@dataclass(frozen=True)
class Candidate:
    """A way to train and to search.

    own_statistics: BatchNorm in the search normalises by the statistics of its batch, which is one image,
    and not by the running ones. resized: MNIST is brought from 28 to 32 pixels by bilinear interpolation
    and not by padding. average: decay of the moving average of the generator's weights, 0 for its last weights.
    """

    objective: str
    n_critic: int
    n_steps: int
    ngf: int
    batch_size: int
    own_statistics: bool = False
    resized: bool = False
    average: float = 0.0

    @property
    def training(self):
        """The candidate that the same generators are trained for: the last one, which all trainings have."""
        return replace(self, own_statistics=False, average=0.0)

    def parameters(self, dataset, normal_class, seed):
        """All that the entry's numbers depend on."""
        s = SCALES[SCALE][dataset]
        return {
            "dataset": dataset, "method": "tuning", "normal_class": normal_class, "seed": seed,
            **{name: value for name, value in asdict(self).items() if name != "average" or value},
            "latent_size": s.latent_size, "n_seeds": s.n_seeds, "n_search_steps": s.n_steps, "n_holdout": N_HOLDOUT,
            "n_searched": N_SEARCHED, "n_generated": N_GENERATED, "n_components": N_COMPONENTS, "version": VERSION,
        }  # fmt: skip


class Question(NamedTuple):
    """options: {its name: `Candidate`}; measure: the one of MEASURES that decides, the lowest being best."""

    options: dict
    measure: str


def questions(dataset):
    """{name: `Question`} that a data set helps to answer."""
    s = SCALES[SCALE][dataset]
    base = Candidate(s.objective, RECIPES[s.objective]["n_critic"], N_STEPS, s.ngf, s.batch_size)
    longer = replace(base, n_steps=AVERAGED_STEPS)
    averaged = replace(longer, average=AVERAGE)
    ways = [replace(base, objective=o, n_critic=n) for o in ("wgan", "wgan-gp") for n in (1, 2, 5)]
    of_search = {"running statistics": base, "the image's own": replace(base, own_statistics=True)}
    found = {
        "critic": Question({critic_option(way.objective, way.n_critic): way for way in ways}, "frechet"),
        "steps": Question({f"{n:,}": replace(base, n_steps=n) for n in STEPS}, "frechet"),
        "batch norm": Question(of_search, "search_loss"),  # the samples are the same
        "average": Question({"the last weights": longer, "their moving average": averaged}, "frechet"),
        "width": Question(
            {f"width {s.ngf}": averaged}
            | {f"width {ngf}": replace(averaged, ngf=ngf, n_steps=n) for ngf, n in WIDER_STEPS.items()},
            "frechet",
        ),
        "batch": Question(
            {f"batches of {s.batch_size}": averaged}
            | {f"batches of {size}": replace(averaged, batch_size=size, n_steps=n) for size, n in BATCH_STEPS.items()},
            "frechet",
        ),
    }
    if dataset == "mnist":
        found["size"] = Question({"padded": base, "resized": replace(base, resized=True)}, "frechet")
    return found


def critic_option(objective, n_critic):
    return f"{objective}, {n_critic} critic step{'s' * (n_critic > 1)}"


def own_option(name, scale):
    """What the project does at a scale, in the words of the question's options; several where data sets differ."""
    found = [
        {
            "critic": critic_option(s.objective, RECIPES[s.objective]["n_critic"]),
            "steps": f"{s.n_iter:,}",
            "batch norm": "running statistics",  # see latent_search
            "size": "padded",  # see datasets.load_images
            "average": "their moving average" if s.average else "the last weights",
            "width": f"width {s.ngf}",
            "batch": f"batches of {s.batch_size}",
        }[name]
        for s in map(SCALES[scale].get, DATASETS)
    ]
    return list(dict.fromkeys(found))


def candidates(dataset, max_steps=None):
    """All candidates of a data set, each once; those of up to max_steps generator steps, if given."""
    found = dict.fromkeys(c for question in questions(dataset).values() for c in question.options.values())
    return [c for c in found if max_steps is None or c.n_steps <= max_steps]


# --- computing ---


@dataclass(frozen=True)
class TuningCell:
    """A candidate for one class of a data set, in one repetition."""

    dataset: str
    normal_class: int
    seed: int
    candidate: Candidate

    network, method, features = None, "tuning", ""

    def __post_init__(self):
        known("dataset", self.dataset, DATASETS)
        known("classes", self.normal_class, range(len(datasets.CLASSES[self.dataset])))
        check_scalar(self.seed, "seed", int, min_val=0)

    @property
    def parameters(self):
        return self.candidate.parameters(self.dataset, self.normal_class, self.seed)

    @property
    def shares(self):
        return self.dataset, self.normal_class, self.seed, self.candidate.training

    def stem(self, store):
        return store.stem(f"{self.dataset}/tuning", f"class{self.normal_class}-seed{self.seed}", self.parameters)

    def load(self, data_root):
        return images_of(self.dataset, datasets.data_root(data_root))

    def job(self, cells, data, store, **options):
        return TuningJob(cells, data, store, **options)


def tune(dataset, classes, seeds, store, *, max_steps=None, **options):
    """Compute the candidates that `store` lacks; return its entries for all of them, class after class.

    dataset: "mnist" or "cifar10"; classes, seeds: lists of int; max_steps: candidates with more generator
    steps are left out; options: of `runner.run`.

    Only the set's training images are used. Raises datasets.MissingData if they are needed and not there,
    ValueError or TypeError for arguments that do not fit.
    """
    known("dataset", dataset, DATASETS)
    some = candidates(dataset, max_steps)
    if not some:
        raise ValueError(f"max_steps={max_steps}: each candidate has more generator steps.")
    return run([TuningCell(dataset, c, seed, one) for c in classes for seed in seeds for one in some], store, **options)


class TuningJob:
    """Candidates that the same generator is trained for."""

    def __init__(self, cells, data, store, *, data_root=None, device="cpu", stop_at=None, verbose=True):
        self.cells, self.store, self.device, self.stop_at, self.verbose = cells, store, device, stop_at, verbose
        first = cells[0]
        self.settings, self.training = SCALES[SCALE][first.dataset], first.candidate.training
        of_class = data.x_train[data.y_train == first.normal_class]
        self.holdout = Holdout(of_class, first.seed, first.candidate.resized)

    @cached_property
    def trained(self):
        """{decay of its average: generator}, empty if the training diverged, and what to record of the training."""
        s, first = self.settings, self.cells[0]
        stem = replace(first, candidate=self.training).stem(self.store)
        checkpoint = beside(stem, ".checkpoint")
        generators, diverged = {}, ""
        with stopwatch() as seconds:
            try:
                (last,), (averaged,) = train_averaged(
                    [self.holdout.x_train], [first.seed], decay=AVERAGE, n_steps=self.training.n_steps,
                    latent_size=s.latent_size, ngf=self.training.ngf, batch_size=self.training.batch_size,
                    objective=self.training.objective, n_critic=self.training.n_critic, device=self.device,
                    checkpoint=checkpoint, stop_at=self.stop_at, verbose=self.verbose,
                )  # fmt: skip
                generators = {0.0: last.generator, AVERAGE: averaged.generator}
            except FloatingPointError as error:
                checkpoint.unlink(missing_ok=True)
                diverged = str(error)
        details = {"seconds_of_training": round(seconds(), 2), "n_train": len(self.holdout.x_train)}
        return generators, details | ({"diverged": diverged} if diverged else {})

    def compute(self, cell):
        """Measure a candidate and store what was found: its entry."""
        (generators, shared), arrays, details = self.trained, {}, {}
        with stopwatch() as seconds:
            if generators:
                generator = generators[cell.candidate.average]
                searched = own_statistics(generator) if cell.candidate.own_statistics else generator
                s = self.settings
                options = {"n_seeds": s.n_seeds, "n_steps": s.n_steps, "device": self.device, "verbose": self.verbose}
                try:
                    arrays = {"search_losses": self.holdout.search(searched, **options).astype(np.float32)}
                    details = measures(generator, self.holdout, arrays["search_losses"])
                except FloatingPointError as error:
                    details = {"diverged": str(error)}
        return self.store.put(cell.stem(self.store), cell.parameters, arrays, seconds(), self.device, shared | details)


class Holdout:
    """A class' training images x, uint8 (n, ...), divided into `x_train` and `x_holdout`, and the measures of both.

    The division depends on the seed alone; distances are relative to the holdout's total `variance`, the mean squared
    distance of its images to their mean, so that sizes compare.
    """

    def __init__(self, x, seed, resized):
        if len(x) < N_HOLDOUT + 2:
            raise ValueError(f"x: at least {N_HOLDOUT + 2} images are needed; got {len(x)}.")
        order = np.random.RandomState(seed).permutation(len(x))
        x, self.seed = resize_mnist(x) if resized else x, seed
        self.x_train, self.x_holdout = x[np.sort(order[N_HOLDOUT:])], x[order[:N_HOLDOUT]]
        self.variance = float(_flat(as_images(self.x_holdout)).var(0).sum())

    @cached_property
    def pca(self):
        x = _flat(as_images(self.x_train))
        return PCA(min(N_COMPONENTS, *x.shape), random_state=0).fit(x)

    def frechet(self, images):
        """The Fréchet distance of images (n, channels, height, width) in [-1, 1] to the holdout, after PCA."""
        a, b = (self.pca.transform(_flat(x)) for x in (images, as_images(self.x_holdout)))
        return frechet(a, b) / self.variance

    def search(self, generator, **options):
        """What an ADGAN search leaves unexplained of images of the holdout: (n,), a mean over starting points."""
        x = self.x_holdout[:N_SEARCHED]
        return latent_search(generator, x, random_state=self.seed, **options).scores / self.variance


def measures(generator, holdout, search_losses):
    """{name of MEASURES: value} of a generator, and "frechet_of_training", which training images themselves have."""
    z = torch.randn(N_GENERATED, generator.latent_size, generator=torch.Generator().manual_seed(holdout.seed))
    with torch.no_grad():
        fake = torch.cat([generator(part) for part in z.split(500)])
    return {
        "frechet": float(holdout.frechet(fake)),
        "search_loss": float(np.mean(search_losses, dtype=float)),
        "diversity": diversity(generator, holdout.x_holdout),
        "frechet_of_training": float(holdout.frechet(as_images(holdout.x_train[:N_GENERATED]))),
    }


def frechet(a, b):
    """The Fréchet distance of the Gaussians with the means and covariances of a (n, d) and b (m, d).

    |mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2)) (Dowson and Landau 1982), the square of a length.
    """
    mean = np.square(a.mean(0) - b.mean(0)).sum()
    a, b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    # the eigenvalues of A^(1/2) B A^(1/2) are those of A B
    return mean + np.trace(a) + np.trace(b) - 2 * np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(0)).sum()


def own_statistics(generator):
    """A copy whose BatchNorm layers normalise by their batch's statistics in evaluation mode too."""
    generator = copy.deepcopy(generator)
    for layer in generator.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.track_running_stats, layer.running_mean, layer.running_var = False, None, None
    return generator


def resize_mnist(x):
    """MNIST as `load_images` pads it, uint8 (n, 32, 32), without its padding and resized to 32 by 32 instead."""
    x = F.interpolate(torch.from_numpy(x[:, None, 2:-2, 2:-2]).float(), size=x.shape[1:], mode="bilinear")
    return x[:, 0].round().to(torch.uint8).numpy()


def _flat(images):
    return images.flatten(1).double().numpy()


# --- choosing ---


def stored_results():
    """The entries that the repository holds; none have to be there."""
    return Store(COMMITTED / "tuning").entries(method="tuning")


class Choice(NamedTuple):
    """What the rule chose.

    option: its name; means: {option: the deciding measure's mean}, of those that could be chosen; groups: the
    (data set, class, seed) that all options which have been run have in common, over which the means are.
    """

    option: str
    means: dict
    groups: list


def runs(entries, name):
    """{option: {(data set, class, seed): entry}} of a question; an option that has not been run has {}."""
    by_parameters = {frozenset(e.parameters.items()): e for e in entries}
    groups = sorted({tuple(e.parameters[key] for key in ("dataset", "normal_class", "seed")) for e in entries})
    found = {option: {} for dataset in DATASETS for option in options_of(dataset, name)}
    for group in groups:
        for option, candidate in options_of(group[0], name).items():
            entry = by_parameters.get(frozenset(candidate.parameters(*group).items()))
            if entry:
                found[option][group] = entry
    return found


def choose(entries, name):
    """THE RULE: the option with the lowest mean of the question's measure, as a `Choice`, or None if there is none.

    Means are over classes and seeds, then over data sets, of what all options that were run have in common.
    An option that diverged anywhere is never chosen, and one alone is no choice.
    """
    run = {option: of for option, of in runs(entries, name).items() if of}
    groups = sorted(set.intersection(*map(set, run.values()))) if run else []
    if len(run) < 2 or not groups:
        return None
    means = {}
    for option, of in run.items():
        if not any(map(diverged, of.values())):
            by_dataset = {}
            for group in groups:
                by_dataset.setdefault(group[0], []).append(of[group].record["details"][deciding_measure(name)])
            means[option] = float(np.mean([np.mean(values) for values in by_dataset.values()]))
    return Choice(min(means, key=means.get), means, groups) if means else None


def curves(entries):
    """{measure: {data set's title: `summaries.Curves` over the generator steps that all its trainings have}}."""
    found = {measure: {} for measure in MEASURES}
    for dataset in DATASETS:
        by_steps = {}  # {steps: {(data set, class, seed): entry}}
        for option, candidate in options_of(dataset, "steps").items():
            of = runs(entries, "steps")[option]
            by_steps[candidate.n_steps] = {g: e for g, e in of.items() if g[0] == dataset and not diverged(e)}
        groups = set().union(*by_steps.values())
        by_steps = {n: of for n, of in by_steps.items() if groups and set(of) == groups}
        for measure in MEASURES if by_steps else ():
            lines = {}
            for c in sorted({c for _, c, _ in groups}):
                of_class = [g for g in groups if g[1] == c]
                values = [[of[g].record["details"][measure] for g in of_class] for of in by_steps.values()]
                lines[datasets.CLASSES[dataset][c]] = np.mean(values, axis=1)
            found[measure][datasets.TITLES[dataset]] = Curves(np.array(list(by_steps)), lines, {})
    return {measure: of for measure, of in found.items() if of}


def diverged(entry):
    return bool(entry.record["details"].get("diverged"))


def options_of(dataset, name):
    question = questions(dataset).get(name)
    return question.options if question else {}


def deciding_measure(name):
    return questions("mnist")[name].measure  # the data set with all questions
