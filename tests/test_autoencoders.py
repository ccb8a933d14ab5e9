"""DCAE and VAE: losses and scores against plain slow versions, what training does, which way scores point."""

import copy
import math

import numpy as np
import pytest
import torch
from helpers import far_from_their_start
from sklearn.metrics import roc_auc_score
from torch.distributions import Normal, kl_divergence

from ganod_lite import autoencoders, training
from ganod_lite.adgan import latent_search
from ganod_lite.autoencoders import DCAE, MIN_VARIANCE, VAE, Autoencoder, autoencoder_scores, train_autoencoder
from ganod_lite.base import standard_normal, starting_points
from ganod_lite.training import TimeIsUp

BOTH = pytest.mark.parametrize("variational", [False, True])
DETECTORS = pytest.mark.parametrize("make", [DCAE, VAE])


def images(n=20, channels=1, size=16, seed=0):
    """Smooth images in [-1, 1] with something to learn: a bright bar in one of many places, and noise."""
    rng = torch.Generator().manual_seed(seed)
    x = 0.1 * torch.randn(n, channels, size, size, generator=rng) - 0.8
    for image, start in zip(x, torch.randint(size - 3, (n,), generator=rng)):
        image[:, :, start : start + 3] += 1.5
    return x.clamp(-1, 1)


def train(x, seed=0, **options):
    sizes = {"n_steps": 4, "latent_size": 6, "ngf": 4, "batch_size": 8, "device": "cpu", "verbose": False}
    return train_autoencoder(x, seed, **sizes | options)


def scores_of(model, x, **options):
    return autoencoder_scores(model, x, **{"random_state": 0, "device": "cpu", "verbose": False} | options)


def small(make, **options):
    sizes = {"n_iter": 4, "latent_size": 6, "ngf": 4, "batch_size": 8, "device": "cpu", "verbose": False}
    return make(**sizes | {"random_state": 0} | options)


def untrained(variational, dtype=torch.float32, channels=1):
    torch.manual_seed(0)
    (model,) = far_from_their_start(Autoencoder((channels, 16, 16), 6, 4, variational))
    if variational:
        model.variance.fill_(0.3)
    return model.to(dtype)


def slow_negative_elbo(model, x, noise, variance):
    """Of one image (1, channels, height, width) with noise (n_samples, latent_size), by torch.distributions."""
    mean, log_variance = model.encoder(x)[0].chunk(2)
    posterior = Normal(mean, log_variance.exp().sqrt())
    likelihoods = []
    for epsilon in noise:
        decoded = model.decoder((mean + posterior.scale * epsilon)[None])
        likelihoods.append(Normal(decoded, math.sqrt(variance)).log_prob(x).sum())
    divergence = kl_divergence(posterior, Normal(torch.zeros_like(mean), 1.0)).sum()
    return (divergence - torch.stack(likelihoods).mean()).item()


@pytest.fixture
def fast(monkeypatch):
    """A step size at which these tiny networks learn something in a second."""
    monkeypatch.setattr(autoencoders, "ADAM", autoencoders.ADAM | {"lr": 2e-3})


# --- the network ---


@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(channels):
    x = images(5, channels)
    plain, variational = (Autoencoder((channels, 16, 16), 6, 4, kind) for kind in (False, True))
    assert plain.encoder(x).shape == (5, 6)
    assert [part.shape for part in variational.posterior(x)] == [(5, 6), (5, 6)]
    for model in (plain, variational):
        assert model(x).shape == x.shape
        assert model.decoder.latent_size == 6


@BOTH
def test_arguments_and_state_rebuild_a_model(variational):
    model = train(images(), variational=variational)
    again = Autoencoder(**model.arguments)
    again.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(scores_of(again, images()), scores_of(model, images()))


# --- scores against plain slow versions ---


def test_reconstruction_is_the_squared_distance_image_by_image():
    model, x = untrained(False, channels=3), images(5, 3)
    scores = scores_of(model, x)
    assert scores.dtype == np.float64
    slow = [(model.decoder(model.encoder(image[None])) - image).square().sum().item() for image in x]
    np.testing.assert_allclose(scores, slow, rtol=1e-4)


def test_vae_scores_are_those_of_a_plain_loop():
    model, x = untrained(True, channels=3), images(5, 3)
    scores = scores_of(model, x, n_samples=3, random_state=7)
    for score, image in zip(scores, x):
        noise = starting_points(image, 3, 6, standard_normal, 7)
        assert score == pytest.approx(slow_negative_elbo(model, image[None], noise, 0.3), rel=1e-4)


def test_more_posterior_samples_vary_less():
    model, x = untrained(True), images(5)
    spread = [
        np.std([scores_of(model, x, n_samples=n, random_state=seed) for seed in range(8)], 0).mean() for n in (1, 32)
    ]
    assert 0 < spread[1] < spread[0] / 2


@DETECTORS
def test_detectors_score_by_their_networks(make):
    x = images(90)
    detector = small(make).fit(x)
    expected = scores_of(detector.network_, x, random_state=detector.seed_)
    np.testing.assert_array_equal(detector.anomaly_score(x), expected)


# --- training ---


def test_dcae_loss_is_the_mean_squared_distance_of_the_batch():
    x = images(2)[:1].repeat(2, 1, 1, 1)  # so that every batch is the same
    model = train(x, n_steps=1, variational=False)
    torch.manual_seed(0)
    start = Autoencoder((1, 16, 16), 6, 4)  # in training mode, like the network that was trained
    slow = (start(x[:1].repeat(8, 1, 1, 1)) - x[0]).square().sum((1, 2, 3)).mean()
    assert model.loss == [pytest.approx(slow.item(), rel=1e-5)]


def test_vae_loss_is_the_negative_elbo_at_the_best_variance_of_the_batch(monkeypatch):
    x = images(2)[:1].repeat(2, 1, 1, 1)
    drawn, terms = [], autoencoders._elbo_terms
    monkeypatch.setattr(autoencoders, "_elbo_terms", lambda m, x, noise: drawn.append(noise) or terms(m, x, noise))
    model = train(x, n_steps=1, variational=True)
    torch.manual_seed(0)
    start = Autoencoder((1, 16, 16), 6, 4, variational=True)
    batch = x[:1].repeat(8, 1, 1, 1)
    mean, log_variance = start.encoder(batch).chunk(2, 1)
    decoded = start.decoder(mean + log_variance.exp().sqrt() * drawn[0][:, 0])
    divergence = kl_divergence(Normal(mean, log_variance.exp().sqrt()), Normal(0.0, 1.0)).sum(1).mean()

    def negative_elbo(variance):
        return (divergence - Normal(decoded, math.sqrt(variance)).log_prob(batch).sum((1, 2, 3)).mean()).item()

    best = (decoded - batch).square().mean().item()
    assert model.loss == [pytest.approx(negative_elbo(best), rel=1e-5)]
    assert negative_elbo(best) < min(negative_elbo(0.9 * best), negative_elbo(1.1 * best))


def test_gradient_of_the_vae_is_that_of_a_plain_loop():
    model, x = untrained(True, torch.float64), images(4).double()
    noise = torch.randn(4, 2, 6, dtype=torch.float64)
    error, divergence = autoencoders._elbo_terms(model, x, noise)
    fast = autoencoders._negative_elbo(error, divergence, torch.tensor(0.3, dtype=torch.float64), x)
    slow = [slow_negative_elbo(model, image[None], each, 0.3) for image, each in zip(x, noise)]
    np.testing.assert_allclose(fast.detach(), slow)
    gradient = torch.autograd.grad(fast.sum(), model.encoder[-2].bias)[0]
    h = 1e-5
    for i in (0, 7):  # a mean and a log variance, by finite differences of the loop
        values = []
        for step in (h, -2 * h):
            with torch.no_grad():
                model.encoder[-2].bias[i] += step
            values.append(sum(slow_negative_elbo(model, image[None], each, 0.3) for image, each in zip(x, noise)))
        with torch.no_grad():
            model.encoder[-2].bias[i] += h
        assert gradient[i].item() == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-4)


def test_variance_is_the_error_per_pixel_of_the_training_images(fast):
    x = images(150)
    model = train(x, variational=True, n_steps=60)
    noise = torch.randn(len(x), 6)
    with torch.no_grad():
        mean, log_variance = model.posterior(x)
        error = (model.decoder(mean + log_variance.exp().sqrt() * noise) - x).square().mean()
    assert model.variance.item() == pytest.approx(error.item(), rel=0.05)
    assert 10 * MIN_VARIANCE < model.variance < x.var()


def test_likelihood_is_no_sharper_than_a_grey_level():
    x = images(4)
    assert autoencoders._best_variance(torch.zeros(4), x).item() == pytest.approx((2 / 255) ** 2 / 12)
    assert autoencoders._best_variance(torch.full((4,), 256.0), x) == 1


@BOTH
def test_training_lowers_the_loss_and_changes_all_weights(variational, fast):
    x = images(100)
    model = train(x, variational=variational, n_steps=60)
    assert len(model.loss) == 60
    assert np.mean(model.loss[-5:]) < np.mean(model.loss[:5]) - 0.2 * abs(np.mean(model.loss[:5]))
    torch.manual_seed(0)
    start = Autoencoder(**model.arguments).state_dict()
    for name, value in model.state_dict().items():
        assert not torch.equal(value, start[name]), name
        assert value.is_contiguous() and value.device.type == "cpu"
    assert not model.training and not model.decoder.training


@BOTH
def test_same_bits_twice_and_nobody_s_random_state(variational):
    x = images()
    given, torch_state, numpy_state = x.clone(), torch.get_rng_state(), np.random.get_state()[1].copy()
    runs = []
    for seed in (0, 0, 1):
        model = train(x, seed, variational=variational)
        runs.append([torch.tensor(model.loss), *model.state_dict().values(), scores_of(model, x)])
    assert all(np.array_equal(a, b) for a, b in zip(*runs[:2]))
    assert not np.array_equal(runs[0][0], runs[2][0])
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    assert torch.equal(x, given)


@BOTH
def test_blocks_only_say_when_losses_are_looked_at(variational, monkeypatch):
    monkeypatch.setattr(training, "BLOCK", 3)
    assert len(train(images(), variational=variational, n_steps=7).loss) == 7


@BOTH
def test_divergence_is_an_error(variational, monkeypatch):
    monkeypatch.setattr(autoencoders, "ADAM", {"lr": 1e30})
    with pytest.raises(FloatingPointError, match=r"diverged .* between steps 0 and 6 \(seed 3\)"):
        train(images(), 3, variational=variational, n_steps=6)


# --- scores: what they depend on, which way they point ---


@DETECTORS
def test_another_class_of_digits_scores_higher(make, digits):
    detector = small(make, n_iter=150, latent_size=16, ngf=8, batch_size=32)
    detector.fit(digits.x_train[digits.y_train == 0])
    y = digits.y_test != 0
    assert roc_auc_score(y, detector.anomaly_score(digits.x_test)) > 0.9
    normal, others = (np.mean(detector.predict(digits.x_test[part]) == -1) for part in (~y, y))
    assert normal < 0.5 < others


@BOTH
def test_scores_do_not_depend_on_neighbours_order_or_form(variational, monkeypatch):
    model = untrained(variational)
    pixels = np.random.RandomState(0).randint(256, size=(10, 16, 16)).astype(np.uint8)
    scores = scores_of(model, pixels)
    monkeypatch.setattr(autoencoders, "CHUNK", 3)
    others = {
        "chunks": (scores_of(model, pixels), slice(None)),
        "order": (scores_of(model, pixels[::-1]), slice(None, None, -1)),
        "alone": (scores_of(model, pixels[4:5]), slice(4, 5)),
        "floats": (scores_of(model, pixels[:, None].astype(np.float32) / 127.5 - 1), slice(None)),
    }
    for which, (values, part) in others.items():
        np.testing.assert_allclose(values, scores[part], rtol=1e-5, atol=1e-6, err_msg=which)
        assert len(np.unique(scores)) == 10


@BOTH
def test_scoring_changes_neither_the_model_nor_its_mode(variational):
    model, x = untrained(variational), images()
    scores = scores_of(model, x)
    before = copy.deepcopy(model.state_dict())
    again = scores_of(model.train(), x)  # it scores in evaluation mode all the same
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    np.testing.assert_array_equal(again, scores)


def test_scores_that_are_not_finite_are_an_error():
    model = untrained(True)
    with torch.no_grad():
        model.encoder[-2].bias[6:] += 1000  # log variances whose exponential is infinite
    with pytest.raises(FloatingPointError, match="a score is not finite"):
        scores_of(model, images())


def test_latent_search_searches_the_decoder_of_a_vae():
    x = images(6)
    decoder = train(x, variational=True, n_steps=30).decoder
    options = {"n_seeds": 3, "n_steps": 4, "lr_theta": 1e-3, "random_state": 0, "device": "cpu", "verbose": False}
    found = latent_search(decoder, x, **options)
    assert found.z.shape == (6, 3, 6)
    assert np.all(found.losses < found.losses_by_step[:, :, 0])
    np.testing.assert_array_equal(latent_search(decoder, x, **options).scores, found.scores)


# --- the detectors ---


@DETECTORS
def test_detectors_are_fitted_as_told(make, monkeypatch):
    asked, told, make_training = [], [], autoencoders.AutoencoderTraining
    run = make_training.run
    monkeypatch.setattr(make_training, "run", lambda *args, **how: told.append((args[1:], how)) or run(*args, **how))
    monkeypatch.setattr(autoencoders, "AutoencoderTraining", lambda *args: asked.append(args) or make_training(*args))
    detector = small(make, contamination=0.25).fit(images(40))
    (arguments,) = asked  # images, seed, variational, n_steps, latent_size, ngf, batch_size, device
    assert arguments[2:] == (make is VAE, 4, 6, 4, 8, "cpu")
    assert told == [((None,), {"verbose": False, "keep": True})]  # None: no checkpoint
    assert detector.network_.variational == (make is VAE)
    assert detector.loss_ == detector.network_.loss and len(detector.loss_) == 4
    assert np.sum(detector.predict(images(40)) == -1) == 10


@BOTH
def test_wrong_images_are_named(variational):
    with pytest.raises(ValueError, match="image_shape: DCGAN makes square images"):
        train(torch.zeros(5, 1, 28, 28), variational=variational)
    with pytest.raises(ValueError, match=r"images: pixel values must lie in \[-1, 1\]"):
        train(torch.full((5, 1, 16, 16), 2.0), variational=variational)
    with pytest.raises(ValueError, match="images: at least 2 images are needed; got 1"):
        train(images(1), variational=variational)
    model = untrained(variational)
    with pytest.raises(ValueError, match=r"x: images must be \(1, 16, 16\) .* got \(1, 32, 32\)"):
        scores_of(model, torch.zeros(2, 1, 32, 32))
    with pytest.raises(ValueError, match="n_samples == 0, must be >= 1"):
        scores_of(model, images(), n_samples=0)


@BOTH
def test_a_resumed_training_gives_the_same_bits_as_an_undisturbed_one(variational, monkeypatch, tmp_path):
    monkeypatch.setattr(training, "BLOCK", 3)
    options = {"variational": variational, "n_steps": 8}
    undisturbed = train(images(), 3, **options)
    options["checkpoint"] = tmp_path / "state"
    with pytest.raises(TimeIsUp, match="stopped after 3 of 8 training steps"):
        train(images(), 3, stop_at=0.0, **options)
    kept = options["checkpoint"].read_bytes()
    with pytest.raises(ValueError, match="belongs to another training"):
        train(images(), 4, **options)
    assert options["checkpoint"].read_bytes() == kept
    resumed = train(images(), 3, **options)
    assert resumed.loss == undisturbed.loss and not options["checkpoint"].exists()
    for name, value in undisturbed.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value)
    options["checkpoint"].write_bytes(kept.replace(b"seconds", b"secondz"))
    with pytest.warns(UserWarning, match="is damaged; training starts anew"):
        assert 0 < train(images(), 3, **options).seconds < 30
