"""The AUCs of SO-GAAL and MO-GAAL: beside the authors' script, other detectors and PyOD, and by when they stop."""

import numpy as np
from IPython.display import Markdown

from .. import reference
from ..datasets import TABLES
from ..methods import METHODS
from ..render import markdown, mean_sd, note
from ..runner import COMMITTED
from ..statistics import auc
from ..store import Store

WHEN = {"at stop": "scores_at_stop", "at end": "scores"}


def aucs_at(entries, when):
    """The AUC of each entry "at stop" or "at end"."""
    return [auc(e.arrays["labels"], e.arrays[WHEN[when]]) for e in entries]


def aucs(groups):
    """SO-GAAL's AUC at stop_epochs and at the end, mean, standard deviation and median over seeds.

    groups: {title: entries of `runner.attempt` one for each seed, or an `Outcome` of them}.
    """
    rows = []
    for title, group in groups.items():
        entries = getattr(group, "entries", group)
        if not entries:
            why = f"not run in this build: {group.missing.split(':')[0].rstrip('.')}"
            rows.append({"": title, "AUC at stop": why, "AUC at end": why})
            continue
        row = {"": title, "stop epoch": entries[0].parameters["stop_epochs"]}
        for when in WHEN:
            values = aucs_at(entries, when)
            row |= {f"AUC {when}": mean_sd(values), f"median {when}": f"{np.median(values):.3f}"}
        rows.append(row | {"runs": len(entries)})
    return markdown(rows)


FAMILY = {"SO-GAAL": ("sogaal", "pyod-sogaal"), "MO-GAAL": ("mogaal", "pyod-mogaal")}
OTHERS = tuple(name for name in METHODS if name.startswith("table-"))


def stored_results():
    """The entries on tables that the repository holds; none have to be there."""
    return Store(COMMITTED / "gaal").entries()


def _medians(entries, rows="same"):
    """{(table, method): {when: AUCs of its repetitions}}; "best" is the best epoch, which labels have chosen."""
    found = {}
    for e in entries:
        p = e.parameters
        if p.get("rows", "same") == rows:
            values = found.setdefault((p["dataset"], p["method"]), {})
            for when, scores in WHEN.items():
                if scores in e.arrays:
                    values.setdefault(when, []).append(auc(e.arrays["labels"], e.arrays[scores]))
            if "auc" in e.arrays:
                values.setdefault("best", []).append(float(e.arrays["auc"].max()))
    return found


def _median(values):
    return f"{np.median(values):.3f}" if values else "–"


def twelve(entries, rows="same"):
    """Median AUCs over repetitions, a row for each table: SO-GAAL and MO-GAAL, PyOD's, and other detectors."""
    found, lines = _medians(entries, rows), []
    for table in TABLES:
        line = {"table": table}
        for title, (ours, pyod) in FAMILY.items():
            of = found.get((table, ours), {})
            line |= {f"{title}, {when}": _median(of.get(when)) for when in WHEN}
            if rows == "same":
                line[f"{title}, PyOD"] = _median(found.get((table, pyod), {}).get("at end"))
        line |= {METHODS[m].title: _median(found.get((table, m), {}).get("at end")) for m in OTHERS}
        if any(key[0] == table for key in found):
            lines.append(line)
    return markdown(lines)


def spreads(entries):
    """Mean ± standard deviation over repetitions at the stop and at the end, and the port's values beside them."""
    found, lines = _medians(entries), []
    port = {row["table"]: row for row in reference.rows("gaal_aucs.csv") if row["source"].startswith("port")}
    for table in TABLES:
        line = {"table": table}
        for title, (ours, _) in FAMILY.items():
            of = found.get((table, ours), {})
            line |= {f"{title}, {when}": mean_sd(of[when]) if of else "–" for when in WHEN}
        line |= {f"port of SO-GAAL.py, {when}": port[table][when.replace(" ", "_")] for when in WHEN}
        runs = found.get((table, "sogaal"), {})
        line["repetitions"] = str(len(runs.get("at end", []))) if runs else "–"
        if (table, "sogaal") in found:
            lines.append(line)
    return markdown(lines)


def stops(entries, title):
    """Median AUCs by when training stops: the authors' epochs, the end, two rules without labels, the best epoch."""
    ours, found, lines = FAMILY[title][0], _medians(entries), []
    for table in TABLES:
        of = found.get((table, ours), {})
        line = {"table": table} | {name: _median(of.get(when)) for name, when in
                                   (("authors' epochs", "at stop"), ("three times as far", "at end"))}  # fmt: skip
        line |= {rule: _median(found.get((table, f"{ours}-{rule}"), {}).get("at end")) for rule in RULES}
        line["best epoch (saw labels)"] = _median(of.get("best"))
        if of:
            lines.append(line)
    return markdown(lines)


RULES = "auto", "equilibrium"


def findings(entries):
    """What the stored results say, in sentences computed from them."""
    found = _medians(entries)
    tables = [
        table for table in TABLES if {(table, "sogaal"), (table, "mogaal"), (table, "table-iforest")} <= set(found)
    ]
    if not tables:
        return note("Not run: there are no stored results on the authors' tables.")

    def median(table, method, when="at end"):
        return float(np.median(found[table, method][when]))

    def count(holds):
        return f"{sum(holds(table) for table in tables)} of {len(tables)}"

    moved = np.mean([abs(median(t, "sogaal") - median(t, "sogaal", "at stop")) for t in tables])
    lines = [
        f"- From the authors' stop to the end of training the median AUC of SO-GAAL moves by {moved:.2f} on average: "
        "an AUC says little without its epoch.",
        f"- At the end MO-GAAL's median is above SO-GAAL's on "
        f"{count(lambda t: median(t, 'mogaal') > median(t, 'sogaal'))} tables.",
        f"- At the stop SO-GAAL's median is above that of scikit-learn's isolation forest on "
        f"{count(lambda t: median(t, 'sogaal', 'at stop') > median(t, 'table-iforest'))} tables, MO-GAAL's on "
        f"{count(lambda t: median(t, 'mogaal', 'at stop') > median(t, 'table-iforest'))}. The forest has no epochs to "
        "choose; the authors chose theirs for each table.",
    ]
    with_rule = [t for t in tables if (t, "sogaal-auto") in found and (t, "mogaal-auto") in found]
    for title, (ours, _) in FAMILY.items():
        near = sum(median(t, f"{ours}-auto") >= median(t, ours, "at stop") - 0.02 for t in with_rule)
        lines.append(
            f'- The rule that stops without labels (`stop_epochs="auto"`) comes within 0.02 of the authors\' own stop, '
            f"or above it, on {near} of {len(with_rule)} tables for {title}."
        )
    return Markdown("\n".join(lines))


def beside_keras(evidence):
    """The AUCs of the official SO-GAAL in `claims.Evidence` beside those measured with the authors' script."""
    rows = []
    for row in reference.rows("gaal_aucs.csv"):
        if entries := evidence.sogaal("sogaal", row["table"]):
            shown = {"table": row["table"], "reference": f"{row['source']}, runs: {row['runs']}"}
            for when in WHEN:
                column = when.replace(" ", "_")
                spread = f" ± {row[f'{column}_sd']}" if row[f"{column}_sd"] else ""
                shown |= {f"reference, {when}": f"{row[column]}{spread}"}
                shown |= {f"ours, {when}": mean_sd(aucs_at(entries, when))}
            rows.append(shown | {"our runs": len(entries)})
    return markdown(rows)
