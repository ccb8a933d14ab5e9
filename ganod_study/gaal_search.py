"""Whether a search without labels finds good settings of MO-GAAL: its records, judged by labels afterwards."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd
from IPython.display import Markdown
from scipy.stats import spearmanr

from . import datasets, runner
from .gaal import STOP, of_rows
from .render import markdown, mean_sd, note, number, signed, span
from .statistics import auc, entry_auc, paired_comparison
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
        """Spearman's rank correlation of criterion and AUC; 0 for a criterion that is the same for all."""
        return float(spearmanr(self.criterion, self.aucs).statistic) if np.ptp(self.criterion) else 0.0

    @property
    def tied(self):
        """How many candidates share the best criterion: the first of them is picked."""
        return int((self.criterion == self.criterion.max()).sum())


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
        | {"pick": s.aucs[s.picked], "mean": s.aucs.mean(), "best": s.aucs.max()}
        | {"agreement": s.agreement, "tied": s.tied, "candidates": len(s.aucs)}
        for s in searches(entries)
    )


def at_authors_settings(entries):
    """AUCs at the stop of the runs with the authors' settings: {table: [AUC of each repetition]}."""
    found = {}
    for e in of_rows(entries, "same"):
        if e.parameters["method"] == "mogaal":
            found.setdefault(e.parameters["dataset"], []).append(entry_auc(e, STOP))
    return found


def findings(entries):
    """What the searches found, in sentences computed from them. Where all end in a tie, a table is left out."""
    frame, authors = judged(entries), at_authors_settings(entries)
    if frame.empty:
        return note(NOTHING)
    by_table = frame.groupby("table", sort=False)
    means, undecided = by_table[["pick", "mean", "best", "agreement"]].mean(), by_table["tied"].min() > 1
    lines = []
    if undecided.any():
        lines.append(
            f"- On {', '.join(means.index[undecided])} candidates tie, so the first of the grid is picked, however "
            "good it is. What follows leaves these tables out."
        )
    means = means[~undecided]
    if len(means) > 1:
        lack, agreement = means["best"] - means["pick"], means["agreement"]
        lines += [
            f"- Against a blind guess, the average candidate: {_compared(means['pick'], means['mean'])}.",
            "- Against the best candidate, which only labels can tell: "
            f"{-lack.mean():+.3f} on average, {-lack.max():+.3f} on {lack.idxmax()}.",
            f"- The rank correlation of what the search goes by with the AUC ranges from {agreement.min():+.2f} "
            f"({agreement.idxmin()}) to {agreement.max():+.2f} ({agreement.idxmax()}).",
        ]
        there = means[means.index.isin(list(authors))]
        if len(there) > 1:
            values = pd.Series({name: np.mean(authors[name]) for name in there.index})
            lines.insert(-2, f"- Against the authors' settings: {_compared(there['pick'], values)}.")
    return Markdown("\n".join(lines))


def _compared(ours, others):
    """Two series of AUCs by table: on how many the first is ahead, the mean difference, its interval and p-value."""
    found, ahead = paired_comparison(ours, others), int((ours > others).sum())
    shown = f"{number(len(ours), 'table')}, by {signed(found)} in AUC on average (p = {found.p_value:.2f})"
    return f"ahead on {ahead} of {shown}"


def table(entries):
    """A row for each table: what was picked, and AUCs, mean ± standard deviation over repetitions."""
    rows, frame, authors = [], judged(entries), at_authors_settings(entries)
    for name, of in frame.groupby("table", sort=False) if len(frame) else ():
        picks = Counter(zip(of["k"], of["stop_epochs"])).most_common()
        row = {"table": name, "picked: k, stop_epochs": "; ".join(f"{k}, {stop} ({n}×)" for (k, stop), n in picks)}
        row |= {
            "tied": f"{span(of['tied'])} of {of['candidates'].iloc[0]}" if of["tied"].max() > 1 else None,
            "pick": mean_sd(of["pick"]),
            "average candidate": mean_sd(of["mean"]),
            "best candidate ‡": mean_sd(of["best"]),
        }
        row |= {"authors' settings": mean_sd(authors[name]) if name in authors else None}
        rows.append(row | {"rank correlation": f"{of['agreement'].mean():+.2f}"})
    return markdown(rows, NOTHING)
