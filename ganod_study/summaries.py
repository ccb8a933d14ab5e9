"""What stored entries come to: means of AUCs, paired differences, curves over steps and starting points, grids.

Entries are those of `runner.attempt` or stored ones, of one data set unless said otherwise. Where a class has
several repetitions (seeds), its value is their mean. What entries lack is left out: a method, or a class that one
of two compared methods doesn't have.
"""

from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from ganod_lite import classic

from . import datasets
from .classical import DETECTORS
from .methods import CONTAMINATED, METHODS, STRANGERS, TABLE1
from .reference import paper_mean
from .runner import Outcome
from .scales import STORED
from .statistics import (
    TOLERANCE,
    Comparison,
    Interval,
    auc,
    average_precision,
    delong_test,
    entry_auc,
    mean_auc_interval,
    t_interval,
    true_positive_rate,
)

STEPS = (0, 1, 2, 5, 10, 20, 50)  # numbers of search steps that are shown, as far as there
COLLAPSED_BELOW = 0.5  # samples less than half as far apart as training images
SEARCHES = {"search": "θ adapts", "search-frozen": "θ frozen"}
LOSSES = {"adgan": "squared L2", "adgan-laplacian": "Laplacian pyramid"}
CONSTRAINTS = {"adgan": "gradient penalty", "adgan-wgan": "clipped weights"}
RERUN = {"adgan": "algorithm 1", "search-in-turn": "z and θ in turn"}
STARTS = {"search": "random", "search-encoder": "the encoder's"}
GENERATORS = {"adgan": "WGAN", "adgan-lsgan": "LSGAN", "adgan-vae": "VAE's decoder"}
OBJECTIVES = {"adgan-wgan": "WGAN", "adgan-wgan-gp": "WGAN-GP", "adgan-gan": "GAN", "adgan-lsgan": "LSGAN"}


# Which entries there are


def together(groups):
    """{name: Outcome} as one `Outcome`, whose `show` names all reasons if there are no entries at all."""
    outcomes = list(groups.values())
    reasons = " ".join(dict.fromkeys(o.missing for o in outcomes if o.missing))
    return Outcome([c for o in outcomes for c in o.cells], [e for o in outcomes for e in o.entries], reasons)


def by_dataset(entries):
    """{data set's title: its entries}, in order of appearance."""
    found = {}
    for entry in entries:
        found.setdefault(datasets.TITLES[entry.parameters["dataset"]], []).append(entry)
    return found


def by_class(entries, method):
    """{class's name: {seed: entry}} of a method, in the classes' order."""
    found = {}
    for (c, seed), entry in cells_of(entries, method).items():
        found.setdefault(datasets.CLASSES[entry.parameters["dataset"]][c], {})[seed] = entry
    return found


def cells_of(entries, method):
    """{(class, seed): entry} of a method, in order."""
    some = [e for e in entries if e.parameters["method"] == method]
    found = {(e.parameters["normal_class"], e.parameters["seed"]): e for e in some}
    return dict(sorted(found.items()))


def distinct(entries):
    """The entries without those that come up again, in order."""
    return list({entry.record["file"]: entry for entry in entries}.values())


def lacking(entries, methods):
    """Those of the methods that the entries have nothing of."""
    there = {e.parameters["method"] for e in entries}
    return [method for method in methods if method not in there]


def whole(entries):
    """Those of repetitions that have all classes of their data set, at whichever of the stored scales."""

    def repetition(entry):
        return tuple(entry.parameters[name] for name in ("dataset", "method", "scale", "seed"))

    classes = {}
    for entry in entries:
        classes.setdefault(repetition(entry), set()).add(entry.parameters["normal_class"])
    all_there = {of for of, there in classes.items() if len(there) == len(datasets.CLASSES[of[0]]) and of[2] in STORED}
    return [entry for entry in entries if repetition(entry) in all_there]


def complete(entries):
    """Of each data set's methods the repetitions that have all its classes, at the best scale that has any."""
    found, best = whole(entries), {}
    columns = [(e.parameters["dataset"], e.parameters["method"]) for e in found]
    ranks = [STORED.index(e.parameters["scale"]) for e in found]
    for column, rank in zip(columns, ranks):
        best[column] = min(rank, best.get(column, rank))
    return [entry for entry, column, rank in zip(found, columns, ranks) if rank == best[column]]


# Means


def aucs_of(cells):
    """{(class, seed): AUC} of {(class, seed): entry}."""
    return {key: entry_auc(entry) for key, entry in cells.items()}


def operating_points(entry):
    """What an AUC does not say, {name: number}: true positive rates at 1 and 5 % false positives, average precision."""
    y, scores = (entry.arrays[name] for name in ("labels", "scores"))
    rates = {f"tpr_at_{percent}": true_positive_rate(y, scores, percent / 100) for percent in (1, 5)}
    return rates | {"average_precision": average_precision(y, scores), "prevalence": float(np.mean(y))}


@dataclass(frozen=True)
class Mean:
    """A mean AUC over classes and repetitions.

    interval: the mean and its 95 % interval; aucs: each repetition's mean over classes; classes: of the data set;
    cells: {(class, seed): entry} that it was computed from.
    """

    interval: Interval
    aucs: list
    classes: tuple
    cells: dict

    @property
    def value(self):
        return self.interval.value

    @property
    def sd(self):
        """The standard deviation over repetitions; None for a single one."""
        return float(np.std(self.aucs, ddof=1)) if len(self.aucs) > 1 else None


def mean_auc(cells, classes=None):
    """The `Mean` of {(class, seed): entry} over the repetitions that all the classes have; None if there are none.

    Its interval is Student's t over repetitions. Of a single one, and where repetitions share one fit, it is DeLong's
    over test images: they are drawn from one set, for all classes alike, so an image counts once.
    """
    classes = tuple(sorted({c for c, _ in cells}) if classes is None else classes)
    seeds = sorted({s for _, s in cells if all((c, s) in cells for c in classes)})
    if not classes or not seeds:
        return None
    cells = {(c, s): cells[c, s] for c, s in product(classes, seeds)}
    found = aucs_of(cells)
    aucs = [float(np.mean([found[c, s] for c in classes])) for s in seeds]
    if len(seeds) > 1 and not all(map(_fit_is_shared, cells.values())):
        return Mean(t_interval(aucs), aucs, classes, cells)
    samples = [[e.arrays[name] for name in ("test_index", "labels", "scores")] for e in cells.values()]
    return Mean(mean_auc_interval(samples), aucs, classes, cells)


def best_means(entries, methods=TABLE1):
    """{method: (its `Mean` over all classes, the scale)} of one data set, each at its best stored scale."""
    entries = complete(entries)
    scales = {e.parameters["method"]: e.parameters["scale"] for e in entries}
    return {m: (mean_auc(cells_of(entries, m)), scales[m]) for m in methods if m in scales}


def _fit_is_shared(entry):
    """Whether all repetitions have this one's fit, so that only the draw of the test images tells them apart."""
    p = entry.parameters
    drawn = p.get("n_train", 0) is not None or "contaminated" in p
    return not METHODS[p["method"]].network and not drawn


def class_means(entries, method):
    """{class's name: its `Mean`} of a method."""
    found = cells_of(entries, method)
    names = {c: datasets.CLASSES[e.parameters["dataset"]][c] for (c, _), e in found.items()}
    return {name: mean_auc(found, [c]) for c, name in names.items()}


def class_aucs(cells):
    """{class: AUC averaged over repetitions} of {(class, seed): entry}."""
    classes = dict.fromkeys(c for c, _ in cells)
    return dict(zip(classes, over_repetitions(aucs_of(cells)).tolist()))


def from_paper(entries):
    """{data set: {method: our mean AUC minus the paper's, an `Interval`}} of the classical columns at `paper`."""
    at_scale = [e for e in entries if e.parameters["method"] in DETECTORS and e.parameters["scale"] == "paper"]
    found = {}
    for some in by_dataset(complete(at_scale)).values():
        dataset, there = some[0].parameters["dataset"], {e.parameters["method"] for e in some}
        means = {m: mean_auc(cells_of(some, m)).interval for m in DETECTORS if m in there}
        found[dataset] = {m: Interval(*np.subtract(mean, paper_mean(dataset, m))) for m, mean in means.items()}
    return found


def n_close(differences):
    """How many of {method: difference from the paper} are within TOLERANCE with their whole intervals: "2 of 6"."""
    return f"{sum(d.within(TOLERANCE) is True for d in differences.values())} of {len(differences)}"


def over_repetitions(values):
    """{(..., class, seed): number or (m,)} averaged over each class's repetitions: (classes,) or (classes, m)."""
    of_class = {}
    for (*name, _), value in values.items():
        of_class.setdefault(tuple(name), []).append(value)
    return np.array([np.mean(runs, axis=0) for runs in of_class.values()])


def over_classes(values):
    """The mean of what `over_repetitions` takes, with its t interval: the classes are a sample of possible ones."""
    return t_interval(over_repetitions(values))


# Differences within pairs


def paired(a, b):
    """The labels (n,) of the first n test images, which are all that one of the two entries scored.

    Raises ValueError if they did not score the same images.
    """
    n = min(len(a.arrays["labels"]), len(b.arrays["labels"]))
    for name in ("test_index", "labels"):
        if not np.array_equal(a.arrays[name][:n], b.arrays[name][:n]):
            p, q = a.parameters, b.parameters
            raise ValueError(
                f"entries: {p['method']} and {q['method']} must have scored the same test images of class "
                f"{p['normal_class']}, seed {p['seed']}, to be compared in pairs; their {name} differ."
            )
    return a.arrays["labels"][:n]


def cut_to(reference, entries):
    """The entries on the images that the reference method scored: the first of theirs, in its classes and repetitions.

    Raises ValueError if the two did not score the same images.
    """
    of_reference, cut = cells_of(entries, reference), []
    for entry in entries:
        other = of_reference.get((entry.parameters["normal_class"], entry.parameters["seed"]))
        if other is not None:
            n = len(paired(entry, other))
            cut.append(replace(entry, arrays={name: values[:n] for name, values in entry.arrays.items()}))
    return cut


def of_both(entries, method, reference):
    """{data set's title: entries of the two methods}, of the classes, repetitions and images that both have."""
    found = {}
    for title, some in by_dataset(entries).items():
        two = [e for e in some if e.parameters["method"] in (method, reference)]
        if same := cut_to(method, cut_to(reference, two)):
            found[title] = same
    return found


def comparisons(entries, method, reference, step=None):
    """{(class's name, seed): `Comparison`}: DeLong's test of AUC(method) - AUC(reference), image by image.

    step: of the searches, None: the scores proper. Where one method scored fewer of the same images, on those.
    Raises ValueError if the two did not score the same images.
    """

    def scores(entry, n):
        return entry.arrays["scores"][:n] if step is None else entry.arrays["scores_by_step"][:n, step]

    return {
        (name, seed): delong_test(y, scores(a, len(y)), scores(b, len(y)))
        for name, pairs in _pairs(entries, method, reference).items()
        for seed, (a, b, y) in pairs.items()
    }


def contaminations(entries):
    """{data set's title: {method: {percentage: {(class, seed): entry}}}} of what was trained with anomalies too.

    The percentage is that of anomalies among the training images, 0 being without. All have the same classes,
    repetitions and test images, at the best of the stored scales that has all.
    """
    found = {}
    for title, some in by_dataset(entries).items():
        for method, scale in product(CONTAMINATED, STORED):
            at_scale = [e for e in some if e.parameters["scale"] == scale]
            cells = {0: cells_of(at_scale, method)}
            cells |= {percent: cells_of(at_scale, f"{method}-contaminated-{percent}") for percent in STRANGERS}
            keys = sorted(set.intersection(*map(set, cells.values())))
            for key, of in product(keys, cells.values()):
                paired(cells[0][key], of[key])
            if keys and method not in found.setdefault(title, {}):
                found[title][method] = {percent: {key: of[key] for key in keys} for percent, of in cells.items()}
    return {title: of for title, of in found.items() if of}


# Curves


class Curves(NamedTuple):
    """A line for each class over common places x.

    x (m,); lines: {class's name: (m,)}; bands: {class's name: standard deviations (m,)}, empty without spread.
    """

    x: np.ndarray
    lines: dict
    bands: dict

    def __bool__(self):
        return bool(self.lines)

    @property
    def mean(self):
        """(m,): the mean over classes."""
        return np.mean(list(self.lines.values()), axis=0)


def steps_shown(entries):
    """Those of STEPS that every search has, as a list."""
    most = min((e.arrays["scores_by_step"].shape[1] - 1 for e in entries if "scores_by_step" in e.arrays), default=-1)
    return [k for k in STEPS if k <= most]


def auc_by_step(entries, method="search"):
    """The AUC after each number of search steps shown, as `Curves`."""
    steps = steps_shown(entries)
    return _curves(steps, by_class(entries, method), lambda entry: column_aucs(entry, "scores_by_step", steps))


class SearchGain(NamedTuple):
    """What the steps of a search do to one class' ranking.

    first, last: AUC without a step and after the last one; gain: the difference, a `Comparison` image by image.
    kept: the share of a starting point's loss that is left in the end, (of normal, of anomalous) images.
    share_auc: the AUC of that share as a score, our own normalisation and not the paper's.
    """

    n_steps: int
    first: float
    last: float
    gain: Comparison
    kept: tuple
    share_auc: float


def search_gains(entries):
    """{(class's name, seed): `SearchGain`} of the adapting searches."""
    found = {}
    for name, runs in by_class(entries, "search").items():
        for seed, entry in runs.items():
            y, losses = entry.arrays["labels"], entry.arrays["scores_by_step"].astype(float)  # (n,), (n, k + 1)
            gain, share = delong_test(y, losses[:, -1], losses[:, 0]), losses[:, -1] / losses[:, 0]
            kept = share[y == 0].mean(), share[y == 1].mean()
            aucs = auc(y, losses[:, 0]), auc(y, losses[:, -1])
            found[name, seed] = SearchGain(losses.shape[1] - 1, *aucs, gain, kept, auc(y, share))
    return found


def best_starts(searches):
    """{(class, seed): AUC of the starting points' least loss minus that of their mean} of {(class, seed): entry}.

    The mean is the paper's score, the least is ours. Both are taken after Table 1's number of steps.
    """
    found = {}
    for key, entry in searches.items():
        losses, y = entry.arrays["losses_by_seed"].astype(float), entry.arrays["labels"]  # (n, s), (n,)
        found[key] = auc(y, losses.min(1)) - auc(y, losses.mean(1))
    return found


def loss_by_step(entries, method, label):
    """The mean loss of the images with a label (0 normal, 1 anomalous) after each number of steps, as `Curves`."""
    steps = steps_shown(entries)

    def losses(entry):
        return entry.arrays["scores_by_step"][entry.arrays["labels"] == label][:, steps].mean(0, dtype=float)

    return _curves(steps, by_class(entries, method), losses)


def theta_by_step(entries):
    """What adapting the generator adds to the AUC after each number of steps shown, as `Curves`.

    Differences within pairs: the same generator, images and starting points, theta adapting minus theta frozen.
    """
    steps = steps_shown(entries)

    def aucs(entry, y):
        return np.array([auc(y, entry.arrays["scores_by_step"][: len(y), k]) for k in steps])

    return _paired(steps, entries, lambda adapting, frozen, y: aucs(adapting, y) - aucs(frozen, y))


def theta_gains(entries, label):
    """By how much adapting theta lowers the mean loss of images with a label, at each number of steps, as `Curves`."""
    steps = steps_shown(entries)

    def losses(entry, y):
        return entry.arrays["scores_by_step"][: len(y)][y == label][:, steps].mean(0, dtype=float)

    return _paired(steps, entries, lambda adapting, frozen, y: losses(frozen, y) - losses(adapting, y))


def aucs_by_n_starts(entry):
    """The AUC by the number of starting points 1, 2, 4, ..., {n: AUCs of all disjoint blocks of n}."""
    losses = entry.arrays["losses_by_seed"].astype(float)
    found, most = {}, losses.shape[1]
    for n in (2**i for i in range(most.bit_length())):
        blocks = losses[:, : most // n * n].reshape(len(losses), -1, n).mean(2)
        found[n] = np.array([auc(entry.arrays["labels"], block) for block in blocks.T])
    return found


def auc_by_seeds(entries, method="search"):
    """The AUC against the number of starting points 1, 2, 4, ..., as `Curves` with bands.

    For each number the mean over all disjoint blocks of that many starting points, and their standard
    deviation: how much the draw of the starting points matters. With one block the deviation is NaN.
    """
    classes = by_class(entries, method)
    blocks = {name: [aucs_by_n_starts(entry) for entry in runs.values()] for name, runs in classes.items()}
    sizes = sorted(set.intersection(*(set(found) for runs in blocks.values() for found in runs))) if blocks else []
    lines, bands = {}, {}
    for name, runs in blocks.items():
        lines[name] = np.array([np.mean([found[n].mean() for found in runs]) for n in sizes])
        variances = [[found[n].var(ddof=1) if len(found[n]) > 1 else np.nan for n in sizes] for found in runs]
        bands[name] = np.sqrt(np.mean(variances, axis=0))
    return Curves(np.array(sizes), lines, bands)


def _curves(x, classes, values):
    """`Curves` of values(run) (m,), averaged over the repetitions of each class, {its name: {seed: run}}."""
    lines = {name: np.mean([values(run) for run in runs.values()], axis=0) for name, runs in classes.items()}
    return Curves(np.array(x), lines, {})


def _paired(x, entries, difference):
    """`Curves` of difference(adapting, frozen, labels) (m,), averaged over the repetitions of each class."""
    return _curves(x, _pairs(entries, "search", "search-frozen"), lambda pair: difference(*pair))


def _pairs(entries, method, reference):
    """{class's name: {seed: (entry, reference's entry, labels (n,) of what both scored)}} where there are both."""
    ours, theirs = by_class(entries, method), by_class(entries, reference)
    found = {}
    for name, runs in ours.items():
        for seed in [seed for seed in runs if seed in theirs.get(name, {})]:
            a, b = runs[seed], theirs[name][seed]
            found.setdefault(name, {})[seed] = a, b, paired(a, b)
    return found


# Runs and grids


class Run(NamedTuple):
    """One training and what came of it."""

    diversity: float
    auc: float

    @property
    def collapsed(self):
        return self.diversity < COLLAPSED_BELOW


class Forest(NamedTuple):
    """The AUCs (n_settings,) of an isolation forest's settings, and which settings are the default."""

    aucs: np.ndarray
    default: np.ndarray


class Grid(NamedTuple):
    """Mean AUCs over the classes that the grid has, for each dimension of PCA and each other setting.

    aucs (n_dimensions, n_settings); settings: as text; paper, ours: the mean AUC of Table 1's column
    over the same classes.
    """

    dimensions: list
    settings: list
    aucs: np.ndarray
    n_classes: int
    paper: float
    ours: float | None


def stability(entries):
    """{method: [`Run`, ...]} of those of OBJECTIVES that there are, one for each training."""
    found = {
        method: [Run(float(e.record["details"]["diversity"]), entry_auc(e)) for e in cells_of(entries, method).values()]
        for method in OBJECTIVES
    }
    return {method: runs for method, runs in found.items() if runs}


def forests(entries):
    """{class's name: `Forest`} of "iforest-grid", repetitions averaged."""
    found = {}
    for name, runs in by_class(entries, "iforest-grid").items():
        aucs = [column_aucs(e, "scores_by_setting") for e in runs.values()]
        settings = next(iter(runs.values())).record["details"]["settings"]
        found[name] = Forest(np.mean(aucs, axis=0), np.array([_is_default(setting) for setting in settings]))
    return found


def column_aucs(entry, name, columns=slice(None)):
    """The AUC of each of some columns of an array of scores (n, m), as (m,)."""
    return np.array([auc(entry.arrays["labels"], column) for column in entry.arrays[name].T[columns]])


def grids(entries, method, kind="grid"):
    """The `Grid` of a method for each data set's title, where its grid of that kind ("grid", "layer") has been run."""
    found = {}
    for dataset, some in by_dataset(entries).items():
        runs = list(cells_of(some, f"{method}-{kind}").values())
        if not runs:
            continue
        tried = runs[0].record["details"]["settings"]
        dimensions = list(dict.fromkeys(setting["n_components"] for setting in tried))
        settings = list(dict.fromkeys(setting_in_words(setting) for setting in tried))
        classes = sorted({e.parameters["normal_class"] for e in runs})
        aucs = np.mean([column_aucs(e, "scores_by_setting") for e in runs], axis=0).reshape(len(dimensions), -1)
        paper = paper_mean(runs[0].parameters["dataset"], method, classes)
        column = [entry_auc(e) for (c, _), e in cells_of(some, method).items() if c in classes]
        ours = float(np.mean(column)) if column else None
        found[dataset] = Grid(dimensions, settings, aucs, len(classes), paper, ours)
    return found


def n_steps(entries):
    """The number of steps that the searches' scores proper are of."""
    return next(e.parameters["n_steps"] for e in entries if "scores_by_step" in e.arrays)


def _is_default(setting):
    default = classic.IForest()
    samples = 256 if default.max_samples == "auto" else default.max_samples  # scikit-learn's "auto"
    return setting["n_estimators"] == default.n_estimators and setting["max_samples"] == samples


def setting_in_words(setting):
    """A setting without the dimension, as text."""
    rest = {name: value for name, value in setting.items() if name != "n_components"}
    names = {"times_gamma": "{} γ", "n_estimators": "{} trees", "max_samples": "{} samples"}
    if "size" in rest:
        size = rest.pop("size")
        return f"{size} × {size}, {setting_in_words(rest)}"
    if "pooled" in rest:
        layer = "pooled" if rest.pop("pooled") else "convolution"
        return f"{layer}, {rest['kde'] if 'kde' in rest else setting_in_words(rest)}"
    if "whiten" in rest:
        by = f"h = {rest['bandwidth']:g}" if rest["bandwidth"] != "likelihood" else "h by likelihood"
        return f"whitened, {by}" if rest["whiten"] else by
    return ", ".join(names[name].format(f"{value:g}") for name, value in rest.items())
