"""The page of the claims: one table of all verdicts, and each claim with its rule and evidence."""

from collections import Counter

from IPython.display import Markdown

from .. import reference
from ..claims import OUTCOMES, TEXTS, read_claims
from ..render import markdown, note, number

SOURCES = {"adgan": "the paper", "so-gaal post": "the post"}


def summary(verdicts):
    """How many claims have which outcome, and a row for each claim, with a link to its section."""
    counts = Counter(found.outcome for found in verdicts.values())
    said = ", ".join(f"{outcome}: **{counts[outcome]}**" for outcome in OUTCOMES)
    claims = read_claims()
    rows = [
        {
            "claim": f"{{ref}}`claim-{name}`",
            "verdict": found.in_words,
            "source": f"{SOURCES[claims[name].source]}, {claims[name].where}",
        }
        for outcome in OUTCOMES
        for name, found in verdicts.items()
        if found.outcome == outcome
    ]
    return Markdown(f"Of {number(len(verdicts), 'claim')}: {said}.\n\n{markdown(rows).data}")


def not_run(evidence):
    """What of the evidence is missing in this build, or None if nothing is."""
    missing = dict.fromkeys(reason.split(":")[0].rstrip(".") for reason in evidence.missing)
    return note(f"Not run in this build: {'; '.join(missing)}.") if missing else None


def claim(verdicts, name):
    """A claim: the source's words, the rule, our numbers, the verdict, what would change it, and the records."""
    about, found, text = read_claims()[name], verdicts[name], TEXTS[name]
    source = SOURCES[about.source]
    lines = {
        "Verdict": f"**{found.in_words}**. {found.why}".rstrip(),
        "Ours": found.ours + f" (scale `{found.scale}`)" * bool(found.scale and f"`{found.scale}`" not in found.ours),
        source.capitalize(): about.value,
        "Checked": about.claim,
        "Rule": text.rule,
        "What would change the verdict": text.change,
        "Drawn in": found.where,
    }
    blocks = [
        f"> {about.quote}\n>\n> — {source}, {about.where}",
        "\n".join(f"- *{head}:* {line}" for head, line in lines.items() if line),
    ]
    return Markdown("\n\n".join(blocks + [_files(found.entries)] * bool(found.entries)))


def _files(entries):
    """The files of records, to be unfolded."""
    folders = {}
    for e in entries:
        p = e.parameters
        folder = f"{p['dataset']}/{p['scale']}/{p['method']}" if "scale" in p else f"{p['dataset']}/{p['method']}"
        folders.setdefault(folder, []).append(f"`{e.record['file']}`")
    lines = "\n".join(f"- `{folder}`: {', '.join(sorted(set(files)))}" for folder, files in folders.items())
    return f":::{{dropdown}} Computed from {number(len(entries), 'record')}\n{lines}\n:::"


def misprints():
    """The means of Table 1 that differ from the means of their columns."""
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
