"""Autoencoders that stop where the held-out loss does: what is held out, when they stop, and which weights are kept."""

import copy

import numpy as np
import pytest
import torch

from ganod_lite.autoencoders import train_autoencoder
from ganod_lite.training import TimeIsUp
from ganod_study.stopping import StoppedTraining, train_stopped

IMAGES = np.random.RandomState(0).randint(256, size=(95, 8, 8)).astype(np.uint8)
SIZES = {"latent_size": 4, "ngf": 2, "batch_size": 8, "device": "cpu"}


def training(patience=100, variational=False, n_steps=1000):
    return StoppedTraining(IMAGES, 3, variational=variational, n_steps=n_steps, patience=patience, **SIZES)


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values()))


@pytest.mark.parametrize("variational", [False, True])
def test_it_is_the_library_s_training_on_nine_tenths_of_the_images(variational):
    t = training(variational=variational, n_steps=100)
    held_out = {image.numpy().tobytes() for image in t.held_out}
    rest = t.images.numpy()
    assert len(held_out) == 10 and len(rest) == 85
    assert held_out.isdisjoint({image.tobytes() for image in rest})
    found, about = t.run(verbose=False)
    plain = train_autoencoder(rest, 3, variational=variational, n_steps=about["step"], verbose=False, **SIZES)
    assert same_weights(found.encoder, plain.encoder) and same_weights(found.decoder, plain.decoder)
    assert not variational or found.variance.item() == pytest.approx(plain.variance.item(), rel=0.2)  # of other noise
    assert not found.training
    assert about["n_steps"] == 100 and found.loss[: about["step"]] == plain.loss


def test_it_stops_once_the_held_out_loss_has_not_fallen_for_as_long_as_the_patience(monkeypatch):
    t, seen = training(), []
    falling = iter([5, 3, 4, 2, 2, 3, 9, 2, 1])

    def held_out_loss():
        seen.append(copy.deepcopy(t.model))
        return torch.tensor(float(next(falling)))

    monkeypatch.setattr(t, "held_out_loss", held_out_loss)
    model, about = t.run(verbose=False)
    assert about == {"held_out_loss": 2, "step": 100, "n_steps": 200}  # looked at every 25 steps
    assert same_weights(model, seen[3]) and not same_weights(model, seen[4])


def test_the_held_out_loss_is_that_of_the_network_as_it_scores():
    t = training()
    t.block(25)
    model, before = copy.deepcopy(t.model).eval(), copy.deepcopy(t.model)
    with torch.no_grad():
        expected = (model(t.held_out) - t.held_out).square().flatten(1).sum(1).mean()
    assert t.held_out_loss().item() == pytest.approx(expected.item(), rel=1e-5)
    assert t.model.training and same_weights(t.model, before)  # batch normalisation's statistics too
    t = training(variational=True)
    assert t.held_out_loss() == t.held_out_loss()  # the same noise


def test_it_looks_at_the_end_too():
    model, about = training(patience=1000, n_steps=60).run(verbose=False)
    assert about["step"] == about["n_steps"] == 60 and np.isfinite(about["held_out_loss"])
    rest = training().images
    assert same_weights(model, train_autoencoder(rest, 3, variational=False, n_steps=60, verbose=False, **SIZES))


def test_a_held_out_loss_that_is_not_finite_is_an_error(monkeypatch):
    t = training()
    monkeypatch.setattr(t, "held_out_loss", lambda: torch.tensor(float("nan")))
    with pytest.raises(FloatingPointError, match="DCAE training diverged"):
        t.run(verbose=False)


def test_an_interrupted_one_ends_as_if_it_were_not(tmp_path, monkeypatch):
    options = {"variational": True, "n_steps": 500, "patience": 100, "verbose": False, **SIZES}
    whole, about = train_stopped(IMAGES, 3, **options)
    for _ in range(99):
        try:
            parts, found = train_stopped(IMAGES, 3, checkpoint=tmp_path / "state", stop_at=0, **options)
            break
        except TimeIsUp:
            continue
    assert found == about and same_weights(parts, whole)
    with monkeypatch.context() as patch:
        patch.setattr(StoppedTraining, "finish", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):  # killed at the very end
            StoppedTraining(IMAGES, 3, **{name: value for name, value in options.items() if name != "verbose"}).run(
                tmp_path / "state", checkpoint_seconds=0, verbose=False
            )
    again, found = train_stopped(IMAGES, 3, checkpoint=tmp_path / "state", **options)
    assert found == about and same_weights(again, whole)
    with pytest.raises(TimeIsUp):
        train_stopped(IMAGES, 3, checkpoint=tmp_path / "state", stop_at=0, **options)
    with pytest.raises(ValueError, match="belongs to another training"):
        train_stopped(IMAGES, 3, checkpoint=tmp_path / "state", **options | {"patience": 50})
