"""The page of the twelve tables: medians, ranks over tables, others' values, rules for the stop, what is stored."""

import json
import math
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, rankdata
from sklearn.metrics import average_precision_score, roc_auc_score

from ganod_study import datasets, figures, gaal, reference
from ganod_study.jobs import TableCell
from ganod_study.render import signed
from ganod_study.runner import COMMITTED, Outcome
from ganod_study.scales import OFFICIAL
from ganod_study.statistics import welch_interval
from ganod_study.store import Entry, Store
from ganod_study.tables import gaal as tables

STORED = Store(Path(__file__).resolve().parents[1] / COMMITTED / "gaal")
MOST_BYTES = 60e6  # PyOD's on all twelve tables bring it to 57e6
LABELS = np.repeat([0, 1], [30, 10]).astype(np.uint8)


def entry(table, method, seed, rng, *, shift=1.0, rows="same", curve=(), stop=2, **arrays):
    arrays = {"scores": rng.normal(size=40) + shift * LABELS, "labels": LABELS, "test_index": np.arange(40)} | arrays
    if method.startswith(("sogaal", "mogaal")):
        arrays = {"scores_at_stop": rng.normal(size=40) + LABELS, "auc": np.asarray(curve or [0.5] * 6)} | arrays
    parameters = {"dataset": table, "method": method, "seed": seed} | ({"rows": rows} if rows != "same" else {})
    details = {"stop_epoch": stop, "n_epochs": 3 * stop}
    circumstances = {"file": "f", "seconds": 36.0, "commit": "c", "device": "d"}
    return Entry({"parameters": parameters, "details": details, **circumstances}, arrays)


@pytest.fixture
def entries():
    rng = np.random.default_rng(0)
    return [
        entry(table, method, seed, rng, rows=rows)
        for table in ("WDBC", "Pima", "Stamps")
        for rows in ("same", "held-out")
        for method in (*gaal.RANDOM, *gaal.FIXED, "pyod-sogaal", "pyod-mogaal")
        for seed in range(3)
    ]


def cells(shown):
    """The rows of the last Markdown table in an output, as lists of text."""
    lines = [line for line in shown.data.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


@pytest.mark.parametrize("rows", ["same", "held-out"])
def test_medians_are_those_of_the_rows_scores(entries, rows):
    values = gaal.measured(entries, rows)
    for what, measure in (("AUC", roc_auc_score), ("AP", average_precision_score)):
        for title, column in gaal.COLUMNS.items():
            for table in ("WDBC", "Pima", "Stamps"):
                wanted = {"dataset": table, "method": column.method}.items()
                some = [
                    measure(LABELS, e.arrays[column.array])
                    for e in entries
                    if wanted <= e.parameters.items() and ("rows" in e.parameters) == (rows == "held-out")
                ]
                assert len(some) == 3
                assert gaal.medians(values, what).loc[table, title] == pytest.approx(np.median(some))
    assert list(gaal.medians(values).index) == ["Pima", "Stamps", "WDBC"]  # as in datasets.TABLES
    assert set(values["prevalence"]) == {0.25}


def test_what_was_told_the_stop_epochs_is_marked(entries):
    (head,) = (line for line in tables.compact(gaal.measured(entries)).data.splitlines() if "SO stop" in line)
    marked = [cell.strip(" †") for cell in head.split("|") if "†" in cell]
    assert marked == ["SO stop", "SO end", "MO stop", "MO end", "PyOD SO", "PyOD MO"]
    assert "prevalence" not in head and "prevalence" in tables.compact(gaal.measured(entries), "AP").data
    assert "best" not in tables.long(gaal.measured(entries)).data
    assert len(cells(tables.long(gaal.measured(entries)))) == 3 * len(gaal.COLUMNS)


def test_critical_difference_is_the_textbook_s():
    """Demšar (2006): q is 2.569 for four and 3.164 for ten, and 1.25 the difference on 14 data sets."""
    assert gaal.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert gaal.critical_difference(10, 10) == pytest.approx(3.164 * np.sqrt(10 * 11 / 60), abs=0.002)


def test_ranks_are_the_textbook_s():
    """Friedman's statistic by its formula, on whole columns alone; the highest AUC has rank 1."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.random((8, 5)) + [0.9, 0, 0, 0.1, 2], columns=list("abcde"))
    frame.loc[7, "e"] = np.nan
    found, n, k = gaal.ranks(frame), 8, 4
    expected = rankdata(-frame[list("abcd")].to_numpy(), axis=1).mean(0)
    assert found.means.to_dict() == pytest.approx(dict(zip("abcd", expected)))
    assert found.means.index[0] == "a" and found.n_tables == n
    statistic = 12 * n / (k * (k + 1)) * (np.sum(expected**2) - k * (k + 1) ** 2 / 4)
    assert found.p_value == pytest.approx(chi2.sf(statistic, k - 1))
    ahead = [t for t in "bcd" if found.means[t] - found.means["a"] > found.critical_difference]
    assert found.beaten_by("a") == sorted(ahead, key=lambda t: found.means[t]) and ahead
    assert found.beaten_by(found.means.index[-1]) == []
    assert gaal.ranks(frame[:1]) is None


def test_the_text_names_who_is_told_apart_and_who_is_not():
    frame = pd.DataFrame([[0.9, 0.8, 0.1]] * 12, columns=["IF", "SO stop", "LOF"])
    text = tables.ranking_text(frame)
    assert text.endswith("IF has the lowest mean rank, 1.00. The test tells it apart from SO stop and LOF.")
    assert "The test tells it apart from LOF, but not from SO stop." in tables.ranking_text(frame[:8])
    same = pd.DataFrame([[0.9, 0.8, 0.1], [0.1, 0.9, 0.8], [0.8, 0.1, 0.9]], columns=frame.columns)
    assert "The test tells no detector apart from it." in tables.ranking_text(same)


def test_beside_the_port_the_interval_of_the_means_decides(monkeypatch):
    def runs(*aucs):
        return pd.DataFrame(
            [("WDBC", f"SO {w}", s, a, 0.5, 0.1) for w in ("stop", "end") for s, a in enumerate(aucs)],
            columns=["table", "column", "seed", "AUC", "AP", "prevalence"],
        )

    def said(values, **port):
        row = {"table": "WDBC", "method": "sogaal", "source": tables.PORT, "runs": "3"} | port
        monkeypatch.setattr(reference, "rows", lambda name: [row])
        return tables.beside_port(values).data

    port = {"at_stop": "0.900", "at_stop_sd": "0.010", "at_end": "0.700", "at_end_sd": "0.200"}
    values = runs(0.88, 0.9, 0.91)
    text = said(values, **port)
    assert "in 1 of 2 cases, and outside in 0 (*). In the other 1" in text
    difference = welch_interval((np.mean([0.88, 0.9, 0.91]), np.std([0.88, 0.9, 0.91], ddof=1), 3), (0.9, 0.01, 3))
    assert signed(difference) in text and signed(difference) + " *" not in text
    text = said(values, **port | {"at_end_sd": "0.01"})
    assert "in 1 of 2 cases, and outside in 1 (*). In the other 0" in text
    assert text.count("] *") == 1
    assert "not there" in said(values[:0], **port)


def test_the_copied_values_are_of_all_tables_and_both_methods():
    rows = [r for r in reference.rows("gaal_aucs.csv") if r["source"] == tables.PORT]
    assert Counter((r["table"], r["method"]) for r in rows) == Counter(
        (t, m) for t in datasets.TABLES for m in gaal.DETECTORS
    )
    for row in rows:
        at = {name: float(row[name]) for name in ("at_stop", "at_end", "best_epoch")}
        # means of three runs, each rounded: the best epoch is at least as good as any
        assert at["best_epoch"] >= max(at.values()) - 0.001 and float(row["at_stop_sd"]) < 0.4
    published = {r["table"]: float(r["auc"]) for r in reference.rows("adbench_aucs.csv")}
    assert published["WDBC"] == 0.03 and all(auc < 0.5 for auc in published.values()) and len(published) == 6


def test_values_of_others_are_turned_round(entries):
    values = gaal.measured(entries)
    values.loc[(values["table"] == "WDBC") & (values["column"] == "SO end"), "AUC"] = 0.96
    values.loc[(values["table"] != "WDBC") & values["column"].isin(["SO end", "SO stop"]), "AUC"] = 0.05
    assert (
        "ADBench's are within 0.1 of ours, at the stop or at the end, on 1 of 3 tables" in tables.elsewhere(values).data
    )
    rows = {row[0]: row for row in cells(tables.elsewhere(values))}
    assert rows.keys() == {"Pima", "Stamps", "WDBC"} and rows["WDBC"][1:3] == ["0.030", "0.970"]
    pyod = gaal.medians(values).loc["WDBC", "PyOD SO"]
    assert rows["WDBC"][3:5] == [f"{pyod:.3f}", f"{1 - pyod:.3f}"]


@pytest.fixture
def runs():
    """Of SO-GAAL on WDBC: fixed 0.70, "auto" 0.71, end 0.60, best 0.90; on Pima "auto" is worse, equilibrium better."""
    rng, found = np.random.default_rng(2), []

    def scored(auc):  # 30 normal scores 0..29 and one outlier above auc of them, ten times
        return np.r_[np.arange(100), np.repeat(auc * 100 - 0.5, 10)]

    labels = np.repeat([0, 1], [100, 10]).astype(np.uint8)
    for table, auto, equilibrium in (("WDBC", 0.71, 0.5), ("Pima", 0.6, 0.8)):
        for seed in range(3):
            curve = [0.5, 0.7, 0.65, 0.9 + 0.01 * seed, 0.62, 0.6]
            one = {"labels": labels, "curve": curve}
            found.append(entry(table, "sogaal", seed, rng, scores=scored(0.6), scores_at_stop=scored(0.7), **one))
            for rule, auc in (("auto", auto), ("equilibrium", equilibrium)):
                at = {"scores": scored(auc), "scores_at_stop": scored(auc), "labels": labels}
                found.append(entry(table, f"sogaal-{rule}", seed, rng, stop=7 + seed, **at))
    found.append(entry("WDBC", "sogaal-post-1", 0, rng))
    found.append(entry("WDBC", "sogaal", 0, rng, rows="held-out"))
    return found


def test_each_way_to_stop_has_its_epoch_and_auc(runs):
    stops = gaal.stops(runs)
    assert len(stops) == 2 * 3 * 5  # neither the post's variant nor held-out rows
    found = stops[stops["table"] == "WDBC"].groupby("stop")[["AUC", "epoch"]].median()
    assert found["AUC"].to_dict() == pytest.approx(
        {"fixed": 0.7, "auto": 0.71, "equilibrium": 0.5, "end": 0.6, "best": 0.91}
    )
    assert found["epoch"].to_dict() == {"fixed": 2, "auto": 8, "equilibrium": 8, "end": 6, "best": 4}
    assert tables.optimism(stops[stops["table"] == "WDBC"]) == pytest.approx(0.21)
    (row,) = (row for row in cells(tables.by_stop(stops, "SO-GAAL")) if row[0] == "WDBC")
    assert row == ["WDBC", "0.700 (2)", "0.710 (8)", "0.500 (8)", "0.600 (6)", "0.910 (4)", "+0.210"]


def test_rules_are_counted_against_the_fixed_stop_in_the_runs_that_both_have(runs):
    more = pd.DataFrame([("WDBC", "SO-GAAL", seed, "fixed", 2, 0.9) for seed in range(3, 9)])
    stops = pd.concat([gaal.stops(runs), more.set_axis(gaal.stops(runs).columns, axis=1)])
    assert tables.near_fixed(stops) == {
        ("SO-GAAL", "auto"): (1, 0, 1),
        ("SO-GAAL", "equilibrium"): (0, 1, 1),
        ("SO-GAAL", "end"): (0, 0, 2),
        ("SO-GAAL", "best"): (0, 2, 0),
    }
    assert "No rule works everywhere." in tables.rules(stops).data
    on_one = tables.rules(stops[stops["table"] == "WDBC"]).data
    assert 'Never worse: "auto".' in on_one and "No rule" not in on_one


def test_curves_are_drawn_against_the_stop(runs):
    x, aucs = gaal.curves(runs, "sogaal", "WDBC")
    np.testing.assert_allclose(x, np.arange(1, 7) / 2)
    assert aucs.shape == (3, 6) and aucs[1, 3] == pytest.approx(0.91)
    figure = figures.gaal_epochs(runs)
    assert [axis.get_title() for axis in figure.axes] == ["Pima", "WDBC"]
    assert figure.get_figwidth() < 6
    np.testing.assert_allclose(figure.axes[1].lines[0].get_ydata(), np.median(aucs, axis=0))


def test_recomputed_medians_stand_beside_the_stored_ones(entries):
    values = gaal.measured(entries)
    built = values[(values["table"] == "WDBC") & (values["seed"] == 0)].copy()
    built.loc[built["column"] == "IF", "AUC"] += 0.25
    shown = tables.recomputed(built, values)
    n = len(gaal.COLUMNS)
    assert f"{n} AUCs are also stored" in shown.data and f"; {n - 1} of them agree" in shown.data
    assert "difference is 0.250" in shown.data
    ours, stored = (gaal.medians(frame).loc["WDBC", "LOF"] for frame in (built, values))
    assert f"{ours:.3f} ({stored:.3f})" in shown.data
    alone = tables.recomputed(built.assign(table="wine"), values).data
    assert "no stored results" in alone and "(" not in alone.split("|", 1)[1]


def test_records_are_counted_not_listed(entries):
    rows = cells(tables.totals(entries))
    assert len(rows) == 10 * 2 and {row[3] for row in rows} == {"9"}
    assert {row[5] for row in rows} == {"0.09"}  # nine times 36 seconds


def test_without_stored_results_the_page_says_so():
    values, stops = gaal.measured([]), gaal.stops([])
    shown = [tables.findings(values, stops), tables.compact(values), tables.long(values), tables.beside_port(values)]
    shown += [tables.elsewhere(values), tables.by_stop(stops, "MO-GAAL"), tables.rules(stops), tables.totals([])]
    assert all(tables.NOTHING in each.data for each in shown)
    assert "Too few" in tables.ranking(values).data and "Not run" in figures.gaal_epochs([]).data
    missing = {("WDBC", ()): Outcome([], [], "Table WDBC not found."), ("wine", ()): Outcome([], [1])}
    assert tables.absent(missing).data == "*Not run in this build: WDBC. Table WDBC not found.*"


def test_the_page_s_first_lines_say_what_was_found(entries):
    text = tables.findings(gaal.measured(entries), gaal.stops(entries)).data
    frame = gaal.medians(gaal.measured(entries))
    below = (frame["PyOD SO"] < 0.5).sum()
    assert f"below 0.5 on {below} of 3 tables" in text and "of 3 tables" in text
    assert f"the stop is better on {(frame['SO stop'] - frame['SO end'] > 0.02).sum()}, the end" in text


@pytest.mark.parametrize("name,n,d", [("wine", 129, 13), ("breast-cancer", 367, 30)])
def test_scikit_learn_s_tables_have_ten_outliers_of_one_class(name, n, d):
    table = datasets.load_table(name)
    assert table.X.shape == (n, d) and table.y.sum() == 10 and (table.y[-10:] == 1).all()
    assert table.X.min() == 0 and table.X.max() == 1
    np.testing.assert_array_equal(table.X, datasets.load_table(name).X)


def test_outliers_are_drawn_from_their_class():
    X = np.arange(20.0)[:, None]
    thinned, y = datasets.thin_out(X, np.repeat([5, 7], 10), outlier_class=5, n_outliers=3)
    np.testing.assert_array_equal(y, np.repeat([0, 1], [10, 3]))
    step = thinned[1] - thinned[0]
    np.testing.assert_allclose(thinned[9] - thinned[:10, 0], np.arange(9, -1, -1) * step)  # all of class 7
    assert len(np.unique(thinned[-3:])) == 3 and thinned[-3:].max() < thinned[0]  # three others, of class 5
    with pytest.raises(ValueError, match="n_outliers"):
        datasets.thin_out(X, np.repeat([5, 7], 10), outlier_class=5, n_outliers=11)


@pytest.fixture(scope="module")
def kept():
    """[(path of the record, its cell, its entry)] of the repository. Damage, of which the store warns, is an error."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in sorted(STORED.root.rglob("*.json")):
            entry = STORED.get(path.with_suffix(""))
            p = entry.parameters
            found.append((path, TableCell(p["dataset"], p["method"], p["seed"], rows=p.get("rows", "same")), entry))
    return found


def test_each_record_is_the_one_that_the_grid_looks_for(kept):
    for path, cell, entry in kept:
        assert entry.parameters == json.loads(json.dumps(cell.parameters)), path
        assert path.with_suffix("") == cell.stem(STORED), path
        assert {"commit", "versions", "device", "finished"} <= set(entry.record), path


def test_stored_arrays_are_finite_and_of_the_table_s_rows(kept):
    labels, available = {}, datasets.available()
    for path, cell, entry in kept:
        arrays = entry.arrays
        index, n = arrays["test_index"], len(arrays["scores"])
        assert all(np.isfinite(values).all() for values in arrays.values()), path
        assert len(index) == len(arrays["labels"]) == n and (np.diff(index.astype(int)) > 0).all(), path
        if cell.rows == "same":
            np.testing.assert_array_equal(index, np.arange(n), err_msg=str(path))
        if cell.method in gaal.DETECTORS:
            assert len(arrays["auc"]) == entry.record["details"]["n_epochs"], path
            assert entry.record["details"]["stop_epoch"] in vars(OFFICIAL[cell.dataset]).values(), path
        if cell.dataset not in labels and available[cell.dataset]:
            labels[cell.dataset] = datasets.load_table(cell.dataset).y
        if cell.dataset in labels:
            np.testing.assert_array_equal(arrays["labels"], labels[cell.dataset][index], err_msg=str(path))


def test_gaal_is_kept_fifteen_times_on_all_tables(kept):
    n = Counter((c.dataset, c.method, c.rows) for _, c, _ in kept)
    if kept:
        assert {
            key for key, count in n.items() if key[1] in gaal.DETECTORS and key[2] == "same" and count < 15
        } == set()
        assert {(t, m, "same") for t in datasets.TABLES for m in (*gaal.RANDOM, *gaal.FIXED)} <= set(n)


def test_what_the_page_says_of_held_out_rows_holds_of_the_stored_results(kept):
    entries = [entry for *_, entry in kept]
    same, held_out = (gaal.medians(gaal.measured(entries, rows)) for rows in ("same", "held-out"))
    assert gaal.ranks(same).means.index[0] == "MO end"
    ranks = gaal.ranks(held_out)
    assert ranks.means.index[4] == "MO end" and "MO end" not in ranks.beaten_by(ranks.means.index[0])
    lost = (same - held_out)["MO end"]
    assert list(lost.nlargest(4).index) == ["Shuttle", "PenDigits", "Annthyroid", "PageBlocks"]
    one_batch = ["Arrhythmia", "Ionosphere", "Pima", "Stamps", "WDBC"]
    rows = {e.parameters["dataset"]: len(e.arrays["labels"]) for e in gaal.of_rows(entries, "same")}
    assert one_batch == [t for t in same.index if rows[t] // min(500, rows[t]) == 1 and rows[t] < 1000]
    fewer = lost.drop(one_batch).sort_values()
    assert lost[one_batch].mean() < 0 and len(fewer) == 7 and fewer[:3].abs().max() < 0.005
    assert (fewer.iloc[3].round(2), fewer.iloc[-1].round(2)) == (0.23, 0.57)


def test_what_the_pages_say_of_rules_and_schedules_holds_of_the_stored_results(kept):
    """Pages gaal and guide_gaal, the front page and the README."""
    entries = [entry for *_, entry in kept]
    stops = gaal.stops(entries)
    of_equilibrium = stops[(stops["detector"] == "MO-GAAL") & (stops["stop"] == "equilibrium")]
    rows = {e.parameters["dataset"]: len(e.arrays["labels"]) for e in gaal.of_rows(entries, "same")}
    bound = [math.ceil(2000 / (rows[table] // min(500, rows[table]))) for table in of_equilibrium["table"]]
    assert len(of_equilibrium) == 60 and of_equilibrium["epoch"].tolist() == bound
    values = gaal.measured(entries)
    frame, ranking = gaal.medians(values), tables.ranking(values).data
    assert set(gaal.UPSIDE_DOWN) < set(frame) and "PyOD" not in ranking and "Left out" not in ranking
    some = values[(values["column"] != "LOF") | (values["table"] != "WDBC")]
    assert "Left out, as they lack some tables: LOF." in tables.ranking(some).data
    gain = frame["MO end"] - frame["MO stop"]
    assert ((gain > 0.02).sum(), (gain < -0.02).sum()) == (6, 2) and (gain > 0).sum() > 6
    auto = stops[(stops["detector"] == "SO-GAAL") & (stops["stop"] == "auto")].groupby("table")["AUC"].median()
    ahead = auto - frame["IF"]  # by table, whatever their order
    better, worse = ahead[ahead > 0.005], -ahead[ahead < -0.005]
    assert (len(better), len(worse), len(ahead)) == (5, 6, 12)
    assert [x.round(2) for of in (better, worse) for x in (of.min(), of.max())] == [0.02, 0.08, 0.07, 0.22]
    for rows_scored in ("same", "held-out"):
        found = gaal.ranks(gaal.medians(gaal.measured(entries, rows_scored)))
        assert not any(found.beaten_by(title) for title in found.means.index)


def test_the_folder_is_small():
    assert sum(path.stat().st_size for path in STORED.root.rglob("*") if path.is_file()) < MOST_BYTES
