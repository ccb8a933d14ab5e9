"""SO-GAAL and MO-GAAL in the plane, drawn from stored results of `tabular.plane`.

Functions take `entries` as runner.run returns them and return a Figure, HTML or Markdown; where there are no
entries, a note that says so.
"""

import matplotlib
import numpy as np
from IPython.display import HTML, Markdown
from matplotlib.animation import FuncAnimation
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D

from .datasets import SHAPES
from .figures import new_figure, offline
from .gaal import END, STOP
from .methods import BLACK, BLUE, GREEN, METHODS, RED
from .render import markdown, not_run
from .statistics import entry_auc
from .tabular import AXIS

METHODS_IN_PLANE = ("sogaal-plane", "mogaal-plane")
LEVELS = np.linspace(0, 1, 11)  # of D
# White at one half and told apart by colour-blind readers; its ends are left out, so that points stand out.
SHADES = ListedColormap(matplotlib.colormaps["PuOr"](np.linspace(0.15, 0.85, 256)))
POINTS = {  # name: (marker, size, colour)
    "normal": (".", 5, "0.35"),
    "outlier": ("X", 26, BLACK),
    "generated": ("o", 9, GREEN),
}
WHEN = {"at the stop": STOP, "at the end": END}


def pick(entries, dataset=None, method=None):
    """Those of a table and a method, in the order of their seeds."""
    wanted = {"dataset": dataset, "method": method}
    found = [e for e in entries if all(v in (None, e.parameters[k]) for k, v in wanted.items())]
    return sorted(found, key=lambda e: e.parameters["seed"])


def firsts(entries, dataset):
    """{method: the entry of the first seed} of a table."""
    found = {method: pick(entries, dataset, method) for method in METHODS_IN_PLANE}
    return {method: of_method[0] for method, of_method in found.items() if of_method}


def stills(entries, table, frames=(0, 3, 7, 11)):
    """D over the plane with the generated points: a column for each method, a row for each of some frames."""
    shown = firsts(entries, table.name)
    if not shown:
        return not_run(*METHODS_IN_PLANE)
    n_frames = min(len(e.arrays["D"]) for e in shown.values())
    frames = sorted({min(frame, n_frames - 1) for frame in frames})
    figure, axes = new_figure(
        2.6 * len(shown), 2.35 * len(frames) + 0.9, len(frames), len(shown), box=True, squeeze=False
    )
    for column, (method, entry) in zip(axes.T, shown.items()):
        for axis, frame in zip(column, frames):
            filled = _draw(axis, entry, table, frame)
            axis.set_title(f"{METHODS[method].title}, {_when(entry, frame)}", fontsize=9)
    _key(figure, axes, filled)
    return figure


def animation(entries, table, dpi=64):
    """The same frame by frame, as a page that plays offline: slider and buttons, and no kernel behind them."""
    shown = firsts(entries, table.name)
    if not shown:
        return not_run(*METHODS_IN_PLANE)
    n_frames = min(len(e.arrays["D"]) for e in shown.values())
    figure, axes = new_figure(2.9 * len(shown), 3.8, 1, len(shown), box=True, squeeze=False)
    figure.set_dpi(dpi)
    for axis, entry in zip(axes[0], shown.values()):
        filled = _draw(axis, entry, table, 0)
    _key(figure, axes, filled)

    def draw(frame):
        for axis, (method, entry) in zip(axes[0], shown.items()):
            axis.clear()
            _draw(axis, entry, table, frame)
            axis.set_title(f"{METHODS[method].title}\n{_when(entry, frame)}", fontsize=9)

    with matplotlib.rc_context({"savefig.dpi": dpi, "savefig.facecolor": "white"}):
        page = FuncAnimation(figure, draw, n_frames, interval=700).to_jshtml(default_mode="once")
    return HTML(offline(page, f"{n_frames} frames of D over the plane as {_names(shown)} train on {table.name}"))


def inversion(entries, table):
    """Which end of D is the outliers', and the AUC of 1 - D beside that of D, which PyOD returns."""
    shown = firsts(entries, table.name)
    if not shown:
        return not_run(*METHODS_IN_PLANE)
    method, entry = list(shown.items())[-1]
    figure, axes = new_figure(5.6, 3.9, 1, 2, width_ratios=(1.7, 1), box=True, squeeze=False)
    filled = _draw(axes[0, 0], entry, table, -1, generated=False)
    axes[0, 0].set_title(f"{METHODS[method].title}, {_when(entry, -1)}", fontsize=9)
    _key(figure, axes[:, :1], filled, generated=False)
    value = entry_auc(entry)
    bars = axes[0, 1].bar(["1 − D\nhere", "D\nPyOD"], [value, 1 - value], color=[BLUE, RED], width=0.6)
    axes[0, 1].bar_label(bars, fmt="%.3f", fontsize=9, padding=2)
    axes[0, 1].axhline(0.5, color="0.4", linestyle=":", linewidth=1)
    axes[0, 1].set(title="AUC of the score", ylim=(0, 1.1))
    axes[0, 1].title.set_fontsize(9)
    axes[0, 1].tick_params(labelsize=9)
    return figure


def ends(entries, tables):
    """D over the plane after the last epoch: a row for each table, a column for each method, its median run."""
    shown = {t.name: {m: _median_run(pick(entries, t.name, m)) for m in METHODS_IN_PLANE} for t in tables}
    shown = {name: {m: e for m, e in of.items() if e is not None} for name, of in shown.items()}
    if not all(len(of_table) == len(METHODS_IN_PLANE) for of_table in shown.values()):
        return not_run(*METHODS_IN_PLANE)
    figure, axes = new_figure(5.2, 2.5 * len(tables) + 0.9, len(tables), len(METHODS_IN_PLANE), box=True, squeeze=False)
    for row, table in zip(axes, tables):
        for axis, (method, entry) in zip(row, shown[table.name].items()):
            filled = _draw(axis, entry, table, -1)
            value = entry_auc(entry)
            axis.set_title(f"{METHODS[method].title}, {table.name}\nAUC {value:.3f}", fontsize=9)
    _key(figure, axes, filled)
    return figure


def _median_run(entries):
    ordered = sorted(entries, key=entry_auc)
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def auc_rows(entries):
    """Median AUCs and all values of them, a row for each table and method."""
    rows = []
    for dataset in dict.fromkeys(e.parameters["dataset"] for e in entries):
        for method in METHODS_IN_PLANE:
            runs = pick(entries, dataset, method)
            if runs:
                row = {
                    "table": dataset,
                    "method": METHODS[method].title,
                    "stop epoch": runs[0].record["details"]["stop_epoch"],
                }
                for when, array in WHEN.items():
                    row[f"median {when}"] = f"{np.median(aucs(runs, array)):.3f}"
                rows.append(row | {"repetitions": len(runs)})
    return rows


def auc_table(entries):
    return markdown(auc_rows(entries), "Not run in this build.")


def aucs(runs, array="scores"):
    return [entry_auc(e, array) for e in runs]


def auc_dots(entries, datasets=SHAPES):
    """The AUC of each repetition, a dot each, and their median as a line: a panel for each table."""
    if not all(pick(entries, name, method) for name in datasets for method in METHODS_IN_PLANE):
        return not_run(*METHODS_IN_PLANE)
    figure, axes = new_figure(5.4, 3.2, 1, len(datasets), sharey=True, box=True, squeeze=False)
    places = [(method, when) for method in METHODS_IN_PLANE for when in WHEN]
    for axis, name in zip(axes[0], datasets):
        for i, (method, when) in enumerate(places):
            values = aucs(pick(entries, name, method), WHEN[when])
            axis.plot(np.full(len(values), i), values, "o", color=METHODS[method].colour, markersize=5, alpha=0.7)
            axis.hlines(np.median(values), i - 0.3, i + 0.3, color="0.1", linewidth=1.5)
        axis.axhline(0.5, color="0.4", linestyle=":", linewidth=1)
        labels = [f"{METHODS[method].title[:2]}\n{when.split()[-1]}" for method, when in places]
        axis.set_xticks(range(len(places)), labels, fontsize=9)
        axis.set_title(name, fontsize=9)
        axis.set_xlim(-0.6, len(places) - 0.4)
    axes[0, 0].set_ylabel("AUC")
    return figure


def learning_curves(entries, dataset):
    """Losses and AUC over the epochs, of the first seed: SO-GAAL above MO-GAAL, whose sub-generators are shaded."""
    shown = firsts(entries, dataset)
    if not shown:
        return not_run(*METHODS_IN_PLANE)
    figure, axes = new_figure(5.2, 3 * len(shown) + 0.5, len(shown), 1, box=True, squeeze=False)
    for axis, (method, entry) in zip(axes[:, 0], shown.items()):
        a = entry.arrays
        x, handles = np.arange(len(a["auc"])) + 1, []
        if "sub_generator_loss" in a:
            losses = a["sub_generator_loss"]
            shades = matplotlib.colormaps["Greys"](np.linspace(0.85, 0.35, losses.shape[1]))
            for i, (loss, colour) in enumerate(zip(losses.T, shades)):
                label = {0: "sub-generator 1", losses.shape[1] - 1: f"sub-generator {losses.shape[1]}"}.get(i)
                axis.plot(x, loss, color=colour, linewidth=0.8, label=label)
        for name, label, colour in (
            ("discriminator_loss", "discriminator", BLUE),
            ("generator_loss", "generator" if method == "sogaal-plane" else "mean of generators", RED),
            ("auc", "AUC", GREEN),
        ):
            axis.plot(x, a[name], color=colour, linewidth=1.5, label=label)
        axis.axvline(entry.record["details"]["stop_epoch"], color="0.4", linestyle=":", linewidth=1, label="stop")
        axis.set(xlabel="epoch", ylim=(0, None))
        axis.set_title(f"{METHODS[method].title}, {dataset}", fontsize=9)
        handles, labels = axis.get_legend_handles_labels()
        axis.legend(handles, labels, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    return figure


def findings(entries, table):
    """What the page has found, in sentences."""
    shown = firsts(entries, table.name)
    if len(shown) < 2:
        return not_run(*METHODS_IN_PLANE)
    so, mo = shown.values()
    (so_stop, so_end), (mo_stop, mo_end) = ([aucs([e], array)[0] for array in WHEN.values()] for e in (so, mo))
    lines = [
        f"On `{table.name}`, in one run each, SO-GAAL's AUC is {so_stop:.3f} at the stop and {so_end:.3f} at the end, "
        f"MO-GAAL's {mo_stop:.3f} and {mo_end:.3f}.",
        f"Outliers lie where D is **low**. Returning D itself, as PyOD does, turns MO-GAAL's {mo_end:.3f} into "
        f"{1 - mo_end:.3f}.",
    ]
    for name in SHAPES:
        runs = [pick(entries, name, method) for method in METHODS_IN_PLANE]
        if all(runs):
            one, ten = map(aucs, runs)
            gain = np.median(ten) - np.median(one)
            verdict = "ten generators do better" if gain > 0.02 else "ten do worse" if gain < -0.02 else "no difference"
            lines.append(
                f"On `{name}` the median AUC at the end is {np.median(one):.3f} with one generator ({_range(one)}) and "
                f"{np.median(ten):.3f} with ten ({_range(ten)}): {verdict}."
            )
    return Markdown("\n".join(f"- {line}" for line in lines))


def _range(values):
    return f"{min(values):.3f} to {max(values):.3f}"


def _names(shown):
    return " and ".join(METHODS[method].title for method in shown)


def _when(entry, frame):
    epoch, stop = entry.record["details"]["epochs"][frame], entry.record["details"]["stop_epoch"]
    return f"epoch {epoch}" + (" (stop)" if epoch == stop else "")


def _draw(axis, entry, table, frame, generated=True):
    """D, the table's points, and what the generators make; returns the contours."""
    filled = axis.contourf(AXIS, AXIS, entry.arrays["D"][frame], LEVELS, cmap=SHADES)
    clouds = {"normal": table.X[table.y == 0], "outlier": table.X[table.y == 1]}
    if generated:
        clouds["generated"] = entry.arrays["generated"][frame].reshape(-1, 2)
    for name, points in clouds.items():
        marker, size, colour = POINTS[name]
        edge = {"linewidth": 0} if name == "normal" else {"edgecolor": "white", "linewidth": 0.4}
        axis.scatter(*points.T, s=size, marker=marker, color=colour, **edge)
    axis.set(xlim=AXIS[[0, -1]], ylim=AXIS[[0, -1]], aspect="equal", xticks=[0, 1], yticks=[0, 1])
    axis.tick_params(labelsize=8)
    return filled


def _key(figure, axes, filled, generated=True):
    """The meaning of colours and points, below the panels."""
    bar = figure.colorbar(filled, ax=axes, location="bottom", shrink=0.9, aspect=30, pad=0.02)
    bar.set_ticks([0, 0.5, 1], labels=["D = 0\noutlier", "0.5", "D = 1\ndata"])
    bar.ax.tick_params(labelsize=8)
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markeredgecolor="white", markersize=7, label=name)
        for name, (marker, _, colour) in POINTS.items()
        if generated or name != "generated"
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
