"""What several files of tests share: made-up entries of a store, how they are compared, and networks' weights."""

from functools import cache

import numpy as np
import torch

from ganod_study import summaries
from ganod_study.statistics import Interval, auc
from ganod_study.store import Entry

ALEXNET = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}


def entry(method, normal_class=0, seed=0, dataset="digits", scale="lite", *, n=40, details=None, **arrays):
    """An entry like those of the grid: anomalies, three images of four, score higher by 1; or with the arrays given."""
    rng = np.random.default_rng([normal_class, seed, *method.encode()])
    labels = (np.arange(n) % 4 > 0).astype(np.uint8)
    scores = (rng.normal(size=n) + labels).astype(np.float32)
    parameters = {"dataset": dataset, "normal_class": normal_class, "method": method, "seed": seed, "scale": scale}
    file = f"{dataset}-{scale}-{method}-class{normal_class}-seed{seed}.npz"
    record = {"file": file, "seconds": 1.0, "commit": "c", "device": "d", "details": details or {}}
    arrays = {"scores": scores, "labels": labels, "test_index": np.arange(n)} | arrays
    return Entry(record | {"parameters": parameters | {"n_steps": 5}}, arrays)


def narrow(monkeypatch, half):
    """Let means of AUCs have 95 % intervals of ± half, over test images and over repetitions alike."""

    def interval(values):
        return Interval(np.mean(values), np.mean(values) - half, np.mean(values) + half)

    monkeypatch.setattr(summaries, "t_interval", interval)
    monkeypatch.setattr(summaries, "mean_auc_interval", lambda some: interval([auc(y, s) for _, y, s in some]))


def assert_same(entry, expected):
    assert entry.parameters == expected.parameters
    assert list(entry.arrays) == list(expected.arrays)
    for name, values in expected.arrays.items():
        np.testing.assert_array_equal(entry.arrays[name], values)


@torch.no_grad()
def far_from_their_start(*networks):
    """The networks in evaluation mode, their weights and statistics as changed as by a training, at random."""
    for network in networks:
        for p in network.parameters():
            p.add_(torch.randn_like(p) * 0.2)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(std=0.3)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2)
        network.eval()
    return networks


def put_alexnet(root):
    """A data root (new) that holds weights for AlexNet, and those are drawn at random."""
    (root / "weights").mkdir()
    np.savez(root / "weights" / "alexnet_features.npz", **alexnet_weights())
    return root


@cache
def alexnet_weights():
    """Random ones under which the signal neither dies nor grows: {name in torchvision's state: array}."""
    draw = np.random.RandomState(0)
    arrays = {}
    for i, shape in ALEXNET.items():
        scale = (2 / np.prod(shape[1:])) ** 0.5
        arrays[f"features.{i}.weight"] = (scale * draw.randn(*shape)).astype(np.float32)
        arrays[f"features.{i}.bias"] = (0.1 * draw.randn(shape[0])).astype(np.float32)
    return arrays
