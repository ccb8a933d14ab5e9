"""SO-GAAL's AUCs, and those of the authors' own script beside them."""

import numpy as np

from .. import reference
from ..render import markdown, mean_sd
from ..statistics import auc

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
