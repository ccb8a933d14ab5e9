"""Images, devices and seeds: what `base` accepts, what it makes of it and what it refuses."""

import numpy as np
import pytest
import torch

from ganod_lite.base import resolve_device, seed_from
from ganod_lite.images import as_images

PIXELS = np.arange(2 * 4 * 5 * 3).reshape(2, 4, 5, 3).astype(np.uint8)


def test_uint8_images_become_floats_with_channels_first():
    images = as_images(PIXELS)
    assert images.dtype == torch.float32
    assert images.shape == (2, 3, 4, 5)
    assert images[1, 2, 3, 4] == pytest.approx(PIXELS[1, 3, 4, 2] / 127.5 - 1)
    assert as_images(PIXELS[..., 0]).shape == (2, 1, 4, 5)
    extremes = as_images(np.array([[[0, 255]]], np.uint8))
    assert extremes.flatten().tolist() == [-1, 1]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_images_stay_as_they_are(dtype):
    X = np.linspace(-1, 1, 24, dtype=dtype).reshape(2, 3, 2, 2)
    for same in (X, torch.tensor(X), X.tolist()):
        images = as_images(same)
        assert images.dtype == torch.float32
        np.testing.assert_allclose(images, X.astype(np.float32))


def test_the_callers_array_is_left_alone():
    X = np.zeros((1, 1, 2, 2), np.float32)
    as_images(X)[:] = 1
    assert not X.any()
    X.flags.writeable = False
    as_images(X)  # without a warning
    as_images(PIXELS[::-1, :, ::-1])  # torch takes no negative strides
    tensor = torch.zeros(1, 1, 2, 2, requires_grad=True)
    assert not as_images(tensor).requires_grad


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros((1, 1, 2, 2), bool), TypeError, r"photos must be .*; got shape \(1, 1, 2, 2\) of bool"),
        (["a"], TypeError, r"photos must be float images .* or uint8 .*; got <U1"),
        (np.zeros((2, 2), np.uint8), ValueError, r"photos must be .*; got shape \(2, 2\) of uint8"),
        (
            np.zeros((6, 3, 8, 8), np.uint8),
            ValueError,
            r"\(6, 3, 8, 8\) of uint8: its channels seem to come first",
        ),
        (
            [np.zeros((1, 8, 8)), np.zeros((1, 4, 8))],
            ValueError,
            r"photos: .*; got \(1, 8, 8\) and \(1, 4, 8\)",
        ),
        (torch.eye(3).to_sparse(), TypeError, "photos must be .*; got a torch.sparse_coo tensor"),
        (np.zeros((1, 1, 2, 2), complex), TypeError, "photos must be .*; got complex128"),
        (np.zeros((1, 0, 2, 2)), ValueError, r"photos must be .*; got shape \(1, 0, 2, 2\)"),
        (np.full((1, 1, 2, 2), 255.0), ValueError, r"photos: .* \[-1, 1\]; got \[255, 255\].*uint8"),
    ],
)
def test_other_images_are_refused_by_name(X, error, message):
    with pytest.raises(error, match=message):
        as_images(X, name="photos")


def test_expected_shape_and_number():
    assert as_images(PIXELS, shape=(3, 4, 5), min_samples=2).shape == (2, 3, 4, 5)
    with pytest.raises(ValueError, match=r"\(3, 5, 4\) \(channels, height, width\) as in training; got \(3, 4, 5\)"):
        as_images(PIXELS, shape=(3, 5, 4))
    with pytest.raises(ValueError, match="at least 3 images are needed; got 2"):
        as_images(PIXELS, min_samples=3)


def test_devices(monkeypatch):
    assert resolve_device("cpu") == resolve_device(torch.device("cpu")) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto").type == "cuda"
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"
    with pytest.raises(ValueError, match="device='cuda': there is no CUDA device here"):
        resolve_device("cuda")


@pytest.mark.parametrize("device", ["gpu", "", None, 1.5])
def test_bad_devices_are_named(device):
    with pytest.raises(ValueError, match=f'device must be "auto" or .*; got {device!r}'):
        resolve_device(device)


def test_seeds():
    assert seed_from(5) == seed_from(np.int64(5)) == 5
    assert isinstance(seed_from(np.int64(5)), int)
    assert seed_from(np.random.RandomState(0)) == seed_from(np.random.RandomState(0))
    state = np.random.RandomState(0)
    assert seed_from(state) != seed_from(state)
    np.random.seed(0)
    a = seed_from(None)
    np.random.seed(0)
    assert seed_from(None) == a
    with pytest.raises(ValueError, match="'five' cannot be used to seed"):
        seed_from("five")
