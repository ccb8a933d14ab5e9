"""Each benchmark runs, at a size that says nothing about speed, and what it compares computes the same."""

import importlib
import json
import multiprocessing
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from ganod_lite.gaal import MOGAAL, SOGAAL

ROOT = Path(__file__).resolve().parents[1]
FEW = {"n_images": 3, "n_seeds": 2}
SIZES = {
    "search": {"ngfs": (4,), "n_others": 2, "n_plain": 1, "compiled": False, **FEW},
    "floor": {"ngfs": (4,), "array_bytes": 2**20, "compiled": False, **FEW},
    "scaling": {
        "series": {"n_images": (1, 3), "n_seeds": (1, 2), "n_steps": (1, 2), "ngf": (4, 8)},
        "memory": [(2, 2, 8)],
        "n_steps": 1,
        "ngf": 4,
        **FEW,
    },
    "training": {
        "n_at_once": 2,
        "n_steps": 1,
        "n_images": 8,
        "ngf": 4,
        "batch_size": 4,
        "latent_size": 4,
        "compiled": False,
    },
    "grid": {"scale": "smoke", "methods": ("iforest",), "classes": (0, 1)},
    "gaal": {"updates": 1, "repetitions": 2},
    "anogan": {"ngfs": (4,), "n_images": 2, "n_steps": 1, "latent_size": 4},
}
RATIO = {"search": "times_plain", "floor": "share_of_floor", "scaling": "relative", "training": "times_one",
         "grid": "times_one", "gaal": "times_pyod",
         "anogan": "times_pyod"}  # fmt: skip


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)


@pytest.fixture
def pyod(monkeypatch):
    """PyOD's GAAL is ours, and its AnoGAN one without a search, so that benchmarks can be tested without it."""
    names = ("pyod", "pyod.models", "pyod.models.so_gaal", "pyod.models.mo_gaal", "pyod.models.anogan")
    modules = {name: ModuleType(name) for name in names}
    modules["pyod"].__version__ = "0"
    modules["pyod.models.so_gaal"].SO_GAAL, modules["pyod.models.mo_gaal"].MO_GAAL = SOGAAL, MOGAAL
    anogan = modules["pyod.models"].anogan = modules["pyod.models.anogan"]
    anogan.Generator = anogan.Discriminator = None

    class AnoGAN:
        def __init__(self, epochs, epochs_query, latent_dim_G):
            assert epochs == 0
            self.z = torch.zeros(1, latent_dim_G)

        def fit(self, X):
            made = anogan.Generator()(self.z)
            assert made.shape == (1, X.shape[1]) and anogan.Discriminator()(made).shape == (1, 1)
            self.decision_scores_ = np.abs(X - made.detach().numpy()).sum(1)
            return self

    anogan.AnoGAN = AnoGAN
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


def run(name, folder, **changes):
    common, module = (importlib.import_module(f"benchmarks.{part}") for part in ("common", name))
    arguments = ["--device", "cpu", "--time-limit", "0", "--out", str(folder)]
    path = common.main(name, module.measure, arguments, **SIZES[name] | changes)
    return json.loads(path.read_text())


@pytest.mark.parametrize("name", SIZES)
def test_record_and_table(name, tmp_path, capsys, pyod):
    record = run(name, tmp_path)
    assert [path.name.partition("-")[0] for path in tmp_path.iterdir()] == [name]
    assert record["benchmark"] == name
    assert record["device_type"] == "cpu"
    assert record["parameters"] and record["versions"]["torch"] == torch.__version__
    assert {"commit", "device", "finished", "seconds"} <= record.keys()
    timed = [row for row in record["rows"] if RATIO[name] in row]
    assert timed and all(len(row[RATIO[name]]) == 1 for row in timed), "one round without time"
    numbers = np.concatenate([v for row in timed for v in row.values() if isinstance(v, list)])
    assert np.isfinite(numbers).all() and (numbers > 0).all()
    shown = capsys.readouterr().out
    assert RATIO[name] in shown and record["device"] in shown


def test_variants_of_the_search_agree(tmp_path):
    rows = run("search", tmp_path)["rows"]
    assert [row["images"] for row in rows] == [1, 1, 3, 2]
    assert all(row["difference"] < 1e-6 for row in rows), rows


def test_rounds_take_turns_and_end_with_the_time():
    common = importlib.import_module("benchmarks.common")
    calls = []
    functions = {name: lambda name=name: calls.append(name) or name for name in "ab"}
    results, times = common.in_turns(functions, torch.device("cpu"), seconds=100, rounds=2)
    assert calls == ["a", "b"] * 3  # once unmeasured
    assert results == {"a": "a", "b": "b"} and [len(t) for t in times.values()] == [2, 2]
    _, times = common.in_turns(functions, torch.device("cpu"), seconds=0)
    assert [len(t) for t in times.values()] == [1, 1]


@pytest.mark.parametrize("name", ["gaal", "anogan"])
def test_without_pyod_it_says_what_to_install(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyod", None)
    with pytest.raises(SystemExit, match="pip install pyod"):
        run(name, tmp_path)


@pytest.mark.parametrize("work", ["compute_grid", "train"])
def test_kills_finds_nothing_wrong_and_would_find_a_loss(work, monkeypatch):
    kills = importlib.import_module("benchmarks.kills")
    results = {"compute_grid": kills.stored, "train": kills.trained}[work]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ganod_study.runner"])  # as the program does: imports take longer than the work
    process = context.Process
    rng = np.random.default_rng(0)
    assert kills.kill(getattr(kills, work), results, 2, rng, process) >= 1

    monkeypatch.setattr(kills, "files", lambda folder, real=kills.files: [*real(folder), folder])
    with pytest.raises(AssertionError, match="left behind"):
        kills.kill(getattr(kills, work), results, 1, rng, process)


def test_errand_for_a_gpu_ends_in_an_archive_of_small_parts(tmp_path, monkeypatch, capsys):
    gpu = importlib.import_module("benchmarks.gpu")
    monkeypatch.setattr(gpu, "PART", 20_000)
    monkeypatch.setattr(gpu, "TABLE1", ["adgan", "iforest"])
    monkeypatch.setenv("GANOD_DATA", str(tmp_path / "no data"))
    gpu.main(["--device", "cpu", "--scale", "smoke", "--time-limit", "250", "--benchmarks", "--out", str(tmp_path)])
    assert "adgan-digits: done" in capsys.readouterr().out
    parts = sorted(tmp_path.glob("gpu.tar.gz.*"))
    assert len(parts) > 1
    assert all(part.stat().st_size <= 20_000 for part in parts)
    whole = tmp_path / "whole.tar.gz"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    with tarfile.open(whole) as tar:
        names = tar.getnames()
    assert "gpu/summary.txt" in names
    for method in ("adgan", "critic", "prior", "iforest"):
        assert any(f"/{method}" in name and name.endswith(".json") for name in names), method
