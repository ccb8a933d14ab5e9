"""Figures 4 to 6 and section 4.4: made-up entries through each function, and a folder of tiny pictures through the page."""

from dataclasses import replace

import helpers
import numpy as np
import papermill
import pytest
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import roc_auc_score

from ganod_study import datasets, runner, scenes
from ganod_study.datasets import MissingData, load_images
from ganod_study.scales import SCALES
from ganod_study.store import Store

TINY = replace(
    SCALES["lite"]["scenes"], n_train=None, n_test=45, dimensions=(4,), latent_size=4, ngf=2, batch_size=4, n_iter=2,
    n_iter_autoencoder=2, n_seeds=2, n_steps=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data root with six training and five validation pictures of each category, whose colours tell them apart."""
    root, draw = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for i, name in enumerate(datasets.CLASSES["scenes"]):
        for split, n in (("train", 6), ("val", 5)):
            for j in range(n):
                path = root / "scenes" / split / name / f"{j}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.full((70, 80, 3), 20 * i) + draw.integers(20, size=(70, 80, 3))
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    return root


@pytest.fixture(scope="module")
def found(folder, tmp_path_factory):
    """Outcomes of the page's two calls on the folder, and their store."""
    store = tmp_path_factory.mktemp("store")
    options = {"store": store, "data_root": folder, "device": "cpu", "verbose": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SCALES["lite"], "scenes", TINY)
        ranked = runner.attempt("lite", "scenes", methods=(scenes.RANKING,), **options)
        pooled = runner.attempt("lite", "scenes", methods=scenes.POOLED, classes=[0], seeds=[0, 1], **options)
    assert not ranked.missing + pooled.missing + pooled.without
    return ranked, pooled
