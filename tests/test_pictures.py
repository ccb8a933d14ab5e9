"""Pictures of GAAL in the plane: the tables that are made, what is stored of a training, and the figures."""

import re

import numpy as np
import pytest

from ganod_lite.gaal import MOGAAL
from ganod_study import datasets, pictures, runner, tabular
from ganod_study.store import Store


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    cells = runner.grid("smoke", "ring", pictures.METHODS_IN_PLANE)
    return runner.run(cells, Store(tmp_path_factory.mktemp("store")), device="cpu", verbose=False)


@pytest.mark.parametrize("make", [datasets.make_ring, datasets.make_four_clusters])
def test_tables_are_scaled_and_the_same_each_time(make):
    X, y = make()
    assert X.shape == (1000, 2) and y.sum() == 50
    np.testing.assert_allclose([X.min(0), X.max(0)], [[0, 0], [1, 1]], atol=1e-12)
    np.testing.assert_array_equal(make()[0], X)
    assert not np.array_equal(make(random_state=1)[0], X)
    assert make(300, 0.5)[1].sum() == 150
    with pytest.raises(ValueError, match="contamination"):
        make(contamination=0.6)


def test_rings_outliers_lie_inside_and_outside():
    X, y = datasets.make_ring()
    distance = np.linalg.norm(X - 0.5, axis=1)
    ring, outliers = distance[y == 0], distance[y == 1]
    assert (outliers < ring.min()).sum() > 5 and (outliers > ring.max()).sum() > 5


def test_D_agrees_with_the_detectors_scores(entries):
    table, entry = datasets.load_table("ring"), entries[1]
    detector = MOGAAL(2, schedule="full", random_state=0, device="cpu", verbose=False).fit(table.X)
    grid = np.stack(np.meshgrid(tabular.AXIS, tabular.AXIS), 2).reshape(-1, 2)
    np.testing.assert_allclose(entry.arrays["D"][-1].ravel(), 1 - detector.anomaly_score(grid), atol=1e-5)
    np.testing.assert_array_equal(entry.arrays["scores"], detector.anomaly_score(table.X))


def test_frames_are_those_of_their_epochs(entries):
    for entry, k in zip(entries, (1, 10)):
        epochs = entry.record["details"]["epochs"]
        assert epochs == tabular.frame_epochs(2) == sorted(set(epochs)) and (epochs[0], epochs[-1]) == (1, 6)
        assert entry.arrays["D"].shape == (len(epochs), 40, 40)
        assert entry.arrays["generated"].shape == (len(epochs), k, 200 // k, 2)


def test_player_needs_no_network(entries):
    page = pictures.animation(entries, datasets.load_table("ring")).data
    assert not re.search(r"https?:|<link|//maxcdn", page) and "fa-" not in page and '<img alt="' in page
    assert len(page) < 1e6


def test_what_is_missing_is_said():
    table = datasets.load_table("ring")
    for draw in (pictures.stills, pictures.animation, pictures.inversion, pictures.findings):
        assert "Not run in this build" in draw([], table).data
    assert "Not run" in pictures.ends([], [table]).data and "Not run" in pictures.auc_dots([]).data
    assert "Not run" in pictures.learning_curves([], "ring").data and "Not run" in pictures.auc_table([]).data
