"""The scores that know nothing against plain versions."""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from ganod_lite import latent_search
from ganod_lite.gan import new_networks
from ganod_study import baselines, datasets, runner
from ganod_study.jobs import Cell, next_class
from ganod_study.store import Store

METHODS = ("mean-image", "knn-pixels", "complexity", "simplicity", "contrast")


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """{method: its scores of the digits' test images, 0 being normal}, and the split."""
    cells = [Cell("digits", 0, method, 0, "smoke") for method in METHODS]
    entries = runner.run(cells, Store(tmp_path_factory.mktemp("store")), device="cpu", verbose=False)
    s = cells[0].settings
    split = datasets.one_versus_all(
        datasets.load_images("digits"), 0, n_train=s.n_train, n_test=s.n_test, n_holdout=s.n_holdout, seed=0
    )
    return {method: e.arrays["scores"] for method, e in zip(METHODS, entries)}, split


def flat(x):
    return x.reshape(len(x), -1) / 127.5 - 1


def test_each_score_is_its_plain_version(computed):
    scores, split = computed
    train, test = flat(split.x_train), flat(split.x_test)
    nearest = np.sort(np.sqrt(((test[:, None] - train) ** 2).sum(2)), axis=1)[:, :5]
    np.testing.assert_allclose(scores["knn-pixels"], nearest.mean(1), rtol=1e-5)
    np.testing.assert_allclose(scores["mean-image"], ((test - train.mean(0)) ** 2).sum(1), rtol=1e-5)
    np.testing.assert_allclose(scores["contrast"], [x.std() for x in test], rtol=1e-5)
    np.testing.assert_array_equal(scores["simplicity"], -scores["complexity"])


def test_neighbours_are_scikit_learn_s(computed):
    scores, split = computed
    distances, _ = NearestNeighbors(n_neighbors=baselines.K).fit(flat(split.x_train)).kneighbors(flat(split.x_test))
    np.testing.assert_allclose(scores["knn-pixels"], distances.mean(1), rtol=1e-5)


def test_complexity_counts_the_bytes_of_a_lossless_file(computed):
    scores, split = computed
    for x, score in zip(split.x_test[:5], scores["complexity"]):
        file = io.BytesIO()
        Image.fromarray(x).save(file, **baselines.WEBP)
        assert score == len(file.getvalue())
        np.testing.assert_array_equal(np.asarray(Image.open(file).convert("L")), x)  # nothing is lost
    flat, noise = np.zeros((8, 8, 3), np.uint8), np.random.default_rng(0).integers(256, size=(8, 8, 3), dtype=np.uint8)
    assert baselines.n_bytes(flat.tobytes(), flat.shape) < baselines.n_bytes(noise.tobytes(), noise.shape)


@pytest.mark.parametrize("method", METHODS)
def test_a_score_does_not_depend_on_the_other_images(computed, method, tmp_path, monkeypatch):
    """With other test images around it, here all but every third left out, an image keeps its score."""
    (scores, _), draw = computed, datasets.one_versus_all

    def fewer(*args, **options):
        split = draw(*args, **options)
        return split._replace(**{name: getattr(split, name)[::3] for name in ("x_test", "y_test", "test_index")})

    monkeypatch.setattr(datasets, "one_versus_all", fewer)
    (entry,) = runner.run([Cell("digits", 0, method, 0, "smoke")], Store(tmp_path), device="cpu", verbose=False)
    np.testing.assert_allclose(entry.arrays["scores"], scores[method][::3], rtol=1e-6)


def test_adgan_without_its_steps_its_training_or_its_class(tmp_path):
    """Each is the search itself, of the scale's settings but for the one thing; all find networks where they are."""
    store, methods = Store(tmp_path), ("adgan", "adgan-start", "adgan-untrained", "adgan-other-class")
    cells = runner.grid("smoke", "digits", methods)  # classes 0 and 1
    found = {(c.method, c.normal_class): e for c, e in zip(cells, runner.run(cells, store, verbose=False))}
    s, images = cells[0].settings, datasets.load_images("digits")
    x_test, y_test = (test[found["adgan", 0].arrays["test_index"]] for test in (images.x_test, images.y_test))
    seen, gans = {}, [cell.network.load(store)[0] for cell in cells[:2]]
    options = {"n_seeds": s.n_seeds, "random_state": 0, "device": "cpu", "verbose": False}
    fresh = new_networks((1, 16, 16), s.latent_size, s.ngf, s.objective, 0)[0]
    for c in (0, 1):
        seen["adgan-start", c] = latent_search(gans[c].generator, x_test, n_steps=0, **options)
        seen["adgan-untrained", c] = latent_search(fresh, x_test, n_steps=s.n_steps, **options)
        seen["adgan-other-class", c] = latent_search(gans[1 - c].generator, x_test, n_steps=s.n_steps, **options)
    for key, result in seen.items():
        np.testing.assert_allclose(found[key].arrays["scores"], result.scores, rtol=1e-5)
        assert (
            found[key].arrays["labels"].tolist() == (images.y_test[found[key].arrays["test_index"]] != key[1]).tolist()
        )
    assert [found["adgan-other-class", c].parameters["trained_on"] for c in (0, 1)] == [1, 0]
    assert [next_class(c, (0, 1, 8)) for c in (0, 1, 5, 8)] == [1, 8, 8, 0]
    assert len(list(tmp_path.rglob("*.pt"))) == 2  # a network for each class, shared by all that search it
