"""The page of the classical columns: means over classes, differences, and what the grids say of them."""

from dataclasses import replace

import helpers
import numpy as np
import pytest

from ganod_study import figures, summaries
from ganod_study.methods import TABLE1
from ganod_study.reference import paper_mean
from ganod_study.statistics import auc
from ganod_study.summaries import cells_of, grids, mean_auc, setting_in_words
from ganod_study.tables import classical, records
from ganod_study.tables.classical import columns, grid_sentences

LABELS = np.repeat([0, 1], [10, 30]).astype(np.uint8)
SETTINGS = [{"n_components": n, "times_gamma": f} for n in (20, 40) for f in (0.5, 1, 2)]


def entry(method, normal_class, seed=0, **details):
    noise = np.random.default_rng([normal_class, seed]).normal(size=(40, 1 + len(SETTINGS)))
    scores = {"scores": noise[:, 0] + 2 * LABELS, "scores_by_setting": noise[:, 1:] + LABELS[:, None]}
    return helpers.entry(method, normal_class, seed, "mnist", "paper", labels=LABELS, details=details, **scores)


@pytest.fixture
def entries():
    tried = {"20": 0.5, "40": 0.75}
    found = [entry("ocsvm", c, seed, holdout_auc=tried, seconds_of_fit=3600) for c in range(10) for seed in (0, 1)]
    found += [entry("kde", c, 0, holdout_auc=tried) for c in range(9)]  # a class is missing
    return found + [entry("ocsvm-grid", c, 0, settings=SETTINGS) for c in range(10)]


def test_means_are_over_all_classes_for_each_draw(entries):
    assert [row.split("|")[2].strip() for row in columns(entries).data.splitlines()[2:]] == ["OC-SVM"]
    of_seed = {0: [], 1: []}
    for e in entries[:20]:
        of_seed[e.parameters["seed"]].append(auc(e.arrays["labels"], e.arrays["scores"]))
    assert mean_auc(cells_of(entries, "ocsvm")).aucs == pytest.approx([np.mean(of_seed[0]), np.mean(of_seed[1])])
    assert paper_mean("mnist", "ocsvm") == pytest.approx(0.951, abs=5e-4)  # as the paper prints it
    assert paper_mean("cifar10", "kde-alexnet") == pytest.approx(0.570, abs=1e-3)
    # "seven of the paper's ten for automobiles and four for trucks", notebooks/table1.py
    assert [sum(paper_mean("cifar10", m, [c]) < 0.5 for m in TABLE1) for c in (1, 9)] == [7, 4]


def test_the_interval_decides_what_is_close(entries, monkeypatch):
    helpers.narrow(monkeypatch, half=0.005)
    mean = mean_auc(cells_of(entries, "ocsvm")).value
    for paper, close in ((mean + 0.014, "yes"), (mean + 0.016, "can't tell"), (mean - 0.026, "no")):
        for module in (classical, summaries):
            monkeypatch.setattr(module, "paper_mean", lambda *args, paper=paper: paper)
        (row,) = columns(entries).data.splitlines()[2:]
        assert row.split("|")[-2].strip() == close and f"{mean - paper:+.3f}" in row and "| 2 " in row


def test_a_grid_holds_each_setting_s_mean_where_it_belongs(entries):
    grid = grids(entries, "ocsvm")["MNIST"]
    assert (grid.dimensions, grid.settings, grid.n_classes) == ([20, 40], ["0.5 γ", "1 γ", "2 γ"], 10)
    some = [e for e in entries if e.parameters["method"] == "ocsvm-grid"]
    for i, setting in enumerate(SETTINGS):
        mean = np.mean([auc(LABELS, e.arrays["scores_by_setting"][:, i]) for e in some])
        row, column = divmod(i, 3)
        assert setting["n_components"] == grid.dimensions[row]
        assert grid.aucs[row, column] == pytest.approx(mean)
    assert grid.ours == pytest.approx(mean_auc(cells_of(entries, "ocsvm")).value)
    assert f"{grid.aucs[1, 2]:.3f}" in classical.grid(entries, "ocsvm").data.splitlines()[-1]


def test_the_sentence_says_whether_the_paper_is_in_reach(entries, monkeypatch):
    grid = grids(entries, "ocsvm")["MNIST"]
    for paper, words in ((grid.aucs[1, 0], "lies within"), (grid.aucs.max() + 0.01, "lies outside")):
        monkeypatch.setattr(summaries, "paper_mean", lambda *args, paper=paper: paper)
        said = grid_sentences(entries, "ocsvm").data
        assert words in said
        assert ("40 dimensions and 0.5 γ" in said) == (words == "lies within")


def test_other_grids_are_said_in_words_and_missing_ones_are_named(entries):
    assert setting_in_words({"n_components": 20, "n_estimators": 100, "max_samples": 256}) == ("100 trees, 256 samples")
    assert setting_in_words({"n_components": 20, "whiten": True, "bandwidth": 4.0}) == "whitened, h = 4"
    assert setting_in_words({"whiten": False, "bandwidth": "likelihood"}) == "h by likelihood"
    layers = [{"pooled": True, "times_gamma": 4}, {"pooled": False, "kde": "default", "bandwidth": 2.0}]
    layers += [{"size": 64, "times_gamma": 4}, {"size": 128, "whiten": False, "bandwidth": "likelihood"}]
    assert [setting_in_words(layer) for layer in layers] == [
        "pooled, 4 γ", "convolution, default", "64 × 64, 4 γ", "128 × 128, h by likelihood"
    ]  # fmt: skip
    assert "no common results of kde-grid" in classical.grid(entries, "kde").data
    assert "no common results of iforest-grid" in figures.classical_grid(entries, "iforest").data


def test_the_figure_has_a_line_for_each_dimension_the_paper_and_ours(entries):
    (axis,) = figures.classical_grid(entries, "ocsvm").axes
    assert [line.get_label() for line in axis.lines] == ["PCA 20", "PCA 40", "the paper", "ours"]


def test_the_holdout_s_choice_and_the_hours_are_counted(entries):
    text = classical.by_dimension(entries).data
    assert "0.500 (0%)" in text and "0.750 (100%)" in text
    (row,) = (line for line in records.totals(entries).data.splitlines() if "| ocsvm " in line)
    assert "| 20 " in row and "10.01" in row  # ten fits of an hour, each once, and 20 scorings of a second
    other = [replace(e, record=e.record | {"parameters": e.parameters | {"scale": "medium"}}) for e in entries]
    rows = records.totals(entries + other).data.splitlines()
    assert [row.split("|")[3].strip() for row in rows if "| ocsvm " in row] == ["medium", "paper"]


def test_the_answer_counts_the_close_means_and_names_the_furthest(entries, monkeypatch):
    helpers.narrow(monkeypatch, half=0.005)
    mean = mean_auc(cells_of(entries, "ocsvm")).value
    for paper, words in ((mean - 0.014, "1 of 1 on MNIST"), (mean + 0.016, "0 of 1 on MNIST")):
        monkeypatch.setattr(summaries, "paper_mean", lambda *args, paper=paper: paper)
        said = classical.found(entries).data
        assert words in said and f"OC-SVM, by {mean - paper:+.3f}" in said
    assert "no common results" in classical.found([]).data


def test_the_largest_dimension_is_named_where_it_is_nearly_always_chosen(entries):
    said = classical.dimension_sentences(entries).data
    assert "differs by up to 0.250" in said and "The largest, 40, is chosen nearly always by KDE (100%), OC-SVM" in said
    for e in entries[:6]:
        e.record["details"]["holdout_auc"] = {"20": 0.9, "40": 0.75}
    assert "OC-SVM (" not in classical.dimension_sentences(entries).data.split("nearly always")[1]
