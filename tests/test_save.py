"""Detectors as files: the same bits again, whatever they hold; and files that are not what they should be."""

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

import ganod_lite
from ganod_lite import ADGAN, DCAE, GMM, KDE, MOGAAL, OCSVM, SOGAAL, VAE, AnoGAN, IForest, load, saving
from ganod_lite.dcgan import Critic, Generator
from ganod_lite.losses import l1

TABLE = np.random.RandomState(0).uniform(size=(60, 4))
IMAGES = np.random.RandomState(0).uniform(-1, 1, size=(12, 1, 8, 8)).astype(np.float32)
SMALL = {"latent_size": 4, "ngf": 2, "batch_size": 8, "device": "cpu", "verbose": False}
GIVEN = {"device": "cpu", "verbose": False, "n_steps": 1}
DETECTORS = {
    "ADGAN": ADGAN(2, n_seeds=2, n_steps=1, random_state=0, **SMALL),
    "ADGAN, given": ADGAN(generator=Generator((1, 8, 8), 4, 2).half(), loss=l1, n_seeds=2, random_state=1, **GIVEN),
    "AnoGAN": AnoGAN(2, n_steps=2, checkpoint=Path("unused"), random_state=5, **SMALL),
    "AnoGAN, given": AnoGAN(generator=Generator((1, 8, 8), 4, 2), critic=Critic((1, 8, 8), 2), **GIVEN),
    "DCAE": DCAE(15, random_state=0, **SMALL),
    "VAE": VAE(2, contamination=None, random_state=np.random.RandomState(5), **SMALL),
    "SOGAAL": SOGAAL(30, verbose=False, random_state=0),
    "MOGAAL": MOGAAL(2, k=3, verbose=False, random_state=0),
    "KDE": KDE(random_state=0),
    "KDE, PCA": KDE(n_components=2, random_state=0),
    "OCSVM": OCSVM(random_state=0),
    "OCSVM, PCA": OCSVM(n_components=3, random_state=0),
    "IForest": IForest(n_estimators=5, max_samples=0.5, random_state=0),
    "GMM": GMM(n_components=2, mixture_sizes=(2, 3), random_state=np.random.RandomState(5)),
}


def fitted(name):
    detector = DETECTORS[name]
    X = data(detector)
    return detector if hasattr(detector, "offset_") else detector.fit(X)


def data(detector):
    return IMAGES if hasattr(detector, "latent_size") else TABLE


def same(value, other):
    """Whether two attributes hold the same, down to types, dtypes and bits."""
    if type(value) is not type(other):
        return False
    if isinstance(value, torch.Tensor):
        return value.dtype == other.dtype and value.stride() == other.stride() and torch.equal(value, other)
    if isinstance(value, nn.Module):
        return same(dict(value.state_dict()), dict(other.state_dict())) and repr(value) == repr(other)
    if isinstance(value, np.ndarray):
        alike = value.flags.f_contiguous == other.flags.f_contiguous
        return alike and value.dtype == other.dtype and np.array_equal(value, other)
    if isinstance(value, (list, tuple)):
        return len(value) == len(other) and all(map(same, value, other))
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(same(value[name], other[name]) for name in value)
    if isinstance(value, np.random.RandomState):
        return same(value.get_state(), other.get_state())
    if hasattr(value, "__getstate__") and type(value).__module__.startswith("sklearn"):
        return "KDTree" in str(value) or same(_tidy(value), _tidy(other))
    return value == other


def _tidy(estimator):
    state = estimator.__getstate__()
    nodes = state.get("nodes")
    return state if nodes is None else state | {"nodes": [nodes[name] for name in nodes.dtype.names]}


@pytest.mark.parametrize("name", DETECTORS)
def test_what_is_loaded_is_what_was_saved_to_the_bit(name, tmp_path):
    detector = fitted(name)
    X, path = data(detector), tmp_path / "detector.ganod"
    detector.save(path)
    assert os.listdir(tmp_path) == [path.name]
    again = load(path, device="cpu")
    assert type(again) is type(detector)
    expected = vars(detector) | ({"device": "cpu"} if hasattr(detector, "device") else {})
    assert vars(again).keys() == expected.keys()
    assert not [name for name, value in vars(again).items() if not same(value, expected[name])]
    np.testing.assert_array_equal(again.anomaly_score(X), detector.anomaly_score(X))
    if detector.contamination is not None:
        np.testing.assert_array_equal(again.predict(X), detector.predict(X))
    before = path.read_bytes()
    again.save(path)
    if not hasattr(detector, "device"):  # which is another in the file
        assert path.read_bytes() == before
    again.fit(X)


def test_names_of_columns_are_kept(tmp_path):
    X = pd.DataFrame(TABLE, columns=list("abcd"))
    KDE().fit(X).save(tmp_path / "kde")
    again = load(str(tmp_path / "kde"))
    assert again.feature_names_in_.tolist() == list("abcd") and again.feature_names_in_.dtype == object
    again.score_samples(X)
    with pytest.raises(ValueError, match="feature names"):
        again.score_samples(X[list("badc")])


def test_a_detector_that_computed_elsewhere_is_loaded_where_there_is_a_device(tmp_path, monkeypatch):
    detector = fitted("ADGAN")
    monkeypatch.setattr(detector, "device", "cuda:3")
    detector.save(tmp_path / "adgan")
    assert load(tmp_path / "adgan").device == "auto"
    again = load(tmp_path / "adgan", device=torch.device("cpu"))
    np.testing.assert_array_equal(
        again.anomaly_score(IMAGES), DETECTORS["ADGAN"].set_params(device="cpu").anomaly_score(IMAGES)
    )
    with pytest.raises(ValueError, match="device must be"):
        load(tmp_path / "adgan", device="gpu")


def test_equal_tensors_are_kept_once(tmp_path):
    generator = Generator((1, 8, 8), 64, 8)
    ADGAN(generator=generator, contamination=None, **GIVEN).fit(IMAGES).save(tmp_path / "adgan")
    weights = sum(tensor.nbytes for tensor in generator.state_dict().values())
    assert weights < (tmp_path / "adgan").stat().st_size < 1.2 * weights


def test_the_layout_is_that_of_safetensors(tmp_path):
    detector = fitted("DCAE")
    detector.save(tmp_path / "dcae")
    raw = (tmp_path / "dcae").read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    assert size % 8 == 0 and {type(value) for value in header.pop("__metadata__").values()} == {str}
    offsets = sorted(entry["data_offsets"] for entry in header.values())
    assert offsets[0][0] == 0 and offsets[-1][1] == len(raw) - 8 - size
    assert all(one[1] == other[0] for one, other in zip(offsets, offsets[1:]))
    weight = detector.network_.encoder[0].weight.detach().numpy().tobytes()
    assert any(raw[8 + size + begin : 8 + size + end] == weight for begin, end in offsets)


# --- what can't be saved ---


class OwnDetector(KDE):
    pass


class OwnGenerator(Generator):
    pass


def normalised():
    generator = Generator((1, 8, 8), 4, 2)
    nn.utils.parametrizations.weight_norm(generator[0])
    return generator


def leaky():
    generator = Generator((1, 8, 8), 4, 2)
    generator[2] = nn.LeakyReLU()
    return generator


def hooked():
    generator = Generator((1, 8, 8), 4, 2)
    generator[-1].register_forward_hook(lambda layer, inputs, output: -output)
    return generator


def own_loss(generated, x):
    return (generated - x).square().flatten(1).sum(1)


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        (
            ADGAN(generator=Generator((1, 8, 8), 4, 2), loss=own_loss, **GIVEN),
            "loss of ADGAN can't be saved: .*own_loss",
        ),
        (ADGAN(generator=OwnGenerator((1, 8, 8), 4, 2), **GIVEN), "generator of ADGAN can't be saved: .*OwnGenerator"),
        (
            ADGAN(
                generator=nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8))), latent_size=4, **GIVEN
            ),
            "has Tanh",
        ),
        (
            ADGAN(generator=normalised(), **GIVEN),
            "generator of ADGAN can't be saved: layers that a Generator does not have",
        ),
        (ADGAN(generator=leaky(), **GIVEN), "generator of ADGAN can't be saved: layers that a Generator does not"),
        (ADGAN(generator=hooked(), **GIVEN), "generator of ADGAN can't be saved: layers .* or hooks"),
        (SOGAAL(2, callback=print, verbose=False), "callback of SOGAAL can't be saved: .*builtin"),
        (OwnDetector(), "got OwnDetector, a class of your own"),
    ],
)
def test_what_a_file_can_t_hold_is_named_and_nothing_written(detector, message, tmp_path):
    detector.set_params(contamination=None).fit(data(detector))
    with pytest.raises(TypeError, match="(?s)" + message):
        detector.save(tmp_path / "detector")
    assert os.listdir(tmp_path) == []


def test_what_could_not_be_loaded_again_is_not_written(tmp_path, monkeypatch):
    detector = fitted("KDE")
    monkeypatch.setattr(saving, "detector_from", lambda raw: 1 / 0)
    with pytest.raises(TypeError, match="save: this KDE could not be loaded again: division by zero"):
        detector.save(tmp_path / "kde")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["DCAE", "SOGAAL"])
def test_the_default_device_and_dtype_do_not_matter(name, tmp_path):
    detector = fitted(name)
    detector.save(tmp_path / "before")
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            detector.save(tmp_path / "detector")
            loaded = load(tmp_path / "detector", device="cpu")
    finally:
        torch.set_default_dtype(torch.float32)
    assert (tmp_path / "detector").read_bytes() == (tmp_path / "before").read_bytes()
    np.testing.assert_array_equal(loaded.anomaly_score(data(detector)), detector.anomaly_score(data(detector)))


def test_a_range_of_mixture_sizes_is_saved(tmp_path):
    detector = GMM(mixture_sizes=range(2, 4), random_state=0).fit(TABLE)
    detector.save(tmp_path / "gmm")
    assert load(tmp_path / "gmm").mixture_sizes == (2, 3)


def test_an_unfitted_detector_is_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        KDE().save(tmp_path / "kde")


def test_what_was_there_is_kept_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "kde"
    fitted("KDE").save(path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *args: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        fitted("GMM").save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["kde"]


@pytest.mark.parametrize("wrong", [None, 3])
def test_what_is_no_path_is_named(wrong):
    with pytest.raises(TypeError, match=f"path must be a path; got {wrong}"):
        fitted("KDE").save(wrong)
    with pytest.raises(TypeError, match=f"path must be a path; got {wrong}"):
        load(wrong)


def test_a_file_or_folder_of_the_user_s_is_never_replaced(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,b\n" + 99 * "1,2\n")
    for path in (table, tmp_path):
        with pytest.raises(ValueError, match="path: .* is not a detector that ganod_lite has saved. It is left alone"):
            fitted("KDE").save(path)
    assert table.read_text().startswith("a,b\n") and os.listdir(tmp_path) == ["table.csv"]
    (tmp_path / "empty").touch()  # of tempfile, say
    for name in ("KDE", "GMM"):
        fitted(name).save(tmp_path / "empty")
        assert type(load(tmp_path / "empty")) is type(fitted(name))


# --- files that are not what they should be ---


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "forest"
    fitted("IForest").save(path)
    return path.read_bytes()


def refused(tmp_path, raw, message):
    path = tmp_path / "detector.ganod"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="(?s)" + re.escape(str(path)) + ".*" + message):
        load(path)


def test_a_file_cut_short_anywhere_is_refused(raw, tmp_path):
    for n in (0, 7, 8, 20, 36, 99, 100, 5000, len(raw) // 2, len(raw) - 1):
        refused(tmp_path, raw[:n], "is damaged" if n > 8 else "is (damaged|not a detector)")


def test_a_changed_bit_anywhere_is_refused(raw, tmp_path):
    for at in (0, 7, 8, 34, 36, 60, 99, 100, 1000, len(raw) // 2, len(raw) - 1):
        refused(tmp_path, raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :], "is (damaged|not a detector)")
    refused(tmp_path, raw + b"more", "is damaged")


class Bomb:
    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def bombs(folder):
    bomb = Bomb()
    bomb.folder = folder
    with BytesIO() as file:
        torch.save(bomb, file)
        yield file.getvalue()
    with BytesIO() as file:
        np.savez(file, bomb=np.array([bomb, 1], object))
        yield file.getvalue()
    yield pickle.dumps(bomb)


def test_foreign_files_are_refused_and_not_executed(tmp_path):
    with BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("detector.json", "{}")
        foreign = [file.getvalue()]
    header = json.dumps({"__metadata__": {"format": "pt"}}).encode()
    foreign += [len(header).to_bytes(8, "little") + header, b"{}" * 100, *bombs(tmp_path / "executed")]
    for raw in foreign:
        refused(tmp_path, raw, "is not a detector that ganod_lite has saved")
    assert not (tmp_path / "executed").exists()


def forged(raw, change):
    """The file with its header's metadata changed by `change(metadata, saved, header)` and a digest that fits."""
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    metadata = header.pop("__metadata__")
    saved = json.loads(metadata["detector"])
    change(metadata, saved, header)
    metadata |= {"sha256": "0" * 64, "detector": json.dumps(saved)}
    text = json.dumps({"__metadata__": metadata} | header).encode()
    raw = len(text).to_bytes(8, "little") + text + raw[8 + size :]
    return raw.replace(b"0" * 64, saving.digest(raw), 1)


def state_of(saved):
    return saved["state"]["dict"]


def first_tree(saved):
    forest = state_of(saved)["pipeline_"]["pipeline"][1]["tuple"][1]["estimator"][1]["dict"]
    return forest["estimators_"][0]["estimator"][1]["dict"]["tree_"]["tree"]


def far(metadata, saved, header):
    header["0"]["data_offsets"] = [10**9, 10**9 + 8]


def huge(metadata, saved, header):
    header["0"]["shape"] = [10**12]


def wide(metadata, saved, header):
    forest = state_of(saved)["pipeline_"]["pipeline"][1]["tuple"][1]["estimator"][1]["dict"]
    forest["n_features_in_"] = 3


def loops(metadata, saved, header):  # each node's left child is what its right child is: the leaves' -1 for all
    fields = first_tree(saved)[2]["dict"]
    fields["left_child"] = fields["n_node_samples"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda metadata, saved, header: metadata.update(format="ganod_lite detector 99"), "its format is .* 99'"),
        (lambda metadata, saved, header: saved.update({"class": "Popen"}), "'Popen' is none of ADGAN, AnoGAN"),
        (lambda metadata, saved, header: state_of(saved).update(fit=1), "IForest has no fit"),
        (lambda metadata, saved, header: state_of(saved).update(x_={"reduce": ["os.mkdir"]}), "'reduce' is none of"),
        (lambda metadata, saved, header: state_of(saved).update(x_={"function": "system"}), "'system' is none of"),
        (lambda metadata, saved, header: state_of(saved).update(x_={"estimator": ["Bomb", 1]}), "'Bomb' is none of"),
        (lambda metadata, saved, header: state_of(saved).pop("offset_"), "not fitted"),
        (lambda metadata, saved, header: saved.pop("state"), "can't be loaded"),
        (far, "does not lie at bytes"),
        (huge, "does not lie at bytes"),
        (wide, "the parts of its IsolationForest do not fit"),
        (loops, "a tree's nodes do not make a tree"),
    ],
)
def test_forged_files_are_refused(raw, tmp_path, change, message):
    path = tmp_path / "same"
    path.write_bytes(forged(raw, lambda *args: None))
    load(path)  # it is the change that is refused
    refused(tmp_path, forged(raw, change), message)


def test_networks_of_other_sizes_than_their_weights_are_refused_before_they_take_memory(tmp_path):
    fitted("ADGAN").save(tmp_path / "adgan")

    def widen(metadata, saved, header):
        state_of(saved)["generator_"]["network"][1]["dict"]["ngf"] = 10**7

    refused(tmp_path, forged((tmp_path / "adgan").read_bytes(), widen), "size mismatch")


def test_support_vectors_that_do_not_fit_are_refused(tmp_path):
    fitted("OCSVM").save(tmp_path / "svm")

    def swap(metadata, saved, header):
        svm = state_of(saved)["pipeline_"]["pipeline"][1]["tuple"][1]["estimator"][1]["dict"]
        svm["_dual_coef_"] = svm["_intercept_"]

    refused(tmp_path, forged((tmp_path / "svm").read_bytes(), swap), "do not fit")


# --- elsewhere ---


def test_a_copy_of_the_package_under_another_name_reads_the_same_file(tmp_path):
    shutil.copytree(Path(ganod_lite.__file__).parent, tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    np.save(tmp_path / "images.npy", IMAGES)
    fitted("ADGAN").save(tmp_path / "adgan")
    script = """
import sys, numpy as np, mine
detector = mine.load("adgan", device="cpu")
assert type(detector).__module__ == "mine.adgan" and "ganod_lite" not in sys.modules
np.save("scores.npy", detector.anomaly_score(np.load("images.npy")))
"""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "scores.npy"), fitted("ADGAN").anomaly_score(IMAGES))
