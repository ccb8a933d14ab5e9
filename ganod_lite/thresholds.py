"""A threshold for anomaly scores from held-back normal samples, and what it promises."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta
from sklearn.utils import check_array

from .training import check_number


class Threshold(NamedTuple):
    """A threshold, and how often new normal samples will lie above it.

    Attributes
    ----------
    threshold : float
        A sample with a higher anomaly score is called an outlier.
    false_alarm_rate : float
        The share of new normal samples called outliers, on average over draws of the n held-back ones.
    low, high : float
        The share that this very threshold has lies between them, with the confidence asked for.
    n : int
        How many held-back normal samples it is from.
    """

    threshold: float
    false_alarm_rate: float
    low: float
    high: float
    n: int


def threshold_at(scores: ArrayLike, false_alarm_rate: float = 0.05, confidence: float = 0.95) -> Threshold:
    """The lowest threshold that keeps to a false-alarm rate, from anomaly scores of held-back normal samples.

    It is their m-th smallest score, with m = ceil((n + 1) (1 - false_alarm_rate)). If normal samples are
    independent draws from one distribution, the share of new ones above it follows Beta(n + 1 - m, m), whatever
    that distribution is: its mean, (n + 1 - m) / (n + 1), is at most the rate asked for, and its quantiles are
    `low` and `high`. (Where scores are tied the share is lower still.)

    Parameters
    ----------
    scores : array-like (n,)
        Anomaly scores, higher for what is more anomalous, of normal samples that the detector was not fitted on.
    false_alarm_rate : float in (0, 1), default 0.05
        The share of new normal samples that may be called outliers. It takes n >= 1 / false_alarm_rate - 1 samples.
    confidence : float in (0, 1), default 0.95
        Of the interval from `low` to `high`.

    Returns
    -------
    Threshold

    Raises
    ------
    ValueError, TypeError
        For arguments that do not fit, and for fewer scores than the rate takes: 40 can't promise 1 %.

    References
    ----------
    Wilks, "Determination of sample sizes for setting tolerance limits", Annals of Mathematical Statistics 12
    (1941): the Beta distribution. Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World* (2005),
    section 2.2: the choice of m, that of conformal prediction.

    Examples
    --------
    >>> found = threshold_at(range(100), false_alarm_rate=0.05)
    >>> found.threshold, round(found.false_alarm_rate, 3), round(found.low, 3), round(found.high, 3)
    (95.0, 0.05, 0.016, 0.099)
    """
    check_share("false_alarm_rate", false_alarm_rate)
    check_share("confidence", confidence)
    scores = np.sort(check_array(scores, dtype=np.float64, ensure_2d=False, ensure_min_samples=0, input_name="scores"))
    if scores.ndim != 1:
        raise ValueError(f"scores must be (n,); got shape {scores.shape}.")
    n = len(scores)
    above = math.floor((n + 1) * false_alarm_rate * (1 + 1e-12))  # n + 1 - m, but for the rounding of 20 * 0.05
    if above == 0:
        raise ValueError(
            f"false_alarm_rate={false_alarm_rate} takes at least {math.ceil(1 / false_alarm_rate - 1)} held-back "
            f"normal samples; got {n}, which can promise {1 / (n + 1):.2g} at best."
        )
    low, high = beta.ppf([(1 - confidence) / 2, (1 + confidence) / 2], above, n + 1 - above)
    return Threshold(float(scores[n - above]), above / (n + 1), float(low), float(high), n)


def check_share(name: str, value: float) -> None:
    """Raise TypeError or ValueError, naming the argument, unless it is a number between 0 and 1, and neither."""
    check_number(name, value, max_val=1, include_boundaries="neither")
