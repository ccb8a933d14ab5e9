"""Figures 4 to 6 and section 4.4: made-up entries through each function, a folder of tiny pictures through the page."""

import ast
import re
import shutil
from dataclasses import replace
from pathlib import Path

import helpers
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from ganod_study import claims, datasets, runner, scenes
from ganod_study.datasets import MissingData, load_images
from ganod_study.jobs import Cell
from ganod_study.scales import SCALES
from ganod_study.tables import claims as tables

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "scenes.py"

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
    return ranked, pooled, store


def made_up(*methods, classes=(0,), seeds=(0,), n=400, **options):
    """Entries of scenes: a quarter of the images normal, rankings with three images of one grey at each end."""
    found = []
    for method in methods:
        for c in classes:
            for seed in seeds:
                arrays = {}
                if method == scenes.RANKING:
                    scores = helpers.entry("adgan", c, seed, n=n).arrays["scores"]
                    normal = np.flatnonzero(np.arange(n) % 4 == 0)
                    ranked = normal[np.argsort(-scores[normal])]
                    grey = np.arange(6, dtype=np.uint8)[:, None, None, None]
                    images = np.broadcast_to(10 * grey + c, (6, 8, 8, 3))
                    arrays = {"scores": scores, "shown": np.concatenate([ranked[:3], ranked[-3:]]), "images": images}
                    arrays |= {"generated": images[:5], "neighbours": images[1:]}
                    arrays |= {"nearest_to_generated": np.arange(5.0), "nearest_to_held_out": np.full(9, 70.0)}
                found.append(helpers.entry(method, c, seed, "scenes", "medium", n=n, **arrays, **options))
    return found


def with_sizes(entries, sign=1.0, noise=0.1):
    """The entries of rankings, and for each the sizes of the files: the scores, or their negative, and noise."""
    rng, found = np.random.default_rng(0), list(entries)
    for e in entries:
        sizes = sign * e.arrays["scores"] + noise * rng.normal(size=len(e.arrays["scores"]))
        c, seed = e.parameters["normal_class"], e.parameters["seed"]
        found.append(helpers.entry(scenes.PLAIN, c, seed, "scenes", "medium", n=len(sizes), scores=sizes))
    return found


# --- statistics and sentences ---


def test_the_pooled_table_has_the_aucs_of_its_scores():
    entries = made_up("adgan", "kde", seeds=(0, 1)) + made_up("adgan", classes=(4,))
    aucs = {
        (m, s): roc_auc_score(e.arrays["labels"], e.arrays["scores"])
        for e in entries
        if (m := e.parameters["method"], s := e.parameters["seed"]) and e.parameters["normal_class"] == 0
    }
    each, mean = scenes.pooled(entries, "adgan")
    assert [each[seed].value for seed in (0, 1)] == pytest.approx([aucs["adgan", 0], aucs["adgan", 1]])
    assert mean.value == pytest.approx((aucs["adgan", 0] + aucs["adgan", 1]) / 2)
    assert mean.low < mean.value < mean.high and mean.half < max(interval.half for interval in each.values())
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in scenes.pooled_table(entries).data.splitlines()]
    rows = {row[0]: row[1:] for row in rows}
    assert rows["the paper's ADGAN, on LSUN"][0] == "0.641" and rows["DCAE"][0] == "not yet run"
    assert rows["KDE"][0].startswith(f"{(aucs['kde', 0] + aucs['kde', 1]) / 2:.3f} [")
    assert rows["KDE"][2].startswith(f"{aucs['kde', 1]:.3f} [")
    leads = [f"{aucs['adgan', s] - aucs['kde', s]:+.3f} [" for s in (0, 1)]
    assert all(lead in rows["KDE"][3] for lead in leads)


def test_plainness_is_measured_within_the_normal_class():
    entries = with_sizes(made_up(scenes.RANKING, classes=(0, 2)), sign=-1)
    ranking, _, sizes, _ = (e.arrays["scores"][::4] for e in entries)  # a quarter is normal
    found = scenes.plainness(entries)
    assert list(found) == [0, 2] and found[0].value == pytest.approx(spearmanr(ranking, sizes).statistic)
    assert found[0].low < found[0].value < found[0].high < 0
    n = 100  # near 0 the interval is that of Fisher's z
    near_zero = scenes.plainness(with_sizes(made_up(scenes.RANKING), noise=1e3))[0]
    assert near_zero.half == pytest.approx(1.96 / (n - 3) ** 0.5, rel=0.1)


def test_the_sentences_name_the_data_the_scale_and_what_is_ahead():
    entries = with_sizes(made_up(scenes.RANKING, classes=(0, 4))) + made_up("adgan", "kde", seeds=(0, 1))
    better = helpers.entry("iforest", 0, 0, "scenes", "medium", n=400, scores=np.arange(400) % 4)
    text = scenes.summary([*entries, better]).data
    assert "**Scenes, scale `medium`:**" in text and "2 trainings" in text and "0.641 on LSUN" in text
    assert re.search(r"Higher than ADGAN's here: .*IF \(1\.000\)", text)
    assert (
        "conference room +" in text
        and "are 2 grey levels" in text
        and "held-out photographs 70: that near, they may" in text
    )
    assert "another category" not in text
    (church,) = made_up("adgan", classes=(2,))
    expected = roc_auc_score(church.arrays["labels"], church.arrays["scores"])
    found = re.search(
        r"Trained on another category.*an AUC of (0\.\d+) \[.*\] \(church outdoor\)",
        scenes.summary([*entries, church]).data,
    )
    assert float(found[1]) == pytest.approx(expected, abs=5e-4)
    assert scenes.summary([]).data == "*There are no results yet.*"


# --- figures ---


def test_figures_show_what_is_stored():
    (entry,) = entries = made_up(scenes.RANKING, classes=(4,))
    figure = scenes.ranked_images(entries, 4)
    assert isinstance(figure, Figure) and figure.get_facecolor() == (1, 1, 1, 1)
    scores = np.sort(entry.arrays["scores"][::4])
    most, least, below = figure.axes
    assert [text.get_text() for text in most.texts] == [f"{score:.0f}" for score in scores[:-4:-1]]
    assert [text.get_text() for text in least.texts] == [f"{score:.0f}" for score in scores[2::-1]]
    assert [image.get_array()[0, 0, 0] for image in most.images] == [4, 14, 24]
    assert "conference room" in most.get_title("left")
    shares = [sum(bar.get_height() * bar.get_width() for bar in below.containers[0])]
    assert shares == pytest.approx([1])
    pairs = scenes.nearest_neighbours(entries, 4).axes[0]
    assert len(pairs.images) == 10 and [t.get_text() for t in pairs.texts][1::2] == list("01234")
    assert "church outdoor is not yet run" in scenes.ranked_images(entries, 2).data
    assert "bedroom is not yet trained" in scenes.nearest_neighbours([], 0).data
    axis = scenes.pooled_aucs(made_up("adgan", "kde")).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["ADGAN", "KDE"]
    assert "not yet run" in scenes.pooled_aucs([]).data


# --- a folder of pictures ---


def test_the_ranking_is_of_adgan_s_own_scores_and_images(found, folder):
    (entry,), images = found[0].entries, load_images("scenes", root=folder)
    adgan = found[1].entries[0]
    np.testing.assert_array_equal(entry.arrays["scores"], adgan.arrays["scores"])
    shown = entry.arrays["shown"].astype(int)
    np.testing.assert_array_equal(entry.arrays["images"], images.x_test[entry.arrays["test_index"][shown].astype(int)])
    normal = adgan.arrays["labels"] == 0
    np.testing.assert_array_equal(np.sort(adgan.arrays["scores"][normal])[::-1], adgan.arrays["scores"][shown[:5]])
    x = images.x_train[images.y_train == 0].astype(float)
    distances = ((entry.arrays["generated"][:, None].astype(float) - x) ** 2).mean((2, 3, 4)) ** 0.5
    np.testing.assert_allclose(entry.arrays["nearest_to_generated"][:5], distances.min(1), rtol=1e-5)
    np.testing.assert_array_equal(entry.arrays["neighbours"], x[distances.argmin(1)])
    held_out = images.x_test[images.y_test == 0].astype(float)
    distances = ((held_out[:, None] - x) ** 2).mean((2, 3, 4)).min(1) ** 0.5
    np.testing.assert_allclose(np.sort(entry.arrays["nearest_to_held_out"]), np.sort(distances), rtol=1e-5)


def test_without_a_holdout_there_is_one_dimension(found):
    details = {e.parameters["method"]: e.record["details"] for e in found[1].entries}
    assert details["kde"]["holdout_auc"] == details["iforest"]["holdout_auc"] == {}
    assert found[1].entries[0].parameters["n_holdout"] == 0


def test_the_whole_page_runs_on_a_folder_and_never_calls_it_lsun(found, folder, monkeypatch):
    monkeypatch.setitem(SCALES["lite"], "scenes", TINY)
    monkeypatch.setattr(runner, "open_store", lambda store: runner.Store(found[2]))
    monkeypatch.setattr(runner, "_do", lambda *_, **__: pytest.fail("all is in the store"))
    monkeypatch.setattr(runner, "stored_results", lambda *_: made_up(scenes.RANKING, *scenes.POOLED))
    shown = run_page(data_root=str(folder), seeds=[0, 1], device="cpu")
    assert len(shown) > 10 and sum(isinstance(each, Figure) for each in shown) == 5
    texts = [each.data for each in shown if hasattr(each, "data")]
    assert "**Scenes, scale `lite`:**" in "".join(texts) and "Not run in this build" not in "".join(texts)
    for text in texts:
        assert not re.sub(r"(on|the paper's ADGAN, on) LSUN", "", text).count("LSUN"), text
    for figure in (each for each in shown if isinstance(each, Figure)):
        words = [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
        assert {word for word in words if "LSUN" in word} <= {"the paper's ADGAN, on LSUN"}


def test_without_data_the_page_shows_the_stored_results_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "stored_results", lambda *_: made_up(scenes.RANKING, *scenes.POOLED))
    shown = run_page(data_root=str(tmp_path), store=str(tmp_path / "store"), device="cpu")
    assert sum(isinstance(each, Figure) for each in shown) == 3  # bedrooms, their neighbours, the pooled experiment
    texts = [each.data for each in shown if hasattr(each, "data")]
    assert sum("Not run in this build: Scenes not found" in text for text in texts) == 3
    assert any("The ranking of the class church outdoor is not yet run" in text for text in texts)


def run_page(**parameters):
    """What the cells of the page show, with parameters and at the scale lite unless told otherwise."""
    cells = re.split(r"^# %%.*$", NOTEBOOK.read_text(), flags=re.MULTILINE)
    names, shown = {}, []
    for cell in (cell for cell in cells[1:] if re.search(r"^[^#\n]", cell, flags=re.MULTILINE)):
        *body, last = ast.parse(cell).body
        exec(compile(ast.Module(body, []), NOTEBOOK, "exec"), names)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), NOTEBOOK, "eval"), names))
        else:
            exec(compile(ast.Module([last], []), NOTEBOOK, "exec"), names)
        if "scale" in names and parameters:
            names, parameters = names | parameters, {}
    return shown


def test_other_categories_are_named(folder, tmp_path):
    shutil.copytree(folder / "scenes", tmp_path / "scenes")
    for split in ("train", "val"):
        (tmp_path / "scenes" / split / "kitchen").rename(tmp_path / "scenes" / split / "attic")
    with pytest.raises(MissingData, match="Scenes not found: .*bedroom, .* it lacks kitchen and it has besides attic"):
        load_images("scenes", root=tmp_path)


# --- the claims ---


def test_claims_of_scenes_are_judged_on_another_data_set_and_say_so():
    def verdict(name, entries):
        return claims.judge(claims.Evidence(tuple(entries)))[name]

    none = verdict("lsun-auc", ())
    assert none.verdict == claims.CANNOT and "stored results of other scenes lack" in none.why
    found = verdict("lsun-auc", made_up("adgan", seeds=(0, 1), n=4000))
    assert found.verdict == found.in_words == claims.CANNOT
    assert found.ours.startswith("on another data set (Scenes): 0.")

    rankings = made_up(scenes.RANKING, classes=(0, 2, 4))
    plain_first = verdict("lsun-rankings", with_sizes(rankings))
    assert plain_first.verdict == claims.UNDECIDED and "no number tells" in plain_first.why
    found = verdict("lsun-rankings", with_sizes(rankings, sign=-1))
    assert found.verdict == "not reproduced at medium"
    of = {"lsun-rankings": found}
    everywhere = tables.summary(of).data, tables.claim(of, "lsun-rankings").data
    assert all("not reproduced at medium, on another data set" in text for text in everywhere)
    noisy = verdict("lsun-rankings", with_sizes(rankings, noise=1e3))
    assert noisy.verdict == claims.UNDECIDED and "both signs" in noisy.why
    assert verdict("lsun-rankings", with_sizes(rankings[:2])).verdict == claims.CANNOT
    of_another_seed = [
        replace(e, record=e.record | {"parameters": e.parameters | {"seed": 9}})
        if e.parameters["method"] == scenes.PLAIN else e for e in with_sizes(rankings)
    ]  # fmt: skip
    assert verdict("lsun-rankings", of_another_seed).verdict == claims.UNDECIDED
    lite = [replace(e, record=e.record | {"parameters": e.parameters | {"scale": "lite"}}) for e in rankings]
    assert verdict("lsun-rankings", lite).verdict == claims.CANNOT


def test_lsun_goes_before_other_scenes_and_is_no_other_data_set():
    scores = np.where(np.arange(400) % 100 < 85, 0.5, np.arange(400) % 4 > 0)
    scenes_, lsun = (helpers.entry("adgan", 0, 0, name, "medium", n=4000) for name in ("scenes", "lsun"))
    found = claims.judge(claims.Evidence((scenes_, lsun)))["lsun-auc"]
    assert found.verdict == "not reproduced at medium"
    assert found.entries == (lsun,) and "another data set" not in found.ours + found.in_words
    near = helpers.entry("adgan", 0, 0, "lsun", "medium", n=400, scores=scores.astype(float))
    assert claims.judge(claims.Evidence((near,)))["lsun-auc"].verdict == claims.UNDECIDED


def test_the_lsun_of_the_paper_is_a_cell_of_its_own():
    assert datasets.CLASSES["lsun"][:9] == datasets.CLASSES["scenes"]
    cells = [Cell(name, 0, "adgan", 0, "medium") for name in ("scenes", "lsun")]
    assert cells[0].parameters != cells[1].parameters and SCALES["medium"]["lsun"].n_test == 3000


def test_what_the_page_says_of_the_lead_over_the_mean_image_holds_of_the_stored_results():
    leads = scenes._leads(runner.stored_results("scenes"), "mean-image")
    assert len(leads) > 1 and all(lead.low < 0 < lead.high for lead in leads.values())
