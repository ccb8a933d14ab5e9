"""The papers' numbers, read once: Table 1 of the ADGAN paper, the claims, the AUCs of the GAAL authors' script."""

from csv import DictReader
from functools import cache
from pathlib import Path

import numpy as np

from .. import datasets
from ..methods import METHODS

ROUNDING = 0.001 + 1e-9  # a mean of cells rounded to three decimals, rounded itself, is off by no more


@cache
def rows(name):
    """The rows of a CSV file beside this one, as dictionaries of text."""
    return list(DictReader((Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()))


@cache
def table1():
    """Table 1 as {(data set's title, method's title, features, class): AUC}."""
    return {(*_column(r), int(r["class"])): float(r["auc"]) for r in rows("adgan_table1.csv")}


@cache
def printed_means():
    """The means that Table 1 prints below its columns, {(data set's title, method's title, features): AUC}."""
    return {_column(r): float(r["mean_auc_as_printed"]) for r in rows("adgan_table1_means_as_printed.csv")}


def paper_mean(dataset, method, classes=range(10)):
    """The mean of a column's cells over classes, by our names of data set and method; None where there are none."""
    about = METHODS[method]
    values = [table1().get((datasets.TITLES[dataset], about.title, about.features, c)) for c in classes]
    return None if None in values else float(np.mean(values))


def misprints():
    """Printed means that don't follow from their column: {(data set, method, features): (printed, computed)}."""
    found = {}
    for column, printed in printed_means().items():
        computed = float(np.mean([value for (*of, _), value in table1().items() if tuple(of) == column]))
        if abs(printed - computed) > ROUNDING:
            found[column] = printed, computed
    return found


def _column(row):
    return row["dataset"], row["method"], row["features"]
