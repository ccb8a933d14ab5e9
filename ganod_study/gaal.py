"""Statistics of stored results on tables: AUCs of each method on each table, ranks over tables, when to stop."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import friedmanchisquare, studentized_range

from ganod_lite.gaal import RULES

from . import datasets, runner
from .methods import METHODS
from .statistics import auc, average_precision, entry_auc
from .store import Store

DETECTORS = {"sogaal": "SO-GAAL", "mogaal": "MO-GAAL"}
STOP, END = "scores_at_stop", "scores"


class Column(NamedTuple):
    """A column of the tables of AUCs: a method's scores, of GAAL's those at the stop or at the end."""

    method: str
    array: str = END

    @property
    def told(self):
        """Whether it was told the authors' stop epochs, which differ from table to table."""
        return bool(METHODS[self.method].uses)


COLUMNS = {
    "SO stop": Column("sogaal", STOP),
    "SO end": Column("sogaal"),
    "MO stop": Column("mogaal", STOP),
    "MO end": Column("mogaal"),
    "IF": Column("table-iforest"),
    "KDE": Column("table-kde"),
    "OC-SVM": Column("table-ocsvm"),
    "GMM": Column("table-gmm"),
    "LOF": Column("table-lof"),
    "k-NN": Column("table-knn"),
    "PyOD SO": Column("pyod-sogaal"),
    "PyOD MO": Column("pyod-mogaal"),
}
UPSIDE_DOWN = ("PyOD SO", "PyOD MO")
FIXED = ("table-kde", "table-ocsvm", "table-gmm", "table-lof", "table-knn")  # the same in each repetition
RANDOM = ("sogaal", "mogaal", "table-iforest")
TABLES = (*datasets.TABLES, *datasets.EMBEDDED_TABLES)


def stored(root=None):
    """The entries on tables that the repository keeps; root: another store's folder."""
    return Store(root or runner.COMMITTED / "gaal").entries()


def of_rows(entries, rows):
    """The entries that fitted and scored the "same" rows, or scored "held-out" ones."""
    return [e for e in entries if e.parameters.get("rows", "same") == rows]


def measured(entries, rows="same"):
    """A frame with a row for each entry and column: table, column, seed, AUC, AP and prevalence."""
    found = []
    for e in of_rows(entries, rows):
        y = e.arrays["labels"]
        for title, column in COLUMNS.items():
            if column.method == e.parameters["method"]:
                scores = e.arrays[column.array]
                found.append(
                    (e.parameters["dataset"], title, e.parameters["seed"])
                    + (auc(y, scores), average_precision(y, scores), y.mean())
                )
    return pd.DataFrame(found, columns=["table", "column", "seed", "AUC", "AP", "prevalence"])


def medians(values, what="AUC"):
    """The medians over repetitions of a frame of `measured`: tables by columns, NaN for what there is not."""
    frame = values.pivot_table(index="table", columns="column", values=what, aggfunc="median")
    return frame.reindex(
        index=[t for t in TABLES if t in frame.index], columns=[c for c in COLUMNS if c in frame.columns]
    )


class Ranks(NamedTuple):
    """Mean ranks over tables, the best first, with Friedman's p-value and Nemenyi's critical difference."""

    means: pd.Series
    p_value: float
    critical_difference: float
    n_tables: int

    def beaten_by(self, title):
        """The columns that this one is ahead of by more than the critical difference."""
        return [t for t, mean in self.means.items() if mean - self.means[title] > self.critical_difference]


def ranks(frame, level=0.05):
    """`Ranks` of the columns that have all tables of a frame of AUCs; None with fewer than three, or one table.

    PyOD's two are not ranked: scores that are upside down would let the test find differences by themselves.

    The tests are those of Demšar, "Statistical comparisons of classifiers over multiple data sets" (JMLR 7, 2006).
    """
    whole = frame.drop(columns=list(UPSIDE_DOWN), errors="ignore").dropna(axis="columns")
    n, k = whole.shape
    if n < 2 or k < 3:
        return None
    means = whole.rank(axis=1, ascending=False).mean().sort_values(kind="stable")
    p_value = friedmanchisquare(*whole.to_numpy().T).pvalue
    return Ranks(means, float(p_value), critical_difference(k, n, level), n)


def critical_difference(n_columns, n_tables, level=0.05):
    """Nemenyi's: mean ranks further apart than this differ, at the level for all pairs together."""
    q = studentized_range.ppf(1 - level, n_columns, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_columns * (n_columns + 1) / (6 * n_tables)))


def stops(entries):
    """When each run stopped and its AUC there: table, detector, seed, stop, epoch, AUC.

    stop: "fixed" (the authors' epochs), one of RULES, "end" of the training or "best", the epoch of the full training
    that the labels show to be best.
    """
    found = []

    def add(e, method, stop, epoch, value):
        found.append((e.parameters["dataset"], DETECTORS[method], e.parameters["seed"], stop, epoch, value))

    for e in of_rows(entries, "same"):
        method, _, rule = e.parameters["method"].partition("-")
        if method in DETECTORS and rule in ("", *RULES):
            details = e.record["details"]
            add(e, method, rule or "fixed", details["stop_epoch"], entry_auc(e, STOP))
            if not rule:
                curve = e.arrays["auc"]
                add(e, method, "end", details["n_epochs"], entry_auc(e, END))
                add(e, method, "best", int(curve.argmax()) + 1, float(curve.max()))
    return pd.DataFrame(found, columns=["table", "detector", "seed", "stop", "epoch", "AUC"])


def curves(entries, method, table):
    """AUC over epochs of all repetitions: epochs as multiples of the stop (m,), and AUCs (repetitions, m)."""
    some = [e for e in of_rows(entries, "same") if (e.parameters["method"], e.parameters["dataset"]) == (method, table)]
    if not some:
        return np.empty(0), np.empty((0, 0))
    values = np.stack([e.arrays["auc"] for e in some])
    return (np.arange(values.shape[1]) + 1) / some[0].record["details"]["stop_epoch"], values
