"""The classical columns of Table 1 at the paper's scale: how far ours are from the paper's, and what moves them.

Entries are stored ones of the scale "paper", of all methods and both data sets.
"""

import numpy as np
from IPython.display import Markdown

from .. import datasets
from ..classical import DETECTORS
from ..methods import METHODS
from ..reference import paper_mean
from ..render import markdown, not_run, plus_minus
from ..statistics import TOLERANCE, Interval
from ..summaries import by_dataset, cells_of, complete, from_paper, grids, n_close


def found(entries):
    """The page's answer: how many means are close to the paper's, and which are furthest from them."""
    ours = from_paper(entries)
    if not ours:
        return not_run(*DETECTORS)
    texts = []
    for dataset, of in ours.items():
        furthest = max(of, key=lambda method: abs(of[method].value))
        texts.append(
            f"{n_close(of)} on {datasets.TITLES[dataset]} "
            f"(the furthest, {METHODS[furthest].label}, by {of[furthest].value:+.3f})"
        )
    return Markdown(
        f"**Means within {TOLERANCE} of the paper's, with their whole 95 % interval:** {', and '.join(texts)}."
    )


def dimension_sentences(entries):
    """How often the holdout picks the largest dimension, and what its choice gains over the smallest one."""
    lines = []
    for dataset, some in by_dataset(entries).items():
        texts = []
        for method in DETECTORS:
            tried = [e.record["details"]["holdout_auc"] for e in some if e.parameters["method"] == method]
            if tried:
                last = max(tried[0], key=int)
                wins = np.mean([max(aucs, key=aucs.get) == last for aucs in tried])
                reach = np.ptp([np.mean([aucs[n] for aucs in tried]) for n in tried[0]])
                texts.append((METHODS[method].label, wins, reach, last))
        if texts:
            often = [f"{label} ({wins:.0%})" for label, wins, _, _ in texts if wins >= 0.9]
            most = max(texts, key=lambda text: text[2])
            lines.append(
                f"- **{dataset}**: the mean AUC on the holdout differs by up to {most[2]:.3f} between dimensions "
                f"({most[0]}). "
                + (f"The largest, {most[3]}, is chosen nearly always by {', '.join(often)}: more might be better "
                   "still, but the paper's list ends there." if often else
                   "No method is nearly always given the largest; which one wins differs from class to class.")
            )  # fmt: skip
    return Markdown("\n".join(lines)) if lines else not_run(*DETECTORS)


def columns(entries):
    """A row for each data set and classical column: the paper's mean, ours, and whether they are close.

    "draws" are repetitions: the fits are the same, the test images and the holdout are drawn anew.
    """
    rows, whole = [], complete(entries)
    for dataset, of in from_paper(entries).items():
        some = [e for e in whole if e.parameters["dataset"] == dataset]
        for method, difference in of.items():
            paper, close = paper_mean(dataset, method), difference.within(TOLERANCE)
            rows.append(
                {
                    "data": datasets.TITLES[dataset],
                    "column": METHODS[method].label,
                    "paper": f"{paper:.3f}",
                    "ours": plus_minus(Interval(*np.add(difference, paper))),
                    "draws": len({seed for _, seed in cells_of(some, method)}),
                    "difference": f"{difference.value:+.3f}",
                    f"within {TOLERANCE}": {True: "yes", False: "no", None: "can't tell"}[close],
                }
            )
    return markdown(rows)


def grid(entries, method, kind="grid"):
    """Mean AUCs over the classes: a row for each data set and dimension of PCA, a column for each setting."""
    rows = [
        {"data": dataset, "PCA": n} | {name: f"{value:.3f}" for name, value in zip(found.settings, values)}
        for dataset, found in grids(entries, method, kind).items()
        for n, values in zip(found.dimensions, found.aucs)
    ]
    return markdown(rows) if rows else not_run(f"{method}-{kind}")


def grid_sentences(entries, method, kind="grid"):
    """What the grid says of the difference: its range, whether the paper's mean lies in it, and what comes nearest."""
    lines = []
    for dataset, found in grids(entries, method, kind).items():
        row, column = np.unravel_index(np.abs(found.aucs - found.paper).argmin(), found.aucs.shape)
        over_dimensions, over_settings = np.ptp(found.aucs, axis=0).max(), np.ptp(found.aucs, axis=1).max()
        inside = found.aucs.min() <= found.paper <= found.aucs.max()
        lines.append(
            f"- **{dataset}**, {found.n_classes} classes: the mean AUC goes from {found.aucs.min():.3f} to "
            f"{found.aucs.max():.3f} over the grid. The dimension alone moves it by up to {over_dimensions:.3f}, the "
            f"other settings alone by up to {over_settings:.3f}. The paper's {found.paper:.3f} lies "
            f"{'within' if inside else 'outside'} that range; the nearest is {found.aucs[row, column]:.3f}, at "
            f"{found.dimensions[row]} dimensions and {found.settings[column]}."
        )
    return Markdown("\n".join(lines)) if lines else not_run(f"{method}-{kind}")


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
    return markdown(rows)


def chosen_dimensions(entries):
    """PCA's dimension that the holdout chose, for each classical method and class."""
    rows = {}
    for entry in entries:
        p, tried = entry.parameters, entry.record["details"].get("holdout_auc")
        if tried:
            label = datasets.CLASSES[p["dataset"]][p["normal_class"]]
            best = max(tried, key=tried.get)
            rows.setdefault(METHODS[p["method"]].label, {})[label] = f"{best} ({tried[best]:.3f})"
    return markdown([{"method": method} | row for method, row in rows.items()])
