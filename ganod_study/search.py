"""Figures 1 and 2 of the ADGAN paper: the search made visible, and the latent plane.

Statistics, sentences and figures as functions of stored entries of `adgan-steps` and `adgan-plane`
(methods.py:step_by_step, methods.py:latent_plane). Figures are matplotlib's, as wide as a phone can show.
"""

from typing import NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors

from . import datasets
from .figures import displayable, new_figure, offline
from .methods import BLUE, PLANE_STEPS, RED
from .render import bracketed, markdown, number
from .statistics import Interval, all_hold, mean_auc_interval
from .summaries import by_class

DPI = 130  # of stills
NORMAL, ANOMALOUS = BLUE, RED
COLOURS = {0: NORMAL, 1: ANOMALOUS}
COLUMNS = (0, 1, 2, 5, 10, 20)  # numbers of steps that are printed, as far as there
N_NEIGHBOURS = 15
AUCS = ("loss", "prior", "place")  # of a `Plane`

# The rule of the claim `latents-no-structure`
JUDGED = 5  # the paper's number of steps; what a longer search does is shown, not judged
DIFFERS = 0.75  # "differ markedly": at least half of the way from guessing (0.5) to a perfect order (1)
SCATTERED = 0.1  # "no particular structure": AUC within 0.5 ± 0.1; the paper's prior has 0.554 on CIFAR-10 and 0.721
# on MNIST, and it calls neither a sensible score: twice the distance of the first, half of the second's


# --- Figure 1: the search ---


class Path(NamedTuple):
    """The search of one image.

    image (channels, height, width); losses (s, k + 1); generated (len(shown), k + 1, channels, height, width): what
    the generator shows from the starts `shown`, from the best to the worst by the loss at the score's k.
    """

    image: np.ndarray
    losses: np.ndarray
    generated: np.ndarray
    shown: np.ndarray

    @property
    def steps(self):
        """Those of COLUMNS that it has."""
        return [k for k in COLUMNS if k < self.losses.shape[1]]


def path(entry, of_class):
    """The `Path` of the first test image of a class, an index into the data set's classes."""
    first = entry.record["details"]["first_of_class"]
    if str(of_class) not in first:
        raise ValueError(f"of_class must be one of {', '.join(first)}; got {of_class!r}.")
    return _path(entry, list(first).index(str(of_class)))


def failures(entry):
    """The normal test images with the highest scores, from the highest: [(score, `Path`), ...]."""
    details = entry.record["details"]
    n_before = len(details["first_of_class"])
    return [(entry.arrays["scores"][i], _path(entry, n_before + j)) for j, i in enumerate(details["worst"])]


def missed(entry):
    """The share of anomalous test images that score below the highest of the normal ones shown, and below the last."""
    scores, labels = entry.arrays["scores"], entry.arrays["labels"]
    shown = [score for score, _ in failures(entry)]
    return tuple(float((scores[labels == 1] < score).mean()) for score in (shown[0], shown[-1]))


def _path(entry, i):
    return Path(
        *(entry.arrays[name][i] for name in ("images", "losses", "generated")), entry.arrays["shown"][i].astype(int)
    )


def search_found(groups, anomalous_class):
    """What the search page found, in words: Markdown. groups: {data set: `Outcome`}."""
    found = []
    for entry in _each(groups):
        p, k = entry.parameters, entry.parameters["n_steps"]
        names, title = datasets.CLASSES[p["dataset"]], datasets.TITLES[p["dataset"]]
        (n0, nk), (a0, ak) = (
            path(entry, c).losses.mean(0)[[0, k]] for c in (p["normal_class"], anomalous_class)
        )  # fmt: skip
        most, least = missed(entry)
        found.append(
            f"**{title}**, generator trained on class {names[p['normal_class']]}: {number(k, 'step')} of the search "
            f"take the mean loss of the normal image from {n0:.0f} to {nk:.0f}, and that of the "
            f"{names[anomalous_class]} from {a0:.0f} to {ak:.0f}. The search also fails on some normal images. This "
            f"page shows the {len(failures(entry))} with the highest scores: {most:.0%} of all anomalous test images "
            f"score below the highest of these, {least:.0%} below the lowest."
        )
    return _markdown(found, groups)


def search_images(entries, anomalous_class):
    """Figure 1: the image, and what the generator shows from a few starts after some steps, the loss under each."""
    (entry,) = entries[:1]
    both = [(0, path(entry, entry.parameters["normal_class"])), (1, path(entry, anomalous_class))]
    n_steps, n_starts = len(both[0][1].steps), len(both[0][1].shown)
    figure, axes = new_figure(5.2, 2 * 5.2 * (n_starts + 0.5) / (n_steps + 1.4), 2, dpi=DPI)
    for axis, (label, found) in zip(axes, both):
        colour, name = COLOURS[label], ("normal", "anomalous")[label]
        _place(axis, found.image, 0, (n_starts - 1) / 2, name, colour)
        for row, generated in enumerate(found.generated):
            for column, k in enumerate(found.steps):
                _place(axis, generated[k], 1.25 + column, row, f"{found.losses[found.shown[row], k]:.1f}", colour)
        for column, k in enumerate(found.steps):
            axis.text(1.25 + column, -0.48, f"k = {k}", ha="center", va="bottom", fontsize=8)
        axis.set(xlim=(-0.5, 0.8 + n_steps), ylim=(n_starts - 0.35, -0.7), aspect="equal")
        axis.axis("off")
    return figure


def search_losses(entries, anomalous_class):
    """The loss over the steps of the search, of a normal and of an anomalous image: every start, and their mean."""
    (entry,) = entries[:1]
    figure, axis = new_figure(5.2, 3.2, dpi=DPI)
    for label, of_class in ((0, entry.parameters["normal_class"]), (1, anomalous_class)):
        losses = path(entry, of_class).losses
        name = f"{('normal', 'anomalous')[label]} ({datasets.CLASSES[entry.parameters['dataset']][of_class]})"
        axis.plot(losses.T, color=COLOURS[label], linewidth=0.7, alpha=0.5)
        axis.plot(losses.mean(0), color=COLOURS[label], linewidth=2.4, linestyle=("-", "--")[label], label=name)
    k = entry.parameters["n_steps"]
    axis.axvline(k, color="0.4", linestyle=":", linewidth=1, label=f"k = {k}, where it is scored")
    axis.set(xlabel="step", ylabel="loss", ylim=(0, None))
    axis.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def search_failures(entries):
    """The normal images with the highest scores above their best reconstructions at the score's k and at the end."""
    (entry,) = entries[:1]
    found, k = failures(entry), entry.parameters["n_steps"]
    last = found[0][1].losses.shape[1] - 1
    figure, axis = new_figure(5.2, 2.7, dpi=DPI)
    for column, (score, each) in enumerate(found):
        best = each.losses[each.shown[0]]
        _place(axis, each.image, column, 0, f"score {score:.0f}", NORMAL)
        for row, step in enumerate((k, last), 1):
            _place(axis, each.generated[0, step], column, row, f"{best[step]:.1f}", NORMAL)
    axis.set(xlim=(-0.5, len(found) - 0.5), ylim=(2.7, -0.6), aspect="equal", xticks=[])
    axis.set_yticks(range(3), ["x", f"k = {k}", f"k = {last}"], fontsize=8)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def search_animation(entries, of_class, milliseconds=500):
    """The search of an image step by step, with a slider and buttons, as HTML that needs no network and no kernel."""
    from IPython.display import HTML
    from matplotlib.animation import FuncAnimation

    (entry,) = entries[:1]
    found, p = path(entry, of_class), entry.parameters
    label = int(of_class != p["normal_class"])
    colour, kind = COLOURS[label], ("normal", "anomalous")[label]
    name, n_shown, most = datasets.CLASSES[p["dataset"]][of_class], len(found.shown), found.losses.shape[1]
    figure, (above, below) = new_figure(4.8, 3.6, 2, dpi=80)
    _place(above, found.image, 0, 0, kind, colour)
    shown = [_place(above, each[0], 1.25 + i, 0, "", colour) for i, each in enumerate(found.generated)]
    above.set(xlim=(-0.5, 0.8 + n_shown), ylim=(0.75, -0.5), aspect="equal")
    above.axis("off")
    lines = below.plot(found.losses.T, color=colour, linewidth=0.8, alpha=0.6)
    (mean,) = below.plot(found.losses.mean(0), color=colour, linewidth=2.4)
    below.set(xlabel="step", ylabel="loss", ylim=(0, None), xlim=(-0.3, most - 0.7))
    below.xaxis.get_major_locator().set_params(integer=True)

    def draw(k):
        for i, (picture, text) in enumerate(shown):
            picture.set_data(displayable(found.generated[i, k]))
            text.set_text(f"{found.losses[found.shown[i], k]:.1f}")
        for line, losses in zip([*lines, mean], [*found.losses, found.losses.mean(0)]):
            line.set_data(range(k + 1), losses[: k + 1])
        below.set_title(f"k = {k}, mean loss {found.losses[:, k].mean():.1f}", fontsize=9)

    draw(most - 1)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # or panels would move from frame to frame
    page = FuncAnimation(figure, draw, most, interval=milliseconds).to_jshtml(default_mode="once")
    alt = (
        f"The search of the {kind} image of class {name}: the image, what the generator shows from {n_shown} starting "
        "points at the step that the slider is at, the loss under each, and the loss curves"
    )
    return HTML(offline(page, alt))


# --- Figure 2: the latent plane ---


class Plane(NamedTuple):
    """How well normal and anomalous images are told apart after a number of steps: AUCs as `Interval`s.

    loss: by ADGAN's score; prior: by the likelihood of the latents (section 3.2), both means over starts; place: of
    every second pair of images, by the share of anomalous ones among the nearest dots of the others, so with the
    labels' help: structure of any shape would show in it. No image both votes and is scored, as an interval over
    images needs; it is NaN for too few images.
    """

    step: int
    loss: Interval
    prior: Interval
    place: Interval


def planes(entries):
    """A `Plane` for each number of steps of entries of `adgan-plane`, of several the mean over them."""
    found = []
    for i, k in enumerate(entries[0].record["details"]["steps"]):
        samples = [_samples(*(e.arrays[a] for a in ("test_index", "labels")), e.arrays["losses"][i], e.arrays["z"][i])
                   for e in entries]  # fmt: skip
        loss, prior, place = zip(*samples)
        place = [sample for sample in place if np.bincount(sample[1], minlength=2).min() > 1]
        nothing = Interval(np.nan, np.nan, np.nan)
        found.append(Plane(k, *map(mean_auc_interval, (loss, prior)), mean_auc_interval(place) if place else nothing))
    return found


def _samples(index, y, losses, z):
    """For loss, prior and place of a `Plane` which images are scored, their labels and scores.

    index, y (n,); losses (n, s) and latents z (n, s, 2).
    """
    votes = np.asarray(index) // 2 % 2 == 0  # by the image, so that it is on the same side in all entries
    voters, scored = np.flatnonzero(votes), np.flatnonzero(~votes)
    n_neighbours = min(N_NEIGHBOURS, len(voters))
    nearest = NearestNeighbors(n_neighbors=n_neighbours).fit(z[voters, 0]).kneighbors(z[scored, 0])[1]
    place = y[voters][nearest].mean(1)
    return (index, y, losses.mean(1)), (index, y, (z**2).sum(2).mean(1)), (index[scored], y[scored], place)


def no_structure(entries):
    """Whether the claim `latents-no-structure` holds of the entries of one data set, and what says so.

    `holds` is True, False, or None where the intervals leave it open; `ours` names the data and the AUCs.

    After the paper's five steps the mean AUC of the loss must be above DIFFERS, and those of the prior's likelihood
    and of the neighbours in the plane within 0.5 ± SCATTERED, with their whole 95 % intervals. It fails where one
    of the intervals is on the other side as a whole.
    """
    (at,) = (plane for plane in planes(entries) if plane.step == JUDGED)
    others = at.prior, at.place
    holds = all_hold(at.loss.above(DIFFERS), *(auc.within(SCATTERED, of=0.5) for auc in others))
    return holds, f"{_data(entries)}, k = {at.step}: {_aucs(at)}"


def plane_found(groups):
    """What the latent plane's page found, in words: Markdown. groups: {data set: `Outcome`}."""
    found = []
    for outcome in groups.values():
        if outcome.entries:
            holds, _ = no_structure(outcome.entries)
            verdict = {True: "holds", False: "does not hold", None: "is neither confirmed nor refuted"}[holds]
            at, last = (next(p for p in planes(outcome.entries) if p.step == k) for k in (JUDGED, max(PLANE_STEPS)))
            found.append(
                f"**{_data(outcome.entries)}: the paper's statement {verdict}.** After {at.step} steps the AUC of "
                f"anomalous against normal images is {_auc(at.loss)} by the loss, {_auc(at.prior)} by the latents' "
                f"likelihood under the prior, and {_auc(at.place)} by the latents' places in the plane. After "
                f"{last.step} steps the three AUCs are {_auc(last.loss)}, {_auc(last.prior)} and {_auc(last.place)}."
            )
    return _markdown(found, groups)


def plane_table(groups):
    """The AUCs of every class at every number of steps, and their means: Markdown."""
    rows = []
    for dataset, outcome in groups.items():
        of_class = {name: list(runs.values()) for name, runs in by_class(outcome.entries, "adgan-plane").items()}
        of_class |= {"mean": outcome.entries} if len(of_class) > 1 else {}
        for name, entries in of_class.items():
            for plane in planes(entries):
                aucs = {what: _auc(getattr(plane, what)) for what in AUCS}
                rows.append({"data": datasets.TITLES[dataset], "normal class": name, "k": plane.step} | aucs)
    return markdown(rows)


def plane_dots(entries):
    """Figure 2: where the search of each image is after some steps, coloured by class, sized by loss."""
    (entry,) = entries[:1]
    y, z, losses = entry.arrays["labels"], entry.arrays["z"][:, :, 0], entry.arrays["losses"][:, :, 0]
    reach, largest = max(3, np.quantile(np.abs(z), 0.998)), losses.max()
    z = np.clip(z, -reach, reach)  # a few that are far out are drawn at the edge
    circle = np.sqrt(-2 * np.log(0.05)) * np.exp(1j * np.linspace(0, 2 * np.pi, 200))  # around 95 % of the prior
    figure, axes = new_figure(5.4, 6.6, -(-len(z) // 2), 2, squeeze=False, dpi=DPI)
    for axis, of_step, loss, plane in zip(axes.flat, z, losses, planes(entries[:1])):
        for label, strength in ((1, 0.4), (0, 0.9)):  # the normal ones, which are few, on top
            dots, area = of_step[y == label].T, _area(loss[y == label] / largest)
            axis.scatter(*dots, s=area, c=COLOURS[label], alpha=strength, linewidth=0)
        axis.plot(circle.real, circle.imag, color="0.3", linestyle=":", linewidth=1)
        axis.set(
            xlim=(-1.05 * reach, 1.05 * reach),
            ylim=(-1.05 * reach, 1.05 * reach),
            aspect="equal",
            xlabel="z1",
            ylabel="z2",
        )
        aucs = "\n".join(f"{name} {_auc(getattr(plane, name))}" for name in AUCS)
        axis.set_title(f"k = {plane.step}; AUC of\n{aucs}", fontsize=8, loc="left")
    for label, name in enumerate(("normal", "anomalous")):
        axes[0, 0].scatter([], [], s=25, color=COLOURS[label], label=name)
    for share in (0, 0.5, 1):
        axes[0, 0].scatter([], [], s=_area(share), color="0.6", label=f"loss {share * largest:.0f}")
    figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize=8, columnspacing=1, handletextpad=0.2)
    return figure


def plane_images(entries):
    """What the generator makes of a grid over the square that holds 95 % of the prior."""
    (entry,) = entries[:1]
    plane, half = entry.arrays["plane"], entry.record["details"]["half"]
    n = round(len(plane) ** 0.5)
    framed = [np.pad(each, [(0, 0), (1, 1), (1, 1)]) for each in plane]  # with grey, which is 0
    rows = [np.concatenate([displayable(framed[i * n + j]) for i in range(n)], 1) for j in reversed(range(n))]
    edge = half * n / (n - 1)  # the grid's points are the images' middles
    figure, axis = new_figure(5, 4.8, dpi=DPI)
    axis.imshow(np.concatenate(rows), cmap="gray", vmin=0, vmax=1, extent=(-edge, edge, -edge, edge))
    axis.set(xlabel="z1", ylabel="z2", xticks=range(-2, 3), yticks=range(-2, 3))
    return figure


def _data(entries):
    classes = number(len(by_class(entries, "adgan-plane")), "class")
    return f"{datasets.TITLES[entries[0].parameters['dataset']]} ({classes})"


def _aucs(plane):
    return ", ".join(f"{name} {_auc(getattr(plane, name))}" for name in AUCS)


# --- what both pages use ---


def _each(groups):
    return [outcome.entries[0] for outcome in groups.values() if outcome.entries]


def _markdown(sentences, groups):
    """The sentences, a paragraph each, and what is missing of the data sets and why."""
    from IPython.display import Markdown

    missing = [f"*Not run in this build: {outcome.missing}*" for outcome in groups.values() if outcome.missing]
    return Markdown("\n\n".join([*sentences, *missing]))


def _auc(interval):
    return bracketed(interval, digits=2)


def _place(axis, image, column, row, text, colour):
    """Put an image at a place of a grid and a text under it; return both."""
    extent = (column - 0.41, column + 0.41, row + 0.36, row - 0.46)
    picture = axis.imshow(displayable(image), cmap="gray", vmin=0, vmax=1, extent=extent)
    return picture, axis.text(column, row + 0.38, text, ha="center", va="top", fontsize=8, color=colour)


def _area(share):
    """A dot's area for a loss as a share of the largest; with no loss at all it can still be seen."""
    return 3 + 60 * share
