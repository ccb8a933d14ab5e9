"""The page on scikit-learn's default tree: what is said of the stored grid of AlexNet's last layer."""

import helpers
import numpy as np
import pytest

from ganod_study import figures, kde
from ganod_study.runner import stored_results
from ganod_study.statistics import auc

SETTINGS = [
    {"n_components": n, "pooled": pooled, "kde": how, "bandwidth": 1.0}
    for n in (60, 100)
    for pooled in (True, False)
    for how in ("exact", "default")
]


@pytest.fixture
def entries():
    """Scores that tell anomalies better by the setting's place."""
    found = []
    for c in range(10):
        labels = np.repeat([0, 1], [20, 60]).astype(np.uint8)
        noise = np.random.default_rng(c).normal(size=(80, len(SETTINGS)))
        scores = noise + labels[:, None] * np.linspace(0.2, 2, len(SETTINGS))
        arrays = {"labels": labels, "scores_by_setting": scores}
        found.append(helpers.entry(kde.METHOD, c, 0, "mnist", "paper", n=80, details={"settings": SETTINGS}, **arrays))
    return found


def test_a_setting_s_aucs_are_where_they_belong(entries):
    found = kde.aucs(entries)
    for i, setting in enumerate(SETTINGS):
        of = found["pooled" if setting["pooled"] else "convolution", setting["kde"]][setting["n_components"]]
        assert of[3] == auc(entries[3].arrays["labels"], entries[3].arrays["scores_by_setting"][:, i])
    assert kde.aucs(entries[:9]) == {}  # a class is missing


def test_agreement_is_with_the_paper_s_cells():
    paper = kde.paper_cells()
    assert paper[1] == 0.922 and kde.agreement(paper) == pytest.approx((1, 0))
    assert kde.agreement(1 - paper + 0.1) == pytest.approx((-1, np.abs(1.1 - 2 * paper).mean()))


def test_what_is_said_comes_from_the_entries(entries):
    means = {key: {n: of.mean() for n, of in each.items()} for key, each in kde.aucs(entries).items()}
    said = kde.finding(entries).data
    exact, default = means["pooled", "exact"], means["pooled", "default"]
    assert f"exact densities give {exact[100]:.3f} with 100" in said
    assert f"tree gives {default[100]:.3f} with 100 dimensions and {default[60]:.3f} with 60" in said
    assert "100 for the pooled layer" in kde.holdout_would_choose(entries).data
    assert len(kde.table(entries).data.splitlines()) == 2 + len(SETTINGS)
    left, right = figures.kde_tree(entries).axes
    assert [line.get_ydata()[0] for line in left.lines[:1]] == [pytest.approx(exact[60])]
    assert right.lines[1].get_ydata()[4] == kde.aucs(entries)["pooled", "default"][60][4]
    for draw in (kde.finding, kde.table, kde.holdout_would_choose, figures.kde_tree):
        assert "no common results" in draw([]).data


def test_the_stored_results_have_what_the_page_says():
    """Its prose says that the default falls on the pooled layer, and is low at every dimension of the other one."""
    found = kde.aucs(stored_results("mnist", "paper"))
    pooled, unpooled = ([of.mean() for of in found[layer, "default"].values()] for layer in ("pooled", "convolution"))
    assert pooled[1] > 0.79 > 0.7 > pooled[2] > pooled[4] and max(unpooled) < 0.71
