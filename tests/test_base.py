"""Devices and seeds."""

import numpy as np
import pytest
import torch

from ganod_lite.base import resolve_device, seed_from


def test_devices(monkeypatch):
    assert resolve_device("cpu") == resolve_device(torch.device("cpu")) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto").type == "cuda"
    with monkeypatch.context() as patch:
        patch.setattr(torch, "zeros", lambda *shape, **options: torch.ones(1))  # as if the device could be used
        assert resolve_device("cuda:1") == torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"


@pytest.mark.parametrize("device", ["meta", *(["cuda", "cuda:1"] if not torch.cuda.is_available() else [])])
def test_a_device_that_can_not_be_used_here_is_named(device):
    with pytest.raises(ValueError, match=f"device='{device}' can't be used here"):
        resolve_device(device)


@pytest.mark.parametrize("device", ["gpu", "", None, 1.5])
def test_bad_devices_are_named(device):
    with pytest.raises(ValueError, match=f'device must be "auto" or .*; got {device!r}'):
        resolve_device(device)


def test_seeds():
    assert seed_from(5) == seed_from(np.int64(5)) == 5
    assert isinstance(seed_from(np.int64(5)), int)
    assert seed_from(np.random.RandomState(0)) == seed_from(np.random.RandomState(0))
    state = np.random.RandomState(0)
    assert seed_from(state) != seed_from(state)
    np.random.seed(0)
    a = seed_from(None)
    np.random.seed(0)
    assert seed_from(None) == a
    with pytest.raises(ValueError, match="random_state must be an int, a RandomState or None; got 'five'"):
        seed_from("five")
