"""What ADGAN's parts are worth: the statistics of the ablations, as functions of stored entries.

Entries are those of `experiments.attempt`, of one data set unless said otherwise. Where a class has several
repetitions (seeds), its value is their mean. What entries lack is left out: a method, or a class that one
of two compared methods doesn't have.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest, t

from ganod_lite import classic

from . import datasets
from .runner import Outcome
from .statistics import Interval, auc, auc_interval, delong_test
from .tables import _markdown

STEPS = (0, 1, 2, 5, 10, 20, 50)  # numbers of search steps that are shown, as far as there
COLLAPSED_BELOW = 0.5  # samples less than half as far apart as training images
SEARCHES = {"search": "θ adapts", "search-frozen": "θ frozen"}
LOSSES = {"adgan": "squared L2", "adgan-laplacian": "Laplacian pyramid"}
GENERATORS = {"adgan": "WGAN", "adgan-lsgan": "LSGAN", "adgan-vae": "VAE's decoder"}
OBJECTIVES = {"adgan-wgan": "WGAN", "adgan-wgan-gp": "WGAN-GP", "adgan-gan": "GAN", "adgan-lsgan": "LSGAN"}


class Curves(NamedTuple):
    """A line for each class over common places x.

    x (m,); lines: {class's name: (m,)}; bands: {class's name: standard deviations (m,)}, empty without spread.
    """

    x: np.ndarray
    lines: dict
    bands: dict

    @property
    def mean(self):
        """(m,): the mean over classes."""
        return np.mean(list(self.lines.values()), axis=0)


class Run(NamedTuple):
    """One training and what came of it."""

    seed: int
    diversity: float
    auc: float

    @property
    def collapsed(self):
        return self.diversity < COLLAPSED_BELOW


class Forest(NamedTuple):
    """The AUCs (n_settings,) of an isolation forest's settings, and which settings are the default."""

    aucs: np.ndarray
    default: np.ndarray


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


def distinct(entries):
    """The entries without those that come up again, in order."""
    return list({entry.record["file"]: entry for entry in entries}.values())


def by_class(entries, method):
    """{class's name: {seed: entry}} of a method, in the classes' order."""
    entries = [e for e in entries if e.parameters["method"] == method]
    found = {}
    for entry in sorted(entries, key=lambda e: (e.parameters["normal_class"], e.parameters["seed"])):
        p = entry.parameters
        name = datasets.CLASSES[p["dataset"]][p["normal_class"]]
        found.setdefault(name, {})[p["seed"]] = entry
    return found


def steps_shown(entries):
    """Those of STEPS that every search has, as a list."""
    most = min((e.arrays["scores_by_step"].shape[1] - 1 for e in entries if "scores_by_step" in e.arrays), default=-1)
    return [k for k in STEPS if k <= most]


def auc_by_step(entries, method="search"):
    """The AUC after each number of search steps shown, as `Curves`."""
    steps = steps_shown(entries)

    def aucs(entry):
        return [auc(entry.arrays["labels"], entry.arrays["scores_by_step"][:, k]) for k in steps]

    return _curves(steps, by_class(entries, method), aucs)


def loss_by_step(entries, method, label):
    """The mean loss of the images with a label (0 normal, 1 anomalous) after each number of steps, as `Curves`."""
    steps = steps_shown(entries)

    def losses(entry):
        return entry.arrays["scores_by_step"][entry.arrays["labels"] == label][:, steps].mean(0, dtype=float)

    return _curves(steps, by_class(entries, method), losses)


def theta_by_step(entries):
    """What adapting the generator adds to the AUC after each number of steps shown, as `Curves`.

    Differences within pairs: the same generator, images and starting points, theta adapting less theta frozen.
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


def auc_by_seeds(entries, method="search"):
    """The AUC against the number of starting points 1, 2, 4, ..., as `Curves` with bands.

    For each number the mean over all disjoint blocks of that many starting points, and their standard
    deviation: how much the draw of the starting points matters. With one block the deviation is NaN.
    """
    classes = by_class(entries, method)
    most = min((e.arrays["losses_by_seed"].shape[1] for c in classes.values() for e in c.values()), default=0)
    sizes = [2**i for i in range(most.bit_length())]

    def blocks(entry, size):
        losses = entry.arrays["losses_by_seed"].astype(float)
        starts = range(0, losses.shape[1] - size + 1, size)
        return [auc(entry.arrays["labels"], losses[:, start : start + size].mean(1)) for start in starts]

    def means(entry):
        return [np.mean(blocks(entry, size)) for size in sizes]

    def variances(entry):
        found = [blocks(entry, size) for size in sizes]
        return [np.var(aucs, ddof=1) if len(aucs) > 1 else np.nan for aucs in found]

    bands = {name: np.sqrt(line) for name, line in _curves(sizes, classes, variances).lines.items()}
    return _curves(sizes, classes, means)._replace(bands=bands)


def class_aucs(entries, method):
    """{class's name: its AUC as `Interval`}: 95 % over test images (DeLong), of several repetitions ± sd."""
    found = {}
    for name, runs in by_class(entries, method).items():
        intervals = [auc_interval(e.arrays["labels"], e.arrays["scores"]) for e in runs.values()]
        found[name] = intervals[0]
        if len(intervals) > 1:
            values = [interval.value for interval in intervals]
            mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
            found[name] = Interval(mean, mean - sd, mean + sd)
    return found


def mean_auc(intervals):
    """The mean of classes' `Interval`s, with their own put together as if the classes were independent."""
    halves = [max(high - value, value - low) for value, low, high in intervals]  # the other may be cut off at 1
    mean, half = float(np.mean([i.value for i in intervals])), float(np.linalg.norm(halves)) / len(halves)
    return Interval(mean, mean - half, mean + half)


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


def mean_difference(found):
    """The mean of `comparisons` over classes, repetitions averaged first, with its interval over classes."""
    of_class = {}
    for (name, _), comparison in found.items():
        of_class.setdefault(name, []).append(comparison.difference)
    return over_classes([np.mean(values) for values in of_class.values()])


def over_classes(values, level=0.95):
    """The mean of values (classes,) or (classes, m) with Student's t interval, as `Interval`.

    It takes the classes as a sample of possible ones. From a single class there is none: its ends are NaN.
    """
    values = np.asarray(values, dtype=float)
    n, mean = len(values), values.mean(0)
    if n < 2:
        return Interval(mean, mean * np.nan, mean * np.nan)
    half = t.ppf((1 + level) / 2, n - 1) * values.std(0, ddof=1) / np.sqrt(n)
    return Interval(mean, mean - half, mean + half)


def stability(entries):
    """{method: [`Run`, ...]} of those of OBJECTIVES that there are, one for each training."""
    found = {}
    for method in OBJECTIVES:
        runs = [e for name in by_class(entries, method).values() for e in name.values()]
        if runs:
            found[method] = [
                Run(
                    e.parameters["seed"],
                    float(e.record["details"]["diversity"]),
                    auc(e.arrays["labels"], e.arrays["scores"]),
                )
                for e in runs
            ]
    return found


def forests(entries):
    """{class's name: `Forest`} of "iforest-grid", repetitions averaged."""
    found = {}
    for name, runs in by_class(entries, "iforest-grid").items():
        aucs = [[auc(e.arrays["labels"], scores) for scores in e.arrays["scores_by_setting"].T] for e in runs.values()]
        settings = next(iter(runs.values())).record["details"]["settings"]
        found[name] = Forest(np.mean(aucs, axis=0), np.array([_is_default(setting) for setting in settings]))
    return found


def lacking(entries, methods):
    """Those of the methods that the entries have nothing of."""
    there = {e.parameters["method"] for e in entries}
    return [method for method in methods if method not in there]


# Tables and sentences, as Markdown.


def ran(groups):
    """What the outcomes {data set's name: Outcome} hold, a row for each data set, or why they are empty."""
    rows = []
    for dataset, outcome in groups.items():
        row = {"data": datasets.TITLES[dataset]}
        if not outcome.entries:
            rows.append(row | {"normal classes": f"not run in this build: {outcome.missing}"})
            continue
        p = [e.parameters for e in outcome.entries]
        classes = sorted({each["normal_class"] for each in p})
        row |= {
            "normal classes": ", ".join(datasets.CLASSES[dataset][c] for c in classes),
            "methods": ", ".join(dict.fromkeys(each["method"] for each in p)),
            "repetitions": str(len({each["seed"] for each in p})),
            "test images": _range(len(e.arrays["labels"]) for e in outcome.entries),
        }
        for column, what in (("starting points", "seeds"), ("search steps", "steps")):
            numbers = [each.get(f"ablation_{what}", each.get(f"n_{what}")) for each in p]
            row |= {column: _range(numbers)} if None not in numbers else {}
        rows.append(row | {"scale": ", ".join(dict.fromkeys(each["scale"] for each in p))})
    return _markdown(rows)


def steps_table(entries):
    """How much more steps add to the AUC, for each data set: up to the settings' n_steps, and from there on.

    Mean over classes of the difference within each class, with its 95 % interval over classes.
    """
    rows = []
    for title, of_dataset in by_dataset(entries).items():
        steps = steps_shown(of_dataset)
        for method, name in SEARCHES.items():
            curves = auc_by_step(of_dataset, method)
            if not curves.lines:
                continue
            k = _n_steps(of_dataset)
            lines = np.stack(list(curves.lines.values()))
            row = {"data": title, "generator": name, "classes": len(lines)}
            for first, last in ((0, k), (k, steps[-1])):
                if first < last and {first, last} <= set(steps):
                    gain = over_classes(lines[:, steps.index(last)] - lines[:, steps.index(first)])
                    row[f"from k = {first} to {last}"] = _signed(gain)
            rows.append(row)
    return _markdown(rows) if rows else not_there("search")


def paired_table(entries, method, reference, step=None):
    """DeLong's paired test for each data set, class and repetition: AUC(method) - AUC(reference)."""
    rows = []
    for title, of_dataset in by_dataset(entries).items():
        found = comparisons(of_dataset, method, reference, step)
        for (name, seed), c in found.items():
            rows.append(
                {"data": title, "class": name, "seed": str(seed), "difference": _signed(c), "p": _p_value(c.p_value)}
            )
        if found:
            rows.append({"data": title, "class": "mean", "difference": _signed(mean_difference(found))})
    return _markdown(rows) if rows else not_there(*(lacking(entries, (method, reference)) or (method, reference)))


def paired_sentence(entries, method, reference, step=None, level=0.05):
    """How often the paired test finds the method better or worse, and how often chance alone would."""
    from IPython.display import Markdown

    found = [c for each in by_dataset(entries).values() for c in comparisons(each, method, reference, step).values()]
    if not found:
        return not_there(*(lacking(entries, (method, reference)) or (method, reference)))
    better, worse = (sum(c.p_value < level and sign * c.difference > 0 for c in found) for sign in (1, -1))
    return Markdown(
        f"At this build's scale: of {len(found)} paired tests {better} find the AUC higher and {worse} find it lower "
        f"at p < {level:g}; if there were no difference at all, about {level * len(found):.1f} would find one."
    )


def theta_sentence(entries):
    """Where the adapting generator's gap between anomalous and normal images is wider than the frozen one's."""
    from IPython.display import Markdown

    parts = []
    for title, of_dataset in by_dataset(entries).items():
        normal, anomalous = (theta_gains(of_dataset, label) for label in (0, 1))
        if normal.lines:
            wider = [str(k) for k, n, a in zip(normal.x, normal.mean, anomalous.mean) if n > a]
            parts.append(f"{title}: " + (f"k = {', '.join(wider)}" if wider else "at none of the k shown"))
    if not parts:
        return not_there(*(lacking(entries, SEARCHES) or SEARCHES))
    return Markdown(
        "On average over the classes of this build, adapting θ lowers the loss of normal images by more than "
        f"that of anomalous ones: {'; '.join(parts)}."
    )


def seeds_table(entries):
    """Mean AUC over classes with 1, 2, 4, ... starting points, ± the deviation between draws of them.

    The deviation is the root of the classes' mean variance; where there is but one draw there is none.
    """
    rows = []
    for title, of_dataset in by_dataset(entries).items():
        curves = auc_by_seeds(of_dataset)
        if curves.lines:
            spread = np.sqrt(np.mean(np.square(list(curves.bands.values())), axis=0))
            cells = [f"{m:.3f}" + ("" if np.isnan(sd) else f" ± {sd:.3f}") for m, sd in zip(curves.mean, spread)]
            rows.append({"data": title} | {f"{n} starts": cell for n, cell in zip(curves.x, cells)})
    return _markdown(rows) if rows else not_there("search")


def stability_table(entries):
    """For each objective the share of collapsed runs with its exact 95 % interval, and AUC and diversity ± sd."""
    rows = []
    for method, runs in stability(entries).items():
        collapsed = sum(run.collapsed for run in runs)
        low, high = binomtest(collapsed, len(runs)).proportion_ci()
        rows.append(
            {
                "objective": OBJECTIVES[method],
                "collapsed": f"{collapsed} of {len(runs)}",
                "share, 95 % interval": f"{collapsed / len(runs):.2f} [{low:.2f}, {high:.2f}]",
                "diversity": _mean_sd([run.diversity for run in runs]),
                "AUC": _mean_sd([run.auc for run in runs]),
            }
        )
    for method in lacking(entries, OBJECTIVES):
        rows.append({"objective": OBJECTIVES[method], "collapsed": "not run in this build"})
    return _markdown(rows)


def forest_table(entries):
    """The range of an isolation forest's AUC over its settings, for each data set and class."""
    rows = [
        {
            "data": title,
            "class": name,
            "settings": len(forest.aucs),
            "lowest AUC": f"{forest.aucs.min():.3f}",
            "highest AUC": f"{forest.aucs.max():.3f}",
            "sd over settings": f"{forest.aucs.std(ddof=1):.3f}",
            "default": ", ".join(f"{value:.3f}" for value in forest.aucs[forest.default]) or "–",
        }
        for title, of_dataset in by_dataset(entries).items()
        for name, forest in forests(of_dataset).items()
    ]
    return _markdown(rows) if rows else not_there("iforest-grid")


def not_there(*methods):
    """The note in place of a figure or table that these methods' results are needed for."""
    from IPython.display import Markdown

    return Markdown(f"*Not run in this build: there are no common results of {', '.join(methods)}.*")


def _curves(x, classes, values):
    """`Curves` of values(entry) (m,), averaged over the repetitions of each class."""
    lines = {name: np.mean([values(e) for e in runs.values()], axis=0) for name, runs in classes.items()}
    return Curves(np.array(x), lines, {})


def _paired(x, entries, difference):
    """`Curves` of difference(adapting, frozen, labels) (m,), averaged over the repetitions of each class."""
    pairs = _pairs(entries, "search", "search-frozen")
    lines = {name: np.mean([difference(*pair) for pair in found.values()], axis=0) for name, found in pairs.items()}
    return Curves(np.array(x), lines, {})


def _pairs(entries, method, reference):
    """{class's name: {seed: (entry, reference's entry, labels (n,) of what both scored)}} where there are both."""
    ours, theirs = by_class(entries, method), by_class(entries, reference)
    found = {}
    for name in ours:
        for seed in ours[name]:
            if seed not in theirs.get(name, {}):
                continue
            a, b = ours[name][seed], theirs[name][seed]
            n = min(len(a.arrays["labels"]), len(b.arrays["labels"]))
            if not np.array_equal(a.arrays["test_index"][:n], b.arrays["test_index"][:n]):
                raise ValueError(
                    f"entries: {method} and {reference} must have scored the same test images of class {name}, "
                    f"seed {seed}, to be compared in pairs; their test_index differ."
                )
            found.setdefault(name, {})[seed] = a, b, a.arrays["labels"][:n]
    return found


def _n_steps(entries):
    """The number of steps that the searches' scores proper are of."""
    return next(e.parameters["n_steps"] for e in entries if "scores_by_step" in e.arrays)


def _is_default(setting):
    default = classic.IForest()
    samples = 256 if default.max_samples == "auto" else default.max_samples  # scikit-learn's "auto"
    return setting["n_estimators"] == default.n_estimators and setting["max_samples"] == samples


def _signed(interval):
    """An `Interval` or `Comparison` as "+0.012 [-0.003, +0.027]"."""
    value, low, high = interval[:3]
    text = f"{value:+.3f}"
    return text if np.isnan(low) else f"{text} [{low:+.3f}, {high:+.3f}]"


def _p_value(p):
    return f"{p:.2g}" if p >= 1e-4 else "< 0.0001"


def _mean_sd(values):
    return f"{np.mean(values):.3f}" + (f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else "")


def _range(numbers):
    found = sorted(set(numbers))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
