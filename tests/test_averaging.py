"""The moving average of a generator's weights: against its formula, resumed, and as what a scale's networks store."""

import copy
from dataclasses import replace
from functools import partial

import pytest
import torch

from ganod_lite import training
from ganod_lite.gan import train_gans
from ganod_study import networks
from ganod_study.averaging import AveragedTraining, train_averaged
from ganod_study.jobs import Cell, images_of
from ganod_study.networks import Network
from ganod_study.scales import AVERAGE, SCALES
from ganod_study.store import Store

SIZES = {"latent_size": 4, "ngf": 2, "batch_size": 8, "objective": "wgan-gp", "device": "cpu"}
RNG = torch.Generator().manual_seed(0)
SETS = ([torch.rand(n, 1, 16, 16, generator=RNG) for n in (20, 15)], [0, 1])
train = partial(train_averaged, *SETS, decay=0.4, n_steps=6, verbose=False, **SIZES)


def weights(gan):
    return [value for value in gan.generator.state_dict().values() if value.is_floating_point()]


def same(some, others):
    return all(torch.equal(a, b) for x, y in zip(some, others, strict=True) for a, b in zip(weights(x), weights(y)))


def test_the_average_follows_its_formula_and_training_does_not_notice(monkeypatch):
    step, states = AveragedTraining.step, []

    def watched(self, *draws):
        if not states:
            states.append(copy.deepcopy(self.generator))
        losses = step(self, *draws)
        states.append(copy.deepcopy(self.generator))
        return losses

    monkeypatch.setattr(AveragedTraining, "step", watched)
    last, averaged = train_averaged(SETS[0][:1], [0], decay=0.4, n_steps=6, verbose=False, **SIZES)
    assert same(last, train_gans(SETS[0][:1], [0], n_steps=6, verbose=False, **SIZES))
    assert last[0].critic_loss == averaged[0].critic_loss

    start, *after = ([v.double() for v in s.state_dict().values() if v.is_floating_point()] for s in states)
    expected = start
    for decay, values in zip((1 / 10, 2 / 11, 3 / 12, 4 / 13, 5 / 14, 0.4), after):  # min(t / (t + 9), decay)
        expected = [decay * a + (1 - decay) * value for a, value in zip(expected, values)]
    for value, wanted in zip(weights(averaged[0]), expected, strict=True):
        torch.testing.assert_close(value.double(), wanted, rtol=1e-5, atol=1e-6)


def test_each_of_several_and_a_resumed_training_have_the_same_average(monkeypatch, tmp_path):
    monkeypatch.setattr(training, "BLOCK", 2)
    last, averaged = train()
    assert not same(last, averaged)
    block, calls = AveragedTraining.block, []

    def interrupted(self, n_steps):
        calls.append(n_steps)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return block(self, n_steps)

    state = tmp_path / "state"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(AveragedTraining, "block", interrupted)
        patch.setattr("ganod_lite.training.Training.run", partial_run(state))
        train()
    assert state.exists()
    again = train(checkpoint=state)
    assert same(again[0], last) and same(again[1], averaged)
    assert not state.exists()


def partial_run(path):
    """`Training.run` with a checkpoint after each block."""
    run = training.Training.run
    return lambda self, checkpoint=None, **options: run(self, path, 0, **options)


def test_a_scale_s_networks_are_averaged_where_it_says_so_and_their_keys_tell(monkeypatch, tmp_path):
    plain = SCALES["smoke"]["digits"]
    network, cell = Network("gan", "digits", 0, 0, "smoke", "wgan-gp"), Cell("digits", 0, "adgan", 0, "smoke")
    autoencoder = Cell("digits", 0, "dcae", 0, "smoke").parameters
    before = network.parameters, cell.parameters, Cell("digits", 0, "adgan-untrained", 0, "smoke").parameters
    assert all("average" not in parameters for parameters in before)
    monkeypatch.setitem(SCALES["smoke"], "digits", replace(plain, average=AVERAGE))
    after = network.parameters, cell.parameters, Cell("digits", 0, "adgan-untrained", 0, "smoke").parameters
    assert after == (before[0] | {"average": AVERAGE}, before[1] | {"average": AVERAGE}, before[2])
    assert Cell("digits", 0, "dcae", 0, "smoke").parameters == autoencoder

    made = []
    monkeypatch.setattr(networks, "train_averaged", lambda *a, **k: made.append(train_averaged(*a, **k)) or made[-1])
    store = Store(tmp_path)
    networks.train([network], store, images_of("digits", None), device="cpu", verbose=False)
    assert same([network.load(store)[0]], made[0][1]) and not same(*made[0])


def test_large_is_averaged_and_no_other_scale():
    averaged = {scale for scale, of in SCALES.items() for settings in of.values() if settings.average}
    assert averaged == {"large"}
