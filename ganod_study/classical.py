"""The classical columns: PCA's dimension chosen on a holdout (section 4.2 of the ADGAN paper), and grids over
what the paper leaves open.

Functions that end in `_cell` compute a cell: they take the job and the cell and return arrays by name and
details. The grids' arrays are "scores_by_setting" (n, n_settings), their settings are details; no holdout chooses.
"""

from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.svm import OneClassSVM

from ganod_lite.classic import BANDWIDTHS, GMM, KDE, OCSVM, IForest, best_bandwidth, tune_gamma

from . import datasets
from .features import AlexNetFeatures
from .statistics import auc
from .store import stopwatch

DETECTORS = {
    "kde": KDE, "kde-alexnet": KDE, "ocsvm": OCSVM, "ocsvm-alexnet": OCSVM, "iforest": IForest, "gmm": GMM,
}  # fmt: skip
# What the grids try, beside each dimension of PCA.
# Of the paper's forest, "largely stable to changes in its parametrization"
FOREST_GRID = [{"n_estimators": n, "max_samples": m} for n in (100, 400) for m in (64, 256, 1024)]
# Of OC-SVM's length scale, whose rule the paper names by a reference alone
GAMMA_FACTORS = (0.25, 0.5, 1, 2, 4, 8, 16)
GRID_IMAGES = 1000  # the first of the test images, enough to tell settings apart
BANDWIDTHS_BESIDE = (4.0, 16.0)  # of KDE, beside the one of the best likelihood
LAYER_IMAGES = 1000  # the first of the training images, as scikit-learn's own way to a bandwidth takes long
# Ways to make AlexNet's features
LAYERS = {"pooled": True}, {"pooled": False}
INPUT_SIZES = {"size": 64}, {"size": 128}
FEATURES = {}  # AlexNet's of the images last asked for, by the weights' file and the image's bytes
MOST_FEATURES = 20_000  # of 37 kB each


def fit_dimensions(estimator, X, n_components):
    """Fits of `estimator` on X (n, d) after PCA to each of n_components dimensions, {dimension: fitted clone}.

    Dimensions above min(n, d) are left out. Raises ValueError if none is possible.
    """
    possible = [n for n in n_components if n <= min(np.shape(X))]
    if not possible:
        raise ValueError(f"n_components={tuple(n_components)}: none is at most min(n, d) = {min(np.shape(X))} of X.")
    return {n: clone(estimator).set_params(n_components=n).fit(X) for n in possible}


def best_on_holdout(fitted, X_holdout, y_holdout):
    """The paper's rule: the dimension of `fitted` with the best AUC on a holdout, the first of equals, and each AUC.

    `y_holdout` has 1 for anomalous and 0 for normal. Raises ValueError if it lacks one of them.
    """
    aucs = {n: auc(y_holdout, detector.anomaly_score(X_holdout)) for n, detector in fitted.items()}
    return max(aucs, key=aucs.get), aucs


def fits(job, cell):
    """The method's fits by PCA's dimension, and their seconds; they don't depend on the test images."""

    def fit():
        with stopwatch() as seconds:
            detector = DETECTORS[cell.like](contamination=None, random_state=0)
            fitted = fit_dimensions(detector, seen_by(job, cell, job.x_train), job.settings.dimensions)
        return fitted, seconds()

    return job.once(f"fits of {cell.method}", fit)


def columns_cell(job, cell):
    """One of Table 1's classical columns."""
    (fitted, fit_seconds), split = fits(job, cell), job.split(cell)
    if job.settings.n_holdout:
        chosen, tried = best_on_holdout(fitted, seen_by(job, cell, split.x_holdout), split.y_holdout)
    else:
        (chosen,), tried = fitted, {}  # nothing to choose by, so there is one dimension
    scores = fitted[chosen].anomaly_score(seen_by(job, cell, split.x_test))
    return {"scores": scores}, {"holdout_auc": tried, "seconds_of_fit": round(fit_seconds, 2)}


def seen_by(job, cell, x):
    """What a classical method sees of images (n, ...): a table (n, d)."""
    if cell.features != "AlexNet":
        return x.reshape(len(x), -1) / 127.5 - 1
    return job.once("projection", partial(_projection, job)).transform(_features(job, x))


def _projection(job):
    """PCA of AlexNet's features of the training images to the most dimensions that are tried.

    A method's own PCA to fewer of them then finds the same directions up to this one's error: it is randomised.
    """
    features = _features(job, job.x_train)
    return PCA(min(max(job.settings.dimensions), *features.shape), random_state=0).fit(features)


def _features(job, x):
    """AlexNet's features of images, which one class after the other asks for, from memory where known."""
    weights = datasets.alexnet_weights(job.data_root)
    keys = [(weights, image.tobytes()) for image in x]
    new = [i for i, key in enumerate(keys) if key not in FEATURES]
    if new:
        alexnet = AlexNetFeatures(weights, **job.options)
        FEATURES.update(zip([keys[i] for i in new], alexnet.transform(x[new])))
    FEATURES.update([(key, FEATURES.pop(key)) for key in keys if key in FEATURES])  # to the end
    features = np.stack([FEATURES[key] for key in keys])
    while len(FEATURES) > MOST_FEATURES:
        del FEATURES[next(iter(FEATURES))]
    return features


# --- the grids ---


def grid_cell(job, cell, scored):
    """At each dimension of PCA all settings and their scores; scored: one of `forests`, `svms`, `kdes`."""
    split = job.split(cell)
    x, x_test = (seen_by(job, cell, images) for images in (split.x_train, split.x_test[:GRID_IMAGES]))

    def projected(n):
        pca = PCA(n, random_state=0).fit(x)
        yield {}, pca.transform(x), pca.transform(x_test)

    return _at_each_dimension(job, projected, scored)


def features_grid_cell(job, cell, scored, variants):
    """At each dimension of PCA all variants of AlexNet's features, settings and their scores."""
    x_test = job.split(cell).x_test[:GRID_IMAGES]
    made = [(variant, *_few_projected(job, variant, x_test)) for variant in variants]
    return _at_each_dimension(job, lambda n: [(v, z[:, :n], z_test[:, :n]) for v, z, z_test in made], scored)


def _at_each_dimension(job, projected, scored):
    """projected(n) gives variants, each as (its name in the settings, training and test images in n dimensions)."""
    scores, settings = [], []
    for n in job.settings.dimensions:
        for variant, z, z_test in projected(n):
            for setting, values in scored(z, z_test):
                settings.append({"n_components": n} | variant | setting)
                scores.append(values)
    return {"scores": np.mean(scores, 0), "scores_by_setting": np.transpose(scores)}, {"settings": settings}


def _few_projected(job, variant, x_test):
    """A variant of AlexNet's features of the first training images, and of x_test, after PCA to the most
    dimensions that are tried.
    """

    def project():
        alexnet = AlexNetFeatures(datasets.alexnet_weights(job.data_root), **job.options, **variant)
        projection = make_pipeline(alexnet, PCA(max(job.settings.dimensions), random_state=0))
        return projection.fit_transform(job.x_train[:LAYER_IMAGES]), projection

    z, projection = job.once(f"features {variant}", project)
    return z, projection.transform(x_test)


def forests(z, z_test):
    for setting in FOREST_GRID:
        options = setting | {"max_samples": min(setting["max_samples"], len(z))}
        yield setting, -IsolationForest(random_state=0, **options).fit(z).score_samples(z_test)


def svms(z, z_test):
    gamma = tune_gamma(z, 0)
    for factor in GAMMA_FACTORS:
        svm = OneClassSVM(nu=0.1, gamma=factor * gamma).fit(z)
        yield {"times_gamma": factor}, -svm.score_samples(z_test)


def kdes(z, z_test):
    for whiten in (False, True):
        scale = z.std(0) if whiten else 1.0
        best = best_bandwidth(z / scale, random_state=0)
        for by, bandwidth in ({"likelihood": best} | {h: h for h in BANDWIDTHS_BESIDE}).items():
            yield {"whiten": whiten, "bandwidth": by}, _kde_scores(z / scale, z_test / scale, bandwidth)


def kde_rule(z, z_test):
    best = best_bandwidth(z, random_state=0)
    yield {"whiten": False, "bandwidth": "likelihood"}, _kde_scores(z, z_test, best)


def kde_computations(z, z_test):
    """With exact densities, as everywhere else here, and with scikit-learn's defaults from end to end."""
    yield {"kde": "exact"}, _kde_scores(z, z_test, best_bandwidth(z, random_state=0))
    kde = GridSearchCV(KernelDensity(), {"bandwidth": BANDWIDTHS}, cv=10).fit(z)
    yield {"kde": "default"}, -kde.best_estimator_.score_samples(z_test)


def _kde_scores(z, z_test, bandwidth):
    """Negative log densities, exact by a single leaf: see `ganod_lite.KDE`."""
    return -KernelDensity(bandwidth=bandwidth, leaf_size=len(z)).fit(z).score_samples(z_test)
