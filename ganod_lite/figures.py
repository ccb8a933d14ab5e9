"""Every figure of the book as a function of stored results, in one style.

Functions return a matplotlib Figure, which a notebook shows by naming it last in a cell.
"""

import numpy as np
import torch

from . import metrics
from .cells import METHODS
from .experiments import gans_behind

COLOURS = {  # one for each method throughout the book; told apart by colour-blind readers too
    "adgan": "#0072B2", "kde": "#E69F00", "ocsvm": "#009E73", "iforest": "#CC79A7", "gmm": "#D55E00",
}  # fmt: skip
BENCHMARK_COLOURS = ["#0072B2", "#D55E00", "#009E73"]
GRID = np.linspace(0, 1, 201)


def roc_curves(entries):
    """ROC curves averaged over classes and seeds, one for each method, with a band of one standard deviation."""
    figure, axis = _figure(5.2, 4.6)
    for method, about in METHODS.items():
        curves = [
            metrics.roc(e.arrays["labels"], e.arrays["scores"]) for e in entries if e.parameters["method"] == method
        ]
        if curves:
            mean, sd = metrics.mean_roc(curves, GRID)
            axis.plot(GRID, mean, color=COLOURS[method], label=about.label)
            low, high = np.clip(mean - sd, 0, 1), np.clip(mean + sd, 0, 1)
            axis.fill_between(GRID, low, high, color=COLOURS[method], alpha=0.12, linewidth=0)
    axis.plot([0, 1], [0, 1], color="0.6", linestyle=":", linewidth=1)
    axis.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.01))
    axis.legend(loc="lower right", frameon=False)
    return figure


def generated_images(entries, *, store=None):
    """For each class a row of training images above a row of what the generator makes that ADGAN searched."""
    gans = gans_behind(entries, store)
    figure, axes = _figure(7, 1.3 * len(gans), len(gans), squeeze=False)
    for (label, (gan, entry)), axis in zip(gans.items(), axes[:, 0]):
        real = entry.arrays["some_real_images"]
        z = torch.randn(len(real), gan.generator.latent_size, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            rows = torch.stack([real, gan.generator(z)])  # (2, n, channels, height, width)
        picture = (rows + 1).div(2).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1).squeeze(-1)
        axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
        height = rows.shape[-2]
        axis.set_yticks([height / 2, 1.5 * height], [f"{label}, real", f"{label}, generated"], fontsize=8)
        axis.set_xticks([])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    return figure


def training_losses(entries, *, store=None, window=25):
    """The critic's estimate of the Wasserstein distance over training, for each class (moving mean)."""
    figure, axis = _figure(6, 3)
    for label, (gan, _) in gans_behind(entries, store).items():
        distance = -np.asarray(gan.critic_loss)
        window = min(window, len(distance))
        smooth = np.convolve(distance, np.ones(window) / window, "valid")
        axis.plot(np.arange(window, len(distance) + 1), smooth, label=label, linewidth=1)
    axis.set(xlabel="generator step", ylabel="E d(x) − E d(g(z))", yscale="symlog")
    axis.legend(title="class", frameon=False, ncols=2)
    return figure


def learning_curves(groups):
    """SO-GAAL's losses and AUC over epochs, a panel for each group, a line for each seed.

    groups: {title: entries of `experiments.run_sogaal`}.
    """
    columns = min(2, len(groups))
    figure, axes = _figure(8, 2.9 * -(-len(groups) // columns), -(-len(groups) // columns), columns, squeeze=False)
    for axis, (title, entries) in zip(axes.flat, groups.items()):
        for i, entry in enumerate(entries):
            epochs = np.arange(len(entry.arrays["auc"])) + 1
            for name, label, colour in (
                ("discriminator_loss", "discriminator's loss", "#0072B2"),
                ("generator_loss", "generator's loss", "#D55E00"),
                ("auc", "AUC", "#009E73"),
            ):
                axis.plot(epochs, entry.arrays[name], color=colour, linewidth=1, alpha=0.8, label=label * (i == 0))
        axis.axvline(entries[0].parameters["stop_epochs"], color="0.6", linestyle=":", linewidth=1)
        axis.set(title=title, xlabel="epoch", ylim=(0, None))
    for axis in axes.flat[len(groups) :]:
        axis.remove()
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure


def labelled_points(table):
    """The first two features of a `datasets.Table`: outliers as crosses."""
    figure, axis = _figure(4.5, 4)
    for label, marker, colour, name in ((0, "o", "#0072B2", "normal"), (1, "X", "#D55E00", "outlier")):
        x, y = table.X[table.y == label, :2].T
        axis.scatter(x, y, color=colour, marker=marker, s=10 + 25 * label, label=name, linewidth=0)
    axis.set(xlabel="first feature", ylabel="second feature")
    axis.legend(frameon=False)
    return figure


def scored_points(table, groups):
    """The first two features of a table coloured by anomaly score, a panel for each of SO-GAAL's groups.

    groups: {title: entries of `experiments.run_sogaal`}; the first seed's scores at the end are shown.
    """
    figure, axes = _figure(9, 3, 1, len(groups), squeeze=False)
    for axis, (title, entries) in zip(axes[0], groups.items()):
        scores = entries[0].arrays["scores"]
        points = axis.scatter(*table.X[:, :2].T, c=scores, s=8, cmap="viridis", linewidth=0)
        outliers = table.X[table.y == 1, :2].T
        axis.scatter(*outliers, s=45, facecolor="none", edgecolor="#D55E00", linewidth=0.8, label="outlier")
        figure.colorbar(points, ax=axis)
        axis.set_title(title, fontsize=9)
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure


def benchmark_ratios(records, value, by, label):
    """Ratios that a benchmark measured, medians with their range over rounds: a panel for each machine.

    records: of `cost.measured`; value: the rows' ratio; by: what its rows are grouped by; label: of the axis.
    """
    height = max(len(record["rows"]) for record in records)
    figure, axes = _figure(7, (0.8 + 0.3 * height) * len(records), len(records), squeeze=False)
    for record, axis in zip(records, axes[:, 0]):
        rows = record["rows"]
        groups = list(dict.fromkeys(row[by] for row in rows))
        places = np.arange(len(rows)) + 0.6 * np.array([groups.index(row[by]) for row in rows])
        middle, reach = _middle_and_reach([row[value] for row in rows])
        colours = [BENCHMARK_COLOURS[groups.index(row[by]) % len(BENCHMARK_COLOURS)] for row in rows]
        axis.barh(places, middle, xerr=reach, color=colours, ecolor="0.3", capsize=2)
        for place, number, end in zip(places, middle, middle + reach[1]):
            axis.annotate(f"  {number:.3g}", (end, place), va="center", fontsize=8)
        axis.set_yticks(places, [f"{by} {row[by]}: {row['variant']}" for row in rows], fontsize=8)
        axis.invert_yaxis()
        axis.axvline(1, color="0.6", linestyle=":", linewidth=1)
        axis.set_xlabel(label)
        axis.set_title(record["device"], fontsize=9)
    return figure


def benchmark_scaling(records):
    """Cost against images, seeds, steps and width, relative to the first of each: a row of panels for each machine."""
    titles = {"n_images": "images", "n_seeds": "seeds", "n_steps": "steps", "ngf": "width ngf"}
    figure, axes = _figure(9, 2.8 * len(records), len(records), len(titles), squeeze=False, sharey="row")
    for record, panels in zip(records, axes):
        for axis, (varied, title) in zip(panels, titles.items()):
            rows = [row for row in record["rows"] if row.get("varied") == varied]
            middle, reach = _middle_and_reach([row["relative"] for row in rows])
            x = [row[varied] for row in rows]
            axis.errorbar(x, middle, reach, marker="o", color=BENCHMARK_COLOURS[0], capsize=2)
            axis.axhline(1, color="0.6", linestyle=":", linewidth=1)
            axis.set(xscale="log", xlabel=title)
            axis.set_xticks(x, map(str, x))
            axis.minorticks_off()
        panels[0].set_ylabel("relative cost", fontsize=9)
        panels[0].set_ylim(bottom=0)
        panels[0].set_title(record["device"], fontsize=9, loc="left")
    return figure


def _middle_and_reach(rounds):
    """Medians (n,), and how far below and above them the values of n lists reach (2, n)."""
    middle = np.array([np.median(values) for values in rounds])
    return middle, np.abs([[min(values), max(values)] for values in rounds] - middle[:, None]).T


def _figure(width, height, rows=1, columns=1, **options):
    """A figure and its axes in the book's style; not kept open by pyplot, so it is shown once."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", dpi=110, **options)
    for axis in np.ravel(axes):
        axis.spines[["top", "right"]].set_visible(False)
    plt.close(figure)
    return figure, axes
