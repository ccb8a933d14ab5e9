"""The classical methods as the ADGAN paper uses them: PCA's dimension chosen on a holdout (section 4.2)."""

import numpy as np
from sklearn.base import clone

from .statistics import auc

DIMENSIONS = (20, 40, 60, 80, 100)  # the paper's candidates


def select_by_holdout(estimator, X, X_holdout, y_holdout, n_components=DIMENSIONS):
    """Fit `estimator` on X (n, d) at each PCA dimension and keep the one with the best AUC on a holdout.

    The paper's rule for the dimension. `y_holdout` has 1 for anomalous and 0 for normal. Dimensions
    above min(n, d) are left out; of equals the first wins. `estimator` itself stays as it is.
    Returns the fitted winner and a dict of each dimension's AUC.
    Raises ValueError if no dimension is possible, or if the holdout lacks one of the classes.
    """
    fitted = fit_dimensions(estimator, X, n_components)
    best, aucs = best_on_holdout(fitted, X_holdout, y_holdout)
    return fitted[best], aucs


def fit_dimensions(estimator, X, n_components=DIMENSIONS):
    """The first half of `select_by_holdout`, which sees no holdout: {dimension: fitted clone of `estimator`}."""
    possible = [n for n in n_components if n <= min(np.shape(X))]
    if not possible:
        raise ValueError(f"n_components={tuple(n_components)}: none is at most min(n, d) = {min(np.shape(X))} of X.")
    return {n: clone(estimator).set_params(n_components=n).fit(X) for n in possible}


def best_on_holdout(fitted, X_holdout, y_holdout):
    """The second half: the dimension of `fitted` with the best AUC on the holdout, and each one's AUC."""
    aucs = {n: auc(y_holdout, detector.anomaly_score(X_holdout)) for n, detector in fitted.items()}
    return max(aucs, key=aucs.get), aucs
