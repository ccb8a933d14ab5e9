"""Thresholds from held-back normal samples: the rate they keep to, and the interval that it lies in."""

import numpy as np
import pytest
from scipy.stats import binom

from ganod_lite import KDE
from ganod_lite.thresholds import threshold_at


@pytest.mark.parametrize(("n", "rate"), [(19, 0.05), (40, 0.1), (150, 0.05), (300, 0.01)])
def test_the_rate_is_kept_to_on_average_and_lies_in_the_interval_as_often_as_promised(n, rate):
    draws = np.random.RandomState(0).exponential(size=(4000, n))
    found = [threshold_at(scores, rate, confidence=0.9) for scores in draws]
    rates = np.exp([-threshold.threshold for threshold in found])  # what an exponential variable exceeds it with
    promised, low, high = found[0].false_alarm_rate, found[0].low, found[0].high
    assert promised <= rate < promised + 1 / (n + 1)
    assert np.mean(rates) == pytest.approx(promised, abs=4 * np.std(rates) / 4000**0.5)
    for outside in (rates < low, rates > high):
        assert np.mean(outside) == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / 4000) ** 0.5)


def test_the_interval_s_ends_are_binomial_tails():
    """The rate exceeds `high` if fewer than `above` of n held-back scores lie in the share `high` of the highest."""
    n, above = 200, 10
    found = threshold_at(np.arange(n), 0.05)
    assert found.threshold == n - above and found.n == n
    assert binom.cdf(above - 1, n, found.high) == pytest.approx(0.025)
    assert binom.sf(above - 1, n, found.low) == pytest.approx(0.025)


@pytest.mark.parametrize(("n", "rate"), [(40, 0.01), (98, 0.01), (18, 0.05), (0, 0.5)])
def test_too_few_scores_can_t_promise_a_rate(n, rate):
    with pytest.raises(ValueError, match=f"takes at least .* held-back normal samples; got {n}"):
        threshold_at(np.arange(n), rate)


@pytest.mark.parametrize(("n", "rate"), [(99, 0.01), (19, 0.05), (9, 0.1), (1, 0.5), (2, 1 / 3)])
def test_just_enough_scores_put_the_threshold_at_the_highest(n, rate):
    found = threshold_at(np.random.RandomState(0).permutation(n), rate)
    assert found.threshold == n - 1
    assert found.false_alarm_rate == pytest.approx(rate)


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        (np.arange(50), {"false_alarm_rate": 0}, "false_alarm_rate == 0, must be"),
        (np.arange(50), {"false_alarm_rate": 1.0}, "false_alarm_rate == 1.0, must be"),
        (np.arange(50), {"false_alarm_rate": float("nan")}, "false_alarm_rate must be finite; got nan"),
        (np.arange(50), {"false_alarm_rate": "5%"}, "false_alarm_rate must be an instance"),
        (np.arange(50), {"confidence": 95}, "confidence == 95, must be"),
        ([0.1] * 30 + [np.nan], {}, "scores contains NaN"),
        (np.zeros((50, 2)), {}, r"scores must be \(n,\); got shape \(50, 2\)"),
    ],
)
def test_wrong_arguments_are_named(scores, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        threshold_at(scores, **options)


@pytest.mark.parametrize("contamination", [0.1, None])
def test_a_detector_s_threshold_is_set_on_held_back_samples(contamination):
    rng = np.random.RandomState(0)
    train, held, new = rng.normal(size=(200, 2)), rng.normal(size=(199, 2)), rng.normal(size=(5000, 2))
    detector = KDE(contamination=contamination, random_state=0).fit(train)
    found = detector.set_threshold(held, false_alarm_rate=0.1)
    assert found == threshold_at(detector.anomaly_score(held), 0.1)
    assert np.sum(detector.predict(held) == -1) == 19  # the 20th is on the threshold, not above it
    assert found.low < np.mean(detector.predict(new) == -1) < found.high
    before = detector.offset_
    with pytest.raises(ValueError, match="takes at least 999"):
        detector.set_threshold(held, false_alarm_rate=0.001)
    assert detector.offset_ == before
