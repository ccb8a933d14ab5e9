"""Wasserstein training: the two recipes, several at once, the same bits again, resuming, divergence."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch

from ganod_lite import gan, training
from ganod_lite.dcgan import unstack
from ganod_lite.gan import CLIP, GANTraining, train_gans

OBJECTIVES = list(gan.RECIPES)


def images(n, seed, size=16):
    """Images that differ from seed to seed in brightness and texture."""
    rng = torch.Generator().manual_seed(seed)
    texture = torch.randn(n, 1, size, size, generator=rng)
    return (0.3 * texture + torch.tanh(torch.tensor(seed - 1.0))).clamp(-1, 1)


train = partial(train_gans, n_steps=4, latent_size=6, ngf=4, batch_size=8, device="cpu", verbose=False)


def state(trained):
    """All that a training gives, as a list of tensors."""
    return [
        value
        for t in trained
        for value in (
            *t.generator.state_dict().values(),
            *t.critic.state_dict().values(),
            torch.tensor(t.critic_loss),
            torch.tensor(t.generator_loss),
        )
    ]


def set_rate(monkeypatch, objective, rate):
    recipe = gan.RECIPES[objective]
    monkeypatch.setitem(gan.RECIPES, objective, recipe | {"settings": recipe["settings"] | {"lr": rate}})


def same_bits(some, others):
    some, others = state(some), state(others)
    return len(some) == len(others) and all(map(torch.equal, some, others))


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(training, "BLOCK", 3)


# --- what is trained ---


def test_clipping_keeps_every_parameter_of_the_critic_within_its_bound():
    (clipped,) = train([images(20, 0)], [0], objective="wgan")
    (other,) = train([images(20, 0)], [0], objective="wgan-gp")
    assert all(p.abs().max() <= CLIP for p in clipped.critic.parameters())
    assert any(p.abs().max() > CLIP for p in other.critic.parameters())
    assert any(p.abs().max() > CLIP for p in clipped.generator.parameters())


def test_gradient_penalty_is_that_of_a_plain_loop_over_samples():
    sets = [images(9, seed) for seed in (0, 1)]
    both = GANTraining(sets, [0, 1], n_steps=1, latent_size=6, ngf=4, batch_size=8, objective="wgan-gp", device="cpu")
    with torch.no_grad():
        for p in both.critic.parameters():  # far from the start, where all gradients are close to 0
            p.mul_(5)
    x, fake = (torch.cat([images(8, seed), images(8, seed + 1)], 1) for seed in (2, 4))
    share = torch.rand(8, 2)
    penalty = both._gradient_penalty(x, fake, share)
    for group, critic in enumerate(unstack(both.critic, 2)):
        each = []
        for i in range(8):
            t = share[i, group]
            between = (t * x[i, group] + (1 - t) * fake[i, group])[None, None].requires_grad_()
            (gradient,) = torch.autograd.grad(critic(between).squeeze(), between)
            each.append((gradient.square().sum().sqrt() - 1) ** 2)
        torch.testing.assert_close(penalty[group], torch.stack(each).mean())
        assert not torch.allclose(penalty[group], torch.tensor(1.0), rtol=0.01)  # the gradients are not all 0


def test_gradient_penalty_holds_the_critic_s_gradient_near_1(monkeypatch):
    set_rate(monkeypatch, "wgan-gp", 2e-3)
    (trained,) = train([images(50, 2)], [0], n_steps=40, objective="wgan-gp")
    x = images(32, 2).requires_grad_()
    (gradient,) = torch.autograd.grad(trained.critic(x).sum(), x)
    assert 0.5 < gradient.flatten(1).norm(dim=1).mean() < 1.5


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_critic_rates_real_images_higher_and_generator_moves_towards_them(objective, monkeypatch):
    set_rate(monkeypatch, objective, 1e-3)
    bright = torch.full((40, 1, 16, 16), 0.8)
    (start,), (trained,) = (train([bright], [0], n_steps=n, objective=objective) for n in (1, 30))
    z = torch.randn(64, 6)
    with torch.no_grad():
        before, after = start.generator(z), trained.generator(z)
        assert trained.critic(bright).mean() > trained.critic(before).mean()
        assert after.mean() > before.mean() + 0.01
    # the critic does better than one that gives all images the same value, whichever serves it best
    of_a_constant = {"gan": 2 * np.log(2), "lsgan": 0.25}.get(objective, 0)
    assert np.mean(trained.critic_loss[-10:]) < of_a_constant


def test_gan_and_lsgan_losses_are_those_of_their_papers():
    fake, real = torch.tensor([[0.3, -1.0], [2.0, 0.5]]), torch.tensor([[1.2, 0.1], [-0.4, 3.0]])
    bce, mse = torch.nn.BCEWithLogitsLoss(reduction="none"), torch.nn.MSELoss(reduction="none")
    one, zero = torch.ones_like(fake), torch.zeros_like(fake)
    for objective, loss, share in (("gan", bce, 1), ("lsgan", mse, 0.5)):
        wanted = share * (loss(real, one) + loss(fake, zero)).mean(0)
        torch.testing.assert_close(gan.CRITIC_LOSSES[objective](fake, real), wanted)
        torch.testing.assert_close(gan.GENERATOR_LOSSES[objective](fake), share * loss(fake, one).mean(0))


@pytest.mark.parametrize(
    ("objective", "given", "n_critic"),
    [("wgan", None, 5), ("wgan-gp", None, 2), ("gan", None, 1), ("lsgan", None, 1), ("wgan", 2, 2), ("gan", 3, 3)],
)
def test_each_generator_step_follows_so_many_critic_steps(objective, given, n_critic, monkeypatch):
    stepped = []
    optimiser = gan.RECIPES[objective]["optimiser"]
    step = optimiser.step
    monkeypatch.setattr(optimiser, "step", lambda self, *args: (stepped.append(self), step(self, *args))[1])
    (trained,) = train([images(20, 0)], [0], n_steps=3, objective=objective, n_critic=given)
    which = [o is stepped[n_critic] for o in stepped]
    assert which == ([False] * n_critic + [True]) * 3
    assert len(trained.critic_loss) == len(trained.generator_loss) == 3


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_objective_s_own_number_of_critic_steps_may_be_given_too(objective):
    own = gan.RECIPES[objective]["n_critic"]
    default, given, other = (train([images(20, 0)], [0], objective=objective, n_critic=n) for n in (None, own, own + 1))
    assert same_bits(default, given)
    assert not same_bits(default, other)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_training_changes_all_weights_and_returns_networks_in_evaluation_mode(objective):
    start, later = (train([images(20, 0)], [3], n_steps=n, objective=objective)[0] for n in (1, 3))
    for network in ("generator", "critic"):
        for p, q in zip(getattr(start, network).parameters(), getattr(later, network).parameters()):
            assert not torch.equal(p, q) or (objective == "wgan" and p.abs().eq(CLIP).all())
        assert not any(module.training for module in getattr(later, network).modules())
        assert all(p.requires_grad and p.device.type == "cpu" for p in getattr(later, network).parameters())


def test_each_seed_starts_from_weights_of_its_own(monkeypatch):
    set_rate(monkeypatch, "wgan-gp", 1e-12)
    first, other = train([images(20, 0)] * 2, [0, 1], n_steps=1, objective="wgan-gp")
    for network in ("generator", "critic"):
        a, b = (getattr(trained, network)[0].weight for trained in (first, other))
        assert (a - b).std().item() == pytest.approx(2**0.5 * 0.02, rel=0.2)


# --- several at once, and the same bits ---


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_several_at_once_are_what_each_is_alone(objective, small_blocks):
    sets, seeds = [images(20, 0), images(31, 1), images(12, 2)], [5, 6, 5]
    together = train(sets, seeds, objective=objective)
    for x, seed, joint in zip(sets, seeds, together):
        (alone,) = train([x], [seed], objective=objective)
        (other,) = train([x], [seed + 100], objective=objective)
        for network in ("generator", "critic"):
            a, b, c = (
                torch.nn.utils.parameters_to_vector(getattr(t, network).parameters()) for t in (joint, alone, other)
            )
            assert (a - b).norm() < 1e-3 * (a - c).norm()
        np.testing.assert_allclose(joint.critic_loss, alone.critic_loss, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(joint.generator_loss, alone.generator_loss, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_same_seed_gives_the_same_bits_and_leaves_the_global_random_state_alone(objective):
    x = images(20, 0)
    torch.manual_seed(1)
    first = train([x], [4], objective=objective)
    random_state = torch.manual_seed(2).get_state()
    again = train([x], [np.int64(4)], objective=objective)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert same_bits(first, again)
    assert not same_bits(first, train([x], [5], objective=objective))
    uint8 = ((x[:, 0] + 1) * 127.5).round().to(torch.uint8)
    assert same_bits(train([uint8], [4]), train([uint8[:, None].float() / 127.5 - 1], [4]))


def test_networks_begin_the_same_in_threads():
    """Torch has one generator for all threads, which `fork_rng` alone does not keep to one at a time."""
    alone = [gan.new_networks((1, 16, 16), 8, 4, "wgan", seed) for seed in range(40)]
    random_state = torch.manual_seed(2).get_state()
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: gan.new_networks((1, 16, 16), 8, 4, "wgan", seed), range(40)))
    assert torch.equal(torch.get_rng_state(), random_state)
    for pair, other in zip(alone, together):
        for network, same in zip(pair, other):
            assert all(torch.equal(p, q) for p, q in zip(network.parameters(), same.parameters()))


# --- checkpoints ---


def interrupt(monkeypatch, method, after):
    """Let training be interrupted when `method` has been called `after` times; return the list of calls."""
    calls, original = [], getattr(GANTraining, method)

    def wrapped(self, *args):
        if len(calls) == after:
            raise KeyboardInterrupt
        calls.append(args)
        return original(self, *args)

    monkeypatch.setattr(GANTraining, method, wrapped)
    return calls


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_resumed_training_gives_the_same_bits_as_an_undisturbed_one(objective, small_blocks, monkeypatch, tmp_path):
    arguments = ([images(20, 0), images(15, 1)], [1, np.int64(2)])
    options = {"n_steps": 10, "objective": objective, "checkpoint": tmp_path / "state", "checkpoint_seconds": 0}
    undisturbed = train(*arguments, n_steps=10, objective=objective)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt(patch, "block", 2)
        train(*arguments, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    with monkeypatch.context() as patch:
        calls = interrupt(patch, "block", None)
        resumed = train(*arguments, **options)
    assert calls == [(3,), (1,)]  # what was left
    assert same_bits(resumed, undisturbed)
    assert not list(tmp_path.iterdir())

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt(patch, "finish", 0)  # between the last step and the end
        train(*arguments, **options)
    assert same_bits(train(*arguments, **options), undisturbed)


def test_a_checkpoint_may_lie_in_the_user_s_folder(small_blocks, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with pytest.raises(training.TimeIsUp):
        train([images(20, 0)], [0], n_steps=9, checkpoint="~/state", stop_at=0.0)
    assert (tmp_path / "state").exists()
    with pytest.raises(TypeError, match="checkpoint must be a path; got 3"):
        train([images(20, 0)], [0], n_steps=9, checkpoint=3)


def test_a_checkpoint_is_written_at_intervals_only(small_blocks, monkeypatch, tmp_path):
    saves = interrupt(monkeypatch, "save", None)
    train([images(20, 0)], [0], n_steps=9, checkpoint=tmp_path / "state")
    assert not saves
    train([images(20, 0)], [0], n_steps=9, checkpoint=tmp_path / "state", checkpoint_seconds=0)
    assert len(saves) == 3


def test_numbers_of_numpy_go_through_a_checkpoint(small_blocks, tmp_path):
    options = {"n_steps": np.int64(9), "batch_size": np.int64(8), "checkpoint": tmp_path / "state"}
    with pytest.raises(training.TimeIsUp):
        train([images(20, 0)], [0], **options, stop_at=0.0)
    assert same_bits(train([images(20, 0)], [0], **options), train([images(20, 0)], [0], n_steps=9, batch_size=8))


@pytest.fixture
def checkpoint(small_blocks, monkeypatch, tmp_path):
    """The checkpoint of a training that was interrupted after 3 of 9 steps."""
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt(patch, "block", 1)
        train([images(20, 0)], [0], n_steps=9, checkpoint=tmp_path / "state", checkpoint_seconds=0)
    return tmp_path / "state"


@pytest.mark.parametrize(
    "other",
    [
        {"image_sets": [images(20, 1)]},
        {"image_sets": [images(20, 0, size=32)]},
        {"seeds": [1]},
        {"n_steps": 12},
        {"latent_size": 7},
        {"ngf": 8},
        {"batch_size": 4},
        {"objective": "wgan-gp"},
        {"n_critic": 4},
    ],
    ids=lambda other: "-".join(other),
)
def test_the_checkpoint_of_another_training_is_refused(checkpoint, other):
    kept = checkpoint.read_bytes()
    with pytest.raises(ValueError, match=f"checkpoint: {checkpoint} belongs to another training"):
        train(**{"image_sets": [images(20, 0)], "seeds": [0], "n_steps": 9, "checkpoint": checkpoint} | other)
    assert checkpoint.read_bytes() == kept


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[:5],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: training.MARK + b"no state" * 99,
        lambda raw: raw[:-99] + bytes([raw[-99] ^ 1]) + raw[-98:],  # one bit
    ],
)
def test_a_damaged_checkpoint_is_said_and_training_starts_anew(checkpoint, damage):
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    with pytest.warns(UserWarning, match=f"{checkpoint} is damaged; training starts anew"):
        trained = train([images(20, 0)], [0], n_steps=9, checkpoint=checkpoint)
    assert same_bits(trained, train([images(20, 0)], [0], n_steps=9))
    assert not checkpoint.exists()


@pytest.mark.parametrize("content", ["a model", "a state", "text", "a folder", "no folder"])
def test_what_no_training_has_written_is_refused_before_training_and_left_alone(content, tmp_path, monkeypatch):
    interrupt(monkeypatch, "block", 0)
    path, message = tmp_path / "mine", "mine is not a training's checkpoint. It is left alone"
    if content == "a model":
        torch.save(torch.nn.Linear(2, 2), path)
    elif content == "a state":
        torch.save({"arguments": {}, "weight": torch.ones(2)}, path)
    elif content == "a folder":
        path.mkdir()
        (path / "file").write_text("mine")
    else:
        path.write_text("mine")
    kept = path.read_bytes() if path.is_file() else None
    if content == "no folder":
        with pytest.raises(OSError, match="mine"):
            train([images(20, 0)], [0], checkpoint=path / "below")
    else:
        with pytest.raises(ValueError, match=message):
            train([images(20, 0)], [0], checkpoint=path)
    assert (path.read_bytes() if path.is_file() else None) == kept and len(list(tmp_path.iterdir())) == 1


def test_what_was_put_there_during_training_is_not_removed(tmp_path, monkeypatch):
    path, block = tmp_path / "new" / "state", GANTraining.block
    monkeypatch.setattr(GANTraining, "block", lambda self, n: path.write_text("mine") and block(self, n))
    train([images(20, 0)], [0], checkpoint=path)
    assert path.read_text() == "mine"


def test_seconds_are_those_of_all_legs_shared_out(small_blocks, monkeypatch, tmp_path):
    block = GANTraining.block
    monkeypatch.setattr(GANTraining, "block", lambda self, n: time.sleep(0.2) or block(self, n))
    options = {"n_steps": 6, "checkpoint": tmp_path / "state"}
    with pytest.raises(training.TimeIsUp, match="stopped after 3 of 6 training steps"):
        train([images(20, 0)] * 2, [0, 1], **options, stop_at=0.0)
    began = time.perf_counter()
    trained = train([images(20, 0)] * 2, [0, 1], **options)
    last_leg = time.perf_counter() - began
    assert trained[0].seconds == trained[1].seconds
    assert 0.4 < last_leg + 0.2 < 2 * trained[0].seconds < last_leg + 30


# --- what goes wrong ---


def test_divergence_is_an_error_that_says_what_to_try(monkeypatch):
    set_rate(monkeypatch, "wgan-gp", 1e18)
    with pytest.raises(FloatingPointError, match=r"diverged .* and \d+ \(seed 3\)\. Try .*another seed"):
        train([images(20, 0)], [3], n_steps=20, objective="wgan-gp")


def test_divergence_names_the_set_it_came_from(monkeypatch, small_blocks):
    monkeypatch.setattr(GANTraining, "step", lambda *args: torch.tensor([[0.0, 0.0], [0.0, float("nan")]]))
    with pytest.raises(FloatingPointError, match=r"between steps 0 and 3 for set 1 \(seed 8\)"):
        train([images(20, 0), images(20, 1)], [7, 8])


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            {"objective": "none"},
            ValueError,
            r"objective must be one of \['gan', 'lsgan', 'wgan', 'wgan-gp'\]; got 'none'",
        ),
        ({"seeds": [1, 2]}, ValueError, "seeds: one for each set of images; got 2 for 1 sets"),
        ({"seeds": [], "image_sets": []}, ValueError, "seeds: one for each"),
        ({"n_steps": 0}, ValueError, "n_steps == 0, must be >= 1"),
        ({"n_steps": 1.5}, TypeError, "n_steps must be an instance of int"),
        ({"batch_size": 0}, ValueError, "batch_size == 0, must be >= 1"),
        ({"checkpoint_seconds": "60"}, TypeError, "checkpoint_seconds must be an instance of"),
        ({"stop_at": "now"}, TypeError, "stop_at must be an instance of"),
        ({"n_critic": 0}, ValueError, "n_critic == 0, must be >= 1"),
        ({"n_critic": 2.0}, TypeError, "n_critic must be an instance of int"),
        ({"latent_size": -1}, ValueError, "latent_size == -1, must be >= 1"),
        ({"ngf": "64"}, TypeError, "ngf must be an instance of int"),
        ({"image_sets": [images(20, 0, size=8)[:, :, :, :4]]}, ValueError, r"image_shape: .* got \(1, 8, 4\)"),
        ({"image_sets": [images(1, 0)]}, ValueError, "at least 2 images are needed; got 1"),
        ({"image_sets": [2 + images(20, 0)]}, ValueError, r"pixel values must lie in \[-1, 1\]"),
        (
            {"image_sets": [images(20, 0), images(20, 0, size=32)], "seeds": [0, 1]},
            ValueError,
            r"image_sets: all must be \(1, 16, 16\) like the first; set 1 is \(1, 32, 32\)",
        ),
    ],
)
def test_wrong_arguments_are_named(wrong, error, message):
    with pytest.raises(error, match=message):
        train(**{"image_sets": [images(20, 0)], "seeds": [0]} | wrong)
