"""SO-GAAL against the official Keras script, point by point, and against the AUCs measured with it."""

import contextlib
import math
import os
import pickle
import sys
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from torch import nn

from ganod_lite import gaal
from ganod_lite.gaal import MOGAAL, SOGAAL, fit_repetitions, make_discriminator, make_generator, shares
from ganod_study.datasets import load_table, make_onecluster
from ganod_study.the_post import PostSOGAAL

REAL_DATA = pytest.mark.skipif("GANOD_DATA" not in os.environ, reason="GANOD_DATA is not set: no tables of the paper")


def fit(X, y=None, stop_epochs=2, make=SOGAAL, **parameters):
    usual = {"random_state": 0, "device": "cpu", "verbose": False, "schedule": "full"}
    return make(stop_epochs, **usual | parameters).fit(X, y)


fit_mo = partial(fit, make=MOGAAL)


def post(bias):
    return partial(PostSOGAAL, generator_bias=bias)


def weights_of(network):
    return [weight.detach().numpy() for weight in network.parameters()]


@pytest.fixture
def table():
    """Two full batches and a tail that is to be dropped."""
    return np.random.RandomState(0).uniform(size=(1100, 3))


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_large_tables_are_scored_in_parts(table, monkeypatch):
    detector = fit(table)
    whole = detector.anomaly_score(table)
    monkeypatch.setattr(gaal, "ROWS", 333)
    np.testing.assert_allclose(detector.anomaly_score(table), whole, rtol=1e-12)


# --- the script, written down twice more: in numpy, and as the PyTorch post has it ---


def keras_script(X, stop_epochs, lr_d, lr_g, decay, momentum, seed):
    """SO-GAAL.py in plain numpy, with gradients by hand. Random draws are those of `fit`, in its order."""
    rng = torch.Generator().manual_seed(seed)
    n, d = X.shape
    X = X[torch.randperm(n, generator=rng).numpy()]
    hidden = math.ceil(math.sqrt(n))
    drawn = make_discriminator(d, n, rng)
    D = [drawn[0].weight.detach().numpy().T.copy(), np.zeros(hidden)]
    D += [drawn[2].weight.detach().numpy().T.copy(), np.zeros(1)]
    G = [np.eye(d), np.zeros(d), np.eye(d), np.zeros(d)]
    velocity_d, velocity_g = [0 * w for w in D], [0 * w for w in G]
    updates_d = updates_g = 0
    history = {"discriminator_loss": [], "generator_loss": []}
    batch = min(500, n)
    for epoch in range(3 * stop_epochs):
        losses = []
        for index in range(n // batch):
            noise = torch.rand(batch, d, generator=rng).numpy()
            real = X[index * batch : (index + 1) * batch]
            h1 = np.maximum(noise @ G[0] + G[1], 0)
            generated = np.maximum(h1 @ G[2] + G[3], 0)

            x, target = np.concatenate([real, generated]), np.repeat([[1.0], [0.0]], batch, axis=0)
            loss_d, gradient, _ = discriminator_gradient(D, x, target)
            rate = lr_d / (1 + decay * updates_d)
            for w, v, g in zip(D, velocity_d, gradient):
                v[...] = momentum * v - rate * g
                w += v
            updates_d += 1

            loss_g, _, slope = discriminator_gradient(D, generated, np.ones((batch, 1)))
            if epoch <= stop_epochs:  # the script stops after the epoch in which epoch + 1 > stop_epochs
                slope = slope * (generated > 0)
                slope1 = (slope @ G[2].T) * (h1 > 0)
                gradient = [noise.T @ slope1, slope1.sum(0), h1.T @ slope, slope.sum(0)]
                rate = lr_g / (1 + decay * updates_g)
                for w, v, g in zip(G, velocity_g, gradient):
                    v[...] = momentum * v - rate * g
                    w += v
                updates_g += 1
            losses.append((loss_d, loss_g))
        for name, loss in zip(history, np.mean(losses, axis=0)):
            history[name].append(loss)
    return D, G, history, 1 - discriminator_output(D, X)


def discriminator_output(D, x):
    return 1 / (1 + np.exp(-(np.maximum(x @ D[0] + D[1], 0) @ D[2] + D[3])))


def discriminator_gradient(D, x, target):
    """The mean binary cross-entropy, and its gradients by D's weights and by x."""
    h, p = np.maximum(x @ D[0] + D[1], 0), discriminator_output(D, x)
    loss = -np.mean(target * np.log(p) + (1 - target) * np.log(1 - p))
    logit = (p - target) / len(x)
    slope = (logit @ D[2].T) * (h > 0)
    return loss, [x.T @ slope, slope.sum(0), h.T @ logit, logit.sum(0)], slope @ D[0].T


def test_agrees_with_the_script_in_plain_numpy(double, table):
    # Large rates and decay, so that a slip in either shows within six epochs.
    rates = {"lr_d": 0.5, "lr_g": 0.2, "decay": 0.1, "momentum": 0.9}
    D, G, history, scores = keras_script(table, stop_epochs=2, seed=7, **rates)
    detector = fit(table, random_state=7, **rates)
    for w, ours in zip(D + G, weights_of(detector.discriminator_) + weights_of(detector.generator_)):
        np.testing.assert_allclose(ours.T, w, rtol=1e-10, atol=1e-12)
    for name in history:
        np.testing.assert_allclose(detector.history_[name], history[name], rtol=1e-10)
    shuffle = torch.randperm(len(table), generator=torch.Generator().manual_seed(7)).numpy()
    np.testing.assert_allclose(detector.anomaly_score(table)[shuffle], scores[:, 0], rtol=1e-10)


def test_post_agrees_with_the_post(double, table):
    """The post's loop with torch.optim.SGD: decay as dampening, a new order in each epoch."""
    stop_epochs, n, d, batch = 2, *table.shape, 500
    rng = torch.Generator().manual_seed(7)
    torch.randperm(n, generator=rng)
    G, hidden = make_generator(d), nn.Linear(d, math.ceil(math.sqrt(n)))
    for layer in G[::2]:
        nn.init.ones_(layer.bias)
    D = nn.Sequential(hidden, nn.ReLU(), nn.Linear(hidden.out_features, 1), nn.Sigmoid())
    for layer in D[:3:2]:
        nn.init.xavier_normal_(layer.weight, generator=rng)
        nn.init.constant_(layer.bias, 0.05)
    optimiser_d = torch.optim.SGD(D.parameters(), lr=0.5, dampening=0.1, momentum=0.9)
    optimiser_g = torch.optim.SGD(G.parameters(), lr=0.2, dampening=0.1, momentum=0.9)
    loss = nn.functional.binary_cross_entropy
    for epoch in range(3 * stop_epochs):
        order = torch.randperm(n, generator=rng)
        for index in range(n // batch):
            real = torch.tensor(table)[order[index * batch : (index + 1) * batch]]
            generated = G(torch.rand(batch, d, generator=rng))
            optimiser_d.zero_grad()
            y = torch.cat([torch.ones(batch, 1), torch.zeros(batch, 1)])
            loss(D(torch.cat([real, generated])), y).backward(retain_graph=True)
            optimiser_d.step()
            if epoch <= stop_epochs:
                optimiser_g.zero_grad()
                loss(D(generated), torch.ones(batch, 1)).backward()
                optimiser_g.step()
    detector = fit(table, make=post(1.0), lr_d=0.5, lr_g=0.2, decay=0.1, random_state=7)
    for w, ours in zip(
        weights_of(D) + weights_of(G), weights_of(detector.discriminator_) + weights_of(detector.generator_)
    ):
        np.testing.assert_allclose(ours, w, rtol=1e-9, atol=1e-12)


def mo_script(X, stop_epochs, k, lr_d, lr_g, decay, momentum, seed):
    """MO-GAAL.py with autograd, a sub-generator at a time. Random draws are those of `fit`, in its order."""
    rng = torch.Generator().manual_seed(seed)
    (n, d), X = X.shape, torch.tensor(X)
    shuffled = X[torch.randperm(n, generator=rng)]
    D = nn.Sequential(*make_discriminator(d, n, rng), nn.Sigmoid())
    G = [make_generator(d) for _ in range(k)]
    velocity = {p: torch.zeros_like(p) for network in (D, *G) for p in network.parameters()}
    updates = dict.fromkeys((D, *G), 0)
    loss = nn.functional.binary_cross_entropy

    def descend(network, lr, value):
        for p, gradient in zip(network.parameters(), torch.autograd.grad(value, list(network.parameters()))):
            velocity[p] = momentum * velocity[p] - lr / (1 + decay * updates[network]) * gradient
            p.data += velocity[p]
        updates[network] += 1

    batch, block, stop, history = min(500, n), k * (k + 1) // 2, False, []
    for epoch in range(3 * stop_epochs):
        losses = []
        for index in range(n // batch):
            noise = torch.rand(batch, d, generator=rng).to(X)
            made = []
            for i in range(k):
                start = int((k + (k - i + 1)) * i / 2) * (batch // block)
                end = int((k + (k - i)) * (i + 1) / 2) * (batch // block) if i != k - 1 else batch
                made.append(G[i](noise[start:end]).detach())
            x = torch.cat([shuffled[index * batch : (index + 1) * batch], *made])
            loss_d = loss(D(x), torch.tensor([1.0] * batch + [0.0] * batch).to(X)[:, None])
            descend(D, lr_d, loss_d)
            losses.append([loss_d.item()])
            if stop and index < n // batch - 1:  # ours records the others no more, and draws no noise for them
                losses[-1] += [np.nan] * k
                continue
            p_value = pd.Series(D(X).detach().numpy()[:, 0])
            noise = torch.rand(batch, d, generator=rng).to(X)
            for i in range(k):
                target = float(p_value.quantile(i / k))
                loss_g = loss(D(G[i](noise)), torch.full((batch, 1), target).to(X))
                if not stop:
                    descend(G[i], lr_g, loss_g)
                losses[-1].append(loss_g.item())
            if epoch + 1 > stop_epochs:
                stop = True
        history.append(np.nanmean(losses, axis=0))
    return D, G, np.array(history)


@pytest.mark.parametrize(("n", "k"), [(1100, 3), (1100, 10), (40, 10), (30, 1)])
def test_mo_gaal_agrees_with_the_script(double, table, n, k):
    rates = {"lr_d": 0.5, "lr_g": 0.2, "decay": 0.1, "momentum": 0.9}
    D, G, history = mo_script(table[:n], stop_epochs=2, k=k, seed=7, **rates)
    detector = fit_mo(table[:n], k=k, random_state=7, **rates)
    assert len(detector.generators_) == k
    for script, ours in zip((D, *G), (detector.discriminator_, *detector.generators_)):
        for w, our in zip(weights_of(script), weights_of(ours)):
            np.testing.assert_allclose(our, w, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(detector.history_["discriminator_loss"], history[:, 0], rtol=1e-9)
    np.testing.assert_allclose(detector.history_["sub_generator_loss"], history[:, 1:], rtol=1e-9)
    np.testing.assert_allclose(detector.history_["generator_loss"], history[:, 1:].mean(1), rtol=1e-9)


# --- the rows of the official script's table, one by one ---


@pytest.mark.parametrize(
    ("batch", "k", "expected"),
    [
        (500, 10, [90, 81, 72, 63, 54, 45, 36, 27, 18, 14]),
        (54, 10, [0] * 9 + [54]),  # k (k + 1) / 2 is 55: the last one makes all
        (55, 10, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (7, 1, [7]),
    ],
)
def test_sub_generators_share_out_a_batch(batch, k, expected):
    assert shares(batch, k) == expected


def test_mo_gaals_generators_learn_for_one_batch_after_the_stop(table):
    full, longer = fit_mo(table, k=2), fit_mo(table, k=2, stop_epochs=3, schedule="at-stop")
    at_stop = fit_mo(table, k=2, schedule="at-stop")
    for other in (longer, at_stop):  # SO-GAAL's, after another whole epoch, are those of `longer`
        assert not np.array_equal(weights_of(full.generators_[0])[0], weights_of(other.generators_[0])[0])


def test_mo_gaal_with_one_generator_is_not_so_gaal(table):
    """Its target is the minimum of D, not 1, so the two pull their generators apart."""
    so, mo = fit(table, lr_g=0.05), fit_mo(table, lr_g=0.05, k=1)
    assert so.history_["discriminator_loss"][0] == pytest.approx(mo.history_["discriminator_loss"][0], rel=0.05)
    assert not np.allclose(weights_of(so.generator_)[0], weights_of(mo.generators_[0])[0], atol=1e-4)


def test_generator_starts_as_the_identity():
    first, relu, second, last = make_generator(5)
    assert isinstance(relu, nn.ReLU)
    assert isinstance(last, nn.ReLU)
    for layer in (first, second):
        np.testing.assert_array_equal(layer.weight.detach(), np.eye(5))
        np.testing.assert_array_equal(layer.bias.detach(), np.zeros(5))


def test_discriminator_has_a_hidden_layer_of_sqrt_n_and_truncated_normal_weights():
    hidden, relu, out = make_discriminator(100, 39_999, torch.Generator().manual_seed(0))
    assert isinstance(relu, nn.ReLU)
    assert (hidden.in_features, hidden.out_features, out.in_features, out.out_features) == (100, 200, 200, 1)
    for layer, fan_in in ((hidden, 100), (out, 200)):
        weight = layer.weight.detach().numpy() * math.sqrt(fan_in)
        assert 1.5 < np.abs(weight).max() <= 2  # truncated at two deviations
        assert not layer.bias.detach().any()
    weight = hidden.weight.detach().numpy() * 10
    assert abs(weight.std() - 0.88) < 0.01  # a unit normal's deviation after that truncation
    assert abs(weight.mean()) < 0.02


def test_post_starts_from_xavier_normal_and_from_biases():
    (hidden, _, _), generator = post(0.25)()._start(100, 40_000, torch.Generator().manual_seed(0))
    weight = hidden.weight.detach().numpy()
    assert abs(weight.std() / math.sqrt(2 / 300) - 1) < 0.02
    assert np.abs(weight).max() > 3 * math.sqrt(2 / 300)  # not truncated
    assert (hidden.bias == 0.05).all()
    assert all((layer.bias == 0.25).all() for layer in generator[::2])


@pytest.mark.parametrize(("n", "batch"), [(300, 300), (500, 500), (1100, 500)])
def test_noise_is_uniform_and_as_many_as_the_batch(n, batch, monkeypatch):
    seen, rand = [], torch.rand
    monkeypatch.setattr(torch, "rand", lambda *size, **kw: seen.append(rand(*size, **kw)) or seen[-1])
    fit(np.random.RandomState(0).uniform(size=(n, 3)), stop_epochs=1)
    assert {tuple(noise.shape) for noise in seen} == {(batch, 3)}
    assert len(seen) == 3 * (n // batch)  # the tail is dropped
    noise = torch.cat(seen)
    assert 0 <= noise.min() < 0.05
    assert 0.95 < noise.max() < 1


def test_batches_are_drawn_once_and_taken_in_order(table, monkeypatch):
    batches, learn = [], gaal.learn_to_tell_apart
    monkeypatch.setattr(
        gaal, "learn_to_tell_apart", lambda game, real, points: batches.append(real) or learn(game, real, points)
    )
    fit(table, stop_epochs=1)
    real = torch.stack(batches)[..., :3]
    assert torch.equal(real[:2], real[2:4])
    assert torch.equal(real[:2], real[4:6])
    rows = {tuple(row) for row in real[:2].reshape(-1, 3).tolist()}
    assert len(rows) == 1000
    assert rows < {tuple(row) for row in table.astype(np.float32).tolist()}
    assert not np.array_equal(real[0].numpy(), table[:500].astype(np.float32))


def test_schedule_and_freezing(table):
    full, longer = fit(table, stop_epochs=2), fit(table, stop_epochs=3, schedule="at-stop")
    assert len(full.history_["discriminator_loss"]) == len(full.history_["generator_loss"]) == 6
    assert len(longer.history_["discriminator_loss"]) == 3
    # The script freezes the generator after epoch stop_epochs + 1; its discriminator goes on.
    for a, b in zip(weights_of(full.generator_), weights_of(longer.generator_)):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(weights_of(full.discriminator_), weights_of(longer.discriminator_)):
        assert not np.array_equal(a, b)
    # Both learn before.
    assert not np.array_equal(full.generator_[0].weight.detach(), np.eye(3))
    shorter = fit(table, stop_epochs=2, schedule="at-stop")
    for a, b in zip(weights_of(full.generator_), weights_of(shorter.generator_)):
        assert not np.array_equal(a, b)


def test_scores_at_stop_are_those_of_training_that_ends_there(table):
    full, at_stop = fit(table), fit(table, schedule="at-stop")
    np.testing.assert_array_equal(full.scores_at_stop_, at_stop.anomaly_score(table))
    np.testing.assert_array_equal(at_stop.scores_at_stop_, at_stop.anomaly_score(table))
    assert not np.allclose(full.scores_at_stop_, full.anomaly_score(table))


def test_score_is_one_minus_the_discriminator(table):
    detector = fit(table)
    with torch.no_grad():
        D = torch.sigmoid(detector.discriminator_(torch.tensor(table, dtype=torch.float32)))
    np.testing.assert_allclose(detector.anomaly_score(table), 1 - D.numpy()[:, 0], atol=1e-6)


def test_extreme_scores_are_not_tied():
    discriminator = nn.Sequential(nn.Linear(1, 1))
    nn.init.ones_(discriminator[0].weight)
    nn.init.zeros_(discriminator[0].bias)
    logits = np.r_[-30:-20:11j, 20:30:11j]
    scores = gaal._scores(discriminator, logits[:, None])
    assert (np.diff(scores) < 0).all()


# --- watching ---


def test_labels_are_only_watched(table):
    y = np.repeat([0, 1], [1000, 100])
    plain, watched, other = fit(table), fit(table, y), fit(table, 1 - y)
    for detector in (watched, other):
        np.testing.assert_array_equal(detector.anomaly_score(table), plain.anomaly_score(table))
        assert detector.history_["discriminator_loss"] == plain.history_["discriminator_loss"]
    assert "auc" not in plain.history_
    assert len(watched.history_["auc"]) == 6
    assert watched.history_["auc"][1] == pytest.approx(roc_auc_score(y, watched.scores_at_stop_))
    assert watched.history_["auc"][-1] == pytest.approx(roc_auc_score(y, watched.anomaly_score(table)))
    np.testing.assert_allclose(other.history_["auc"], 1 - np.array(watched.history_["auc"]))


def test_watched_auc_counts_ties_half():
    y, scores = np.array([0, 1, 1, 0, 1]), np.array([0.5, 0.5, 0.9, 0.1, 0.1])
    assert gaal.auc_by_ranks(y, scores) == pytest.approx(roc_auc_score(y, scores))


RAGGED = [[1], [1, 2]] * 550


@pytest.mark.parametrize(
    "y", [np.repeat([-1, 1], 550), np.arange(1100) % 3, np.zeros(1100), np.full(1100, "nor"), [None, "a"] * 550, RAGGED]
)
def test_other_labels_are_ignored(table, y):
    assert set(fit(table, y, stop_epochs=1).history_) == {"discriminator_loss", "generator_loss"}


def test_labels_may_be_a_tensor_that_takes_a_gradient(table):
    y = np.arange(len(table)) % 2
    expected = fit(table, y=y).history_["auc"]
    assert fit(table, y=torch.tensor(y, dtype=torch.float32, requires_grad=True)).history_["auc"] == expected


def test_labels_may_be_a_column_and_must_match_the_samples(table):
    X, y = table[:60], (np.arange(60) > 50).astype(int)
    assert fit(X, y[:, None]).history_["auc"] == fit(X, y).history_["auc"]
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[60, 2\]"):
        fit(X, [0, 1])


def test_callback_sees_each_epoch_and_the_networks_as_they_are(table):
    seen = []

    def look(epoch):
        seen.append((epoch.number, epoch.history["discriminator_loss"][-1], weights_of(epoch.generators[0])[0].copy()))
        assert epoch.discriminator(torch.zeros(2, 3)).shape == (2, 1)

    detector = fit(table, callback=look)
    assert [number for number, _, _ in seen] == [1, 2, 3, 4, 5, 6]
    assert [loss for _, loss, _ in seen] == detector.history_["discriminator_loss"]
    assert not np.array_equal(seen[0][2], seen[1][2])
    np.testing.assert_array_equal(seen[-1][2], weights_of(detector.generator_)[0])


def test_tensorboard_is_written_or_asked_for(table, tmp_path, monkeypatch):
    written, figures, folders, closed = {}, {}, [], []

    class SummaryWriter(contextlib.nullcontext):
        def __init__(self, folder):
            folders.append(folder)

        def __enter__(self):
            return self

        def __exit__(self, *raised):
            closed.append(raised[0])

        def add_scalar(self, name, value, epoch):
            written.setdefault(name, []).append((epoch, value))

        def add_figure(self, name, figure, epoch):
            figures[name, epoch] = [points.get_offsets().data for points in figure.axes[0].collections]

        def flush(self):
            pass

    module = type(sys)("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    detector = fit_mo(table, np.arange(1100) % 2, k=2, log_dir=f"~/{tmp_path.name}")
    assert folders == [tmp_path] and closed == [None]
    of_each = {"sub_generator_loss/0", "sub_generator_loss/1"}
    assert set(written) == {"discriminator_loss", "generator_loss", "auc"} | of_each
    assert written["auc"] == list(enumerate(detector.history_["auc"], start=1))
    epochs = [epoch for _, epoch in figures]
    assert epochs == [2**i for i in range(len(epochs))] and 2 ** len(epochs) > detector.n_epochs_
    data, first, second = figures["generated points", epochs[-1]]
    spread = np.linalg.eigvalsh(np.cov(table.T))
    np.testing.assert_allclose(np.var(data, axis=0, ddof=1), spread[:0:-1], rtol=1e-6)
    assert len(data) == len(table) and not np.array_equal(first, second)

    def interrupt(epoch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(table, log_dir=tmp_path, callback=interrupt)
    assert closed[-1] is KeyboardInterrupt  # the file is closed then, too
    repetitions = fit_repetitions(SOGAAL(2, device="cpu", verbose=False, log_dir=str(tmp_path)), table, (3, 4))
    assert folders[-2:] == [tmp_path / "seed-3", tmp_path / "seed-4"] == [d.log_dir for d in repetitions]
    for lacking in ("matplotlib.figure", "torch.utils.tensorboard"):
        with monkeypatch.context() as without:
            without.setitem(sys.modules, lacking, None)
            with pytest.raises(ImportError, match=f"{lacking}.*pip install tensorboard matplotlib"):
                fit(table, log_dir=tmp_path)
    with pytest.raises(TypeError, match="log_dir must be a path; got 3"):
        fit(table, log_dir=3)


# --- when to stop ---


def history_of(loss_d, loss_g):
    return {"discriminator_loss": list(loss_d), "generator_loss": list(loss_g)}


def test_rules_stop_where_they_say():
    rise, fall = np.linspace(0.7, 1.5, 300), np.linspace(1.5, 0.8, 200)
    loss_g = np.r_[rise, fall, np.full(200, 0.8)]
    stops = [gaal.generator_settled(history_of(loss_g, loss_g[:e]), 20) for e in range(1, 701)]
    assert 500 <= 1 + stops.index(True) <= 540  # while it rises it does not fall; then the fall ends
    loss_d = np.r_[np.linspace(0.69, 0.5, 300), np.linspace(0.5, 0.7, 200)]
    stops = [gaal.discriminator_guesses(history_of(loss_d[:e], loss_d), 20) for e in range(1, 501)]
    assert 480 <= 1 + stops.index(True) <= 500  # ahead first, then back at ln 2


@pytest.mark.parametrize("rule", gaal.RULES)
def test_a_rule_stops_between_its_bounds_and_sees_no_labels(table, rule, monkeypatch):
    seen = []
    monkeypatch.setitem(gaal.RULES, rule, lambda history, window: seen.append(set(history)) or len(seen) == 3)
    detector = fit(table, np.arange(1100) % 2, rule, schedule="at-stop")
    assert detector.stop_epoch_ == detector.n_epochs_ == 102  # 100 epochs of two batches, then the third question
    full = fit(table, stop_epochs=102)
    np.testing.assert_array_equal(full.scores_at_stop_, detector.anomaly_score(table))
    assert (full.stop_epoch_, full.n_epochs_) == (102, 306)
    monkeypatch.setitem(gaal.RULES, rule, lambda history, window: False)
    assert fit(table, stop_epochs=rule, schedule="at-stop").stop_epoch_ == 1000


# --- as a detector ---


@pytest.mark.parametrize("rule", gaal.RULES)
def test_default_finds_the_outliers_around_a_cluster(rule):
    X, y = make_onecluster()
    detectors = fit_repetitions(SOGAAL(rule, device="cpu", verbose=False), X, range(3))
    assert min(roc_auc_score(y, detector.anomaly_score(X)) for detector in detectors) > 0.99


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("make", [SOGAAL, MOGAAL])
def test_repetitions_are_as_alone(table, make, n_jobs):
    detector = make(3, device="cpu", verbose=False)
    for seed, fitted in zip((5, 6, 7), fit_repetitions(detector, table, (5, 6, 7), n_jobs=n_jobs)):
        alone = clone(detector).set_params(random_state=seed).fit(table)
        np.testing.assert_array_equal(fitted.anomaly_score(table), alone.anomaly_score(table))
        assert fitted.history_ == alone.history_


def test_repetitions_in_processes_compute_in_the_caller_s_precision(table):
    detector = SOGAAL(2, device="cpu", verbose=False)
    torch.set_default_dtype(torch.float64)
    try:
        (fitted,) = fit_repetitions(detector, table, [0], n_jobs=2)
    finally:
        torch.set_default_dtype(torch.float32)
    assert fitted.discriminator_[0].weight.dtype == torch.float64


@pytest.mark.parametrize("make", [SOGAAL, MOGAAL])
def test_works_with_scikit_learns_tools(table, make):
    X = pd.DataFrame(table[:80] * 7, columns=list("abc"))
    pipeline = make_pipeline(MinMaxScaler(), make(2, device="cpu", random_state=0, verbose=False))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cross_val_predict(pipeline, X, cv=2, method="decision_function").shape == (80,)
    name = make.__name__.lower()
    grid = {f"{name}__stop_epochs": [1, 2]} | ({"mogaal__k": [1, 2]} if make is MOGAAL else {})
    search = GridSearchCV(pipeline, grid, scoring=lambda fitted, X, y=None: np.ptp(fitted.score_samples(X)), cv=2)
    best = search.fit(X).best_estimator_
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(best)).score_samples(X), best.score_samples(X))
    assert len(pickle.dumps(best)) < 20_000


def test_unscaled_features_and_equal_scores_warn(table):
    with pytest.warns(UserWarning, match=r"X spans \[.*MinMaxScaler") as said:
        SOGAAL(1, verbose=False).fit(table + 1)
    assert said[0].filename == __file__
    with pytest.warns(UserWarning, match="scores on its training data are all .*MinMaxScaler"):
        fit(load_wine().data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(table)


def test_values_beyond_float32_are_refused_and_large_ones_scored(table):
    detector = fit(table)
    for X in (np.full((1, 3), 1e39), np.full((1, 3), -1e300)):
        with pytest.raises(ValueError, match=r"X must lie within .* the largest float32; got -?1e\+"):
            detector.predict(X)
    assert np.isfinite(detector.anomaly_score(np.full((1, 3), 3e38))).all()


def test_an_interrupted_fit_leaves_the_one_before(table):
    def interrupt(epoch):
        raise KeyboardInterrupt

    detector = fit(table)
    before = detector.anomaly_score(table)
    with pytest.raises(KeyboardInterrupt):
        detector.set_params(callback=interrupt).fit(table[:, :2])
    np.testing.assert_array_equal(detector.anomaly_score(table), before)


def test_finds_outliers_around_a_cluster():
    X, y = make_onecluster()
    detector = fit(X, y, stop_epochs=400, schedule="at-stop")
    assert len(np.unique(detector.anomaly_score(X))) > 900
    assert detector.history_["auc"][-1] > 0.95
    assert detector.anomaly_score([[0.5, 0.5]]) < detector.anomaly_score([[0.05, 0.95]])


def test_random_state_decides_and_nothing_else_is_touched(table):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    a, b, c = fit(table), fit(table), fit(table, random_state=1)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(a.anomaly_score(table), b.anomaly_score(table))
    assert not np.allclose(a.anomaly_score(table), c.anomaly_score(table))


def test_divergence_says_what_to_try(table):
    detector = SOGAAL(5, lr_d=1e30, device="cpu", verbose=False, random_state=0)
    with pytest.raises(FloatingPointError, match=r"diverged.*Lower lr_d=1e\+30 or lr_g=0.0001.*\[0, 1\]"):
        detector.fit(table)
    with pytest.raises(Exception, match="not fitted"):
        detector.predict(table)


@pytest.mark.parametrize(
    ("parameter", "value", "error"),
    [
        ("stop_epochs", 0, ValueError),
        ("stop_epochs", 2.5, TypeError),
        ("stop_epochs", "soon", ValueError),
        ("lr_d", 0.0, ValueError),
        ("lr_g", -1.0, ValueError),
        ("decay", -1e-6, ValueError),
        ("momentum", 1.0, ValueError),
        ("callback", "print", TypeError),
        ("schedule", "half", ValueError),
        ("contamination", 0.6, ValueError),
        ("device", "gpu", ValueError),
    ],
)
def test_bad_parameters_are_named(table, parameter, value, error):
    with pytest.raises(error, match=f"^{parameter}.*{value if error is ValueError else ''}"):
        fit(table, **{parameter: value})


def test_progress_bar_can_be_turned_off(table, capfd):
    fit(table)
    assert capfd.readouterr().err == ""
    fit(table, verbose=True)
    assert "SO-GAAL" in capfd.readouterr().err


# --- the numbers ---


@REAL_DATA
@pytest.mark.parametrize(
    ("make", "name", "stop_epochs", "auc", "within"),
    [
        # Three seeds of a port of the script gave .978 +- .004, .904 +- .010 and .819 +- .047. For Stamps three seeds
        # are too few: the script's own networks and loop on Keras gave, over 120 seeds, a median of .90, a mean of
        # .87 and a deviation of .09. So the median over more seeds is judged.
        (SOGAAL, "WDBC", 200, 0.978, 0.008),
        (SOGAAL, "Stamps", 200, 0.904, 0.03),
        (SOGAAL, "Waveform", 10, 0.819, 0.094),
        # A port of the script gave .973 +- .006, .867 +- .012 and .662 +- .020 from three seeds; fifteen of ours spread
        # by .003, .027 and .025. Two of the wider deviation are allowed.
        (MOGAAL, "WDBC", 200, 0.973, 0.012),
        (MOGAAL, "Waveform", 30, 0.867, 0.054),
        (MOGAAL, "Pima", 250, 0.662, 0.05),
    ],
)
def test_auc_at_stop(make, name, stop_epochs, auc, within):
    _, X, y = load_table(name)
    detectors = fit_repetitions(make(stop_epochs, device="cpu", verbose=False), X, range(15), y)
    assert abs(np.median([detector.history_["auc"][-1] for detector in detectors]) - auc) <= within


@REAL_DATA
def test_the_posts_two_figures():
    """Its figure 4, bias 1: low discriminator loss, rising generator loss. Figure 5, bias 1e-5: a high AUC."""
    _, X, y = load_table("onecluster")
    high, low = (fit(X, y, 1000, make=post(bias)).history_ for bias in (1.0, 1e-5))
    assert high["discriminator_loss"][-1] < 0.4 < 0.6 < low["discriminator_loss"][-1]
    assert high["generator_loss"][-1] > 2 > 1 > low["generator_loss"][-1]
    assert high["auc"][-1] < 0.9 < low["auc"][-1]
