"""The front page: the answer in words, the verdicts in four tiles, the search in a strip, all means in a plot.

Everything is a function of stored entries and of the verdicts on them.
"""

import numpy as np
from IPython.display import Markdown

from . import gaal, runner
from .claims import NOT_REPRODUCED, OUTCOMES, PAPERS_DATA, REPRODUCED, UNDECIDED, WITHIN
from .datasets import CLASSES, TITLES
from .figures import displayable, new_figure
from .methods import BLUE, METHODS, TABLE1
from .reference import paper_mean
from .render import number, plus_minus, signed
from .scales import STORED
from .search import COLOURS, path
from .statistics import TOLERANCE, t_interval
from .store import Store
from .summaries import best_means, column_aucs, from_paper, n_close, over_classes
from .tables import table1

SHOWN_STEPS = (0, 1, 5)


def means_of(evidence, methods=TABLE1):
    """{data set: its `best_means`} for the paper's two."""
    return {d: best_means([e for e in evidence.entries if e.parameters["dataset"] == d], methods) for d in PAPERS_DATA}


def answer(verdicts, evidence):
    """What was found, in a few sentences: Markdown."""
    means = means_of(evidence, ["adgan"])
    whole = [d for d, of in means.items() if "adgan" in of and of["adgan"][1] == "paper"]
    came_to = dict.fromkeys(verdicts[f"adgan-{d}-mean"].verdict for d in whole)
    adgan = table1.adgan(means, verdict=" and ".join(came_to)) + _longer(evidence)
    said = adgan, _classical(evidence), _sogaal(evidence)
    return Markdown("\n".join(f"- {text}" for text in said))


def _longer(evidence):
    """What more search steps than Table 1's do to the AUC at the scale `large`, where all classes were searched."""
    changes = []
    for dataset in PAPERS_DATA:
        searches = evidence.cells("large", dataset, "search")
        if searches:
            some = next(iter(searches.values()))
            n, last = len(some.arrays["labels"]), some.arrays["scores_by_step"].shape[1] - 1
            k = some.parameters["n_steps"]
            aucs = {key: column_aucs(entry, "scores_by_step", [k, last]) for key, entry in searches.items()}
            gain, (few, many) = over_classes({key: b - a for key, (a, b) in aucs.items()}), over_classes(aucs).value
            changes.append(f"from {few:.3f} to {many:.3f} on {TITLES[dataset]}, by {signed(gain)}")
    if not changes:
        return ""
    return (
        f" More search steps, {last} in place of {k}, change the mean AUC on the first {n} test images "
        f"{', and '.join(changes)} (intervals over classes; scale `large`; {{ref}}`ablation-large`)."
    )


def _classical(evidence):
    counts = [f"{n_close(of)} means on {TITLES[d]}" for d, of in from_paper(evidence.entries).items()]
    if not counts:
        return "**Not yet known for the classical methods**: their runs at the paper's scale are missing."
    return (
        f"**The classical methods**, run in full: {' and '.join(counts)} lie within {TOLERANCE} of the paper's with "
        "their whole 95 % intervals. The widest gap has its own page: {doc}`kde`."
    )


def _sogaal(evidence):
    entries = [e for e in evidence.entries if METHODS[e.parameters["method"]].tables]
    values = gaal.measured(entries)
    one = values[values["table"] == "onecluster"]
    if one.empty:
        return "**Not yet known for SO-GAAL**: there are no stored results."
    stop, end = (t_interval(one[one["column"] == title]["AUC"]) for title in ("SO stop", "SO end"))
    said = (
        f"**SO-GAAL depends on when training stops**: on the post's table its AUC is {plus_minus(stop)} where the "
        f"generator stops and {plus_minus(end)} at the end (± over {number((one['column'] == 'SO end').sum(), 'run')})."
    )
    found = gaal.ranks(gaal.medians(values))
    if found is None:
        return said
    ranks, of_stop, forest = found.means, found.means["SO stop"], found.means["IF"]
    apart = abs(of_stop - forest) > found.critical_difference
    order = "ahead of" if of_stop < forest else "behind"
    return (
        f"{said} Over {number(found.n_tables, 'table')} SO-GAAL at the stop ranks {order} a default isolation forest "
        f"(mean ranks {of_stop:.1f} and {forest:.1f} of {len(ranks)}). Chance {'can hardly' if apart else 'can'} "
        "explain the difference."
    )


def tiles(verdicts):
    """The verdicts in four tiles, each with its number of claims and what they are: Markdown."""
    cards = []
    for outcome in OUTCOMES:
        some = [found.verdict for found in verdicts.values() if found.outcome == outcome]
        in_full = f"{sum(verdict in (REPRODUCED, WITHIN, NOT_REPRODUCED) for verdict in some)} at the paper's scale"
        small = {
            REPRODUCED: in_full, NOT_REPRODUCED: in_full, UNDECIDED: "no run yet, or what there is can't tell",
        }  # fmt: skip
        cards.append(
            f":::{{grid-item-card}}\n:class-card: tile\n:link: claims\n:link-type: doc\n"
            f"**{len(some)}** {outcome}\\\n{small.get(outcome, f'of {len(verdicts)} claims')}\n:::"
        )
    return Markdown("::::{grid} 2 2 4 4\n:gutter: 2\n\n" + "\n".join(cards) + "\n::::")


# --- the search in a strip ---


def stored_search():
    """The search that the strip shows: the entry of `adgan-steps` that the repository keeps."""
    (entry,) = Store(runner.COMMITTED / "pictures").entries(method="adgan-steps")
    return entry


def strip(entry, anomalous_class):
    """An image of each kind, what the generator shows of it from its best start after some steps, and what is left."""
    p = entry.parameters
    figure, axes = new_figure(4.4, 2.3, 2, len(SHOWN_STEPS) + 2, dpi=160)
    for row, of_class in zip(axes, (p["normal_class"], anomalous_class)):
        label = int(of_class != p["normal_class"])
        found, colour = path(entry, of_class), COLOURS[label]
        best, losses = found.generated[0], found.losses[found.shown[0]]
        left = np.abs(found.image - best[SHOWN_STEPS[-1]]) - 1  # in [-1, 1], as images are
        pictures = [found.image, *(best[k] for k in SHOWN_STEPS), left]
        name = f"{('normal', 'anomaly')[label]}: {CLASSES[p['dataset']][of_class]}"
        texts = [name, *(f"{losses[k]:.0f}" for k in SHOWN_STEPS), f"{losses[SHOWN_STEPS[-1]]:.0f}"]
        for axis, picture, text in zip(row, pictures, texts):
            axis.imshow(displayable(picture), cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.set_xlabel(text, fontsize=9, color=colour)
            axis.spines[:].set_visible(False)
    heads = ["image", *(f"k = {k}" for k in SHOWN_STEPS), "what is left"]
    for axis, head in zip(axes[0], heads):
        axis.set_title(head, fontsize=9)
    return figure


# --- the means ---


def dots(evidence):
    """The paper's and our mean AUC of each method of Table 1, ours filled at the paper's scale and hollow below it."""
    means = means_of(evidence)
    figure, axes = new_figure(4.8, 2.9, 1, len(PAPERS_DATA), sharey=True, dpi=160)
    places = np.arange(len(TABLE1))[::-1]
    for axis, dataset in zip(axes, PAPERS_DATA):
        paper = [paper_mean(dataset, m) for m in TABLE1]
        axis.scatter(paper, places, marker="|", s=110, linewidth=2, color="black", label="paper")
        for scales, fill in ((STORED[:1], "full"), (STORED[1:], "none")):
            found = [
                (means[dataset][m][0], y) for m, y in zip(TABLE1, places) if means[dataset].get(m, (0, 0))[1] in scales
            ]
            if found:
                label = "ours" if "paper" in scales else "ours, small networks"
                values, ys = zip(*((mean.value, y) for mean, y in found))
                axis.errorbar(
                    values, ys, xerr=[mean.interval.half for mean, _ in found], fmt="o", fillstyle=fill,
                    color=BLUE, markersize=5, linewidth=1.2, label=label,
                )  # fmt: skip
        axis.set_yticks(places, [METHODS[m].label for m in TABLE1], fontsize=9)
        axis.tick_params(axis="x", labelsize=9)
        axis.set_title(TITLES[dataset], fontsize=9)
        axis.grid(axis="y", color="0.9", linewidth=0.7)
        axis.set_axisbelow(True)
        axis.set_xlabel("mean AUC", fontsize=9)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=9, columnspacing=1)
    return figure
