"""Tuning: what is measured against plain computations, that nothing but training images is seen, and the rule."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
import torch

from ganod_lite.adgan import latent_search
from ganod_lite.dcgan import Generator
from ganod_lite.images import as_images
from ganod_study import datasets, figures, jobs, tuning
from ganod_study.__main__ import main
from ganod_study.averaging import train_averaged
from ganod_study.scales import MEDIUM, SCALES
from ganod_study.store import Entry, Store
from ganod_study.tables import tuning as tables
from ganod_study.tuning import (
    MEASURES,
    Candidate,
    Holdout,
    candidates,
    choose,
    frechet,
    own_statistics,
    questions,
    tune,
)

ROOT = Path(__file__).resolve().parents[1]
SMALL = replace(MEDIUM, latent_size=4, ngf=2, batch_size=8, n_iter=2, n_seeds=2, n_steps=1)


class TrainingAlone:
    """A set of images whose test images are not to be touched."""

    def __init__(self):
        draw = np.random.RandomState(0)
        x = np.tensordot(draw.rand(70, 3), draw.randint(0, 85, (3, 28, 28)), 1) + draw.randint(0, 3, (70, 28, 28))
        self.x_train = np.pad(x.astype(np.uint8), ((0, 0), (2, 2), (2, 2)))
        self.y_train = np.repeat([1, 8], [30, 40])
        self.x_train[self.y_train == 1] //= 2

    def __getattr__(self, name):
        raise AssertionError(f"{name} was touched")


@pytest.fixture
def small(monkeypatch):
    """Tiny sizes, and images that are not read; returns the images."""
    images = TrainingAlone()
    monkeypatch.setattr(datasets, "require", lambda name, root: None)
    monkeypatch.setattr(datasets, "load_images", lambda name, root: images)
    jobs.images_of.cache_clear()
    monkeypatch.setitem(SCALES, "medium", dict.fromkeys(("mnist", "cifar10"), SMALL))
    sizes = {"N_HOLDOUT": 12, "N_SEARCHED": 3, "N_GENERATED": 20, "N_COMPONENTS": 4, "N_STEPS": 2, "STEPS": (1, 2, 3)}
    sizes |= {"AVERAGED_STEPS": 4, "WIDER_STEPS": {3: 3}, "BATCH_STEPS": {9: 3}}
    for name, value in sizes.items():
        monkeypatch.setattr(tuning, name, value)
    yield images
    jobs.images_of.cache_clear()


def run(tmp_path, classes=(8,), seeds=(0,), **options):
    return tune("mnist", classes, seeds, Store(tmp_path), device="cpu", verbose=False, **options)


# --- what is measured ---


def test_frechet_distance_is_that_of_its_formula():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 5)) @ rng.normal(size=(5, 5)), rng.normal(1, 2, size=(40, 5))
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T))
    wanted = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root.real)
    assert frechet(a, b) == pytest.approx(wanted)
    assert frechet(a, a + 3) == pytest.approx(5 * 9)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)


def test_a_generator_of_real_images_is_nearer_than_noise_and_no_image_is_in_both_parts(small):
    x = small.x_train[small.y_train == 8]
    holdout = Holdout(x, 3, resized=False)
    both = np.concatenate([holdout.x_train, holdout.x_holdout])
    assert len(holdout.x_holdout) == 12 and len(both) == 40
    assert {image.tobytes() for image in both} == {image.tobytes() for image in x}
    assert not np.array_equal(holdout.x_holdout, Holdout(x, 4, resized=False).x_holdout)
    held = as_images(holdout.x_holdout)
    assert holdout.frechet(held) == pytest.approx(0, abs=1e-9)
    assert holdout.frechet(as_images(holdout.x_train)) < holdout.frechet(torch.zeros(20, 1, 32, 32))
    assert holdout.variance == pytest.approx(float(((held - held.mean(0)) ** 2).sum((1, 2, 3)).mean()), rel=1e-5)


def test_own_statistics_are_those_of_a_single_image_in_the_search():
    torch.manual_seed(0)
    generator = Generator((1, 16, 16), 4, 4).eval()
    kept = {name: value.clone() for name, value in generator.state_dict().items()}
    own, z = own_statistics(generator), torch.randn(3, 4)
    training = Generator((1, 16, 16), 4, 4)
    training.load_state_dict(generator.state_dict())
    with torch.no_grad():  # the batch's statistics, as in training mode
        torch.testing.assert_close(own(z[:1]), training(z[:1]))
        assert not torch.allclose(own(z[:1]), generator(z[:1]))
        wanted = torch.stack([(own(one[None]) + 0.5).square().sum() for one in z])
    x = torch.full((1, 1, 16, 16), -0.5)

    def prior(n, latent_size, draw):
        return z

    found = latent_search(own, x, n_seeds=3, n_steps=1, prior=prior, device="cpu", verbose=False)
    np.testing.assert_allclose(found.losses_by_step[0, :, 0], wanted, rtol=1e-5)
    assert (found.losses < found.losses_by_step[:, :, 0]).all()
    assert all(torch.equal(value, kept[name]) for name, value in generator.state_dict().items())
    assert generator[1].running_mean is not None


def test_resized_images_fill_the_frame_and_lose_the_padding():
    x = np.zeros((2, 32, 32), np.uint8)
    x[:, 2:30, 2:30] = 200
    assert (tuning.resize_mnist(x) == 200).all()
    x[0, 2:30, 2:16] = 0
    resized = tuning.resize_mnist(x)
    assert resized.shape == x.shape and resized.dtype == np.uint8
    assert (resized[0, :, :15] == 0).all() and (resized[0, :, 17:] == 200).all()


# --- computing and storing ---


def test_candidates_are_trained_on_the_class_less_its_holdout_and_on_nothing_else(small, tmp_path, monkeypatch):
    seen = []

    def train(image_sets, seeds, **options):
        seen.append((image_sets[0], seeds, options))
        return train_averaged(image_sets, seeds, **options)

    monkeypatch.setattr(tuning, "train_averaged", train)
    entries = run(tmp_path)  # any touch of test images fails
    wanted = candidates("mnist")
    assert [e.parameters for e in entries] == [json.loads(json.dumps(c.parameters("mnist", 8, 0))) for c in wanted]
    assert len(wanted) == len(entries) == 14 and len(seen) == 12  # two trainings have two candidates
    of_class = {image.tobytes() for image in small.x_train[small.y_train == 8]}
    padded = [x for x, _, options in seen if {image.tobytes() for image in x} < of_class]
    assert len(padded) == 11 and all(len(x) == 28 and np.array_equal(x, padded[0]) for x in padded)
    for (_, seeds, options), candidate in zip(seen, dict.fromkeys(c.training for c in wanted)):
        assert seeds == [0]
        for name in ("objective", "n_critic", "n_steps", "ngf", "batch_size"):
            assert options[name] == getattr(candidate, name)
    for entry in entries:
        details = entry.record["details"]
        assert details["n_train"] == 28 and all(np.isfinite(details[name]) for name in MEASURES)
        assert details["search_loss"] == pytest.approx(float(entry.arrays["search_losses"].mean()))
        assert entry.arrays["search_losses"].shape == (3,)
    by_candidate = dict(zip(wanted, (e.record["details"] for e in entries)))
    own = next(c for c in wanted if c.own_statistics)
    assert by_candidate[own]["frechet"] == by_candidate[own.training]["frechet"]
    assert by_candidate[own]["search_loss"] != by_candidate[own.training]["search_loss"]
    real = [by_candidate[c]["frechet_of_training"] for c in wanted if not c.resized]
    assert len(set(real)) == 1 and real[0] < min(d["frechet"] for d in by_candidate.values())

    n_trained = len(seen)
    again = run(tmp_path)
    assert len(seen) == n_trained and [e.record for e in again] == [e.record for e in entries]


def test_the_same_numbers_come_out_again(small, tmp_path):
    first, second = (run(tmp_path / name, max_steps=1) for name in "ab")
    assert len(first) == 1  # what trains longer is left out
    for name in (*MEASURES, "frechet_of_training"):
        assert first[0].record["details"][name] == second[0].record["details"][name]


def test_a_diverged_training_is_stored_as_such_and_not_tried_again(small, tmp_path, monkeypatch):
    calls = []

    def diverge(*args, checkpoint, **options):
        calls.append(options["n_steps"])
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.touch()
        raise FloatingPointError("GAN training diverged")

    monkeypatch.setattr(tuning, "train_averaged", diverge)
    for _ in range(2):
        (entry,) = run(tmp_path, max_steps=1)
        assert entry.record["details"]["diverged"] == "GAN training diverged"
        assert "frechet" not in entry.record["details"] and entry.arrays == {}
    assert calls == [1]
    assert not list(tmp_path.rglob("*.checkpoint"))


def test_time_that_is_up_leaves_a_checkpoint_and_no_entry(small, tmp_path, monkeypatch):
    assert run(tmp_path, time_limit=-1) == [None] * 14
    monkeypatch.setattr(tuning, "STEPS", (90,))
    for name in ("WIDER_STEPS", "BATCH_STEPS"):
        monkeypatch.setattr(tuning, name, {})
    for name in ("N_STEPS", "AVERAGED_STEPS"):
        monkeypatch.setattr(tuning, name, 120)
    limited = {"max_steps": 90, "time_limit": 100}
    with monkeypatch.context() as patch:
        at_once = {"stop_at": 0.0}
        patch.setattr(tuning, "train_averaged", lambda *sets, **options: train_averaged(*sets, **options | at_once))
        assert run(tmp_path, **limited) == [None]
    assert len(list(tmp_path.rglob("*.checkpoint"))) == 1
    (resumed,), (undisturbed,) = run(tmp_path, **limited), run(tmp_path / "other", **limited)
    assert resumed.record["details"]["frechet"] == undisturbed.record["details"]["frechet"]
    assert not list(tmp_path.rglob("*.checkpoint"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digits", [1], [0]), "dataset must be one of mnist, cifar10; got 'digits'"),
        (("mnist", [10], [0]), "classes must be one of 0, 1, .*; got 10"),
        (("mnist", [1], [-1]), "seed == -1, must be >= 0"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        tune(*arguments, Store(tmp_path))


def test_too_few_images_are_named(small, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "N_HOLDOUT", 39)
    with pytest.raises(ValueError, match="at least 41 images are needed; got 40"):
        run(tmp_path)


def test_command_says_what_is_there(small, tmp_path, capsys):
    arguments = ["--dataset", "mnist", "--classes", "1,8", "--store", str(tmp_path), "--device", "cpu"]
    assert main(["tune", *arguments, "--max-steps", "1"]) == 0
    assert "mnist: 2 of 2 candidates" in capsys.readouterr().out
    assert main(["tune", *arguments, "--time-limit", "-1"]) == 3
    assert "mnist: 2 of 28 candidates" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["tune", *arguments, "--max-steps", "0"])
    assert "max_steps=0: each candidate has more generator steps" in capsys.readouterr().err


def test_candidates_that_questions_share_are_one():
    assert len(candidates("mnist")) == 17 and len(candidates("cifar10")) == 16
    assert max(c.n_steps for c in candidates("mnist", max_steps=2000)) == 2000
    assert "size" not in questions("cifar10")
    for name in questions("mnist"):  # the medium scale is among what is tried
        assert set(tuning.own_option(name, "medium")) <= set(questions("mnist")[name].options)
    assert tuning.own_option("critic", "paper") == ["wgan, 5 critic steps"]


# --- choosing, from made-up entries ---


def entry(candidate, dataset="mnist", normal_class=8, seed=0, **details):
    if "diverged" not in details:
        details = {"search_loss": 1.0, "frechet": 1.0, "diversity": 0.9, "frechet_of_training": 0.01} | details
    record = {"parameters": candidate.parameters(dataset, normal_class, seed), "seconds": 1.0, "commit": "c"}
    details |= {"seconds_of_training": 2.0}
    return Entry(record | {"details": details, "device": "d", "file": "f"}, {})


def made_up(values, name="steps", measure="frechet", **group):
    """An entry for each {option: value}; a value of None is a training that diverged."""
    options = questions(group.get("dataset", "mnist"))[name].options
    return [
        entry(options[option], **group, **({"diverged": "so"} if value is None else {measure: value}))
        for option, value in values.items()
    ]


def test_the_rule_takes_the_lowest_mean_over_classes_then_over_data_sets():
    entries = [
        *made_up({"250": 0.1, "500": 0.3}, normal_class=1),
        *made_up({"250": 0.1, "500": 0.3}, normal_class=8),
        *made_up({"250": 0.8, "500": 0.5}, dataset="cifar10"),
    ]
    choice = choose(entries, "steps")  # (0.1 + 0.8) / 2 against (0.3 + 0.5) / 2; over trainings it were the other
    assert choice.option == "500"
    assert choice.means == pytest.approx({"250": 0.45, "500": 0.4})
    assert len(choice.groups) == 3
    text = tables.sentence(entries, "steps").data
    assert "is that of **500**" in text and "0.400" in text and "2 of MNIST, 1 of CIFAR-10" in text
    assert "That is the most tried" in text
    assert "“medium” has 2,000, which is not yet run" in text
    assert "“paper” has 20,000, which is not among the options tried" in text


def test_the_best_of_an_objective_is_said():
    means = {"wgan, 2 critic steps": 0.5, "wgan, 5 critic steps": 0.4, "wgan-gp, 2 critic steps": 0.3}
    lines = tables.sentence(made_up(means | {"wgan-gp, 5 critic steps": 0.2}, "critic"), "critic").data.splitlines()
    paper, medium = (next(line for line in lines if f"“{scale}”" in line) for scale in ("paper", "medium"))
    assert "wgan, 5 critic steps, which is not the choice" in paper and "of those with its objective" in paper
    assert "wgan-gp, 2 critic steps, which is not the choice" in medium and "of those" not in medium
    (steps,) = (line for line in tables.sentence(made_up({"250": 0.1, "2,000": 0.2}), "steps").data.splitlines()
                if "“medium”" in line)  # fmt: skip
    assert "of those" not in steps


def test_means_are_over_what_all_options_have():
    entries = made_up({"250": 0.2, "500": 0.3}) + made_up({"500": 0.0}, normal_class=1)
    assert choose(entries, "steps").option == "250"
    assert choose(made_up({"250": 0.2}) + made_up({"500": 0.0}, normal_class=1), "steps") is None
    assert choose(made_up({"250": 0.2}), "steps") is None
    assert choose([], "steps") is None


def test_what_diverged_anywhere_is_never_chosen():
    entries = made_up({"250": 0.1, "2,000": 0.2}) + made_up({"250": None, "2,000": 0.2}, normal_class=1)
    assert choose(entries, "steps").option == "2,000"
    assert "(1 of 2 diverged)" in tables.table(entries, "steps").data
    text = tables.sentence(entries, "steps").data
    assert "“medium” has 2,000, which is the choice" in text
    entries = made_up({"250": 0.1, "2,000": None})
    assert "has 2,000, which diverged" in tables.sentence(entries, "steps").data
    assert "diverged" in tables.table(entries, "steps").data
    assert choose(made_up({"250": None, "500": None}), "steps") is None


def test_the_search_loss_decides_on_batch_normalisation_and_the_distance_on_all_else():
    entries = made_up({"running statistics": 0.3, "the image's own": 0.2}, "batch norm", "search_loss")
    assert choose(entries, "batch norm").option == "the image's own"
    text = tables.sentence(entries, "batch norm").data
    assert "its mean is 0.300, and the choice is ahead of it in 1 of 1 trainings" in text
    for name in ("critic", "steps", "size"):
        assert questions("mnist")[name].measure == "frechet"
    assert choose(made_up({"padded": 0.2, "resized": 0.3}, "size"), "size").option == "padded"


def test_an_entry_of_other_settings_is_not_taken_for_a_candidate(monkeypatch):
    entries = made_up({"250": 0.2, "500": 0.3})
    monkeypatch.setattr(tuning, "N_COMPONENTS", 20)
    assert choose(entries, "steps") is None


def test_tables_and_figure_show_what_there_is():
    entries = [e for c in (1, 8) for e in made_up({"250": 0.2 + c, "500": 0.3}, normal_class=c)]
    entries += made_up({"1,000": 0.1}, normal_class=8)
    rows = tables.table(entries, "steps").data.splitlines()
    assert "4.700 (sd 4.950)" in next(row for row in rows if "250" in row)
    assert "not yet run" in next(row for row in rows if "2,000" in row)
    assert "0.010" in next(row for row in rows if "training images" in row and "MNIST" in row)
    assert sum("not yet run" in row for row in rows) == 2 + 5  # all of CIFAR-10
    axes = figures.tuning_curves(entries).axes
    assert [axis.get_title() for axis in axes] == list(MEASURES.values())
    *lines, mean, _ = axes[0].get_lines()
    np.testing.assert_allclose([line.get_ydata() for line in lines], [[1.2, 0.3], [8.2, 0.3]])
    np.testing.assert_allclose(mean.get_xydata(), [[250, 4.7], [500, 0.3]])
    text = tables.records(entries).data
    assert "wgan-gp, 2 critic steps, 250 steps" in text and "2 + 1" in text


def test_without_results_the_page_says_so():
    for name in questions("mnist"):
        assert "not yet run" in tables.table([], name).data
        assert "not yet run" in tables.sentence([], name).data
    assert "Not yet run" in tables.records([]).data
    assert "Not yet run" in figures.tuning_curves([]).data


def test_kept_results_are_those_that_the_page_looks_for(monkeypatch):
    monkeypatch.chdir(ROOT)
    kept = tuning.stored_results()
    files = list((ROOT / "book" / "results" / "tuning").rglob("*.json"))
    assert len(kept) == len(files)
    for found in kept:
        p = SimpleNamespace(**found.parameters)
        average = found.parameters.get("average", 0.0)
        sizes = p.n_steps, p.ngf, p.batch_size
        candidate = Candidate(p.objective, p.n_critic, *sizes, p.own_statistics, p.resized, average)
        assert candidate in candidates(p.dataset)
        assert found.parameters == candidate.parameters(p.dataset, p.normal_class, p.seed)


def test_the_width_of_the_small_scales_is_the_best_in_equal_time():
    """notebooks/table1.py, "What more computing changes"."""
    choice = choose(tuning.stored_results(), "width")
    assert choice.option == "width 16" and len(choice.groups) == 4


def test_the_page_says_what_is_chosen_and_asks_for_a_margin():
    def sizes(*pairs):
        return [
            e for c, (padded, resized) in zip((1, 8), pairs)
            for e in made_up({"padded": padded, "resized": resized}, "size", normal_class=c)
        ]  # fmt: skip

    half, all_ = sizes((0.2, 0.21), (0.9, 0.3)), sizes((0.4, 0.21), (0.9, 0.3))
    assert tables.against_own(half, "size") == ("resized", 1, 2)
    assert "in 1 of 2 trainings: too few to change it" in tables.found(half).data
    assert "too few to prefer the choice to it" in tables.sentence(half, "size").data
    assert "resized, better than the scale `medium`'s own option in 2 of 2 trainings." in tables.found(all_).data
    assert "too few" not in tables.sentence(all_, "size").data
    padded = sizes((0.2, 0.3), (0.2, 0.3))
    assert tables.against_own(padded, "size") is None
    assert "Size of MNIST**: padded, as at the scale" in tables.found(padded).data
    assert "Training time**: not yet run." in tables.found(padded).data
