"""Figures 1 and 2: what is stored of a search, the statistics and the rule on planes made up, and what is drawn."""

import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from ganod_study import runner, search
from ganod_study.datasets import load_images
from ganod_study.jobs import Cell
from ganod_study.methods import METHODS, PLANE_STEPS
from ganod_study.runner import Outcome, attempt, gans_behind, grid
from ganod_study.store import Entry, Store


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def found(root):
    """{method: its entry} at the smoke scale, of a generator of ones."""
    methods = ("adgan-steps", "adgan-plane", "adgan")
    outcome = attempt("smoke", "digits", methods=methods, classes=[1], store=root, device="cpu", verbose=False)
    return dict(zip(methods, outcome.entries))


def plane(y, loss, z, seed=0):
    """An entry of "adgan-plane" with the losses (n,) and latents (n, 2) of a single start, the same at all steps."""
    n, steps = len(y), len(PLANE_STEPS)
    p = {"method": "adgan-plane", "dataset": "mnist", "normal_class": 1, "seed": seed}
    arrays = {"labels": y, "test_index": np.arange(n), "losses": np.stack([loss[:, None]] * steps)}
    return Entry(
        {"parameters": p, "details": {"steps": list(PLANE_STEPS)}}, arrays | {"z": np.stack([z[:, None]] * steps)}
    )


def toy(n=3000, spread=1.0, shift=0.0, gap=3.0):
    """Scattered latents, those of anomalous images `spread` as far out and moved by `shift`; losses `gap` apart."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    z = rng.normal(size=(n, 2)) * np.where(y, spread, 1)[:, None] + np.outer(y, [shift, 0])
    return y, rng.normal(size=n) + gap * y, z


# --- what is stored ---


def test_the_paths_are_those_of_adgan_s_own_search(found):
    steps, adgan = found["adgan-steps"], found["adgan"]
    details, k = steps.record["details"], steps.parameters["n_steps"]
    np.testing.assert_array_equal(steps.arrays["scores"], adgan.arrays["scores"])
    picked = [*details["first_of_class"].values(), *details["worst"]]
    scores = steps.arrays["losses"][:, :, k].mean(1)
    np.testing.assert_allclose(scores, adgan.arrays["scores"][picked], rtol=1e-4)
    images = load_images("digits")
    index = adgan.arrays["test_index"][picked].astype(int)
    shown = np.rint((steps.arrays["images"][:, 0] + 1) * 127.5)
    np.testing.assert_array_equal(shown, images.x_test[index])
    classes = images.y_test[adgan.arrays["test_index"].astype(int)]
    for c, i in details["first_of_class"].items():
        assert classes[i] == int(c) and int(c) not in classes[:i]
    normal = np.sort(adgan.arrays["scores"][adgan.arrays["labels"] == 0])[::-1]
    np.testing.assert_array_equal(adgan.arrays["scores"][details["worst"]], normal[:6])


def test_what_is_shown_at_a_step_has_the_loss_of_that_step(found):
    entry = found["adgan-steps"]
    distance = ((entry.arrays["generated"] - entry.arrays["images"][:, None, None]) ** 2).sum((3, 4, 5))
    shown = entry.arrays["shown"].astype(int)
    losses = np.take_along_axis(entry.arrays["losses"], shown[:, :, None], 1)
    np.testing.assert_allclose(distance, losses, rtol=1e-4)
    assert (np.diff(losses[:, :, entry.parameters["n_steps"]], axis=1) >= 0).all()  # from the best to the worst
    different = distance[: len(entry.record["details"]["first_of_class"])]  # the worst may be among them
    assert len(np.unique(different)) == different.size  # no two steps or starts are the same


def test_a_network_s_own_latent_size_is_in_its_key_and_leaves_the_others_alone(found, root):
    in_plane, usual = (Cell("digits", 1, method, 0, "smoke") for method in ("adgan-plane", "adgan"))
    assert in_plane.parameters["latent_size"] == in_plane.network.parameters["latent_size"] == 2
    assert usual.parameters["latent_size"] == usual.network.parameters["latent_size"] == 8
    assert in_plane.shares != usual.shares and in_plane.network.shares != usual.network.shares
    assert in_plane.network.stem(Store(root)) != usual.network.stem(Store(root))
    gan, _ = in_plane.network.load(Store(root))
    assert gan.generator.latent_size == 2
    assert found["adgan-plane"].arrays["z"].shape == (4, 60, 2, 2)
    assert next(iter(gans_behind([found["adgan"]], root).values()))[0].generator.latent_size == 8


def test_longer_searches_of_the_plane_go_on_from_the_same_starts(found):
    losses, z = (found["adgan-plane"].arrays[name] for name in ("losses", "z"))
    assert losses[1].mean() < losses[0].mean() and losses[3].mean() < losses[1].mean()
    moved = np.abs(z - z[0]).max((1, 2, 3))
    assert moved[0] == 0 and 0 < moved[1] < moved[2] < moved[3]


def test_several_sets_of_images_are_asked_for_at_once(root, monkeypatch):
    asked = []
    monkeypatch.setattr(runner, "run", lambda cells, *_, **__: asked.append(len(cells)) or [None] * len(cells))
    options = {"store": root, "data_root": root, "methods": ("adgan-steps", "adgan"), "verbose": False}
    outcomes = runner.attempt_each("lite", ("mnist", "digits"), classes=[1], **options)
    assert asked[0] == 2 and list(outcomes) == ["mnist", "digits"]  # not MNIST's, which is not there
    monkeypatch.setattr(runner.datasets, "available", lambda root: dict.fromkeys(("digits", "mnist", "cifar10"), True))
    runner.attempt_each("lite", ("mnist", "digits"), classes=[1], **options)
    assert asked[3] == 4
    with pytest.raises(ValueError, match="scale must be one of"):
        runner.attempt_each("tiny", ("digits",))


# --- statistics ---


def test_the_rule_tells_structure_from_none():
    holds = {
        "scattered": search.no_structure([plane(*toy())])[0],
        "further out": search.no_structure([plane(*toy(spread=2))])[0],
        "nearer": search.no_structure([plane(*toy(spread=0.5))])[0],
        "elsewhere": search.no_structure([plane(*toy(shift=2.5))])[0],
        "the same losses": search.no_structure([plane(*toy(gap=0))])[0],
        "few images": search.no_structure([plane(*toy(n=60))])[0],
    }
    assert holds == {
        "scattered": True, "further out": False, "nearer": False, "elsewhere": False, "the same losses": False,
        "few images": None,
    }  # fmt: skip


def test_the_aucs_of_the_plane_say_what_they_are_called():
    (at, *_) = search.planes([plane(*toy(spread=2, gap=3))])
    assert at.step == 0 and at.loss.value > 0.97 and 0.7 < at.prior.value < 0.9
    (at, *_) = search.planes([plane(*toy(spread=0.5))])
    assert at.prior.value < 0.3 and at.place.value > 0.6  # the labels' help finds what the likelihood gets upside down
    y, loss, z = toy()
    one, two = search.planes([plane(y, loss, z)]), search.planes([plane(y, loss, z), plane(y, loss, z, seed=1)])
    np.testing.assert_allclose(one[0].loss, two[0].loss)  # an image counts once, however often it is scored


def test_no_image_votes_and_is_scored_by_its_place():
    y, loss, z = toy(n=200, shift=1)
    *_, (index, labels, place) = search._samples(np.arange(200), y, loss[:, None], z[:, None])
    assert sorted(np.bincount(labels)) == [50, 50] and len(set(index)) == 100
    moved = z.copy()
    moved[index[1:]] = 0
    *_, (_, _, after) = search._samples(np.arange(200), y, loss[:, None], moved[:, None])
    assert after[0] == place[0] and set(after[1:]) != set(place[1:])


def test_the_share_of_anomalies_below_failures(found):
    entry = found["adgan-steps"]
    scores, labels = entry.arrays["scores"].copy(), entry.arrays["labels"]
    scores[labels == 1] = 0
    worst = entry.record["details"]["worst"]
    scores[worst[0]], scores[worst[-1]] = 2, -1
    changed = replace(entry, arrays=entry.arrays | {"scores": scores})
    assert search.missed(changed) == (1, 0)
    assert [score for score, _ in search.failures(changed)][:: len(worst) - 1] == [2, -1]


def test_sentences_name_data_numbers_and_what_is_missing(found):
    gone = Outcome([], [], "MNIST not found: look for it.")
    text = search.search_found({"mnist": gone, "digits": Outcome([], [found["adgan-steps"]])}, 2).data
    k = found["adgan-steps"].parameters["n_steps"]
    n, a = (search.path(found["adgan-steps"], c).losses.mean(0) for c in (1, 2))
    assert f"{k} steps" in text and f"from {n[0]:.0f} to {n[k]:.0f}" in text and f"{a[0]:.0f} to {a[k]:.0f}" in text
    assert "MNIST not found" in text
    text = search.plane_found({"mnist": Outcome([], [plane(*toy())]), "digits": gone}).data
    assert "**MNIST (1 class): the paper's statement holds.**" in text and "MNIST not found" in text
    with pytest.raises(ValueError, match="of_class must be one of 0, .*9; got 10"):
        search.path(found["adgan-steps"], 10)


# --- figures ---


def test_figures_show_what_is_stored(found):
    steps, at_plane = [found["adgan-steps"]], [found["adgan-plane"]]
    figure = search.search_images(steps, 2)
    assert isinstance(figure, Figure) and figure.get_facecolor() == (1, 1, 1, 1)
    losses = search.path(steps[0], 2).losses
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert f"{losses.min(0)[0]:.1f}" in texts or f"{losses.max(0)[0]:.1f}" in texts
    assert "k = 0" in texts and "k = 2" in texts and "anomalous" in texts
    lines = search.search_losses(steps, 2).axes[0].lines
    np.testing.assert_allclose(lines[2].get_ydata(), search.path(steps[0], 1).losses.mean(0))
    assert len(search.search_failures(steps).axes[0].images) == 3 * len(steps[0].record["details"]["worst"])
    dots = search.plane_dots(at_plane).axes
    assert len(dots) == 4 and [len(c.get_offsets()) for c in dots[1].collections] == [57, 3]
    assert "k = 5" in dots[1].get_title("left") and "prior" in dots[1].get_title("left")
    (picture,) = search.plane_images(at_plane).axes[0].images
    plane_, shown = at_plane[0].arrays["plane"], picture.get_array()
    corner = (plane_[0, 0] + 1) / 2  # both coordinates at their lowest: below on the left
    np.testing.assert_allclose(shown[-17:-1, 1:17], corner, atol=1e-6)
    np.testing.assert_allclose(shown[1:17, 1:17], (plane_[8, 0] + 1) / 2, atol=1e-6)  # z1 lowest, z2 highest


def test_the_animation_needs_no_network_and_is_small(found):
    page = search.search_animation([found["adgan-steps"]], 2).data
    assert not re.search(r"https?:|<link|//maxcdn", page)
    assert len(page) < 1e6
    assert len(re.findall(r"frames\[\d+\] =", page)) == found["adgan-steps"].arrays["losses"].shape[2]
    assert 'alt="The search of the anomalous image of class 2' in page and 'aria-label="step"' in page
    assert 'title="Play"' in page and re.search(r"▶\s*</button>", page) and "fa-" not in page


def test_the_rows_are_computed_where_others_are():
    assert {"adgan-steps", "adgan-plane"} <= set(METHODS)
    assert [cell.shares for cell in grid("smoke", "digits", ("adgan-steps", "adgan"), [1])] == [
        Cell("digits", 1, "adgan", 0, "smoke").shares
    ] * 2  # one job
