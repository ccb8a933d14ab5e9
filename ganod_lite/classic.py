"""KDE, one-class SVM, isolation forest and Gaussian mixtures, with the selection rules of the ADGAN paper.

Deecke et al., "Image Anomaly Detection with Generative Adversarial Networks" (ECML PKDD 2018),
section 4.2. Each is a scikit-learn pipeline: PCA if asked for, then the estimator. They take tables
(n, d); flatten images before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import euclidean_distances
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import Pipeline
from sklearn.svm import OneClassSVM
from sklearn.utils import check_scalar

from .base import RandomState, TableDetector, seed_from
from .training import check_counts, check_number

# The paper's candidates.
BANDWIDTHS = tuple(2.0 ** (i / 2) for i in range(9))
MIXTURE_SIZES = tuple(range(2, 21))


@dataclass(eq=False, repr=False)
class ClassicDetector(TableDetector):
    """PCA to `n_components` dimensions (None: none), then the estimator that `_fit_estimator(Z, seed)` returns.

    A subclass may offer `_check_parameters()`, which says what is wrong with its own before PCA is fitted.

    Parameters
    ----------
    n_components : int or None, default None
        Dimensions that PCA leaves; None for no PCA.
    contamination : float in (0, 0.5] or None, default 0.1
        The share of training samples that `predict` is to call outliers; None for no threshold.
    random_state : int, RandomState or None, default None

    Attributes
    ----------
    pipeline_ : sklearn.pipeline.Pipeline
        `pipeline_[-1]` is the selected estimator.
    offset_ : float
        The threshold of `score_samples`.
    """

    n_components: int | None = None

    def _fit(self, X: Any, y: Any) -> None:
        self._check_parameters()
        seed = seed_from(self.random_state)
        pca, Z = "passthrough", X
        if self.n_components is not None:
            check_scalar(self.n_components, "n_components", Integral, min_val=1, max_val=min(X.shape))
            pca = PCA(self.n_components, random_state=seed)
            Z = pca.fit_transform(X)
        self.pipeline_ = Pipeline([("pca", pca), ("estimator", self._fit_estimator(Z, seed))])

    def _check_parameters(self) -> None:
        pass

    def _anomaly_score(self, X: Any) -> np.ndarray:
        return -self.pipeline_.score_samples(X)


@dataclass(eq=False, repr=False, kw_only=True)
class KDE(ClassicDetector):
    """Kernel density estimate with a Gaussian kernel; the anomaly score is the negative log density.

    The bandwidth is the one with the best likelihood in ten-fold cross-validation (as many folds as samples
    where there are fewer than ten). The folds are drawn at random, since tables are often sorted.

    Parameters
    ----------
    bandwidths : sequence of float, default 2^0, 2^0.5, ..., 2^4
        To choose from. The paper's, in the units of its pixels in [-1, 1]; other data need others.
    n_components, contamination, random_state
        As in `ClassicDetector`, whose attributes it has.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.RandomState(0).normal(size=(100, 3))
    >>> KDE(random_state=0).fit(X).predict([[0, 0, 0], [9, 9, 9]])
    array([ 1, -1])
    """

    bandwidths: Sequence[float] = BANDWIDTHS

    def _check_parameters(self) -> None:
        check_bandwidths(self.bandwidths)

    def _fit_estimator(self, Z: np.ndarray, seed: int) -> KernelDensity:
        # One leaf for all. Bounds over many leaves cancel badly where the density is low (scikit-learn's
        # issues 25799 and 27186): at 100 dimensions they move log densities by up to 100, and take longer.
        bandwidth = best_bandwidth(Z, self.bandwidths, seed)
        return KernelDensity(kernel="gaussian", bandwidth=bandwidth, leaf_size=len(Z)).fit(Z)


@dataclass(eq=False, repr=False, kw_only=True)
class OCSVM(ClassicDetector):
    """One-class support vector machine with a Gaussian kernel `exp(-gamma |x - y|^2)`, gamma by `tune_gamma`.

    Parameters
    ----------
    nu : float in (0, 1], default 0.1
        Bounds the share of training samples outside; 0.1 is the paper's.
    n_components, contamination, random_state
        As in `ClassicDetector`, whose attributes it has.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.RandomState(0).normal(size=(100, 3))
    >>> OCSVM(random_state=0).fit(X).predict([[9, 9, 9]])
    array([-1])
    """

    nu: float = 0.1

    def _check_parameters(self) -> None:
        check_number("nu", self.nu, max_val=1, include_boundaries="right")

    def _fit_estimator(self, Z: np.ndarray, seed: int) -> OneClassSVM:
        try:
            return OneClassSVM(kernel="rbf", gamma=tune_gamma(Z, seed), nu=self.nu).fit(Z)
        except ValueError as error:  # with nu = 1 all samples may be outside
            raise ValueError(f"nu={self.nu}: {error}") from error


@dataclass(eq=False, repr=False, kw_only=True)
class IForest(ClassicDetector):
    """Isolation forest, with scikit-learn's defaults: the paper found it stable and gives no parameters.

    Parameters
    ----------
    n_estimators, max_samples
        As scikit-learn's IsolationForest has them.
    n_components, contamination, random_state
        As in `ClassicDetector`, whose attributes it has.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.RandomState(0).normal(size=(100, 3))
    >>> IForest(random_state=0).fit(X).predict([[0, 0, 0], [9, 9, 9]])
    array([ 1, -1])
    """

    n_estimators: int = 100
    max_samples: int | float | str = "auto"

    def _fit_estimator(self, Z: np.ndarray, seed: int) -> IsolationForest:
        return IsolationForest(n_estimators=self.n_estimators, max_samples=self.max_samples, random_state=seed).fit(Z)


@dataclass(eq=False, repr=False, kw_only=True)
class GMM(ClassicDetector):
    """Gaussian mixture with full covariances; the anomaly score is the negative log likelihood.

    The number of Gaussians is the one with the lowest Bayesian information criterion on the training data.

    Parameters
    ----------
    mixture_sizes : sequence of int, default 2, 3, ..., 20
        To choose from; the default is the paper's. Sizes beyond the number of samples are left out.
    n_components, contamination, random_state
        As in `ClassicDetector`, whose attributes it has.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.RandomState(0).normal(size=(100, 3))
    >>> GMM(mixture_sizes=(2, 3), random_state=0).fit(X).predict([[0, 0, 0], [9, 9, 9]])
    array([ 1, -1])
    """

    mixture_sizes: Sequence[int] = MIXTURE_SIZES

    def _check_parameters(self) -> None:
        check_several("mixture_sizes", self.mixture_sizes)
        for size in self.mixture_sizes:
            check_counts(mixture_sizes=size)

    def _fit_estimator(self, Z: np.ndarray, seed: int) -> GaussianMixture:
        sizes = [size for size in self.mixture_sizes if size <= len(Z)]
        if not sizes:
            raise ValueError(
                f"mixture_sizes={self.mixture_sizes}: at least one size must be at most the number of "
                f"samples, {len(Z)}."
            )
        mixtures = (GaussianMixture(size, max_iter=500, random_state=seed).fit(Z) for size in sizes)
        return min(mixtures, key=lambda mixture: mixture.bic(Z))


def check_bandwidths(bandwidths: Sequence[float]) -> None:
    """Raise ValueError or TypeError unless there are bandwidths, all of them positive and finite numbers."""
    check_several("bandwidths", bandwidths)
    for bandwidth in bandwidths:
        check_number("bandwidth", bandwidth, include_boundaries="neither")


def check_several(name: str, values: Any) -> None:
    """Raise ValueError or TypeError, naming the argument, unless it is an array, list or tuple that is not empty."""
    if not isinstance(values, np.ndarray | Sequence) or isinstance(values, str):
        raise TypeError(f"{name} must be a list or tuple to choose from; got {values!r}.")
    if not len(values):
        raise ValueError(f"{name}: at least one is needed; got {values!r}.")


def best_bandwidth(Z: np.ndarray, bandwidths: Sequence[float] = BANDWIDTHS, random_state: RandomState = None) -> float:
    """The bandwidth of a Gaussian kernel density estimate with the best ten-fold likelihood on Z (n, d).

    What GridSearchCV over KernelDensity chooses, with each distance computed once instead of once per
    bandwidth: at the paper's size a tenth of the time. Raises ValueError for a bandwidth that is not positive.
    """
    check_bandwidths(bandwidths)
    Z = Z - Z.mean(0)  # the distances below are differences of squares
    likelihoods = np.zeros(len(bandwidths))
    for train, held in KFold(min(10, len(Z)), shuffle=True, random_state=seed_from(random_state)).split(Z):
        squared = euclidean_distances(Z[held], Z[train], squared=True)
        nearest = squared.min(1)
        further = nearest[:, None] - squared  # so that of each row's exponentials one is 1
        for i, h in enumerate(bandwidths):
            kernels = np.exp(further / (2 * h**2)).mean(1)
            likelihoods[i] += (np.log(kernels) - nearest / (2 * h**2) - Z.shape[1] * np.log(h)).sum()
    return bandwidths[int(np.argmax(likelihoods))]


def tune_gamma(Z: np.ndarray, random_state: RandomState = None, n_samples: int = 1000) -> float:
    """The Gaussian kernel's gamma for Z (n, d) after Evangelista et al. (2007).

    Evangelista, Embrechts and Szymanski, "Some Properties of the Gaussian Kernel for One Class
    Learning" (ICANN 2007, LNCS 4668, 269-278) climb to the maximum of s^2 / (k + eps), the variance
    over the mean of the kernel matrix's off-diagonal entries. Here gamma rises in steps of an eighth of
    an octave from a tenth of the inverse median squared distance until the ratio falls, and the kernel
    matrix is that of at most `n_samples` samples drawn at random.
    """
    if len(Z) > n_samples:
        Z = Z[np.random.RandomState(seed_from(random_state)).choice(len(Z), n_samples, replace=False)]
    distances = pdist(Z, "sqeuclidean")
    if not distances.any():
        return 1.0  # all samples are equal: any gamma gives the same kernel
    gamma, best, ratio = 0.1 / np.median(distances[distances > 0]), -1.0, 0.0
    while ratio > best:
        gamma, best = gamma * 2**0.125, ratio
        kernel = np.exp(-gamma * distances)
        ratio = kernel.var() / (kernel.mean() + 1e-12)
    return gamma / 2**0.125
