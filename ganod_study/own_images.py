"""Your own images: learn a folder of normal ones, and rank images by how much they differ.

    looked = look("normal", "check")                  what was read, converted and left out, before anything is trained
    found = rank(looked, "output", scale="lite")      trains ADGAN, or goes on with it; scores; writes the folder
    found = rank_with("output", look_with("output", "third"), "output-2")      the same model

Some of the normal images are held back from the training: their scores set the threshold, and tell whether the
generator has learned these images at all. The rest of the file makes the sentences and figures of a `Ranking`.
"""

import hashlib
import io
import json
import math
import os
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown
from PIL import Image
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_scalar
from tqdm import tqdm

from ganod_lite import ADGAN, load
from ganod_lite.base import resolve_device
from ganod_lite.files import write_aside
from ganod_lite.thresholds import check_share, threshold_at

from . import datasets
from .baselines import NEIGHBOURS
from .features import SIZE, AlexNetFeatures
from .figures import new_figure
from .image_files import Survey, list_files, read_images, survey_images
from .methods import BLUE, RED
from .render import bracketed, markdown, note, number
from .runner import open_store
from .scales import LITE, PAPER, SCENES, SMOKE, known, some_of
from .statistics import auc_interval

SIZES = (8, 16, 32, 64, 128)  # of DCGAN's networks
FEWEST = 30  # normal images: half of them must do for a training, half for a threshold
SETTINGS = {  # how long to train and how widely to search; the rest as for the study's own images
    "smoke": SMOKE,  # to see that all works
    "lite": replace(LITE, latent_size=64, n_seeds=8),  # 2 to 3 minutes of a core at 32 x 32
    "medium": SCENES,  # 10 minutes of a core at 32 x 32
    "large": replace(SCENES, n_iter=8000, n_seeds=64),  # half an hour
    "paper": PAPER,  # hours of a GPU
}
TRAINING = ("latent_size", "ngf", "batch_size", "objective", "n_iter")
USED = (*TRAINING, "n_seeds", "n_steps")
LEARNED = 0.8  # of the distance to the mean image: what a reconstruction must be below, or nothing has been learned
TOP = 10  # of each ranking, whose overlap is told
CHUNK = 64  # images searched, or read again at a larger size, at a time
RECORD, MODEL, FEATURES = "own-images.json", "model.ganod", "features.npy"  # in an output folder
TITLES = {"adgan": "ADGAN", "knn": "nearest neighbours"}
FLAGGED, OTHER = RED, BLUE


# --- what is there ---


@dataclass(frozen=True)
class Looked:
    """The files of a folder of normal images and of one to rank, either of them optional, as images of one kind.

    normal, check: indices into the survey's images; how: what `look` was asked for.
    """

    survey: Survey
    folders: tuple
    normal: np.ndarray
    check: np.ndarray
    how: dict

    def name(self, file):
        """A file as its path below its folder, in characters that can be printed."""
        folder = next(folder for folder in self.folders if file.is_relative_to(folder))
        return os.fsencode(file.relative_to(folder).as_posix()).decode(errors="replace")


def look(folder, check=None, *, size=32, mode=None, background="white", depth="type", verbose=True):
    """Look at all files of a folder of normal images, and of one to rank, before anything is trained.

    Both are read as one: in colour unless all images are grey. Images are kept at their final size only.

    Parameters
    ----------
    folder : path, of normal images; the folders below it count too
    check : path, optional
        Of the images to rank; without it those of `folder` are ranked.
    size : int, default 32
        Height and width that images are scaled to: 8, 16, 32, 64 or 128.
    mode, background, depth : see `image_files.survey_images`

    Returns
    -------
    Looked

    Raises
    ------
    FileNotFoundError
        If a folder is missing.
    ValueError
        If one folder is or contains the other, or there are too few images.
    """
    looked = _look(folder, check, size=size, mode=mode, background=background, depth=depth, verbose=verbose)
    if len(looked.normal) < FEWEST:
        raise ValueError(_too_few(looked, folder, len(looked.normal), f"{FEWEST} normal ones are needed"))
    if check is not None and not len(looked.check):
        raise ValueError(_too_few(looked, check, 0, "there is nothing to rank"))
    return looked


def look_with(model, check, *, verbose=True):
    """Look at a folder to rank as a model's normal images were looked at. model: an output folder of `rank`."""
    how = _finished(model)["asked"]["how"]
    if how["depth"] == "found":
        raise ValueError(
            f"model: the images of {model} were scaled by the range found in their folder, and other images would be "
            "scaled differently. Rank both folders in one call."
        )
    looked = _look(None, check, **how, verbose=verbose)
    if not len(looked.check):
        raise ValueError(_too_few(looked, check, 0, "there is nothing to rank"))
    return looked


def _look(folder, check, *, verbose, **how):
    known("size", how["size"], SIZES)
    folders = [Path(path).expanduser().resolve() for path in (folder, check) if path is not None]
    if len(folders) == 2 and _overlap(*folders):
        raise ValueError(
            f"check must be apart from folder, or its images would count as normal; got {check} and {folder}."
        )
    files = [list_files(path) for path in folders]
    survey = survey_images([file for some in files for file in some], **how, verbose=verbose)
    how["mode"] = "RGB" if survey.images.ndim == 4 else "L"
    is_normal = np.array([folder is not None and file.is_relative_to(folders[0]) for file in survey.files], bool)
    return Looked(survey, tuple(folders), np.flatnonzero(is_normal), np.flatnonzero(~is_normal), how)


def _too_few(looked, folder, n, needed):
    why = [f"{looked.name(row.file)}: {row.note}" for row in looked.survey.report if row.outcome == "left out"]
    left_out = f" Left out: {'; '.join(why[:3])}{'; ...' if len(why) > 3 else ''}." if why else ""
    return f"{folder}: {number(n, 'image')} that can be read; {needed}.{left_out}"


def _overlap(a, b):
    return a.is_relative_to(b) or b.is_relative_to(a)


# --- training, scores, the output folder ---


@dataclass(frozen=True)
class Ranking:
    """Images ranked by how anomalous they are.

    looked: where they come from; ranked (n,): indices into its images; trained (n,): whether the generator was
        trained on them.
    scores, thresholds: {"adgan": (n,), "knn": (n,)} and {...: `Threshold`}, the latter with AlexNet's weights.
    held_back: {"adgan", "best", "mean", and perhaps "knn"}: for each held-back normal image ADGAN's score, the loss
        of its best reconstruction, its distance from the mean image; its distance from its neighbours.
    detector: the fitted ADGAN; asked: all that the results depend on.
    """

    looked: Looked
    ranked: np.ndarray
    trained: np.ndarray
    scores: dict
    thresholds: dict
    held_back: dict
    detector: ADGAN
    asked: dict

    @property
    def names(self):
        return [self.looked.name(self.looked.survey.files[i]) for i in self.ranked]

    @property
    def order(self):
        """Places (n,) in `ranked`, the most anomalous first."""
        return np.argsort(-self.scores["adgan"], kind="stable")

    @property
    def learned(self):
        """Per held-back normal image the loss of its best reconstruction, as a share of that of the mean image."""
        return np.array(self.held_back["best"]) / np.maximum(self.held_back["mean"], 1e-12)

    @property
    def has_learned(self):
        return bool(np.median(self.learned) < LEARNED)


def rank(looked, output, *, scale="lite", false_alarm_rate=0.05, seed=0, data_root=None, device="auto", verbose=True):
    """Train ADGAN on normal images, rank images by it, and write all that was found into a folder.

    Parameters
    ----------
    looked : of `look`
    output : path
        A folder that is not there, is empty, or holds results of the same call: one that was interrupted goes on,
        and finished results are written again. Any other is refused.
    scale : "smoke", "lite", "medium", "large" or "paper", default "lite"
        How long to train, see `SETTINGS`.
    false_alarm_rate : float, default 0.05
        The share of normal images that may be flagged.
    seed : int, default 0
        It picks the images that are held back and draws all else.
    data_root : path, optional
        Where AlexNet's weights lie; see `datasets.data_root`.

    Returns
    -------
    Ranking
    """
    known("scale", scale, SETTINGS)
    check_share("false_alarm_rate", false_alarm_rate)
    check_scalar(seed, "seed", Integral, min_val=0, max_val=2**32 - 1)
    device = resolve_device(device)
    settings = some_of(SETTINGS[scale], USED)
    ranked = looked.check if len(looked.check) else looked.normal
    asked = {"scale": scale, **settings, "seed": int(seed), "false_alarm_rate": false_alarm_rate, "how": looked.how}
    asked |= {"normal": _digest(looked, looked.normal), "ranked": _digest(looked, ranked)}
    output = _claim(output, looked, asked)
    shuffled = np.random.RandomState(seed).permutation(looked.normal)
    n = n_held_back(len(shuffled), false_alarm_rate)
    held, train = np.sort(shuffled[:n]), np.sort(shuffled[n:])
    images, model = looked.survey.images, output / MODEL
    if model.exists():  # this very call had got so far
        detector = load(model, device)
    else:
        detector = ADGAN(**settings, contamination=None, random_state=seed, device=device, verbose=verbose)
        detector.set_params(checkpoint=output / "training").fit(images[train])
        detector.set_params(checkpoint=None).save(model)
    held_back, mean = _search(detector, images[held], "held-back images", verbose), images[train].mean(0)
    held_back["mean"] = np.square((images[held] - mean) / 127.5).reshape(n, -1).sum(1)
    features = _features(looked, train, data_root, device, verbose)
    if features is not None:
        write_aside(output / FEATURES, _as_bytes(np.save, features))
        held_back["knn"] = neighbour_distances(features, _features(looked, held, data_root, device, verbose))
    record = {"asked": asked, "held_back": {name: values.tolist() for name, values in held_back.items()}}
    write_aside(output / RECORD, json.dumps(record, indent=1).encode())
    trained = np.isin(ranked, train)
    return _ranked(looked, ranked, trained, held_back, detector, features, asked, output, data_root, verbose)


def rank_with(model, looked, output, *, false_alarm_rate=None, data_root=None, device="auto", verbose=True):
    """Rank images by a model that `rank` has trained, and write what was found into a folder.

    Parameters
    ----------
    model : path
        The output folder of `rank`.
    looked : of `look_with`
    output : path, another folder, see `rank`
    false_alarm_rate : float, optional; default: that of the model

    Returns
    -------
    Ranking
    """
    record, model = _finished(model), Path(model).expanduser()
    asked = dict(record["asked"])
    asked["false_alarm_rate"] = asked["false_alarm_rate"] if false_alarm_rate is None else false_alarm_rate
    check_share("false_alarm_rate", asked["false_alarm_rate"])
    device = resolve_device(device)
    asked |= {"model": asked["ranked"], "ranked": _digest(looked, looked.check)}
    output = _claim(output, looked, asked)
    held_back = {name: np.array(values) for name, values in record["held_back"].items()}
    features = np.load(model / FEATURES) if "knn" in held_back else None
    write_aside(output / RECORD, json.dumps({"asked": asked}, indent=1).encode())
    trained = np.zeros(len(looked.check), bool)
    detector = load(model / MODEL, device)
    return _ranked(looked, looked.check, trained, held_back, detector, features, asked, output, data_root, verbose)


def n_held_back(n, false_alarm_rate):
    """How many of n normal images are held back: a quarter, more if the rate takes more, half at most."""
    return min(max(math.ceil(n / 4), math.ceil(1 / false_alarm_rate - 1)), n // 2)


def threshold_of(scores, false_alarm_rate):
    """`threshold_at` for the rate asked for, or for the lowest that so many held-back images can promise."""
    return threshold_at(scores, max(false_alarm_rate, 1 / (len(scores) + 1)))


def _ranked(looked, ranked, trained, held_back, detector, features, asked, output, data_root, verbose):
    """Score images, write the results, return the `Ranking`."""
    scores = {"adgan": _search(detector, looked.survey.images[ranked], "images to rank", verbose)["adgan"]}
    if features is not None:
        own = _features(looked, ranked, data_root, detector.device, verbose)
        if own is not None:
            scores["knn"] = neighbour_distances(features, own, trained)
    thresholds = {name: threshold_of(held_back[name], asked["false_alarm_rate"]) for name in scores}
    found = Ranking(looked, ranked, trained, scores, thresholds, held_back, detector, asked)
    write(found, output)
    return found


def _search(detector, images, what, verbose):
    """ADGAN's scores of images and the losses of their best reconstructions, some images at a time."""
    found = {"adgan": [], "best": []}
    detector.set_params(verbose=False)
    with tqdm(total=len(images), unit="image", desc=f"scoring {what}", disable=not verbose) as bar:
        for start in range(0, len(images), CHUNK):
            result = detector.search(images[start : start + CHUNK])
            found["adgan"].append(result.scores)
            found["best"].append(result.losses.min(1))
            bar.update(len(result.scores))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _features(looked, which, data_root, device, verbose):
    """AlexNet's last convolutional layer, a mean over places for each of its 256 channels: (n, 256).

    None where the weights are not there. Files are read again at the size that the network was trained at.
    """
    try:
        alexnet = AlexNetFeatures(datasets.alexnet_weights(data_root), device=device, verbose=False)
    except datasets.MissingData:
        return None
    features = []
    with tqdm(total=len(which), unit="image", desc="AlexNet", disable=not verbose) as bar:
        for start in range(0, len(which), CHUNK):
            some = larger(looked, which[start : start + CHUNK], SIZE)
            features.append(alexnet.transform(some).reshape(len(some), 256, -1).mean(2))
            bar.update(len(some))
    return np.concatenate(features)


def neighbour_distances(reference, features, among=False):
    """The mean distance (n,) to the nearest of the reference; those that are `among` it leave themselves out."""
    k = min(NEIGHBOURS, len(reference) - 1)
    distances = NearestNeighbors(n_neighbors=k + 1).fit(reference).kneighbors(features)[0]
    return np.where(among, distances[:, 1:].mean(1), distances[:, :-1].mean(1))


def larger(looked, which, size):
    """Images of the survey read again at another size, uint8; as they are where the range found scales them."""
    how = looked.how
    if how["depth"] == "found":  # in all files together, not in these
        return looked.survey.images[which]
    files = [looked.survey.files[i] for i in which]
    return read_images(files, size=size, mode=how["mode"], background=how["background"], depth=how["depth"])


def _digest(looked, which):
    digest = hashlib.sha256(looked.survey.images[which].tobytes())
    for i in which:
        digest.update(looked.name(looked.survey.files[i]).encode() + b"\0")
    return digest.hexdigest()[:16]


def _claim(output, looked, asked):
    """Make the output folder this call's own, or raise ValueError where it is something else's."""
    output = Path(output).expanduser().resolve()
    for folder in looked.folders:
        if _overlap(output, folder):
            raise ValueError(f"output must be apart from the images; got {output} and {folder}.")
    if output.exists() and not output.is_dir():
        raise ValueError(f"output must be a folder; {output} is a file.")
    if output.is_dir() and any(not path.name.startswith(".") for path in output.iterdir()):
        if not (output / RECORD).is_file():
            raise ValueError(f"output: {output} holds other files. Name a new folder.")
        there = _record(output)["asked"]
        if differ := sorted(name for name in there.keys() | asked.keys() if there.get(name) != asked.get(name)):
            raise ValueError(
                f"output: {output} holds the results of another call, which differs in {', '.join(differ)}. "
                "Name a new folder, or remove that one."
            )
    else:
        write_aside(output / RECORD, json.dumps({"asked": asked}, indent=1).encode())
    return output


def _record(folder):
    try:
        return json.loads((folder / RECORD).read_bytes())
    except ValueError as error:
        raise ValueError(f"{folder / RECORD} is damaged: {error}") from error


def _finished(model):
    model = Path(model).expanduser()
    if not (model / MODEL).is_file() or "held_back" not in (record := _record(model)):
        raise ValueError(
            f"model must be the output folder of a ranking that has trained and finished; {model} is none."
        )
    return record


def _as_bytes(save, *what, **options):
    """What a function writes into a file."""
    buffer = io.BytesIO()
    save(buffer, *what, **options)
    return buffer.getvalue()


def write(found, output):
    """Write a ranking's tables, figures and words into a folder, each file whole or not at all."""
    for name, table in {"files": files_rows(found.looked), "scores": score_rows(found)}.items():
        write_aside(output / f"{name}.csv", pd.DataFrame(table).to_csv(index=False).encode())
    for name, figure in {"ranking": contact_sheet, "differences": differences, "samples": samples}.items():
        write_aside(output / f"{name}.png", _as_bytes(lambda file, it: it.savefig(file), figure(found)))
    write_aside(output / "findings.md", f"{findings(found).data}\n".encode())


# --- tables and words ---


def files_rows(looked):
    """What became of each file: a row each."""
    rows = looked.survey.report
    return [{"file": looked.name(row.file), "outcome": row.outcome, "note": row.note} for row in rows]


def files_table(looked, most=3):
    """What became of the files, those of one fate together: all that are left out are named, of others `most`."""
    groups = {}
    for row in files_rows(looked):
        name = row["file"].replace("|", "\\|")
        groups.setdefault((row["outcome"], row["note"].replace("|", "\\|")), []).append(name)
    rows = []
    for outcome in ("read", "converted", "left out"):
        for (_, why), names in sorted(item for item in groups.items() if item[0][0] == outcome):
            shown = names if outcome == "left out" else names[:most]
            files = ", ".join(shown) + (", ..." if len(shown) < len(names) else "")
            rows.append(
                {"outcome": outcome, "from what, or why": why or "as it is", "number": len(names), "files": files}
            )
    return Markdown(f"{looked.survey}\n\n{markdown(rows).data}")


def score_rows(found):
    """A row for each ranked image, the most anomalous first."""
    ranks = {name: np.argsort(np.argsort(-scores, kind="stable")) + 1 for name, scores in found.scores.items()}
    names, rows = found.names, []
    for i in found.order:
        row = {"file": names[i]}
        for name, scores in found.scores.items():
            before = "" if name == "adgan" else f"{name}_"
            row |= {f"{before}score": scores[i], f"{before}rank": ranks[name][i]}
            row[f"{before}flagged"] = scores[i] > found.thresholds[name].threshold
        rows.append(row | {"trained_on": found.trained[i]})
    return rows


def top_table(found, n=TOP):
    """The most anomalous images by name."""
    rows = []
    for row in score_rows(found)[:n]:
        shown = {"rank": row["rank"], "file": row["file"].replace("|", "\\|"), "score": f"{row['score']:.1f}"}
        shown["flagged"] = "yes" if row["flagged"] else "no"
        if "knn_rank" in row:
            shown["rank by neighbours"] = row["knn_rank"]
        rows.append(shown)
    return markdown(rows)


def settings_table(found):
    """The settings that a ranking was made with."""
    how, asked = found.looked.how, found.asked
    colour = "colour" if how["mode"] == "RGB" else "grey"
    rows = {
        "images": f"{how['size']} × {how['size']} pixels, {colour}",
        "normal images": f"{len(found.held_back['adgan'])} held back, the rest trained on",
        "generator": f"latent size {asked['latent_size']}, ngf {asked['ngf']}, {asked['objective']}",
        "training": f"{asked['n_iter']} generator steps, batches of {asked['batch_size']}",
        "search": f"{number(asked['n_seeds'], 'start')}, {number(asked['n_steps'], 'step')}",
    }
    if "knn" in found.scores:
        rows["neighbours"] = f"{NEIGHBOURS}, by AlexNet's last convolutional layer, at {SIZE} × {SIZE} pixels"
    return markdown([{"what": what, "here": here} for what, here in rows.items()])


def findings(found):
    """What was found, in words; first whether the ranking means anything."""
    middle, low, high = np.quantile(found.learned, [0.5, 0.25, 0.75])
    share = (
        f"the best reconstruction of a held-back normal image is {middle:.2f} times as far from it as the mean image "
        f"is (median; quartiles {low:.2f} to {high:.2f}; squared distances)"
    )
    if found.has_learned:
        lines = [f"The generator has learned something of the normal images: {share}."]
    else:
        instead = "or use the neighbours' ranking" if "knn" in found.scores else "or rank by neighbours (below)"
        lines = [
            f"**The generator has not learned these images, so ADGAN's ranking means little:** {share}. A "
            f"generator that has learned them stays below {LEARNED}. Train longer (a larger scale), give more images, "
            f"{instead}."
        ]
    for name in found.scores:
        lines.append(_flagging(found, name))
    if found.trained.any():
        lines.append(
            f"{number(int(found.trained.sum()), 'image')} in the ranking were also used for training and so score "
            "low. Odd images among these are harder to find than in a separate folder."
        )
    lines.append(_agreement(found))
    return Markdown("\n".join(f"- {line}" for line in lines))


def _flagging(found, name):
    t, asked, n = found.thresholds[name], found.asked["false_alarm_rate"], len(found.scores[name])
    flagged = int((found.scores[name] > t.threshold).sum())
    line = (
        f"{TITLES[name]}: {flagged} of {number(n, 'image')} flagged, with a score above {t.threshold:.4g}. "
        f"Judging by {t.n} held-back normal images, this flags {t.false_alarm_rate:.1%} of new normal images (95 % "
        f"interval: {t.low:.1%} to {t.high:.1%})."
    )
    if t.false_alarm_rate > asked:
        line += (
            f" **The {asked:.1%} asked for can't be promised:** that takes {math.ceil(1 / asked - 1)} held-back "
            "images, and twice as many normal images in all."
        )
    return line


def _agreement(found):
    if "knn" not in found.scores:
        return (
            "There is no ranking by nearest neighbours: AlexNet's weights are missing now, or were when the model was "
            "trained (`python -m ganod_study data alexnet`)."
        )
    if len(found.ranked) < 3:
        return "There are too few images to tell how far the two rankings agree."
    rho = spearmanr(found.scores["adgan"], found.scores["knn"]).statistic
    n = min(TOP, len(found.ranked) // 2)
    tops = [set(np.argsort(-scores, kind="stable")[:n]) for scores in found.scores.values()]
    return (
        f"ADGAN's ranking and the nearest neighbours' have a rank correlation (Spearman) of {rho:.2f} and share "
        f"{len(tops[0] & tops[1])} of their {n} most anomalous images. Where the two differ, look at the images."
    )


# --- figures ---


def _panel(axis, image, title="", colour="0.5", **options):
    axis.imshow(image, **({"cmap": "gray", "vmin": 0, "vmax": 255} | options))
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=8, color=colour, pad=2)
    axis.spines[:].set(visible=True, color=colour, linewidth=2 if colour == FLAGGED else 0.8)


def contact_sheet(found, columns=4, rows=3):
    """The most anomalous images above the least, each with its rank and score; those flagged are framed in orange."""
    n = min(columns * rows, max(1, len(found.ranked) // 2))  # none is among both
    order, half = found.order, -(-n // columns)
    halves = order[:n], order[-n:] if len(order) > 1 else order
    figure, axes = new_figure(4.6, 1.4 * 2 * half + 0.7, 2 * half, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for part, places in enumerate(halves):
        images = larger(found.looked, found.ranked[places], 96)
        first_rank = 1 if part == 0 else len(order) - len(places) + 1
        for j, (place, image) in enumerate(zip(places, images)):
            score = found.scores["adgan"][place]
            colour = FLAGGED if score > found.thresholds["adgan"].threshold else OTHER
            axis = axes[part * half + j // columns, j % columns]
            axis.axis("on")
            _panel(axis, image, f"{first_rank + j}: {score:.4g}", colour)
    figure.suptitle(f"the {n} most anomalous, then the {len(halves[1])} least (rank: score)", fontsize=9)
    return figure


def differences(found, n=5):
    """The most anomalous images, their best reconstructions, and how far apart they are at each pixel."""
    places = found.order[:n]
    images = found.looked.survey.images[found.ranked[places]]
    explained = found.detector.explain(images)
    made = datasets.as_uint8(explained.reconstruction)
    figure, axes = new_figure(5.6, 3.8, 3, len(places), squeeze=False)
    top = max(float(explained.residual.max()), 1e-12)
    for i, column in enumerate(axes.T):
        _panel(column[0], images[i], f"{i + 1}: {found.scores['adgan'][places[i]]:.4g}")
        _panel(column[1], made[i])
        _panel(column[2], explained.residual[i], cmap="viridis", vmax=top)
    for axis, label in zip(axes[:, 0], ("image", "best\nreconstruction", "squared\ndifference")):
        axis.set_ylabel(label, fontsize=8)
    bar = figure.colorbar(axes[2, 0].images[0], ax=axes, location="bottom", shrink=0.6, aspect=40, pad=0.02)
    bar.ax.tick_params(labelsize=8)
    return figure


def samples(found, n=8):
    """Normal images above what the generator makes at random."""
    normal = found.looked.normal if len(found.looked.normal) else found.ranked
    real = found.looked.survey.images[normal[:: max(1, len(normal) // n)][:n]]
    generator = found.detector.generator_
    z = torch.randn(len(real), generator.latent_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made = datasets.as_uint8(generator(z).numpy())
    figure, axes = new_figure(6, 1.9, 2, len(real), squeeze=False)
    for i, column in enumerate(axes.T):
        _panel(column[0], real[i])
        _panel(column[1], made[i])
    for axis, label in zip(axes[:, 0], ("real", "generated")):
        axis.set_ylabel(label, fontsize=8)
    return figure


def score_distributions(found):
    """ADGAN's scores of the held-back normal images and of those ranked, and the threshold."""
    figure, axis = new_figure(5.4, 2.8)
    both = {"held-back normal images": found.held_back["adgan"], "images ranked": found.scores["adgan"]}
    bins = np.histogram_bin_edges(np.concatenate(list(both.values())), 25)
    for (name, scores), colour, style in zip(both.items(), (OTHER, FLAGGED), ("-", "--")):
        weights = np.full(len(scores), 1 / len(scores))
        axis.hist(
            scores, bins, weights=weights, histtype="step", color=colour, linestyle=style, linewidth=1.8, label=name
        )
    axis.axvline(found.thresholds["adgan"].threshold, color="0.3", linestyle=":", label="threshold")
    axis.set(xlabel="score", ylabel="share of images")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


# --- what the page shows where no folder is given ---

ODD = "odd-"  # how the names of planted images begin


def places(folder, check, output, store, *settings):
    """The page's folders (normal, check, output): the embedded digits, and one named by settings, if none is given."""
    room = open_store(store).root.parent / "own-images"
    if folder is None:
        if check is not None:
            raise ValueError(f"folder: normal images are needed to rank those of check={check!r}.")
        folder, check = write_digits(room / "digits")
    return folder, check, output or room / "-".join(map(str, (Path(check or folder).resolve().name, *settings)))


def write_digits(folder):
    """scikit-learn's digits as PNG files: zeros as normal images, and zeros among other digits to rank.

    Some files that are no good images lie among them, as in any folder. Returns the two folders.
    """
    digits, folder = load_digits(), Path(folder)
    normal, check = folder / "zeros", folder / "mixed"
    images = (digits.images * (255 / 16)).astype(np.uint8)
    zeros, others = (np.flatnonzero((digits.target == 0) == of) for of in (True, False))
    named = {normal / f"zero-{i:04}.png": i for i in zeros[:140]} | {check / f"zero-{i:04}.png": i for i in zeros[140:]}
    named |= {check / f"{ODD}{digits.target[i]}-{i:04}.png": i for i in others[:20]}
    files = {}
    for path, i in named.items():
        picture = Image.fromarray(images[i]).resize((32, 32), Image.Resampling.BICUBIC)
        files[path] = _as_bytes(picture.save, format="PNG")
    whole = files[normal / f"zero-{zeros[0]:04}.png"]
    files |= {normal / "cut-off.png": whole[: len(whole) // 2], normal / "empty.png": b""}
    files[normal / "words.jpg"] = b"no image"
    for path, raw in files.items():
        write_aside(path, raw)
    return normal, check


def planted(found):
    """How well planted images are told from the others, by each ranking, in words."""
    labels = np.array([name.startswith(ODD) for name in found.names], int)
    if len(set(labels)) < 2:
        return note("Only for the embedded digits is it known which images are odd.")
    lines = []
    for name, scores in found.scores.items():
        flagged = scores > found.thresholds[name].threshold
        n, n_flagged = np.bincount(labels), np.bincount(labels, flagged).astype(int)
        lines.append(
            f"- {TITLES[name]}: AUC {bracketed(auc_interval(labels, scores))}; it flags {n_flagged[1]} of {n[1]} "
            f"odd images and {n_flagged[0]} of {n[0]} others."
        )
    return Markdown("\n".join(lines))
