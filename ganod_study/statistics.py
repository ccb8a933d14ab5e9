"""ROC curves, their mean over classes, and the AUC with DeLong's confidence interval and test; methods over classes.

Everywhere `y` is (n,) with 1 for anomalous and 0 for normal, and `scores` (n,) is higher for what
is more anomalous. All functions raise ValueError where `y` or `scores` can't be judged: scores
that are NaN or infinite, labels other than 0 and 1, or labels of one class only.

The AUC's variance is that of DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or
more correlated receiver operating characteristic curves" (Biometrics 44, 1988), by ranks in
O(n log n) as in Sun and Xu, "Fast implementation of DeLong's algorithm" (IEEE Signal Processing
Letters 21, 2014). It speaks of the test sample alone: training again is another source of spread.
"""

from numbers import Real
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest, norm, permutation_test, rankdata, sem, t
from sklearn.metrics import average_precision_score, roc_curve
from sklearn.utils import check_scalar

from ganod_lite.gaal import auc_by_ranks


class Interval(NamedTuple):
    """An estimate with its confidence interval; NaN for its ends where there is none."""

    value: float
    low: float
    high: float

    @property
    def half(self):
        """The longer side: the other one may be cut off at 0 or 1."""
        return max(self.high - self.value, self.value - self.low)

    def within(self, tolerance, of=0.0):
        """Whether it lies within ± tolerance of a value: True, False where it lies outside, None where it is too wide.

        For a 95 % interval two one-sided tests at 2.5 % (Schuirmann, "A comparison of the two one-sided tests
        procedure", Journal of Pharmacokinetics and Biopharmaceutics 15, 1987). NaN for an end gives None.
        """
        if of - tolerance <= self.low and self.high <= of + tolerance:
            return True
        return False if self.high < of - tolerance or self.low > of + tolerance else None

    def above(self, threshold=0.0):
        """Whether it lies above a threshold: True, False where it lies below, None where it is too wide, or NaN."""
        return True if self.low > threshold else False if self.high <= threshold else None


def all_hold(*parts):
    """Whether all parts hold: True, False if one does not, None if that can't be told."""
    return False if False in parts else None if None in parts else True


TOLERANCE = 0.02  # how close is close, of two (mean) AUCs: a convention, see `claims.TEXTS`
CLOSE = 0.05  # the same of two means over a few runs


class Comparison(NamedTuple):
    """A difference of two (mean) AUCs, its confidence interval and two-sided p-value."""

    difference: float
    low: float
    high: float
    p_value: float


def auc(y, scores):
    """Area under the ROC curve: the chance that an anomaly scores above a normal sample (ties half).

    It is scikit-learn's to the last digits, in a twentieth of its time: some pages ask for thousands of them.
    """
    return auc_by_ranks(*_check(y, scores))


def true_positive_rate(y, scores, at):
    """The share of anomalies that are found when at most the share `at` of the normal samples is called anomalous."""
    fpr, tpr, _ = roc_curve(*_check(y, scores), drop_intermediate=False)
    return float(tpr[fpr <= _level(at, "at")].max())


def average_precision(y, scores):
    """The average precision, anomalies being what is looked for: of scores that say nothing it is their share."""
    return float(average_precision_score(*_check(y, scores)))


def entry_auc(entry, array="scores"):
    """The AUC of a stored entry's scores, or of another of its arrays."""
    return auc(entry.arrays["labels"], entry.arrays[array])


def auc_interval(y, scores, level=0.95):
    """The AUC and its confidence interval, as `Interval` (value, low, high), within [0, 1].

    At an AUC of exactly 0 or 1 DeLong's variance is 0, so the interval has no width: read it as
    "no pair out of order in this sample", not as certainty. Needs two samples of each class.
    """
    return _within_bounds(*_auc_and_shares(y, scores), level)


def welch_interval(a, b, level=0.95):
    """The difference of two means, a minus b, each given as (mean, standard deviation, n), with Welch's t interval.

    The interval is not a number where an n is 1.
    """
    (mean_a, sd_a, n_a), (mean_b, sd_b, n_b) = a, b
    of_a, of_b = sd_a**2 / n_a, sd_b**2 / n_b
    half, difference = 0.0 if min(n_a, n_b) > 1 else np.nan, mean_a - mean_b
    if min(n_a, n_b) > 1 and of_a + of_b > 0:
        freedom = (of_a + of_b) ** 2 / (of_a**2 / (n_a - 1) + of_b**2 / (n_b - 1))
        half = t.ppf((1 + _level(level)) / 2, freedom) * np.sqrt(of_a + of_b)
    return Interval(difference, difference - half, difference + half)


def mean_auc_interval(samples, level=0.95):
    """The mean AUC of several scorings whose test images overlap, with its interval, as `Interval` within [0, 1].

    samples: [(index (n,), y (n,), scores (n,)), ...]; index says which image of one common set a sample is. It is
    DeLong's interval on the union of the samples: an image counts once, with all its shares in the mean's error.
    With one sample it is `auc_interval`.
    """
    return _within_bounds(*_mean_and_shares([(places, *_auc_and_shares(y, a)) for places, y, a in samples]), level)


def mean_difference_interval(samples, level=0.95):
    """The mean of AUC(a) - AUC(b) of two methods' scores over several sets of images, as `Interval`.

    samples: [(index (n,), y (n,), a (n,), b (n,)), ...], with the index and the interval of `mean_auc_interval`.
    """
    parts = []
    for places, y, a, b in samples:
        (auc_a, shares_a), (auc_b, shares_b) = (_auc_and_shares(y, scores) for scores in (a, b))
        parts.append((places, auc_a - auc_b, shares_a - shares_b))
    value, shares = _mean_and_shares(parts)
    half = _quantile(level) * float(np.linalg.norm(shares))
    return Interval(value, value - half, value + half)


def delong_test(y, a, b, level=0.95):
    """Compare the scores `a` and `b` of two methods on the same samples: AUC(a) - AUC(b).

    Returns `Comparison` (difference, low, high, p_value); the p-value is two-sided, under the
    hypothesis that both AUCs are the same. Needs two samples of each class.
    """
    (auc_a, shares_a), (auc_b, shares_b) = (_auc_and_shares(y, scores) for scores in (a, b))
    difference, se = auc_a - auc_b, float(np.linalg.norm(shares_a - shares_b))
    half = _quantile(level) * se
    # se is 0 where both rank alike (p = 1), or one is perfect where the other has all upside down.
    p_value = float(2 * norm.sf(abs(difference) / se) if se > 0 else difference == 0)
    return Comparison(difference, difference - half, difference + half, p_value)


def share_interval(k, n, level=0.95):
    """The share of k in n runs with its exact interval (Clopper and Pearson), as `Interval`."""
    return Interval(k / n, *binomtest(k, n).proportion_ci(_level(level)))


def share_difference(a, b, level=0.95):
    """The difference of two shares, a minus b, each given as (k, n): Newcombe's interval on exact ones, as `Interval`.

    Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17, 1998.
    """
    p, q = share_interval(*a, level), share_interval(*b, level)
    value = p.value - q.value
    below, above = np.hypot(p.value - p.low, q.high - q.value), np.hypot(p.high - p.value, q.value - q.low)
    return Interval(value, value - below, value + above)


def t_interval(values, level=0.95):
    """The mean of values (n,) or (n, m), n independent draws, with Student's t interval, as `Interval`.

    From a single draw there is none: its ends are NaN.
    """
    values = np.asarray(values, dtype=np.float64)
    n, mean = len(values), values.mean(axis=0)
    half = t.ppf((1 + _level(level)) / 2, n - 1) * sem(values) if n > 1 else mean * np.nan
    return Interval(mean, mean - half, mean + half)


def paired_comparison(a, b, level=0.95):
    """Compare two methods by their values `a` and `b`, (n,) each, on the same n classes: mean of a - b.

    Returns `Comparison` (difference, low, high, p_value): Student's t interval of the mean over
    classes, and the exact two-sided p-value of Wilcoxon's signed-rank test ("Individual comparisons
    by ranking methods", Biometrics Bulletin 1, 1945), with mean ranks for ties and without the
    classes in which both are equal. No p-value is below 2 / 2^n: with n < 6 none can reach 0.05.

    Both take the n differences for independent. Needs n >= 2; ValueError otherwise, and on values
    that are not finite.
    """
    a, b = (np.asarray(values, dtype=np.float64) for values in (a, b))
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise ValueError(f"a and b must both be (n,) with n >= 2; got shapes {a.shape} and {b.shape}.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"a and b must be finite; got {a} and {b}.")
    return Comparison(*map(float, t_interval(a - b, level)), _signed_rank_p_value(a - b))


def roc(y, scores):
    """The ROC curve: false and true positive rates (k,), (k,), both rising from 0 to 1."""
    fpr, tpr, _ = roc_curve(*_check(y, scores))
    return fpr, tpr


def mean_roc(curves, grid):
    """Mean and standard deviation (k,), (k,) of the true positive rates of `curves` on `grid`.

    `curves` is a sequence of (fpr, tpr) as `roc` returns them, `grid` (k,) holds the false positive
    rates, rising within [0, 1]. Averaging is vertical, so that the area under the mean curve is the
    mean AUC. Where a curve is a step the upper end counts: at 0 the mean is what is found before
    the first false alarm. The deviation is that of the curves given (divided by their number).
    """
    grid = np.asarray(grid, dtype=float)
    if grid.ndim != 1 or grid.size == 0 or grid[0] < 0 or grid[-1] > 1 or not (np.diff(grid) > 0).all():
        raise ValueError(f"grid: false positive rates must rise strictly within [0, 1]; got {grid}.")
    if not len(curves):
        raise ValueError("curves: at least one (fpr, tpr) is needed; got none.")
    tprs = np.stack([np.interp(grid, fpr, tpr) for fpr, tpr in curves])
    return tprs.mean(axis=0), tprs.std(axis=0)


def _check(y, scores):
    """`y` as int64 and `scores` as float64, or the error that says what is wrong with them."""
    y, scores = np.asarray(y), np.asarray(scores, dtype=np.float64)
    if y.ndim != 1 or y.shape != scores.shape:
        raise ValueError(f"y and scores must both be (n,); got shapes {y.shape} and {scores.shape}.")
    bad = np.flatnonzero(~np.isfinite(scores))
    if bad.size:
        raise ValueError(
            f"scores must be finite; {bad.size} of {len(scores)} are NaN or infinite, the first at index {bad[0]}."
        )
    found = np.unique(y)
    if not np.array_equal(found, [0, 1]):
        raise ValueError(f"y must hold both 0 (normal) and 1 (anomalous) and nothing else; got {found}.")
    return y.astype(np.int64), scores


def _auc_and_shares(y, scores):
    """The AUC, and each sample's share (n,) in its error: the sum of their squares is DeLong's variance.

    A sample's share is by how much its placement, the share of the other class that scores lower
    (for normal samples: higher; ties count half), is above the mean one.
    """
    y, scores = _check(y, scores)
    n = np.bincount(y)
    if n.min() < 2:
        raise ValueError(
            f"y: a variance needs at least 2 samples of each class; got {n[0]} normal and {n[1]} anomalous."
        )
    ranks, shares, value = rankdata(scores), np.empty(len(y)), 0.0
    for label, sign in ((0, -1), (1, 1)):
        mine = y == label
        # the rank among the other class
        placements = sign * (ranks[mine] - rankdata(scores[mine])) / n[1 - label]
        value = placements.mean()
        shares[mine] = (placements - value) / np.sqrt(n[label] * (n[label] - 1))
    return float(value), shares


def _mean_and_shares(parts):
    """The mean of [(index (n,), value, shares (n,)), ...] and each image's share in its error."""
    index, values, shares = zip(*parts)
    of_image = np.bincount(np.concatenate(index).astype(int), np.concatenate(shares))
    return float(np.mean(values)), of_image / len(values)


def _within_bounds(value, shares, level):
    half = _quantile(level) * float(np.linalg.norm(shares))
    return Interval(value, max(0.0, value - half), min(1.0, value + half))


def _signed_rank_p_value(differences):
    """Wilcoxon's test by all choices of signs; `scipy.stats.wilcoxon` gives the same with ties, only slower."""
    differences = np.round(differences, 12)  # 0.95 - 0.94 and 0.85 - 0.84 are ties
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    ranks = np.sign(differences) * rankdata(np.abs(differences))

    def of_positive(ranks, axis):
        return ranks.clip(0).sum(axis)

    test = permutation_test((ranks,), of_positive, permutation_type="samples", n_resamples=np.inf, vectorized=True)
    return float(test.pvalue)


def _quantile(level):
    return float(norm.ppf((1 + _level(level)) / 2))


def _level(level, name="level"):
    return check_scalar(level, name, Real, min_val=0, max_val=1, include_boundaries="neither")
