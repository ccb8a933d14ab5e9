"""Data: images with class labels, tables with anomaly labels, and the one-versus-all split.

Embedded, so always there: `digits` and the tables `wine` and `breast-cancer` (scikit-learn's), and the tables
`onecluster-generated`, `ring` and `four-clusters`. All else lies under a data root: an argument, else the environment
variable GANOD_DATA, else a folder in the user's cache. It is read from there and never downloaded unless asked
for, by `download=True` or by

    python -m ganod_study data [mnist] [cifar10] [gaal] [alexnet] [--data-root FOLDER]

Under the root, the layouts that are read (for CIFAR-10 and AlexNet the first that is there):

    MNIST/raw/*-ubyte                            as torchvision writes it
    cifar-10-batches-py/*                        as torchvision writes it
    cifar10/{train,test}/<class>/<image>         CIFAR-10 as a folder of images
    scenes/{train,val}/<category>/<image>        photographs of scenes, your own
    lsun/<category>_{train,val}_lmdb             LSUN's scenes, as its authors publish them
    gaal/<table>.csv                             the tables of the GAAL paper
    weights/alexnet-owt-7be5be79.pth             AlexNet's weights, as torchvision names them
    weights/alexnet_features.npz                 AlexNet's weights, the convolutions' alone
"""

import csv
import importlib
import io
import math
import os
import pickle
import shlex
import sys
import tempfile
import unicodedata
from hashlib import sha256
from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_blobs, make_circles
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import minmax_scale
from sklearn.utils import check_random_state, check_scalar

from . import features as alexnet
from .image_files import as_square, image_files, read_images

TITLES = {"digits": "Digits", "mnist": "MNIST", "cifar10": "CIFAR-10", "scenes": "Scenes", "lsun": "LSUN"}
SCENES = ("lsun", "scenes")  # the paper's, and what stands in for them under its own name
CLASSES = {
    "digits": tuple("0123456789"),
    "mnist": tuple("0123456789"),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "scenes": (  # LSUN's categories, of which a folder of photographs need not have the tower
        "bedroom", "bridge", "church_outdoor", "classroom", "conference_room", "dining_room", "kitchen",
        "living_room", "restaurant",
    ),
}  # fmt: skip
CLASSES["lsun"] = (*CLASSES["scenes"], "tower")
TABLES = {  # with the SHA-256 of each file at GAAL_COMMIT
    "onecluster": "f8894f093be8a6fa27f51598cc98f38649e7aef668c980594b16dcd87e6e34d0",
    "Annthyroid": "32ae2d085cc646920eea878a3d5d67077dc84b81dadef343c13f002b2f5aeccc",
    "Arrhythmia": "24ecf9af7e67bafc5302ddb84af87a31f8818f4c057cce5bd56cf3ccf1c89565",
    "Ionosphere": "de3989653d307960c0632d857c33c2bfa4358974c74f2e7090c98e0be63411b8",
    "PageBlocks": "b998278fd646f97111e064272cac91404bb83d5332431902d2bbf31a7d1a291a",
    "PenDigits": "acfc8aaf8ef7db1f583d3712cf510a484541ee644441e053ff6b3d121a7bc2d8",
    "Pima": "d9569fbb961796af97b5792e673951865874496a24fbbcea21384956cfbf9781",
    "Shuttle": "ae74ed84ae9f4e8a6d0070705ecc4928940b903abe3d9e4bf7dbe7e07bc58b91",
    "SpamBase": "efac9d2ca6d4717724da10ccb69e7899df5481fb900b61d6cbc4fa1f21e3a4c0",
    "Stamps": "0bff5a2dcd1ed9875bd0b54995bc2c1cbad9afce39e23657cfda61512020e73e",
    "Waveform": "fb299d2fcc35d823cca44401600c9e3b703f239dc507a58bf4f8c4f765429d57",
    "WDBC": "ab746f5c82902f66b941c5612a5a521d7ba957a5a5ca2a2ef27618fe755a7b27",
}
GENERATED = "onecluster-generated"
EMBEDDED_TABLES = (GENERATED, "wine", "breast-cancer")
SHAPES = ("ring", "four-clusters")  # tables to look at

GAAL_REPOSITORY = "GAAL-based-outlier-detection"
GAAL_COMMIT = "b614cd36196c41b05e638dfc6f85f3a728a50a6e"
GAAL_URL = f"https://github.com/leibinghe/{GAAL_REPOSITORY}/archive/{GAAL_COMMIT}.zip"
TORCHVISION = {"mnist": "MNIST", "cifar10": "CIFAR10"}
LSUN_URL = "https://github.com/fyu/lsun"
LSUN_TRAINED = ("bedroom", "church_outdoor", "conference_room")  # the paper's Figures 4 to 6
LSUN_TRAIN = 10_000  # of each; there are 3 million bedrooms
DOWNLOADS = (*TORCHVISION, "gaal", "alexnet")
ALEXNET_SHA256 = "7be5be79"  # how it starts; the file's name says it too
# Of CIFAR-10's 10,000 test images and their labels (uint8), in the order that positions in stored results refer to
CIFAR10_TEST_SHA256 = "d73d532ddaf6883d8f23c83851d30286d66d864a63bd82d01389782e8062a211"
CIFAR10_BATCHES = ("batches.meta", *(f"data_batch_{i}" for i in range(1, 6)), "test_batch")

# Where a data set lies under the root: one or more layouts, each the paths it needs. The first is
# what a download gives.
LAYOUTS = {
    "digits": ((),),
    "mnist": (
        tuple(
            f"MNIST/raw/{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
        ),
    ),
    "cifar10": (
        tuple(f"cifar-10-batches-py/{batch}" for batch in CIFAR10_BATCHES),
        ("cifar10/train", "cifar10/test"),
    ),
    **dict.fromkeys((*EMBEDDED_TABLES, *SHAPES), ((),)),
    **{name: ((f"gaal/{name}.csv",),) for name in TABLES},
    "scenes": (("scenes/train", "scenes/val"),),
    "lsun": (
        tuple(f"lsun/{name}_train_lmdb" for name in LSUN_TRAINED)
        + tuple(f"lsun/{name}_val_lmdb" for name in CLASSES["lsun"]),
    ),
    "gaal": (tuple(f"gaal/{name}.csv" for name in TABLES),),
    "alexnet": ((f"weights/{alexnet.FILE}",), ("weights/alexnet_features.npz",)),
}


class MissingData(FileNotFoundError):
    """Data that is not there. The message starts with `<what> not found:`, then says where it was
    looked for and the command that gets it."""


class ImageSet(NamedTuple):
    """Images, uint8 (n, height, width) or (n, height, width, 3), and their classes."""

    name: str
    title: str
    x_train: np.ndarray
    y_train: np.ndarray  # (n,) indices into `classes`
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...]


class Split(NamedTuple):
    """One class against all others; labels are 0 for normal and 1 for anomalous."""

    x_train: np.ndarray  # normal only
    x_test: np.ndarray
    y_test: np.ndarray
    x_holdout: np.ndarray  # for choosing; no image of it is among x_test
    y_holdout: np.ndarray
    test_index: np.ndarray  # (n_test,) where x_test stands in the set's test images


class Table(NamedTuple):
    """A table with anomaly labels."""

    name: str
    X: np.ndarray  # (n, d) float64
    y: np.ndarray  # (n,) 0 normal, 1 anomalous


def data_root(root=None):
    """The data root as a Path: `root`, else GANOD_DATA, else `ganod` in the user's cache folder.

    It need not exist. Raises NotADirectoryError if it is a file.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    root = Path(root or os.environ.get("GANOD_DATA") or Path(cache, "ganod")).expanduser()
    if root.exists() and not root.is_dir():
        raise NotADirectoryError(f"The data root must be a folder; {root} is a file.")
    return root


def available(root=None):
    """Which data sets are there: {name: bool}.

    "gaal" stands for all twelve tables together, "alexnet" for that network's weights.
    """
    root = data_root(root)
    return {name: _layout(name, root) is not None for name in LAYOUTS}


def require(name, root=None):
    """Raise MissingData unless the data set, images or a table, is there."""
    if name in TABLES:
        _locate(name, f"Table {name}", "gaal", data_root(root))
    else:
        _locate(name, TITLES.get(name, name), name, data_root(root))


def load_images(name, *, root=None, download=False):
    """The images "digits", "mnist", "cifar10", "scenes" or "lsun" as an `ImageSet`.

    digits: 1,197 training and 600 test images, a fixed stratified split; 8x8 in 0..16 brought to
    0..255 and each pixel doubled to 16x16. mnist: 28x28 padded with zeros to 32x32. cifar10: 32x32
    colour, classes in the official order; as a folder of images it takes seconds to read. scenes: the folder of that
    name, 64x64, which must hold the categories of CLASSES. lsun: 64x64, the first LSUN_TRAIN images of each of
    LSUN_TRAINED to train on, all validation images of all categories.

    With `download=True` what is missing is downloaded into the root first. Raises MissingData if
    it is not there, ValueError for an unknown name and for files that are damaged or incomplete.
    """
    if name not in TITLES:
        raise ValueError(f"name: there are no images {name!r}; allowed are {', '.join(TITLES)}.")
    root = data_root(root)
    if download and name in TORCHVISION:
        fetch(name, root)
    if name == "scenes":
        return _with_all_categories(load_scenes(root=root), root)
    if name == "lsun":
        return load_lsun(CLASSES[name], trained=LSUN_TRAINED, n_train=LSUN_TRAIN, root=root)
    layout = _locate(name, TITLES[name], name, root)
    if name == "digits":
        x, y = load_digits(return_X_y=True)
        x = np.round(x.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8).repeat(2, axis=1).repeat(2, axis=2)
        x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=600, stratify=y, random_state=0)
    elif layout == LAYOUTS[name][0]:
        (x_train, y_train), (x_test, y_test) = (_torchvision(name, root, train) for train in (True, False))
        if name == "mnist":
            x_train, x_test = (np.pad(x, ((0, 0), (2, 2), (2, 2))) for x in (x_train, x_test))
    else:
        return _cifar10_folder(root / "cifar10")
    return ImageSet(name, TITLES[name], x_train, y_train, x_test, y_test, CLASSES[name])


def load_folder(path, *, size=32):
    """A folder of images as an `ImageSet` named after it, in colour, `size` x `size` pixels.

    The layout is that of torchvision's ImageFolder: `train/<class>/<image>` and, for testing, the
    same under `test` or `val`; folders below a class belong to it. A class may be missing from one
    of the two. Images are read as `read_images` does. Raises FileNotFoundError if a folder is
    missing or holds no images, ValueError naming the file if an image can't be read.
    """
    path = Path(path).expanduser()
    train = path / "train"
    test = next((path / split for split in ("test", "val") if (path / split).is_dir()), None)
    if test is None or not train.is_dir():
        raise FileNotFoundError(f"path: {path} must hold the folders train and test (or val).")
    train_files, test_files = _files_by_class(train), _files_by_class(test)
    classes, y = np.unique([name for name, _ in train_files + test_files], return_inverse=True)
    y_train, y_test = np.split(y, [len(train_files)])
    x_train, x_test = (read_images([file for _, file in files], size=size) for files in (train_files, test_files))
    return ImageSet(path.name, path.name, x_train, y_train, x_test, y_test, tuple(classes.tolist()))


def load_scenes(*, root=None, size=64):
    """The photographs under `scenes` in the data root, as `load_folder` gives them.

    Raises MissingData if they are not there.
    """
    root = data_root(root)
    _locate("scenes", "Scenes", None, root)
    return load_folder(root / "scenes", size=size)


def load_lsun(categories, *, trained=None, n_train=None, n_test=None, size=64, root=None):
    """Scenes of LSUN as an `ImageSet`: for each category its first `n_train` training and `n_test` validation images.

    trained: those of the categories whose training images are read; None: all.
    First in the order of the databases' keys, which are digests, so that it is a fixed draw at random; None means
    all. Images are decoded one by one and kept at `size` x `size` pixels, cut to their central square. Reading needs
    the package lmdb. (torchvision's LSUN reads the same files, but lists all keys first and leaves the list, a
    pickle, in the working folder.)

    Raises MissingData naming the databases that are not there, ValueError naming one that is damaged.
    """
    for name, number in (("n_train", n_train), ("n_test", n_test), ("size", size)):
        if number is not None or name == "size":
            check_scalar(number, name, Integral, min_val=1)
    root, classes = data_root(root), (categories,) if isinstance(categories, str) else tuple(categories)
    wanted = {"train": classes if trained is None else tuple(trained), "val": classes}
    paths = {split: [f"lsun/{name}_{split}_lmdb" for name in names] for split, names in wanted.items()}
    if missing := [path for each in paths.values() for path in each if not (root / path).is_dir()]:
        raise MissingData(
            f"LSUN not found: there is no {', '.join(missing)} under {root}. To get it: the download.py of {LSUN_URL} "
            "(all of the bedrooms are 43 GB), unpacked there."
        )
    sets = []
    for split, n in (("train", n_train), ("val", n_test)):
        parts = [_lsun(root / path, n, size) for path in paths[split]]
        sets += (
            np.concatenate(parts),
            np.repeat([classes.index(name) for name in wanted[split]], [len(part) for part in parts]),
        )
    return ImageSet("lsun", "LSUN", *sets, classes)


def digest_of_test(images):
    """The SHA-256 of the test images of an `ImageSet` and of their labels, in their order."""
    return sha256(images.x_test.tobytes() + images.y_test.astype(np.uint8).tobytes()).hexdigest()


def one_versus_all(images, normal_class, *, n_train=None, n_test, n_holdout, seed, contaminated=0.0):
    """Train on one class, test on all: the protocol of Table 1 of the ADGAN paper, as a `Split`.

    `n_train` of the class' training images (all if None); `n_test` and `n_holdout` images drawn at
    random from the whole test set, with no image in common. The draw of the test set depends on
    `seed` alone, so that all classes and methods are tested on the same images, and those of a
    smaller `n_test` are the first of a larger one. contaminated: the share of the training images, drawn at random,
    in whose place images of the other classes are learned; the test images are the same whatever it is.

    Raises ValueError for a class that does not exist or more images than there are.
    """
    n_classes, n_images = len(images.classes), len(images.y_test)
    if normal_class not in range(n_classes):
        raise ValueError(
            f"normal_class: {images.title} has no class {normal_class!r}; allowed are the numbers "
            f"0 to {n_classes - 1}, which stand for {', '.join(images.classes)}."
        )
    of_class = np.flatnonzero(images.y_train == normal_class)
    n_needed = 1 if n_train is None else n_train
    for name, number, least in (
        ("n_train", n_needed, 1),
        ("n_test", n_test, 1),
        ("n_holdout", n_holdout, 0),
    ):
        check_scalar(number, name, Integral, min_val=least)
    check_scalar(contaminated, "contaminated", Real, min_val=0, max_val=1, include_boundaries="left")
    if n_needed > len(of_class):
        raise ValueError(
            f"n_train={n_train}: {images.title} has only {len(of_class)} training images "
            f"of class {images.classes[normal_class]}."
        )
    if n_test + n_holdout > n_images:
        raise ValueError(f"n_test={n_test} and n_holdout={n_holdout}: {images.title} has only {n_images} test images.")
    rng = np.random.RandomState(seed)
    order = rng.permutation(n_images)
    test, holdout = order[:n_test], order[n_images - n_holdout :]
    train = np.sort(rng.permutation(of_class)[:n_train])
    if n_strangers := round(contaminated * len(train)):
        others = np.flatnonzero(images.y_train != normal_class)
        train = np.sort(np.r_[rng.permutation(train)[n_strangers:], rng.permutation(others)[:n_strangers]])
    anomalous = (images.y_test != normal_class).astype(np.int64)
    return Split(
        images.x_train[train], images.x_test[test], anomalous[test],
        images.x_test[holdout], anomalous[holdout], test,
    )  # fmt: skip


def as_uint8(x):
    """Images (n, channels, height, width) in [-1, 1] as uint8 (n, height, width) or, in colour, (..., 3)."""
    pixels = np.rint(np.clip((np.moveaxis(x, 1, -1) + 1) * 127.5, 0, 255)).astype(np.uint8)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def load_table(name, *, root=None):
    """One of the twelve tables of the GAAL paper (see TABLES), or of EMBEDDED_TABLES or SHAPES, as a `Table`.

    Raises MissingData if it is not there, ValueError for an unknown name or a damaged file.
    """
    if name in (GENERATED, *SHAPES):
        make = {GENERATED: make_onecluster, "ring": make_ring, "four-clusters": make_four_clusters}[name]
        return Table(name, *make())
    if name == "wine":  # the first of three cultivars thinned out, in the manner of the outlier data sets of ODDS
        return Table(name, *thin_out(*load_wine(return_X_y=True), outlier_class=0))
    if name == "breast-cancer":  # the malignant ones
        return Table(name, *thin_out(*load_breast_cancer(return_X_y=True), outlier_class=0))
    if name not in TABLES:
        allowed = ", ".join((*TABLES, *EMBEDDED_TABLES, *SHAPES))
        raise ValueError(f"name: there is no table {name!r}; allowed are {allowed}.")
    root = data_root(root)
    [path] = _locate(name, f"Table {name}", "gaal", root)
    return read_table(root / path)


def read_table(path):
    """A `Table` from a CSV in the form of the GAAL repository: id, "nor" or "out", features; no header.

    Raises ValueError naming file, line and column where it has another form.
    """
    path = Path(path)
    X, y = [], []
    # A byte that is no UTF-8 then shows up in its cell, with line and column.
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.reader(file)
        for row in filter(None, rows):
            where = f"{path}, line {rows.line_num}"
            n_columns = 2 + len(X[0]) if X else max(3, len(row))  # as many as the first row has
            if len(row) < n_columns:
                raise ValueError(
                    f"{where}: column {len(row) + 1} is missing; {n_columns} columns are needed: "
                    "an id, a label, and as many features in each row."
                )
            if len(row) > n_columns:
                raise ValueError(f"{where}, column {n_columns + 1}: earlier rows have {n_columns} columns only.")
            if row[1] not in ("nor", "out"):
                raise ValueError(f'{where}, column 2: the label must be "nor" or "out"; got {row[1]!r}.')
            y.append(row[1] == "out")
            X.append([_number(cell, f"{where}, column {3 + i}") for i, cell in enumerate(row[2:])])
    if not X:
        raise ValueError(f"{path} holds no rows.")
    return Table(path.stem, np.array(X), np.array(y, dtype=np.int64))


def make_onecluster(n_samples=1000, contamination=0.02, random_state=0):
    """A generated table in the manner of onecluster: X (n_samples, 2) and y (n_samples,).

    Like the GAAL repository's table of that name: one round normal cluster around (0.5, 0.5) with
    deviation 0.05, and the share `contamination` of outliers spread evenly over the unit square
    outside the cluster (here: four deviations and more from its centre). Outliers come last.
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(contamination, "contamination", Real, min_val=0, max_val=0.5)
    rng = check_random_state(random_state)
    centre, deviation = 0.5, 0.05
    n_outliers = round(n_samples * contamination)
    inliers = rng.normal(centre, deviation, size=(n_samples - n_outliers, 2))
    # The circle that is left out covers an eighth of the square, so twice as many are ample.
    spread = rng.uniform(size=(20 + 2 * n_outliers, 2))
    outliers = spread[np.linalg.norm(spread - centre, axis=1) > 4 * deviation][:n_outliers]
    return np.concatenate([inliers, outliers]), np.repeat([0, 1], [len(inliers), n_outliers])


def thin_out(X, classes, outlier_class, n_outliers=10, random_state=0):
    """A table of outliers from one of classes: all rows of the other classes, and a few of `outlier_class`.

    Outliers are drawn at random and come last; the features of X (n, d) are then scaled to [0, 1]. Returns X and y.
    """
    of_class = np.flatnonzero(classes == outlier_class)
    check_scalar(n_outliers, "n_outliers", Integral, min_val=1, max_val=len(of_class))
    drawn = check_random_state(random_state).choice(of_class, n_outliers, replace=False)
    kept = np.r_[np.flatnonzero(classes != outlier_class), np.sort(drawn)]
    return minmax_scale(X[kept]).clip(0, 1), np.repeat([0, 1], [len(kept) - n_outliers, n_outliers])


def make_ring(n_samples=1000, contamination=0.05, random_state=0):
    """A table of a ring, with outliers inside and outside of it: X (n_samples, 2) and y (n_samples,).

    The ring has radius 0.35 around (0.5, 0.5) and deviation 0.02; the share `contamination` of outliers is spread
    evenly over the unit square, 0.1 and more from the ring. All is then scaled to [0, 1]. Outliers come last.
    """
    n_outliers, rng = _outliers_of(n_samples, contamination, random_state)
    radius = 0.35
    # The smaller of its two circles has no points.
    ring, _ = make_circles((n_samples - n_outliers, 0), noise=0.02 / radius, random_state=rng)
    return _with_outliers(
        0.5 + radius * ring, n_outliers, rng, lambda x: np.abs(np.linalg.norm(x - 0.5, axis=1) - radius) > 0.1
    )


def make_four_clusters(n_samples=1000, contamination=0.05, random_state=0):
    """A table of four round clusters with outliers around and between them: X (n_samples, 2) and y (n_samples,).

    The clusters lie around the points (0.25 or 0.75, 0.25 or 0.75) with deviation 0.04; the share `contamination`
    of outliers is spread evenly over the unit square, four deviations and more from each centre. All is then scaled
    to [0, 1]. Outliers come last.
    """
    n_outliers, rng = _outliers_of(n_samples, contamination, random_state)
    centres, deviation = np.array([[x, y] for x in (0.25, 0.75) for y in (0.25, 0.75)]), 0.04
    clusters, _ = make_blobs(n_samples - n_outliers, centers=centres, cluster_std=deviation, random_state=rng)

    def far(x):
        return np.linalg.norm(x[:, None] - centres, axis=2).min(1) > 4 * deviation

    return _with_outliers(clusters, n_outliers, rng, far)


def _outliers_of(n_samples, contamination, random_state):
    """How many outliers there are to be, and where the draws come from."""
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(contamination, "contamination", Real, min_val=0, max_val=0.5)
    return round(n_samples * contamination), check_random_state(random_state)


def _with_outliers(inliers, n_outliers, rng, far):
    """Inliers and then outliers, uniform in the unit square where `far`, scaled to [0, 1]; and their labels."""
    spread = rng.uniform(size=(20 + 4 * n_outliers, 2))  # far is a good half of the square
    X = np.concatenate([inliers, spread[far(spread)][:n_outliers]])
    return minmax_scale(X), np.repeat([0, 1], [len(inliers), n_outliers])


def alexnet_weights(root=None):
    """The path of AlexNet's weights, for `alexnet.AlexNetFeatures`. Raises MissingData if they are not there."""
    root = data_root(root)
    [path] = _locate("alexnet", "AlexNet's weights", "alexnet", root)
    return root / path


def fetch(name, root=None):
    """Download "mnist", "cifar10", "gaal" (the tables) or "alexnet" (its weights) into the root, if not there.

    All is downloaded and unpacked aside and then moved in, so that a broken download leaves nothing
    behind. Raises RuntimeError if it fails.
    """
    if name not in DOWNLOADS:
        raise ValueError(f"name: {name!r} can't be downloaded; allowed are {', '.join(DOWNLOADS)}.")
    root = data_root(root)
    if _layout(name, root) is not None:
        return
    datasets = None if name == "alexnet" else _import("torchvision.datasets")
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".download-") as aside:
        try:
            if name == "gaal":
                datasets.utils.download_and_extract_archive(GAAL_URL, aside, filename="gaal.zip")
                Path(aside, "gaal").mkdir()
                for table, digest in TABLES.items():
                    file = Path(aside, f"{GAAL_REPOSITORY}-{GAAL_COMMIT}", "Data", table)
                    if sha256(file.read_bytes()).hexdigest() != digest:
                        raise ValueError(f"{table} is not the authors' file: its SHA-256 is another one")
                    file.rename(Path(aside, "gaal", f"{table}.csv"))
            elif name == "alexnet":
                file = Path(aside, LAYOUTS[name][0][0])
                file.parent.mkdir()
                torch.hub.download_url_to_file(alexnet.URL, str(file), hash_prefix=ALEXNET_SHA256)
            else:
                getattr(datasets, TORCHVISION[name])(aside, download=True)
        except Exception as error:
            raise RuntimeError(f"Downloading {name} failed, nothing was kept: {error}") from error
        for file in LAYOUTS[name][0]:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(aside, file), root / file)


def _layout(name, root):
    """The first layout of `name` that is complete under `root`, or None."""
    return next((paths for paths in LAYOUTS[name] if all((root / path).exists() for path in paths)), None)


def _locate(name, title, download, root):
    """As `_layout`, but what is missing raises MissingData; `download` is the name to fetch it by, if it has one."""
    layout = _layout(name, root)
    if layout is None:
        places = " or ".join(", ".join(path for path in paths if not (root / path).exists()) for paths in LAYOUTS[name])
        cure = f"To get it: {_command(download, root)}" if download else "Put your own there."
        raise MissingData(f"{title} not found: there is no {places} under {root}. {cure}")
    return layout


def _command(name, root):
    return f"python -m {__package__} data {name} --data-root {shlex.quote(str(root))}"


def _torchvision(name, root, train):
    """Images and labels as torchvision reads them from its own files, never downloading.

    CIFAR-10's come in the order of the folder of images, by class and file name: stored results name positions in it.
    """
    dataset = getattr(_import("torchvision.datasets"), TORCHVISION[name])
    try:
        data = dataset(root, train=train)
        x, y = np.asarray(data.data), np.asarray(data.targets)
        if name == "cifar10":
            order = np.lexsort((_cifar10_stems(data), y))
            x, y = x[order], y[order]
        return x, y
    except Exception as error:  # a cut file fails in many ways
        folder = (root / LAYOUTS[name][0][0]).parent
        raise ValueError(
            f"{TITLES[name]} in {folder} is damaged ({error!r}). "
            f"Delete that folder and get it again: {_command(name, root)}"
        ) from error


def _cifar10_stems(data):
    """The names of the images' files, without ".png", which the pickled batches keep and torchvision does not."""
    stems = []
    for batch, _ in data.train_list if data.train else data.test_list:
        with Path(data.root, data.base_folder, batch).open("rb") as file:  # its MD5 has been checked by torchvision
            stems += [Path(name).stem for name in pickle.load(file, encoding="latin1")["filenames"]]
    return stems


def _with_all_categories(images, root):
    """The images, if their categories are those that a cell's number of a class stands for."""
    needed, found = set(CLASSES["scenes"]), set(images.classes)
    if needed != found:
        wrong = {"lacks": needed - found, "has besides": found - needed}
        raise MissingData(
            f"Scenes not found: {root / 'scenes'} must hold the categories {', '.join(CLASSES['scenes'])}; it "
            + " and it ".join(f"{what} {', '.join(sorted(names))}" for what, names in wrong.items() if names)
            + ". To rank images of other categories, see the page of your own images."
        )
    return images


def _lsun(path, n, size):
    """The first n images of a database of LSUN's, (n, size, size, 3)."""
    lmdb, pillow = _import("lmdb", "lsun"), _import("PIL.Image")
    try:
        with lmdb.open(str(path), readonly=True, lock=False, readahead=False) as database, database.begin() as view:
            n = min(view.stat()["entries"], n or sys.maxsize)
            images = np.empty((n, size, size, 3), np.uint8)
            for image, raw in zip(images, view.cursor().iternext(keys=False)):
                with pillow.open(io.BytesIO(raw)) as packed:
                    image[:] = as_square(packed, size)
    except (lmdb.Error, OSError) as error:
        raise ValueError(f"LSUN: {path} can't be read: {error}.") from error
    return images


def _files_by_class(split):
    """[(class, image file)] of the class folders of `split`, class after class."""
    folders = [path for path in split.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX"))]
    if not folders:
        raise FileNotFoundError(f"path: {split} holds no folders, one for each class.")
    classes = sorted((unicodedata.normalize("NFC", folder.name), folder) for folder in folders)
    return [(name, file) for name, folder in classes for file in image_files(folder)]


def _cifar10_folder(path):
    """CIFAR-10 from a folder of images, which must be all of it in its order: else it is another data set."""
    images = load_folder(path)._replace(name="cifar10", title=TITLES["cifar10"])
    if images.classes != CLASSES["cifar10"] or digest_of_test(images) != CIFAR10_TEST_SHA256:
        raise ValueError(
            f"{path} is not all of CIFAR-10: it has {len(images.x_train)} training and {len(images.x_test)} test "
            f"images of {len(images.classes)} classes. Needed are 50000 and 10000 of {', '.join(CLASSES['cifar10'])}, "
            "without loss and under the names that they have in CIFAR-10. "
            "Complete it, or read it as what it is with load_folder."
        )
    return images


def _number(cell, where):
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{where}: a finite number is needed; got {cell!r}.")
    return number


def _import(module, extra="images"):
    """What only some data sets need comes in here."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f'{package} is needed for this: pip install "ganod-lite[{extra}]"') from error
