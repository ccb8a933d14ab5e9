"""How methods on tables are computed: the GAAL family, and what it is measured against.

Functions take the job and the cell and return arrays, "scores" first, and details. A cell's rows are fitted to and
scored, as the sources do, or one random half of them is fitted to and the other one scored.
"""

import contextlib
import copy
import io
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KernelDensity, LocalOutlierFactor, NearestNeighbors
from sklearn.svm import OneClassSVM

from ganod_lite.gaal import MOGAAL

from . import datasets


def onecluster(data_root=None):
    """The name of the GAAL authors' table where it is there, else of the generated one."""
    return "onecluster" if datasets.available(data_root)["onecluster"] else datasets.GENERATED


class Rows(NamedTuple):
    """What a method is fitted to, and what it scores."""

    X: np.ndarray
    y: np.ndarray  # of X, to be watched
    X_scored: np.ndarray
    index: np.ndarray  # where the scored rows stand in the table


def rows_of(job, cell):
    """A cell's `Rows`: all of them twice, or two halves that its seed draws."""
    X, y = job.data.X, job.data.y
    if cell.rows == "same":
        return Rows(X, y, X, np.arange(len(y)))
    order = np.random.RandomState(cell.seed).permutation(len(y))
    fitted, scored = np.sort(order[: len(y) // 2]), np.sort(order[len(y) // 2 :])
    return Rows(X[fitted], y[fitted], X[scored], scored)


# --- the GAAL family ---


def gaal(job, cell, kind, stop, watch=None, schedule="full", **options):
    """Scores at the stop and at the end of the training, and the curves; stop: a setting's name or a rule's."""
    rows, at_stop = rows_of(job, cell), {}

    def keep(epoch):  # the discriminator at the stop, which a rule leaves for the last epoch
        if detector.stop_epochs == epoch.number or isinstance(detector.stop_epochs, str):
            at_stop["discriminator"] = copy.deepcopy(epoch.discriminator)

    detector = kind(
        getattr(job.settings, stop, stop), random_state=cell.seed, contamination=None, device="cpu",
        verbose=job.verbose, callback=keep if cell.rows == "held-out" else watch, schedule=schedule, **options,
    )  # fmt: skip
    detector.fit(rows.X, rows.y)
    arrays = {"scores": detector.anomaly_score(rows.X_scored), "scores_at_stop": detector.scores_at_stop_}
    if cell.rows == "held-out":
        detector.discriminator_ = at_stop["discriminator"]
        arrays["scores_at_stop"] = detector.anomaly_score(rows.X_scored)
    curves = {name: np.asarray(values, np.float32) for name, values in detector.history_.items()}
    if cell.seed > 0:
        curves.pop("sub_generator_loss", None)  # one run's are drawn, and they are large
    return arrays | curves, {"stop_epoch": detector.stop_epoch_, "n_epochs": detector.n_epochs_}


N_NOISE = 2000


def rows_against_noise(detector, X, y=None):
    """A scorer that needs no labels: how well the scores tell rows X (n, d) from points spread evenly over [0, 1]^d.

    That is an AUC, and 1 minus the area under the mass-volume curve: Clémençon and Jakubowicz, "Scoring anomalies: a
    M-estimation formulation" (AISTATS 2013).
    """
    noise = np.random.RandomState(0).uniform(size=(N_NOISE, X.shape[1]))
    scores = np.concatenate([detector.score_samples(X), detector.score_samples(noise)])
    return roc_auc_score(np.repeat([1, 0], [len(X), N_NOISE]), scores)


def searched(job, cell):
    """MO-GAAL with the k and stop_epochs that scikit-learn's GridSearchCV picks by `rows_against_noise`.

    "scores" are those of the pick. Of each candidate (c,): "criterion", its mean over three folds, and "ranks" (c, n)
    of its scores when fitted to all rows, by which labels can judge it afterwards.
    """
    rows = rows_of(job, cell)
    mogaal = MOGAAL(random_state=cell.seed, contamination=None, device="cpu", verbose=False)
    candidates = {"k": job.settings.search_k, "stop_epochs": job.settings.search_epochs}
    folds = KFold(3, shuffle=True, random_state=cell.seed)
    search = GridSearchCV(mogaal, candidates, scoring=rows_against_noise, cv=folds, refit=False).fit(rows.X)
    tried = search.cv_results_["params"]
    scores = [clone(mogaal).set_params(**each).fit(rows.X).anomaly_score(rows.X_scored) for each in tried]
    arrays = {"scores": scores[search.best_index_], "criterion": search.cv_results_["mean_test_score"]}
    arrays["ranks"] = rankdata(scores, axis=1).astype(np.float32)  # halves at ties, so exact
    return arrays, {"candidates": tried, "picked": int(search.best_index_)}


# Of a training with two features, pictures: D on a grid of the plane, and the same noise as each generator moves it
FRAMES = (0.001, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 1, 1.3, 1.7, 2.3, 3)  # their epochs, in units of stop_epochs
AXIS = np.linspace(-0.1, 1.1, 40)  # of the grid, along both features
N_POINTS = 200  # of all generators


def frame_epochs(stop_epochs):
    """The epochs that pictures are taken at."""
    return sorted({max(1, round(share * stop_epochs)) for share in FRAMES})


def plane(job, cell, kind, stop):
    """As `gaal`, and "D" (frames, 40, 40: second feature, first) with the points "generated" (frames, k, m, 2)."""
    if job.data.X.shape[1] != 2 or cell.rows != "same":
        raise ValueError(f"{cell.method} draws a plane: all rows of a table with two features; got {cell}.")
    epochs = frame_epochs(getattr(job.settings, stop))
    grid = torch.tensor(np.stack(np.meshgrid(AXIS, AXIS), 2), dtype=torch.float32)
    noise, D, generated = torch.rand(N_POINTS, 2, generator=torch.Generator().manual_seed(0)), [], []

    def watch(epoch):
        if epoch.number in epochs:
            D.append(torch.sigmoid(epoch.discriminator(grid)).squeeze(2).numpy())
            mine = noise.chunk(len(epoch.generators))
            generated.append(np.stack([generator(z).numpy() for generator, z in zip(epoch.generators, mine)]))

    arrays, details = gaal(job, cell, kind, stop, watch)
    return arrays | {"D": np.stack(D), "generated": np.stack(generated)}, details | {"epochs": epochs}


def pyod(job, cell, name, stop):
    """PyOD's SO_GAAL or MO_GAAL, as it returns its scores; it has no random_state, so torch is seeded around it."""
    try:
        from pyod.models import mo_gaal, so_gaal
    except ImportError as missing:
        raise ImportError(
            f"{cell.method} needs PyOD, which is no dependency ({missing}): pip install pyod"
        ) from missing
    rows, models = rows_of(job, cell), {"SO_GAAL": so_gaal, "MO_GAAL": mo_gaal}
    of_numpy = np.random.get_state()
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(io.StringIO()):
        torch.manual_seed(cell.seed)
        np.random.seed(cell.seed)
        try:
            detector = getattr(models[name], name)(stop_epochs=getattr(job.settings, stop)).fit(rows.X)
            scores = detector.decision_function(rows.X_scored)
        finally:
            np.random.set_state(of_numpy)
    return {"scores": np.asarray(scores, float)}, {"pyod": version("pyod")}


# --- scikit-learn's own estimators, with their defaults ---


def estimator(job, cell, make):
    """`make(seed)` fitted to the rows; its `score_samples` is higher for what is more normal."""
    rows = rows_of(job, cell)
    return {"scores": -make(cell.seed).fit(rows.X).score_samples(rows.X_scored)}, {}


def lof(job, cell):
    """A row that has been fitted to is no neighbour of itself."""
    rows = rows_of(job, cell)
    if cell.rows == "same":
        return {"scores": -LocalOutlierFactor().fit(rows.X).negative_outlier_factor_}, {}
    return {"scores": -LocalOutlierFactor(novelty=True).fit(rows.X).score_samples(rows.X_scored)}, {}


def knn(job, cell):
    """The mean distance to the five nearest rows, a row itself left out."""
    rows = rows_of(job, cell)
    neighbours = NearestNeighbors(n_neighbors=5).fit(rows.X)
    distances, _ = neighbours.kneighbors(None if cell.rows == "same" else rows.X_scored)
    return {"scores": distances.mean(1)}, {}


ESTIMATORS = {
    "iforest": lambda seed: IsolationForest(random_state=seed),
    "kde": lambda seed: KernelDensity(leaf_size=10**6),  # one leaf, whose densities are exact: see ganod_lite.KDE
    "ocsvm": lambda seed: OneClassSVM(),
    "gmm": lambda seed: GaussianMixture(random_state=seed),
}
