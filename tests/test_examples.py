"""The examples in the reference's docstrings run, each public name has one, and the shipped detector works."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

import ganod_lite

MODULES = [f"ganod_lite.{module.name}" for module in pkgutil.iter_modules(ganod_lite.__path__)]


@pytest.mark.parametrize("name", [*MODULES, "ganod_study.image_files"])
def test_examples_run(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert not failed


@pytest.mark.parametrize("name", ganod_lite.__all__)
def test_what_is_public_has_an_example(name):
    assert ">>> " in getattr(ganod_lite, name).__doc__


def test_the_shipped_detector_tells_zeros_from_other_digits():
    path = Path(__file__).resolve().parents[1] / "examples" / "mnist-zeros.ganod"
    assert path.stat().st_size < 1e6
    detector = ganod_lite.load(path, device="cpu").set_params(verbose=False)
    pixels, y = load_digits(return_X_y=True)  # of another make than MNIST, brought to its size
    small = torch.tensor(pixels[:60], dtype=torch.float32).view(-1, 1, 8, 8) / 8 - 1
    x = F.pad(F.interpolate(small, size=(20, 20), mode="bilinear"), (6, 6, 6, 6), value=-1)
    assert roc_auc_score(y[:60] != 0, detector.anomaly_score(x)) > 0.9
