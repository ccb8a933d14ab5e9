"""Whatever a detector is given: finite scores, or an error of the documented kind that names the argument.

GANOD_FUZZ=10000 python -m pytest tests/test_fuzz.py       tries as many inputs (CI: some 300)
"""

import os
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganod_lite import ADGAN, DCAE, GMM, KDE, MOGAAL, OCSVM, SOGAAL, VAE, AnoGAN, IForest, latent_search
from ganod_lite.dcgan import Generator

NAN, INF = float("nan"), float("inf")
N = int(os.environ.get("GANOD_FUZZ", 300))
FUZZ = settings(deadline=None, derandomize=N == 300, suppress_health_check=list(HealthCheck), database=None)
WRONG = st.sampled_from([None, "a", -1, 0, 2.5, NAN, INF, (), [1], True, np.float32(3), 1e-300])
COUNT = st.sampled_from([1, 2, 3, np.int64(2)])
RATE = st.sampled_from([1e-4, 0.1, 0.5, np.float32(0.25), 1e9, 10**20])
COMMON = {
    "contamination": st.sampled_from([0.1, None, 0.5, 1e-9]),
    "random_state": st.sampled_from([0, None, 2**32 - 1, np.random.RandomState(0)]),
}
TRAINING = COMMON | {"n_iter": COUNT, "latent_size": COUNT, "ngf": COUNT, "batch_size": COUNT, "device": st.just("cpu")}
SEARCH = {"n_seeds": COUNT, "n_steps": st.sampled_from([0, 1, 2]), "lr_z": RATE, "lr_theta": RATE}
OBJECTIVE = {"objective": st.sampled_from(["wgan", "wgan-gp", "gan", "lsgan"])}
GAAL = COMMON | {
    "stop_epochs": COUNT, "lr_d": RATE, "lr_g": RATE, "decay": RATE, "momentum": st.sampled_from([0.0, 0.9]),
    "schedule": st.sampled_from(["full", "at-stop"]), "device": st.just("cpu"),
}  # fmt: skip
OF_IMAGES = {  # each with the parameters that are drawn, and those that keep it small
    ADGAN: (TRAINING | OBJECTIVE | SEARCH, {"n_iter": 2, "latent_size": 3, "ngf": 2, "batch_size": 4, "n_seeds": 2}),
    AnoGAN: (TRAINING | OBJECTIVE | {"n_steps": COUNT}, {"n_iter": 2, "latent_size": 3, "ngf": 2, "n_steps": 2}),
    DCAE: (TRAINING, {"n_iter": 2, "latent_size": 3, "ngf": 2}),
    VAE: (TRAINING, {"n_iter": 2, "latent_size": 3, "ngf": 2}),
}
OF_TABLES = {
    SOGAAL: (GAAL, {"stop_epochs": 2}),
    MOGAAL: (GAAL | {"k": COUNT}, {"stop_epochs": 2, "k": 2}),
    KDE: (COMMON, {}),
    OCSVM: (COMMON | {"nu": RATE}, {}),
    GMM: (COMMON, {"n_components": (1, 2)}),
    IForest: (COMMON | {"n_estimators": COUNT}, {"n_estimators": 3}),
}
ALL = OF_IMAGES | OF_TABLES

DTYPES = ["f4", "f8", "f2", ">f4", "u1", "i1", "i8", "?", "c8", "O", "U3", "M8[s]", "longdouble"]
RANGES = [(-1, 1), (0, 1), (0, 255), (0, 0), (-1e39, 1e39), (1e-30, 2e-30), (NAN, 1), (INF, 1)]
CONTAINERS = [np.asarray, np.ndarray.tolist, list, np.asfortranarray, torch.tensor, pd.DataFrame, np.ma.masked_invalid,
              lambda X: None, lambda X: "X", lambda X: X.ravel(), lambda X: X[:0], lambda X: X[::-1]]  # fmt: skip


@st.composite
def arrays(draw, shapes, dtypes, ranges, containers):
    """An array of some shape and dtype, in some container; mostly a usable one."""
    shape, dtype = draw(shapes), draw(dtypes)
    low, high = draw(ranges)
    values = np.random.RandomState(draw(st.integers(0, 3))).uniform(size=shape)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X = low + values * (high - low)
        X = X.astype("i8").astype(dtype) if dtype[:2] == "M8" else X.astype(dtype)
    try:
        return draw(containers)(X)
    except (IndexError, TypeError, ValueError):  # this container does not take it
        return X


def mostly(usual, others):
    return st.sampled_from([*usual] * (3 * len(others) // len(usual) + 1) + others)


SIDES = [1, 2, 7, 8, 16]
IMAGES = arrays(
    mostly([(6, 1, 8, 8), (6, 3, 8, 8)], [(n, c, h, 8) for n in (0, 1, 5) for c in (0, 1, 5) for h in SIDES]),
    mostly(["f4"], DTYPES), mostly([(-1, 1)], RANGES), mostly([np.asarray], CONTAINERS),
)  # fmt: skip
PIXELS = arrays(
    mostly([(6, 8, 8), (6, 8, 8, 3)], [(n, h, 8, *c) for n in (0, 1, 5) for h in SIDES for c in [(), (1,), (9,)]]),
    mostly(["u1"], DTYPES), mostly([(0, 255)], RANGES), mostly([np.asarray], CONTAINERS),
)  # fmt: skip
TABLES = arrays(
    mostly([(30, 3)], [(n, d) for n in (0, 1, 2, 29) for d in (0, 1, 3, 40)] + [(30,), (3, 3, 3), ()]),
    mostly(["f8"], DTYPES), mostly([(0, 1)], RANGES), mostly([np.asarray, pd.DataFrame], CONTAINERS),
)  # fmt: skip


@st.composite
def cases(draw):
    """A detector, its parameters, what it is fitted on and what it scores."""
    make = draw(st.sampled_from(list(ALL)))
    allowed, small = ALL[make]
    parameters = dict(small)
    for name in draw(st.lists(st.sampled_from(list(allowed)), max_size=2)):
        parameters[name] = draw(WRONG if draw(st.integers(0, 2)) == 0 else allowed[name])
    if make not in (KDE, OCSVM, GMM, IForest):
        parameters = {"device": "cpu", "verbose": False} | parameters
    data = TABLES if make in OF_TABLES else st.one_of(IMAGES, PIXELS)
    X = draw(data)
    return make, parameters, X, draw(st.one_of(st.just(X), data))


def assert_scores_or_a_named_error(compute, names):
    """`compute()` gives finite scores, one for each sample, or raises an error that names one of `names`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores, n = compute()
    except (ValueError, TypeError, FloatingPointError) as error:
        named = re.search(rf"\b({'|'.join(names)})\b", str(error))
        assert named, f"{type(error).__name__} names no argument: {error}"
    else:
        assert isinstance(scores, np.ndarray) and scores.shape == (n,) and np.isfinite(scores).all(), scores


@settings(FUZZ, max_examples=N)
@given(cases())
@pytest.mark.timeout(max(300, N))
def test_detectors_score_or_say_what_is_wrong(case):
    make, parameters, X_train, X = case

    def compute():
        scores = make(**parameters).fit(X_train).anomaly_score(X)
        return scores, len(X)

    assert_scores_or_a_named_error(compute, ["X", "image_shape", *make().get_params()])


@st.composite
def searches(draw):
    """What `latent_search` is given."""
    allowed = SEARCH | {"random_state": COMMON["random_state"], "latent_size": st.sampled_from([None, 3])}
    parameters = {"n_seeds": 2, "n_steps": 1}
    for name in draw(st.lists(st.sampled_from(list(allowed)), max_size=2)):
        parameters[name] = draw(WRONG if draw(st.integers(0, 2)) == 0 else allowed[name])
    return draw(st.one_of(IMAGES, PIXELS)), parameters


@settings(
    max_examples=N // 3, deadline=None, derandomize=N < 1000, suppress_health_check=list(HealthCheck), database=None
)
@given(searches())
@pytest.mark.timeout(max(300, N))
def test_the_search_scores_or_says_what_is_wrong(case):
    X, parameters = case
    generator = Generator((1, 8, 8), 3, 2).eval()

    def compute():
        scores = latent_search(generator, X, device="cpu", verbose=False, **parameters).scores
        return scores, len(X)

    assert_scores_or_a_named_error(compute, ["x", "generator", "prior", *SEARCH, "latent_size", "random_state"])
