"""The classical detectors: each selection rule against a slow, plain computation of it."""

import math

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold

from ganod_lite.base import TableDetector
from ganod_lite.classic import BANDWIDTHS, GMM, KDE, OCSVM, IForest, best_bandwidth, tune_gamma
from ganod_study.classical import best_on_holdout, fit_dimensions
from ganod_study.statistics import auc


@pytest.fixture(params=[KDE, OCSVM, IForest, GMM])
def detector(request):
    return request.param(random_state=0)


@pytest.fixture
def rng():
    return np.random.RandomState(0)


def log_density(Z, X, bandwidth):
    """Of X under a Gaussian kernel density estimate from Z, by the formula."""
    distances = ((X[:, None] - Z) ** 2).sum(2)
    norm = len(Z) * (2 * np.pi * bandwidth**2) ** (Z.shape[1] / 2)
    return logsumexp(-distances / (2 * bandwidth**2), axis=1) - np.log(norm)


# --- KDE ---


def test_kde_takes_the_bandwidth_of_the_best_ten_fold_likelihood(rng):
    X = 6 * rng.normal(size=(203, 3))
    folds = list(KFold(10, shuffle=True, random_state=0).split(X))
    likelihoods = [sum(log_density(X[a], X[b], h).sum() for a, b in folds) for h in BANDWIDTHS]
    best = BANDWIDTHS[np.argmax(likelihoods)]
    np.testing.assert_allclose(BANDWIDTHS, [2**0, 2**0.5, 2, 2**1.5, 4, 2**2.5, 8, 2**3.5, 16])
    assert 1 < best < 16  # else the test would say little
    detector = KDE(random_state=0).fit(X)
    assert detector.pipeline_[-1].bandwidth == best
    np.testing.assert_allclose(detector.score_samples(X), log_density(X, X, best))


def test_the_bandwidth_does_not_depend_on_where_the_data_lie(rng):
    X = np.round(rng.normal(size=(150, 2)) * 2**20) / 2**20  # so that adding keeps all bits
    assert best_bandwidth(X + 2.0**31, random_state=0) == best_bandwidth(X, random_state=0) != 16


def test_kde_is_exact_where_the_density_is_low(rng):
    """scikit-learn's default tree of many leaves is off by tens here."""
    X, new = rng.normal(size=(400, 60)), 2 * rng.normal(size=(50, 60))
    detector = KDE(bandwidths=[1.0], random_state=0).fit(X)
    np.testing.assert_allclose(detector.score_samples(new), log_density(X, new, 1.0))


def test_kde_shuffles_what_is_sorted():
    """In folds taken in order each blob would be left out as a whole, and only a huge kernel would reach it."""
    X = np.repeat(np.arange(10) * 100.0, 20)[:, None] + np.random.RandomState(0).normal(size=(200, 1))
    assert KDE(random_state=0).fit(X).pipeline_[-1].bandwidth == 1


# --- OC-SVM ---


def dispersion(Z, gamma):
    """Variance over mean of the kernel matrix above its diagonal."""
    pairs = [(i, j) for i in range(len(Z)) for j in range(i)]
    k = [math.exp(-gamma * sum((a - b) ** 2 for a, b in zip(Z[i], Z[j]))) for i, j in pairs]
    return np.var(k) / (np.mean(k) + 1e-12)


@pytest.mark.parametrize("d", [3, 10, 40])
def test_gamma_is_at_the_first_peak_of_the_dispersion(rng, d):
    Z = 5 * rng.normal(size=(60, d))
    gamma = tune_gamma(Z)
    at = {step: dispersion(Z, gamma * 2 ** (step / 8)) for step in (-16, -8, -1, 0, 1)}
    assert at[-16] < at[-8] < at[-1] < at[0] > at[1]


def test_gamma_scales_with_the_inverse_squared_distance(rng):
    Z = rng.normal(size=(100, 10))
    assert tune_gamma(10 * Z) == pytest.approx(tune_gamma(Z) / 100)


def test_gamma_is_not_led_away_by_duplicates_or_outliers(rng):
    Z = rng.normal(size=(200, 20))
    gamma = tune_gamma(Z)
    assert tune_gamma(np.r_[Z, Z[:5]]) == pytest.approx(gamma, rel=0.3)
    assert tune_gamma(np.r_[Z, Z[:1] + 1000]) == pytest.approx(gamma, rel=0.3)
    assert tune_gamma(np.ones((10, 2))) == 1.0


def test_gamma_from_a_draw_of_the_samples(rng):
    Z = rng.normal(size=(1500, 20))
    assert tune_gamma(Z, 0) == tune_gamma(Z, 0)
    assert tune_gamma(Z, 0) == pytest.approx(tune_gamma(Z, n_samples=1500), rel=0.1)


def test_ocsvm_has_a_gaussian_kernel_and_the_tuned_gamma(rng):
    X = rng.normal(size=(500, 5))
    estimator = OCSVM(random_state=0).fit(X).pipeline_[-1]
    assert (estimator.kernel, estimator.nu, estimator.gamma) == ("rbf", 0.1, tune_gamma(X, 0))


# --- GMM ---


def test_gmm_takes_the_size_of_the_lowest_bic(rng):
    centres = 20 * rng.normal(size=(4, 2))
    X = centres[rng.randint(4, size=120)] + rng.uniform(-3, 3, size=(120, 2))
    n, d = X.shape
    mixtures = {k: GaussianMixture(k, max_iter=500, random_state=0).fit(X) for k in range(2, 21)}

    def criterion(k, price):
        parameters = (k - 1) + k * d + k * d * (d + 1) / 2
        return price * parameters - 2 * mixtures[k].score_samples(X).sum()

    best = min(mixtures, key=lambda k: criterion(k, np.log(n)))
    assert best == 4 != min(mixtures, key=lambda k: criterion(k, 2))  # else it could as well be Akaike's
    estimator = GMM(random_state=0).fit(X).pipeline_[-1]
    assert estimator.n_components == best
    assert estimator.covariance_type == "full"


def test_gmm_leaves_out_sizes_beyond_the_samples(rng):
    X = rng.normal(size=(5, 2))
    assert GMM(random_state=0).fit(X).pipeline_[-1].n_components <= 5
    with pytest.raises(ValueError, match=r"mixture_sizes=\(6, 7\).*number of samples, 5"):
        GMM(mixture_sizes=(6, 7)).fit(X)


# --- all ---


def test_outliers_score_higher(detector, rng):
    X = np.r_[rng.normal(size=(150, 4)) - 5, rng.normal(size=(150, 4)) + 5]
    inliers, outliers = X[::10] + 0.1, rng.normal(size=(30, 4))  # outliers lie between the two blobs
    y = np.repeat([0, 1], [len(inliers), len(outliers)])
    assert auc(y, detector.fit(X).anomaly_score(np.r_[inliers, outliers])) > 0.95


def test_scores_do_not_depend_on_the_neighbours(detector, rng):
    X, new = rng.normal(size=(100, 30)), 2 * rng.normal(size=(20, 30))
    detector.set_params(n_components=5).fit(X)
    together = detector.anomaly_score(new)
    detector.set_params(n_components=None)
    alone = [detector.anomaly_score(row[None])[0] for row in new]
    np.testing.assert_allclose(alone, together, rtol=1e-9)
    assert len(np.unique(together)) == 20


def test_pca_comes_first_and_is_fitted_on_the_training_data(detector, rng):
    X, new = rng.normal(size=(100, 30)) * np.arange(1, 31), rng.normal(size=(20, 30))
    pca = PCA(5, random_state=0).fit(X)
    scores = detector.set_params(n_components=5).fit(X).anomaly_score(new)
    assert detector.pipeline_[0].n_components_ == 5
    by_hand = detector.set_params(n_components=None).fit(pca.transform(X)).anomaly_score(pca.transform(new))
    np.testing.assert_allclose(scores, by_hand)


@pytest.mark.parametrize(("shape", "n_components"), [((50, 8), 9), ((6, 8), 7), ((50, 8), 0)])
def test_impossible_dimensions_are_named(detector, rng, shape, n_components):
    limit = "<= 8" if shape[0] == 50 else "<= 6"
    with pytest.raises(ValueError, match=f"n_components == {n_components}, must be (>= 1|{limit})"):
        type(detector)(n_components).fit(rng.normal(size=shape))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (KDE(5, bandwidths=[1.0, 0.0]), "bandwidth == 0.0, must be > 0"),
        (KDE(5, bandwidths=()), r"bandwidths: at least one is needed; got \(\)"),
        (OCSVM(5, nu=1.1), "nu == 1.1, must be <= 1"),
        (OCSVM(5, nu=0.0), "nu == 0.0, must be > 0"),
        (KDE(5, bandwidths=[1.0, np.nan]), "bandwidth must be finite; got nan"),
        (KDE(5, bandwidths=1.0), "bandwidths must be a list or tuple to choose from; got 1.0"),
        (KDE(5, bandwidths=None), "bandwidths must be a list or tuple to choose from; got None"),
        (KDE(5, bandwidths="scott"), "bandwidths must be a list or tuple to choose from; got 'scott'"),
        (GMM(5, mixture_sizes=(2, 0)), "mixture_sizes == 0, must be >= 1"),
        (GMM(5, mixture_sizes=3), "mixture_sizes must be a list or tuple to choose from; got 3"),
        (GMM(5, mixture_sizes=[]), r"mixture_sizes: at least one is needed; got \[\]"),
        (GMM(5, mixture_sizes=[True]), "mixture_sizes must be an int; got True"),
    ],
)
def test_what_is_wrong_with_the_estimator_is_said_before_pca_is_fitted(wrong, message, rng, monkeypatch):
    monkeypatch.setattr(PCA, "fit_transform", lambda *args: pytest.fail("PCA was fitted"))
    with pytest.raises((ValueError, TypeError), match=message):
        wrong.fit(rng.normal(size=(20, 6)))


# --- the dimension by holdout ---


class Column(TableDetector):
    """Scores by one column, so that a holdout can be made to prefer any `n_components`."""

    def __init__(self, n_components=None):
        self.n_components = n_components

    def fit(self, X, y=None):
        self._check_X(X, reset=True)
        self.offset_ = 0.0
        return self

    def _anomaly_score(self, X):
        return X[:, self.n_components - 1]


def select_by_holdout(estimator, X, X_holdout, y_holdout, n_components):
    fitted = fit_dimensions(estimator, X, n_components)
    best, aucs = best_on_holdout(fitted, X_holdout, y_holdout)
    return fitted[best], aucs


def test_holdout_alone_selects_the_dimension(rng):
    X, X_holdout, y_holdout = rng.normal(size=(50, 10)), rng.normal(size=(40, 10)), np.repeat([0, 1], 20)
    for best in (2, 4, 8):
        marked = X_holdout.copy()
        marked[y_holdout == 1, best - 1] += 10
        estimator = Column()
        winner, aucs = select_by_holdout(estimator, X, marked, y_holdout, (2, 4, 8, 16))
        assert winner.n_components == best
        assert aucs[best] == 1
        assert list(aucs) == [2, 4, 8]  # 16 is more than the ten columns
        assert aucs == {n: auc(y_holdout, marked[:, n - 1]) for n in aucs}
        assert estimator.n_components is None
        assert not hasattr(estimator, "offset_")


def test_of_equal_dimensions_the_first_wins(rng):
    X = rng.normal(size=(30, 1)).repeat(5, axis=1)
    assert select_by_holdout(Column(), X, X, np.arange(30) % 2, (2, 4))[0].n_components == 2


def test_holdout_selection_with_a_real_detector(rng):
    """The anomalies differ in the twelfth direction, which five components do not see."""
    scale = np.linspace(3, 2, 15)
    X, X_holdout = rng.normal(size=(300, 15)) * scale, rng.normal(size=(60, 15)) * scale
    y_holdout = np.arange(60) % 2
    X_holdout[y_holdout == 1, 11] += 15
    winner, aucs = select_by_holdout(OCSVM(random_state=0), X, X_holdout, y_holdout, (5, 15))
    assert winner.n_components == 15
    assert aucs[15] > 0.9 > aucs[5]


@pytest.mark.parametrize(
    ("n_components", "y_holdout", "message"),
    [
        ((20, 40), [0, 1, 0, 1], r"n_components=\(20, 40\).*min\(n, d\) = 10"),
        ((2, 4), [1, 1, 1, 1], "y"),
    ],
)
def test_holdout_that_cannot_select(rng, n_components, y_holdout, message):
    with pytest.raises(ValueError, match=message):
        select_by_holdout(Column(), rng.normal(size=(30, 10)), rng.normal(size=(4, 10)), y_holdout, n_components)
