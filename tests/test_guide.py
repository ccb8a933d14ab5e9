"""The guide's examples run as printed, what it says holds of the stored results, and the reference is complete."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import jupytext
import numpy as np
import pytest
from helpers import entry
from numpydoc.docscrape import NumpyDocString
from PIL import Image

import ganod_lite
from ganod_study import datasets, guide, runner
from ganod_study.methods import METHODS, TABLE1
from ganod_study.summaries import cells_of, complete
from ganod_study.tables import guide as tables

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
PAGES = sorted((BOOK / "guide").glob("*.md"))
DETAILS = [path for path in sorted((BOOK / "methods").glob("*.md")) if path.stem != "index"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("guide_*.py"))
REFERENCE = "\n".join(path.read_text() for path in sorted(BOOK.glob("api*.md")))
DOCUMENTED = re.findall(r"^\.\. auto(?:class|function):: (\S+)", REFERENCE, re.MULTILINE)


# --- the examples ---


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    """A working folder with what a reader's is said to hold: folders of images, and a table."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.RandomState(0)
    for folder, n in (("normal", 60), ("new", 6)):
        (tmp_path / folder).mkdir()
        for i in range(n):
            picture = np.clip(rng.normal(128, 20, (40, 40)), 0, 255).astype(np.uint8)
            picture[10:30, 10:30] = 255 * (i % 2)
            Image.fromarray(picture if i else picture // 4).save(tmp_path / folder / f"{i:02}.png")
    rows = np.r_[rng.normal(size=(99, 2)), [[9, 9]]]
    lines = [f"row {i},{a},{b}" for i, (a, b) in enumerate(rows)]
    (tmp_path / "table.csv").write_text("\n".join(["name,a,b", *lines]))
    return tmp_path


def run_examples(page, shorter=False):
    """Run a page's examples one after the other, in one namespace."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    names = {}
    for block in blocks:
        exec(compile(re.sub(r"n_iter=1000\b", "n_iter=2", block) if shorter else block, page.name, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_run_as_printed(page, own_data):
    run_examples(page)


@pytest.mark.parametrize("page", DETAILS, ids=lambda page: page.stem)
def test_examples_of_the_details_run_with_fewer_steps(page):
    try:
        run_examples(page, shorter=True)
    except datasets.MissingData as missing:
        pytest.skip(str(missing))


def test_what_is_anomalous_comes_first(own_data):
    run_examples(BOOK / "guide" / "howto.md")
    first = (own_data / "ranked.csv").read_text().splitlines()[1]
    assert first.startswith("new/00.png") or first.startswith("new\\00.png")
    flagged = [line for line in (own_data / "flagged.csv").read_text().splitlines() if line.endswith("True")]
    assert len(flagged) == 2 and flagged[-1].startswith("row 99,")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_examples_have_ten_lines_and_link_to_the_reference(path):
    cells = jupytext.read(path).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    if path.stem == "guide_choose":
        return
    (place,) = (i for i, cell in enumerate(cells) if cell.source.startswith("## Ten lines"))
    example = [line for line in cells[place + 1].source.splitlines() if line]
    assert cells[place + 1].cell_type == "code" and len(example) <= 10
    detectors = {name for name in ganod_lite.__all__ if re.search(rf"import .*\b{name}\b", "\n".join(example))}
    assert detectors and all(f"{{class}}`~ganod_lite.{name}`" in text for name in detectors)
    for section in ("assume", "When to use", "Three arguments", "Time", "Pitfalls"):
        assert re.search(rf"^## .*{section}", text, re.MULTILINE), section


# --- what the guide says, by the stored results ---


@pytest.fixture(scope="module")
def stored():
    return {dataset: guide.of_table1(dataset) for dataset in tables.SIZES}, guide.on_tables()


def test_classical_methods_are_the_ones_to_begin_with(stored):
    of_images, standings = stored
    said = [tables.verdict_on_images(name, cells).data for name, cells in of_images.items()]
    for verdict in said:
        assert verdict.startswith("**Take a classical method first.**")  # guide_choose, guide_classic, guide_adgan
    assert tables.verdict_on_tables(standings).data.startswith("**Neither kind is ahead.**")


def test_other_statements_of_the_guide(stored):
    of_images, standings = stored
    at_medium = {m: cells_of(runner.stored_results("mnist", "medium"), m) for m in TABLE1 if METHODS[m].network}
    assert next(iter(guide.on_images(at_medium))) == "vae"  # guide_autoencoders
    assert all(s.mean.value < 0.65 for s in guide.on_images(of_images["cifar10"]).values())  # "not far from chance"
    unlabelled = [s for title, s in standings.items() if title.endswith("as it comes")]
    assert len(unlabelled) == 2  # guide_choose: an isolation forest first
    assert all(s.mean.value < standings["IF"].mean.value for s in unlabelled)


# --- how standings are computed ---


def made(**aucs):
    """Cells of methods with the given AUC for each class: {method: {(class, seed): entry}}."""
    labels = np.repeat([0, 1], 10)
    cells = {}
    for method, of_classes in aucs.items():
        cells[method] = {}
        for c, auc in enumerate(of_classes):
            scores = np.r_[np.zeros(10), np.repeat([1.0, -1.0], [round(10 * auc), 10 - round(10 * auc)])]
            cells[method][c, 0] = entry(method, c, labels=labels, scores=scores, test_index=np.arange(20))
    return cells


def test_standings_are_in_order_with_intervals_over_classes():
    found = guide.on_images(made(adgan=(0.5, 0.7, 0.9), kde=(0.9, 1.0, 0.9)))
    assert list(found) == ["kde", "adgan"]
    mean = found["adgan"].mean
    assert mean.value == pytest.approx(0.7)
    assert mean.high - mean.value == pytest.approx(4.303 * 0.2 / 3**0.5, abs=1e-3) or mean.high == 1.0
    gap = found["kde"].ahead_of(found["adgan"])
    assert gap.value == pytest.approx(np.mean([0.4, 0.3, 0.0])) and gap.low < 0 < gap.high
    assert guide.wins(found) == {"kde": 3, "adgan": 1}  # class 2 is shared


def test_who_is_ahead_decides_what_is_advised():
    ahead = tables.verdict_on_images("mnist", made(adgan=(1.0, 1.0, 0.9), kde=(0.6, 0.6, 0.6))).data
    assert ahead.startswith("**Take a network first.**") and "excludes zero" in ahead
    assert "is the best of all in 0 of 3 classes" in ahead and ahead.endswith("a mean of 0.968 for its ADGAN.")
    close = tables.verdict_on_images("mnist", made(adgan=(0.5, 0.9, 0.6), kde=(0.6, 0.6, 0.9))).data
    assert close.startswith("**Take a classical method first.**") and "not told apart" in close


def test_the_best_on_tables_is_named_first():
    def standing(title, *aucs):
        return guide.Standing(title, dict(zip(("a", "b", "c"), aucs)))

    def said(*standings):
        return tables.verdict_on_tables(guide.ordered({s.title: s for s in standings})).data

    forest = standing("IF", 0.7, 0.8, 0.9)
    unclear = said(forest, standing("SO-GAAL as it comes", 0.6, 0.7, 0.95))
    assert unclear.startswith("**Neither kind is ahead.**") and unclear.endswith("IF is ahead on 2 of them.")
    close = said(forest, standing("SO-GAAL as it comes", 0.8, 0.9, 0.85))
    assert close.startswith("**Neither kind is ahead.**") and close.endswith("as it comes is ahead on 2 of them.")
    assert "SO-GAAL as it comes has the best mean over 3 tables, 0.850" in close and "IF has 0.800" in close
    behind = said(forest, standing("SO-GAAL as it comes", 0.6, 0.71, 0.8))
    assert behind.startswith("**Take a classical method first.**") and "which excludes zero" in behind
    ahead = said(forest, standing("SO-GAAL as it comes", 0.8, 0.91, 1.0))
    assert ahead.startswith("**Take SO-GAAL as it comes first.**") and ahead.endswith("ahead on 3 of them.")
    assert "SO-GAAL as it comes has the best mean over 3 tables, 0.903" in ahead and "IF has 0.800" in ahead


def test_times_are_those_of_the_records():
    cells = made(kde=(0.9, 0.9, 0.9))["kde"]
    for seconds, e in zip((1.0, 2.0, 9.0), cells.values()):
        e.record["seconds"], e.record["details"] = seconds, {"seconds_of_fit": 10 * seconds}
    assert guide.seconds_per_image(cells.values()) == 2.0 / 20  # the median, of 20 images
    assert guide.seconds_of_fit(cells.values()) == 20.0
    for e in cells.values():
        e.record["details"]["seconds_of_search"] = 20.0  # shared with others
    assert guide.seconds_per_image(cells.values()) == 22.0 / 20
    cells[0, 0].record["details"] = {}
    assert guide.seconds_of_fit(cells.values()) is None


def test_a_time_has_two_digits_and_no_power_of_ten(monkeypatch):
    cells = made(adgan=(0.9, 0.9, 0.9))
    monkeypatch.setattr(guide, "of_table1", lambda *_: cells)
    for seconds, shown in ((5.4, "270"), (0.0054, "0.27"), (0.7, "35")):  # of 20 images
        for e in cells["adgan"].values():
            e.record["seconds"] = seconds
        assert f"| {shown} " in tables.per_image("adgan").data


def test_the_stored_results_of_a_method_alone_are_those_among_all():
    everything = complete(runner.stored_results("mnist"))
    expected = [e.record["file"] for e in everything if e.parameters["method"] == "vae"]
    assert {e.parameters["method"] for e in runner.stored_results("mnist", method="vae")} == {"vae"}
    (found,) = guide.of_table1("mnist", ["vae"]).values()
    assert sorted(e.record["file"] for e in found.values()) == sorted(expected) and len(expected) >= 10


def test_benchmarks_are_shown_for_the_variant_asked_for():
    row = {"ngf": 16, "variant": "latent_search", "seconds_per_image": [0.01, 0.02, 0.09]}
    record = {"device": "d", "parameters": {"n_seeds": 8, "n_steps": 5}, "rows": [row, row | {"variant": "plain"}]}
    assert tables.search_time([record]).data.count("20.0") == 1
    assert "not" in tables.search_time([]).data.lower()


# --- the pictures ---


def test_pictures_show_what_the_detector_made():
    images = np.random.RandomState(0).randint(256, size=(12, 8, 8)).astype(np.uint8)
    detector = ganod_lite.DCAE(2, latent_size=2, ngf=2, random_state=0, verbose=False).fit(images)
    figure = guide.reconstructions(detector, images, np.arange(12) % 2, n_normal=1, n_anomalous=2)
    shown = np.reshape([axis.images[0].get_array() for axis in figure.axes], (3, 3, 8, 8))
    picked = [0, 1, 3]  # the first normal one, and the first two others
    np.testing.assert_allclose(255 * shown[0], images[picked], atol=1e-4)
    np.testing.assert_allclose(2 * shown[1] - 1, detector.explain(images[picked]).reconstruction[:, 0], atol=1e-6)
    assert shown[2].max() == 1
    assert [axis.get_title().split()[0] for axis in figure.axes[:3]] == ["normal", "anomalous", "anomalous"]


def test_a_plane_is_shaded_by_ranks_and_has_the_threshold():
    rng = np.random.RandomState(0)
    X, y = rng.uniform(0.4, 0.6, (50, 2)), np.arange(50) == 0
    figure = guide.planes({"KDE": ganod_lite.KDE(bandwidths=[0.05], random_state=0).fit(X)}, X, y)
    filled, line = figure.axes[0].collections[:2]
    assert filled.get_clim() == (0.0, 1.0) or filled.levels[[0, -1]].tolist() == [0.0, 1.0]
    edge = np.concatenate([path.vertices for path in line.get_paths()])
    assert 0.3 < edge.min() < 0.42 and 0.58 < edge.max() < 0.7  # around the rows


# --- the reference ---


def documented(name):
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def test_what_is_public_is_in_the_reference():
    assert {f"ganod_lite.{name}" for name in ganod_lite.__all__} <= set(DOCUMENTED)
    assert len(set(DOCUMENTED)) == len(DOCUMENTED)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_each_argument_is_explained(name):
    thing = documented(name)
    doc = NumpyDocString(inspect.getdoc(thing))
    assert doc["Summary"]
    explained = {part for p in (*doc["Parameters"], *doc["Attributes"]) for part in re.split(r",\s*", p.name)}
    assert explained or name.removeprefix("ganod_lite.") not in ganod_lite.__all__
    if explained:
        assert set(inspect.signature(thing).parameters) - {"self"} <= explained
