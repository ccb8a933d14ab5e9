"""The page of the twelve tables: SO-GAAL and MO-GAAL beside other detectors, their sources, and rules for the stop."""

import numpy as np
import pandas as pd
from IPython.display import Markdown

from ganod_lite.gaal import RULES

from .. import reference
from ..gaal import COLUMNS, DETECTORS, END, STOP, TABLES, UPSIDE_DOWN, medians, ranks
from ..methods import METHODS
from ..render import markdown, mean_sd, note, number, signed
from ..statistics import CLOSE, TOLERANCE, entry_auc, welch_interval

WHEN = {"at stop": STOP, "at end": END}
MARK = "†"  # of what was told the authors' stop epochs
SAW_LABELS = "‡"
NOTHING = "The stored results on the tables are not there."
STOPS = {"fixed": f"fixed {MARK}"} | {rule: rule for rule in RULES} | {"end": "end", "best": f"best epoch {SAW_LABELS}"}
PORT = "port of the official script"


def head(title):
    """A column's title, marked where it was told the stop epochs."""
    return f"{title} {MARK}" if COLUMNS[title].told else title


def listed(words):
    """Words as "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


# --- the learning curves, and the authors' own script ---


def aucs_at(entries, when):
    """The AUC of each entry "at stop" or "at end"."""
    return [entry_auc(e, WHEN[when]) for e in entries]


def aucs(groups):
    """SO-GAAL's AUC at stop_epochs and at the end, mean, standard deviation and median over repetitions.

    groups: {title: entries of `runner.attempt`, one for each seed}.
    """
    rows = []
    for title, entries in groups.items():
        row = {"": title, "stop epoch": entries[0].parameters["stop_epochs"]}
        for when in WHEN:
            values = aucs_at(entries, when)
            row |= {f"AUC {when}": mean_sd(values), f"median {when}": f"{np.median(values):.3f}"}
        rows.append(row | {"runs": len(entries)})
    return markdown(rows)


def _with_sd(row, when):
    column = when.replace(" ", "_")
    return row[column] + (f" (sd {row[f'{column}_sd']})" if row[f"{column}_sd"] else "")


# --- the twelve tables ---


def findings(values, stops):
    """What the page found, in a few sentences: of frames of `gaal.measured` and `gaal.stops`."""
    if values.empty:
        return note(NOTHING)
    frame, found = medians(values), []
    both = frame.reindex(columns=COLUMNS)
    for short, detector in (("SO", "SO-GAAL"), ("MO", "MO-GAAL")):
        apart = (both[f"{short} stop"] - both[f"{short} end"]).dropna()
        found.append(
            f"- **{detector}**: the authors' stop and the end of their training give median AUCs that differ by more "
            f"than {CLOSE} on {(apart.abs() > CLOSE).sum()} of {number(len(apart), 'table')}. By more than {TOLERANCE} "
            f"the stop is better on {(apart > TOLERANCE).sum()}, the end on {(apart < -TOLERANCE).sum()}."
        )
    found.append(f"- **Against other detectors at their defaults**: {ranking_text(frame)}")
    for title, detector in (("PyOD SO", "SO_GAAL"), ("PyOD MO", "MO_GAAL")):
        if n := both[title].count():
            found.append(
                f"- **PyOD's {detector}** returns D(x), which is high for inliers. Its scores have a median AUC below "
                f"0.5 on {(both[title] < 0.5).sum()} of {number(n, 'table')}."
            )
    found += [f"- **When to stop.** {sentence}" for sentence in _rules_text(stops)]
    return Markdown("\n".join(found))


def compact(values, what="AUC"):
    """Medians over repetitions: a row for each table, a column for each of COLUMNS."""
    frame = medians(values, what)
    prevalence = values.groupby("table")["prevalence"].first()
    rows = []
    for table, row in frame.iterrows():
        shown = {head(title): _shown(value) for title, value in row.items()}
        rows.append({"table": table} | ({"prevalence": f"{prevalence[table]:.3f}"} if what == "AP" else {}) | shown)
    return markdown(rows, NOTHING)


def long(values):
    """Median and mean and sd of AUC and average precision: a row for each table and column."""
    rows = []
    for table, title in medians(values).stack().dropna().index:
        some = values[(values["table"] == table) & (values["column"] == title)]
        row = {"table": table, "detector": head(title), "runs": len(some)}
        for what in ("AUC", "AP"):
            row |= {f"{what}, median": f"{some[what].median():.3f}", f"{what}, mean (sd)": mean_sd(some[what])}
        rows.append(row | {"prevalence": f"{some['prevalence'].iloc[0]:.3f}"})
    return markdown(rows, NOTHING)


def ranking(values):
    """Mean ranks over the tables, and in words who is not told apart."""
    found = ranks(medians(values))
    if found is None:
        return note("Too few detectors have run on all tables.")
    rows = [
        {"detector": head(title), "mean rank": f"{mean:.2f}", "ahead of": ", ".join(found.beaten_by(title)) or "nobody"}
        for title, mean in found.means.items()
    ]
    lacking = [head(title) for title in medians(values) if title not in {*found.means.index, *UPSIDE_DOWN}]
    left_out = f" Left out, as they lack some tables: {listed(lacking)}." if lacking else ""
    return Markdown(f"{ranking_text(medians(values))}{left_out}\n\n{markdown(rows).data}")


def ranking_text(frame):
    """What the ranks of a frame of AUCs say."""
    found = ranks(frame)
    if found is None:
        return "too few have run on all tables for a ranking."
    first, *others = found.means.index
    told = found.beaten_by(first)
    level = [title for title in others if title not in told]
    text = (
        f"Friedman's test over {number(found.n_tables, 'table')} gives p = {found.p_value:.2g}. Two detectors "
        f"are told apart if their mean ranks differ by more than {found.critical_difference:.2f} (Nemenyi, 5 % for all "
        f"pairs together). {head(first)} has the lowest "
        f"mean rank, {found.means[first]:.2f}. "
    )
    if not told:
        return text + "The test tells no detector apart from it."
    return (
        text + f"The test tells it apart from {listed(told)}" + (f", but not from {listed(level)}." if level else ".")
    )


# --- beside others' values ---


def beside_port(values):
    """Our means beside the reference port's, and whether Welch's interval of the difference is within CLOSE."""
    rows, found = [], []
    for ref in reference.rows("gaal_aucs.csv"):
        if ref["source"] != PORT:
            continue
        shown = {"table": ref["table"], "detector": DETECTORS[ref["method"]]}
        for when, array in WHEN.items():
            title = next(t for t, c in COLUMNS.items() if (c.method, c.array) == (ref["method"], array))
            some = values[(values["table"] == ref["table"]) & (values["column"] == title)]["AUC"]
            if len(some) < 2:
                continue
            port, sd = (float(ref[when.replace(" ", "_") + end]) for end in ("", "_sd"))
            apart = welch_interval((some.mean(), some.std(), len(some)), (port, sd, int(ref["runs"])))
            found.append(apart.within(CLOSE))
            shown |= {f"port, {when}": _with_sd(ref, when), f"ours, {when}": mean_sd(some)}
            shown |= {f"ours minus port, {when}": f"{signed(apart)}{' *' if found[-1] is False else ''}"}
        rows.append(shown)
    text = (
        f"The whole 95 % interval (Welch) of the difference of the means is within {CLOSE} of zero in "
        f"{found.count(True)} of {number(len(found), 'case')}, and outside in {found.count(False)} (*). In the other "
        f"{found.count(None)} the runs vary too much to tell."
    )
    return Markdown(f"{text}\n\n{markdown(rows).data}") if found else note(NOTHING)


def elsewhere(values):
    """SO-GAAL's AUCs that ADBench once published, PyOD's as returned and turned round, and ours."""
    frame = medians(values).reindex(columns=COLUMNS)
    rows, near = [], {"ADBench's": [], "PyOD's": []}
    for ref in reference.rows("adbench_aucs.csv"):
        if ref["table"] not in frame.index:
            continue
        ours, adbench = frame.loc[ref["table"]], float(ref["auc"])
        row = {"table": ref["table"], "ADBench": ref["auc"], "ADBench, turned": f"{1 - adbench:.3f}"}
        row |= {"PyOD": _shown(ours["PyOD SO"]), "PyOD, turned": _shown(1 - ours["PyOD SO"])}
        rows.append(row | {"ours at stop": _shown(ours["SO stop"]), "ours at end": _shown(ours["SO end"])})
        for name, value in zip(near, (adbench, ours["PyOD SO"])):
            if not np.isnan(value):
                near[name].append(min(abs(1 - value - ours["SO stop"]), abs(1 - value - ours["SO end"])) <= 0.1)
    text = "; ".join(
        f"{name} are within 0.1 of ours, at the stop or at the end, on {sum(n)} of {number(len(n), 'table')}"
        for name, n in near.items()
        if n
    )
    return Markdown(f"Turned, {text}.\n\n{markdown(rows).data}" if rows else note(NOTHING).data)


def _shown(value):
    return None if np.isnan(value) else f"{value:.3f}"


# --- when to stop ---


def by_stop(stops, detector):
    """The median AUC (epoch) of each way to stop: a row for each table."""
    some = stops[stops["detector"] == detector]
    found = some.groupby(["table", "stop"])[["AUC", "epoch"]].median()
    rows = []
    for table in (t for t in TABLES if t in set(some["table"])):
        row = {"table": table}
        for stop, title in STOPS.items():
            there = (table, stop) in found.index
            row[title] = "{AUC:.3f} ({epoch:.0f})".format(**found.loc[table, stop]) if there else None
        rows.append(row | {"optimism": f"{optimism(some[some['table'] == table]):+.3f}"})
    return markdown(rows, NOTHING)


def optimism(runs):
    """By how much the epoch that labels choose exceeds the fixed stop, the median over one table's runs."""
    wide = runs.pivot_table(index="seed", columns="stop", values="AUC").reindex(columns=["best", "fixed"])
    return float((wide["best"] - wide["fixed"]).median())


def near_fixed(stops):
    """How often each way to stop is near the fixed stop: {(detector, stop): (near, above, below)}.

    By the medians of the AUC over the repetitions that both have.
    """
    wide = stops.pivot(index=["detector", "table", "seed"], columns="stop", values="AUC")
    found = {}
    for detector in (d for d in DETECTORS.values() if d in wide.index):
        for stop in (stop for stop in STOPS if stop != "fixed" and stop in wide):
            both = wide.loc[detector, [stop, "fixed"]].dropna().groupby("table").median()
            difference = both[stop] - both["fixed"]
            near = int((difference.abs() <= TOLERANCE).sum())
            above = int((difference > TOLERANCE).sum())
            found[detector, stop] = near, above, len(difference) - near - above
    return found


def rules(stops):
    """How often each way to stop is within TOLERANCE of the fixed one, and whether any rule always is."""
    rows = [
        {
            "detector": detector,
            "stop": STOPS[stop],
            f"within {TOLERANCE}": near,
            "better": above,
            "worse": below,
            "tables": near + above + below,
        }
        for (detector, stop), (near, above, below) in near_fixed(stops).items()
    ]
    return Markdown("\n\n".join([*_rules_text(stops), markdown(rows, NOTHING).data]))


def _rules_text(stops):
    found = near_fixed(stops)
    for detector in DETECTORS.values():
        counts = {stop: found[detector, stop] for stop in RULES if (detector, stop) in found}
        if not counts:
            continue
        text = f"{detector} beside its fixed stop: "
        text += "; ".join(
            f'"{stop}" is within {TOLERANCE} on {near} of {number(near + above + below, "table")}, better on {above}, '
            f"worse on {below}"
            for stop, (near, above, below) in counts.items()
        )
        good = [f'"{stop}"' for stop, (_, _, below) in counts.items() if not below]
        yield f"{text}. {f'Never worse: {listed(good)}.' if good else 'No rule works everywhere.'}"


# --- this build, and the records ---


def recomputed(values, stored):
    """The medians of this build's runs with the stored ones, of more repetitions, in brackets."""
    ours = medians(values)
    theirs, rows = medians(stored).reindex(index=ours.index, columns=ours.columns), []
    for table, row in ours.iterrows():
        shown = {"table": table}
        for title, value in row.items():
            stored_value = theirs.loc[table, title]
            there = not np.isnan(stored_value)
            shown[head(title)] = value if np.isnan(value) else f"{value:.3f}" + there * f" ({stored_value:.3f})"
        rows.append(shown)
    return Markdown(f"{_same_seeds(values, stored)}\n\n{markdown(rows).data}")


def _same_seeds(values, stored):
    keys = ["table", "column", "seed"]
    common = pd.merge(values, stored, on=keys, suffixes=("", "_stored"))
    if common.empty:
        return "*There are no stored results of the same seeds on these tables.*"
    off = (common["AUC"] - common["AUC_stored"]).abs()
    return (
        f"{number(len(off), 'AUC')} are also stored for the same seeds; {(off < 5e-4).sum()} of them agree to three "
        f"decimals, and the largest difference is {off.max():.3f}."
    )


def absent(outcomes):
    """Which tables this build did not run, and why: outcomes, {(table, methods): `Outcome`}."""
    missing = {table: outcome.missing for (table, _), outcome in outcomes.items() if outcome.missing}
    if not missing:
        return note("All tables were available.")
    why = next(iter(missing.values()))
    return note(f"Not run in this build: {listed(missing)}. {why}")


def totals(entries):
    """How many records there are of each method, on how many tables, from which commits, and the hours they took."""
    frame = pd.DataFrame(
        {
            "method": e.parameters["method"],
            "rows": e.parameters.get("rows", "same"),
            "table": e.parameters["dataset"],
            "hours": e.record["seconds"] / 3600,
            "commit": e.record["commit"],
            "device": e.device,
        }
        for e in entries
    )
    if frame.empty:
        return note(NOTHING)
    rows = []
    for (method, which), some in frame.groupby(["method", "rows"]):
        row = {"method": method, "title": METHODS[method].title, "rows": which, "records": len(some)}
        row |= {"tables": some["table"].nunique(), "hours": f"{some['hours'].sum():.2f}"}
        rows.append(row | {f"{name}s": ", ".join(sorted(set(some[name]))) for name in ("commit", "device")})
    return markdown(rows)
