"""Table 1's page: means, the full table, the comparison and the curves, from entries made up here."""

import base64
import csv
import io
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import entry, narrow
from sklearn.metrics import auc as area

from ganod_lite.dcgan import Critic, Generator
from ganod_study import figures, reference, summaries
from ganod_study.jobs import Cell
from ganod_study.methods import METHODS, TABLE1
from ganod_study.runner import Outcome
from ganod_study.statistics import (
    auc,
    auc_interval,
    mean_auc_interval,
    paired_comparison,
    t_interval,
    true_positive_rate,
)
from ganod_study.store import Store
from ganod_study.summaries import cells_of, complete, mean_auc
from ganod_study.tables import records, table1


def entries(dataset="mnist", classes=(0, 1, 8), methods=TABLE1, seeds=(0,), scale="lite"):
    return [entry(m, c, s, dataset, scale, n=80) for m in methods for s in seeds for c in classes]


def outcome(found, **why):
    keys = ("dataset", "normal_class", "method", "seed", "scale")
    return Outcome([Cell(*(e.parameters[k] for k in keys)) for e in found], found, **why)


def auc_of(found, method, c, seed=0):
    (e,) = (e for e in found if [e.parameters[k] for k in ("method", "normal_class", "seed")] == [method, c, seed])
    return auc(e.arrays["labels"], e.arrays["scores"])


def printed(method, classes=range(10), title="MNIST"):
    table, about = reference.table1(), METHODS[method]
    return [table[title, about.title, about.features, c] for c in classes]


def markdown_rows(shown):
    """Rows of a Markdown table as {column: text}, by their first column."""
    lines = [line.strip("|").split("|") for line in shown.data.splitlines() if line.startswith("|")]
    heads, _, *rows = ([text.strip() for text in line] for line in lines)
    return {row[0]: dict(zip(heads, row)) for row in rows}


def html_rows(shown):
    """Rows of the full table as {(class, method): texts of the other cells}."""
    rows = {}
    for row in re.findall("<tr>(.*?)</tr>", shown.data)[1:]:
        names, cells = (re.findall(f"<{tag}[^>]*>(.*?)</{tag}>", row) for tag in ("th", "td"))
        rows[tuple(names)] = cells
    return rows


def csv_rows(shown):
    name, data = re.search(r'download="([^"]+)" href="data:text/csv;charset=utf-8;base64,([^"]+)"', shown.data).groups()
    return name, list(csv.DictReader(io.StringIO(base64.b64decode(data).decode())))


def test_means_are_over_the_same_classes_in_columns_that_compare():
    build, ours = entries(), entries(classes=range(10), methods=("kde", "gmm"), seeds=(0, 1, 2), scale="paper")
    shown = table1.means(outcome(build), "mnist", ours[:-1])  # of gmm the last class lacks a repetition
    rows = markdown_rows(shown)
    assert list(rows) == [METHODS[m].label for m in TABLE1]
    for method in TABLE1:
        row = rows[METHODS[method].label]
        assert row["paper, 10 classes"].startswith(f"{np.mean(printed(method)):.3f}")
        assert row["paper, classes 0, 1, 8"] == f"{np.mean(printed(method, (0, 1, 8))):.3f}"
        aucs = [auc_of(build, method, c) for c in (0, 1, 8)]
        assert row["this build, classes 0, 1, 8"].startswith(f"{np.mean(aucs):.3f} ± 0.0")
    column, mean = "ours, 10 classes", mean_auc(cells_of(ours, "kde"))
    assert rows["KDE"][column] == f"{mean.value:.3f} ± {mean.interval.half:.3f} (3 repetitions)"
    assert rows["GMM"][column].endswith("(2 repetitions)")
    assert rows["KDE"]["at scale"] == "paper"
    assert (rows["ADGAN"][column], rows["ADGAN"]["at scale"]) == ("not yet run", "–")


def test_half_width_of_a_mean_counts_an_image_of_several_classes_once():
    build = entries(methods=("kde",))
    half = mean_auc_interval([[e.arrays[k] for k in ("test_index", "labels", "scores")] for e in build]).half
    row = markdown_rows(table1.means(outcome(build), "mnist"))["KDE"]
    assert row["this build, classes 0, 1, 8"].endswith(f" ± {half:.3f}")


def test_nine_of_ten_classes_are_no_mean_and_no_curve():
    ours = entries(classes=range(9), methods=("kde",), scale="paper")
    rows = markdown_rows(table1.means(outcome(entries()), "mnist", ours))
    assert rows["KDE"]["ours, 10 classes"] == "not yet run"
    assert complete(ours) == []
    whole = entries(classes=range(10), methods=("gmm",), scale="paper")
    assert complete(ours + whole) == whole


def test_ours_are_at_the_best_scale_that_has_all_classes_and_it_is_named():
    kde, gmm, adgan = (
        {s: entries(classes=range(10), methods=(m,), scale=s) for s in ("paper", "medium", "lite")}
        for m in ("kde", "gmm", "adgan")
    )
    stored = kde["medium"] + kde["paper"] + gmm["paper"][:9] + gmm["medium"] + adgan["lite"]
    assert complete(stored) == kde["paper"] + gmm["medium"]
    rows = markdown_rows(table1.means(outcome(entries()), "mnist", stored))
    assert [rows[name]["at scale"] for name in ("KDE", "GMM", "ADGAN")] == ["paper", "medium", "–"]
    of_medium = np.mean([auc_of(gmm["medium"], "gmm", c) for c in range(10)])
    assert rows["GMM"]["ours, 10 classes"].startswith(f"{of_medium:.3f}")
    full = table1.full(outcome(entries()), "mnist", stored)
    assert [html_rows(full)["9", name][2] for name in ("KDE", "GMM", "ADGAN")] == ["paper", "medium", "–"]
    assert [r["ours_scale"] for r in csv_rows(full)[1] if r["class"] == "9"].count("medium") == 1


def test_what_more_computing_changes_is_compared_image_by_image_in_whole_columns():
    small, large = (entries(classes=range(10), methods=("adgan", "critic"), scale=s) for s in ("medium", "large"))
    better = [replace(e, arrays=e.arrays | {"scores": e.arrays["scores"] + 0.5 * e.arrays["labels"]}) for e in large]
    shown = table1.moved({"mnist": small + better[:-1], "cifar10": small})  # of the critic a class is missing
    (row,) = (line for line in shown.data.splitlines() if "ADGAN" in line)
    gains = [auc_of(better, "adgan", c) - auc_of(small, "adgan", c) for c in range(10)]
    gain = t_interval(gains)
    assert f"| {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}] |" in row and gain.value > 0.01
    assert row.split("|")[1].strip() == "MNIST" and f"{sum(g > 0 for g in gains)} of 10 classes" in row
    assert "critic" not in shown.data
    others = [replace(e, arrays=e.arrays | {"test_index": e.arrays["test_index"] + 1}) for e in large]
    with pytest.raises(ValueError, match="same test images"):
        table1.moved({"mnist": small + others})
    assert "Not run" in table1.moved({"mnist": small}).data


def test_classes_of_different_repetitions_make_no_set():
    halves = entries(classes=range(5), methods=("kde",), scale="paper")
    halves += entries(classes=range(5, 10), methods=("kde",), seeds=(1,), scale="paper")
    whole = entries(classes=range(10), methods=("kde",), scale="medium")
    assert complete(halves) == []
    assert complete(halves + whole) == whole


def test_a_comparison_of_two_scales_says_so():
    stored = entries(classes=range(10), scale="paper", methods=("kde",))
    stored += entries(classes=range(10), scale="medium", methods=("adgan",))
    rows = markdown_rows(table1.against_adgan(outcome(entries()), "mnist", stored))
    assert rows["KDE"]["at scales"] == "medium and paper"
    pairs = [[auc_of(stored, m, c) for c in range(10)] for m in ("adgan", "kde")]
    assert rows["KDE"]["p, ours"] == f"{paired_comparison(*pairs).p_value:.3f}"
    assert (rows["GMM"]["ours"], rows["GMM"]["at scales"]) == ("not yet run", "–")


def test_curves_of_several_scales_are_told_apart():
    one, other = entries(methods=("kde",), scale="paper"), entries(methods=("adgan",), scale="medium")
    critic = [replace(other[0], record={"parameters": other[0].parameters | {"method": "critic"}})]
    for found, wanted in ((one + other, ["KDE (paper)", "ADGAN (medium)"]), (one, ["KDE"]), (one + critic, ["KDE"])):
        (legend,) = figures.roc_curves({"MNIST": found}).legends
        assert [text.get_text() for text in legend.get_texts()] == wanted
    groups = {"MNIST": entries(methods=("adgan",), scale="large"), "CIFAR-10": other}
    (legend,) = figures.roc_curves(groups).legends
    assert [text.get_text() for text in legend.get_texts()] == ["ADGAN (MNIST large, CIFAR-10 medium)"]


def test_a_build_with_all_classes_has_the_papers_mean_once():
    found = entries(classes=range(10), scale="paper")
    heads = list(markdown_rows(table1.means(outcome(found), "mnist", found))["KDE"])
    assert heads == ["method", "paper, 10 classes", "ours, 10 classes", "at scale", "this build, 10 classes"]


def test_a_mean_that_the_paper_prints_wrong_is_said():
    rows = markdown_rows(table1.means(outcome(entries("cifar10", (0, 6))), "cifar10"))
    wrong = {name: row["paper, 10 classes"] for name, row in rows.items() if "prints" in row["paper, 10 classes"]}
    assert wrong == {METHODS[m].label: "0.555 (prints 0.583)" for m in TABLE1 if m == "dcae"}
    assert "this build, classes airplane, frog" in rows["KDE"]
    rows = markdown_rows(table1.means(outcome(entries()), "mnist"))  # .9375, which is cut off and not rounded
    assert {name for name, row in rows.items() if "prints 0.937" in row["paper, 10 classes"]} == {"AnoGAN"}


def matrix_rows(shown):
    """{class: [(style, text), ...]} of the matrix, and its caption."""
    rows = re.findall(r'<tr[^>]*><th scope="row"[^>]*>(.*?)</th>(.*?)</tr>', shown.data)
    cells = {name: re.findall(r'<td style="(.*?)">(.*?)</td>', row) for name, row in rows}
    return cells, re.search("<p [^>]*>(.*?)</p>", shown.data)[1]


def test_the_matrix_shades_what_differs_and_names_misprints(monkeypatch):
    ours = entries(classes=range(10), methods=("kde", "gmm"), scale="paper")
    of_kde = [auc_of(ours, "kde", c) for c in range(10)]
    paper = {"kde": of_kde[3] - 0.03, "gmm": auc_of(ours, "gmm", 3) + 0.03}
    monkeypatch.setattr(table1, "paper_mean", lambda dataset, method, classes=range(10): paper.get(method, 0.9))
    cells, _ = matrix_rows(table1.matrix("mnist", ours))
    assert list(cells) == ["mean", *map(str, range(10))]
    kde, gmm, adgan = (cells["3"][TABLE1.index(m)] for m in ("kde", "gmm", "adgan"))
    assert kde[1] == f"<b>{of_kde[3]:.3f}</b><br>{of_kde[3] - 0.03:.3f}" and "rgba(0, 114, 178" in kde[0]
    assert "rgba(213, 94, 0" in gmm[0] and adgan[1].startswith("<b>–</b>") and "rgba" not in adgan[0]
    assert cells["mean"][0][1].startswith(f"<b>{np.mean(of_kde):.3f}</b>")
    paper["kde"] = of_kde[3] + 0.019
    assert "rgba" not in matrix_rows(table1.matrix("mnist", ours))[0]["3"][TABLE1.index("kde")][0]
    monkeypatch.undo()
    cells, caption = matrix_rows(table1.matrix("cifar10", []))
    assert "* The paper prints 0.583 for DCAE; its own cells give 0.5550." in caption
    assert [text[-1] for _, text in cells["mean"]].count("*") == 1 and "*" not in str(cells["bird"])


def test_the_answer_counts_close_columns_and_says_what_is_missing(monkeypatch):
    stored = entries(classes=range(10), methods=("kde", "gmm"), scale="paper")
    stored += entries(classes=range(10), methods=("adgan",), scale="medium")
    narrow(monkeypatch, half=0.005)
    mean = mean_auc(cells_of(stored, "kde")).value
    monkeypatch.setattr(summaries, "paper_mean", lambda dataset, method: mean + 0.01 if method == "kde" else 0.0)
    said = table1.answer({"mnist": stored, "cifar10": []}).data
    assert "Not yet known for ADGAN" in said and "1 of 2 on MNIST." in said and "CIFAR-10" not in said
    adgan = mean_auc(cells_of(stored, "adgan")).interval
    assert f"scale `medium` its mean AUC is {adgan.value:.3f} ± {adgan.half:.3f} on MNIST" in said
    cifar10 = entries("cifar10", range(10), ("adgan",), scale="medium")
    mixed = {"mnist": entries(classes=range(10), methods=("adgan",), scale="large"), "cifar10": cifar10}
    _, large, medium = table1.answer(mixed).data.split("With the small networks")
    assert "`large`" in large and "on MNIST" in large and "CIFAR-10" not in large
    assert "`medium`" in medium and "on CIFAR-10" in medium
    at_paper = [replace(e, record=e.record | {"parameters": e.parameters | {"scale": "paper"}}) for e in stored]
    said = table1.answer({"mnist": at_paper}).data
    assert "run as in the paper, has a mean AUC" in said and "Not yet known" not in said and "tuning" not in said
    assert table1.answer({"mnist": []}).data.startswith("**Not yet known")


def test_full_table_has_each_class_and_method_with_its_interval():
    build, ours = entries(), entries(classes=range(10), methods=("kde",), seeds=(0, 1), scale="paper")
    rows = html_rows(table1.full(outcome(build), "mnist", ours))
    assert list(rows) == [(str(c), METHODS[m].label) for c in range(10) for m in TABLE1]
    value, low, high = auc_interval(build[0].arrays["labels"], build[0].arrays["scores"])
    two = mean_auc(cells_of(ours, "kde"), [0]).interval
    assert rows["0", "KDE"] == [
        f"{printed('kde')[0]:.3f}",
        f"{two.value:.3f} [{two.low:.3f}, {two.high:.3f}] (2 repetitions)",
        "paper",
        f"{value:.3f} [{low:.3f}, {high:.3f}]",
    ]
    assert rows["5", "KDE"][-1] == "–"
    assert rows["5", "GMM"][1:] == ["not yet run", "–", "–"]


def test_csv_has_the_same_rows_in_full_precision():
    build, ours = entries(), entries(classes=range(10), methods=("kde",), seeds=(0, 1), scale="paper")
    shown = table1.full(outcome(build), "mnist", ours)
    name, rows = csv_rows(shown)
    assert name == "table1-mnist.csv"
    assert [(r["class"], r["method"], r["features"]) for r in rows] == [
        (str(c), METHODS[m].title, METHODS[m].features) for c in range(10) for m in TABLE1
    ]
    first = rows[0]
    value, low, high = auc_interval(build[0].arrays["labels"], build[0].arrays["scores"])
    assert float(first["build_mean"]) == value
    assert (float(first["build_low"]), float(first["build_high"])) == pytest.approx((low, high), abs=1e-15)
    assert (first["build_repetitions"], first["build_sd"], first["build_scale"]) == ("1", "", "lite")
    aucs = [auc_of(ours, "kde", 0, s) for s in (0, 1)]
    expected = pytest.approx((np.mean(aucs), np.std(aucs, ddof=1)), abs=1e-15)
    assert (float(first["ours_mean"]), float(first["ours_sd"])) == expected
    assert float(first["ours_low"]) < float(first["ours_mean"]) < float(first["ours_high"])
    assert (first["ours_repetitions"], first["dataset"]) == ("2", "MNIST")
    arrays = [e.arrays for e in ours if e.parameters["normal_class"] == 0]
    found = [true_positive_rate(a["labels"], a["scores"], 0.05) for a in arrays]
    assert float(first["ours_tpr_at_5"]) == pytest.approx(np.mean(found)) and len(found) == 2
    assert float(first["build_prevalence"]) == pytest.approx(build[0].arrays["labels"].mean())
    assert f'data-value="{value!r}"' in shown.data
    assert {name: text for name, text in rows[-1].items() if text} == {
        "dataset": "MNIST", "class": "9", "method": "ADGAN", "paper": str(printed("adgan")[9])
    }  # fmt: skip


def test_a_cell_of_several_repetitions_is_sorted_by_its_number():
    several = outcome(entries(seeds=(0, 1)))
    values = re.findall('data-value="([^"]*)"', table1.full(several, "mnist").data)
    assert any(values) and all(math.isfinite(float(value)) for value in values if value)


def test_digits_are_not_the_papers():
    found = outcome(entries("digits", (0, 1)))
    assert list(markdown_rows(table1.means(found, "digits"))["KDE"]) == ["method", "this build, classes 0, 1"]
    assert len(html_rows(table1.full(found, "digits"))) == 2 * len(TABLE1)
    assert "paper" not in table1.full(found, "digits").data
    assert "paper" not in table1.against_adgan(found, "digits").data


def test_comparison_is_over_classes_and_says_where_there_are_too_few():
    build, ours = entries(), entries(classes=range(10), scale="paper")
    rows = markdown_rows(table1.against_adgan(outcome(build), "mnist", ours))
    assert list(rows) == [METHODS[m].label for m in TABLE1 if m != "adgan"]
    found = paired_comparison(printed("adgan"), printed("ocsvm"))
    row = rows["OC-SVM"]
    ahead = np.sum(np.array(printed("adgan")) > printed("ocsvm"))
    text = f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}], ahead in {ahead} of 10"
    assert (row["paper"], row["p, paper"]) == (text, f"{found.p_value:.3f}")
    of_ours = [[auc_of(ours, m, c) for c in range(10)] for m in ("adgan", "ocsvm")]
    assert row["p, ours"] == f"{paired_comparison(*of_ours).p_value:.3f}"
    difference = np.mean([auc_of(build, "adgan", c) - auc_of(build, "ocsvm", c) for c in (0, 1, 8)])
    assert row["this build, 3 classes"].startswith(f"{difference:+.3f}, ahead in ")
    assert row["p, this build, 3 classes"] == "too few classes"


def test_no_comparison_without_all_classes():
    ours = entries(classes=range(10), scale="paper")[:-1]  # ADGAN lacks its last class
    rows = markdown_rows(table1.against_adgan(outcome(entries()), "mnist", ours))
    assert all(row["ours"] == row["p, ours"] == "not yet run" for row in rows.values())


def test_what_is_missing_is_named_and_the_rest_is_shown():
    pixels = [m for m in TABLE1 if METHODS[m].features != "AlexNet"]
    some = outcome(entries(methods=pixels), without="AlexNet's weights are not there.")
    none = replace(outcome(entries()), entries=[], missing="MNIST is not there.")
    not_at_this_scale = Outcome([], [], "MNIST is not part of the scale 'smoke'.")
    for found, why in ((some, some.without), (none, none.missing), (not_at_this_scale, not_at_this_scale.missing)):
        shown = table1.means(found, "mnist")
        assert why in shown.data
        assert markdown_rows(shown)["KDE, AlexNet"]["paper, 10 classes"] == "0.670"
        assert len(html_rows(table1.full(found, "mnist"))) == 10 * len(TABLE1)
    assert html_rows(table1.full(some, "mnist"))["0", "KDE, AlexNet"][-1] == "–"
    assert "this build" not in table1.full(not_at_this_scale, "mnist").data
    assert "Not run" in table1.full(Outcome([], [], "Digits are not part of it."), "digits").data
    assert "Not run" in table1.means(Outcome([], [], "Digits are not part of it."), "digits").data


def test_the_columns_of_table_1_differ_in_colour_or_line():
    styles = {(METHODS[m].colour, METHODS[m].line) for m in TABLE1}
    assert len(styles) == len(TABLE1)


def test_a_panel_of_curves_for_each_data_set():
    groups = {"MNIST": outcome(entries()), "CIFAR-10": Outcome([], [], "not there"), "again": entries(methods=("kde",))}
    first, last, networks, none = figures.roc_curves(groups).axes  # without CIFAR-10, of which there is nothing
    drawn = [[line.get_label() for line in axis.lines[:-1]] for axis in (first, networks)]
    assert sorted(sum(drawn, [])) == sorted(METHODS[m].label for m in TABLE1) and "ADGAN" in drawn[1]
    assert len(last.lines) == 2 and last.get_title() == "again" and len(none.lines) == 1
    assert "no common results" in figures.roc_curves({"MNIST": Outcome([], [], "not there")}).data
    x, y = first.lines[0].get_data()
    aucs = [auc_of(groups["MNIST"].entries, "kde", c) for c in (0, 1, 8)]
    assert area(x, y) == pytest.approx(np.mean(aucs), abs=0.01)


def test_results_without_their_networks_say_so(tmp_path):
    """What `merge` makes of stored results: the numbers are there and the generators are not."""
    found = entries(classes=(0, 8), methods=("adgan", "dcae"), scale="medium")
    for draw in (figures.generated_images, figures.training_losses):
        shown = draw(found, store=tmp_path).data
        assert "not the networks behind them: 0, 8." in shown
    shown = records.networks(found, store=tmp_path).data
    assert shown.count("mnist/medium/gan/class") == 2 and shown.count("mnist/medium/dcae/class") == 2
    assert "no results of adgan" in figures.generated_images(found[2:], store=tmp_path).data


def test_networks_that_are_there_are_shown_beside_those_that_are_not(tmp_path):
    found = entries("digits", (0, 1), methods=("adgan",), scale="smoke")
    store, cell = Store(tmp_path), Cell("digits", 0, "adgan", 0, "smoke")
    shape, s = (1, 16, 16), cell.settings
    generator, critic = Generator(shape, s.latent_size, s.ngf), Critic(shape, s.ngf, batch_norm=False)
    arrays = {"generator": generator.state_dict(), "critic": critic.state_dict(), "losses": torch.ones(2, 3)}
    arrays["some_real_images"] = torch.zeros(4, *shape)
    store.put(cell.network.stem(store), cell.network.parameters, arrays, 1.0, "cpu", {"image_shape": shape})
    for draw in (figures.generated_images, figures.training_losses):
        figure = draw(found, store=tmp_path)
        assert figure.get_supxlabel().endswith("not the networks behind them: 1.") and len(figure.axes) == 1
    shown = records.networks(found, store=tmp_path).data
    assert "gan/class1" in shown.splitlines()[0] and "class0-seed0" in shown.splitlines()[-1]


def test_one_machine_is_said_once_and_several_in_their_rows():
    found = entries(classes=(0, 8), methods=("kde",))
    shown = records.listing(found).data
    assert shown.startswith("Computed on d.") and "device" not in shown and shown.count("kde-class") == 2
    other = replace(found[0], record=found[0].record | {"device": "CPU, 1 threads"})
    shown = records.listing([*found, other]).data
    assert "device" in shown and "Computed on" not in shown
    assert "Computed on CPU, 1 thread." in records.listing([other]).data
