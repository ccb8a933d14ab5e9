"""The page of the claims: how many there are of each verdict, and every claim with what became of it."""

from IPython.display import Markdown

from .. import reference
from ..claims import VERDICTS, read_claims
from ..render import markdown, note, number


def summary(verdicts):
    """How many claims there are of each verdict, and which."""
    rows = []
    for verdict in VERDICTS:
        ids = [name for name, found in verdicts.items() if found.verdict == verdict]
        if ids:
            rows.append({"verdict": verdict, "claims": len(ids), "which": ", ".join(f"`{name}`" for name in ids)})
    return markdown([*rows, {"verdict": "all", "claims": len(verdicts)}])


def not_run(evidence):
    """What of the evidence is missing in this build, or None if nothing is."""
    missing = dict.fromkeys(reason.split(":")[0].rstrip(".") for reason in evidence.missing)
    return note(f"Not run in this build: {'; '.join(missing)}.") if missing else None


def listing(verdicts, source):
    """The claims of a source ("adgan", "so-gaal post"), one under the other."""
    blocks = []
    for claim in read_claims().values():
        if claim.source == source:
            v = verdicts[claim.id]
            lines = {
                "the claim": f"{claim.claim} ({claim.where})",
                "the paper" if source == "adgan" else "the post": claim.value,
                "ours": v.ours,
                "verdict": f"**{v.verdict}**",
                "why": v.why,
                "drawn in": v.where,
                "computed from": f"{number(len(v.entries), 'record')}, scale `{v.scale}`" if v.entries else "",
            }
            blocks.append(f"`{claim.id}`")
            blocks.append("\n".join(f"- {name}: {text}" for name, text in lines.items() if text))
            if v.entries:
                blocks.append(_files(v.entries))
    return Markdown("\n\n".join(blocks))


def _files(entries):
    """The files of records, to be unfolded."""
    folders = {}
    for e in entries:
        p = e.parameters
        folder = f"{p['dataset']}/{p['scale']}/{p['method']}" if "scale" in p else f"{p['dataset']}/{p['method']}"
        folders.setdefault(folder, []).append(f"`{e.record['file']}`")
    lines = "\n".join(f"- `{folder}`: {', '.join(sorted(set(files)))}" for folder, files in folders.items())
    return f":::{{dropdown}} The records\n{lines}\n:::"


def misprints():
    """The means of Table 1 that don't follow from their columns."""
    return markdown(
        [
            {
                "data": dataset,
                "method": f"{method}, {features}" if features else method,
                "mean as printed": f"{printed:.3f}",
                "mean of the ten cells": f"{computed:.3f}",
            }
            for (dataset, method, features), (printed, computed) in reference.misprints().items()
        ]
    )
