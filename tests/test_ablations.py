"""The ablations' statistics against plain slow ones, and their figures and tables from made-up entries."""

from dataclasses import replace
from itertools import product

import helpers
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from ganod_lite import classic
from ganod_study import datasets, figures, runner, summaries
from ganod_study.render import signed
from ganod_study.statistics import auc, mean_auc_interval, t_interval
from ganod_study.tables import ablations

N, K, S = 40, 6, 8  # images, search steps, starting points
SEARCHES = ("search", "search-frozen")


def entry(method, normal_class=0, seed=0, **options):
    """One of `helpers.entry`; searches and the forest's grid have their further arrays."""
    made = helpers.entry(method, normal_class, seed, **{"n": N} | options)
    rng, labels = np.random.default_rng([normal_class, seed, len(method)]), made.arrays["labels"][:, None]
    if method in SEARCHES:
        made.arrays.setdefault("scores_by_step", rng.normal(size=(N, K + 1)) + 3 - 0.2 * np.arange(K + 1) + labels / 2)
        made.arrays["losses_by_seed"] = rng.normal(size=(N, S)) + labels
    if method == "iforest-grid":
        made.arrays["scores_by_setting"] = rng.normal(size=(N, 3)) + labels
    return made


def entries(methods, classes=(0, 1), seeds=(0,), **options):
    return [entry(m, c, s, **options) for m, c, s in product(methods, classes, seeds)]


def forest_entries(**options):
    names, settings = ("n_components", "n_estimators", "max_samples"), ((20, 100, 64), (20, 100, 256), (20, 400, 256))
    return entries(["iforest-grid"], details={"settings": [dict(zip(names, values)) for values in settings]}, **options)


def rerun_entries(n=N // 2, **options):
    """Algorithm 1 on all images, the other re-run on the first of them, both with losses."""
    made = []
    for e in entries(summaries.RERUN, dataset="cifar10", **options):
        e.arrays["scores"] = e.arrays["scores"] + np.float32(10)
        if e.parameters["method"] == "search-in-turn":
            e = replace(e, arrays={name: values[:n] for name, values in e.arrays.items()})
        made.append(e)
    return made


def starts_entries(explained=0.25, **options):
    """Searches from random starts and from one start of an encoder."""
    found = entries(["search"], **options)
    for e in entries(["search-encoder"], details={"explained": explained}, **options):
        rng, labels = np.random.default_rng(e.parameters["normal_class"]), e.arrays["labels"][:, None]
        e.arrays["scores_by_step"] = rng.normal(size=(N, K + 1)) + 2 - 0.2 * np.arange(K + 1) + labels
        found.append(e)
    return found


def stability_entries(methods=tuple(summaries.OBJECTIVES)):
    values = (0.2, 0.49, 0.5)
    return [entry(m, seed=s, details={"diversity": v}) for m in methods for s, v in enumerate(values)]


def test_auc_by_step():
    found = entries(SEARCHES, seeds=(0, 1))
    curves = summaries.auc_by_step(found, "search-frozen")
    assert curves.x.tolist() == [0, 1, 2, 5]  # 10, 20 and 50 are not there
    assert list(curves.lines) == ["0", "1"]
    for c, line in enumerate(curves.lines.values()):
        for k, value in zip(curves.x, line):
            runs = [entry("search-frozen", c, s) for s in (0, 1)]
            aucs = [auc(e.arrays["labels"], e.arrays["scores_by_step"][:, k]) for e in runs]
            assert value == pytest.approx(np.mean(aucs))
    assert curves.mean == pytest.approx((curves.lines["0"] + curves.lines["1"]) / 2)


def test_only_steps_that_all_searches_have():
    found = entries(SEARCHES)
    found[0].arrays["scores_by_step"] = found[0].arrays["scores_by_step"][:, :3]
    assert summaries.steps_shown(found) == [0, 1, 2]


def test_where_a_longer_search_helps_and_where_it_hurts():
    labels = entry("search").arrays["labels"].astype(bool)
    rng = np.random.default_rng(0)
    first = rng.uniform(90, 110, N)
    for normal_class, (normal, anomalous) in enumerate([(0.3, 0.9), (0.9, 0.3)]):  # the share that is left
        last = np.where(labels, anomalous, normal)[:, None]
        losses = first[:, None] * np.concatenate([np.ones((N, 1)), rng.uniform(0.5, 1, (N, K - 1)), last], 1)
        found = entry("search", normal_class, scores_by_step=losses)
        [(key, gain)] = summaries.search_gains([found]).items()
        assert key == (str(normal_class), 0) and gain.n_steps == K
        assert gain.kept == pytest.approx((normal, anomalous)) and gain.share_auc == 1 - normal_class
        assert gain.first == pytest.approx(auc(labels, first)) and gain.last == 1 - normal_class
        assert gain.gain.difference == pytest.approx(gain.last - gain.first)
        said = ablations.gains_sentence([found]).data
        assert ("helps Digits 0 and hurts none", "helps no class and hurts Digits 1")[normal_class] in said
        assert ("In 1 of the classes it hurts" in said) == (normal_class == 1)
        both = [entry("search", c, dataset=d, scores_by_step=losses) for d in ("digits", "mnist") for c in (0, 1)]
        assert "Digits 0, 1; MNIST 0, 1" in ablations.gains_sentence(both).data
        assert f"| {normal:.0%}" in ablations.gains([found]).data


def test_loss_and_theta_by_step():
    found = entries(SEARCHES, seeds=(0, 1))
    difference = summaries.theta_by_step(found)
    for label in (0, 1):
        losses = summaries.loss_by_step(found, "search", label)
        gains = summaries.theta_gains(found, label)
        for c, k in product((0, 1), range(4)):
            pairs = [[entry(m, c, s).arrays for m in SEARCHES] for s in (0, 1)]
            step = (0, 1, 2, 5)[k]
            of_label = [[a["scores_by_step"][a["labels"] == label, step] for a in pair] for pair in pairs]
            means = np.mean(of_label, axis=2)
            assert losses.lines[str(c)][k] == pytest.approx(means[:, 0].mean())
            assert gains.lines[str(c)][k] == pytest.approx((means[:, 1] - means[:, 0]).mean())
            aucs = [[auc(a["labels"], a["scores_by_step"][:, step]) for a in pair] for pair in pairs]
            assert difference.lines[str(c)][k] == pytest.approx(np.mean([a - b for a, b in aucs]))


def test_pairs_leave_out_what_has_no_partner():
    found = [entry("search", 0), entry("search", 1), entry("search-frozen", 1), entry("search-frozen", 4)]
    assert list(summaries.theta_by_step(found).lines) == ["1"]
    assert list(summaries.theta_gains(found, 0).lines) == ["1"]
    assert list(summaries.comparisons(found, *SEARCHES)) == [("1", 0)]


@pytest.mark.parametrize("name", ["test_index", "labels"])
def test_pairs_must_be_of_the_same_images(name):
    a, b = entry("search"), entry("search-frozen")
    b.arrays[name] = b.arrays[name][::-1]
    for statistic in (summaries.theta_by_step, lambda found: summaries.comparisons(found, *SEARCHES)):
        with pytest.raises(ValueError, match=f"search-frozen must have scored the same test images.*{name} differ"):
            statistic([a, b])


def test_auc_by_seeds():
    found = entries(["search"], seeds=(0, 1))
    curves = summaries.auc_by_seeds(found)
    assert curves.x.tolist() == [1, 2, 4, 8]
    for c, (i, size) in product((0, 1), enumerate((1, 2, 4, 8))):
        means, variances = [], []
        for seed in (0, 1):
            arrays = entry("search", c, seed).arrays
            losses, labels = arrays["losses_by_seed"], arrays["labels"]
            aucs = [auc(labels, losses[:, size * b : size * (b + 1)].mean(1)) for b in range(S // size)]
            means.append(np.mean(aucs))
            if len(aucs) > 1:
                variances.append(np.var(aucs, ddof=1))
        assert curves.lines[str(c)][i] == pytest.approx(np.mean(means))
        band = curves.bands[str(c)][i]
        assert band == pytest.approx(np.sqrt(np.mean(variances))) if variances else np.isnan(band)


def test_the_best_start_is_compared_with_the_mean_of_all():
    found = entries(["search"], seeds=(0, 1))
    arrays = found[0].arrays
    searches = summaries.cells_of(found, "search")
    lead = summaries.best_starts(searches)[0, 0]
    aucs = [
        auc(arrays["labels"], score) for score in (arrays["losses_by_seed"].min(1), arrays["losses_by_seed"].mean(1))
    ]
    assert lead == pytest.approx(aucs[0] - aucs[1]) and lead < -0.01
    leads = summaries.over_repetitions(summaries.best_starts(searches))
    row = ablations.best_start(found).data.splitlines()[-1]
    assert f"| {leads.mean():+.3f} [" in row and f"| {S} " in row and f"{(leads > 0).sum()} of 2 classes" in row


@pytest.fixture(scope="module", params=["mnist", "cifar10"])
def at_large(request):
    return request.param, runner.kept(request.param, "large", SEARCHES).entries


def aucs_after(searches, *steps):
    """(classes, steps) of {(class, seed): entry}."""
    aucs = {key: summaries.column_aucs(e, "scores_by_step", list(steps)) for key, e in searches.items()}
    return summaries.over_repetitions(aucs)


def signs(values):
    """Those of the ends of the interval of a mean over classes."""
    return np.sign(t_interval(values)[1:]).tolist()


def test_what_the_pages_say_of_the_scale_large_holds_of_the_stored_results(at_large):
    """Pages ablations ("The same searches at the scale large"), table1, baselines and guide_adgan."""
    dataset, kept = at_large
    searches, frozen = (summaries.cells_of(kept, method) for method in SEARCHES)
    zero, one, five, ten, twenty = aucs_after(searches, 0, 1, 5, 10, 20).T
    best = summaries.over_repetitions(summaries.best_starts(searches))
    found = summaries.search_gains(kept)
    normal_keeps_more = [name for (name, _), gain in found.items() if gain.kept[0] > gain.kept[1]]
    curves = summaries.auc_by_seeds(kept)
    eight, all_ = (curves.mean[curves.x.tolist().index(n)] for n in (8, 64))
    if dataset == "mnist":
        assert (one - zero).mean() < 0 and signs(five - zero) == [1, 1]
        assert signs(ten - five) == [1, 1] and (ten > five).all() and signs(twenty - ten) == [-1, 1]
        assert signs(best) == [1, 1] and (best > 0).sum() == 9
        assert 0.005 < all_ - eight < 0.015 and not normal_keeps_more
    else:
        means = aucs_after(searches, *range(21)).mean(0).round(3)
        assert (means.min(), means.max()) == (0.55, 0.567)
        for gain in (five - zero, ten - five, twenty - five, best):
            assert signs(gain) == [-1, 1]
        assert ((five - zero).max(), (five - zero).min()) == pytest.approx((0.06, -0.14), abs=0.005)
        assert abs(all_ - eight) < 0.001
        assert normal_keeps_more == ["automobile", "dog", "horse", "truck"]
        assert normal_keeps_more == [
            datasets.CLASSES[dataset][c] for c in np.flatnonzero(np.max([five, twenty], 0) < 0.5)
        ]
    theta = np.array([c.difference for c in summaries.comparisons(kept, *SEARCHES).values()])
    assert -0.01 < t_interval(theta).low < 0 and t_interval(theta).high < 0.002
    seconds = [np.mean([e.record["seconds"] for e in some.values()]) for some in (searches, frozen)]
    assert seconds[0] > 3 * seconds[1]  # "several times as long"
    n_normal = [(e.arrays["labels"] == 0).sum() for e in kept]
    assert (min(n_normal), max(n_normal)) == ((15, 30) if dataset == "mnist" else (16, 27))
    assert len(kept[0].arrays["labels"]) == 200


def test_what_the_page_of_table_1_says_of_more_computing_holds_for_the_stored_results():
    for dataset, swing in (("mnist", 0.4), ("cifar10", 0.2)):
        moved = {}
        for method in ("adgan", "critic", "prior"):
            entries = (runner.kept(dataset, scale, [method]).entries for scale in ("medium", "large"))
            small, large = (summaries.class_aucs(summaries.cells_of(some, method)) for some in entries)
            moved[method] = np.array([large[c] - small[c] for c in large])
        low, high = t_interval(moved["adgan"])[1:]
        assert (
            low < 0 < high
            and max(-low, high) == pytest.approx(0.03, abs=0.005)
            and moved["adgan"].min() < 0 < moved["adgan"].max()
        )
        assert (t_interval(moved["prior"]).low > 0) == (dataset == "mnist")
        if dataset == "mnist":
            assert (moved["prior"] > 0).sum() == 9
        assert -moved["critic"].min() == pytest.approx(swing, abs=0.05)
        assert moved["critic"].max() == pytest.approx(swing, abs=0.05)


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_what_the_page_says_of_the_wgan_paper_s_training_holds_of_the_stored_results(dataset):
    kept = runner.kept(dataset, "medium", summaries.CONSTRAINTS).entries
    found = summaries.comparisons(kept, *reversed(summaries.CONSTRAINTS))
    differences = np.array([c.difference for c in found.values()])
    penalty, clipped = (summaries.cells_of(kept, method) for method in summaries.CONSTRAINTS)
    less = []  # (2, classes): of normal and of anomalous images
    for label in (0, 1):
        losses = [
            [e.arrays["scores"][e.arrays["labels"] == label].mean() for e in of.values()] for of in (clipped, penalty)
        ]
        less.append(1 - np.divide(*losses))
    assert np.min(less) > 0 and len(differences) == 10
    if dataset == "mnist":
        assert differences.mean().round(2) == -0.09 and signs(differences) == [-1, -1]
        assert np.flatnonzero(less[1] <= less[0]).tolist() == [1]
    else:
        assert signs(differences) == [-1, 1] and np.mean(less, axis=1) == pytest.approx([0.24, 0.24], abs=0.01)


def test_starting_points_that_fill_no_block_are_left_out():
    found = [entry("search")]
    first_six = found[0].arrays["losses_by_seed"][:, :6]
    found[0].arrays["losses_by_seed"] = first_six
    curves = summaries.auc_by_seeds(found)
    assert curves.x.tolist() == [1, 2, 4]
    expected = auc(found[0].arrays["labels"], first_six[:, :4].mean(1))
    assert curves.lines["0"][2] == pytest.approx(expected)


def test_class_aucs_have_intervals():
    one, several = entries(["adgan"]), entries(["adgan"], seeds=(0, 1, 2))
    e = one[0].arrays
    value, low, high = summaries.class_means(one, "adgan")["0"].interval
    assert value == pytest.approx(auc(e["labels"], e["scores"]))
    assert low < value < high
    aucs = [auc(a["labels"], a["scores"]) for a in (entry("adgan", 1, s).arrays for s in range(3))]
    value, low, high = summaries.class_means(several, "adgan")["1"].interval
    half = stats.t.ppf(0.975, 2) * stats.sem(aucs)
    assert (value, high - value, value - low) == pytest.approx((np.mean(aucs), half, half))


def test_intervals_of_means():
    """Over test images, of which each counts once, for one repetition and one fit; else over repetitions."""

    def samples(found):
        return [[e.arrays[name] for name in ("test_index", "labels", "scores")] for e in found]

    def mean(found):
        return summaries.mean_auc(summaries.cells_of(found, found[0].parameters["method"]))

    single, several = entries(["adgan"]), entries(["adgan"], seeds=(0, 1, 2))
    assert mean(single).interval == pytest.approx(mean_auc_interval(samples(single)))
    assert mean(several).interval == pytest.approx(t_interval(mean(several).aucs))
    fits = entries(["kde"], seeds=(0, 1, 2))
    for n_train, interval in ((None, mean_auc_interval(samples(fits))), (60, t_interval(mean(fits).aucs))):
        for e in fits:
            e.parameters["n_train"] = n_train
        assert mean(fits).interval == pytest.approx(interval)


def test_comparisons_are_signed_paired_and_of_common_images():
    found = [entry("adgan-laplacian", n=N // 2), entry("adgan")]
    a, b = (e.arrays for e in found)
    expected = auc(a["labels"], a["scores"]) - auc(b["labels"][: N // 2], b["scores"][: N // 2])
    (comparison,) = summaries.comparisons(found, "adgan-laplacian", "adgan").values()
    assert comparison.difference == pytest.approx(expected)
    assert comparison.low < comparison.difference < comparison.high

    found = entries(SEARCHES)
    of_step = summaries.comparisons(found, *SEARCHES, step=2)
    assert of_step["0", 0].difference == pytest.approx(summaries.theta_by_step(found).lines["0"][2])


def test_mean_difference_weighs_classes_not_runs():
    methods = ("adgan-vae", "adgan")
    found = entries(methods, seeds=(0, 1, 2)) + entries(methods, classes=[4])
    each = summaries.comparisons(found, *methods)
    assert len(each) == 7
    of_class = [np.mean([c.difference for (name, _), c in each.items() if name == wanted]) for wanted in "014"]
    found = summaries.over_classes({key: c.difference for key, c in each.items()})
    assert found.value == pytest.approx(np.mean(of_class))


def test_stability():
    found = summaries.stability(stability_entries())
    assert list(found) == list(summaries.OBJECTIVES)
    runs = found["adgan-gan"]
    assert [run.collapsed for run in runs] == [True, True, False]
    arrays = entry("adgan-gan", seed=1).arrays
    assert runs[1].auc == pytest.approx(auc(arrays["labels"], arrays["scores"]))

    table = ablations.stability(stability_entries(["adgan-gan"])).data
    (row,) = (line for line in table.splitlines() if line.startswith("| GAN "))
    low, high = stats.beta.ppf(0.025, 2, 2), stats.beta.ppf(0.975, 3, 1)  # Clopper and Pearson, 2 of 3
    assert "2 of 3" in row and f"0.67 [{low:.2f}, {high:.2f}]" in row
    aucs = [run.auc for run in runs]
    assert f"{np.mean(aucs):.3f} (sd {np.std(aucs, ddof=1):.3f})" in row
    assert table.count("not run in this build") == 3


def test_forests_and_their_default():
    forest = summaries.forests(forest_entries(seeds=(0, 1)))["1"]
    assert forest.default.tolist() == [False, True, False]
    runs = [e.arrays for e in forest_entries(seeds=(0, 1)) if e.parameters["normal_class"] == 1]
    slow = [np.mean([auc(a["labels"], a["scores_by_setting"][:, i]) for a in runs]) for i in range(3)]
    assert forest.aucs == pytest.approx(slow)
    assert f"{min(slow):.3f} | {max(slow):.3f}" in " ".join(ablations.forest(forest_entries(seeds=(0, 1))).data.split())


def test_default_is_what_the_forest_does():
    x = np.random.default_rng(0).normal(size=(300, 3))
    default, explicit = (
        classic.IForest(random_state=0, **options).fit(x).anomaly_score(x)
        for options in ({}, {"n_estimators": 100, "max_samples": 256})
    )
    assert np.array_equal(default, explicit)


def test_steps_table_shows_gains_within_classes():
    found = entries(SEARCHES)
    lines = np.stack(list(summaries.auc_by_step(found).lines.values()))
    gain = t_interval(lines[:, 3] - lines[:, 0])
    table = ablations.steps(found).data
    assert f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]" in table
    assert "from k = 0 to 5" in table and "from k = 5" not in table.replace("from k = 5 to 5", "")


def test_steps_table_goes_on_from_one_number_to_the_next():
    found = entries(["search"])
    rng = np.random.default_rng(0)
    found = [
        replace(
            e,
            arrays=e.arrays | {"scores_by_step": rng.normal(size=(N, 21))},
            record=e.record | {"parameters": e.parameters | {"n_steps": 5}},
        )
        for e in found
    ]
    curves = summaries.auc_by_step(found)
    lines, table = np.stack(list(curves.lines.values())), ablations.steps(found).data
    for first, last in ((0, 5), (5, 10), (10, 20)):
        at = [summaries.STEPS.index(k) for k in (first, last)]
        assert f"from k = {first} to {last}" in table
        assert signed(t_interval(lines[:, at[1]] - lines[:, at[0]])) in table


def test_sentences_count_what_the_tables_hold():
    better = [entry("adgan-laplacian", c, scores=np.arange(N) % 4 > 0) for c in (0, 1)]
    found = [*better, *entries(["adgan"])]
    text = ablations.paired_sentence(found, "adgan-laplacian", "adgan").data
    assert "of 2 paired tests 2 find the AUC higher and 0 find it lower" in text
    text = ablations.paired_sentence(found, "adgan", "adgan-laplacian").data
    assert "of 2 paired tests 0 find the AUC higher and 2 find it lower" in text

    labels = np.arange(N)[:, None] % 4 > 0
    k = np.arange(K + 1)
    adapting = entry("search", scores_by_step=10 + labels - k * (1 - labels) - 0.5 * labels * k**1.6)
    frozen = entry("search-frozen", scores_by_step=10.0 + labels + 0 * k)
    assert "Digits: k = 1, 2." in ablations.theta_sentence([adapting, frozen]).data  # 5 < 0.5 * 5 ** 1.6
    frozen.arrays["scores_by_step"] = adapting.arrays["scores_by_step"]
    assert "Digits: none." in ablations.theta_sentence([adapting, frozen]).data


def test_paired_table_has_a_row_for_each_pair_and_the_mean():
    found = entries(SEARCHES) + entries(SEARCHES, dataset="mnist", classes=(8,))
    rows = ablations.paired(found, *SEARCHES).data.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == ["Digits"] * 3 + ["MNIST"] * 2
    assert [row.split("|")[2].strip() for row in rows] == ["0", "1", "mean", "8", "mean"]
    assert "[" in rows[2] and "[" not in rows[4]  # no interval over one class


def test_the_rerun_is_compared_on_the_images_that_both_searched():
    found = rerun_entries()
    lines = [line.strip("| ").split("|") for line in ablations.side_by_side(found, summaries.RERUN).data.splitlines()]
    rows = [dict(zip([head.strip() for head in lines[0]], [cell.strip() for cell in line])) for line in lines[2:]]
    assert [row["class"] for row in rows] == [*datasets.CLASSES["cifar10"][:2], "mean"]
    differences = []
    for c, row in enumerate(rows[:2]):
        ours, theirs = (summaries.cells_of(found, method)[c, 0].arrays for method in summaries.RERUN)
        y = theirs["labels"]
        aucs = auc(y, ours["scores"][: N // 2]), auc(y, theirs["scores"])
        assert (row["AUC, algorithm 1"], row["AUC, z and θ in turn"]) == tuple(f"{value:.3f}" for value in aucs)
        differences.append(aucs[1] - aucs[0])
        assert row["difference"].startswith(f"{differences[-1]:+.3f} [")
        assert row["normal loss, algorithm 1"] == f"{ours['scores'][: N // 2][y == 0].mean():.1f}"
        assert row["anomalous loss, z and θ in turn"] == f"{theirs['scores'][y == 1].mean():.1f}"
    assert rows[2]["difference"].startswith(f"{np.mean(differences):+.3f} [")


def test_an_encoder_s_starts_are_compared_where_there_are_both():
    found = starts_entries() + [entry("search", 4)]
    lines = [line.strip("| ").split("|") for line in ablations.encoder_starts(found).data.splitlines()]
    rows = [dict(zip([head.strip() for head in lines[0]], [cell.strip() for cell in line])) for line in lines[2:]]
    assert [row["k"] for row in rows] == ["0", "1", "2", "5"]
    by_method = {method: summaries.cells_of(found, method) for method in summaries.STARTS}
    for method, about in summaries.STARTS.items():
        two = [by_method[method][c, 0].arrays for c in (0, 1)]  # the class 4 has no encoder
        assert rows[3][f"AUC, {about}"] == f"{np.mean([auc(a['labels'], a['scores_by_step'][:, 5]) for a in two]):.3f}"
        for label, kind in enumerate(("normal", "anomalous")):
            loss = np.mean([a["scores_by_step"][a["labels"] == label, 1].mean() for a in two])
            assert rows[1][f"{kind} loss, {about}"] == f"{loss:.1f}"
    aucs = [
        [auc(e.arrays["labels"], e.arrays["scores_by_step"][:, 5]) for e in by_method[m].values()] for m in by_method
    ]
    assert rows[3]["difference"].startswith(f"{np.mean(np.subtract(aucs[1], aucs[0][:2])):+.3f} [")

    said = ablations.encoder_sentence(found).data
    own = np.mean([auc(e.arrays["labels"], e.arrays["scores"]) for e in by_method["search-encoder"].values()])
    single = np.mean([summaries.aucs_by_n_starts(by_method["search"][c, 0])[1].mean() for c in (0, 1)])
    assert "25 % of the variance" in said and f"a mean AUC of {own:.3f}; one random start has {single:.3f}" in said
    assert f"the mean over {S} of them" in said

    left, right = figures.ablation_starts(found).axes
    assert len(left.lines) == 2 * (2 + 1) and len(right.lines) == 4
    np.testing.assert_allclose(left.lines[-1].get_ydata()[3], np.mean(aucs[1]))


def test_seeds_table():
    found = entries(["search"])
    curves = summaries.auc_by_seeds(found)
    sd = np.sqrt((curves.bands["0"][0] ** 2 + curves.bands["1"][0] ** 2) / 2)
    table = ablations.starts(found).data
    assert f"{curves.mean[0]:.3f} (sd {sd:.3f})" in table
    assert table.splitlines()[2].split("|")[-2].strip() == f"{curves.mean[-1]:.3f}"


def test_outcomes_together_keep_their_reasons():
    empty = runner.Outcome([], [], "MNIST is not there.")
    one = runner.Outcome([], entries(SEARCHES))
    assert len(summaries.together({"digits": one, "mnist": empty}).entries) == 4
    assert "MNIST is not there." in summaries.together({"mnist": empty}).show(figures.ablation_steps).data
    one.entries[0].parameters["n_steps"] = 2
    table = ablations.ran({"digits": one, "mnist": empty}).data
    assert "not run in this build: MNIST is not there." in table and "search, search-frozen" in table
    assert f"| {N} " in table and "| 2 to 5 " in table and "starting points" not in table


def test_entries_that_come_up_twice_are_listed_once():
    a, b = entries(["adgan"])
    assert summaries.distinct([b, a, b]) == [b, a]


def labels_of(axis):
    return [text.get_text() for text in axis.get_legend().get_texts()]


def ticks_of(axis):
    return [text.get_text() for text in axis.get_xticklabels()]


def test_step_figures():
    found = entries(SEARCHES) + entries(SEARCHES, dataset="mnist", classes=(0, 1, 8))
    figure = figures.ablation_steps(found)
    assert [axis.get_title() for axis in figure.axes] == ["Digits", "MNIST"]
    assert [len(axis.lines) for axis in figure.axes] == [6, 8]  # classes and mean, twice
    assert labels_of(figure.axes[1]) == ["0", "1", "8", "mean", "mean, θ frozen"]
    assert ticks_of(figure.axes[0]) == ["0", "1", "2", "5"]
    assert figure.axes[0].lines[2].get_ydata() == pytest.approx(summaries.auc_by_step(found[:4]).mean)

    figure = figures.ablation_theta(found)
    assert [len(axis.lines) for axis in figure.axes] == [4, 5]  # and the line at 0
    assert len(figure.axes[0].collections) == 1

    figure = figures.ablation_losses(found)
    assert len(figure.axes) == 4
    (legend,) = figure.legends
    assert legend.get_texts()[0].get_text() == "normal, θ adapts"
    assert [len(axis.lines) for axis in figure.axes] == [8, 6, 10, 8]


def test_seed_figure():
    (axis,) = figures.ablation_seeds(entries(["search"])).axes
    assert len(axis.lines) == 3 and len(axis.collections) == 2
    assert ticks_of(axis) == ["1", "2", "4", "8"]


def test_method_figure():
    found = entries(["adgan"]) + entries(["adgan-vae"], classes=[1])
    (axis,) = figures.ablation_methods(found, summaries.GENERATORS).axes
    (legend,) = axis.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["WGAN", "VAE's decoder"]
    assert axis.get_xlabel() == "without LSGAN: not run"
    assert ticks_of(axis) == ["0", "1", "mean"]
    means = [line.get_ydata().item() for line in axis.lines if line.get_marker() == "D"]
    assert means == pytest.approx([summaries.class_means(found, m)["1"].value for m in ("adgan", "adgan-vae")])


def test_stability_figure():
    figure = figures.ablation_stability(stability_entries(["adgan-gan", "adgan-wgan"]))
    dots = [line for line in figure.axes[0].lines if line.get_marker() in "oX"]
    assert [line.get_marker() for line in dots] == ["X", "X", "o"] * 2
    assert ticks_of(figure.axes[0]) == ["WGAN", "GAN"]
    assert figure.axes[0].get_xlabel() == "without WGAN-GP, LSGAN: not run"


def test_forest_figure():
    found = forest_entries()
    (axis,) = figures.ablation_forest(found).axes
    assert ticks_of(axis) == ["0", "1", "mean"]
    assert [len(line.get_xdata()) for line in axis.lines] == [3, 3, 3]
    rings = [tuple(scatter.get_offsets()[0]) for scatter in axis.collections]
    assert rings[1][1] == pytest.approx(summaries.forests(found)["1"].aucs[1])


@pytest.mark.parametrize(
    ("draw", "arguments", "named"),
    [
        (figures.ablation_steps, (), "search, search-frozen"),
        (figures.ablation_theta, (), "search-frozen"),
        (figures.ablation_losses, (), "search-frozen"),
        (figures.ablation_seeds, (), "search"),
        (figures.ablation_methods, (summaries.LOSSES,), "adgan-laplacian"),
        (figures.ablation_stability, (), "adgan-wgan-gp"),
        (figures.ablation_forest, (), "iforest-grid"),
        (ablations.steps, (), "search"),
        (ablations.gains, (), "search"),
        (ablations.gains_sentence, (), "search"),
        (ablations.theta_sentence, (), "search-frozen"),
        (ablations.starts, (), "search"),
        (ablations.best_start, (), "search"),
        (ablations.forest, (), "iforest-grid"),
        (ablations.side_by_side, (summaries.RERUN,), "adgan, search-in-turn"),
        (ablations.encoder_starts, (), "search, search-encoder"),
        (ablations.encoder_sentence, (), "search, search-encoder"),
        (figures.ablation_starts, (), "search, search-encoder"),
        (ablations.paired, ("adgan-laplacian", "adgan"), "adgan-laplacian"),
        (ablations.paired_sentence, ("adgan-laplacian", "adgan"), "adgan-laplacian"),
    ],
)
def test_missing_methods_give_a_note(draw, arguments, named):
    note = draw([entry("kde")], *arguments).data
    assert note.startswith("*Not run in this build: ") and named in note


def test_half_of_what_is_needed_is_drawn_or_noted():
    adapting = entries(["search"])
    assert isinstance(figures.ablation_steps(adapting), Figure)
    for draw in (figures.ablation_theta, figures.ablation_losses, ablations.theta_sentence):
        assert "search-frozen" in draw(adapting).data
    assert "there are no common results of search-frozen." in ablations.paired(adapting, *SEARCHES).data


def test_names_are_those_of_the_data():
    assert list(summaries.by_class([entry("adgan", 6, dataset="cifar10")], "adgan")) == [datasets.CLASSES["cifar10"][6]]


def test_the_answer_has_a_line_for_each_question():
    searches = runner.Outcome([], entries(SEARCHES, dataset="mnist"))
    none, runs = (
        {"digits": runner.Outcome([], [], "not there")},
        {"digits": runner.Outcome([], stability_entries(["adgan-gan"]))},
    )
    said = ablations.found({"mnist": searches} | none, *[none] * 4, runs, none, none, none).data
    compared = summaries.comparisons(searches.entries, "search", "search-frozen")
    mean = summaries.over_classes({key: c.difference for key, c in compared.items()})
    assert f"mean AUC by {mean.value:+.3f} [" in said and "on MNIST." in said
    assert "Collapsed trainings**: GAN 2 of 3." in said and len(said.splitlines()) == 2
    clipped = [entry(method) for method in summaries.CONSTRAINTS]
    said = ablations.found(*[none] * 4, {"digits": runner.Outcome([], clipped)}, *[none] * 4).data
    (c,) = summaries.comparisons(clipped, *reversed(summaries.CONSTRAINTS)).values()
    assert (
        said.startswith("- **The training of the WGAN paper in place of") and f"mean AUC by {c.difference:+.3f}" in said
    )
    large = ablations.found(none, {"mnist": searches}, *[none] * 7).data  # the scale is named
    assert "generator of the scale `large`** changes the mean AUC by" in large and len(large.splitlines()) == 1
    rerun, inverses = (runner.Outcome([], found) for found in (rerun_entries(), starts_entries()))
    said = ablations.found(*[none] * 7, {"cifar10": rerun}, {"digits": inverses}).data
    for found, pair, title in ((rerun, summaries.RERUN, "CIFAR-10"), (inverses, summaries.STARTS, "Digits")):
        compared = summaries.comparisons(found.entries, *reversed(pair))
        mean = summaries.over_classes({key: c.difference for key, c in compared.items()})
        assert f"mean AUC by {mean.value:+.3f} [" in said and f"on {title}." in said
    assert "no common results" in ablations.found(*[none] * 9).data
