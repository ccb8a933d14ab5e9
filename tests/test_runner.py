"""The grid: what is computed once, what is computed again, what is missing, what a kill leaves behind."""

import errno
import json
import os
import sys
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import assert_same, put_alexnet
from IPython.display import Markdown
from threadpoolctl import threadpool_info, threadpool_limits

from ganod_lite import training
from ganod_lite.gan import RECIPES, GANTraining, train_gans
from ganod_study import classical, datasets, figures, jobs, methods, networks, runner, tabular
from ganod_study.__main__ import main
from ganod_study.classical import DETECTORS
from ganod_study.jobs import Cell, Job
from ganod_study.methods import METHODS
from ganod_study.runner import attempt, gans_behind, grid, merge, run
from ganod_study.scales import SCALES, Settings, TableSettings
from ganod_study.statistics import auc
from ganod_study.store import Store, seconds_of
from ganod_study.tables import table1

run = partial(run, device="cpu", verbose=False)
IMAGE_METHODS = [name for name, method in METHODS.items() if not method.tables]
SMOKE = grid("smoke", "digits", IMAGE_METHODS)
SAME = {  # methods with the same scores
    *((name, name) for name in ("complexity", "simplicity", "contrast", "adgan-untrained")),  # whatever the class
    # one search each of the same generator: of the class itself and of the other, by the scale's objective
    ("adgan", "adgan-other-class", "adgan-wgan-gp", "adgan-steps", "adgan-ranking"),
}


@pytest.fixture(scope="module")
def no_data(tmp_path_factory):
    """A data root that holds nothing but weights for AlexNet, and those are drawn at random."""
    return put_alexnet(tmp_path_factory.mktemp("no-data"))


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path, no_data):
    """No data but the embedded ones, and a store of its own for each test."""
    monkeypatch.setenv("GANOD_DATA", str(no_data))
    monkeypatch.setenv("GANOD_STORE", str(tmp_path / "store"))
    jobs.images_of.cache_clear()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, no_data):
    """The smoke grid, computed once without any disturbance: {cell: its entry}."""
    return dict(zip(SMOKE, run(SMOKE, Store(tmp_path_factory.mktemp("undisturbed")), data_root=no_data)))


@pytest.fixture
def computed(monkeypatch):
    """The cells that are computed in this test, in order, and "gan" for each training."""
    done, compute, train = [], Job.compute, networks.train_gans
    monkeypatch.setattr(Job, "compute", lambda self, cell: done.append(cell) or compute(self, cell))
    monkeypatch.setattr(networks, "train_gans", lambda *args, **kw: done.append("gan") or train(*args, **kw))
    return done


def cell(method="kde", normal_class=0, seed=0, scale="smoke", dataset="digits"):
    return Cell(dataset, normal_class, method, seed, scale)


def set_smoke(monkeypatch, **changed):
    monkeypatch.setitem(SCALES["smoke"], "digits", replace(SCALES["smoke"]["digits"], **changed))


def smoke_split(normal_class):
    images = datasets.load_images("digits")
    return datasets.one_versus_all(images, normal_class, n_train=60, n_test=60, n_holdout=30, seed=0)


def diverge(why):
    raise FloatingPointError(why)


def test_what_diverges_does_not_keep_the_others_from_being_computed(tmp_path, no_data, monkeypatch):
    compute, store = Job.compute, Store(tmp_path)
    cells = [cell("kde"), cell("ocsvm"), cell("iforest")]

    def diverges(self, one):
        if one == cells[0]:
            raise FloatingPointError("a loss is not finite")
        return compute(self, one)

    with monkeypatch.context() as patch:
        patch.setattr(Job, "compute", diverges)
        with pytest.raises(
            FloatingPointError, match="1 of 3 cells diverged; the first, .*'kde'.*: a loss is not finite"
        ):
            run(cells, store, data_root=no_data, verbose=False)
    assert [store.get(one.stem(store)) is None for one in cells] == [True, False, False]

    sharing, calls = [cell("adgan"), cell("prior"), cell("critic")], []
    of_search = "the search that two cells share diverges, and what needs none is computed"
    monkeypatch.setattr(methods, "latent_search", lambda *args, **options: calls.append(1) or diverge(of_search))
    with pytest.raises(FloatingPointError, match=f"2 of 3 cells diverged; the first, .*'adgan'.*: {of_search}"):
        run(sharing, store, data_root=no_data, verbose=False)
    assert [store.get(one.stem(store)) is None for one in sharing] == [True, True, False] and len(calls) == 1
    of_training, calls = "the training diverges, and is not tried for each cell", []
    monkeypatch.setattr(networks, "train_gans", lambda *args, **options: calls.append(1) or diverge(of_training))
    sharing = [replace(one, normal_class=1) for one in sharing]
    with pytest.raises(FloatingPointError, match=f"3 of 3 cells diverged; .*: {of_training}"):
        run(sharing, store, data_root=no_data, verbose=False)
    assert len(calls) == 1


def test_a_job_has_one_thread_and_the_caller_then_has_its_own_again(tmp_path, no_data, monkeypatch):
    def threads():
        return torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())

    seen = []
    monkeypatch.setattr(Job, "compute", lambda self, one: seen.append(threads()) or diverge("the job fails"))
    with threadpool_limits(2):
        torch.set_num_threads(2)
        try:
            before = threads()
            with pytest.raises(FloatingPointError, match="the job fails"):
                run([cell("kde")], Store(tmp_path), data_root=no_data)
            assert set(before) == {2} and set(*seen) == {1} and threads() == before
        finally:
            torch.set_num_threads(1)


# --- the scales ---


@pytest.mark.parametrize(("scale", "dataset"), [(scale, dataset) for scale in SCALES for dataset in SCALES[scale]])
def test_settings_fit_their_data(scale, dataset):
    s = SCALES[scale][dataset]
    n_test_images, size = {"digits": (600, 16), "scenes": (900, 64), "lsun": (3000, 64)}.get(dataset, (10_000, 32))
    least_of_a_class = {"digits": 115, "mnist": 5421, "cifar10": 5000, "scenes": 900, "lsun": 10_000}[dataset]
    assert set(s.classes) <= set(range(len(datasets.CLASSES[dataset])))
    assert s.n_test + s.n_holdout <= n_test_images
    assert (s.n_train or 1) <= least_of_a_class
    assert s.dimensions and max(s.dimensions) <= min(s.n_train or least_of_a_class, size**2)
    assert s.objective in RECIPES
    assert min(s.latent_size, s.ngf, s.batch_size, s.n_iter, s.n_seeds, s.n_steps) >= 1


def test_the_paper_s_protocol_is_the_paper_s():
    for dataset in ("mnist", "cifar10"):
        s = SCALES["paper"][dataset]
        assert s.classes == tuple(range(10)) and s.n_train is None and s.n_test == 5000
        assert (s.latent_size, s.n_seeds, s.n_steps, s.objective) == (256, 64, 5, "wgan")
        assert s.dimensions == (20, 40, 60, 80, 100)


def test_every_setting_that_methods_use_exists_and_none_is_forgotten():
    used = {name for method in METHODS.values() for name in method.uses}
    settings = {*Settings.__dataclass_fields__, *TableSettings.__dataclass_fields__}
    assert used == settings - {"classes", "average", "patience"}  # the two are networks' parameters where there are any
    assert set(DETECTORS) < set(METHODS)


def test_the_grid_is_every_method_seed_and_class():
    some = grid("smoke", "digits", methods=("kde", "adgan"), classes=(3, 5), seeds=(0, 1))
    assert len(set(some)) == len(some) == 8
    assert {c.normal_class for c in some} == {3, 5} and {c.seed for c in some} == {0, 1}
    assert [c.method for c in some] == ["kde"] * 4 + ["adgan"] * 4
    assert {c.normal_class for c in SMOKE} == set(SCALES["smoke"]["digits"].classes)
    assert {c.method for c in SMOKE} == set(IMAGE_METHODS)


# --- computed once ---


def test_every_method_gives_scores_labels_and_where_they_come_from(undisturbed):
    images = datasets.load_images("digits")
    for c, entry in undisturbed.items():
        scores, labels, index = (entry.arrays[name] for name in ("scores", "labels", "test_index"))
        n = 40 if c.method.startswith("search") else 60
        assert scores.shape == labels.shape == index.shape == (n,)
        few = c.method in ("complexity", "simplicity")  # bytes
        assert scores.dtype == np.float32 and np.isfinite(scores).all() and len(np.unique(scores)) > (5 if few else 30)
        np.testing.assert_array_equal(labels, images.y_test[index] != c.normal_class)
        assert {"dataset": "digits", "method": c.method, "seed": 0}.items() <= entry.parameters.items()
        np.testing.assert_array_equal(index, undisturbed[SMOKE[0]].arrays["test_index"][:n])  # the same for all
        if c.method in DETECTORS:
            assert list(entry.record["details"]["holdout_auc"]) == ["4", "8"]
        assert entry.record["seconds"] >= 0
    same = {}
    for c, entry in undisturbed.items():
        same.setdefault(entry.arrays["scores"].tobytes(), []).append(c.method)
    assert {tuple(methods) for methods in same.values() if len(methods) > 1} == SAME


def test_the_pooled_half_of_the_layers_grid_is_the_grid(undisturbed):
    grid_, layers = (undisturbed[cell(f"ocsvm-alexnet-{name}")] for name in ("grid", "layer"))
    pooled = [i for i, s in enumerate(layers.record["details"]["settings"]) if s["pooled"]]
    found = layers.arrays["scores_by_setting"]
    np.testing.assert_allclose(found[:, pooled], grid_.arrays["scores_by_setting"], rtol=1e-3, atol=1e-3)
    rest = np.delete(found, pooled, axis=1)
    assert rest.shape == found[:, pooled].shape and not np.allclose(rest, found[:, pooled], atol=0.01)
    tried = undisturbed[cell("kde-alexnet-layer")].record["details"]["settings"]
    assert [(s["n_components"], s["pooled"], s["kde"]) for s in tried] == [
        (n, pooled, kde) for n in (4, 8) for pooled in (True, False) for kde in ("exact", "default")
    ]


def test_a_layers_grid_scores_each_seed_s_own_images(store, monkeypatch, undisturbed):
    set_smoke(monkeypatch, n_train=None)  # so that the seeds share an job
    some = [cell("ocsvm-alexnet-layer", seed=seed) for seed in (0, 1)]
    together = run(some, store)
    (alone,) = run(some[1:], Store(store.root / "alone"))
    assert_same(together[1], alone)
    assert not np.array_equal(*(entry.arrays["test_index"] for entry in together))


def test_a_second_run_computes_nothing_and_gives_the_same(store, computed, monkeypatch, undisturbed):
    some = [cell("kde"), cell("adgan"), cell("iforest", 1)]
    first = run(some, store)
    assert Counter(computed) == Counter(["gan", *some])
    computed.clear()
    monkeypatch.setattr(datasets, "load_images", lambda *args, **options: pytest.fail("images were read"))
    again = run([some[1], some[2], some[0]], Store(store.root))
    assert computed == []
    for c, entry, expected in zip(some, first, [again[2], again[0], again[1]]):
        assert_same(entry, expected)
        assert entry.record == expected.record
        assert_same(entry, undisturbed[c])  # whatever else is computed, and in whatever order


def test_a_generator_is_trained_once_for_all_that_need_it(store, computed, monkeypatch):
    run([cell("adgan", 0), cell("adgan", 1)], store)
    assert computed.count("gan") == 2
    monkeypatch.setitem(METHODS, "adgan", replace(METHODS["adgan"], version=99))
    set_smoke(monkeypatch, n_seeds=3)
    entries = run([cell("adgan", 0), cell("adgan", 1)], store)
    assert computed.count("gan") == 2 and computed.count(cell("adgan", 0)) == 2
    found = gans_behind(entries, store.root)
    assert list(found) == ["0", "1"]
    for normal_class, (found_gan, entry) in zip((0, 1), found.values()):
        assert entry.parameters["normal_class"] == normal_class
        x = smoke_split(normal_class)
        options = {"n_steps": 10, "latent_size": 8, "ngf": 4, "batch_size": 16, "objective": "wgan-gp"}
        (alone,) = train_gans([x.x_train], [0], **options, device="cpu", verbose=False)
        for network in ("generator", "critic"):
            state = getattr(found_gan, network).state_dict()
            assert all(torch.equal(state[name], p) for name, p in getattr(alone, network).state_dict().items())
            assert not getattr(found_gan, network).training
        np.testing.assert_allclose(found_gan.critic_loss, alone.critic_loss, rtol=1e-6)
        np.testing.assert_allclose(found_gan.generator_loss, alone.generator_loss, rtol=1e-6)


def test_only_what_a_method_uses_makes_it_compute_again(store, computed, monkeypatch):
    both = [cell("kde"), cell("adgan")]
    run(both, store)
    for changed, again in (
        ({"n_seeds": 3}, [both[1]]),  # the search's: neither the classical method's nor the training's
        ({"dimensions": (4,)}, [both[0]]),
        ({"n_iter": 11}, ["gan", both[1]]),
        ({"n_test": 59}, both),  # the test's: the generator does not depend on it
    ):
        computed.clear()
        set_smoke(monkeypatch, **changed)
        run(both, store)
        assert Counter(computed) == Counter(again)
    computed.clear()
    monkeypatch.setitem(METHODS, "kde", replace(METHODS["kde"], version=2))
    run([*both, cell("kde", seed=1)], store)
    assert Counter(computed) == Counter([both[0], cell("kde", seed=1)])


# --- computed again ---


@pytest.mark.parametrize("method", ["gmm", "adgan"])
def test_a_damaged_cell_is_said_and_computed_again_to_the_same_bits(store, computed, undisturbed, method):
    damaged, other = cell(method, 1), cell("kde", 1)
    run([damaged, other], store)
    stem = damaged.stem(store)
    path = stem.with_name(stem.name + ".npz")
    path.write_bytes(path.read_bytes()[:-9])
    computed.clear()
    with pytest.warns(UserWarning, match=f"{stem} in the store is damaged"):
        entries = run([damaged, other], store)
    assert Counter(computed) == Counter([damaged])
    assert_same(entries[0], undisturbed[damaged])


def test_a_damaged_generator_is_said_and_trained_again_to_the_same_bits(store, computed, monkeypatch, undisturbed):
    run([cell("adgan")], store)
    (path,) = store.root.rglob("gan/*.pt")
    path.write_bytes(path.read_bytes()[:-9])
    computed.clear()
    run([cell("adgan")], store)
    assert computed == []  # the cell is there; the generator is not asked for
    next(store.root.rglob("adgan/*.json")).unlink()
    with pytest.warns(UserWarning, match="gan/class0-seed0-.* is damaged"):
        (entry,) = run([cell("adgan")], store)
    assert Counter(computed) == Counter(["gan", cell("adgan")])
    assert_same(entry, undisturbed[cell("adgan")])


def test_a_killed_run_goes_on_where_it_was_with_the_same_numbers(store, computed, monkeypatch, undisturbed):
    some = [cell("iforest"), cell("adgan"), cell("adgan", 1), cell("kde", 1)]
    find = methods.latent_search

    def killed_in_the_second(*args, **options):
        if some[2] in computed:
            raise KeyboardInterrupt
        return find(*args, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(methods, "latent_search", killed_in_the_second)
        run(some, store)
    computed.clear()
    entries = run(some, store)
    assert Counter(computed) == Counter(some[2:])  # neither the finished cells nor a finished training again
    for c, entry in zip(some, entries):
        assert_same(entry, undisturbed[c])


@pytest.mark.parametrize("killed_at", ["the second block", "the last put"])
def test_a_run_killed_in_a_training_goes_on_with_the_same_numbers(store, monkeypatch, tmp_path, killed_at):
    monkeypatch.setattr(training, "BLOCK", 3)
    monkeypatch.setattr(networks, "train_gans", partial(train_gans, checkpoint_seconds=0))
    (expected,) = run([cell("adgan")], Store(tmp_path / "other"))
    train, blocks = GANTraining.block, []

    def killed(self, n):
        if len(blocks) == 1:
            raise KeyboardInterrupt
        blocks.append(n)
        return train(self, n)

    def no_put(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if killed_at == "the last put":
            patch.setattr(Store, "put", no_put)
        else:
            patch.setattr(GANTraining, "block", killed)
        run([cell("adgan")], store)
    assert len(list(store.root.rglob("*.checkpoint"))) == 1
    with monkeypatch.context() as patch:
        if killed_at == "the last put":
            patch.setattr(GANTraining, "block", lambda *args: pytest.fail("trained again"))
        (entry,) = run([cell("adgan")], store)
    assert_same(entry, expected)
    assert not list(store.root.rglob("*.checkpoint")) and not list(store.root.rglob("*.part"))


def test_a_damaged_record_beside_them_does_not_stop_a_run(store, undisturbed):
    run([cell("kde", 1)], store)
    folder = cell("kde").stem(store).parent
    (folder / "._class0.json").write_bytes(b"\0\5\26\7Mac OS X\xff")
    (folder / "class9-seed0-01234567.json").write_text('{"seconds": 1')
    with pytest.warns(UserWarning, match="class9-seed0-01234567.json in the store is damaged .* left out"):
        (entry,) = run([cell("kde")], store)
    assert_same(entry, undisturbed[cell("kde")])


def test_a_search_that_methods_share_is_an_entry_with_its_own_seconds(store, computed, monkeypatch):
    searched, find = [], methods.latent_search

    def search(*args, **options):
        searched.append(1)
        time.sleep(0.2)
        return find(*args, **options)

    monkeypatch.setattr(methods, "latent_search", search)
    (first,) = run([cell("prior")], store)
    (second,) = run([cell("adgan")], store)
    run([cell("adgan-steps")], store)  # which depends on a setting more than the search that it looks into
    assert len(searched) == 1 and first.record["details"] == second.record["details"]
    (record,) = store.records(store.root / "digits" / "smoke" / "adgan-search")
    assert record["file"] == first.record["details"]["search"]
    assert record["seconds"] >= 0.2 > max(first.record["seconds"], second.record["seconds"])
    assert seconds_of(second.record) >= record["seconds"]


def test_the_device_of_a_record_is_where_the_cell_was_computed(store, monkeypatch):
    """A critic's scores are always computed on the CPU; AlexNet's features are not, what is fitted to them is."""
    put, devices = Store.put, {}

    def note(self, stem, parameters, arrays, seconds, where, details=None):
        devices[parameters["method"]] = where
        return put(self, stem, parameters, arrays, seconds, where, details)

    monkeypatch.setattr(Store, "put", note)
    run([cell("critic"), cell("kde"), cell("kde-alexnet"), cell("dcae")], store)
    cpu = torch.device("cpu")
    assert devices["critic"] == devices["kde"] == ["cpu"]
    assert devices["kde-alexnet"] == [cpu, "cpu"] and devices["dcae"] == [cpu]


def test_networks_trained_at_once_go_on_together_whatever_is_asked_for(store, monkeypatch, computed):
    """As on a GPU: the checkpoint of a group keeps its name short and is found again from any of its cells."""
    monkeypatch.setattr(training, "BLOCK", 3)
    jobs_of = [[cell("adgan", c, seed)] for c in range(10) for seed in (0, 100)]
    at_once = partial(runner._train_at_once, store=store, data_root=None, device=torch.device("cpu"), verbose=False)
    at_once(jobs_of, stop_at=0.0)
    checkpoints = list(store.root.rglob("*.checkpoint"))
    assert len(checkpoints) == 1 and len(checkpoints[0].name) < 100
    computed.clear()
    at_once(jobs_of[3:4], stop_at=None)
    assert computed == ["gan"]
    there = [one.network.load(store) is not None for (one,) in jobs_of]
    assert there == [True] * runner.GANS_AT_ONCE + [False] * 10
    assert not list(store.root.rglob("*.checkpoint")) and not list(store.root.rglob("*.together"))


def test_networks_trained_at_once_are_not_lost_where_one_can_t_be_stored(store, monkeypatch):
    put, jobs_of = Store.put, [[cell("adgan", c)] for c in range(2)]
    at_once = partial(runner._train_at_once, store=store, data_root=None, device=torch.device("cpu"), verbose=False)

    def second_fails(self, stem, *args):
        if stem == jobs_of[1][0].network.stem(store):
            raise OSError("No space left")
        return put(self, stem, *args)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(Store, "put", second_fails)
        at_once(jobs_of, stop_at=None)
    assert [one.network.load(store) is not None for (one,) in jobs_of] == [True, False]
    monkeypatch.setattr(GANTraining, "block", lambda *args: pytest.fail("trained again"))
    at_once(jobs_of, stop_at=None)
    assert [one.network.load(store) is not None for (one,) in jobs_of] == [True, True]
    assert not list(store.root.rglob("*.checkpoint")) and not list(store.root.rglob("*.together"))


# --- no peeking ---


@pytest.mark.parametrize("method", DETECTORS)
def test_what_is_chosen_does_not_depend_on_test_images_or_their_labels(store, monkeypatch, undisturbed, method):
    images = datasets.load_images("digits")
    test = undisturbed[cell(method)].arrays["test_index"]
    x, y = images.x_test.copy(), images.y_test.copy()
    x[test] = np.random.RandomState(0).randint(256, size=x[test].shape)
    y[test] = np.random.RandomState(0).permutation(y[test])
    monkeypatch.setattr(datasets, "load_images", lambda *args, **options: images._replace(x_test=x, y_test=y))
    (entry,) = run([cell(method)], store)
    assert not np.array_equal(entry.arrays["scores"], undisturbed[cell(method)].arrays["scores"])
    chosen, expected = (e.record["details"]["holdout_auc"] for e in (entry, undisturbed[cell(method)]))
    assert chosen == expected  # dimensions and their AUCs


def test_the_dimension_with_the_best_auc_on_the_holdout_is_the_one_that_scores(undisturbed):
    c = cell("gmm", 1)
    split = smoke_split(1)
    flat = [x.reshape(len(x), -1) / 127.5 - 1 for x in (split.x_train, split.x_holdout, split.x_test)]
    fitted = [DETECTORS["gmm"](n, contamination=None, random_state=0).fit(flat[0]) for n in (4, 8)]
    tried = [auc(split.y_holdout, f.anomaly_score(flat[1])) for f in fitted]
    best = fitted[int(np.argmax(tried))]
    assert tried[0] != tried[1]
    np.testing.assert_array_equal(undisturbed[c].arrays["scores"], best.anomaly_score(flat[2]).astype(np.float32))
    assert list(undisturbed[c].record["details"]["holdout_auc"].values()) == tried


# --- what is missing, what is wrong ---


def test_missing_data_are_an_error_that_leaves_other_cells_alone(store, computed):
    with pytest.raises(datasets.MissingData, match="MNIST not found"):
        run([cell("kde", dataset="mnist", scale="lite")], store)
    (entry,) = run([cell("kde")], store)
    assert Counter(computed) == Counter([cell("kde")]) and len(store.entries()) == 1
    missing = attempt("lite", "mnist", methods=("kde",), classes=(1,), device="cpu", verbose=False)
    assert missing.entries == [] and missing.missing.startswith("MNIST not found")
    assert isinstance(missing.show(pytest.fail), Markdown)
    assert missing.show(pytest.fail).data.startswith("*Not run in this build: MNIST not found")
    there = attempt("smoke", "digits", methods=("kde",), classes=(0,), device="cpu", verbose=False)
    assert_same(there.entries[0], entry)
    assert there.show(lambda entries, n: (len(entries), n), n=2) == (1, 2)
    assert "MNIST is not part of the scale 'smoke'" in attempt("smoke", "mnist").missing


def test_what_is_stored_needs_no_data(store, monkeypatch):
    (entry,) = run([cell("kde")], store)
    monkeypatch.setattr(datasets, "load_images", lambda *args, **options: pytest.fail("images were read"))
    outcome = attempt("smoke", "digits", methods=("kde",), classes=(0,), device="cpu", verbose=False)
    assert_same(outcome.entries[0], entry)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"scale": "huge"}, ValueError, "scale must be one of smoke, lite, medium, large, paper; got 'huge'"),
        ({"dataset": "svhn"}, ValueError, "dataset must be one of digits; got 'svhn'"),
        ({"method": "svm"}, ValueError, "method must be one of kde, kde-alexnet, ocsvm, .*; got 'svm'"),
        ({"normal_class": 10}, ValueError, "normal_class must be one of 0, 1, .*9; got 10"),
        ({"normal_class": "3"}, TypeError, "normal_class must be an instance of int, not str"),
        ({"normal_class": np.int64(3)}, TypeError, "normal_class must be an instance of int"),
        ({"seed": -1}, ValueError, "seed == -1, must be >= 0"),
        ({"seed": None}, TypeError, "seed must be an instance of int"),
    ],
)
def test_wrong_cells_are_named(wrong, error, message):
    with pytest.raises(error, match=message):
        cell(**wrong)


def test_a_wrong_part_of_the_grid_is_named():
    with pytest.raises(ValueError, match="scale must be one of smoke, lite, medium, large, paper; got 'tiny'"):
        attempt("tiny", "digits")
    with pytest.raises(ValueError, match="dataset must be one of digits, mnist, cifar10.*; got 'svhn'"):
        attempt("smoke", "svhn")
    with pytest.raises(ValueError, match="dataset must be one of digits; got 'mnist'"):
        grid("smoke", "mnist")
    with pytest.raises(ValueError, match="method must be one of .*; got 'pca'"):
        attempt("smoke", "digits", methods=("pca",))


def test_no_generator_is_trained_by_looking_for_one(store, computed):
    assert cell("adgan").network.load(store) is None
    assert computed == [] and not store.root.exists()


# --- SO-GAAL ---


def test_so_gaal_is_computed_once_and_stored_with_its_curves(store, monkeypatch):
    table = datasets.load_table(datasets.GENERATED)
    official, post = grid("smoke", datasets.GENERATED, ("sogaal", "sogaal-post-1"))
    entry, other = run([official, post], store)
    arrays = entry.arrays
    np.testing.assert_array_equal(arrays["labels"], table.y)
    assert arrays["scores"].shape == arrays["scores_at_stop"].shape == table.y.shape
    assert arrays["scores"].dtype == np.float64  # extreme scores are not tied
    assert len(arrays["auc"]) == len(arrays["discriminator_loss"]) == len(arrays["generator_loss"]) == 6
    wanted = {"dataset": datasets.GENERATED, "method": "sogaal", "seed": 0, "stop_epochs": 2}
    assert wanted.items() <= entry.parameters.items()
    assert not np.array_equal(other.arrays["scores"], arrays["scores"])
    monkeypatch.setattr(Job, "compute", lambda *args: pytest.fail("trained again"))
    assert_same(run([official], store)[0], entry)


def test_pyod_is_seeded_and_numpy_s_own_state_is_left_alone(monkeypatch, store):
    drawn = []

    class SO_GAAL:
        def __init__(self, stop_epochs):
            drawn.append(np.random.rand())

        def fit(self, X):
            return self

        def decision_function(self, X):
            return np.arange(len(X))

    pyod, models = ModuleType("pyod"), ModuleType("pyod.models")
    models.so_gaal, models.mo_gaal = SimpleNamespace(SO_GAAL=SO_GAAL), None
    for module in (pyod, models):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(tabular, "version", lambda name: "0")
    before = np.random.get_state()[1].copy()
    run(grid("smoke", datasets.GENERATED, ("pyod-sogaal",), seeds=(3,)), store)
    assert drawn == [np.random.RandomState(3).rand()]
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_missing_tables_are_said():
    outcome = attempt("lite", "WDBC", methods=("sogaal",))
    assert not outcome.entries and "WDBC not found" in outcome.missing
    assert tabular.onecluster() == datasets.GENERATED
    assert runner.entries_of({"WDBC": outcome}) == []


# --- time limits, several processes, several stores ---


def test_missing_weights_leave_the_other_methods_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("GANOD_DATA", str(tmp_path))
    outcome = attempt("smoke", "digits", methods=("kde", "kde-alexnet"), classes=(0,), device="cpu", verbose=False)
    assert [e.parameters["method"] for e in outcome.entries] == ["kde"] == [c.method for c in outcome.cells]
    assert "not found" in outcome.without and outcome.missing == ""
    with pytest.raises(datasets.MissingData, match="AlexNet"):
        run([cell("kde"), cell("kde-alexnet")], Store(tmp_path / "another"))
    assert not list((tmp_path / "another").rglob("*.json"))  # it is said before anything is computed


def test_repetitions_are_draws_of_the_test_images_scored_by_one_fit(monkeypatch, tmp_path):
    set_smoke(monkeypatch, n_train=None)
    fits, fit = [], classical.fit_dimensions
    monkeypatch.setattr(classical, "fit_dimensions", lambda *args: fits.append(1) or fit(*args))
    together = run([cell("gmm", seed=s) for s in (0, 1)], Store(tmp_path / "a"))
    assert len(fits) == 1
    (alone,) = run([cell("gmm", seed=1)], Store(tmp_path / "b"))
    assert_same(alone, together[1])
    assert not np.array_equal(together[0].arrays["test_index"], together[1].arrays["test_index"])


def test_the_time_limit_stops_a_training_that_goes_on_later(store, monkeypatch, undisturbed):
    monkeypatch.setattr(training, "BLOCK", 4)
    assert run([cell("adgan"), cell("kde")], store, time_limit=0) == [None, None]
    for method in ("adgan", "vae"):
        clock = iter([0.0, 0.0, 0.0] + [100.0] * 50)  # the run's start, the cell's, the first block's end; then late
        with monkeypatch.context() as patch:
            patch.setattr(runner.time, "time", lambda clock=clock: next(clock))
            assert run([cell(method)], store, time_limit=50) == [None]
        (checkpoint,) = store.root.rglob("*.checkpoint")
        assert store.get(cell(method).stem(store)) is None
        (entry,) = run([cell(method)], store)
        assert not checkpoint.exists() and entry.parameters == undisturbed[cell(method)].parameters


def test_what_is_expected_to_outlast_the_limit_is_not_begun(store, computed):
    (entry,) = run([cell("kde")], store)
    path = cell("kde").stem(store).with_name(entry.record["file"].replace(".npz", ".json"))
    path.write_text(path.read_text().replace('"seconds_of_fit": ', '"seconds_of_fit": 99'))
    computed.clear()
    assert run([cell("kde", 1)], store, time_limit=60) == [None] and computed == []
    assert run([cell("kde", 1)], store, time_limit=1e6) != [None]


def test_two_processes_do_not_do_the_same_job_twice(store, computed):
    other = cell("iforest")
    with runner._lock(store, cell("kde").shares):
        # with a time limit another's job is left to it; without one it would be waited for
        found = run([cell("kde"), other], store, time_limit=100)
    assert found[0] is None and found[1] is not None and computed == [other]
    assert run([cell("kde"), other], store)[0] is not None


def test_several_jobs_at_once_give_the_same_as_one(store, monkeypatch, undisturbed):
    some = [cell("kde"), cell("adgan"), cell("adgan", 1), cell("iforest", 1)]
    monkeypatch.setenv("GANOD_JOBS", "2")
    monkeypatch.setattr(Job, "compute", lambda *args: pytest.fail("computed in this process"))
    entries = run(some, store, data_root=os.environ["GANOD_DATA"])
    assert all(", 1 thread" in entry.record["device"] for entry in entries)
    for c, entry in zip(some, entries):
        assert_same(entry, undisturbed[c])


def test_a_full_disk_is_an_error_that_leaves_what_is_there(store, monkeypatch, undisturbed):
    run([cell("kde")], store)
    before = {path: path.read_bytes() for path in store.root.rglob("*.*") if path.is_file()}

    def full(self, raw):
        with self.open("wb") as file:
            file.write(raw[: len(raw) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(Path, "write_bytes", full)
        run([cell("iforest")], store)
    assert {path: path.read_bytes() for path in store.root.rglob("*.*") if path.is_file()} == before
    assert_same(run([cell("iforest")], store)[0], undisturbed[cell("iforest")])


def test_a_training_that_can_t_be_stored_is_not_lost(store, monkeypatch, undisturbed):
    """Of a GAN and of an autoencoder."""
    for method in ("critic", "dcae"):
        with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
            patch.setattr(Store, "put", lambda *args: (_ for _ in ()).throw(OSError("No space left")))
            run([cell(method)], store)
        with monkeypatch.context() as patch:
            patch.setattr(training.Training, "_check_finite", lambda *args: pytest.fail("it was trained again"))
            assert_same(run([cell(method)], store)[0], undisturbed[cell(method)])
    assert not list(store.root.rglob("*.checkpoint"))


def test_what_took_no_time_does_not_come_first(tmp_path, no_data):
    store, short, unknown = Store(tmp_path), cell("kde", 0), cell("iforest", 0)
    run([short], store, data_root=no_data, verbose=False)
    (record,) = tmp_path.rglob("*.json")
    about = json.loads(record.read_text())
    about["seconds"] = about["details"]["seconds_of_fit"] = 0.0
    record.write_text(json.dumps(about))
    order = runner._jobs([cell("kde", 1), unknown], store)
    assert [[c.method for c in job] for job in order] == [["iforest"], ["kde"]]


def test_merge_copies_what_is_missing_and_whole(tmp_path, undisturbed):
    a, b, target = (Store(tmp_path / name) for name in "abt")
    run([cell("kde"), cell("adgan")], a)
    run([cell("kde"), cell("iforest")], b)
    damaged = cell("iforest").stem(b)
    damaged.with_name(damaged.name + ".npz").write_bytes(b"")
    with pytest.warns(UserWarning, match="damaged"):
        assert merge(target, [a, b]) == 4  # kde, adgan, its generator and its search
    assert merge(target, [a]) == 0
    for c in (cell("kde"), cell("adgan")):
        assert_same(target.get(c.stem(target)), undisturbed[c])
    assert cell("adgan").network.load(target) is not None
    with pytest.raises(NotADirectoryError, match="sources: .*nowhere is no folder"):
        merge(target, [Store(tmp_path / "nowhere")])


def test_the_commands(tmp_path, capsys):
    common = ["--scale", "smoke", "--methods", "kde,iforest", "--classes", "0-1", "--device", "cpu"]
    command = [*common, "--store", str(tmp_path / "a")]
    assert main(["status", *command]) == 3
    assert "0 of 2" in capsys.readouterr().out
    assert main(["run", *command, "--seeds", "0-1"]) == 0
    assert "digits     kde                    4 of 4" in capsys.readouterr().out
    assert main(["merge", str(tmp_path / "a"), "--store", str(tmp_path / "b")]) == 0
    assert "8 entries copied" in capsys.readouterr().out
    assert main(["status", *common, "--store", str(tmp_path / "b")]) == 0
    for wrong, message in (
        (["--methods", "svm"], "method must be one of"),
        (["--dataset", "mnist"], "dataset must be one of digits"),
        *(([f"--classes={text}"], "such as 0-2,5; got") for text in ("a", "", "0-", "3-1", "0-2-1", "-1")),
        (["other-store"], "unrecognized arguments: other-store"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["run", *command, *wrong])
        assert stopped.value.code == 2 and message in capsys.readouterr().err


def test_a_toy_method_takes_one_row(store, monkeypatch):
    """It is computed, counted, tabled and drawn as all others are."""

    def compute(job, cell):
        return {"scores": job.split(cell).x_test.reshape(job.settings.n_test, -1).mean(1)}, {"found": "a toy"}

    row = methods.Method("Toy", compute, ("n_test",), colour="#123456", line=":", in_table1=True, runs_on=("cpu",))
    monkeypatch.setitem(METHODS, "toy", row)
    for module in (table1, figures):  # a row in the file would be in it from the start
        monkeypatch.setattr(module, "TABLE1", (*methods.TABLE1, "toy"))
    outcome = attempt("smoke", "digits", methods=("toy", "kde"), device="cpu", verbose=False)
    assert [e.record["details"].get("found") for e in outcome.entries] == ["a toy"] * 2 + [None] * 2
    assert runner.status(grid("smoke", "digits", ("toy",)), store) == {("digits", "toy"): (2, 2)}
    assert "Toy" in table1.means(outcome, "digits").data
    axis, _ = figures.roc_curves({"Digits": outcome}).axes  # without a network, and with one
    assert [(line.get_label(), line.get_color(), line.get_linestyle()) for line in axis.lines[:-1]] == [
        ("KDE", METHODS["kde"].colour, "-"), ("Toy", "#123456", ":")
    ]  # fmt: skip


def test_what_is_kept_at_a_scale_is_of_the_methods_asked_for():
    found = runner.kept("mnist", "medium", ("vae", "dcae"))
    assert {(e.parameters["method"], e.parameters["scale"]) for e in found.entries} == {
        ("vae", "medium"), ("dcae", "medium")
    }  # fmt: skip
    nothing = runner.kept("digits", "medium", ("vae",))
    assert nothing.entries == [] and "no results of vae on Digits at the scale 'medium'" in nothing.show(len).data
