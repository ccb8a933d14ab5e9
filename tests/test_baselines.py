"""The scores that know nothing against plain versions, and their page on made-up entries."""

import io
import re
from itertools import product

import helpers
import numpy as np
import pytest
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from ganod_lite import latent_search
from ganod_lite.gan import new_networks
from ganod_study import baselines, datasets, figures, runner
from ganod_study.jobs import Cell, next_class
from ganod_study.methods import METHODS
from ganod_study.networks import split_of
from ganod_study.reference import paper_mean
from ganod_study.render import signed
from ganod_study.statistics import (
    Interval,
    auc,
    delong_test,
    mean_difference_interval,
    t_interval,
    true_positive_rate,
)
from ganod_study.store import Store
from ganod_study.summaries import aucs_of, cells_of, class_aucs, comparisons, contaminations, mean_auc, paired
from ganod_study.tables import baselines as tables

NO_NETWORK = ("mean-image", "knn-pixels", "complexity", "simplicity", "contrast")


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """{method: its scores of the digits' test images, 0 being normal}, and the split."""
    cells = [Cell("digits", 0, method, 0, "smoke") for method in NO_NETWORK]
    entries = runner.run(cells, Store(tmp_path_factory.mktemp("store")), device="cpu", verbose=False)
    s = cells[0].settings
    split = datasets.one_versus_all(
        datasets.load_images("digits"), 0, n_train=s.n_train, n_test=s.n_test, n_holdout=s.n_holdout, seed=0
    )
    return {method: e.arrays["scores"] for method, e in zip(NO_NETWORK, entries)}, split


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
    nearest = NearestNeighbors(n_neighbors=baselines.NEIGHBOURS).fit(flat(split.x_train))
    distances, _ = nearest.kneighbors(flat(split.x_test))
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


@pytest.mark.parametrize("method", NO_NETWORK)
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


N, N_ADGAN = 60, 40


@pytest.fixture
def made_up():
    """ADGAN of the first images of one draw, scores of all of them and of two draws, ADGAN being the worse one."""
    found = []
    for c, method, seed in product(range(10), ("adgan", "mean-image", "complexity"), (0, 1)):
        if method == "adgan" and seed == 1:
            continue
        n = N_ADGAN if method == "adgan" else N
        rng = np.random.default_rng([c, seed, len(method)])
        labels = (np.arange(n) % 4 > 0).astype(np.uint8)
        scores = rng.normal(size=n) + {"adgan": 0.5, "mean-image": 4.0, "complexity": 0.0}[method] * labels
        scale = "medium" if method == "adgan" else "paper"
        e = helpers.entry(method, c, seed, "mnist", scale, n=n, labels=labels, scores=scores)
        e.parameters["n_train"] = None
        found.append(e)
    return found


def differences(entries, method):
    """ADGAN's AUC less the method's in each class, on the images that both scored."""
    adgan, others, found = cells_of(entries, "adgan"), cells_of(entries, method), []
    for c in range(10):
        a, b = adgan[c, 0].arrays, others[c, 0].arrays
        found.append(auc(a["labels"], a["scores"]) - auc(a["labels"], b["scores"][:N_ADGAN]))
    return np.array(found)


def test_verdict_compares_on_the_same_images_and_says_which_is_ahead(made_up):
    said = tables.verdict(made_up).data
    expected = t_interval(differences(made_up, "mean-image"))
    assert f"is behind the best score that knows nothing, {METHODS['mean-image'].title}" in said
    assert signed(expected) in said and f"same {N_ADGAN} test images" in said and "scale `medium`" in said
    of_first = [e.arrays for (_, seed), e in cells_of(made_up, "mean-image").items() if seed == 0]
    mean = np.mean([auc(a["labels"][:N_ADGAN], a["scores"][:N_ADGAN]) for a in of_first])
    assert f"against {mean:.3f} ±" in said
    without = [e for e in made_up if e.parameters["method"] != "mean-image"]
    assert "beats the best score that knows nothing, complexity" in tables.verdict(without).data
    assert "Not run" in tables.verdict([e for e in made_up if e.parameters["method"] == "adgan"]).data


def test_means_are_over_all_images_and_differences_over_shared_ones(made_up):
    rows = {line.split("|")[2].strip(): line for line in tables.means(made_up).data.splitlines()[2:]}
    assert "not yet run" in rows["k-NN, pixels"]
    of_mean = mean_auc(cells_of(made_up, "mean-image"))
    row = rows[METHODS["mean-image"].title]
    assert f"{of_mean.value:.3f} ± {of_mean.interval.half:.3f}" in row and len(of_mean.aucs) == 2
    found = differences(made_up, "mean-image")
    assert signed(t_interval(found)) in row and f"{np.sum(found > 0)} of 10 classes" in row
    paper = [paper_mean("mnist", "adgan", [c]) - mean_auc(of_mean.cells, [c]).value for c in range(10)]
    assert signed(t_interval(paper)) in row


def test_classes_and_figure_show_every_class(made_up):
    shown = tables.classes(made_up, "mnist").data
    assert len([line for line in shown.splitlines() if line.startswith("|")]) == 2 + 10 + 1
    assert "baselines-mnist.csv" in shown
    (axis,) = figures.baselines(made_up, "mnist").axes
    lines = [line for line in axis.lines if len(line.get_xdata()) == 11]
    assert len(lines) == 4  # ADGAN, two scores, the paper
    assert lines[-1].get_xdata()[3] == paper_mean("mnist", "adgan", [3])
    assert "Not run" in figures.baselines(made_up, "cifar10").data


def test_followed_correlates_over_the_classes(made_up):
    rows = {line.split("|")[2].strip(): line.split("|") for line in tables.followed(made_up).data.splitlines()[2:]}
    assert list(rows) == [METHODS[m].title for m in ("mean-image", "complexity")]  # what has been run

    def aucs(method):
        return [mean_auc(cells_of(made_up, method), [c]).value for c in range(10)]

    row = rows[METHODS["mean-image"].title]
    assert row[3].strip().startswith(f"{np.corrcoef(aucs('mean-image'), aucs('adgan'))[0, 1]:+.3f} [")
    paper = [paper_mean("mnist", "adgan", [c]) for c in range(10)]
    assert row[4].strip().startswith(f"{np.corrcoef(aucs('mean-image'), paper)[0, 1]:+.3f} [")


def test_variants_have_a_row_for_each_class_and_their_mean():
    found = [helpers.entry(m, c) for m in ("adgan", "adgan-start", "mean-image") for c in (0, 1)]
    rows = [line.split("|") for line in tables.variants(found).data.splitlines()[2:]]
    assert [row[2].strip() for row in rows] == ["0", "1", "**mean**"]
    of_class = [comparisons(found, "adgan", "adgan-start")[name, 0] for name in ("0", "1")]
    assert [row[4].strip() for row in rows[:2]] == [signed(c) for c in of_class]
    assert rows[2][4].strip() == signed(t_interval([c.difference for c in of_class]))
    assert rows[0][5].strip() == "–"  # never trained: not there


def test_stored_variants_are_of_the_classes_that_all_have():
    def made(method, classes, scale, n=40):
        return [helpers.entry(method, c, 0, "mnist", scale, n=n) for c in classes]

    large = made("adgan", range(10), "large") + made("adgan-start", (0, 1, 8), "large")
    large += made("adgan-untrained", (0, 8), "large") + made("adgan-other-class", (0, 1, 8), "large")
    others = made("adgan", range(10), "medium") + made("mean-image", range(10), "paper", n=80)
    found = tables.variants_at("large", large + others)
    assert {(e.parameters["method"], e.parameters["normal_class"]) for e in found} == set(
        product(tables.TITLES, (0, 8))
    )
    assert {e.parameters["scale"] for e in found} == {"large", "paper"}
    assert tables.variants_at("large", others) == []
    assert len(tables.variants(found).data.splitlines()) == 2 + 3


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_what_the_page_says_of_the_variants_at_large_holds_of_the_stored_results(dataset):
    found = tables.variants_at("large", runner.stored_results(dataset))
    differences = {
        m: {c: d for (c, _), d in comparisons(found, "adgan", m).items()} for m in tables.TITLES if m != "adgan"
    }
    lower, told = (
        {m: {c for c, d in of.items() if is_so(d)} for m, of in differences.items()}
        for is_so in (lambda d: d.low > 0, lambda d: not d.low < 0 < d.high)
    )
    if dataset == "mnist":
        classes = {"0", "1", "8"}
        assert lower["adgan-untrained"] == lower["adgan-other-class"] == classes
        assert told["adgan-start"] == {"1"} and round(differences["adgan-start"]["1"].difference, 3) == 0.007
        assert all(abs(d.difference) < 0.03 for m in ("adgan-start", "mean-image") for d in differences[m].values())
        assert max(max(-d.low, d.high) for d in differences["mean-image"].values()) < 0.06
    else:
        classes = {"airplane", "automobile", "frog"}
        assert lower["adgan-other-class"] == classes and lower["adgan-untrained"] == classes - {"automobile"}
        assert told["adgan-start"] == told["mean-image"] == {"automobile"}
        assert round(differences["adgan-start"]["automobile"].difference, 2) == -0.07
        assert differences["mean-image"]["automobile"].high < 0
    assert all(of.keys() == classes for of in differences.values())


def test_contrast_alone_ranks_cars_and_trucks_the_wrong_way_round():
    """As the page of Table 1 says."""
    aucs = class_aucs(cells_of(runner.stored_results("cifar10", "paper"), "contrast"))
    assert max(aucs[datasets.CLASSES["cifar10"].index(name)] for name in ("automobile", "truck")) < 0.4


def test_beyond_auc_is_a_mean_over_classes(made_up):
    row = next(line for line in tables.beyond_auc(made_up).data.splitlines() if "| ADGAN" in line)
    arrays = [e.arrays for e in made_up if e.parameters["method"] == "adgan"]
    found = t_interval([true_positive_rate(a["labels"], a["scores"], 0.05) for a in arrays])
    assert f"{found.value:.3f} ± {found.half:.3f}" in row and "0.750" in row


# --- anomalies among the training images ---


def test_strangers_take_the_place_of_normal_images_and_the_test_images_stay():
    images = datasets.load_images("digits")
    sizes = {"n_train": 100, "n_test": 60, "n_holdout": 30, "seed": 3}
    clean = datasets.one_versus_all(images, 2, **sizes)
    found = datasets.one_versus_all(images, 2, **sizes, contaminated=0.1)
    of_class = {x.tobytes() for x in images.x_train[images.y_train == 2]}
    normal = [x for x in found.x_train if x.tobytes() in of_class]
    assert len(found.x_train) == 100 and len(normal) == 90
    assert {x.tobytes() for x in normal} < {x.tobytes() for x in clean.x_train}
    assert len({x.tobytes() for x in found.x_train} - of_class) == 10
    for name in ("x_test", "y_test", "x_holdout", "y_holdout", "test_index"):
        assert np.array_equal(getattr(found, name), getattr(clean, name))
    again = datasets.one_versus_all(images, 2, **sizes, contaminated=0.1)
    assert np.array_equal(again.x_train, found.x_train)
    other = datasets.one_versus_all(images, 2, **sizes | {"seed": 4}, contaminated=0.1)
    assert not np.array_equal(other.x_train, found.x_train)
    with pytest.raises(ValueError, match="contaminated == 1.0, must be < 1"):
        datasets.one_versus_all(images, 2, **sizes, contaminated=1.0)


def test_contaminated_methods_learn_the_strangers_too_and_their_keys_tell(tmp_path):
    cell, adgan = (Cell("digits", 1, f"{name}-contaminated-10", 0, "smoke") for name in ("mean-image", "adgan"))
    (entry,) = runner.run([cell], Store(tmp_path), device="cpu", verbose=False)
    split = split_of(cell, datasets.load_images("digits"))
    mean = flat(split.x_train).mean(0)
    np.testing.assert_allclose(entry.arrays["scores"], np.square(flat(split.x_test) - mean).sum(1), rtol=1e-5)
    assert entry.parameters["contaminated"] == adgan.parameters["contaminated"] == 0.1
    assert adgan.network.parameters["contaminated"] == 0.1
    clean = Cell("digits", 1, "adgan", 0, "smoke")
    assert "contaminated" not in clean.parameters and adgan.network.shares != clean.network.shares
    fits = [Cell("mnist", 1, f"kde{end}", seed, "paper").shares for end in ("", "-contaminated-1") for seed in (0, 1)]
    assert len(set(fits)) == 3  # without strangers all repetitions share one fit


def test_what_the_page_says_of_anomalies_in_training_holds_of_the_stored_results():
    (found,) = contaminations(runner.stored_results("mnist")).values()
    assert {m: len(by_percent[0]) for m, by_percent in found.items()} == dict.fromkeys(found, 10) | dict.fromkeys(
        ("dcae", "vae", "adgan"), 3
    )
    aucs = {
        m: {p: {c: a for (c, _), a in aucs_of(cells).items() if c in (0, 1, 8)} for p, cells in by_percent.items()}
        for m, by_percent in found.items()
    }
    lost = {m: {c: of[0][c] - of[10][c] for c in of[0]} for m, of in aucs.items()}
    assert [round(lost[m][c], 2) for m in ("dcae", "vae") for c in (0, 8)] == [0.28, 0.14, 0.19, 0.14]
    clean, all_ = (found["adgan"][p] for p in (0, 10))
    told = {c: delong_test(paired(clean[c, 0], all_[c, 0]), clean[c, 0].arrays["scores"], all_[c, 0].arrays["scores"])
            for c in (0, 1, 8)}  # fmt: skip
    assert round(told[0].difference, 2) == 0.03 and told[0].low > 0
    assert all(told[c].low < 0 < told[c].high for c in (1, 8))
    means = {m: {p: np.mean(list(of.values())) for p, of in each.items()} for m, each in aucs.items()}
    for method in ("kde", "knn-pixels"):
        assert means[method][0] > means["adgan"][0] and means[method][10] < means["adgan"][10] - 0.05
    of_gmm = {p: class_aucs(cells) for p, cells in found["gmm"].items()}
    assert np.mean([of_gmm[0][c] - of_gmm[10][c] for c in range(10)]).round(2) == 0.09
    assert 0 < means["mean-image"][0] - means["mean-image"][10] < 0.03
    for dataset in ("mnist", "cifar10"):
        lines = tables.contaminated_beside(runner.stored_results(dataset)).data.split("\n")[2:]
        beside = {line.split("|")[2].strip(): re.findall(r"[-+]0\.\d+", line) for line in lines}
        clean, most = ({m: Interval(*map(float, of[i : i + 3])).above() for m, of in beside.items()} for i in (0, 3))
        networks = {"DCAE": None, "VAE": None}
        if dataset == "mnist":
            assert all(clean[m] is False and most[m] for m in ("KDE", "GMM", "k-NN, pixels")) and most["IF"] is None
            assert clean["IF"] is False
        else:
            assert most == dict.fromkeys(most, False) | networks and clean == most


def test_adgan_beside_others_with_strangers_is_on_the_same_images():
    names = [name for m in ("adgan", "kde") for name in (m, *(f"{m}-contaminated-{percent}" for percent in (1, 5, 10)))]
    found = [helpers.entry(m, c, 0, "mnist", "paper", n=200) for m in names for c in (0, 1)]
    found += [helpers.entry(m, 2, 0, "mnist", "paper", n=200) for m in names[4:]]  # which ADGAN lacks
    by = {(e.parameters["method"], e.parameters["normal_class"]): e for e in found}
    shown = tables.contaminated_beside(found).data
    for end in ("", "-contaminated-10"):
        samples = [
            (a.arrays["test_index"], a.arrays["labels"], a.arrays["scores"], b.arrays["scores"])
            for a, b in ((by[f"adgan{end}", c], by[f"kde{end}", c]) for c in (0, 1))
        ]
        assert signed(mean_difference_interval(samples)) in shown
    assert "2 classes" in shown and shown.count("\n") == 2  # a row of KDE, none of ADGAN
    assert tables.contaminated_beside(found[-4:]).data.startswith("*Not run")


def test_what_strangers_cost_is_shown_over_the_classes_that_all_have():
    of = {m: [m, *(f"{m}-contaminated-{percent}" for percent in (1, 5, 10))] for m in ("kde", "mean-image")}
    found, others = (
        [helpers.entry(m, c, 0, "mnist", "paper", n=200) for m in names for c in (0, 1, 2)] for names in of.values()
    )
    found += [helpers.entry("kde", 3, 0, "mnist", "paper", n=200)]  # but not with strangers
    aucs = np.array([[auc(e.arrays["labels"], e.arrays["scores"]) for e in found[i : i + 3]] for i in (0, 3, 6, 9)])
    shown = tables.contaminated(found).data
    for mean in aucs.mean(1):
        assert f"{mean:.3f}" in shown
    assert signed(t_interval(aucs[3] - aucs[0])) in shown and "| 3 " in shown
    (axis,) = figures.contamination(found + others).axes
    np.testing.assert_allclose(axis.lines[0].get_ydata(), aucs.mean(1))
    assert list(axis.lines[0].get_xdata()) == [0, 1, 5, 10]
    assert len({(line.get_color(), line.get_linestyle()) for line in axis.lines}) == 2
    fewer = [e for e in others if e.parameters["normal_class"] != 1]  # the figure shows what all methods have
    (axis,) = figures.contamination(found + fewer).axes
    np.testing.assert_allclose(axis.lines[0].get_ydata(), aucs[:, [0, 2]].mean(1))
    assert axis.get_title() == "MNIST, 2 classes"
    assert tables.contaminated(found[:3]).data.startswith("*Not run")
