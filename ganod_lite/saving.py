"""Fitted detectors as files: tensors and JSON, from which nothing is executed.

A file is laid out as github.com/huggingface/safetensors has it, so other tools can look into it: the header's length,
a header in JSON, then the tensors one after the other. The header's `__metadata__` holds a SHA-256 of all else
and the detector, as JSON in which {kind: parts} stands for what JSON does not know, see `KINDS`.
"""

import hashlib
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import Pipeline
from sklearn.svm import OneClassSVM
from sklearn.tree import ExtraTreeRegressor
from sklearn.tree._tree import Tree
from sklearn.utils.validation import check_is_fitted
from torch import nn

from .adgan import ADGAN
from .anogan import AnoGAN, last_hidden_layer
from .autoencoders import DCAE, VAE, Autoencoder
from .base import Detector, own_state, resolve_device
from .classic import GMM, KDE, OCSVM, IForest
from .dcgan import Critic, Generator, bare
from .files import as_path, write_aside
from .gaal import MOGAAL, SOGAAL
from .losses import l1, squared_l2

FORMAT = "ganod_lite detector 1"
START = b'{"__metadata__": {"sha256": "'  # of the header; 64 digits follow
BLANK = b"0" * 64  # in their place while the file is digested
DTYPES = {  # safetensors' names
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64,
    "U32": torch.uint32, "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
}  # fmt: skip


def by_name(*things: Any) -> dict[str, Any]:
    return {thing.__name__: thing for thing in things}


# All that a file can name: what is not here can be neither saved nor loaded.
DETECTORS = by_name(ADGAN, AnoGAN, DCAE, VAE, SOGAAL, MOGAAL, KDE, OCSVM, IForest, GMM)
NETWORKS = by_name(Generator, Critic, Autoencoder)
LAYERS = by_name(nn.Linear, nn.ReLU)
ESTIMATORS = by_name(PCA, OneClassSVM, IsolationForest, ExtraTreeRegressor, GaussianMixture)
FUNCTIONS = by_name(squared_l2, l1, last_hidden_layer)


@own_state(None)
def save(detector: Detector, path: str | Path) -> None:
    """Write a fitted detector to a file, see `Detector.save`."""
    check_is_fitted(detector)
    path = as_path("path", path)
    if path.exists() and (path.is_dir() or path.stat().st_size and not _begins_as_saved(path)):
        raise ValueError(f"path: {path} is not a detector that ganod_lite has saved. It is left alone; name another.")
    name, tensors = type(detector).__name__, Tensors()
    if DETECTORS.get(name) is not type(detector):
        raise TypeError(f"save: one of {', '.join(DETECTORS)} is needed; got {name}, a class of your own.")
    state = {}
    for attribute, value in vars(detector).items():
        try:
            state[attribute] = encode(value, tensors)
        except TypeError as error:
            raise TypeError(f"save: {attribute} of {name} can't be saved: {error}") from error
    metadata = {"format": FORMAT, "detector": json.dumps({"class": name, "state": {"dict": state}})}
    header = START + BLANK + b'", ' + b", ".join(json.dumps(part)[1:].encode() for part in (metadata, tensors.header))
    header += b" " * (-len(header) % 8)
    raw = len(header).to_bytes(8, "little") + header + b"".join(tensors.parts)
    try:
        detector_from(raw)
    except Exception as error:  # better now than when it is needed
        raise TypeError(f"save: this {name} could not be loaded again: {error}") from error
    write_aside(path, raw.replace(BLANK, digest(raw), 1))


def _begins_as_saved(path: Path) -> bool:
    """Whether a file is a saved detector as far as its first bytes tell: the rest may be large."""
    with path.open("rb") as file:
        return file.read(8 + len(START))[8:] == START


@own_state(None)
def load(path: str | Path, device: str | torch.device = "auto") -> Detector:
    """Read a detector that `Detector.save` has written.

    Nothing in the file is executed. Its SHA-256 reveals damage, not malice: whoever changes the file can change that
    too. A loaded detector scores, explains and predicts. Its `fit` begins anew; a finished training can't be continued.

    Parameters
    ----------
    path : str or Path
    device : str or torch.device, default "auto"
        Where the detector is to compute, wherever it was trained: CUDA where there is one, else the CPU.

    Returns
    -------
    detector
        Fitted, of the class that was saved. On a CPU its scores are those of the saved one to the bit.

    Raises
    ------
    ValueError
        For a file that is damaged, of another format, or holds what no detector consists of, or for a device that
        can't be used.
    TypeError
        If `path` is no path.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> X = np.random.RandomState(0).normal(size=(100, 3))
    >>> detector = KDE(random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     detector.save(f"{folder}/detector.ganod")
    ...     same = load(f"{folder}/detector.ganod")
    >>> bool((same.anomaly_score(X) == detector.anomaly_score(X)).all())
    True
    """
    resolve_device(device)
    path = as_path("path", path)
    raw = path.read_bytes()
    begin = 8 + len(START)
    if len(raw) < 8 or not START.startswith(raw[8:begin]):
        raise ValueError(f"{path} is not a detector that ganod_lite has saved.")
    if raw[begin : begin + 64] != digest(raw[:begin] + BLANK + raw[begin + 64 :]):
        raise ValueError(f"{path} is damaged: it was cut short or changed since it was saved. Save the detector again.")
    try:
        detector = detector_from(raw)
    except Exception as error:  # whatever the file makes of this code
        raise ValueError(f"{path} can't be loaded: {str(error).rstrip('.') or type(error).__name__}.") from error
    if hasattr(detector, "device"):
        detector.device = device
    return detector


def detector_from(raw: bytes) -> Detector:
    """The detector of a file whose digest is right."""
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:end])
    metadata = header.pop("__metadata__")
    if metadata["format"] != FORMAT:
        raise ValueError(f"its format is {metadata['format']!r}, and this version reads {FORMAT!r}")
    saved = json.loads(metadata["detector"])
    detector: Detector = lookup(DETECTORS, saved["class"])()
    data = np.frombuffer(raw, np.uint8)[end:]
    state = decode(saved["state"], {name: tensor_from(data, **entry) for name, entry in header.items()})
    for name in state.keys() - detector.get_params().keys():
        if not name.endswith("_") or name.startswith("_"):
            raise ValueError(f"{saved['class']} has no {name}")
    detector.__dict__.update(state)
    check_is_fitted(detector)
    return detector


def digest(raw: bytes) -> bytes:
    return hashlib.sha256(raw).hexdigest().encode()


def lookup(table: dict[str, Any], name: str) -> Any:
    if name not in table:
        raise ValueError(f"{name!r} is none of {', '.join(table)}")
    return table[name]


class Tensors:
    """The tensors of a file being written: their bytes, and their entries in the header. Equal ones are kept once."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.header: dict[str, Any] = {}
        self.names: dict[tuple[str, bytes], str] = {}
        self.size = 0

    def add(self, tensor: torch.Tensor) -> list[Any]:
        """Keep a tensor as it lies in memory, which may decide on the last bit of a product; return name and order."""
        dtype = next((name for name, dtype in DTYPES.items() if dtype == tensor.dtype), None)
        if dtype is None:
            raise TypeError(f"a tensor of {tensor.dtype} is not known to the format")
        order = sorted(range(tensor.ndim), key=lambda axis: (-tensor.stride()[axis], -tensor.shape[axis]))
        tensor = tensor.detach().cpu().permute(order)
        raw = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor).flatten().view(torch.uint8).numpy().tobytes()
        about = {"dtype": dtype, "shape": list(tensor.shape)}
        name = self.names.setdefault((str(about), digest(raw)), str(len(self.names)))
        if name not in self.header:
            self.header[name] = about | {"data_offsets": [self.size, self.size + len(raw)]}
            self.parts.append(raw)
            self.size += len(raw)
        return [name, order]


def tensor_from(data: np.ndarray, dtype: str, shape: list[int], data_offsets: list[int]) -> torch.Tensor:
    begin, end = data_offsets
    kind = lookup(DTYPES, dtype)
    if not 0 <= begin <= end <= len(data) or end - begin != math.prod(shape) * kind.itemsize:
        raise ValueError(f"a tensor {shape} of {dtype} does not lie at bytes {begin} to {end} of {len(data)}")
    tensor = torch.empty(shape, dtype=kind)
    tensor.flatten().view(torch.uint8).numpy()[:] = data[begin:end]
    return tensor


def encode(value: Any, tensors: Tensors) -> Any:
    """Whatever a detector consists of as what JSON knows; tensors are put aside."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        if len(value) > 10 and {type(item) for item in value} == {float}:  # losses: shorter so, and as exact
            return {"floats": encode(torch.tensor(value, dtype=torch.float64), tensors)}
        return [encode(item, tensors) for item in value]
    if type(value) is dict:
        return {"dict": {name: encode(item, tensors) for name, item in value.items()}}
    if isinstance(value, torch.Tensor):
        return {"tensor": tensors.add(value)}
    for name, kind in KINDS.items():
        if type(value) in kind.types:
            return {name: encode(kind.take_apart(value), tensors)}
    raise TypeError(f"a file can't hold {type(value).__module__}.{type(value).__qualname__}")


def decode(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """What `encode` was given."""
    if isinstance(value, list):
        return [decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, parts),) = value.items()
    if kind == "dict":
        return {name: decode(item, tensors) for name, item in parts.items()}
    if kind == "tensor":
        name, order = parts
        return tensors[name].permute([order.index(axis) for axis in range(len(order))])
    return lookup(KINDS, kind).put_together(decode(parts, tensors))


# --- what JSON does not know: what it is taken apart into, which is encoded in turn, and put together from ---


def from_array(array: np.ndarray) -> Any:
    if array.dtype == object:  # names of features
        return array.tolist()
    return torch.from_numpy(np.array(array, order="K"))


def to_array(parts: torch.Tensor | list[str]) -> np.ndarray:
    return np.array(parts, object) if isinstance(parts, list) else parts.numpy()


def from_network(network: Any) -> list[Any]:
    plain = bare(type(network), **network.arguments)
    if repr(network) != repr(plain) or any(m._forward_hooks or m._forward_pre_hooks for m in network.modules()):
        raise TypeError(f"layers that a {type(network).__name__} does not have by itself, or hooks, would be lost")
    trained = {name: getattr(network, name) for name in ("loss", "seconds") if name in vars(network)}
    return [type(network).__name__, network.arguments, dict(network.state_dict()), trained]


def to_network(parts: list[Any]) -> Any:
    name, arguments, state, trained = parts
    network = bare(lookup(NETWORKS, name), **arguments)
    network.load_state_dict(state, assign=True)
    for attribute in trained.keys() & {"loss", "seconds"}:
        setattr(network, attribute, trained[attribute])
    return network.eval()


def from_layers(network: nn.Sequential) -> list[Any]:
    """A Sequential of linear layers and ReLUs, such as SO-GAAL's."""
    layers = []
    for layer in network:
        name = type(layer).__name__
        if LAYERS.get(name) is not type(layer):
            raise TypeError(f"a Sequential of {', '.join(LAYERS)} can be; this one has {name}")
        layers.append([name, [layer.weight, layer.bias] if name == "Linear" else []])
    return layers


def to_layers(parts: list[Any]) -> nn.Sequential:
    network = nn.Sequential()
    for name, weights in parts:
        layer = lookup(LAYERS, name)
        if name == "Linear":
            weight, bias = weights
            layer = partial(layer, *weight.shape[::-1], bias=bias is not None, device="meta")
        network.append(layer())
        network[-1].load_state_dict(
            {key: value for key, value in zip(("weight", "bias"), weights) if value is not None}, assign=True
        )
    return network


def from_estimator(estimator: Any) -> list[Any]:
    return [type(estimator).__name__, estimator.__getstate__()]  # with scikit-learn's version


def to_estimator(parts: list[Any]) -> Any:
    name, state = parts
    estimator = lookup(ESTIMATORS, name)()
    estimator.__setstate__(state)  # which warns of another version
    fits = True  # what compiled code reads without a look at sizes
    if name == "OneClassSVM":
        n, width = estimator.support_vectors_.shape
        arrays = estimator.support_, estimator._dual_coef_, estimator._n_support, estimator._intercept_
        fits = [array.shape for array in arrays] == [(n,), (1, n), (2,), (1,)]
        fits = fits and estimator.kernel == "rbf" and estimator.shape_fit_[1] == width
    if name == "IsolationForest":
        widths = {tree.tree_.n_features for tree in estimator.estimators_}
        fits = widths == {estimator._max_features} == {estimator.n_features_in_}
    if not fits:
        raise ValueError(f"the parts of its {name} do not fit")
    return estimator


def from_kde(estimator: KernelDensity) -> list[Any]:
    return [estimator.get_params(), np.asarray(estimator.tree_.data)]


def to_kde(parts: list[Any]) -> KernelDensity:
    parameters, data = parts
    return KernelDensity(**parameters).fit(data)


def from_tree(tree: Tree) -> list[Any]:
    _, (n_features, n_classes, n_outputs), state = tree.__reduce__()
    nodes = state.pop("nodes")
    return [n_features, n_outputs, {name: nodes[name].copy() for name in nodes.dtype.names}, state]


def to_tree(parts: list[Any]) -> Tree:
    n_features, n_outputs, fields, state = parts
    tree = Tree(n_features, np.ones(n_outputs, np.intp), n_outputs)
    nodes = np.zeros(state["node_count"], tree.__getstate__()["nodes"].dtype)
    for name in nodes.dtype.names:
        nodes[name] = fields[name]
    left, right, leaf = nodes["left_child"], nodes["right_child"], nodes["left_child"] == -1
    after, n = np.arange(len(nodes)), len(nodes)  # scikit-learn follows children and features without a look
    inner = (after < left) & (left < n) & (after < right) & (right < n)
    inner &= (nodes["feature"] >= 0) & (nodes["feature"] < n_features)
    if not n or not (leaf | inner).all():
        raise ValueError("a tree's nodes do not make a tree")
    tree.__setstate__(state | {"nodes": nodes})
    return tree


def from_rng(rng: np.random.RandomState) -> list[Any]:
    return list(rng.get_state())


def to_rng(parts: list[Any]) -> np.random.RandomState:
    rng = np.random.RandomState()
    rng.set_state(tuple(parts))
    return rng


def from_function(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", str(function))
    if FUNCTIONS.get(name) is not function:
        raise TypeError(f"of functions only {', '.join(FUNCTIONS)} can be; got {function!r}")
    return name


class Kind(NamedTuple):
    types: tuple[type, ...]
    take_apart: Callable[[Any], Any]
    put_together: Callable[[Any], Any]


KINDS = {
    "tuple": Kind((tuple, range), list, tuple),
    "path": Kind((type(Path()),), str, Path),
    "device": Kind((torch.device,), str, torch.device),
    "scalar": Kind(tuple({np.dtype(code).type for code in "?bBhilqefd"}), np.asarray, lambda array: array[()]),
    "array": Kind((np.ndarray,), from_array, to_array),
    "floats": Kind((), list, torch.Tensor.tolist),
    "network": Kind(tuple(NETWORKS.values()), from_network, to_network),
    "layers": Kind((nn.Sequential,), from_layers, to_layers),
    "pipeline": Kind((Pipeline,), lambda pipeline: pipeline.steps, Pipeline),
    "kde": Kind((KernelDensity,), from_kde, to_kde),
    "tree": Kind((Tree,), from_tree, to_tree),
    "estimator": Kind(tuple(ESTIMATORS.values()), from_estimator, to_estimator),
    "RandomState": Kind((np.random.RandomState,), from_rng, to_rng),
    "function": Kind((type(squared_l2),), from_function, lambda name: lookup(FUNCTIONS, name)),
}
