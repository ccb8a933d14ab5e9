"""What people have and do: torch's global state, generators of all kinds."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from ganod_lite import ADGAN, DCAE, KDE, SOGAAL, VAE, AnoGAN, latent_search
from ganod_lite.dcgan import Generator

PIXELS = np.random.RandomState(0).randint(256, size=(8, 8, 8)).astype(np.uint8)
TABLE = np.random.RandomState(0).uniform(size=(40, 3))
SMALL = {"latent_size": 4, "ngf": 2, "batch_size": 4, "device": "cpu", "verbose": False, "random_state": 0}
DETECTORS = {
    "ADGAN": lambda: ADGAN(2, n_seeds=2, n_steps=1, **SMALL),
    "AnoGAN": lambda: AnoGAN(2, n_steps=1, **SMALL),
    "DCAE": lambda: DCAE(2, **SMALL),
    "VAE": lambda: VAE(2, **SMALL),
    "SOGAAL": lambda: SOGAAL(2, device="cpu", verbose=False, random_state=0),
}


class float64:
    def __enter__(self):
        torch.set_default_dtype(torch.float64)

    def __exit__(self, *_):
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize(
    "state",
    [
        torch.no_grad,
        torch.inference_mode,
        lambda: torch.autocast("cpu", torch.bfloat16),
        float64,
        lambda: torch.device("meta"),
    ],
    ids=["no_grad", "inference_mode", "autocast", "float64", "device"],
)
def test_the_callers_state_of_torch_does_not_change_scores(name, state):
    X = TABLE if name == "SOGAAL" else PIXELS
    expected = DETECTORS[name]().fit(X).anomaly_score(X)
    with state():
        before = torch.get_default_dtype(), torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")
        detector = DETECTORS[name]().fit(X)
        scores = detector.anomaly_score(X)
        assert before == (torch.get_default_dtype(), torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"))
    if (name, state) == ("SOGAAL", float64):  # which computes in the caller's dtype
        assert np.isfinite(scores).all()
    else:
        np.testing.assert_array_equal(scores, expected)
    np.testing.assert_array_equal(detector.anomaly_score(X), scores)


class Made(nn.Module):
    """A generator of 8 x 8 images whose last step is a function of the test's."""

    def __init__(self, last=lambda self, y: y, wrap=lambda layer: layer):
        super().__init__()
        self.layer, self.last = wrap(nn.Linear(4, 64)), last

    def forward(self, z):
        return self.last(self, torch.tanh(self.layer(z)).view(-1, 1, 8, 8))


def keeps(self, y):
    self.kept = y
    return y


def writes(self, y):
    out = torch.zeros(y.shape)
    out[:] = y
    return out


def decides(self, y):
    return y.clamp(-1, 1) if y.abs().max().item() > 1 else y


def search(generator, **options):
    options = {"n_seeds": 2, "n_steps": 2, "random_state": 0, "device": "cpu", "verbose": False} | options
    return latent_search(generator, np.zeros((2, 1, 8, 8), np.float32), **options)


@pytest.mark.parametrize("last", [keeps, writes, decides])
def test_generators_that_copying_or_vmap_refuses_are_searched_all_the_same(last):
    torch.manual_seed(0)
    plain = Made()
    odd = Made(last)
    odd.load_state_dict(plain.state_dict())
    odd(torch.randn(2, 4)).sum().backward()  # just trained
    np.testing.assert_allclose(search(odd).losses_by_step, search(plain).losses_by_step, rtol=1e-5)


@pytest.mark.parametrize("wrap", [nn.utils.weight_norm, nn.utils.spectral_norm])
def test_normed_weights_are_searched_just_trained(wrap):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would have the newer ones
        generator = Made(wrap=wrap)
    generator(torch.randn(2, 4)).sum().backward()
    assert (search(generator).losses < search(generator).losses_by_step[:, :, 0]).all()


@pytest.mark.parametrize(
    ("generator", "error", "message"),
    [
        (Made(lambda self, y: (y, 0)), TypeError, r"generator must return images .*, one tensor; got tuple"),
        (Made(lambda self, y: y[0]), TypeError, r"generator must return images .*; got \(1, 8, 8\)"),
        (lambda z: z, TypeError, r"generator must be a torch.nn.Module.*; got function"),
        (torch.jit.script(nn.Linear(4, 64)), TypeError, "generator must be a torch.nn.Module, and not TorchScript"),
        (Made(lambda self, y: y + torch.randn_like(y)), ValueError, "generator: it makes other images of the same"),
    ],
)
def test_generators_that_can_not_be_searched_are_told_why(generator, error, message):
    with pytest.raises(error, match=message):
        search(generator, latent_size=4)


def test_images_that_depend_on_their_neighbours_are_searched_in_copies_of_their_own_alone():
    torch.manual_seed(0)
    generator = Made(lambda self, y: nn.functional.instance_norm(y) + y.mean(0))
    together = search(generator, lr_theta=1e-9, n_seeds=3).losses
    np.testing.assert_allclose(search(generator, lr_theta=1e-9, n_seeds=1).losses[:, 0], together[:, 0], rtol=1e-5)
    over_features = nn.Sequential(
        nn.Linear(4, 64), nn.BatchNorm1d(64, track_running_stats=False), nn.Unflatten(1, (1, 8, 8))
    )
    for each in (generator, over_features):
        with pytest.raises(ValueError, match="generator: an image depends on the latents beside its own"):
            search(each, lr_theta=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_generators_are_searched_in_float32(dtype):
    torch.manual_seed(0)
    generator = Generator((1, 8, 8), 8, 4).eval().to(dtype)
    half, full = search(generator).scores, search(generator.float()).scores
    np.testing.assert_array_equal(half, full)


@pytest.mark.parametrize("name", ["KDE", "SOGAAL"])
def test_tables_may_be_tensors_that_require_a_gradient(name):
    make = {"KDE": lambda: KDE(random_state=0)}.get(name, DETECTORS["SOGAAL"])
    expected = make().fit(TABLE).anomaly_score(TABLE)
    X = torch.tensor(TABLE, requires_grad=True)
    np.testing.assert_array_equal(make().fit(X).anomaly_score(X), expected)


def test_images_of_any_number_of_channels():
    X = np.random.RandomState(0).uniform(-1, 1, (8, 5, 8, 8))
    detector = DCAE(2, **SMALL).fit(X)
    assert np.isfinite(detector.anomaly_score(X)).all() and detector.image_shape_ == (5, 8, 8)


def test_scores_that_are_all_equal_are_said():
    wide = np.random.RandomState(0).uniform(0, 1e6, size=(60, 4))
    with pytest.warns(UserWarning, match="KDE's scores on its training data are all .* scale them"):
        KDE(random_state=0).fit(wide)
