"""Figures 4 to 6 and section 4.4 of the ADGAN paper: scenes as ADGAN ranks them, and bedrooms against all others.

Statistics, sentences, tables and figures as functions of stored entries, of one data set at one scale: those of
`adgan-ranking` (methods.py:ranking) and of the scores in POOLED. The paper's data are LSUN. A folder of other
photographs goes by its own name.
"""

from typing import NamedTuple

import numpy as np
from IPython.display import Markdown
from scipy.stats import norm, spearmanr

from . import datasets, reference
from .figures import new_figure
from .methods import GREY, METHODS
from .render import bracketed, markdown, note, number, signed
from .search import ANOMALOUS, NORMAL
from .statistics import Interval, all_hold, auc_interval, mean_auc_interval
from .summaries import cells_of, comparisons, paired

BEDROOMS = 0  # the normal class of section 4.4
RANKING = "adgan-ranking"
PLAIN = "complexity"  # an image's bytes as a file: the fewer, the plainer
# How the pooled experiment is scored; the last two know nothing of scenes
POOLED = ("adgan", "dcae", "kde", "iforest", "mean-image", PLAIN)
COPIES = 0.5  # of the distance of held-out photographs: generated images that are nearer may be copies
COLUMNS = 5  # of the grids of images
DPI = 130


class Ranking(NamedTuple):
    """The normal test images as ADGAN ranks them.

    most, least: [(score, image (height, width, 3)), ...], the most anomalous first; normal, others: the scores (n,)
    of all normal images and of all others.
    """

    most: list
    least: list
    normal: np.ndarray
    others: np.ndarray


def at_hand(data_root=None):
    """The name of the data that the page computes with: "lsun" where its databases are, else "scenes"."""
    return "lsun" if datasets.available(data_root)["lsun"] else "scenes"


def paper_auc():
    """The paper's AUC of bedrooms against all other scenes, on LSUN."""
    (row,) = (row for row in reference.rows("claims.csv") if row["id"] == "lsun-auc")
    return float(row["value"])


# --- statistics ---


def ranking(entry):
    """The `Ranking` of an entry."""
    scores, labels, shown = (entry.arrays[name] for name in ("scores", "labels", "shown"))
    pairs = list(zip(scores[shown.astype(int)], entry.arrays["images"]))
    half = len(pairs) // 2
    return Ranking(pairs[:half], pairs[half:], scores[labels == 0], scores[labels == 1])


def pooled(entries, method):
    """What a score of the pooled experiment comes to: {seed: AUC}, and the mean AUC, None where there is nothing.

    All are `Interval`s, DeLong's over the test images, of which the mean counts each once. What another training
    would change is not in them.
    """
    runs = {seed: e for (c, seed), e in cells_of(entries, method).items() if c == BEDROOMS}
    samples = [[e.arrays[name] for name in ("test_index", "labels", "scores")] for e in runs.values()]
    each = {seed: auc_interval(e.arrays["labels"], e.arrays["scores"]) for seed, e in runs.items()}
    return each, mean_auc_interval(samples) if samples else None


def plainness(entries):
    """{class: Spearman's correlation of ADGAN's score and the image's bytes as a file, an `Interval`}.

    Over the normal test images, of each class' first repetition that has both; four images at least. The 95 % interval
    is that of Bonett and Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman correlations"
    (Psychometrika 65, 2000).
    """
    sizes, found = cells_of(entries, PLAIN), {}
    for key, entry in cells_of(entries, RANKING).items():
        if key in sizes and key[0] not in found:
            normal = paired(entry, sizes[key]) == 0
            if normal.sum() < 4:
                continue
            rho = float(spearmanr(*(e.arrays["scores"][normal] for e in (entry, sizes[key]))).statistic)
            half = norm.ppf(0.975) * np.sqrt((1 + rho**2 / 2) / (normal.sum() - 3))
            middle = np.arctanh(np.clip(rho, -1 + 1e-9, 1 - 1e-9))
            found[key[0]] = Interval(rho, *map(float, np.tanh([middle - half, middle + half])))
    return found


def plain_first(entries):
    """Whether ADGAN ranks the plain images of all classes as less anomalous than the others, and what says so.

    For the claim `lsun-rankings`. `holds` is True if each class that was ranked has an interval of `plainness` above 0,
    False if that of one class is below, else None. Whether what is flagged are captions, foreign objects and
    odd angles takes eyes.
    """
    found = plainness(entries)
    ranked = {c for c, _ in cells_of(entries, RANKING)}
    holds = all_hold(*(found[c].above() if c in found else None for c in ranked))
    return holds, ", ".join(f"{_class(entries, c)} {signed(rho)}" for c, rho in found.items())


# --- in words and numbers ---


def summary(entries):
    """What entries say, in words: Markdown."""
    if not entries:
        return note("There are no results yet.")
    title, scale = datasets.TITLES[entries[0].parameters["dataset"]], entries[0].parameters["scale"]
    sentences = []
    each, mean = pooled(entries, "adgan")
    if each:
        others = {METHODS[m].title: value.value for m in POOLED[1:] if (value := pooled(entries, m)[1])}
        ahead = [f"{name} ({value:.3f})" for name, value in others.items() if value > mean.value]
        sentences.append(
            f"ADGAN tells bedrooms from all other scenes with an AUC of {bracketed(mean)} "
            f"({number(len(each), 'training')}). The paper has {paper_auc():.3f} on LSUN. "
            + (f"Higher than ADGAN's here: {', '.join(ahead)}." if ahead else "No other score here has a higher one.")
        )
    else:
        sentences.append("The pooled experiment has not been run with ADGAN yet.")
    if elsewhere := aucs_elsewhere(entries):
        listed = ", ".join(f"{bracketed(value)} ({_class(entries, c)})" for c, value in elsewhere.items())
        sentences.append(
            "Trained on another category instead, it tells that category from all other scenes with an AUC of "
            f"{listed}."
        )
    if plainness(entries):
        sentences.append(
            "Within a class, the rank correlation between ADGAN's score and the size of the image as a file is "
            f"{plain_first(entries)[1]}."
        )
    sentences += [memorised(entry) for entry in _first_of_each(entries).values()]
    return Markdown(f"**{title}, scale `{scale}`:**\n\n" + "\n".join(f"- {sentence}" for sentence in sentences))


def aucs_elsewhere(entries):
    """{class: AUC of ADGAN trained on it, an `Interval`}, of each class' first repetition, but for the bedrooms."""
    elsewhere = {c: e.arrays for c, e in _first_of_each(entries, "adgan").items() if c != BEDROOMS}
    return {c: auc_interval(arrays["labels"], arrays["scores"]) for c, arrays in elsewhere.items()}


def memorised(entry):
    """How near generated images are to training images, beside real ones that were not trained on: a sentence."""
    generated, held_out = (np.median(entry.arrays[f"nearest_to_{what}"]) for what in ("generated", "held_out"))
    return (
        f"Generated images of the class {_class([entry], entry.parameters['normal_class'])} are {generated:.0f} grey "
        f"levels from their nearest training image (median), held-out photographs {held_out:.0f}: "
        + ("no sign of copies." if generated > COPIES * held_out else "that near, they may be copies.")
    )


def pooled_table(entries):
    """Section 4.4: the AUC of each score and repetition, all together, and ADGAN's lead on it: Markdown."""
    rows = [{"score": "the paper's ADGAN, on LSUN", "AUC": f"{paper_auc():.3f}"}]
    for method in POOLED:
        each, mean = pooled(entries, method)
        row = {"score": METHODS[method].title, "AUC": bracketed(mean) if each else "not yet run"}
        row |= {f"seed {seed}": bracketed(value) for seed, value in each.items()} if len(each) > 1 else {}
        leads = {} if method == "adgan" else _leads(entries, method)
        row |= {"ADGAN minus this": "; ".join(signed(lead) for lead in leads.values())} if leads else {}
        rows.append(row)
    return markdown(rows)


def _leads(entries, method):
    """{seed: `Comparison`} of ADGAN and another score of the same images, bedrooms being normal."""
    bedrooms = [e for e in entries if e.parameters["normal_class"] == BEDROOMS]
    return {seed: lead for (_, seed), lead in comparisons(bedrooms, "adgan", method).items()}


# --- figures ---


def pooled_aucs(entries):
    """The AUC of each score of the pooled experiment with its interval, beside the paper's."""
    found = {method: mean for method in POOLED if (mean := pooled(entries, method)[1])}
    if not found:
        return note("The pooled experiment is not yet run.")
    figure, axis = new_figure(5.2, 1.2 + 0.32 * len(found), dpi=DPI)
    for place, (method, mean) in enumerate(found.items()):
        reach = [[mean.value - mean.low], [mean.high - mean.value]]
        axis.errorbar(mean.value, place, xerr=reach, fmt="o", color=METHODS[method].colour, capsize=3)
    axis.axvline(paper_auc(), color="0.1", linestyle="--", linewidth=1, label="the paper's ADGAN, on LSUN")
    axis.axvline(0.5, color="0.6", linestyle=":", linewidth=1, label="guessing")
    axis.set_yticks(range(len(found)), [METHODS[method].title for method in found], fontsize=8)
    axis.set(xlabel="AUC, bedrooms against all other scenes", ylim=(len(found) - 0.5, -0.5))
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def ranked_images(entries, normal_class):
    """Figures 4 to 6: the most and the least anomalous images of a class with their scores, and all scores."""
    entry = _first_of_each(entries).get(normal_class)
    if entry is None:
        return note(f"The ranking of the class {_class(entries, normal_class)} is not yet run.")
    found, name = ranking(entry), _class([entry], normal_class)
    n_rows = -(-len(found.most) // COLUMNS)
    heights = [n_rows, n_rows, 1.5]
    figure, axes = new_figure(5.2, 1.3 * sum(heights) + 0.6, 3, height_ratios=heights, dpi=DPI)
    for axis, shown, title, colour in (
        (axes[0], found.most, "the most anomalous", ANOMALOUS),
        (axes[1], found.least, "the least anomalous", NORMAL),
    ):
        for i, (score, image) in enumerate(shown):
            _place(axis, image, i % COLUMNS, i // COLUMNS, f"{score:.0f}", colour)
        axis.set(xlim=(-0.5, COLUMNS - 0.5), ylim=(n_rows - 0.4, -0.55), aspect="equal")
        axis.set_title(f"{name}: {title}", fontsize=9, loc="left", color=colour)
        axis.axis("off")
    bins = np.histogram_bin_edges(np.concatenate([found.normal, found.others]), 30)
    axes[2].hist(found.normal, bins, density=True, color=NORMAL, alpha=0.6, label=f"{name}, all that were ranked")
    axes[2].hist(found.others, bins, density=True, histtype="step", color=GREY, linewidth=1.5, label="other scenes")
    axes[2].set(xlabel="ADGAN's score", ylabel="share", yticks=[])
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def nearest_neighbours(entries, normal_class):
    """Generated images above the training images that are nearest to them, with the distance between the two."""
    entry = _first_of_each(entries).get(normal_class)
    if entry is None:
        return note(f"The generator of the class {_class(entries, normal_class)} is not yet trained.")
    generated, neighbours, distances = (
        entry.arrays[name] for name in ("generated", "neighbours", "nearest_to_generated")
    )
    figure, axis = new_figure(5.2, 2.6, dpi=DPI)
    for column, (made, real, distance) in enumerate(zip(generated, neighbours, distances)):
        _place(axis, made, column, 0, "", NORMAL)
        _place(axis, real, column, 1, f"{distance:.0f}", NORMAL)
    axis.set(xlim=(-0.5, len(generated) - 0.5), ylim=(1.6, -0.55), aspect="equal", xticks=[])
    axis.set_yticks(range(2), ["generated", "nearest"], fontsize=8)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def _place(axis, image, column, row, text, colour):
    """Put an image at a place of a grid, and a text under it."""
    extent = (column - 0.45, column + 0.45, row + 0.4, row - 0.5)
    axis.imshow(image, cmap="gray", vmin=0, vmax=255, extent=extent)
    axis.text(column, row + 0.41, text, ha="center", va="top", fontsize=8, color=colour)


def _first_of_each(entries, method=RANKING):
    """{class: the entry of its first repetition} of a method."""
    found = {}
    for (c, _), entry in cells_of(entries, method).items():
        found.setdefault(c, entry)
    return found


def _class(entries, c):
    """A class' name as text: "conference room"."""
    name = entries[0].parameters["dataset"] if entries else "scenes"
    return datasets.CLASSES[name][c].replace("_", " ")
