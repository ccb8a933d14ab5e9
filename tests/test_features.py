"""AlexNet's features: against torchvision's network and a plain resize, with weights drawn here. No downloads."""

import pickle
import sys

import numpy as np
import pytest
import torch
import torchvision
from helpers import alexnet_weights
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from ganod_lite import KDE
from ganod_study.features import FILE, MEAN, STANDARD_DEVIATION, URL, AlexNetFeatures, prepare


@pytest.fixture(scope="module")
def state():
    return alexnet_weights()


@pytest.fixture(scope="module")
def weights(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "alexnet_features.npz"
    np.savez(path, **state)
    return path


@pytest.fixture(scope="module")
def features(weights):
    return AlexNetFeatures(weights, device="cpu", verbose=False)


@pytest.fixture(scope="module")
def reference(state):
    """torchvision's `features` with the same weights."""
    with torch.device("meta"):  # its classifier is large and not needed
        network = torchvision.models.alexnet().features
    named = {name.removeprefix("features."): torch.from_numpy(value) for name, value in state.items()}
    network.load_state_dict(named, assign=True)
    return network.eval()


def pixels(n, *shape, seed=0):
    return np.random.RandomState(seed).randint(256, size=(n, *shape)).astype(np.uint8)


def plain_resize(image, size=224):
    """Bilinear with antialiasing, (height, width) -> (size, size): an output pixel is the mean of the input under
    a triangle that reaches one pixel, or one output pixel where those are larger, to each side of its centre."""

    def weights(length):
        matrix = np.zeros((size, length))
        scale = length / size
        reach = max(scale, 1)
        for i in range(size):
            for j in range(length):
                matrix[i, j] = max(0, 1 - abs((j + 0.5) - (i + 0.5) * scale) / reach)
            matrix[i] /= matrix[i].sum()
        return matrix

    height, width = image.shape
    return weights(height) @ image @ weights(width).T


@pytest.mark.parametrize("shape", [(32, 32, 3), (12, 20, 3), (300, 230, 3), (28, 28)])
def test_images_are_prepared_as_by_a_plain_resize_and_normalisation(shape):
    image = pixels(1, *shape)[0]
    colours = image if image.ndim == 3 else np.stack([image] * 3, axis=-1)
    expected = [
        (plain_resize(colours[..., i] / 255) - mean) / deviation
        for i, (mean, deviation) in enumerate(zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    ]
    planes = torch.from_numpy(image.reshape(1, *shape[:2], -1)).permute(0, 3, 1, 2)
    prepared = prepare(planes / 127.5 - 1)
    assert prepared.shape == (1, 3, 224, 224)
    np.testing.assert_allclose(prepared[0], expected, atol=1e-4)


def test_mean_and_deviation_are_those_of_torchvisions_weights():
    meant = torchvision.models.AlexNet_Weights.IMAGENET1K_V1
    assert (list(MEAN), list(STANDARD_DEVIATION)) == (meant.transforms().mean, meant.transforms().std)
    assert meant.url == URL


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28)])
def test_features_are_torchvisions(features, reference, shape):
    X = pixels(3, *shape)
    made = features.transform(X)
    assert made.shape == (3, 9216) and made.dtype == np.float32
    planes = torch.from_numpy(X.reshape(*X.shape[:3], -1)).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
    with torch.inference_mode():
        expected = reference(prepare(planes / 127.5 - 1)).flatten(1)
    assert expected.std() > 0.1
    np.testing.assert_allclose(made, expected, atol=1e-4)


def test_not_pooled_is_the_convolution_s_own_output(features):
    X = pixels(3, 32, 32)
    made = clone(features).set_params(pooled=False).transform(X)
    assert made.shape == (3, 43264) and made.min() < 0
    pooled = torch.nn.functional.max_pool2d(torch.from_numpy(made).relu().view(3, 256, 13, 13), 3, 2)
    np.testing.assert_allclose(pooled.flatten(1), features.transform(X), atol=1e-4)


def test_smaller_images_leave_fewer_features(features, reference):
    X = pixels(2, 32, 32)
    made = clone(features).set_params(size=64).transform(X)
    planes = torch.from_numpy(X)[:, None].expand(-1, 3, -1, -1)
    with torch.inference_mode():
        expected = reference(prepare(planes / 127.5 - 1, 64)).flatten(1)
    assert made.shape == (2, 256)
    np.testing.assert_allclose(made, expected, atol=1e-4)
    with pytest.raises(ValueError, match="size == 62, must be >= 63"):
        clone(features).set_params(size=62).transform(X)
    assert clone(features).set_params(size=63).transform(X).shape == (2, 256)


def test_features_tell_colours_and_images_apart(features):
    X = pixels(2, 16, 16, 3)
    made = features.transform(np.concatenate([X, X[..., ::-1]]))
    assert np.abs(made[:, None] - made[None]).max(2)[np.triu_indices(4, 1)].min() > 0.1


def test_features_do_not_depend_on_neighbours_order_batches_or_form(features):
    X = pixels(5, 16, 16)
    made = features.transform(X)
    same = {"rtol": 0, "atol": 1e-4}
    np.testing.assert_array_equal(features.transform(X), made)
    np.testing.assert_allclose(features.transform(X[::-1])[::-1], made, **same)
    np.testing.assert_allclose(np.concatenate([features.transform(x[None]) for x in X]), made, **same)
    np.testing.assert_allclose(clone(features).set_params(batch_size=2).transform(X), made, **same)
    floats = X[:, None].astype(np.float32) / 127.5 - 1
    for form in (floats, floats.astype(np.float64), torch.from_numpy(floats), torch.from_numpy(X), X[..., None]):
        np.testing.assert_allclose(features.transform(form), made, **same)
    np.testing.assert_allclose(features.transform(floats.repeat(3, axis=1)), made, **same)  # grey as colour


def test_nothing_else_is_touched(features):
    X = torch.from_numpy(pixels(2, 8, 8)[:, None] / 127.5 - 1)
    X_before, torch_before, numpy_before = X.clone(), torch.get_rng_state(), np.random.get_state()[1].copy()
    features.fit(X).transform(X)
    assert torch.equal(X, X_before) and torch.equal(torch.get_rng_state(), torch_before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_is_a_transformer_of_scikit_learn(features, weights):
    parameters = {"weights": weights, "pooled": True, "size": 224, "batch_size": 32, "device": "cpu", "verbose": False}
    assert clone(features).get_params() == features.get_params() == parameters == vars(features)
    packed = pickle.dumps(features.fit(pixels(2, 8, 8)))
    assert len(packed) < 2000  # without the weights
    X = pixels(2, 8, 8)
    np.testing.assert_array_equal(pickle.loads(packed).transform(X), features.fit_transform(X))


def test_a_pipeline_with_kde_finds_what_is_darker(features):
    draw = np.random.RandomState(0)

    def flat(n, low, high):
        return (draw.randint(low, high, size=(n, 1, 1)) + draw.randint(10, size=(n, 8, 8))).astype(np.uint8)

    pipeline = make_pipeline(features, KDE(n_components=5, random_state=0))
    fitted = clone(pipeline).fit(flat(20, 120, 200))
    scores = fitted.score_samples(np.concatenate([flat(4, 130, 190), flat(4, 0, 40)]))
    assert scores[:4].min() > scores[4:].max()
    assert fitted.predict(flat(4, 0, 40)).tolist() == [-1] * 4


def test_progress_is_shown_in_images_per_second(features, capsys):
    features.transform(pixels(3, 8, 8))
    assert capsys.readouterr().err == ""
    clone(features).set_params(verbose=True).transform(pixels(3, 8, 8))
    said = capsys.readouterr().err
    assert "AlexNet: 100%" in said and "3/3" in said and "image/s" in said


# Weights


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """torch's download cache, with nothing in it."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


def save_state_dict(path, state):
    """As torchvision's file, whose classifier does not matter here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: torch.from_numpy(value) for name, value in state.items()}
    torch.save({**tensors, "classifier.6.bias": torch.zeros(1000)}, path)


def test_torchvisions_state_dict_is_read_from_a_path_or_torchs_cache(features, state, cache, monkeypatch):
    X = pixels(2, 8, 8)
    save_state_dict(cache / FILE, state)
    monkeypatch.setitem(sys.modules, "torchvision", None)  # it is not needed
    for weights in (None, cache / FILE, str(cache / FILE)):
        made = AlexNetFeatures(weights, device="cpu", verbose=False).transform(X)
        np.testing.assert_array_equal(made, features.transform(X))


def test_without_weights_the_error_says_where_it_looked_and_how_to_get_them(cache, tmp_path):
    for weights, place in ((None, cache / FILE), (tmp_path / "mine.npz", tmp_path / "mine.npz"), (tmp_path, tmp_path)):
        with pytest.raises(FileNotFoundError) as caught:
            AlexNetFeatures(weights).transform(pixels(1, 8, 8))
        message = str(caught.value)
        assert message.startswith(f"weights={weights!r}: there is no file {place}. Download {URL} ")
        assert "torchvision.models.alexnet" in message
    assert not cache.exists()


@pytest.mark.parametrize("name", ["cut.npz", "cut.pth", "no.npz", "no.pth"])
def test_a_damaged_file_is_an_error_that_names_it(weights, state, tmp_path, name):
    path = tmp_path / name
    if name == "cut.npz":
        path.write_bytes(weights.read_bytes()[:-1000])
    elif name == "cut.pth":
        save_state_dict(path, state)
        path.write_bytes(path.read_bytes()[:-1000])
    else:
        path.write_text("Not found")
    with pytest.raises(ValueError, match=rf"weights: .*{name} can't be read as a .npz or .pth file of weights"):
        AlexNetFeatures(path).transform(pixels(1, 8, 8))


def test_an_npz_whose_bytes_were_changed_is_an_error(weights, tmp_path):
    raw = bytearray(weights.read_bytes())
    raw[len(raw) // 2] ^= 255
    (tmp_path / "changed.npz").write_bytes(raw)
    with pytest.raises(ValueError, match="changed.npz can't be read"):
        AlexNetFeatures(tmp_path / "changed.npz").transform(pixels(1, 8, 8))


class Harmful:
    def __reduce__(self):
        return pytest.fail, ("code from the file was run",)


@pytest.mark.parametrize("ending", ["npz", "pth"])
def test_no_code_in_a_file_is_run(tmp_path, ending):
    path = tmp_path / f"harmful.{ending}"
    if ending == "npz":
        np.savez(path, **{"features.0.weight": np.array([Harmful()])})
    else:
        torch.save({"features.0.weight": Harmful()}, path)
    with pytest.raises(ValueError, match="harmful.* can't be read"):
        AlexNetFeatures(path).transform(pixels(1, 8, 8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.pop("features.10.bias"), r'Missing key\(s\)[^"]*"features.10.bias"\. $'),
        (
            lambda x: x.update({"features.11.bias": x.pop("features.10.bias")}),
            r'Missing key\(s\)[^"]*"features.10.bias"\. \s*Unexpected key\(s\)[^"]*"features.11.bias"\. $',
        ),
        (
            lambda x: [x.update({name.removeprefix("features."): x.pop(name)}) for name in list(x)],
            r'Missing key\(s\)[^"]*"features.0.weight", "features.0.bias", [^U]*"features.10.bias"\. $',
        ),
        (
            lambda x: x.update({"features.3.weight": x["features.3.weight"][:, :, :3, :3]}),
            r"features.3.weight: .*\[192, 64, 3, 3\]\) .*the shape in current model is .*\[192, 64, 5, 5\]",
        ),
        (
            lambda x: x.update({"features.0.bias": np.full(64, np.nan, np.float32)}),
            "features.0.bias must be finite; in .*bad.npz it has NaN",
        ),
        (lambda x: x.update({"features.0.bias": np.array(["a"] * 64)}), "bad.npz can't be read"),
    ],
)
def test_a_file_of_other_arrays_is_an_error_that_names_them(state, tmp_path, change, message):
    changed = dict(state)
    change(changed)
    np.savez(tmp_path / "bad.npz", **changed)
    with pytest.raises(ValueError, match=f"(?s)weights: .*{message}"):
        AlexNetFeatures(tmp_path / "bad.npz").transform(pixels(1, 8, 8))


# Other arguments


@pytest.mark.parametrize(
    ("arguments", "X", "message"),
    [
        ({"batch_size": 0}, pixels(1, 8, 8), "batch_size == 0, must be >= 1"),
        ({"device": "abacus"}, pixels(1, 8, 8), "device must be"),
        ({}, np.full((1, 1, 8, 8), 2.0), r"X: pixel values must lie in \[-1, 1\]"),
        ({}, np.zeros((1, 2, 8, 8)), "X: images must have 1 or 3 channels"),
    ],
)
def test_bad_arguments_are_named(features, arguments, X, message):
    with pytest.raises(ValueError, match=message):
        clone(features).set_params(**arguments).transform(X)
