"""The guide: what a method costs, and which detector does best on what, by stored results."""

import numpy as np
from IPython.display import Markdown

from .. import guide
from ..datasets import TITLES
from ..gaal import COLUMNS, of_rows
from ..methods import METHODS
from ..reference import paper_mean
from ..render import bracketed, markdown, note, number, signed
from .gaal import head, listed

SIZES = {"mnist": "MNIST, 32 × 32, grey", "cifar10": "CIFAR-10, 32 × 32, colour"}
SETTINGS = {  # of a record's parameters those that decide the time of a score
    "ngf": "ngf {}", "n_seeds": "{} starting points", "n_steps": "{} steps", "anogan_steps": "{} steps",
}  # fmt: skip
NOTHING = "The stored results are not there."


def per_image(*methods):
    """How long a score takes, by the records of the stored results: a row for each method and size of images."""
    cells = {dataset: guide.of_table1(dataset, methods) for dataset in SIZES}
    rows = []
    for method in methods:
        for dataset, size in SIZES.items():
            entries = list(cells[dataset].get(method, {}).values())
            if entries:
                parameters, fit = entries[0].parameters, guide.seconds_of_fit(entries)
                used = [text.format(parameters[name]) for name, text in SETTINGS.items() if name in parameters]
                row = {"method": METHODS[method].label, "images": size, "settings": ", ".join(used) or None}
                row |= {"fit": fit and f"{fit:.3g} s", "score, ms per image": _ms(entries)}
                rows.append(row | {"on": listed(sorted({entry.device for entry in entries}))})
    return markdown([{k: v for k, v in row.items() if any(r[k] for r in rows)} for row in rows], NOTHING)


def per_step(records, objective):
    """How long a step of the training takes, in a sentence: the records of the benchmark `training`."""
    found = []
    for record in records:
        for row in record["rows"]:
            if (row["objective"], row["variant"]) == (objective, "one"):
                p, milliseconds = record["parameters"], 1000 * np.median(row["seconds_per_generator_step"])
                found.append(
                    f"{milliseconds:.0f} ms (32 × 32 pixels, ngf {p['ngf']}, batches of {p['batch_size']}; "
                    f"{record['device']})"
                )
    return Markdown(f'A generator step of "{objective}" takes {listed(found)}.') if found else note("Not measured yet.")


def search_time(records, variant="latent_search"):
    """How long a search takes for each image: the records of the benchmark `search`."""
    rows = [
        {
            "ngf": row["ngf"],
            "starting points": record["parameters"]["n_seeds"],
            "steps": record["parameters"]["n_steps"],
            "ms per image": f"{1000 * np.median(row['seconds_per_image']):.1f}",
            "on": record["device"],
        }
        for record in records
        for row in record["rows"]
        if row["variant"] == variant
    ]
    return markdown(rows, "Not measured yet.")


def gaal_time(entries):
    """How long SO-GAAL and MO-GAAL train, by the stored runs: the median over repetitions, a row for each table."""
    found = {}
    for entry in of_rows(entries, "same"):
        method, table = entry.parameters["method"], entry.parameters["dataset"]
        if method in ("sogaal", "mogaal"):
            found.setdefault((table, len(entry.arrays["labels"])), {}).setdefault(method, []).append(entry)
    rows = []
    for (table, n_rows), of_table in sorted(found.items(), key=lambda item: item[0][1]):
        row = {"table": table, "rows": n_rows}
        for method, some in of_table.items():
            title = METHODS[method].title
            row |= {f"{title}, epochs": some[0].record["details"]["n_epochs"]}
            row |= {f"{title}, seconds": f"{np.median([entry.record['seconds'] for entry in some]):.1f}"}
        rows.append(row)
    return markdown(rows, NOTHING)


def _ms(entries):
    return f"{float(f'{1000 * guide.seconds_per_image(entries):.2g}'):g}"  # two digits, and no power of ten


# --- which detector ---


def on_images(cells):
    """The methods of Table 1 over a data set's classes, the best mean first. cells: of `guide.of_table1`."""
    standings = guide.on_images(cells)
    best = guide.wins(standings)
    return markdown(
        [
            {
                "method": standing.title,
                "kind": kind(method),
                "mean AUC": bracketed(standing.mean),
                "worst class": f"{min(standing.aucs.values()):.3f}",
                "best in": f"{best[method]} of {len(standing.aucs)}",
                "ms per image": _ms(cells[method].values()),
                "at scale": listed(sorted({e.parameters["scale"] for e in cells[method].values()})),
            }
            for method, standing in standings.items()
        ],
        NOTHING,
    )


def kind(method):
    """Whether a method of Table 1 is classical or trains a network, in words."""
    about = METHODS[method]
    if about.network:
        return "network"
    return f"classical, PCA of {'AlexNet' if about.features == 'AlexNet' else 'pixels'}"


def verdict_on_images(dataset, cells):
    """In words, which kind of method is ahead on a data set, and by how much; by the classes they share."""
    standings = guide.on_images(cells)
    groups = {
        "classical": [m for m in standings if not METHODS[m].network],
        "network": [m for m in standings if METHODS[m].network],
    }
    if not all(groups.values()):
        return note(NOTHING)
    a, b = (group[0] for group in groups.values())
    first, second = (a, b) if standings[a].mean.value >= standings[b].mean.value else (b, a)
    gap = standings[first].ahead_of(standings[second])
    best = {c: [max(standings[m].aucs[c] for m in group) for group in groups.values()] for c in standings[a].aucs}
    n_classical = sum(classical >= network for classical, network in best.values())
    printed = f"{_printed(dataset, 'adgan')} for its ADGAN"
    printed += f" and {_printed(dataset, first)} for {standings[first].title}" if first != "adgan" else ""
    name, other = (_named(standings[m].title, m) for m in (first, second))
    advice = "**Take a classical method first.**" if first == a else "**Take a network first.**"
    return Markdown(
        f"{advice} On {TITLES[dataset]} the best {name} has a mean AUC over classes of "
        f"{bracketed(standings[first].mean)}, and the best {other} of {bracketed(standings[second].mean)}. "
        f"The difference within classes is {_difference(gap)}. A classical method is the best of all in "
        f"{n_classical} of {number(len(best), 'class')}. The paper prints a mean of {printed}."
    )


def _named(title, method):
    about = METHODS[method]
    return f"network, {title}," if about.network else f"classical method, {title} on {kind(method).split(', ')[1]},"


def by_dimension(cells):
    """Mean AUCs over classes on the holdout, a column for each dimension of PCA that was tried."""
    return markdown(
        [
            {"after PCA to": METHODS[method].label} | {n: f"{value:.3f}" for n, value in aucs.items()}
            for method, aucs in guide.holdout_aucs(cells).items()
        ],
        NOTHING,
    )


def on_tables(standings):
    """Detectors over the tables, the best mean first. standings: of `guide.on_tables`."""
    best = guide.wins(standings)
    return markdown(
        [
            {
                "detector": _head(title),
                "mean AUC": bracketed(standing.mean),
                "worst table": f"{min(standing.aucs.values()):.3f}",
                "best on": f"{best[title]} of {len(standing.aucs)}",
            }
            for title, standing in standings.items()
        ],
        NOTHING,
    )


def verdict_on_tables(standings):
    """In words, which detector that needs no labels and no chosen epoch is ahead on the tables, and by how much."""
    fair = {t: s for t, s in standings.items() if t not in COLUMNS or not COLUMNS[t].told}
    classical = [title for title in fair if title in COLUMNS]
    gaal = [title for title in fair if title not in COLUMNS]
    if not classical or not gaal:
        return note(NOTHING)
    a, b = sorted((fair[classical[0]], fair[gaal[0]]), key=lambda standing: -standing.mean.value)
    gap = a.ahead_of(b)
    ahead = sum(a.aucs[t] > b.aucs[t] for t in a.aucs)
    first = "a classical method" if a.title in classical else a.title
    advice = f"**Take {first} first.**"
    if not _told(gap):
        advice = "**Neither kind is ahead.** Take the classical one first, which is faster."
    return Markdown(
        f"{advice} Among methods that need no epoch chosen for them, {a.title} has the best mean over "
        f"{number(len(a.aucs), 'table')}, {bracketed(a.mean)}; {b.title} has {bracketed(b.mean)}. "
        f"The difference within tables is {_difference(gap)}. {a.title} is ahead on {ahead} of them."
    )


def _printed(dataset, method):
    return f"{paper_mean(dataset, method):.3f}"


def _told(interval):
    """Whether a difference's interval excludes zero."""
    return interval.low > 0 or interval.high < 0


def _difference(interval):
    """A difference and whether its interval excludes zero, in words."""
    apart = "which excludes zero" if _told(interval) else "so the two are not told apart"
    return f"{signed(interval)}, {apart}"


def _head(title):
    return head(title) if title in COLUMNS else title
