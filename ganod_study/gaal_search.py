"""Whether a search without labels finds good settings of MO-GAAL: its records, judged by labels afterwards."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd
from IPython.display import Markdown
from scipy.stats import spearmanr

from . import datasets, runner
from .render import markdown, mean_sd, note, number
from .statistics import auc
from .store import Store

METHOD = "mogaal-searched"
NOTHING = "Not run: there are no searches on tables."


class Search(NamedTuple):
    """A search of c candidates: what it went by, what labels say of each, and which it picked."""

    table: str
    candidates: list  # of {"k": ..., "stop_epochs": ...}
    criterion: np.ndarray  # (c,)
    aucs: np.ndarray  # (c,)
    picked: int

    @property
    def agreement(self):
        """Spearman's rank correlation of criterion and AUC."""
        return float(spearmanr(self.criterion, self.aucs).statistic)


def stored():
    """The searches that the repository keeps, and MO-GAAL's runs with the authors' settings on the same tables."""
    root = runner.COMMITTED / "gaal"
    folders = [folder for search in sorted(root.glob(f"*/{METHOD}")) for folder in (search, search.with_name("mogaal"))]
    return [e for folder in folders for e in Store(folder).entries()]


def searches(entries):
    """The `Search` of each entry that is one, in the order of the tables."""
    found = [
        Search(
            e.parameters["dataset"],
            e.record["details"]["candidates"],
            e.arrays["criterion"],
            np.array([auc(e.arrays["labels"], ranks) for ranks in e.arrays["ranks"]]),
            e.record["details"]["picked"],
        )
        for e in entries
        if e.parameters["method"] == METHOD
    ]
    return sorted(found, key=lambda search: list(datasets.LAYOUTS).index(search.table))


def judged(entries):
    """A frame with a row for each search.

    pick, mean, best: AUC of the candidate that was picked, of all on average, of the one that labels would pick.
    """
    return pd.DataFrame(
        {"table": s.table}
        | s.candidates[s.picked]
        | {"pick": s.aucs[s.picked], "mean": s.aucs.mean(), "best": s.aucs.max(), "agreement": s.agreement}
        for s in searches(entries)
    )


def findings(entries):
    """What the searches found, in sentences computed from them."""
    frame = judged(entries)
    if frame.empty:
        return note(NOTHING)
    means = frame.groupby("table", sort=False)[["pick", "mean", "best", "agreement"]].mean()
    gain, lack, agreement = means["pick"] - means["mean"], means["best"] - means["pick"], means["agreement"]
    lines = [
        f"- The pick beats the average candidate, a blind guess, on {(gain > 0).sum()} of "
        f"{number(len(means), 'table')}: by {gain.mean():+.3f} in AUC on average, from {gain.min():+.3f} "
        f"({gain.idxmin()}) to {gain.max():+.3f} ({gain.idxmax()}).",
        f"- The best candidate, which only labels can tell, is {lack.mean():.3f} above the pick on average and "
        f"{lack.max():.3f} on {lack.idxmax()}.",
        f"- The rank correlation of what the search goes by with the AUC ranges from {agreement.min():+.2f} "
        f"({agreement.idxmin()}) to {agreement.max():+.2f} ({agreement.idxmax()}).",
    ]
    return Markdown("\n".join(lines))


def table(entries):
    """A row for each table: what was picked, and AUCs, mean ± standard deviation over repetitions."""
    authors = {}
    for e in entries:
        if e.parameters["method"] == "mogaal" and "rows" not in e.parameters:
            authors.setdefault(e.parameters["dataset"], []).append(auc(e.arrays["labels"], e.arrays["scores_at_stop"]))
    rows, frame = [], judged(entries)
    for name, of in frame.groupby("table", sort=False) if len(frame) else ():
        picks = Counter(zip(of["k"], of["stop_epochs"])).most_common()
        row = {"table": name, "picked: k, stop_epochs": "; ".join(f"{k}, {stop} ({n}×)" for (k, stop), n in picks)}
        row |= {
            "pick": mean_sd(of["pick"]),
            "average candidate": mean_sd(of["mean"]),
            "best candidate ‡": mean_sd(of["best"]),
        }
        row |= {"authors' settings": mean_sd(authors[name]) if name in authors else None}
        rows.append(row | {"rank correlation": f"{of['agreement'].mean():+.2f}"})
    return markdown(rows, NOTHING)
