"""Metrics against plain slow versions of themselves, scikit-learn and the bootstrap."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import norm, rankdata, ttest_1samp, ttest_ind, ttest_rel, wilcoxon
from sklearn.metrics import auc as area
from sklearn.metrics import roc_auc_score

from ganod_study.statistics import (
    Interval,
    auc,
    auc_interval,
    average_precision,
    delong_test,
    mean_auc_interval,
    mean_difference_interval,
    mean_roc,
    paired_comparison,
    roc,
    share_difference,
    share_interval,
    t_interval,
    true_positive_rate,
    welch_interval,
)


def sample(n=200, shift=1.0, seed=0, ties=False):
    """Labels and the scores of two related methods."""
    rng = np.random.RandomState(seed)
    y = (rng.rand(n) < 0.3).astype(int)
    a = rng.randn(n) + shift * y
    b = 0.5 * a + rng.randn(n)
    if ties:
        a, b = a.round(), b.round()
    return y, a, b


def slow_delong(y, *methods):
    """AUCs and their covariance straight from the definition, O(mn)."""
    v10, v01 = [], []
    for scores in methods:
        above = np.sign(scores[y == 1][:, None] - scores[y == 0][None, :]) / 2 + 0.5
        v10.append(above.mean(axis=1))
        v01.append(above.mean(axis=0))
    covariance = np.cov(v10) / len(v10[0]) + np.cov(v01) / len(v01[0])
    return np.mean(v10, axis=1), np.atleast_2d(covariance)


@pytest.mark.parametrize("ties", [False, True])
def test_auc_is_that_of_scikit_learn_and_counts_ties_half(ties):
    y, scores, _ = sample(ties=ties)
    assert auc(y, scores) == pytest.approx(roc_auc_score(y, scores), abs=1e-12)
    assert auc(y == 1, scores) == auc(y, scores)
    assert auc(y, np.zeros(len(y))) == 0.5
    assert auc([0, 1, 1], [1.0, 1.0, 2.0]) == 0.75


@pytest.mark.parametrize("ties", [False, True])
def test_interval_and_test_are_delongs(ties):
    y, a, b = sample(ties=ties)
    (auc_a, auc_b), covariance = slow_delong(y, a, b)
    value, low, high = auc_interval(y, a)
    assert value == pytest.approx(auc_a, abs=1e-12)
    half = 1.959963984540054 * np.sqrt(covariance[0, 0])
    assert (low, high) == pytest.approx((auc_a - half, auc_a + half), abs=1e-12)

    found = delong_test(y, a, b)
    se = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert found.difference == pytest.approx(auc_a - auc_b, abs=1e-12)
    assert found.high - found.low == pytest.approx(2 * 1.959963984540054 * se, abs=1e-12)
    # P(|Z| > 1.959964) = 0.05: the p-value is under 0.05 exactly where the interval leaves out 0.
    at_its_p = delong_test(y, a, b, level=1 - found.p_value)
    assert at_its_p.low == pytest.approx(0, abs=1e-9)


def test_interval_agrees_with_the_bootstrap():
    y, a, b = sample(n=300)
    rng = np.random.RandomState(1)
    groups = [np.flatnonzero(y == label) for label in (0, 1)]
    draws = [np.concatenate([rng.choice(group, len(group)) for group in groups]) for _ in range(1000)]
    of_a = np.array([auc(y[i], a[i]) for i in draws])
    of_b = np.array([auc(y[i], b[i]) for i in draws])
    _, low, high = auc_interval(y, a)
    assert (high - low) / (2 * 1.96) == pytest.approx(of_a.std(), rel=0.15)
    paired = delong_test(y, a, b)
    assert (paired.high - paired.low) / (2 * 1.96) == pytest.approx((of_a - of_b).std(), rel=0.15)


def test_interval_widens_with_the_level_and_stays_within_0_and_1():
    y, a, _ = sample(n=40, shift=3.0)
    widths = [high - low for _, low, high in (auc_interval(y, a, level) for level in (0.5, 0.9))]
    assert widths[0] < widths[1]
    value, low, high = auc_interval(y, a, 0.9999)
    assert 0 <= low < value < high == 1.0
    assert auc_interval([0, 0, 1, 1], [0.0, 1.0, 2.0, 3.0]) == (1.0, 1.0, 1.0)


def test_an_image_that_several_samples_hold_counts_once():
    y, a, b = sample()
    one, index = auc_interval(y, a), np.arange(len(y))
    assert mean_auc_interval([(index, y, a)]) == one
    assert mean_auc_interval([(index, y, a)] * 3) == pytest.approx(one)
    apart = mean_auc_interval([(index, y, a), (index + len(y), y, a)])  # of other images that look the same
    assert apart.half == pytest.approx(one.half / np.sqrt(2))
    # two scores of the same images: the variance of the mean is that of the sum of both, halved
    (auc_a, auc_b), covariance = slow_delong(y, a, b)
    found = mean_auc_interval([(index, y, a), (index[::-1], y[::-1], b[::-1])])
    assert found.value == pytest.approx((auc_a + auc_b) / 2)
    assert found.half == pytest.approx(1.959964 * np.sqrt(covariance.sum()) / 2)
    # what is normal in one and anomalous in the other makes up for itself: AUC and 1 - AUC
    assert mean_auc_interval([(index, y, a), (index, 1 - y, a)]) == pytest.approx((0.5, 0.5, 0.5))


def test_a_mean_difference_is_delong_s_where_there_is_one_and_counts_an_image_once():
    y, a, b = sample()
    one, index = delong_test(y, a, b)[:3], np.arange(len(y))
    assert mean_difference_interval([(index, y, a, b)]) == pytest.approx(one)
    assert mean_difference_interval([(index, y, a, b)] * 3) == pytest.approx(one)
    apart = mean_difference_interval([(index, y, a, b), (index + len(y), y, a, b)])
    assert apart.half == pytest.approx((one[2] - one[0]) / np.sqrt(2))
    assert mean_difference_interval([(index, y, a, b), (index, y, b, a)]) == pytest.approx((0, 0, 0))


def test_a_difference_of_shares_covers_what_is_so():
    found = share_difference((6, 10), (2, 10))
    assert found.value == pytest.approx(0.4)
    p, q = share_interval(6, 10), share_interval(2, 10)
    assert 0.4 - found.low == pytest.approx(np.hypot(0.6 - p.low, q.high - 0.2))  # Newcombe's equations
    assert found.high - 0.4 == pytest.approx(np.hypot(p.high - 0.6, 0.2 - q.low))
    turned = share_difference((2, 10), (6, 10))
    assert turned == pytest.approx((-0.4, -found.high, -found.low))
    rng, truth = np.random.RandomState(0), 0.5 - 0.2
    draws = rng.binomial(10, [0.5, 0.2], (1000, 2))
    inside = [share_difference((k, 10), (m, 10)) for k, m in draws]
    assert np.mean([each.low <= truth <= each.high for each in inside]) >= 0.95


def test_the_interval_over_draws_of_the_same_images_covers_the_auc():
    """Three draws of half of the images, scored by one fit: over the draws the spread is that of drawing alone."""
    rng, truth, n, n_sets = np.random.RandomState(0), norm.cdf(1 / np.sqrt(2)), 300, 400
    covered = np.zeros(2)
    for _ in range(n_sets):
        y = np.arange(n) % 2
        scores = rng.randn(n) + y
        draws = [rng.permutation(n)[: n // 2] for _ in range(3)]
        union = mean_auc_interval([(draw, y[draw], scores[draw]) for draw in draws])
        aucs = [auc(y[draw], scores[draw]) for draw in draws]
        normal = 1.96 * np.std(aucs, ddof=1) / np.sqrt(3)  # what was done before
        covered += union.low <= truth <= union.high, abs(np.mean(aucs) - truth) <= normal
    assert 0.92 <= covered[0] / n_sets <= 0.975
    assert covered[1] / n_sets < 0.7


def test_t_interval_is_students():
    values = np.array([0.1, -0.02, 0.05])
    assert t_interval(values) == pytest.approx((values.mean(), *ttest_1samp(values, 0).confidence_interval()))
    assert t_interval(np.transpose([values, values])).low == pytest.approx([t_interval(values).low] * 2)
    assert np.isnan(t_interval([0.1])[1:]).all()


def test_welch_interval_is_scipys():
    a, b = np.random.RandomState(0).rand(4), np.random.RandomState(1).rand(7)
    found = welch_interval(*((x.mean(), x.std(ddof=1), len(x)) for x in (a, b)))
    assert (found.low, found.high) == pytest.approx(ttest_ind(a, b, equal_var=False).confidence_interval())
    assert welch_interval((0.9, 0.0, 3), (0.9, 0.0, 3)) == (0, 0, 0)
    one = welch_interval((0.9, np.nan, 1), (0.8, 0.01, 3))
    assert one.value == pytest.approx(0.1) and np.isnan([one.low, one.high]).all() and one.within(0.2) is None


def test_an_interval_is_within_outside_or_too_wide():
    assert Interval(0.9, 0.89, 0.91).within(0.02, of=0.9)
    assert Interval(0.5, 0.49, 0.51).within(0.02, of=0.9) is False
    for low, high in ((0.87, 0.91), (0.7, 1.0), (np.nan, np.nan)):
        assert Interval(0.9, low, high).within(0.02, of=0.9) is None


def test_comparison_where_there_is_nothing_to_choose_and_where_there_is_everything():
    y, a, b = sample()
    assert delong_test(y, a, 3 * a + 1) == (0.0, 0.0, 0.0, 1.0)
    forth, back = delong_test(y, a, b), delong_test(y, b, a)
    assert (forth.difference, forth.p_value) == pytest.approx((-back.difference, back.p_value))
    assert 0 < forth.p_value < 0.05 and forth.difference > 0  # b is a with noise added
    assert delong_test(y, y.astype(float), -y.astype(float)) == (1.0, 1.0, 1.0, 0.0)


def test_roc_rises_from_0_to_1_and_has_the_auc_as_its_area():
    y, scores, _ = sample(ties=True)
    fpr, tpr = roc(y, scores)
    assert fpr[0] == tpr[0] == 0 and fpr[-1] == tpr[-1] == 1
    assert (np.diff(fpr) >= 0).all() and (np.diff(tpr) >= 0).all()
    assert area(fpr, tpr) == pytest.approx(auc(y, scores), abs=1e-12)


def test_mean_roc_of_one_curve_is_that_curve():
    y, scores, _ = sample(ties=True)
    fpr, tpr = roc(y, scores)
    mean, sd = mean_roc([(fpr, tpr)], fpr[1:])
    np.testing.assert_allclose(mean, tpr[1:])
    np.testing.assert_array_equal(sd, 0)


def test_mean_roc_is_a_curve_whose_area_is_the_mean_auc():
    samples = [sample(shift=shift, seed=seed) for seed, shift in enumerate((0.2, 1.0, 3.0))]
    curves = [roc(y, scores) for y, scores, _ in samples]
    grid = np.linspace(0, 1, 5001)
    mean, sd = mean_roc(curves, grid)
    assert mean.shape == sd.shape == grid.shape
    assert (np.diff(mean) >= 0).all() and mean[-1] == 1 and sd[-1] == 0
    assert area(grid, mean) == pytest.approx(np.mean([auc(y, s) for y, s, _ in samples]), abs=1e-3)
    at = [np.interp(0.2, *curve) for curve in curves]
    assert (mean[1000], sd[1000]) == pytest.approx((np.mean(at), np.std(at)))


def test_mean_roc_starts_with_what_is_found_before_the_first_false_alarm():
    perfect, blind = roc([0, 1], [0.0, 1.0]), roc([0, 1], [0.0, 0.0])
    mean, sd = mean_roc([perfect, blind], [0, 0.5, 1])
    np.testing.assert_allclose(mean, [0.5, 0.75, 1])
    np.testing.assert_allclose(sd, [0.5, 0.25, 0])


def slow_signed_rank(differences):
    """The p-value by going through all signs: how often |W+ - W-| comes out at least as large."""
    differences = differences[differences != 0]
    ranks = rankdata(np.abs(differences))
    found = abs(np.sum(ranks * np.sign(differences)))
    sums = [abs(np.dot(ranks, signs)) for signs in product((-1, 1), repeat=len(ranks))]
    return np.mean(np.array(sums) >= found - 1e-9)


def test_paired_comparison_is_students_interval_and_wilcoxons_test():
    rng = np.random.RandomState(0)
    for n in (3, 10):
        a, b = rng.rand(n), rng.rand(n) - 0.2
        found, student = paired_comparison(a, b), ttest_rel(a, b).confidence_interval(0.95)
        assert found.difference == pytest.approx(np.mean(a) - np.mean(b), abs=1e-12)
        assert (found.low, found.high) == pytest.approx((student.low, student.high), abs=1e-12)
        assert found.p_value == pytest.approx(wilcoxon(a, b, method="exact").pvalue, abs=1e-12)
        back = paired_comparison(b, a)
        assert (back.difference, back.p_value) == pytest.approx((-found.difference, found.p_value), abs=1e-12)
        wide = paired_comparison(a, b, level=0.99)
        assert wide.low < found.low and found.high < wide.high


def test_signed_ranks_by_hand():
    ahead = np.array([0.91, 0.92, 0.93])
    assert paired_comparison(ahead + [0.01, 0.02, 0.03], ahead).p_value == 2 / 2**3  # the least there is for three
    # -1, +2, +3, +4: W- = 1, as in 2 of the 16 ways to choose signs (none negative, the first alone)
    assert paired_comparison([0.0, 0.2, 0.3, 0.4], [0.1, 0.0, 0.0, 0.0]).p_value == 2 * 2 / 16
    assert paired_comparison(ahead, ahead) == (0.0, 0.0, 0.0, 1.0)


def test_ties_and_equal_values_of_a_printed_table_keep_the_test_exact():
    rng = np.random.RandomState(1)
    for _ in range(20):
        steps, b = rng.randint(-3, 5, 8), rng.randint(500, 900, 8) / 1000
        a = np.round(b + steps / 1000, 3)  # differences that are equal but for the last bit
        assert paired_comparison(a, b).p_value == pytest.approx(slow_signed_rank(steps.astype(float)), abs=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([0.9], [0.8], r"n >= 2; got shapes \(1,\) and \(1,\)"),
        ([0.9, 0.8], [0.8], r"shapes \(2,\) and \(1,\)"),
        ([[0.9, 0.8]], [[0.8, 0.7]], r"\(1, 2\)"),
        ([0.9, np.nan], [0.8, 0.7], "finite"),
    ],
)
def test_what_can_not_be_compared_is_an_error(a, b, message):
    with pytest.raises(ValueError, match=message):
        paired_comparison(a, b)
    with pytest.raises(ValueError, match="level"):
        paired_comparison([0.9, 0.8], [0.8, 0.7], level=95)


@pytest.mark.parametrize("metric", [auc, auc_interval, roc, lambda y, s: delong_test(y, [0.0, 1.0, 2.0, 3.0], s)])
@pytest.mark.parametrize(
    ("y", "scores", "message"),
    [
        ([0, 0, 1, 1], [0.0, np.nan, 1.0, np.nan], "2 of 4 are NaN or infinite, the first at index 1"),
        ([0, 0, 1, 1], [0.0, 1.0, np.inf, 1.0], "finite"),
        ([0, 0, 0, 0], [0.0, 1.0, 2.0, 3.0], r"both 0 \(normal\) and 1 \(anomalous\).*got \[0\]"),
        ([1, 1, 1, 1], [0.0, 1.0, 2.0, 3.0], r"got \[1\]"),
        ([-1, 1, 1, 1], [0.0, 1.0, 2.0, 3.0], r"got \[-1 +1\]"),
        ([0, 1, 2, 1], [0.0, 1.0, 2.0, 3.0], r"got \[0 1 2\]"),
        ([0, 0, 1, 1], [0.0, 1.0, 2.0], r"shapes \(4,\) and \(3,\)"),
        ([0, 0, 1, 1], [[0.0], [1.0], [2.0], [3.0]], r"\(4, 1\)"),
    ],
)
def test_what_can_not_be_judged_is_an_error(metric, y, scores, message):
    with pytest.raises(ValueError, match=message):
        metric(y, scores)


def test_other_bad_arguments_are_errors():
    with pytest.raises(ValueError, match="2 samples of each class; got 1 normal and 2 anomalous"):
        auc_interval([0, 1, 1], [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="level"):
        auc_interval(*sample()[:2], level=95)
    with pytest.raises(ValueError, match="curves"):
        mean_roc([], [0, 1])
    for grid in ([0, 1, 0.5], [-0.1, 1], [0, 1.1], [], [0, np.nan, 1]):
        with pytest.raises(ValueError, match="grid"):
            mean_roc([([0, 1], [0, 1])], grid)


@pytest.mark.parametrize("ties", [False, True])
def test_true_positive_rate_is_the_best_that_keeps_within_the_false_positives(ties):
    y, scores, _ = sample(ties=ties)
    for at in (0.01, 0.05, 0.5):
        thresholds = [*np.unique(scores), np.inf]
        allowed = [t for t in thresholds if np.mean(scores[y == 0] >= t) <= at]
        assert true_positive_rate(y, scores, at) == max(np.mean(scores[y == 1] >= t) for t in allowed)
    assert true_positive_rate([0, 0, 1, 1], [0, 3, 1, 2], 0.49) == 0
    assert true_positive_rate([0, 1] * 4, np.repeat(np.arange(4), 2), 0.5) == 0.5  # on a diagonal of the curve
    with pytest.raises(ValueError, match="at == 1.5"):
        true_positive_rate(y, scores, 1.5)


def test_average_precision_is_the_mean_precision_at_the_anomalies():
    y, scores, _ = sample()
    order = y[np.argsort(-scores)]
    precision = np.cumsum(order) / np.arange(1, len(y) + 1)
    assert average_precision(y, scores) == pytest.approx(precision[order == 1].mean())
    assert average_precision(y, np.zeros(len(y))) == pytest.approx(y.mean())  # says nothing: the prevalence
