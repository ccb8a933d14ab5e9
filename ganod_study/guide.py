"""The pictures of the guide, and what stored results say about which detector to take."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ganod_lite.images import as_images

from . import gaal, runner
from .figures import displayable, new_figure
from .methods import METHODS, RED, TABLE1
from .statistics import Interval, t_interval
from .store import seconds_of
from .summaries import cells_of, class_aucs, complete

N_ACROSS = 80  # points along each side of a plane


# --- pictures ---


def reconstructions(detector, images, labels, n_normal=2, n_anomalous=3):
    """The first normal and anomalous images with their scores, and what a detector's `explain` makes of them."""
    labels = np.asarray(labels, dtype=bool)
    picked = np.r_[np.flatnonzero(~labels)[:n_normal], np.flatnonzero(labels)[:n_anomalous]]
    scores, (made, residual) = detector.anomaly_score(images[picked]), detector.explain(images[picked])
    shown = as_images(images[picked]).numpy()
    # all in [-1, 1], as images are
    rows = {"image": shown, "nearest": made, "residual": 2 * residual[:, None] / residual.max() - 1}
    figure, axes = new_figure(4.4, 3.2, len(rows), len(picked), box=True)
    for of_row, (name, pictures), cmap in zip(axes, rows.items(), ("gray", "gray", "Oranges")):
        of_row[0].set_ylabel(name, fontsize=9)
        for axis, picture in zip(of_row, pictures):
            axis.imshow(displayable(picture), cmap=cmap, vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
    for axis, score, anomalous in zip(axes[0], scores, labels[picked]):
        axis.set_title(f"{'anomalous' if anomalous else 'normal'}\n{score:.1f}", fontsize=8)
    return figure


def planes(detectors, X, y, columns=2):
    """Scores over the plane as ranks among the rows of X (n, 2): a panel for each fitted detector, {title: it}.

    The line is the threshold of `predict`; crosses are the rows with y = 1.
    """
    axis_values = np.linspace(0, 1, N_ACROSS)
    points = np.stack(np.meshgrid(axis_values, axis_values), -1).reshape(-1, 2)
    n_rows = -(-len(detectors) // columns)
    figure, axes = new_figure(2.5 * columns, 2.6 * n_rows + 0.5, n_rows, columns, box=True, squeeze=False)
    for axis, (title, detector) in zip(axes.flat, detectors.items()):
        own = np.sort(detector.anomaly_score(X))
        below = np.searchsorted(own, detector.anomaly_score(points)).reshape(N_ACROSS, N_ACROSS) / len(own)
        filled = axis.contourf(axis_values, axis_values, below, np.linspace(0, 1, 11), cmap="Blues")
        outside = detector.decision_function(points).reshape(N_ACROSS, N_ACROSS)
        axis.contour(axis_values, axis_values, outside, [0], colors=RED, linewidths=1.5)
        axis.scatter(*X[y == 0].T, s=3, color="0.3", linewidth=0)
        axis.scatter(*X[y == 1].T, s=22, color="black", marker="X", edgecolor="white", linewidth=0.4)
        axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=[0, 1], yticks=[0, 1])
        axis.set_title(title, fontsize=9)
    bar = figure.colorbar(filled, ax=axes, location="bottom", shrink=0.9, aspect=30, pad=0.02)
    bar.set_label("share of the rows with a lower score", fontsize=8)
    bar.set_ticks([0, 0.5, 1])
    return figure


# --- what stored results say ---


class Standing(NamedTuple):
    """How a detector does over classes or tables: the mean AUC with its 95 % interval (Student's t), each AUC."""

    title: str
    aucs: dict  # {class or table: AUC}

    @property
    def mean(self):
        """Over classes or tables as a sample of possible ones, within [0, 1]."""
        value, low, high = t_interval(list(self.aucs.values()))
        return Interval(float(value), max(float(low), 0.0), min(float(high), 1.0))

    def ahead_of(self, other):
        """The mean difference to another one within classes or tables, with its 95 % interval."""
        return Interval(*map(float, t_interval([auc - other.aucs[name] for name, auc in self.aucs.items()])))


def on_images(cells):
    """{method: `Standing`} over the classes of what `of_table1` gives."""
    return ordered({method: Standing(METHODS[method].label, class_aucs(some)) for method, some in cells.items()})


def of_table1(dataset, methods=TABLE1):
    """{method: {(class, seed): stored entry}} of a data set, each method's at the best scale that has all classes."""
    entries = [entry for method in methods for entry in runner.stored_results(dataset, method=method)]
    cells = {method: cells_of(complete(entries), method) for method in methods}
    return {method: of_method for method, of_method in cells.items() if of_method}


def on_tables():
    """{column: `Standing`} over the tables of the GAAL paper: stored medians over repetitions, PyOD's left out.

    Beside the columns of `gaal.COLUMNS` SO-GAAL and MO-GAAL as they come, with their own rule for the stop. Only what
    has all tables is there.
    """
    entries = gaal.stored()
    values = gaal.measured(entries)
    if values.empty:
        return {}
    frame = gaal.medians(values)
    stops = gaal.stops(entries)
    by_rule = stops[stops["stop"] == "auto"].pivot_table(
        index="table", columns="detector", values="AUC", aggfunc="median"
    )
    frame = pd.concat([frame, by_rule.add_suffix(" as it comes")], axis=1).dropna(axis="columns")
    return ordered({title: Standing(title, frame[title].to_dict()) for title in frame})


def ordered(standings):
    """The best mean first."""
    return dict(sorted(standings.items(), key=lambda item: -item[1].mean.value))


def wins(standings):
    """{name: how many classes or tables it is best on}; who shares a first place counts."""
    frame = pd.DataFrame({name: standing.aucs for name, standing in standings.items()})
    return frame.eq(frame.max(axis=1), axis=0).sum().to_dict()


def holdout_aucs(cells):
    """Mean AUCs over classes on the holdout at each dimension of PCA of pixels, {method: {dimension: AUC}}."""
    found = {}
    for method, of_method in cells.items():
        if METHODS[method].features == "PCA":
            tried = [entry.record["details"]["holdout_auc"] for entry in of_method.values()]
            found[method] = pd.DataFrame(tried).mean().to_dict()
    return found


def seconds_per_image(entries):
    """The median over entries of the seconds that scoring took, for each test image."""
    return float(np.median([seconds_of(e.record) / len(e.arrays["scores"]) for e in entries]))


def seconds_of_fit(entries):
    """The median over entries of the seconds that their fit took; None where records don't say."""
    seconds = [e.record["details"].get("seconds_of_fit") for e in entries]
    return None if None in seconds else float(np.median(seconds))
