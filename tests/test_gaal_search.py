"""The search for MO-GAAL's settings without labels: what it goes by, what is stored, what labels say of it."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.base import clone

from ganod_lite.gaal import MOGAAL
from ganod_study import datasets, figures, gaal_search, runner
from ganod_study.jobs import TableCell
from ganod_study.runner import attempt
from ganod_study.statistics import auc
from ganod_study.store import Entry, Store
from ganod_study.tabular import rows_against_noise

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """An entry at the smoke scale."""
    options = {"store": tmp_path_factory.mktemp("store"), "verbose": False}
    (entry,) = attempt("smoke", datasets.GENERATED, methods=["mogaal-searched"], seeds=[1], **options).entries
    return entry


def made_up(aucs, criterion, table="WDBC", seed=0):
    """An entry of a search whose candidates have these AUCs (multiples of a hundredth) with labels."""
    labels = np.repeat([0, 1], [100, 1])
    ranks = np.stack([np.r_[np.arange(100), round(100 * value) - 0.5] for value in aucs])
    details = {
        "candidates": [{"k": i + 1, "stop_epochs": 10} for i in range(len(aucs))],
        "picked": int(np.argmax(criterion)),
    }
    parameters = {"dataset": table, "method": "mogaal-searched", "seed": seed}
    arrays = {"labels": labels, "ranks": ranks, "criterion": np.array(criterion)}
    return Entry({"parameters": parameters, "details": details}, arrays)


def detector_of(score):
    return SimpleNamespace(score_samples=score)


def test_the_criterion_prefers_a_small_region_that_holds_the_rows():
    rows = np.random.RandomState(1).normal(0.5, 0.02, (200, 2))
    near, far, same = (
        (lambda X: -np.abs(X - 0.5).sum(1)),
        (lambda X: np.abs(X - 0.5).sum(1)),
        (lambda X: np.zeros(len(X))),
    )
    assert rows_against_noise(detector_of(near), rows) > 0.98
    assert rows_against_noise(detector_of(far), rows) < 0.02
    assert rows_against_noise(detector_of(same), rows) == 0.5
    uniform = np.random.RandomState(1).uniform(size=(2000, 2))
    assert abs(rows_against_noise(detector_of(near), uniform) - 0.5) < 0.03


def test_the_scores_are_those_of_the_candidate_with_the_best_criterion(found):
    details, arrays = found.record["details"], found.arrays
    assert details["picked"] == arrays["criterion"].argmax()
    assert len(details["candidates"]) == len(arrays["criterion"]) == len(arrays["ranks"]) == 4
    table = datasets.load_table(datasets.GENERATED)
    detector = MOGAAL(random_state=1, contamination=None, device="cpu", verbose=False)
    for i, candidate in enumerate(details["candidates"]):
        scores = clone(detector).set_params(**candidate).fit(table.X).anomaly_score(table.X)
        assert auc(table.y, arrays["ranks"][i]) == auc(table.y, scores)
        if i == details["picked"]:
            np.testing.assert_array_equal(scores, arrays["scores"])


def test_the_search_sees_no_labels(found, monkeypatch, tmp_path):
    table = datasets.load_table(datasets.GENERATED)
    monkeypatch.setattr(datasets, "load_table", lambda name, root: table._replace(y=np.roll(table.y, 7)))
    (other,) = attempt(
        "smoke", datasets.GENERATED, methods=["mogaal-searched"], seeds=[1], store=tmp_path, verbose=False
    ).entries
    assert not np.array_equal(other.arrays["labels"], found.arrays["labels"])
    for name in ("scores", "criterion", "ranks"):
        np.testing.assert_array_equal(other.arrays[name], found.arrays[name])


def test_a_search_is_judged_by_the_auc_of_its_pick():
    frame = gaal_search.judged([made_up([0.9, 0.5, 0.7], [0.1, 0.2, 0.3])])
    (row,) = frame.to_dict("records")
    assert (row["table"], row["k"], row["stop_epochs"]) == ("WDBC", 3, 10)
    assert row["pick"] == pytest.approx(0.7) and row["best"] == pytest.approx(0.9)
    assert row["mean"] == pytest.approx(0.7) and row["agreement"] == pytest.approx(-0.5)


def test_findings_and_table_say_where_it_helps():
    good = made_up([0.5, 0.6, 0.9], [0.1, 0.2, 0.3], "onecluster")
    bad = [made_up([0.9, 0.7, 0.5], [0.1, 0.2, 0.3], "WDBC", seed) for seed in range(2)]
    tie = made_up([0.9, 0.7, 0.5], [1, 1, 1], "Pima")
    authors = [
        Entry({"parameters": {"dataset": name, "method": "mogaal", "seed": 0}},
              {"labels": np.repeat([0, 1], [100, 1]), "scores_at_stop": np.r_[np.arange(100), 94.5]})
        for name in ("WDBC", "onecluster")
    ]  # fmt: skip
    text = gaal_search.findings([*bad, good, tie, *authors]).data
    assert text.startswith("- On Pima candidates tie")
    assert "the average candidate: ahead on 1 of 2 tables, by +0.017 [" in text
    assert "the authors' settings: ahead on 0 of 2 tables, by -0.250 [" in text
    assert "only labels can tell: -0.200 on average, -0.400 on WDBC" in text
    assert "from -1.00 (WDBC) to +1.00 (onecluster)" in text
    lines = gaal_search.table([*bad, good, tie, *authors[:1]]).data.splitlines()[2:]
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines] == [
        ["onecluster", "3, 10 (1×)", "–", "0.900", "0.667", "0.900", "–", "+1.00"],
        ["Pima", "1, 10 (1×)", "3 of 3", "0.900", "0.700", "0.900", "–", "+0.00"],
        ["WDBC", "3, 10 (2×)", "–", "0.500 (sd 0.000)", "0.700 (sd 0.000)", "0.900 (sd 0.000)", "0.950", "-1.00"],
    ]
    assert gaal_search.findings([tie]).data == text.splitlines()[0]
    assert "average candidate" not in gaal_search.findings([good]).data  # of one table there is nothing to compare


def test_figure_has_a_panel_for_each_table_and_rings_the_picks():
    figure = figures.searched_settings(
        [made_up([0.5, 0.7], [0.1, 0.2], name) for name in ("WDBC", "onecluster", "Pima")]
    )
    assert isinstance(figure, Figure)
    assert [axis.get_title() for axis in figure.axes] == ["onecluster", "Pima", "WDBC"]
    for axis in figure.axes:
        np.testing.assert_allclose(axis.collections[-1].get_offsets(), [[0.2, 0.7]])
    for nothing in (gaal_search.findings([]), gaal_search.table([]), figures.searched_settings([])):
        assert "Not run" in nothing.data


def test_stored_searches_are_whole():
    store = Store(ROOT / runner.COMMITTED / "gaal")
    counts = Counter()
    for folder in store.root.glob(f"*/{gaal_search.METHOD}"):
        for path in sorted(folder.glob("*.json")):
            entry = store.get(path.with_suffix(""))
            cell = TableCell(folder.parent.name, gaal_search.METHOD, entry.parameters["seed"])
            assert path.with_suffix("") == cell.stem(store), path
            picked = entry.record["details"]["picked"]
            assert entry.arrays["criterion"].argmax() == picked, path
            labels = entry.arrays["labels"]
            assert auc(labels, entry.arrays["scores"]) == auc(labels, entry.arrays["ranks"][picked]), path
            counts[cell.dataset] += 1
    assert len(counts) == 7 and set(counts.values()) == {5}
