"""The front page: its answer follows the evidence, its tiles count every claim once, its strip is a stored search."""

import re
from dataclasses import replace
from pathlib import Path

import helpers
import numpy as np
import pytest

from ganod_study import claims, front, reference, runner
from ganod_study.claims import Evidence, Verdict
from ganod_study.classical import DETECTORS
from ganod_study.jobs import Cell
from ganod_study.methods import TABLE1
from ganod_study.statistics import t_interval
from ganod_study.store import Store

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
N = 400
LABELS = np.repeat([0, 1], N // 2).astype(np.uint8)


def scored(auc):
    """Scores of LABELS with that AUC."""
    return np.concatenate([np.arange(N // 2), N // 2 * auc + np.zeros(N // 2) - 0.5]).astype(np.float32)


def column(method, scale, dataset="mnist", off=0.0):
    auc = reference.paper_mean(dataset, method) + off
    return [
        helpers.entry(method, c, seed, dataset, scale, labels=LABELS, test_index=np.arange(N), scores=scored(auc))
        for c in range(10)
        for seed in range(3)
    ]


def answer(entries):
    evidence = Evidence(tuple(entries))
    return front.answer(claims.judge(evidence), evidence).data


def test_without_results_the_answer_says_that_nothing_is_known():
    assert answer(()).count("Not yet known for") == 3


def test_small_networks_are_named_and_their_numbers_stand_beside_the_papers():
    text = answer(column("adgan", "medium", off=-0.1))
    assert "Not yet known for ADGAN" in text
    assert re.search(r"0\.8[67]\d ± 0\.0\d\d on MNIST \(the paper: 0\.968\)", text)
    assert text.index("scale `medium`") < text.index("on MNIST")


def test_at_the_papers_scale_the_answer_is_the_verdict():
    both = [e for d in claims.PAPERS_DATA for e in column("adgan", "paper", d, off=-0.1)]
    text = answer(both)
    assert "Not yet known for ADGAN" not in text and "run as in the paper" in text
    assert claims.NOT_REPRODUCED in text
    mixed = answer(column("adgan", "paper") + column("adgan", "medium", "cifar10"))
    assert "Not yet known for ADGAN** on CIFAR-10" in mixed
    of_mnist, of_cifar10 = mixed.split("Not yet known for ADGAN")
    assert "run as in the paper" in of_mnist and "CIFAR-10" not in of_mnist
    assert "scale `medium`" in of_cifar10 and "MNIST" not in of_cifar10.split("\n")[0]


def test_readme_has_the_stored_means():
    text = " ".join(README.read_text().split())
    for dataset, name in (("mnist", "MNIST's classes is"), ("cifar10", "CIFAR-10's")):
        found = re.search(rf"{name} about (.+?) \(the paper: (.+?)\)", text).groups()
        mean, _ = front.means_of(Evidence(tuple(runner.stored_results(dataset))))[dataset]["adgan"]
        assert found == (f"{mean.value:.2f}", f"{reference.paper_mean(dataset, 'adgan'):.2f}")


def test_a_longer_search_is_named_where_it_is_stored_for_all_classes():
    steps = np.stack([scored(auc) for auc in (0.5, 0.6, 0.7, 0.8, 0.8, 0.8, 0.9)], 1)
    made = [
        helpers.entry(
            "search", c, 0, "mnist", "large", labels=LABELS, test_index=np.arange(N), scores=steps[:, 5],
            scores_by_step=steps if c else steps[:, [0, 1, 2, 3, 4, 5, 5]], losses_by_seed=steps[:, :4],
        )
        for c in range(10)
    ]  # fmt: skip
    text = answer(column("adgan", "large") + made)
    gain = t_interval([0] + 9 * [0.1])
    assert f"More search steps, 6 in place of 5, change the mean AUC on the first {N} test images from 0.800" in text
    gained = f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    assert f"to 0.890 on MNIST, by {gained} (intervals over classes; scale `large`" in text
    cifar10 = [replace(e, record=e.record | {"parameters": e.parameters | {"dataset": "cifar10"}}) for e in made]
    assert f"to 0.890 on MNIST, by {gained}, and from 0.800 to 0.890 on CIFAR-10, by {gained} (" in answer(
        made + cifar10
    )
    elsewhere = [replace(e, record=e.record | {"parameters": e.parameters | {"scale": "paper"}}) for e in made]
    assert "search steps" not in answer(elsewhere)  # the section that is linked shows `large` alone
    assert "search steps" not in answer(column("adgan", "large") + made[:-1])


def test_each_number_has_its_scale_beside_it():
    text = answer(column("adgan", "large") + column("adgan", "medium") + column("adgan", "medium", "cifar10"))
    assert re.search(r"scale `large` .* on MNIST \(.* scale `medium` .* on CIFAR-10 \(", text)


def test_classical_means_count_as_close_if_their_intervals_are_within_the_tolerance(monkeypatch):
    helpers.narrow(monkeypatch, half=0.005)
    entries = [e for m, off in zip(DETECTORS, (0, 0.01, -0.018, 0.03, -0.1, 0)) for e in column(m, "paper", off=off)]
    assert "3 of 6 means on MNIST lie within 0.02" in answer(entries)
    small = [e for m in DETECTORS for e in column(m, "medium")]
    assert "Not yet known for the classical methods" in answer(small)


def test_the_tiles_count_every_claim_once():
    verdicts = claims.judge(Evidence())
    counts = list(map(int, re.findall(r"\*\*(\d+)\*\*", front.tiles(verdicts).data)))
    assert len(counts) == len(claims.OUTCOMES) == 4 and sum(counts) == len(claims.read_claims())
    entry = column("adgan", "paper")[0]
    verdicts |= {"k-saturates": Verdict("x", claims.REPRODUCED, "paper", (entry,))}
    verdicts |= {"theta-helps": Verdict("x", claims.DECIDED["medium"][0], "medium", (entry,))}
    verdicts |= {"seeds-help": Verdict("x", claims.DECIDED["lite"][1], "lite", (entry,))}
    shown = front.tiles(verdicts).data
    assert "**2** reproduced\\\n1 at the paper's scale" in shown
    assert "**1** not reproduced\\\n0 at the paper's scale" in shown


def test_the_plot_is_filled_at_the_papers_scale_alone():
    figure = front.dots(Evidence(tuple(column("kde", "paper") + column("adgan", "medium"))))
    dots = {
        float(np.ravel(line.get_ydata())[0]): line.get_fillstyle()
        for line in figure.axes[0].lines
        if line.get_marker() == "o"
    }
    places = dict(zip(TABLE1, range(len(TABLE1) - 1, -1, -1)))
    assert dots == {places["kde"]: "full", places["adgan"]: "none"}


@pytest.fixture
def searched(monkeypatch):
    monkeypatch.chdir(ROOT)
    return front.stored_search()


def test_the_strip_is_a_search_that_the_grid_would_make(searched):
    p = searched.parameters
    assert (p["n_seeds"], p["n_steps"]) == (8, 5)  # as its captions say, in intro.py and the README
    cell = Cell(*(p[name] for name in ("dataset", "normal_class", "method", "seed", "scale")))
    store = Store(ROOT / "book" / "results" / "pictures")
    assert cell.stem(store).with_suffix(".json").exists()
    assert not searched.record["commit"].endswith("-dirty")


def test_the_strip_shows_both_images_and_what_is_left(searched):
    figure = front.strip(searched, 2)
    texts = [axis.get_xlabel() for axis in figure.axes]
    assert texts[0] == "normal: 1" and texts[5] == "anomaly: 2"
    losses = [float(text) for i, text in enumerate(texts) if i % 5]
    assert losses[2] == losses[3] < losses[6] == losses[7]
    left = figure.axes[9].images[0].get_array()
    image, last = (figure.axes[i].images[0].get_array() for i in (5, 8))
    np.testing.assert_allclose(left, np.abs(image - last), atol=1e-6)
    assert (4 * np.square(left.astype(float))).sum() == pytest.approx(losses[7], abs=0.6)  # pixels are in [-1, 1]


def test_an_unknown_class_is_named(searched):
    with pytest.raises(ValueError, match="of_class must be one of"):
        front.strip(searched, 11)


def test_the_front_page_computes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "COMMITTED", tmp_path / "kept")  # where there are none
    places = {"store": tmp_path / "store", "data_root": tmp_path}
    assert claims.collect("smoke", compute=False, **places).entries == ()
    made = runner.attempt("smoke", "digits", methods=("iforest",), verbose=False, **places).entries
    found = claims.collect("smoke", compute=False, **places).entries
    assert [e.record["file"] for e in found] == [e.record["file"] for e in made] and made
