"""The results that the repository keeps: each is whole, and what today's code would ask for at its scale."""

import json
import warnings
from collections import Counter
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from ganod_study import datasets
from ganod_study.classical import DETECTORS, GRID_IMAGES
from ganod_study.jobs import Cell
from ganod_study.methods import KNOW_NOTHING, METHODS, STRANGERS
from ganod_study.runner import COMMITTED, stored_results
from ganod_study.scales import STORED
from ganod_study.scenes import RANKING
from ganod_study.statistics import auc
from ganod_study.store import Store

ROOT = Path(__file__).resolve().parents[1]
N_IMAGES = {"mnist": 10_000, "cifar10": 10_000, "scenes": 900}  # test images
MOST_BYTES = 37e6  # of Table 1, three repetitions of it, and of anomalies among the training images
MOST_BYTES_OF_GRIDS = 15e6
GRIDS = "-grid", "-layer", "-size"
SHARED = "adgan-search"  # no method: what "adgan" and "prior" are read from
UNFINISHED = "large"  # a scale that is still being run: its results come class by class
STORES = {scale: Store(ROOT / COMMITTED / scale) for scale in STORED}


@pytest.fixture(scope="module")
def kept():
    """[(path of the record, its cell, its entry)]. Damage, of which the store warns, is an error."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for store in STORES.values():
            for path in sorted(path for path in store.root.rglob("*.json") if path.parent.name != SHARED):
                entry = store.get(path.with_suffix(""))
                cell = [entry.parameters[name] for name in ("dataset", "normal_class", "method", "seed", "scale")]
                found.append((path, Cell(*cell), entry))
    return found


@cache
def drawn(n_images, seed, n_test, n_holdout):
    """Where the split's test images stand in the set's. That needs no images: it depends on the seed alone."""
    x, y = np.zeros((n_images, 1, 1), np.uint8), np.zeros(n_images, np.int64)
    images = datasets.ImageSet("blank", "Blank", x[:1], y[:1], x, y, ("all",))
    return datasets.one_versus_all(images, 0, n_test=n_test, n_holdout=n_holdout, seed=seed).test_index


@cache
def classes_of(dataset):
    """The test images' classes, (10000,); -1 where the images are not at hand."""
    if dataset == "cifar10":  # 1,000 of each class, one after the other: test_datasets holds the order by a digest
        return np.repeat(np.arange(10), 1000)
    if datasets.available()[dataset]:
        return datasets.load_images(dataset).y_test.copy()
    return np.full(N_IMAGES[dataset], -1)


def test_each_record_is_the_one_that_the_grid_looks_for(kept):
    for path, cell, entry in kept:
        assert entry.parameters == json.loads(json.dumps(cell.parameters)), path
        assert path.with_suffix("") == cell.stem(STORES[cell.scale]), path
        assert {"commit", "versions", "device", "finished"} <= set(entry.record), path
        assert entry.record["seconds"] >= 0, path
    assert max(Counter(cell for _, cell, _ in kept).values(), default=1) == 1


def test_what_is_kept_is_kept_for_all_classes(kept):
    """Half of a column is not shown."""
    # of scenes each category is a figure of its own; networks that learned anomalies too have three classes
    learned_anomalies = [c for _, c, _ in kept if c.contaminated and c.network]
    whole = [c for _, c, _ in kept if c.dataset != "scenes" and c not in learned_anomalies]
    n_classes = Counter((c.scale, c.dataset, c.method, c.seed) for c in whole)
    assert {key: n for key, n in n_classes.items() if n != 10 and key[0] != UNFINISHED} == {}
    assert {
        ("paper", d, m, s) for d in ("mnist", "cifar10") for m in (*DETECTORS, *KNOW_NOTHING) for s in range(3)
    } <= set(n_classes)
    methods = [f"{name}-contaminated-{percent}" for name in ("adgan", "dcae", "vae") for percent in STRANGERS]
    assert {(c.dataset, c.normal_class, c.method) for c in learned_anomalies} == {
        (d, c, m) for d, classes in (("mnist", (0, 1, 8)), ("cifar10", (0, 1, 6))) for c in classes for m in methods
    }
    of_large = product(("mnist", "cifar10"), ("adgan", "critic", "prior", "search", "search-frozen"))
    assert {n_classes["large", dataset, m, 0] for dataset, m in of_large} == {10}


def test_what_is_read_from_a_shared_search_is_kept_with_it(kept):
    """Its seconds are in the search's record."""
    read = set()
    for path, cell, entry in kept:
        file = entry.record["details"].get("search")
        if file and cell.dataset != "scenes":  # of which the searches were not kept
            stem = path.parents[1] / SHARED / Path(file).stem
            search, array = STORES[cell.scale].get(stem), "prior_scores" if cell.method == "prior" else "scores"
            np.testing.assert_array_equal(np.float32(search.arrays[array]), entry.arrays["scores"], err_msg=str(path))
            assert search.record["seconds"] > 0
            read.add(stem.with_suffix(".json"))
    methods = {entry.parameters["method"] for entry in stored_results("mnist")}
    assert "adgan" in methods and methods <= set(METHODS)
    assert read == {path for store in STORES.values() for path in store.root.rglob(f"{SHARED}/*.json")}


def test_arrays_are_finite_and_of_the_split_s_test_images(kept):
    for path, cell, entry in kept:
        s = cell.settings
        n = s.n_ablation if "n_ablation" in METHODS[cell.method].uses else s.n_test
        n = GRID_IMAGES if cell.method.endswith(GRIDS) else n
        for name, values in entry.arrays.items():
            of_each_image = cell.method != RANKING or name in ("scores", "labels", "test_index")
            assert (len(values) == n or not of_each_image) and np.isfinite(values).all(), f"{name} of {path}"
        index = drawn(N_IMAGES[cell.dataset], cell.seed, s.n_test, s.n_holdout)[:n]
        np.testing.assert_array_equal(entry.arrays["test_index"], index, err_msg=str(path))
        assert 0 <= auc(entry.arrays["labels"], entry.arrays["scores"]) <= 1, path


def test_labels_are_those_of_the_images_or_else_agree_with_each_other(kept):
    for path, cell, entry in kept:
        classes, normal = classes_of(cell.dataset), entry.arrays["test_index"][entry.arrays["labels"] == 0]
        assert np.isin(classes[normal], (-1, cell.normal_class)).all(), path
        classes[normal] = cell.normal_class
    for path, cell, entry in kept:
        anomalous = classes_of(cell.dataset)[entry.arrays["test_index"]] != cell.normal_class
        np.testing.assert_array_equal(entry.arrays["labels"], anomalous, err_msg=str(path))


def test_the_folders_are_small():
    files = [path for store in STORES.values() for path in store.root.rglob("*") if path.is_file()]
    grids = [path for path in files if path.parent.name.endswith(GRIDS)]
    assert sum(path.stat().st_size for path in set(files) - set(grids)) < MOST_BYTES
    assert sum(path.stat().st_size for path in grids) < MOST_BYTES_OF_GRIDS
