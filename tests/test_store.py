"""The store: what goes in comes out, what is damaged is noticed, nothing is there by half."""

import hashlib
import json
import os
import re
import socket
import subprocess

import numpy as np
import pytest
import torch

from ganod_lite.files import write_aside
from ganod_study import store as store_module
from ganod_study.store import Store, circumstances, stopwatch

PARAMETERS = {"dataset": "digits", "normal_class": 3, "dimensions": [4, 8], "n_train": None, "lr": 5e-5}
ARRAYS = {"scores": np.linspace(0, 1, 7, dtype=np.float32), "labels": np.arange(7) % 2 == 0}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "not" / "yet" / "there")


def put(store, parameters=PARAMETERS, arrays=ARRAYS, **options):
    stem = store.stem("digits/smoke/kde", "class3-seed0", parameters)
    return stem, store.put(stem, parameters, arrays, 1.239, "cpu", **options)


def files(store):
    return sorted(path.name for path in store.root.rglob("*") if path.is_file())


def test_an_entry_comes_back_as_it_was_put(store):
    stem, made = put(store, details={"holdout_auc": {4: 0.5, 8: 0.75}})
    for entry in (made, Store(store.root).get(stem)):
        assert entry.parameters == PARAMETERS
        assert entry.record["details"] == {"holdout_auc": {"4": 0.5, "8": 0.75}}  # whether made or read
        assert list(entry.arrays) == list(ARRAYS)
        for name, values in ARRAYS.items():
            np.testing.assert_array_equal(entry.arrays[name], values)
            assert entry.arrays[name].dtype == values.dtype
    assert made.record == store.get(stem).record
    assert re.fullmatch(r"class3-seed0-[0-9a-f]{8}", stem.name)
    assert files(store) == [f"{stem.name}.json", f"{stem.name}.npz"]


def test_the_state_of_networks_comes_back_as_it_was_put(store):
    arrays = {"net": torch.nn.BatchNorm1d(3).state_dict(), "losses": torch.rand(2, 5)}
    stem, _ = put(store, arrays=arrays)
    assert files(store) == [f"{stem.name}.json", f"{stem.name}.pt"]
    found = store.get(stem).arrays
    assert torch.equal(found["losses"], arrays["losses"])
    assert all(torch.equal(found["net"][name], value) for name, value in arrays["net"].items())


def test_the_record_says_how_the_entry_came_about(store):
    stem, _ = put(store)
    record = json.loads(stem.with_name(stem.name + ".json").read_text())
    assert record["parameters"] == PARAMETERS and record["details"] == {}
    assert record["seconds"] == 1.24
    assert record["sha256"] == hashlib.sha256((stem.parent / record["file"]).read_bytes()).hexdigest()
    assert record["versions"]["torch"] == torch.__version__ and record["versions"]["numpy"] == np.__version__
    assert set(record["versions"]) == {"python", "numpy", "scikit-learn", "torch"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", record["finished"])
    assert record["device"].endswith(f" {os.cpu_count()} cores, 1 thread")  # see conftest.py
    assert re.fullmatch(r"[0-9a-f]{7,40}(-dirty)?|unknown", record["commit"])


def test_the_commit_is_unknown_outside_a_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(store_module, "__file__", str(tmp_path / "store.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    store_module.commit.cache_clear()
    try:
        assert circumstances()["commit"] == "unknown"
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
        for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
            subprocess.run([*git, *command], cwd=tmp_path, check=True)
        store_module.commit.cache_clear()
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True).stdout
        assert circumstances()["commit"] == head[:12]
    finally:
        store_module.commit.cache_clear()


def test_entries_with_other_parameters_are_kept_apart(store):
    stem, _ = put(store)
    assert store.get(store.stem("digits/smoke/kde", "class3-seed0", PARAMETERS | {"n_train": 5})) is None
    shuffled = dict(reversed(PARAMETERS.items())) | {"dimensions": (4, 8)}  # order and tuples make no difference
    assert store.stem("digits/smoke/kde", "class3-seed0", shuffled) == stem


def test_nothing_there_is_none_without_a_warning(store, recwarn):
    assert store.get(store.stem("a", "b", {})) is None
    stem, _ = put(store)
    stem.with_name(stem.name + ".json").unlink()  # killed before the record was written
    assert store.get(stem) is None
    assert store.entries() == [] and not recwarn.list


DAMAGE = {
    "arrays cut": (".npz", lambda raw: raw[:-20]),
    "a bit of the arrays": (".npz", lambda raw: raw[:60] + bytes([raw[60] ^ 1]) + raw[61:]),
    "arrays empty": (".npz", lambda raw: b""),
    "arrays gone": (".npz", None),
    "record cut": (".json", lambda raw: raw[: len(raw) // 2]),
    "record empty": (".json", lambda raw: b""),
    "record of another kind": (".json", lambda raw: b"[1, 2]"),
    "record without the file": (".json", lambda raw: b"{}"),
    "record without details": (".json", lambda raw: raw.replace(b'"details"', b'"other"')),
    "details of another kind": (".json", lambda raw: raw.replace(b'"details": {}', b'"details": 3')),
    "record not text": (".json", lambda raw: b"\xff\xfe\x00"),
}


@pytest.mark.parametrize(("suffix", "damage"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_said_and_the_entry_counts_as_missing(store, suffix, damage):
    stem, _ = put(store)
    other, _ = put(store, PARAMETERS | {"normal_class": 4})
    path = stem.with_name(stem.name + suffix)
    raw = path.read_bytes()
    path.unlink()
    if damage:
        path.write_bytes(damage(raw))
    with pytest.warns(UserWarning, match=f"{stem} in the store is damaged .*computed again"):
        assert store.get(stem) is None
    with pytest.warns(UserWarning, match="damaged"):
        assert [entry.parameters["normal_class"] for entry in store.entries()] == [4]
    put(store)
    np.testing.assert_array_equal(store.get(stem).arrays["scores"], ARRAYS["scores"])
    assert store.get(other) is not None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_arrays_that_are_not_finite_are_refused(store, bad):
    with pytest.raises(FloatingPointError, match="class3-seed0-.*: scores is not finite; nothing is stored"):
        put(store, arrays=ARRAYS | {"scores": np.array([1, bad])})
    assert not store.root.exists()


def fails_at(which, monkeypatch):
    renamed, replace = [], os.replace

    def fails(source, target):
        renamed.append(target)
        if len(renamed) == which:
            raise OSError("no space left")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails)


@pytest.mark.parametrize("which", [1, 2])
def test_what_fails_leaves_no_half_entry(store, monkeypatch, which):
    """A rename that fails, of the arrays (1) or of the record (2): of a new entry, then of one that was there."""
    fails_at(which, monkeypatch)
    with pytest.raises(OSError, match="no space left"):
        put(store)
    monkeypatch.undo()
    assert [name[-4:] for name in files(store)] == [".npz"][: which - 1]  # without the record it is not there
    stem, _ = put(store)
    kept = files(store)
    fails_at(which, monkeypatch)
    with pytest.raises(OSError, match="no space left"):
        put(store, arrays=ARRAYS | {"scores": np.ones(7)})
    monkeypatch.undo()
    assert files(store) == kept  # nothing left beside
    if which == 1:
        np.testing.assert_array_equal(store.get(stem).arrays["scores"], ARRAYS["scores"])
    else:  # new arrays under the old record are not taken for what it says
        with pytest.warns(UserWarning, match="SHA-256"):
            assert store.get(stem) is None


def test_write_aside_keeps_the_old_file_until_the_new_one_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_aside(path, b"old")
    seen, replace = [], os.replace
    monkeypatch.setattr(os, "replace", lambda *args: (seen.append(path.read_bytes()), replace(*args)))
    write_aside(path, b"new")
    assert seen == [b"old"] and path.read_bytes() == b"new" and os.listdir(tmp_path) == ["file"]


def test_what_a_killed_process_left_beside_is_swept_away_and_no_more(tmp_path):
    path = tmp_path / "file[1]"
    ended = subprocess.Popen(["true"])
    ended.wait()
    here, pids = socket.gethostname(), (ended.pid, os.getppid(), "x", 10**30)
    names = [f".{name}.{pid}@{here}.part" for name in ("file[1]", "file1") for pid in pids]
    names.append(f".file[1].{ended.pid}@elsewhere.part")  # where it may be running
    for name in names:
        (tmp_path / name).touch()
    write_aside(path, b"new")
    assert set(os.listdir(tmp_path)) == {"file[1]", *names} - {f".file[1].{ended.pid}@{here}.part"}


def test_entries_are_found_by_their_parameters_in_order(store):
    for normal_class in (5, 1):
        for seed in (0, 1):
            parameters = PARAMETERS | {"normal_class": normal_class, "seed": seed}
            stem = store.stem("digits/smoke/kde", f"class{normal_class}-seed{seed}", parameters)
            store.put(stem, parameters, ARRAYS, 1, "cpu")

    def found(**wanted):
        return [(e.parameters["normal_class"], e.parameters["seed"]) for e in store.entries(**wanted)]

    assert found() == [(1, 0), (1, 1), (5, 0), (5, 1)]
    assert found(seed=1) == [(1, 1), (5, 1)]
    assert found(seed=1, normal_class=5, dimensions=[4, 8]) == [(5, 1)]
    assert found(scale="lite") == []
    assert Store(store.root / "nothing").entries() == []


def test_a_root_that_is_a_file_is_refused(tmp_path):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(NotADirectoryError, match=f"{path} is a file"):
        Store(path)


def test_stopwatch_stands_still_at_the_end():
    with stopwatch() as seconds:
        first = seconds()
        while seconds() == first:
            pass
    assert seconds() == seconds() > first >= 0
