"""Images: what `as_images` accepts, makes of it and refuses."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from ganod_lite.images import as_images

PIXELS = np.arange(2 * 4 * 5 * 3).reshape(2, 4, 5, 3).astype(np.uint8)
FLOATS = np.linspace(-1, 1, 2 * 3 * 5 * 6).reshape(2, 3, 5, 6).astype(np.float32)


def test_uint8_images_become_floats_with_channels_first():
    images = as_images(PIXELS)
    assert images.dtype == torch.float32
    assert images.shape == (2, 3, 4, 5)
    assert images[1, 2, 3, 4] == pytest.approx(PIXELS[1, 3, 4, 2] / 127.5 - 1)
    assert as_images(PIXELS[..., 0]).shape == (2, 1, 4, 5)
    extremes = as_images(np.array([[[0, 255]]], np.uint8))
    assert extremes.flatten().tolist() == [-1, 1]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, ">f2", ">f4", ">f8"])
def test_floats_of_any_precision_and_byte_order_stay_as_they_are(dtype):
    X = FLOATS.astype(dtype)
    for same in (X, X[::-1, :, ::-1][::-1, :, ::-1], np.asfortranarray(X), X.tolist(), list(X)):
        images = as_images(same)
        assert images.dtype == torch.float32 and images.is_contiguous()
        np.testing.assert_array_equal(images, X.astype(np.float32))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn])
def test_tensors_of_any_precision_layout_and_wrapping(dtype):
    X = torch.tensor(FLOATS).to(dtype)
    expected = X.to(torch.float32)
    with torch.inference_mode():
        frozen = X.clone()
    forms = (
        X, X.to(memory_format=torch.channels_last), torch.nn.Parameter(X), frozen, list(X.float().requires_grad_()),
        TensorDataset(X, torch.zeros(2)), tuple(X),
    )  # fmt: skip
    for same in forms:
        images = as_images(same)
        assert type(images) is torch.Tensor and not images.requires_grad and not images.is_inference()
        assert torch.equal(images, expected) and images.is_contiguous()


@pytest.mark.parametrize("shape", [(2, 8, 8), (4, 8, 8), (7, 8, 8), (200, 5, 5)])
def test_floats_have_any_number_of_channels(shape):
    assert as_images(np.zeros((3, *shape))).shape == (3, *shape)


def test_pillows_images():
    grey, colour = Image.new("L", (5, 4), 7), Image.new("RGB", (5, 4), (1, 2, 3))
    assert as_images([grey, grey]).shape == (2, 1, 4, 5)
    both = (as_images([grey, colour]) + 1) * 127.5
    np.testing.assert_allclose(both[:, :, 0, 0], [[7, 7, 7], [1, 2, 3]], atol=1e-4)
    assert as_images([Image.new("RGBA", (5, 4), (9, 9, 9, 0))]).min() == 1  # clear: white
    with pytest.raises(ValueError, match=r"X\[1\]: more than 8 bits a channel \(mode I;16\)"):
        as_images([grey, Image.new("I;16", (5, 4))])


def test_the_callers_array_is_left_alone():
    X = np.zeros((1, 1, 2, 2), np.float32)
    as_images(X)[:] = 1
    assert not X.any()
    X.flags.writeable = False
    as_images(X)  # without a warning
    pixels = torch.tensor(PIXELS)
    as_images(pixels)
    assert torch.equal(pixels, torch.tensor(PIXELS))


WANTED = r"photos must be float images .* in \[-1, 1\], or uint8 .*; got "


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros((1, 1, 2, 2), bool), TypeError, rf"{WANTED}shape \(1, 1, 2, 2\) of bool"),
        (np.zeros((1, 2, 2), ">u2"), TypeError, rf"{WANTED}shape \(1, 2, 2\) of uint16"),
        (np.zeros((1, 1, 2, 2), complex), TypeError, f"{WANTED}ndarray of complex128"),
        (torch.zeros(1, 1, 2, 2, dtype=torch.complex64), TypeError, f"{WANTED}.* of complex64"),
        (torch.eye(3).to_sparse(), TypeError, f"{WANTED}a torch.sparse_coo tensor"),
        (torch.zeros(1, 1, 2, 2, device="meta"), TypeError, f"{WANTED}a meta tensor"),
        (torch.nested.nested_tensor([torch.zeros(1, 2, 2)]), TypeError, f"{WANTED}a nested tensor"),
        (torch.quantize_per_tensor(torch.zeros(1, 1, 2, 2), 1, 0, torch.quint8), TypeError, f"{WANTED}a quantized"),
        (np.ma.masked_equal(np.zeros((1, 1, 2, 2)), 0), TypeError, f"{WANTED}a masked array"),
        (["a"], TypeError, f"{WANTED}list of <U1. Open files first"),
        (None, TypeError, f"{WANTED}NoneType of object"),
        ([{"image": 1}], TypeError, f"{WANTED}list of object"),
        ([FLOATS[0], FLOATS[1, :, :4]], ValueError, r"photos: .* of one shape; got \(3, 5, 6\) and \(3, 4, 6\)"),
        (np.zeros((2, 2), np.uint8), ValueError, rf"{WANTED}shape \(2, 2\) of uint8"),
        (np.zeros((6, 3, 8, 8), np.uint8), ValueError, r"\(6, 3, 8, 8\) of uint8: its channels seem to come first"),
        (np.zeros((2, 5)), ValueError, rf"{WANTED}shape \(2, 5\) of float64"),
        (np.zeros((2, 16, 16, 3)), ValueError, r"\(2, 16, 16, 3\) of float64: its channels seem to come last"),
        (np.zeros((1, 0, 2, 2)), ValueError, rf"{WANTED}shape \(1, 0, 2, 2\)"),
        (np.full((1, 1, 2, 2), 255.0), ValueError, r"photos: .* \[-1, 1\]; got \[255, 255\].*uint8"),
        (np.full((1, 1, 2, 2), 1e300), ValueError, r"photos: .* \[-1, 1\]; got \[1e\+300"),
        (np.full((1, 1, 2, 2), np.nan), ValueError, "photos: images must be finite"),
    ],
)
def test_other_images_are_refused_by_name(X, error, message):
    with pytest.raises(error, match=f"^{message}" if message.startswith("photos") else message):
        as_images(X, name="photos")


def test_expected_shape_and_number():
    assert as_images(PIXELS, shape=(3, 4, 5), min_samples=2).shape == (2, 3, 4, 5)
    with pytest.raises(ValueError, match=r"\(3, 5, 4\) \(channels, height, width\) as in training; got \(3, 4, 5\)"):
        as_images(PIXELS, shape=(3, 5, 4))
    with pytest.raises(ValueError, match="at least 3 images are needed; got 2"):
        as_images(PIXELS, min_samples=3)


# Files


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(torch.zeros(1, 8, 8), 0), (torch.ones(1, 8, 8), 1)])


def test_images_of_a_data_set_that_is_only_gone_through():
    assert as_images(Stream()).mean((1, 2, 3)).tolist() == [0, 1]


def test_what_is_no_image_is_named_by_its_kind():
    for wrong, kind in (("folder", "str"), (["a.png"], "list"), (DataLoader(Stream()), "DataLoader")):
        with pytest.raises(TypeError, match=f"X must be .*; got {kind} of "):
            as_images(wrong)
