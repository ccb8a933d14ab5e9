"""KDE on AlexNet's features of MNIST, exact and as scikit-learn's default tree computes it: page "kde".

Entries are stored ones of "kde-alexnet-layer": `classical.kde_computations` on two forms of the last layer.
"""

import numpy as np
from IPython.display import Markdown

from . import datasets
from .methods import METHODS
from .reference import paper_mean
from .render import markdown, not_run
from .summaries import cells_of, column_aucs

METHOD, DATASET = "kde-alexnet-layer", "mnist"
CLOSEST = {"default": 60, "exact": 100}  # the dimensions whose classes are compared, both chosen with hindsight
LAYERS = {True: "pooled", False: "convolution"}


def aucs(entries):
    """{(layer, "exact" or "default"): {dimension of PCA: AUC of each class (10,)}}; {} unless all are there."""
    cells = [e for e in cells_of(entries, METHOD).values() if e.parameters["dataset"] == DATASET]
    if len(cells) < len(datasets.CLASSES[DATASET]):
        return {}
    values = np.stack([column_aucs(e, "scores_by_setting") for e in cells])  # (classes, settings)
    found = {}
    for setting, of_classes in zip(cells[0].record["details"]["settings"], values.T):
        key = LAYERS[setting["pooled"]], setting["kde"]
        found.setdefault(key, {})[setting["n_components"]] = of_classes
    return found


def paper_cells():
    """The paper's AUC of each class (10,)."""
    return np.array([paper_mean(DATASET, "kde-alexnet", [c]) for c in range(len(datasets.CLASSES[DATASET]))])


def agreement(of_classes):
    """How well AUCs of the classes (10,) agree with the paper's: (Pearson's r, mean absolute difference)."""
    paper = paper_cells()
    return float(np.corrcoef(of_classes, paper)[0, 1]), float(np.abs(of_classes - paper).mean())


def finding(entries):
    """The page's answer, in a few sentences."""
    found = aucs(entries)
    if not found:
        return not_run(METHOD)
    means = {key: {n: of.mean() for n, of in each.items()} for key, each in found.items()}
    exact, default = means["pooled", "exact"], means["pooled", "default"]
    last, unpooled = max(exact), means["convolution", "default"].values()
    (r, gap), (r_exact, gap_exact) = (agreement(found["pooled", how][CLOSEST[how]]) for how in ("default", "exact"))
    return Markdown(
        f"**Probably a numerical fault.** The paper prints {paper_cells().mean():.3f}; exact densities give "
        f"{exact[last]:.3f} with {last} dimensions. From the same features and images, with the same bandwidth rule, "
        f"scikit-learn's default tree gives {default[last]:.3f} with {last} dimensions and "
        f"{default[CLOSEST['default']]:.3f} with {CLOSEST['default']}. Class by class, too, the default tree at "
        f"{CLOSEST['default']} dimensions follows the paper: r = {r:.2f}, with a mean difference of {gap:.3f}. Exact "
        f"densities at {CLOSEST['exact']} dimensions have r = {r_exact:.2f} and {gap_exact:.3f}. "
        f"From the convolution's own output, before ReLU and pooling, the default gives {min(unpooled):.3f} to "
        f"{max(unpooled):.3f} at *every* dimension."
    )


def table(entries):
    """Mean AUCs over the classes by dimension of PCA, and how each agrees with the paper's cells."""
    rows = [
        {
            "layer": layer,
            "KDE": how,
            "PCA": n,
            "mean AUC": f"{of_classes.mean():.3f}",
            "r with the paper's cells": f"{agreement(of_classes)[0]:.2f}",
            "mean difference": f"{agreement(of_classes)[1]:.3f}",
        }
        for (layer, how), by_dimension in aucs(entries).items()
        for n, of_classes in by_dimension.items()
    ]
    return markdown(rows) if rows else not_run(METHOD)


def holdout_would_choose(entries):
    """What the best dimension would be for the default tree, if these test images were the holdout."""
    found = aucs(entries)
    if not found:
        return not_run(METHOD)
    best = {layer: max(found[layer, "default"].items(), key=lambda item: item[1].mean()) for layer in LAYERS.values()}
    texts = [f"{n} for the {layer} layer, where its mean is {of.mean():.3f}" for layer, (n, of) in best.items()]
    return Markdown(
        f"A holdout would not choose the dimension that comes nearest to the paper. By these test images, the "
        f"best for {METHODS['kde-alexnet'].label} with the default tree is {'; '.join(texts)}."
    )
