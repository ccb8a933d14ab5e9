"""The classical columns of Table 1 at the paper's scale: how far ours are from the paper's, and what moves them.

Entries are stored ones of the scale "paper", of all methods and both data sets.
"""

from typing import NamedTuple

import numpy as np

from . import datasets
from .ablations import by_class, by_dataset, not_there
from .classical import DETECTORS
from .methods import METHODS
from .statistics import auc
from .tables import _markdown, _mean_sd, complete, paper_table1

CLOSE = 0.02  # a difference of means that needs no explanation


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


def paper_mean(dataset, method, classes=range(10)):
    """The mean over the classes of a column of the paper's Table 1; dataset by its title."""
    about, cells = METHODS[method], paper_table1()
    return float(np.mean([cells[dataset, about.title, about.features, c] for c in classes]))


def means(entries):
    """The mean over all ten classes of each column, a value for each draw: {(data set's title, method): [AUC, ...]}."""
    found = {}
    for dataset, some in by_dataset(complete(entries)).items():
        for method in DETECTORS:
            runs = list(by_class(some, method).values())
            seeds = sorted(set.intersection(*map(set, runs))) if runs else []
            aucs = [[auc(of[s].arrays["labels"], of[s].arrays["scores"]) for of in runs] for s in seeds]
            if aucs:
                found[dataset, method] = np.mean(aucs, axis=1).tolist()
    return found


def columns(entries):
    """A row for each data set and classical column: the paper's mean, ours, and whether they are close."""
    rows = []
    for (dataset, method), values in means(entries).items():
        paper = paper_mean(dataset, method)
        difference = np.mean(values) - paper
        rows.append(
            {
                "data": dataset,
                "column": METHODS[method].label,
                "paper": f"{paper:.3f}",
                "ours": _mean_sd(values),
                "draws": len(values),
                "difference": f"{difference:+.3f}",
                f"within {CLOSE}": "yes" if abs(difference) <= CLOSE else "no",
            }
        )
    return _markdown(rows)


def grids(entries, method, kind="grid"):
    """The `Grid` of a method for each data set's title, where its grid of that kind ("grid", "layer") has been run."""
    found = {}
    for dataset, some in by_dataset(entries).items():
        runs = [entry for of_seeds in by_class(some, f"{method}-{kind}").values() for entry in of_seeds.values()]
        if not runs:
            continue
        tried = runs[0].record["details"]["settings"]
        dimensions = list(dict.fromkeys(setting["n_components"] for setting in tried))
        settings = list(dict.fromkeys(_in_words(setting) for setting in tried))
        classes = sorted({e.parameters["normal_class"] for e in runs})
        column = [e for e in some if e.parameters["method"] == method and e.parameters["normal_class"] in classes]
        mean = np.mean([_aucs(e) for e in runs], axis=0).reshape(len(dimensions), len(settings))
        ours = float(np.mean([auc(e.arrays["labels"], e.arrays["scores"]) for e in column])) if column else None
        found[dataset] = Grid(dimensions, settings, mean, len(classes), paper_mean(dataset, method, classes), ours)
    return found


def grid_table(entries, method, kind="grid"):
    """Mean AUCs over the classes: a row for each data set and dimension of PCA, a column for each setting."""
    rows = [
        {"data": dataset, "PCA": n} | {name: f"{value:.3f}" for name, value in zip(grid.settings, values)}
        for dataset, grid in grids(entries, method, kind).items()
        for n, values in zip(grid.dimensions, grid.aucs)
    ]
    return _markdown(rows) if rows else not_there(f"{method}-{kind}")


def grid_sentences(entries, method, kind="grid"):
    """What the grid says of the difference: its range, whether the paper's mean lies in it, and what comes nearest."""
    from IPython.display import Markdown

    lines = []
    for dataset, grid in grids(entries, method, kind).items():
        row, column = np.unravel_index(np.abs(grid.aucs - grid.paper).argmin(), grid.aucs.shape)
        over_dimensions, over_settings = np.ptp(grid.aucs, axis=0).max(), np.ptp(grid.aucs, axis=1).max()
        inside = grid.aucs.min() <= grid.paper <= grid.aucs.max()
        lines.append(
            f"- **{dataset}**, {grid.n_classes} classes: the mean AUC goes from {grid.aucs.min():.3f} to "
            f"{grid.aucs.max():.3f} over the grid. The dimension alone moves it by up to {over_dimensions:.3f}, the "
            f"other settings alone by up to {over_settings:.3f}. The paper's {grid.paper:.3f} lies "
            f"{'within' if inside else 'outside'} that range; nearest to it is {grid.aucs[row, column]:.3f}, at "
            f"{grid.dimensions[row]} dimensions and {grid.settings[column]}."
        )
    return Markdown("\n".join(lines)) if lines else not_there(f"{method}-{kind}")


def by_dimension(entries):
    """The holdout's AUC at each dimension of PCA, a mean over classes and draws, and how often it was the best."""
    rows = []
    for dataset, some in by_dataset(entries).items():
        for method in DETECTORS:
            tried = [e.record["details"]["holdout_auc"] for e in some if e.parameters["method"] == method]
            if tried:
                row = {"data": dataset, "column": METHODS[method].label}
                for n in tried[0]:
                    wins = np.mean([max(aucs, key=aucs.get) == n for aucs in tried])
                    row[n] = f"{np.mean([aucs[n] for aucs in tried]):.3f} ({wins:.0%})"
                rows.append(row)
    return _markdown(rows)


def records(entries):
    """How many records there are of each column, from which commits, and the hours they took, fits included."""
    rows = []
    for dataset in datasets.TITLES:
        for method in METHODS:
            some = [e for e in entries if (e.parameters["dataset"], e.parameters["method"]) == (dataset, method)]
            if some:
                fits = {e.parameters["normal_class"]: e.record["details"].get("seconds_of_fit", 0) for e in some}
                hours = (sum(e.record["seconds"] for e in some) + sum(fits.values())) / 3600
                rows.append(
                    {
                        "data": datasets.TITLES[dataset],
                        "method": method,
                        "records": len(some),
                        "hours": f"{hours:.2f}",
                        "commits": ", ".join(sorted({e.record["commit"] for e in some})),
                        "devices": ", ".join(sorted({e.record["device"] for e in some})),
                    }
                )
    return _markdown(rows)


def _aucs(entry):
    return [auc(entry.arrays["labels"], scores) for scores in entry.arrays["scores_by_setting"].T]


def _in_words(setting):
    """A setting without the dimension, as text."""
    rest = {name: value for name, value in setting.items() if name != "n_components"}
    names = {"times_gamma": "{} γ", "n_estimators": "{} trees", "max_samples": "{} samples"}
    if "size" in rest:
        size = rest.pop("size")
        return f"{size} × {size}, {_in_words(rest)}"
    if "pooled" in rest:
        layer = "pooled" if rest.pop("pooled") else "convolution"
        return f"{layer}, {rest['kde'] if 'kde' in rest else _in_words(rest)}"
    if "whiten" in rest:
        by = f"h = {rest['bandwidth']:g}" if rest["bandwidth"] != "likelihood" else "h by likelihood"
        return f"whitened, {by}" if rest["whiten"] else by
    return ", ".join(names[name].format(f"{value:g}") for name, value in rest.items())
