"""The cost model counts what a search really does, and its page's functions read what the benchmarks write."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ganod_lite.dcgan import Generator
from ganod_study import cost, figures
from ganod_study.tables import cost as tables


def generator(shape=(1, 16, 16)):
    torch.manual_seed(0)
    return Generator(shape, latent_size=12, ngf=4).eval()


def test_operations_are_those_that_pytorch_counts():
    """PyTorch counts the kernels of convolutions where they stick out over the border; so does the model."""
    net = generator((3, 16, 16))
    z = torch.randn(1, 12, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        net(z).sum().backward()
    convolutions = [layer for layer in cost.layers(net) if layer.name == "ConvTranspose2d"]
    assert sum(layer.operations for layer in convolutions) == counter.get_total_flops()


def test_layers_of_another_kind_of_generator():
    net = nn.Sequential(nn.Linear(5, 48), nn.ReLU(), nn.Unflatten(1, (3, 4, 4)), nn.Conv2d(3, 1, 4, 2, 1))
    net.latent_size = 5
    assert cost.layers(net) == [("Linear", 5 * 48 + 48, 1, 48), ("Conv2d", 3 * 16 + 1, 4, 4)]


def test_model_of_the_paper_scale():
    """The issue's own figures: 1.7 million parameters, 40 bytes for each, some minutes for Table 1."""
    net = Generator(ngf=64)
    layers = cost.layers(net)
    n_parameters = sum(p.numel() for p in net.parameters())
    assert sum(layer.parameters for layer in layers) == n_parameters == 1_705_856
    assert sum(layer.bytes for layer in layers) == 40 * n_parameters
    assert [layer.positions for layer in layers] == [1, 16, 16, 64, 64, 256, 256]


def test_ways_go_down_from_what_is_done():
    net = generator()
    n_parameters = sum(p.numel() for p in net.parameters())
    first = net[0].weight.numel()
    dense, floor, done, fresh, anew = cost.ways(net, n_steps=5).values()
    assert floor == 5 * 40 * n_parameters
    assert dense - floor == 16 * n_parameters
    assert dense - done == (216 - 80) * first
    assert done - fresh == 12 * first + 36 * (n_parameters - first)
    assert anew == 180 * (n_parameters - first)


def record(device_type, **changes):
    rows = [
        {"ngf": 4, "variant": name, "times_plain": times, "seconds_per_image": [0.5, 0.25, 1.0], "difference": 0.0}
        for name, times in (("plain loop", [1.0, 1.0, 1.0]), ("latent_search", [4.0, 3.0, 9.0]))
    ]
    common = {"benchmark": "search", "device": device_type.upper(), "seconds": 1, "finished": "now", "commit": "abc"}
    return common | {"device_type": device_type, "parameters": {"n_seeds": 8}, "rows": rows} | changes


def write(folder, record):
    (folder / f"{record['benchmark']}-{record['device_type']}.json").write_text(json.dumps(record))


def test_missing_gpu_numbers_are_told_from_the_records(tmp_path):
    def told():
        return tables.benchmark_records([cost.measured(name, tmp_path) for name in ("search", "floor")]).data

    assert "missing** for search, floor" in told()
    write(tmp_path, record("cpu"))
    assert "missing** for search, floor" in told()
    write(tmp_path, record("cuda"))
    assert "missing** for floor." in told()
    write(tmp_path, record("cuda", benchmark="floor"))
    assert "missing" not in told()


def test_unmeasured_says_how_to_measure(tmp_path):
    note = cost.measured("floor", tmp_path).show(pytest.fail)
    assert "python -m benchmarks.floor" in note.data


def test_bars_are_medians_with_their_range():
    figure = figures.benchmark_ratios([record("cpu"), record("cuda")], "times_plain", "ngf", "times")
    assert len(figure.axes) == 2
    axis = figure.axes[0]
    assert [bar.get_width() for bar in axis.patches] == [1, 4]
    (ranges,) = (c for c in axis.collections if len(c.get_segments()) == 2)
    np.testing.assert_allclose(ranges.get_segments()[1][:, 0], [3, 9])


def test_job_scales_with_images_and_seeds():
    """0.5 s an image with 8 seeds: 64 seeds for 7,200 images take 8 times 0.5 s times 7,200, or 8 hours."""
    shown = tables.benchmark_job([record("cpu")], n_images=7200, n_seeds=64).data
    assert "8.0 hours" in shown


def test_the_answer_is_the_fastest_variant_beside_the_plain_loop():
    """0.25 s an image with 8 seeds: 64 seeds for 7,200 images take 8 times as much."""
    rows = [
        {"ngf": 64, "variant": name, "seconds_per_image": seconds, "difference": 0.0}
        for name, seconds in (("plain loop", [1.0, 1.0]), ("latent_search", [0.5, 0.5]), ("compiled", [0.25, 0.25]))
    ]
    search = cost.Measured("search", [record("cpu", rows=rows)])
    floor = cost.Measured("floor", [record("cpu", rows=[{"share_of_floor": [0.5]}, {"share_of_floor": [1.5]}])])
    ways = {"a (what is done)": 60 * 10**9, "another": 1}
    said = tables.found(search, floor, 7200, 64, 1e12, ways).data
    assert "take 4.0 hours (compiled); a plain loop would take 16.0 hours" in said
    assert "needs 461 minutes" in said and "0.50 to 1.50 times" in said


def test_machines_are_said_once_and_in_english(tmp_path):
    write(tmp_path, record("cpu", device="AMD, 2 cores, 1 threads"))
    records = cost.measured("search", tmp_path).records
    shown = tables.benchmark_job(records, n_images=1, n_seeds=1).data
    assert shown.count("AMD, 2 cores, 1 thread:") == 1 and "0e+00" not in shown
    rounds = [{"seconds": [1.0] * 4}, {"seconds": [1.0] * 2}]
    shown = tables.benchmark_records([cost.Measured("search", [record("cpu", rows=rounds)])]).data
    assert "| 2 to 4 " in shown
