"""Golan and El-Yaniv's search and the Laplacian loss against slow versions, an encoder's starts against random ones."""

import copy

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve1d

from ganod_lite.adgan import latent_search
from ganod_lite.dcgan import Generator
from ganod_lite.losses import squared_l2
from ganod_lite.training import TimeIsUp
from ganod_study.other_searches import laplacian_pyramid, search_in_turn, train_encoder

STEPS = {"n_steps": 3, "lr_z": 0.25, "lr_theta": 5e-3}  # theta far enough for its steps to be seen


@pytest.fixture
def generator():
    """One whose running statistics are not those of its batches."""
    torch.manual_seed(0)
    made = Generator((1, 8, 8), 6, 4)
    for layer in made.modules():
        if isinstance(layer, torch.nn.ConvTranspose2d):
            torch.nn.init.normal_(layer.weight, 0, 0.3)
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.3)
            layer.running_var.uniform_(0.5, 2)
    return made.eval()


@pytest.fixture
def x():
    return torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1


def starts(n, s):
    return torch.randn(n, s, 6, generator=torch.Generator().manual_seed(2))


def plain(generator, x, z, n_steps, lr_z, lr_theta):
    """Golan and El-Yaniv's search of an image from one start, as their description has it.

    z's step with the statistics of the training, then theta's with those of its batch of one, n_steps times; the
    loss after the last one with the statistics of the training, which stay as they are.
    """
    g, statistics = copy.deepcopy(generator), copy.deepcopy(dict(generator.named_buffers()))
    z = z[None].clone().requires_grad_()
    of_z = torch.optim.Adam([z], lr_z, betas=(0.5, 0.999))
    of_theta = torch.optim.Adam(g.parameters(), lr_theta, betas=(0.5, 0.999))
    losses = []
    for _ in range(n_steps):
        losses.append((g.eval()(z) - x).square().sum())
        of_z.zero_grad()
        losses[-1].backward()
        of_z.step()
        of_theta.zero_grad()
        (g.train()(z.detach()) - x).square().sum().backward()
        of_theta.step()
        g.load_state_dict(statistics, strict=False)
    losses.append((g.eval()(z) - x).square().sum())
    return [loss.item() for loss in losses]


def test_search_in_turn_is_the_plain_loop(generator, x):
    z = starts(5, 3)
    before = copy.deepcopy(generator.state_dict())
    found = search_in_turn(generator, x, z, verbose=False, **STEPS)
    expected = [[plain(generator, image, start, **STEPS) for start in of_image] for image, of_image in zip(x, z)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    for name, value in generator.state_dict().items():
        assert torch.equal(value, before[name])
    assert not generator.training


def test_search_in_turn_is_not_algorithm_1(generator, x):
    """The first loss is the same, from the same points; the later ones are not."""
    z = starts(5, 3)
    ours = latent_search(generator, x, starts=z, verbose=False, device="cpu", **STEPS).losses_by_step
    theirs = search_in_turn(generator, x, z, verbose=False, **STEPS).numpy()
    np.testing.assert_allclose(ours[:, :, 0], theirs[:, :, 0], rtol=1e-5)
    assert (np.abs(ours[:, :, 1] / theirs[:, :, 1] - 1) > 1e-4).all()


def test_an_encoder_s_starts_are_nearer_than_random_ones(generator):
    encoder, explained = train_encoder(generator, 0, n_steps=300, batch_size=32, verbose=False)
    z = torch.randn(40, 6, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        x = generator(z)
        starts = encoder(x)
    assert 0.5 < explained <= 1
    assert explained == pytest.approx(1 - ((starts - z).square().sum() / z.square().sum()).item(), abs=0.1)
    options = {"n_steps": 2, "random_state": 0, "verbose": False, "device": "cpu"}
    by_encoder = latent_search(generator, x, starts=starts, **options).losses_by_step[:, 0]  # (n, k + 1)
    at_random = latent_search(generator, x, n_seeds=8, **options).losses_by_step  # (n, s, k + 1)
    assert (by_encoder[:, 0] < at_random[:, :, 0].mean(1)).mean() > 0.9
    assert by_encoder[:, 0].mean() < at_random[:, :, 0].min(1).mean()


def test_an_encoder_that_has_learned_nothing_explains_nothing(generator):
    _, explained = train_encoder(generator, 0, n_steps=1, batch_size=8, verbose=False)
    assert explained < 0.2


def test_training_an_encoder_goes_on_where_it_was_stopped(generator, tmp_path):
    options = {"n_steps": 60, "batch_size": 8, "verbose": False}
    whole, explained = train_encoder(generator, 0, **options)
    with pytest.raises(TimeIsUp):
        train_encoder(generator, 0, checkpoint=tmp_path / "c", stop_at=0.0, **options)
    other = copy.deepcopy(generator)
    torch.nn.init.normal_(other[0].weight)
    for wrong in ((other, 0), (generator, 1)):
        with pytest.raises(ValueError, match="another training"):
            train_encoder(*wrong, checkpoint=tmp_path / "c", **options)
    resumed, also = train_encoder(generator, 0, checkpoint=tmp_path / "c", **options)
    assert explained == also and not list(tmp_path.iterdir())
    assert all(torch.equal(p, q) for p, q in zip(whole.state_dict().values(), resumed.state_dict().values()))


def test_training_an_encoder_is_repeatable_and_leaves_all_else_alone(generator):
    state, before = torch.get_rng_state(), copy.deepcopy(generator.state_dict())
    (a, _), (b, _) = (train_encoder(generator, seed, n_steps=3, batch_size=8, verbose=False) for seed in (7, 7))
    other, _ = train_encoder(generator, 8, n_steps=3, batch_size=8, verbose=False)
    assert all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values()))
    assert not torch.equal(a[0].weight, other[0].weight)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


# --- another loss ---


@pytest.mark.parametrize(("channels", "size"), [(1, 16), (3, 32)])
def test_laplacian_pyramid_loss_is_that_of_two_pyramids_built_by_hand(channels, size):
    def blurred(x):
        for axis in (2, 3):
            x = convolve1d(x, np.array([1, 4, 6, 4, 1]) / 16, axis=axis, mode="nearest")
        return x

    def pyramid(x):
        levels = []
        while x.shape[2] >= 8:
            coarse = blurred(x)[:, :, ::2, ::2]
            levels.append(x - blurred(coarse.repeat(2, axis=2).repeat(2, axis=3)))
            x = coarse
        return [*levels, x]

    a, b = np.random.default_rng(0).uniform(-1, 1, size=(2, 5, channels, size, size))
    wanted = sum(4**j * np.abs(p - q).sum((1, 2, 3)) for j, (p, q) in enumerate(zip(pyramid(a), pyramid(b))))
    loss = laplacian_pyramid(torch.from_numpy(a), torch.from_numpy(b))
    np.testing.assert_allclose(loss.numpy(), wanted, rtol=1e-10)
    assert pyramid(a)[-1].shape[2] == 4


def test_the_laplacian_pyramid_loss_can_be_searched_with():
    generator, x = Generator((1, 16, 16), 6, 4).eval(), torch.rand(3, 1, 16, 16) * 2 - 1
    options = {"n_seeds": 2, "random_state": 3, "device": "cpu", "verbose": False}
    found, other = (latent_search(generator, x, loss=loss, **options) for loss in (laplacian_pyramid, squared_l2))
    assert found.scores.shape == (3,) and not np.allclose(found.scores, other.scores)
    assert (found.losses_by_step[:, :, -1] < found.losses_by_step[:, :, 0]).all()
