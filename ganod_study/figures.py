"""Every figure of the book as a function of stored results, in one style.

Functions return a matplotlib Figure, which a notebook shows by naming it last in a cell.
"""

import re
from functools import wraps
from html import escape

import numpy as np
import torch

from . import datasets, gaal, gaal_search, kde, summaries, tuning
from .methods import BLUE, CONTAMINATED, GREEN, KNOW_NOTHING, METHODS, RED, SCORES, TABLE1
from .reference import paper_mean
from .render import NO_NETWORKS, not_run, note, number
from .runner import gans_behind
from .scales import SCALES
from .statistics import mean_roc, roc, t_interval
from .summaries import OBJECTIVES, SEARCHES, STARTS, by_dataset

BENCHMARK_COLOURS = [BLUE, RED, GREEN]
GRID = np.linspace(0, 1, 201)


def roc_curves(groups):
    """ROC curves averaged over classes and seeds: classical methods above networks, a column for each data set.

    groups: {title: entries, or an `Outcome` of them}. A column without entries is left out. Where the entries are of
    several scales, the legend names each method's, and where these differ between columns, each column's.
    """
    groups = {title: getattr(group, "entries", group) for title, group in groups.items()}
    groups = {title: entries for title, entries in groups.items() if entries}
    if not groups:
        return not_run(*TABLE1)
    scales = {}  # {method: {title: scale}}
    for title, entries in groups.items():
        for p in (e.parameters for e in entries if e.parameters["method"] in TABLE1):
            scales.setdefault(p["method"], {})[title] = p["scale"]
    several = len({scale for each in scales.values() for scale in each.values()}) > 1
    networks = [method for method in TABLE1 if METHODS[method].network]
    families = [method for method in TABLE1 if method not in networks], networks
    figure, axes = new_figure(3.2 * len(groups), 7.8, 2, len(groups), squeeze=False, sharex=True, sharey=True)
    handles = {}
    for methods, row in zip(families, axes):
        for (title, entries), axis in zip(groups.items(), row):
            for method in methods:
                some = [e for e in entries if e.parameters["method"] == method]
                if some:
                    mean, _ = mean_roc([roc(e.arrays["labels"], e.arrays["scores"]) for e in some], GRID)
                    label = METHODS[method].label + f" ({_scales_in_words(scales[method])})" * several
                    style = {"color": METHODS[method].colour, "linestyle": METHODS[method].line, "label": label}
                    (handles[method],) = axis.plot(GRID, mean, linewidth=1.5, **style)
            axis.plot([0, 1], [0, 1], color="0.6", linestyle=":", linewidth=1)
            axis.set(title=title, xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
    for axis in axes[-1]:
        axis.set_xlabel("false positive rate")
    for axis in axes[:, 0]:
        axis.set_ylabel("true positive rate")
    shown = [handles[method] for method in sum(families, []) if method in handles]
    figure.legend(handles=shown, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _scales_in_words(scale_of):
    """{title: scale} as "paper" where there is but one scale, else as "MNIST large, CIFAR-10 medium"."""
    some = set(scale_of.values())
    return some.pop() if len(some) == 1 else ", ".join(f"{title} {scale}" for title, scale in scale_of.items())


def generated_images(entries, *, store=None):
    """For each class a row of training images above a row of what the generator makes that ADGAN searched."""
    gans, lacking = _networks_there(entries, store)
    if not gans:
        return note(lacking)
    figure, axes = new_figure(7, 1.3 * len(gans), len(gans), squeeze=False)
    for (label, (gan, entry)), axis in zip(gans.items(), axes[:, 0]):
        real = entry.arrays["some_real_images"]
        z = torch.randn(len(real), gan.generator.latent_size, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            rows = torch.stack([real, gan.generator(z)])  # (2, n, channels, height, width)
        picture = (rows + 1).div(2).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1).squeeze(-1)
        axis.imshow(picture.numpy(), cmap="gray", vmin=0, vmax=1)
        height = rows.shape[-2]
        axis.set_yticks([height / 2, 1.5 * height], [f"{label}, real", f"{label}, generated"], fontsize=8)
        axis.set_xticks([])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    figure.supxlabel(lacking, fontsize=8)
    return figure


def training_losses(entries, *, store=None):
    """The critic's estimate of the Wasserstein distance over training, for each class (mean of up to 25 steps)."""
    gans, lacking = _networks_there(entries, store)
    if not gans:
        return note(lacking)
    figure, axis = new_figure(6, 3)
    for label, (gan, _) in gans.items():
        distance = -np.asarray(gan.critic_loss)
        window = min(25, len(distance))
        smooth = np.convolve(distance, np.ones(window) / window, "valid")
        axis.plot(np.arange(window, len(distance) + 1), smooth, label=label, linewidth=1)
    axis.set(xlabel="generator step", ylabel="E d(x) − E d(g(z))", yscale="symlog")
    figure.legend(title="class", loc="outside right upper", frameon=False)
    figure.supxlabel(lacking, fontsize=8)
    return figure


def _networks_there(entries, store):
    """Those of `gans_behind` that the store has, and in words which it lacks, "" for none."""
    gans = gans_behind(entries, store)
    if not gans:
        return {}, "Not run in this build: there are no results of adgan."
    lacking = [label for label, found in gans.items() if found is None]
    there = {label: found for label, found in gans.items() if found}
    return there, f"{NO_NETWORKS}: {', '.join(lacking)}." if lacking else ""


def learning_curves(groups):
    """SO-GAAL's losses and AUC over epochs, a panel for each group, a line for each seed.

    groups: {title: entries of `runner.attempt`}.
    """
    figure, axes = _panels(groups, 2.7)
    for axis, (title, entries) in zip(axes, groups.items()):
        for i, entry in enumerate(entries):
            epochs = np.arange(len(entry.arrays["auc"])) + 1
            for name, label, colour in (
                ("discriminator_loss", "discriminator's loss", BLUE),
                ("generator_loss", "generator's loss", RED),
                ("auc", "AUC", GREEN),
            ):
                axis.plot(epochs, entry.arrays[name], color=colour, linewidth=1, alpha=0.8, label=label * (i == 0))
        axis.axvline(entries[0].parameters["stop_epochs"], color="0.6", linestyle=":", linewidth=1)
        axis.set(title=title, xlabel="epoch", ylim=(0, None))
    _legend_below_all(figure, axes[0])
    return figure


def gaal_epochs(entries):
    """AUC over epochs relative to the stop, a panel for each table: SO-GAAL's and MO-GAAL's medians and ranges."""
    names = [t for t in gaal.TABLES if any(len(gaal.curves(entries, method, t)[0]) for method in gaal.DETECTORS)]
    if not names:
        return not_run(*gaal.DETECTORS.values())
    n_rows = -(-len(names) // 2)
    figure, axes = new_figure(5.2, 1.6 * n_rows + 0.4, n_rows, 2, squeeze=False, sharex=True, sharey=True)
    for axis, name in zip(axes.flat, names):
        for method, title in gaal.DETECTORS.items():
            x, aucs = gaal.curves(entries, method, name)
            if len(x):
                colour = METHODS[method].colour
                axis.plot(x, np.median(aucs, axis=0), color=colour, linewidth=1.5, label=title)
                axis.fill_between(x, aucs.min(0), aucs.max(0), color=colour, alpha=0.15, linewidth=0)
        axis.axvline(1, color="0.6", linestyle=":", linewidth=1)
        axis.axhline(0.5, color="0.8", linewidth=0.8)
        axis.set(ylim=(0, 1.02), xlim=(0, 3), yticks=[0, 0.5, 1])
        axis.set_title(name, fontsize=10)
    for axis in axes.flat[len(names) :]:
        axis.remove()
    figure.supxlabel("epoch / stop", fontsize=10)
    figure.supylabel("AUC", fontsize=10)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    return figure


def labelled_points(table):
    """The first two features of a `datasets.Table`: outliers as crosses."""
    figure, axis = new_figure(4.5, 4)
    for label, marker, colour, name in ((0, "o", BLUE, "normal"), (1, "X", RED, "outlier")):
        x, y = table.X[table.y == label, :2].T
        axis.scatter(x, y, color=colour, marker=marker, s=10 + 25 * label, label=name, linewidth=0)
    axis.set(xlabel="first feature", ylabel="second feature")
    _legend_below_all(figure, axis)
    return figure


def scored_points(table, groups):
    """The first two features of a table coloured by anomaly score, a panel for each of SO-GAAL's groups.

    groups: {title: entries of `runner.attempt`}; the first seed's scores at the end are shown.
    """
    figure, axes = _panels(groups, 2.8)
    for axis, (title, entries) in zip(axes, groups.items()):
        scores = entries[0].arrays["scores"]
        points = axis.scatter(*table.X[:, :2].T, c=scores, s=8, cmap="viridis", linewidth=0)
        outliers = table.X[table.y == 1, :2].T
        axis.scatter(*outliers, s=45, facecolor="none", edgecolor=RED, linewidth=0.8, label="outlier")
        figure.colorbar(points, ax=axis)
        axis.set_title(title, fontsize=9)
    _legend_below_all(figure, axes[0])
    return figure


def benchmark_ratios(records, value, by, label):
    """Ratios that a benchmark measured, medians with their range over rounds: a panel for each machine.

    records: of `cost.measured`; value: the rows' ratio; by: what its rows are grouped by; label: of the axis.
    """
    height = max(len(record["rows"]) for record in records)
    figure, axes = new_figure(7, (0.8 + 0.3 * height) * len(records), len(records), squeeze=False)
    for record, axis in zip(records, axes[:, 0]):
        rows = record["rows"]
        groups = list(dict.fromkeys(row[by] for row in rows))
        places = np.arange(len(rows)) + 0.6 * np.array([groups.index(row[by]) for row in rows])
        middle, reach = _middle_and_reach([row[value] for row in rows])
        colours = [BENCHMARK_COLOURS[groups.index(row[by]) % len(BENCHMARK_COLOURS)] for row in rows]
        axis.barh(places, middle, xerr=reach, color=colours, ecolor="0.3", capsize=2)
        for place, ratio, end in zip(places, middle, middle + reach[1]):
            axis.annotate(f"  {ratio:.3g}", (end, place), va="center", fontsize=8)
        axis.set_yticks(places, [f"{by} {row[by]}: {row['variant']}" for row in rows], fontsize=8)
        axis.invert_yaxis()
        axis.axvline(1, color="0.6", linestyle=":", linewidth=1)
        axis.set_xlabel(label)
        axis.set_title(record["device"], fontsize=9)
    figure.get_layout_engine().set(h_pad=0.12)  # inches: a title is no closer to the axis above
    return figure


def benchmark_scaling(records):
    """Cost against images, seeds, steps and width, relative to the first of each: four panels for each machine."""
    titles = {"n_images": "images", "n_seeds": "seeds", "n_steps": "steps", "ngf": "width ngf"}
    figure, axes = new_figure(6, 4.6 * len(records), 2 * len(records), 2, squeeze=False, sharey=True)
    for record, panels in zip(records, axes.reshape(len(records), len(titles))):
        for axis, (varied, title) in zip(panels, titles.items()):
            rows = [row for row in record["rows"] if row.get("varied") == varied]
            middle, reach = _middle_and_reach([row["relative"] for row in rows])
            x = [row[varied] for row in rows]
            axis.errorbar(x, middle, reach, marker="o", color=BENCHMARK_COLOURS[0], capsize=2)
            axis.axhline(1, color="0.6", linestyle=":", linewidth=1)
            axis.set(xscale="log", xlabel=title)
            _ticks(axis, x)
        panels[0].set_ylabel("relative cost", fontsize=9)
        panels[2].set_ylabel("relative cost", fontsize=9)
        panels[0].set_ylim(bottom=0)
        panels[0].set_title(record["device"], fontsize=9, loc="left")
    return figure


def _ticks(axis, values):
    """Ticks at these values of x alone, on an axis that is no linear one."""
    axis.set_xticks(values, map(str, values))
    axis.minorticks_off()


def _legend_below(axis, ncols=3):
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=ncols, frameon=False, fontsize=7)


def _legend_below_all(figure, axis, ncols=3):
    """One legend under all panels, of what one of them shows."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=ncols, frameon=False, fontsize=8)


def _middle_and_reach(rounds):
    """Medians (n,), and how far below and above them the values of n lists reach (2, n)."""
    middle = np.array([np.median(values) for values in rounds])
    return middle, np.abs([[min(values), max(values)] for values in rounds] - middle[:, None]).T


def new_figure(width, height, rows=1, columns=1, dpi=110, box=False, **options):
    """A figure and its axes in the book's style; not kept open by pyplot, so it is shown once.

    box: whether a panel has lines on all four sides; options go to matplotlib's `subplots`.
    """
    import matplotlib.pyplot as plt

    # opaque, so that it reads in dark mode
    size = {"figsize": (width, height), "layout": "constrained", "dpi": dpi, "facecolor": "white"}
    figure, axes = plt.subplots(rows, columns, **size, **options)
    for axis in np.ravel(axes):
        axis.spines[["top", "right"]].set_visible(box)
    plt.close(figure)
    return figure, axes


def displayable(image):
    """An image (channels, height, width) in [-1, 1] as matplotlib takes it, (height, width[, 3]) in [0, 1]."""
    return np.clip((np.moveaxis(image, 0, -1) + 1) / 2, 0, 1).squeeze()


def _each_dataset(summarise, *methods):
    """Makes draw(axis, summary) a figure of entries: a panel for each data set of which there is a summary.

    methods: those that the note names where there is none.
    """

    def of_entries(draw):
        @wraps(draw)
        def drawn(entries):
            panels = {title: found for title, some in by_dataset(entries).items() if (found := summarise(some))}
            if not panels:
                return not_run(*methods)
            figure, axes = _panels(panels)
            for (title, found), axis in zip(panels.items(), axes):
                axis.set(title=title, ylabel="AUC")
                draw(axis, found)
                _legend_below(axis)
            return figure

        return drawn

    return of_entries


@_each_dataset(lambda entries: [e for e in entries if e.parameters["method"] in SEARCHES], *SEARCHES)
def ablation_steps(axis, searches):
    """AUC against the search's number of steps, theta adapting and frozen: a panel for each data set."""
    for method, style in zip(SEARCHES, ("-", ":")):
        curves = summaries.auc_by_step(searches, method)
        _draw_curves(axis, curves, style, note="" if method == "search" else f", {SEARCHES[method]}")
    _step_axis(axis, summaries.steps_shown(searches))


@_each_dataset(summaries.theta_by_step, *SEARCHES)
def ablation_theta(axis, curves):
    """What adapting theta adds to the AUC at each number of steps, and its mean with a 95 % interval over classes."""
    _draw_curves(axis, curves)
    values = np.stack(list(curves.lines.values()))
    _, low, high = t_interval(values)
    axis.fill_between(curves.x, low, high, color="0.2", alpha=0.12, linewidth=0)
    axis.axhline(0, color="0.6", linestyle=":", linewidth=1)
    _step_axis(axis, curves.x)
    reach = 1.6 * np.abs(values).max() + 1e-3  # an interval over two classes may reach far beyond them
    axis.set(ylabel="AUC gained by adapting θ", ylim=(-reach, reach))


def ablation_losses(entries):
    """Mean losses of normal and anomalous images against steps, and beside them what adapting theta takes off."""
    gains = {title: [summaries.theta_gains(found, y) for y in (0, 1)] for title, found in by_dataset(entries).items()}
    gains = {title: found for title, found in gains.items() if found[0]}
    if not gains:
        return not_run(*SEARCHES)
    figure, axes = new_figure(6.8, 2.9 * len(gains) + 0.6, len(gains), 2, squeeze=False)
    for title, (left, right) in zip(gains, axes):
        of_dataset = by_dataset(entries)[title]
        for label, name, colour in ((0, "normal", BLUE), (1, "anomalous", RED)):
            for (method, about), style in zip(SEARCHES.items(), ("-", ":")):
                curves = summaries.loss_by_step(of_dataset, method, label)
                left.plot(curves.x, curves.mean, style, color=colour, linewidth=2, label=f"{name}, {about}")
                if style == "-":
                    left.plot(curves.x, np.transpose(list(curves.lines.values())), color=colour, lw=0.7, alpha=0.5)
            gain = gains[title][label]
            right.plot(gain.x, np.transpose(list(gain.lines.values())), color=colour, linewidth=0.7, alpha=0.5)
            right.plot(gain.x, gain.mean, color=colour, linewidth=2)
        for axis, ylabel in ((left, "mean loss"), (right, "loss saved by adapting θ")):
            _step_axis(axis, gain.x)
            axis.set(title=title, ylabel=ylabel)
    _legend_below_all(figure, axes[0, 0], ncols=2)
    return figure


@_each_dataset(summaries.auc_by_seeds, "search")
def ablation_seeds(axis, curves):
    """AUC against the number of starting points, with a band of one standard deviation between draws of them."""
    _draw_curves(axis, curves)
    axis.set(xlabel="starting points", xscale="log")
    _ticks(axis, curves.x)


def ablation_starts(entries):
    """AUC against steps from an encoder's start and from random ones, and beside it the losses they leave."""
    panels = summaries.of_both(entries, *reversed(STARTS))
    if not panels:
        return not_run(*(summaries.lacking(entries, STARTS) or STARTS))
    figure, axes = new_figure(6.8, 2.9 * len(panels) + 0.6, len(panels), 2, squeeze=False)
    for (title, same), (left, right) in zip(panels.items(), axes):
        for (method, about), style in zip(STARTS.items(), ("-", ":")):
            curves = summaries.auc_by_step(same, method)
            left.plot(curves.x, np.transpose(list(curves.lines.values())), style, color="0.5", linewidth=0.7)
            left.plot(curves.x, curves.mean, style, color="0.1", linewidth=2, label=f"AUC, {about}")
            for label, name, colour in ((0, "normal", BLUE), (1, "anomalous", RED)):
                losses = summaries.loss_by_step(same, method, label)
                right.plot(losses.x, losses.mean, style, color=colour, linewidth=2, label=f"{name}, {about}")
        for axis, ylabel in ((left, "AUC"), (right, "mean loss")):
            _step_axis(axis, curves.x)
            axis.set(title=title, ylabel=ylabel)
    handles, labels = (sum(parts, []) for parts in zip(*(axis.get_legend_handles_labels() for axis in axes[0])))
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def ablation_methods(entries, titles):
    """AUCs of some methods side by side, a point with its interval for each class: a panel for each data set.

    titles: {method: what the legend calls it}. Behind the classes the mean over those that all methods shown have.
    """
    panels = by_dataset([e for e in entries if e.parameters["method"] in titles])
    if not panels:
        return not_run(*titles)
    figure, axes = _panels(panels)
    handles = {}
    for (title, of_dataset), axis in zip(panels.items(), axes):
        found = {method: summaries.class_means(of_dataset, method) for method in titles}
        found = {method: means for method, means in found.items() if means}
        classes = list(dict.fromkeys(name for means in found.values() for name in means))
        common = [name for name in classes if all(name in means for means in found.values())]
        for i, (method, means) in enumerate(found.items()):
            shift = 0.16 * (i - (len(found) - 1) / 2)
            value, low, high = np.transpose([mean.interval for mean in means.values()])
            places = [classes.index(name) + shift for name in means]
            style = {"color": METHODS[method].colour, "markersize": 4}
            handles[titles[method]] = axis.errorbar(places, value, (value - low, high - value), fmt="o", **style)
            if common:
                shown = [key for name in common for key in means[name].cells.items()]
                mean, low, high = summaries.mean_auc(dict(shown)).interval
                axis.errorbar(len(classes) + shift, mean, [[mean - low], [high - mean]], fmt="D", **style)
        axis.axvline(len(classes) - 0.5, color="0.6", linestyle=":", linewidth=1)
        axis.set_xticks(range(len(classes) + 1), [*classes, "mean"], fontsize=8)
        absent = [titles[method] for method in titles if method not in found]
        axis.set(title=title, ylabel="AUC", xlabel=f"without {', '.join(absent)}: not run" if absent else "class")
    ncols = min(len(handles), 3)
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=ncols, frameon=False, fontsize=8)
    return figure


def ablation_stability(entries):
    """Diversity of samples, and AUC of ADGAN, a dot for each training; a cross where the run has collapsed."""
    runs = summaries.stability(entries)
    if not runs:
        return not_run(*OBJECTIVES)
    figure, axes = new_figure(7.5, 3.2, 1, 2)
    for i, of_method in enumerate(runs.values()):
        for run in of_method:
            marker, colour = ("X", RED) if run.collapsed else ("o", BLUE)
            for axis, value in zip(axes, (run.diversity, run.auc)):
                axis.plot(i, value, marker, color=colour, alpha=0.7)
    axes[0].axhline(summaries.COLLAPSED_BELOW, color="0.6", linestyle=":", linewidth=1)
    for axis, label in zip(axes, ("diversity of samples", "AUC")):
        axis.set_xticks(range(len(runs)), [OBJECTIVES[method] for method in runs], fontsize=8)
        axis.set(ylabel=label, xlim=(-0.5, len(runs) - 0.5))
    axes[0].set_ylim(bottom=0)
    absent = summaries.lacking(entries, OBJECTIVES)
    if absent:
        axes[0].set_xlabel(f"without {', '.join(OBJECTIVES[method] for method in absent)}: not run")
    return figure


@_each_dataset(summaries.forests, "iforest-grid")
def ablation_forest(axis, forests):
    """AUCs of an isolation forest over a grid of its settings, a dot for each; rings mark the default's."""
    dot = {"color": METHODS["iforest"].colour, "markersize": 4}
    ring = {"marker": "o", "facecolor": "none", "edgecolor": "0.1", "s": 55}
    for i, forest in enumerate(forests.values()):
        places = i + np.linspace(-0.25, 0.25, len(forest.aucs))  # in the grid's order
        axis.plot(places, forest.aucs, "o", **dot, label="setting" * (i == 0))
        axis.scatter(places[forest.default], forest.aucs[forest.default], **ring, label="default" * (i == 0))
    means = np.mean([forest.aucs for forest in forests.values()], axis=0)
    axis.plot(len(forests) + np.linspace(-0.25, 0.25, len(means)), means, "D", color="0.2", markersize=3)
    axis.set_xticks(range(len(forests) + 1), [*forests, "mean"], fontsize=8)
    axis.set_xlabel("class")


def _panels(titles, height=3.3):
    """A figure with a panel for each title, two side by side, and the list of their axes."""
    columns, rows = min(2, len(titles)), -(-len(titles) // 2)
    figure, axes = new_figure(1 + 2.9 * columns, height * rows, rows, columns, squeeze=False)
    for axis in axes.flat[len(titles) :]:
        axis.remove()
    return figure, list(axes.flat[: len(titles)])


def _draw_curves(axis, curves, style="-", note=""):
    """A line for each class of `summaries.Curves`, with its band, and a thick one for their mean."""
    for i, (name, line) in enumerate(curves.lines.items()):
        axis.plot(curves.x, line, style, color=f"C{i}", linewidth=1, marker=".", label=name * (not note))
        if name in curves.bands:
            axis.fill_between(curves.x, line - curves.bands[name], line + curves.bands[name], color=f"C{i}", alpha=0.12)
    if curves:
        axis.plot(curves.x, curves.mean, style, color="0.1", linewidth=2.2, label=f"mean{note}")


def _step_axis(axis, steps):
    """Numbers of search steps, 0 among them, along x."""
    axis.set_xscale("symlog", linthresh=1, linscale=0.5)
    _ticks(axis, steps)
    axis.set_xlabel("search steps k")


def classical_grid(entries, method, kind="grid"):
    """Mean AUC over the classes against a classical method's open settings, a line for each dimension of PCA."""
    import matplotlib

    panels = summaries.grids(entries, method, kind)
    if not panels:
        return not_run(f"{method}-{kind}")
    figure, axes = _panels(panels)
    for (title, grid), axis in zip(panels.items(), axes):
        places = np.arange(len(grid.settings))
        shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(grid.dimensions)))
        for n, values, colour in zip(grid.dimensions, grid.aucs, shades):
            axis.plot(places, values, "o-", color=colour, markersize=3, linewidth=1, label=f"PCA {n}")
        axis.axhline(grid.paper, color="0.1", linestyle=":", linewidth=1.2, label="the paper")
        if grid.ours is not None:
            axis.axhline(grid.ours, color=METHODS[method].colour, linestyle="--", linewidth=1.2, label="ours")
        axis.set_xticks(places, grid.settings, rotation=60, ha="right", fontsize=7)
        axis.set(title=title, ylabel="mean AUC")
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=4, frameon=False, fontsize=7)
    return figure


def baselines(entries, dataset):
    """AUCs of ADGAN and of scores that know nothing, a row of points with their intervals for each class and the mean.

    Hollow points are the paper's ADGAN, and scores on AlexNet's features.
    """
    some = [e for e in summaries.complete(entries) if e.parameters["dataset"] == dataset]
    found = {m: of_class for m in ("adgan", *SCORES) if (of_class := summaries.class_means(some, m))}
    if not found:
        return not_run("adgan", *SCORES)
    figure, axis = new_figure(6.4, 6)
    names = datasets.CLASSES[dataset]
    for i, (method, of_class) in enumerate(found.items()):
        means = [*(of_class[name] for name in names), summaries.mean_auc(summaries.cells_of(some, method))]
        value, low, high = np.transpose([mean.interval for mean in means])
        places = np.arange(len(means)) + 0.1 * (i - len(found) / 2)
        style = {"color": METHODS[method].colour, "label": METHODS[method].label, "markersize": 4, "elinewidth": 1}
        style |= {"fmt": "s" if method == "adgan" else "o"}
        style |= {"markerfacecolor": "white"} if METHODS[method].features else {}
        axis.errorbar(value, places, xerr=(value - low, high - value), **style)
    paper = [paper_mean(dataset, "adgan", [c]) for c in range(len(names))]
    places = np.arange(len(names) + 1) - 0.1 * (1 + len(found) / 2)
    style = {"color": METHODS["adgan"].colour, "markerfacecolor": "white", "markersize": 4, "label": "ADGAN, the paper"}
    axis.plot([*paper, np.mean(paper)], places, "s", **style)
    axis.axvline(0.5, color="0.6", linestyle=":", linewidth=1)
    axis.axhline(len(names) - 0.5, color="0.6", linestyle=":", linewidth=1)
    axis.set_yticks(range(len(names) + 1), [*names, "mean"])
    axis.set(xlabel="AUC", ylim=(len(names) + 0.5, -0.6))
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def contamination(entries):
    """Mean AUC against the percentage of anomalies among the training images, a panel for each data set.

    The mean is over the classes that all methods of the panel have.
    """
    found = summaries.contaminations(entries)
    if not found:
        return not_run(*(f"{method}-contaminated-1" for method in CONTAMINATED))
    figure, axes = new_figure(6.4, 3.6, 1, len(found), squeeze=False)
    handles = {}
    for (title, methods), axis in zip(found.items(), axes[0]):
        classes = set.intersection(*({c for c, _ in by_percent[0]} for by_percent in methods.values()))
        for method, by_percent in methods.items():
            some = ({key: e for key, e in cells.items() if key[0] in classes} for cells in by_percent.values())
            means = [summaries.over_repetitions(summaries.aucs_of(cells)).mean() for cells in some]
            style = {"color": METHODS[method].colour, "label": METHODS[method].label, "marker": "o", "markersize": 3}
            style["linestyle"] = (
                "--" if method in KNOW_NOTHING else METHODS[method].line
            )  # whose colours are others' too
            (handles[method],) = axis.plot(list(by_percent), means, **style)
        axis.set(title=f"{title}, {number(len(classes), 'class')}")
        axis.set(xlabel="anomalies in training (%)", xticks=list(by_percent))
    axes[0, 0].set_ylabel("mean AUC")
    figure.legend(handles=list(handles.values()), loc="outside lower center", ncols=3, frameon=False)
    return figure


def kde_tree(entries):
    """KDE on AlexNet's features with scikit-learn's default tree and exact: means by dimension, and cells of Table 1.

    Left the mean AUC over the classes against PCA's dimension, right each class's at `kde.CLOSEST` against the paper's.
    """
    found = kde.aucs(entries)
    if not found:
        return not_run("kde-alexnet-layer")
    figure, (left, right) = new_figure(6.4, 3.9, 1, 2)
    paper = kde.paper_cells()
    for (layer, how), by_dimension in found.items():
        style = {"color": BENCHMARK_COLOURS[how == "default"], "marker": "os"[layer == "convolution"], "markersize": 4}
        label = f"{how}, {layer}"
        means = [aucs.mean() for aucs in by_dimension.values()]
        left.plot(list(by_dimension), means, "-" if layer == "pooled" else "--", label=label, **style)
        if layer == "pooled":
            right.plot(paper, by_dimension[kde.CLOSEST[how]], linestyle="none", **style)
    left.axhline(paper.mean(), color="0.1", linestyle=":", linewidth=1.2, label="the paper")
    left.set(xlabel="dimensions of PCA", ylabel="mean AUC")
    for place, name in zip(paper, datasets.CLASSES["mnist"]):
        right.annotate(name, (place, found["pooled", "default"][kde.CLOSEST["default"]][int(name)]), (3, 3),
                       textcoords="offset points", fontsize=7)  # fmt: skip
    right.axline((0.65, 0.65), slope=1, color="0.6", linestyle=":", linewidth=1)
    right.set(xlabel="AUC of a class, the paper", ylabel="the same, ours")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def tuning_curves(entries):
    """The measures of tuning against generator steps: thin lines for classes, thick for a data set's mean.

    A class' line is the mean over its seeds; a dotted line marks the steps of the scale that tuning takes.
    """
    panels = tuning.curves(entries)
    if not panels:
        return note("Not yet run.")
    figure, axes = _panels(panels, 3)
    for (measure, of_dataset), axis in zip(panels.items(), axes):
        for i, (title, curves) in enumerate(of_dataset.items()):
            for line in curves.lines.values():
                axis.plot(curves.x, line, color=BENCHMARK_COLOURS[i], linewidth=0.7, alpha=0.5)
            axis.plot(curves.x, curves.mean, "o-", color=BENCHMARK_COLOURS[i], markersize=4, linewidth=2, label=title)
        for n_iter in {SCALES[tuning.SCALE][name].n_iter for name in tuning.DATASETS}:
            axis.axvline(n_iter, color="0.6", linestyle=":", linewidth=1)
        axis.set(xscale="log", xlabel="generator steps", title=tuning.MEASURES[measure])
        _ticks(axis, sorted({n for curves in of_dataset.values() for n in curves.x.tolist()}))
        axis.set_ylim(bottom=0)
    _legend_below_all(figure, axes[0])
    return figure


def searched_settings(entries):
    """AUC against what a search without labels goes by, a panel for each table; each search's pick is ringed."""
    found = gaal_search.searches(entries)
    if not found:
        return note(gaal_search.NOTHING)
    tables, columns = list(dict.fromkeys(search.table for search in found)), 2
    n_rows = -(-len(tables) // columns)
    figure, axes = new_figure(6, 2.4 * n_rows + 0.5, n_rows, columns, squeeze=False)
    panels, handles = dict(zip(tables, axes.flat)), {}
    for search in found:
        axis, ks = panels[search.table], np.array([candidate["k"] for candidate in search.candidates])
        for k, colour, marker in zip(np.unique(ks), BENCHMARK_COLOURS, "os^"):
            style = {"color": colour, "marker": marker, "s": 14, "label": f"k = {k}"}
            handles[style["label"]] = axis.scatter(search.criterion[ks == k], search.aucs[ks == k], **style)
        pick = search.criterion[search.picked], search.aucs[search.picked]
        handles["pick"] = axis.scatter(*pick, s=80, facecolors="none", edgecolors="black", label="pick")
    for name, axis in panels.items():
        axis.set(title=name, xlabel="rows told from noise", ylabel="AUC")
        left, right = axis.get_xlim()
        if right - left < 0.005:  # no closer look at what is the same but for rounding
            axis.set_xlim(right - 0.01, right + 0.001)
        axis.ticklabel_format(useOffset=False)
        axis.locator_params(axis="x", nbins=4)
    for axis in axes.flat[len(tables) :]:
        axis.remove()
    figure.legend(handles=handles.values(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


# --- animations ---

# What takes the place of the buttons' icons, whose font matplotlib would load from the network.
SIGNS = {
    "minus": "−", "fast-backward": "|◀", "step-backward": "◁", "play fa-flip-horizontal": "◀", "pause": "‖",
    "play": "▶", "step-forward": "▷", "fast-forward": "▶|", "plus": "+",
}  # fmt: skip
STYLE = "<style>.animation, .animation img, input[type=range].anim-slider { max-width: 100%; }</style>"


def offline(page, alt):
    """matplotlib's HTML of an animation without what it loads from the network, and with names for what has none."""
    page, n = re.subn(r'<i class="fa fa-([\w -]+)"></i>', lambda icon: SIGNS.get(icon[1], icon[0]), page)
    if n != len(SIGNS) or "fa fa-" in page:
        raise RuntimeError("matplotlib's HTML of an animation has other icons than expected.")
    for old, new in (
        (r'<link rel="stylesheet"[^>]*>', ""),
        (r'<div class="animation">', f'{STYLE}<div class="animation">'),
        (r'<img id="_anim_img', f'<img alt="{escape(alt)}" id="_anim_img'),
        (r'type="range" class="anim-slider"', 'type="range" aria-label="step" class="anim-slider"'),
    ):
        page, n = re.subn(old, lambda _, new=new: new, page)
        if n != 1:
            raise RuntimeError(f"matplotlib's HTML of an animation has {old} {n} times, and once is expected.")
    return page
