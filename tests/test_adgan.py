"""The latent search against algorithm 1 as printed, what it leaves alone, and ADGAN."""

import copy
import json
import shutil
from functools import partial

import numpy as np
import pytest
import torch
from helpers import far_from_their_start
from torch import nn

from ganod_lite import adgan, copies, gan
from ganod_lite.adgan import ADGAN, latent_search, plain_search
from ganod_lite.copies import DCGANCopies, Prepared
from ganod_lite.dcgan import Generator
from ganod_lite.losses import squared_l2
from ganod_lite.training import MARK

# --- generators ---


class Wrapped(nn.Module):
    """A module around another: its structure is not seen from outside."""

    def __init__(self, module, latent_size):
        super().__init__()
        self.module, self.latent_size = module, latent_size

    def forward(self, z):
        return self.module(z)


class Dimmed(Generator):
    """Looks like a DCGAN layer by layer, but its forward does more."""

    def forward(self, z):
        return 0.5 * super().forward(z)


def dcgan():
    return Generator((1, 16, 16), 6, 4)


def unusual_dcgan():  # biases, other activations, kernels, strides and paddings, in place; wants (m, 6, 1, 1)
    return nn.Sequential(
        nn.ConvTranspose2d(6, 8, 3),
        nn.LeakyReLU(0.1, inplace=True),
        nn.ConvTranspose2d(8, 5, 5, stride=3, padding=2, bias=False),
        nn.BatchNorm2d(5),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(5, 1, (4, 2), stride=(1, 2), padding=(0, 1)),
        nn.Sigmoid(),
    )


def in_place_dcgan():  # an activation in place right after a convolution without a bias
    layers = nn.ConvTranspose2d(6, 8, 4, bias=False), nn.ReLU(True), nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False)
    return nn.Sequential(*layers, nn.LeakyReLU(0.2, True), nn.ConvTranspose2d(4, 3, 4, 2, 1, bias=False), nn.Tanh())


def mlp():
    layers = nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 3 * 8 * 8), nn.Tanh()
    return Wrapped(nn.Sequential(*layers, nn.Unflatten(1, (3, 8, 8))), 6)


class Nearly(Generator):
    """Looks like a DCGAN and makes nearly the same images."""

    def forward(self, z):
        return (1 + 1e-5) * super().forward(z)


class InFloat32(Generator):
    """Looks like a DCGAN, and its forward works in one precision alone."""

    def forward(self, z):
        return super().forward(z.float())


def hooked():
    generator = dcgan()
    generator.register_forward_hook(lambda module, args, out: 0.5 * out)
    return generator


def normalised():
    return nn.Sequential(
        nn.utils.spectral_norm(nn.ConvTranspose2d(6, 4, 4)), nn.ReLU(), nn.ConvTranspose2d(4, 1, 4, 2, 1)
    )


def repeated():
    layer = nn.ConvTranspose2d(6, 6, 3)
    return nn.Sequential(layer, nn.ReLU(), layer, nn.ConvTranspose2d(6, 1, 4, 2, 1), nn.Tanh())


FAST = {
    "dcgan": dcgan,
    "colour dcgan": lambda: Generator((3, 16, 16), 6, 4),
    "deeper dcgan": lambda: Generator((1, 32, 32), 6, 2),
    "unusual dcgan": unusual_dcgan,
    "in-place dcgan": in_place_dcgan,
}
GENERIC = {
    "wrapped dcgan": lambda: Wrapped(dcgan(), 6),
    "wrapped unusual dcgan": lambda: Wrapped(unusual_dcgan(), 6),
    "mlp": mlp,
    "own forward": lambda: Dimmed((1, 16, 16), 6, 4),
    "own forward, 1e-5 off": lambda: Nearly((1, 16, 16), 6, 4),
    "hook": hooked,
    "spectral norm": normalised,
    "a layer twice": repeated,
    "grouped": lambda: nn.Sequential(nn.ConvTranspose2d(6, 4, 4, groups=2), nn.ConvTranspose2d(4, 1, 4, 2, 1)),
    "dilated": lambda: nn.Sequential(nn.ConvTranspose2d(6, 4, 4), nn.ConvTranspose2d(4, 1, 3, dilation=2)),
    "output padding": lambda: nn.Sequential(nn.ConvTranspose2d(6, 4, 4), nn.ConvTranspose2d(4, 1, 3, 2, 1, 1)),
}


def trained(make, dtype=torch.float32):
    torch.manual_seed(0)
    (generator,) = far_from_their_start(make())
    return generator.to(dtype)


def takes_matrices(generator):
    return DCGANCopies.fits(Prepared(generator, 6, torch.device("cpu")))


@torch.no_grad()
def images(generator, n=3):
    """Images of the generator's size, n of them, in [-1, 1]."""
    dtype = next(generator.parameters()).dtype
    try:
        shape = generator(torch.zeros(2, 6, dtype=dtype)).shape[1:]
    except RuntimeError:
        shape = generator(torch.zeros(2, 6, 1, 1, dtype=dtype)).shape[1:]
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def search(generator, x, **options):
    return latent_search(
        generator, x, **{"latent_size": 6, "random_state": 3, "device": "cpu", "verbose": False} | options
    )


# --- the plain loops ---


def plain(generator, x, starts, **options):
    """`plain_search`, also of a generator that wants latents (m, latent_size, 1, 1)."""
    x = x.to(next(generator.parameters()).dtype)
    try:
        with torch.no_grad():
            generator(torch.as_tensor(starts[0]).to(x))
    except RuntimeError:
        generator = nn.Sequential(nn.Unflatten(1, (starts.shape[2], 1, 1)), generator)
    return plain_search(generator, x, starts, **options)


def agree(generator, x, rtol, **options):
    """Assert that the search and the plain loop agree; return the search's result."""
    options = {"n_steps": 4} | options
    n_seeds = options.pop("n_seeds", 3)
    starts = search(generator, x, n_seeds=n_seeds, n_steps=0).z
    expected = plain(generator, x, starts, **options)
    losses = expected.losses_by_step
    result = search(generator, x, n_seeds=n_seeds, **options)
    np.testing.assert_allclose(result.losses_by_step, losses, rtol=rtol)
    np.testing.assert_allclose(result.losses, losses[:, :, -1], rtol=rtol)
    np.testing.assert_allclose(result.scores, losses[:, :, -1].mean(1), rtol=rtol)
    np.testing.assert_allclose(result.z, expected.z, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(result.nearest, expected.nearest, atol=rtol)
    assert result.scores.shape == (len(x),) and result.losses.shape == (len(x), n_seeds)
    assert result.z.shape == (len(x), n_seeds, 6)
    return result


def test_the_plain_search_moves_theta_and_resets_it():
    """With larger steps the weights matter; the second image must find them as the first did."""
    generator, x, z = trained(dcgan), images(dcgan(), 2), torch.randn(2, 2, 6)
    state = copy.deepcopy(generator.state_dict())
    together = plain_search(generator, x, z, lr_theta=0.01).scores
    np.testing.assert_array_equal(plain_search(generator.train(), x[1:], z[1:], lr_theta=0.01).scores, together[1:])
    assert (together < 0.99 * plain_search(generator, x, z, lr_theta=0.0).scores).all()
    assert all(torch.equal(value, state[name]) for name, value in generator.state_dict().items())


@pytest.mark.parametrize("make", [*FAST.values(), *GENERIC.values()], ids=[*FAST, *GENERIC])
def test_float64_search_is_the_plain_loop_to_1e_5(make):
    generator = trained(make, torch.float64)
    assert takes_matrices(generator) == (make in FAST.values())
    agree(generator, images(generator), 1e-5, lr_theta=3e-3)  # a larger step, so that theta's part shows


@pytest.mark.parametrize(
    "make", [dcgan, unusual_dcgan, lambda: InFloat32((1, 16, 16), 6, 4), GENERIC["wrapped dcgan"], mlp]
)
@pytest.mark.parametrize("lr_theta", [5e-5, 3e-3])
def test_float32_search_is_the_plain_loop_to_1e_3(make, lr_theta):
    generator = trained(make)
    agree(generator, images(generator), 1e-3, lr_theta=lr_theta)


@pytest.fixture
def compiling(monkeypatch):
    """Every search is compiled that can be; the list of what was moved so."""
    if not shutil.which("g++"):
        pytest.skip("torch.compile needs a C++ compiler")
    moved, compiled = [], copies._compiled
    monkeypatch.setattr(copies, "COMPILE_FROM", 0)
    monkeypatch.setattr(copies.OuterProducts, "can_compile", True)
    monkeypatch.setattr(copies, "_compiled", lambda *args: moved.append(len(args[0])) or compiled(*args))
    return moved


def test_the_compiled_search_is_the_plain_loop_too(compiling):
    agree(trained(dcgan, torch.float64), images(dcgan()), 1e-5, lr_theta=3e-3, n_steps=5)
    assert compiling == [9] * 5  # 3 images with 3 seeds each
    agree(trained(dcgan), images(dcgan()), 1e-3, lr_theta=3e-3, n_steps=5)
    assert compiling == [9] * 10
    generator, x = trained(dcgan), images(dcgan())
    first, again = (search(generator, x, n_seeds=2, lr_theta=3e-3).losses for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_what_the_compiler_makes_slower_or_does_not_see_is_not_compiled(compiling):
    generator, x = trained(dcgan), images(dcgan())
    for options in ({"n_steps": copies.MOST_COMPILED_STEPS + 1}, {"lr_theta": 0}):
        search(generator, x, n_seeds=2, **options)
    search(Wrapped(generator, 6), x, n_seeds=2)
    assert not compiling


def test_without_a_compiler_the_search_goes_on_and_says_so(monkeypatch):
    generator, x = trained(dcgan), images(dcgan())
    expected = search(generator, x, n_seeds=2, lr_theta=3e-3).losses_by_step
    tried = []

    def none_here(*factors):
        tried.append(1)
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(copies, "COMPILE_FROM", 0)
    monkeypatch.setattr(copies.OuterProducts, "can_compile", True)
    monkeypatch.setattr(copies, "_compiled", none_here)
    with pytest.warns(UserWarning, match="torch.compile failed, the search goes on without it: no C"):
        found = search(generator, x, n_seeds=2, lr_theta=3e-3).losses_by_step
    np.testing.assert_array_equal(found, expected)
    assert len(tried) == 1


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")
@pytest.mark.parametrize("compile_from", [0, float("inf")])
def test_the_search_on_a_gpu_is_that_on_a_cpu(compile_from, monkeypatch):
    monkeypatch.setattr(copies, "COMPILE_FROM", compile_from)
    monkeypatch.setattr(copies.OuterProducts, "can_compile", True)
    generator, x = trained(dcgan), images(dcgan())
    cpu, gpu = (search(generator, x, n_seeds=3, lr_theta=3e-3, device=device) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(gpu.losses_by_step, cpu.losses_by_step, rtol=1e-3)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [((4, 4), (2, 2), (1, 1)), ((3, 5), (3, 2), (0, 2)), ((2, 3), (3, 1), (0, 1)), ((4, 4), (1, 1), (0, 0))],
)
def test_fold_and_unfold_are_pytorch_s_with_channels_last(kernel, stride, padding):
    size = [(n - 1) * s + k - 2 * p for n, s, k, p in zip((3, 4), stride, kernel, padding)]
    columns = torch.randn(2, 3, 4, *kernel, 5)
    how = {"padding": padding, "stride": stride}
    theirs = nn.functional.fold(columns.permute(0, 5, 3, 4, 1, 2).flatten(1, 3).flatten(2), size, kernel, **how)
    torch.testing.assert_close(copies.fold(columns, stride, padding), theirs.permute(0, 2, 3, 1))
    seen = nn.functional.unfold(theirs, kernel, **how).view(2, 5, *kernel, 3, 4).permute(0, 4, 5, 2, 3, 1)
    torch.testing.assert_close(copies.unfold(theirs.permute(0, 2, 3, 1), kernel, stride, padding), seen)


def test_both_paths_agree_also_at_the_paper_s_settings():
    generator = trained(dcgan)
    x = images(generator, 4)
    fast, generic = (search(g, x, n_seeds=5) for g in (generator, Wrapped(generator, 6)))
    np.testing.assert_array_equal(search(generator, x, n_seeds=5, n_steps=5).losses, fast.losses)  # the default
    np.testing.assert_allclose(fast.losses_by_step, generic.losses_by_step, rtol=1e-4)


@pytest.mark.parametrize("make", [dcgan, unusual_dcgan, mlp])
def test_lr_theta_0_searches_z_alone(make):
    generator = trained(make, torch.float64)
    agree(generator, images(generator), 1e-5, lr_theta=0)


def test_lr_z_0_leaves_the_latents_and_adapts_theta():
    generator = trained(dcgan, torch.float64)
    result = agree(generator, images(generator), 1e-5, lr_z=0, lr_theta=3e-3)
    np.testing.assert_array_equal(result.z, search(generator, images(generator), n_seeds=3, n_steps=0).z)


@pytest.mark.parametrize("n_steps", [copies.MOST_OUTER_PRODUCTS, copies.MOST_OUTER_PRODUCTS + 1])
def test_long_searches_are_the_plain_loop(n_steps):
    generator = trained(dcgan, torch.float64)
    agree(generator, images(generator), 1e-5, n_steps=n_steps, lr_theta=3e-3)


def test_a_generator_without_parameters_is_searched():
    class Fixed(nn.Module):
        latent_size = 64

        def forward(self, z):
            return torch.tanh(z.view(-1, 1, 8, 8))

    x = torch.rand(2, 1, 8, 8) - 0.5
    found = latent_search(Fixed(), x, n_seeds=2, device="cpu", verbose=False)
    assert (found.losses < found.losses_by_step[:, :, 0]).all()


@pytest.mark.parametrize("make", [dcgan, mlp])
def test_losses_by_step_are_the_losses_of_shorter_searches(make):
    generator = trained(make)
    x = images(generator)
    long = search(generator, x, n_seeds=2, n_steps=5)
    for k in range(6):
        np.testing.assert_allclose(search(generator, x, n_seeds=2, n_steps=k).losses, long.losses_by_step[:, :, k])
    at_start = search(generator, x, n_seeds=2, n_steps=0)
    generated = generator(torch.tensor(at_start.z).flatten(0, 1)).detach()
    expected = (generated - x.repeat_interleave(2, 0)).square().sum((1, 2, 3)).view(-1, 2)
    np.testing.assert_allclose(at_start.losses, expected, rtol=1e-5)
    assert at_start.losses_by_step.shape == (3, 2, 1)


@pytest.mark.parametrize("make", [dcgan, FAST["colour dcgan"], mlp])
def test_own_loss_functions_work(make):
    def l1(generated, x):
        return (generated - x).view(len(x), -1).abs().sum(1)

    generator = trained(make, torch.float64)
    agree(generator, images(generator), 1e-5, loss=l1)


# --- what a score depends on ---


@pytest.mark.parametrize("make", [dcgan, GENERIC["wrapped dcgan"]])
@pytest.mark.parametrize("options", [{}, {"lr_theta": 0}])
def test_a_score_does_not_depend_on_neighbours_order_or_chunks(make, options, monkeypatch):
    generator = trained(make)
    x = images(generator, 7)
    options = {"n_seeds": 3, "n_steps": 2, "lr_theta": 3e-3} | options
    scores = search(generator, x, **options).scores
    order = [4, 0, 6, 2, 5, 1, 3]
    np.testing.assert_allclose(search(generator, x[order], **options).scores, scores[order], rtol=1e-5)
    np.testing.assert_allclose(search(generator, x[5:6], **options).scores, scores[5:6], rtol=1e-5)
    chunks = []
    original = adgan._search
    monkeypatch.setattr(adgan, "_search", lambda copies, x, z, *args: chunks.append(z) or original(copies, x, z, *args))
    smallest = needed(generator, x, **options)
    chunked = search(generator, x, **options, max_memory=2 * smallest)
    loss = squared_l2(torch.tensor(chunked.nearest), x)  # of the nearest image found in any of the chunks
    np.testing.assert_allclose(loss, chunked.losses.min(1), rtol=1e-5)
    assert len(chunks) > 2 and len(chunks[0]) > 1 and sum(z.numel() for z in chunks) == 7 * 3 * 6
    np.testing.assert_allclose(chunked.scores, scores, rtol=1e-5)


def test_starting_points_are_standard_normal_and_differ_between_seeds_and_images():
    generator = trained(dcgan)
    x = images(generator, 40)
    x[7] = x[3]
    result = search(generator, x, n_seeds=50, n_steps=0)
    others = np.delete(result.z, 7, axis=0).reshape(-1, 6)
    assert len(np.unique(others, axis=0)) == 39 * 50
    assert abs(others.mean()) < 0.03 and others.std() == pytest.approx(1, abs=0.03)
    assert np.abs(np.corrcoef(result.z[[0, 1, 2]].reshape(3, -1)) - np.eye(3)).max() < 0.3
    np.testing.assert_array_equal(result.z[7], result.z[3])  # equal images: equal starts, equal scores
    assert result.scores[7] == pytest.approx(result.scores[3], rel=1e-6)


def test_same_random_state_gives_the_same_bits_another_gives_others():
    generator = trained(dcgan)
    x = images(generator)
    first, again, other = (search(generator, x, n_seeds=2, n_steps=3, random_state=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.losses_by_step, again.losses_by_step)
    np.testing.assert_array_equal(first.z, again.z)
    assert np.all(first.scores != other.scores)
    state = np.random.RandomState(0)
    drawn = [search(generator, x, n_seeds=2, n_steps=0, random_state=state).scores for _ in range(2)]
    assert np.all(drawn[0] != drawn[1])


def test_a_prior_of_one_s_own_is_used():
    generator = trained(dcgan)

    def uniform(n, latent_size, rng):
        return torch.rand(n, latent_size, generator=rng) + 10

    result = search(generator, images(generator), n_seeds=4, n_steps=0, prior=uniform)
    assert result.z.min() >= 10 and result.z.max() < 11 and result.z.std() > 0.2
    in_double = search(generator, images(generator), n_seeds=4, n_steps=0, prior=lambda *args: uniform(*args).double())
    assert in_double.z.dtype == np.float32 and np.array_equal(in_double.z, result.z)
    with pytest.raises(ValueError, match=r"prior must return latents \(4, 6\); got \(4, 5\)"):
        search(generator, images(generator), n_seeds=4, prior=lambda n, size, rng: torch.zeros(n, size - 1))


# --- what is left alone ---


@pytest.mark.parametrize("make", [dcgan, GENERIC["wrapped dcgan"]])
@pytest.mark.parametrize("lr_theta", [0, 3e-3])
def test_the_generator_is_not_changed_and_its_mode_does_not_matter(make, lr_theta):
    generator = trained(make)
    x = images(generator)
    evaluated = search(generator, x, n_seeds=2, lr_theta=lr_theta)
    generator.train()
    next(generator.parameters()).requires_grad_(False)
    state = copy.deepcopy(generator.state_dict())
    parameters = list(generator.parameters())
    result = search(generator, x, n_seeds=2, lr_theta=lr_theta)
    np.testing.assert_array_equal(result.losses, evaluated.losses)  # BatchNorm's running statistics in both
    assert all(torch.equal(value, state[name]) for name, value in generator.state_dict().items())
    assert all(module.training for module in generator.modules())
    assert [p.requires_grad for p in parameters] == [False] + [True] * (len(parameters) - 1)
    assert all(p is q and p.grad is None for p, q in zip(generator.parameters(), parameters))


@pytest.mark.parametrize("make", [dcgan, mlp])
def test_works_where_gradients_are_off_and_leaves_the_global_random_state_alone(make):
    generator = trained(make)
    x = images(generator)
    random_state = torch.manual_seed(2).get_state()
    losses = search(generator, x, n_seeds=2).losses
    assert torch.equal(torch.get_rng_state(), random_state)
    with torch.no_grad():
        np.testing.assert_array_equal(search(generator, x, n_seeds=2).losses, losses)


def test_latents_with_and_without_single_axes_are_both_given():
    inner = trained(dcgan)
    seen = set()

    class Picky(nn.Module):
        def __init__(self, n_axes):
            super().__init__()
            self.inner, self.n_axes = inner, n_axes

        def forward(self, z):
            assert z.ndim == self.n_axes
            seen.add(z.shape[1:])
            return self.inner(z)

    x = images(inner)
    expected = search(inner, x, n_seeds=2).losses
    for n_axes in (2, 4):
        np.testing.assert_allclose(search(Picky(n_axes), x, n_seeds=2).losses, expected, rtol=1e-4)
    assert seen == {(6,), (6, 1, 1)}


# --- memory ---


def needed(generator, x, **options):
    """The least max_memory that is enough, as the error says."""
    with pytest.raises(ValueError, match=r"max_memory: .* need [\d,]+ bytes; got 1\.") as caught:
        search(generator, x, **options, max_memory=1)
    return int(str(caught.value).split("need ")[1].split(" bytes")[0].replace(",", ""))


def peak_bytes(function, path):
    """The most that `function` holds of torch's memory at one time, workspaces included."""
    options = {"activities": [torch.profiler.ProfilerActivity.CPU], "profile_memory": True}
    with torch.profiler.profile(**options):  # a process's first one has once missed most of what was taken
        torch.zeros(1)
    with torch.profiler.profile(**options) as profile:
        kept = function()
    profile.export_chrome_trace(str(path))
    events = [e for e in json.loads(path.read_text())["traceEvents"] if e["name"] == "[memory]"]
    held = np.cumsum([e["args"]["Bytes"] for e in sorted(events, key=lambda e: e["ts"])])
    del kept
    return held.max()


def test_what_is_said_to_be_needed_is_enough(tmp_path):
    generator, x = Generator((1, 16, 16), 500, 8).eval(), torch.zeros(3, 1, 16, 16)
    options = {"n_seeds": 2, "n_steps": 2, "latent_size": 500}
    allowed = needed(generator, x, **options)
    peak = peak_bytes(partial(search, generator, x, max_memory=allowed, **options), tmp_path / "trace.json")
    assert peak < allowed + 3 * 2 * (4 * 500 * 3 + 4 * 5 * 2)


@pytest.mark.parametrize("make", [lambda: Generator((1, 32, 32), 6, 8), GENERIC["wrapped dcgan"], mlp])
@pytest.mark.parametrize("options", [{}, {"lr_theta": 0}])
def test_peak_memory_stays_under_max_memory(make, options, tmp_path):
    generator = trained(make)
    for n, n_seeds, share in ((24, 4, 6), (3, 32, 6), (48, 4, 6), (24, 4, 12)):
        x = images(generator, n)
        allowed = share * needed(generator, x, n_seeds=n_seeds, **options)
        limits = {"n_seeds": n_seeds, "n_steps": 2, "max_memory": allowed}
        peak = peak_bytes(partial(search, generator, x, **limits, **options), tmp_path / "trace.json")
        results = n * n_seeds * (4 * 6 * 3 + 4 * 5 * 2)  # starting points, latents and losses come on top
        assert peak < allowed + results
        assert peak > 0.15 * allowed  # nor is most of it left unused


def test_running_out_of_memory_halves_the_chunk(monkeypatch):
    generator = trained(dcgan)
    x = images(generator, 5)
    expected = search(generator, x, n_seeds=3, n_steps=2)
    chunks = []
    original = adgan._search

    def short_of_memory(copies, x, z, *args):
        chunks.append(len(z))
        if len(z) > 4:
            raise torch.OutOfMemoryError
        return original(copies, x, z, *args)

    monkeypatch.setattr(adgan, "_search", short_of_memory)
    result = search(generator, x, n_seeds=3, n_steps=2)
    assert chunks == [15, 8, 4, 4, 4, 3]
    np.testing.assert_allclose(result.losses_by_step, expected.losses_by_step, rtol=1e-5)
    np.testing.assert_allclose(result.z, expected.z, rtol=1e-4, atol=1e-5)


@pytest.fixture
def in_chunks_of_four(make, monkeypatch):
    """A search of five images with room for four at a time, and the losses that it has with room for all."""
    generator, how_many = trained(make), copies.FrozenCopies.how_many
    five = partial(search, generator, images(generator, 5), n_seeds=1, n_steps=2, lr_theta=3e-3)
    expected = five().losses
    monkeypatch.setattr(copies.FrozenCopies, "how_many", lambda *args: how_many(*args) and 4)
    return five, expected


@pytest.mark.parametrize("make", [dcgan, mlp])
def test_running_out_of_memory_in_a_step_leaves_nothing_behind(in_chunks_of_four, monkeypatch):
    """The last chunk, smaller than half of the others, is tried again in the same buffers."""
    (five, expected), steps, step = in_chunks_of_four, [], copies.FrozenCopies.step

    def short_of_memory_once(self):
        steps.append(len(self.z))
        if steps == [4, 4, 1]:
            raise torch.OutOfMemoryError
        step(self)

    monkeypatch.setattr(copies.FrozenCopies, "step", short_of_memory_once)
    np.testing.assert_allclose(five().losses, expected, rtol=1e-5)
    assert steps == [4, 4, 1, 1, 1]


@pytest.mark.parametrize("make", [dcgan, mlp])
def test_copies_that_memory_ran_out_in_the_middle_of_are_made_anew(in_chunks_of_four, monkeypatch):
    (five, expected), made, adam = in_chunks_of_four, [], torch.optim.Adam

    def short_of_memory_once(*args, **settings):
        made.append(len(args[0][0]["params"][0]))
        if made == [1, 4, 1]:
            raise torch.OutOfMemoryError
        return adam(*args, **settings)

    monkeypatch.setattr(torch.optim, "Adam", short_of_memory_once)
    np.testing.assert_allclose(five().losses, expected, rtol=1e-5)
    assert made == [1, 4, 1, 1]


def test_a_generator_that_takes_too_much_memory_is_not_called_unfit():
    class TooLarge(nn.Linear):
        def forward(self, z):
            raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        search(TooLarge(4, 4), torch.zeros(1, 1, 2, 2), latent_size=4)


def test_running_out_of_memory_with_one_copy_is_an_error(monkeypatch):
    chunks = []

    def never_enough(copies, x, z, *args):
        chunks.append(len(z))
        assert len(chunks) < 9
        raise torch.OutOfMemoryError

    monkeypatch.setattr(adgan, "_search", never_enough)
    generator = trained(dcgan)
    with pytest.raises(torch.OutOfMemoryError):
        search(generator, images(generator, 2), n_seeds=2)
    assert chunks == [4, 2, 1]


# --- what goes wrong ---


def test_wrong_arguments_are_named():
    generator = trained(dcgan)
    x = images(generator)
    for wrong, error, message in (
        ({"n_seeds": 0}, ValueError, "n_seeds == 0, must be >= 1"),
        ({"n_seeds": 1.5}, TypeError, "n_seeds must be an instance of int"),
        ({"n_steps": -1}, ValueError, "n_steps == -1, must be >= 0"),
        ({"lr_z": -0.1}, ValueError, "lr_z == -0.1, must be >= 0"),
        ({"lr_theta": "no"}, TypeError, "lr_theta must be an instance of"),
        ({"loss": nn.functional.mse_loss}, ValueError, r"loss must return one value per image, \(1,\); got \(\)"),
        ({"loss": lambda g, x: squared_l2(g, x).sum()[None]}, ValueError, r"loss must return \d+ losses .* got \(1,\)"),
        ({"loss": lambda g, x: squared_l2(g, x).detach()}, ValueError, "loss: it has no gradient by the latents"),
        ({"lr_z": np.nan}, ValueError, "lr_z must be finite; got nan"),
        ({"max_memory": np.inf}, ValueError, "max_memory must be finite; got inf"),
        ({"loss": "l1"}, TypeError, "loss must be a function of generated images and x; got 'l1'"),
        ({"prior": "normal"}, TypeError, "prior must be a function of n, .*; got 'normal'"),
        ({"max_memory": "2 GB"}, TypeError, "max_memory must be an instance of"),
        ({"latent_size": 0}, ValueError, "latent_size == 0, must be >= 1"),
        ({"latent_size": "6"}, TypeError, "latent_size must be an instance of"),
        ({"latent_size": 9}, ValueError, r"generator: it takes neither latents \(m, 9\) nor \(m, 9, 1, 1\)"),
    ):
        with pytest.raises(error, match=message):
            search(generator, x, **wrong)
    with pytest.raises(ValueError, match="latent_size must be given"):
        search(nn.Identity(), x, latent_size=None)
    assert search(generator, x, n_seeds=np.int64(1), n_steps=np.int64(1), latent_size=None).losses.shape == (3, 1)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(2, 1, 32, 32), r"x: the generator makes images of shape \(1, 16, 16\) .*; got \(1, 32, 32\)"),
        (torch.zeros(2, 3, 16, 16), r"x: the generator makes images of shape \(1, 16, 16\) .*; got \(3, 16, 16\)"),
        (torch.zeros(2, 2, 16, 16), r"x: the generator makes images of shape \(1, 16, 16\) .*; got \(2, 16, 16\)"),
        (torch.zeros(0, 1, 16, 16), r"x: at least 1 images are needed; got 0"),
        (torch.full((2, 1, 16, 16), 1.5), r"x: pixel values must lie in \[-1, 1\]; got \[1.5, 1.5\]"),
        (torch.full((2, 1, 16, 16), float("nan")), r"x: images must be finite"),
        (torch.zeros(16, 16), r"x must be float images .*; got shape \(16, 16\) of float32"),
    ],
)
def test_wrong_images_are_named(x, message):
    with pytest.raises(ValueError, match=message):
        search(trained(dcgan), x)


def test_losses_that_are_not_finite_are_an_error_that_names_the_images():
    generator = trained(dcgan)
    with torch.no_grad():
        generator[0].weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match="for 3 of 3 images, the first at index 0"):
        search(generator, images(generator), n_seeds=2)

    def partly(generated, x):
        return squared_l2(generated, x) / (x.amax((1, 2, 3)) > -1)  # infinite for a black image

    x = images(trained(dcgan))
    x[1] = -1
    with pytest.raises(FloatingPointError, match="for 1 of 3 images, the first at index 1"):
        search(trained(dcgan), x, n_seeds=2, loss=partly)

    losses = torch.ones(3, 2, 4)
    losses[2, 1, 3] = torch.inf
    with pytest.raises(FloatingPointError, match="for 1 of 3 images, the first at index 2"):
        copies.check_finite("the search", losses, "")


# --- the detector ---


def small(**options):
    options = {"n_iter": 2, "latent_size": 6, "ngf": 4, "batch_size": 8, "n_seeds": 2, "random_state": 0} | options
    return ADGAN(**{"device": "cpu", "verbose": False} | options)


@pytest.fixture(scope="module")
def detector(digits):
    sizes = {"n_iter": 250, "latent_size": 16, "ngf": 8, "batch_size": 32, "n_seeds": 4}
    return small(objective="wgan-gp", **sizes).fit(digits.x_train[digits.y_train == 0])


def test_adgan_tells_its_class_from_others(detector, digits):
    from ganod_study.statistics import auc

    x, y = digits.x_test[:150], digits.y_test[:150] != 0
    assert auc(y.astype(int), detector.anomaly_score(x)) > 0.8
    outliers = detector.predict(x) == -1
    assert outliers[y].mean() > outliers[~y].mean() + 0.3
    assert len(detector.critic_loss_) == len(detector.generator_loss_) == 250
    assert detector.critic_(torch.zeros(2, 1, 16, 16)).shape == (2, 1)
    assert detector.image_shape_ == (1, 16, 16) and detector.n_features_in_ == 256


def test_adgan_scores_are_those_of_its_latent_search(detector, digits):
    x = digits.x_test[:5]
    result = latent_search(detector.generator_, x, n_seeds=4, random_state=0, device="cpu", verbose=False)
    np.testing.assert_array_equal(detector.anomaly_score(x), result.scores)
    np.testing.assert_array_equal(detector.score_samples(x), -result.scores)
    np.testing.assert_array_equal(detector.search(x).z, result.z)


def test_adgan_passes_its_arguments_on(monkeypatch):
    x = images(trained(dcgan), 6)
    training, searching = {}, {}
    train, find = gan.GANTraining, adgan.latent_search
    monkeypatch.setattr(
        gan, "GANTraining", lambda *args, **options: training.update(options) or train(*args, **options)
    )
    monkeypatch.setattr(
        adgan, "latent_search", lambda *args, **options: searching.update(options) or find(*args, **options)
    )

    def loss(generated, x):
        return squared_l2(generated, x)

    asked = {"n_seeds": 3, "n_steps": 2, "lr_z": 0.1, "lr_theta": 1e-4, "loss": loss, "max_memory": 10**8}
    small(objective="wgan-gp", contamination=None, **asked).fit(x).anomaly_score(x)
    expected = {"n_steps": 2, "latent_size": 6, "ngf": 4, "batch_size": 8, "objective": "wgan-gp", "device": "cpu"}
    assert {name: training[name] for name in expected} == expected
    assert {name: searching[name] for name in asked} == asked


def test_adgan_searches_a_given_generator_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setattr(gan, "GANTraining", lambda *args, **options: pytest.fail("a generator was trained"))
    generator = trained(unusual_dcgan)
    x = images(generator, 6)
    state = copy.deepcopy(generator.state_dict())
    detector = small(generator=generator, contamination=0.5).fit(x)
    assert detector.generator_ is generator and detector.critic_ is None
    mine = tmp_path / "checkpoint"
    mine.write_bytes(MARK)
    detector.set_params(checkpoint=mine, random_state=None).fit(x)
    assert mine.exists()  # nothing was trained, so there is nothing of its own to remove
    detector.set_params(random_state=0).fit(x)
    np.testing.assert_array_equal(detector.anomaly_score(x), search(generator, x, n_seeds=2, random_state=0).scores)
    assert (detector.predict(x) == -1).sum() == 3
    assert all(torch.equal(value, state[name]) for name, value in generator.state_dict().items())


# --- given starting points ---


@pytest.mark.parametrize("make", [dcgan, mlp])
def test_starts_are_searched_like_random_ones(make):
    generator = trained(make)
    x = images(generator)
    points = search(generator, x, n_seeds=3, n_steps=0).z
    expected = search(generator, x, n_seeds=3, n_steps=3)
    found = search(generator, x, starts=points, n_seeds=1, n_steps=3, random_state=99)
    for name in ("losses_by_step", "z", "nearest"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_one_start_of_each_image_needs_no_axis_and_stays_the_caller_s():
    generator = trained(dcgan)
    x, points = images(generator), torch.randn(3, 6).double().requires_grad_()
    before = points.detach().clone()
    found = search(generator, x, starts=points)
    np.testing.assert_array_equal(
        found.losses, search(generator, x, starts=before.float().numpy()[:, None].tolist()).losses
    )
    assert found.losses.shape == (3, 1) and torch.equal(points, before)
    points = torch.randn(3, 2, 6)
    before = points.clone()
    assert search(generator, x, starts=points).z.shape == (3, 2, 6) and torch.equal(points, before)


@pytest.mark.parametrize(
    ("starts", "error", "message"),
    [
        (np.zeros((2, 6)), ValueError, r"starts must be \(n, s, latent_size\) or .* n = 3; got \(2, 6\)"),
        (np.zeros(6), ValueError, r"starts must be .* got \(6,\)"),
        (np.zeros((3, 0, 6)), ValueError, r"starts must be .* got \(3, 0, 6\)"),
        (np.zeros((3, 5)), ValueError, "starts: the generator's latents have 6 numbers; got 5"),
        (np.full((3, 6), np.nan), ValueError, "starts must be finite"),
        ("random", TypeError, "starts must be an array of numbers; got 'random'"),
        ([None, None, None], TypeError, "starts must be an array of numbers; got .None"),
    ],
)
def test_starts_that_do_not_fit_are_refused(starts, error, message):
    generator = trained(dcgan)
    with pytest.raises(error, match=message):
        search(generator, images(generator), starts=starts)
