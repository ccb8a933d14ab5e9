"""AnoGAN's search against a plain loop over single images, what it depends on and leaves alone, and the detector."""

import copy

import numpy as np
import pytest
import torch
from helpers import far_from_their_start
from sklearn.base import clone
from torch import nn

from ganod_lite import anogan, gan
from ganod_lite.adgan import latent_search
from ganod_lite.anogan import AnoGAN, anogan_search
from ganod_lite.dcgan import Critic, Generator
from ganod_study.statistics import auc

# --- networks and images ---


def networks(dtype=torch.float32, batch_norm=True):
    torch.manual_seed(0)
    pair = far_from_their_start(Generator((1, 16, 16), 6, 4), Critic((1, 16, 16), 4, batch_norm=batch_norm))
    return tuple(network.to(dtype) for network in pair)


def images(n=4, shape=(1, 16, 16)):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def search(pair, x, **options):
    return anogan_search(*pair, x, **{"n_steps": 8, "random_state": 3, "device": "cpu", "verbose": False} | options)


def same(result, other, pick=slice(None), rtol=1e-5):
    for name in ("scores", "residual", "discrimination"):
        np.testing.assert_allclose(getattr(result, name), getattr(other, name)[pick], rtol=rtol)
    np.testing.assert_allclose(result.z, other.z[pick], rtol=rtol, atol=rtol)


# --- the plain loop ---


def plain_search(pair, x, starts, *, n_steps, weight=0.1, lr_z=0.03):
    """Section 2.2, for one image after the other: residual, discrimination (n,), z (n, latent_size)."""
    residuals, discriminations, found = [], [], []
    for image, start in zip(x, starts):
        g, d = copy.deepcopy(pair)
        until_last_convolution = list(d)[: [type(layer) for layer in d].index(nn.Flatten) - 1]
        z = torch.tensor(start[None], dtype=next(g.parameters()).dtype, requires_grad=True)
        adam = torch.optim.Adam([z], lr=lr_z, betas=(0.5, 0.999))
        for step in range(n_steps + 1):
            generated = g(z)
            a, b = image[None].to(z.dtype), generated
            for layer in until_last_convolution:
                a, b = layer(a), layer(b)
            residual = torch.sum(torch.abs(image - generated))
            discrimination = torch.sum(torch.abs(a - b))
            if step < n_steps:
                adam.zero_grad()
                ((1 - weight) * residual + weight * discrimination).backward()
                adam.step()
        residuals.append(residual.item())
        discriminations.append(discrimination.item())
        found.append(z.detach()[0].numpy())
    return np.array(residuals), np.array(discriminations), np.array(found)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize(
    "options", [{}, {"discrimination_weight": 0.7, "lr_z": 0.2}, {"n_steps": 0}, {"discrimination_weight": 1}]
)
def test_search_is_the_plain_loop(batch_norm, options):
    pair, x = networks(torch.float64, batch_norm), images()
    n_steps, weight = options.get("n_steps", 8), options.get("discrimination_weight", 0.1)
    starts = search(pair, x, n_steps=0).z
    residual, discrimination, z = plain_search(
        pair, x, starts, n_steps=n_steps, weight=weight, lr_z=options.get("lr_z", 0.03)
    )
    result = search(pair, x, **options)
    np.testing.assert_allclose(result.residual, residual, rtol=1e-6)
    np.testing.assert_allclose(result.discrimination, discrimination, rtol=1e-6)
    np.testing.assert_allclose(result.scores, (1 - weight) * residual + weight * discrimination, rtol=1e-6)
    np.testing.assert_allclose(result.z, z, rtol=1e-5, atol=1e-6)
    assert result.scores.dtype == np.float64 and result.scores.shape == (4,) and result.z.shape == (4, 6)
    assert (result.discrimination > 0).all() and len(np.unique(result.residual)) == 4


def test_the_weight_0_and_1_give_one_loss_alone():
    pair, x = networks(), images()
    residual_alone, both, discrimination_alone = (search(pair, x, discrimination_weight=w) for w in (0, 0.1, 1))
    np.testing.assert_array_equal(residual_alone.scores, residual_alone.residual)
    np.testing.assert_array_equal(discrimination_alone.scores, discrimination_alone.discrimination)
    assert np.all(residual_alone.z != both.z) and np.all(discrimination_alone.z != both.z)
    assert discrimination_alone.discrimination.sum() < residual_alone.discrimination.sum()


def test_without_a_discrimination_loss_it_is_adgan_s_search_of_one_seed_with_theta_fixed():
    pair, x = networks(), images()
    expected = latent_search(
        pair[0], x, n_seeds=1, n_steps=8, lr_z=0.03, lr_theta=0, random_state=3, device="cpu", verbose=False,
        loss=lambda generated, x: (generated - x).abs().sum((1, 2, 3)),
    )  # fmt: skip
    result = search(pair, x, discrimination_weight=0)
    np.testing.assert_allclose(result.scores, expected.scores, rtol=1e-5)
    np.testing.assert_allclose(result.z, expected.z[:, 0], rtol=1e-4, atol=1e-5)


def test_more_steps_lower_the_loss():
    pair, x = networks(), images(12)
    scores = [search(pair, x, n_steps=n).scores for n in (0, 20, 100)]
    assert (scores[1] < scores[0]).all() and scores[2].mean() < scores[1].mean()


def test_an_image_that_the_generator_makes_is_found():
    pair = networks()
    x = pair[0](torch.randn(6, 6, generator=torch.Generator().manual_seed(5))).detach()
    found = search(pair, x, n_steps=150, lr_z=0.1)
    assert np.median(found.scores) < 0.25 * np.median(search(pair, x, n_steps=0).scores)
    assert np.median(found.scores) < 0.5 * np.median(search(pair, images(6), n_steps=150, lr_z=0.1).scores)


def test_features_and_critics_of_one_s_own():
    pair, x = networks(), images()

    def values(critic, images):
        assert not critic.training and not any(p.requires_grad for p in critic.parameters())
        return critic(images)

    result = search(pair, x, features=values, n_steps=0)
    generated = pair[0](torch.tensor(result.z))
    np.testing.assert_allclose(
        result.discrimination, (pair[1](x) - pair[1](generated)).abs()[:, 0].detach(), rtol=1e-4, atol=1e-6
    )
    other = nn.Sequential(nn.Flatten(), nn.Linear(256, 3))
    assert search((pair[0], other), x, features=lambda net, images: net(images)).scores.shape == (4,)
    with pytest.raises(TypeError, match="features must be given for a critic other than dcgan.Critic; got Sequential"):
        search((pair[0], other), x)


# --- what a score depends on ---


def test_each_image_has_its_own_start_and_its_own_search():
    pair, x = networks(), images(7)
    everything = search(pair, x)
    starts = search(pair, x, n_steps=0).z
    assert len(np.unique(starts)) == 7 * 6 and np.all(everything.z != starts)
    order = [4, 0, 6, 2, 5, 1, 3]
    same(search(pair, x[order]), everything, order)
    same(search(pair, x[5:6]), everything, slice(5, 6))
    for chunk_size in (1, 3, 100):
        same(search(pair, x, chunk_size=chunk_size), everything)
    same(search(pair, torch.cat([x[:2], x[:1]])), everything, [0, 1, 0])


def test_chunks_are_of_the_size_asked_for(monkeypatch):
    sizes, original = [], anogan._search
    monkeypatch.setattr(
        anogan, "_search", lambda copies, f, x, *args: sizes.append(len(x)) or original(copies, f, x, *args)
    )
    search(networks(), images(7), chunk_size=3)
    assert sizes == [3, 3, 1]


def test_starting_points_are_standard_normal():
    z = search(networks(), images(400), n_steps=0).z
    assert abs(z.mean()) < 0.06 and z.std() == pytest.approx(1, abs=0.05)


def test_same_random_state_gives_the_same_bits_another_gives_others():
    pair, x = networks(), images()
    first, again, other = (search(pair, x, random_state=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.scores, again.scores)
    np.testing.assert_array_equal(first.z, again.z)
    assert np.all(first.scores != other.scores)


def test_uint8_and_floats_give_the_same_bits():
    # over hundreds of steps even the last bit of a pixel would show
    pair = networks()
    pixels = np.arange(512).reshape(2, 16, 16).astype(np.uint8)
    pixels[1] = pixels[1].T
    result = search(pair, pixels, n_steps=60)
    doubles = pixels[:, None] / 127.5 - 1
    floats = torch.tensor(pixels)[:, None].float()
    for x in (doubles, doubles.astype(np.float32), (floats / 255 - 0.5) / 0.5, floats * (2 / 255) - 1):
        np.testing.assert_array_equal(search(pair, x, n_steps=60).scores, result.scores)


def test_pixels_between_the_whole_ones_stay_as_they_are():
    pair, x = networks(torch.float64), images()
    result = search(pair, x, n_steps=0)
    generated = pair[0](torch.tensor(result.z, dtype=torch.float64)).detach()
    np.testing.assert_allclose(result.residual, (generated - x).abs().sum((1, 2, 3)), rtol=1e-6)


# --- what is left alone ---


def test_neither_network_drifts_and_their_modes_do_not_matter():
    pair, x = networks(), images()
    evaluated = search(pair, x)
    for network in pair:
        network.train()
        next(network.parameters()).requires_grad_(False)
    states = copy.deepcopy([network.state_dict() for network in pair])
    flags = [[p.requires_grad for p in network.parameters()] for network in pair]
    for _ in range(2):  # nor does a search leave a trace for the next
        np.testing.assert_array_equal(search(pair, x).scores, evaluated.scores)
    for network, state, flag in zip(pair, states, flags):
        assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
        assert all(module.training for module in network.modules())
        assert [p.requires_grad for p in network.parameters()] == flag
        assert all(p.grad is None for p in network.parameters())


def test_works_where_gradients_are_off_and_leaves_images_and_the_global_random_states_alone():
    pair, x = networks(), images()
    kept = x.clone()
    torch_state, numpy_state = torch.manual_seed(2).get_state(), np.random.get_state()[1].copy()
    scores = search(pair, x).scores
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    assert torch.equal(x, kept)
    with torch.no_grad():
        np.testing.assert_array_equal(search(pair, x).scores, scores)


def test_latents_with_single_axes_are_given_where_they_are_wanted():
    pair, x = networks(), images()
    result = search(pair, x)
    same(search((nn.Sequential(*pair[0]), pair[1]), x, latent_size=6), result)  # takes (m, 6, 1, 1) alone


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_steps": -1}, ValueError, "n_steps == -1, must be >= 0"),
        ({"n_steps": 1.5}, TypeError, "n_steps must be an instance of int"),
        ({"discrimination_weight": 1.1}, ValueError, "discrimination_weight == 1.1, must be <= 1"),
        ({"discrimination_weight": -0.1}, ValueError, "discrimination_weight == -0.1, must be >= 0"),
        ({"lr_z": -0.1}, ValueError, "lr_z == -0.1, must be >= 0"),
        ({"chunk_size": 0}, ValueError, "chunk_size == 0, must be >= 1"),
        ({"latent_size": 9}, ValueError, r"generator: it takes neither latents \(m, 9\) nor \(m, 9, 1, 1\)"),
        ({"features": lambda critic, x: critic(x).sum()}, ValueError, r"features must return one row .* got \(\)"),
        (
            {"features": lambda critic, x: critic(x).flatten()},
            ValueError,
            r"features must return one row .* got \(1,\)",
        ),
    ],
)
def test_wrong_arguments_are_named(options, error, message):
    with pytest.raises(error, match=message):
        search(networks(), images(), **options)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(2, 1, 32, 32), r"x: the generator makes images of shape \(1, 16, 16\) .*; got \(1, 32, 32\)"),
        (torch.zeros(0, 1, 16, 16), r"x: at least 1 images are needed; got 0"),
        (torch.full((2, 1, 16, 16), 1.5), r"x: pixel values must lie in \[-1, 1\]; got \[1.5, 1.5\]"),
    ],
)
def test_wrong_images_are_named(x, message):
    with pytest.raises(ValueError, match=message):
        search(networks(), x)


def test_a_critic_of_other_images_is_named():
    with pytest.raises(ValueError, match=r"critic: it takes no images of shape \(1, 16, 16\)"):
        search((networks()[0], Critic((3, 16, 16), 4)), images())


def test_a_critic_whose_features_depend_on_other_images_is_refused():
    critic = nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), nn.Flatten())
    with pytest.raises(ValueError, match="critic: the features of an image depend on the images beside it"):
        search((networks()[0], critic), images(), features=lambda net, images: net(images))


def test_losses_that_are_not_finite_are_an_error_that_names_the_images():
    def partly(critic, images):  # no number for the black image
        return images / (images.mean((1, 2, 3), keepdim=True) > -1)

    x = images()
    x[2] = -1
    with pytest.raises(FloatingPointError, match="for 1 of 4 images, the first at index 2"):
        search(networks(), x, features=partly, chunk_size=3)
    pair = networks()
    pair[1][0].weight.data[0, 0, 0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match="for 4 of 4 images, the first at index 0"):
        search(pair, x)


# --- the detector ---


def small(**options):
    options = {"n_iter": 2, "latent_size": 6, "ngf": 4, "batch_size": 8, "n_steps": 2, "random_state": 0} | options
    return AnoGAN(**{"device": "cpu", "verbose": False} | options)


@pytest.fixture(scope="module")
def detector(digits):
    detector = small(n_iter=200, latent_size=16, ngf=8, batch_size=32, n_steps=60, lr_z=0.1)
    return detector.fit(digits.x_train[digits.y_train == 0])


def test_anogan_tells_its_class_from_others(detector, digits):
    x, y = digits.x_test[:100], digits.y_test[:100] != 0
    assert auc(y.astype(int), detector.anomaly_score(x)) > 0.85
    outliers = detector.predict(x) == -1
    assert outliers[y].mean() > outliers[~y].mean() + 0.3
    assert len(detector.critic_loss_) == len(detector.generator_loss_) == 200
    assert detector.image_shape_ == (1, 16, 16) and detector.n_features_in_ == 256


def test_anogan_scores_are_those_of_its_search(detector, digits):
    x = digits.x_test[:5]
    result = search((detector.generator_, detector.critic_), x, n_steps=60, lr_z=0.1, random_state=0)
    np.testing.assert_array_equal(detector.anomaly_score(x), result.scores)
    np.testing.assert_array_equal(detector.search(x).z, result.z)


def test_anogan_passes_its_arguments_on(monkeypatch):
    training, searching = {}, {}
    train, find = gan.GANTraining, anogan.anogan_search
    monkeypatch.setattr(gan, "GANTraining", lambda *a, **options: training.update(options) or train(*a, **options))
    monkeypatch.setattr(anogan, "anogan_search", lambda *a, **options: searching.update(options) or find(*a, **options))
    asked = {
        "n_steps": 3, "discrimination_weight": 0.4, "lr_z": 0.2, "chunk_size": 5,
        "features": lambda critic, x: critic(x),
    }  # fmt: skip
    small(objective="wgan-gp", contamination=None, **asked).fit(images(6)).anomaly_score(images(6))
    expected = {"n_steps": 2, "latent_size": 6, "ngf": 4, "batch_size": 8, "objective": "wgan-gp", "device": "cpu"}
    assert {name: training[name] for name in expected} == expected
    assert {name: searching[name] for name in asked} == asked
    small(contamination=None).fit(images(6))
    assert training["objective"] == "gan"


def test_anogan_searches_given_networks_as_they_are(monkeypatch):
    monkeypatch.setattr(gan, "GANTraining", lambda *args, **options: pytest.fail("a GAN was trained"))
    pair, x = networks(), images(6)
    states = copy.deepcopy([network.state_dict() for network in pair])
    detector = small(generator=pair[0], critic=pair[1], contamination=0.5).fit(x)
    assert detector.generator_ is pair[0] and detector.critic_ is pair[1] and detector.critic_loss_ == []
    np.testing.assert_array_equal(detector.anomaly_score(x), search(pair, x, n_steps=2, random_state=0).scores)
    assert (detector.predict(x) == -1).sum() == 3
    for network, state in zip(pair, states):
        assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_anogan_needs_both_networks_or_neither():
    pair = networks()
    with pytest.raises(ValueError, match="give both or neither; got a generator and no critic"):
        small(generator=pair[0]).fit(images())
    with pytest.raises(ValueError, match="give both or neither; got a critic and no generator"):
        small(critic=pair[1]).fit(images())


@pytest.mark.parametrize("objective", ["gan", "wgan", "wgan-gp", "lsgan"])
def test_anogan_of_any_objective_can_be_cloned_and_fitted_again_to_the_same_bits(objective):
    x = images(8)
    detector = small(objective=objective)
    again = clone(detector)
    scores = detector.fit(x).anomaly_score(x)
    np.testing.assert_array_equal(again.fit(x).anomaly_score(x), scores)
