"""latent_search against the time that its memory traffic must take, and a way below that floor.

The floor is `ganod_lite.cost`'s bytes per seed-step over the bandwidth measured here in the same round,
the better of a copy and a sum of two arrays much larger than the caches. A share above 1 means that
data stayed in the caches.

The way below: the gradient of the first layer, which has most of the parameters, is the outer product
of z and the gradient d of that layer's output. So after t steps Adam's moments are sums of t outer
products of vectors that are small to keep, and neither they nor the gradient need be stored, nor copies
of the layer's weights before the first step. As plain PyTorch ("low rank") the moments still pass
through memory when the weights are updated; torch.compile makes one loop of it ("low rank, compiled";
needs a C++ compiler).
"""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from ganod_lite import cost
from ganod_lite.adgan import CPU_CHUNK_BYTES, latent_search, squared_l2

from .common import in_turns, main, per, random_images, ratios, untrained_generator

SIZES = {"cpu": {"n_images": 16, "n_seeds": 8}, "cuda": {"n_images": 512, "n_seeds": 64}}
CHUNK_BYTES = {"cpu": CPU_CHUNK_BYTES, "cuda": 2**33}
ARRAY_BYTES = {"cpu": 2**28, "cuda": 2**32}  # of each array whose copying is timed
N_STEPS, LR_Z, LR_THETA, BETAS, EPS = 5, 0.25, 5e-5, (0.5, 0.999), 1e-8


def measure(device, seconds, ngfs=(16, 64), array_bytes=None, compiled=True, **sizes):
    sizes = SIZES[device.type] | sizes
    array_bytes = array_bytes or ARRAY_BYTES[device.type]
    rows = []
    for ngf in ngfs:
        rows += _measure_one(ngf, device, seconds / len(ngfs), array_bytes, compiled, **sizes)
    parameters = sizes | {"array_bytes": array_bytes, "n_steps": N_STEPS, "latent_size": 256, "ngf": list(ngfs)}
    return parameters, rows


def _measure_one(ngf, device, seconds, array_bytes, compiled, n_images, n_seeds):
    generator, x = untrained_generator(ngf), random_images(n_images)
    options = {"n_seeds": n_seeds, "n_steps": N_STEPS, "random_state": 0, "device": device, "verbose": False}
    starts = torch.as_tensor(latent_search(generator, x, **options | {"n_steps": 0}).z, device=device)
    a, b, c = (torch.ones(array_bytes // 4, device=device) for _ in range(3))
    functions = {
        "copy": lambda: a.copy_(b),
        "sum": lambda: torch.add(b, c, out=a),
        "latent_search": lambda: latent_search(generator, x, **options).scores,
        "low rank": LowRankSearch(generator, x, starts, moments_through_memory),
    }
    if compiled:
        torch.compiler.reset()  # each width gets code for its own shapes
        functions["low rank, compiled"] = LowRankSearch(generator, x, starts, torch.compile(moments_at_once))
    results, times = in_turns(functions, device, seconds)
    bandwidth = [  # of arrays read and written
        max(2 * array_bytes / copied, 3 * array_bytes / summed) for copied, summed in zip(times["copy"], times["sum"])
    ]
    bytes_moved = cost.BYTES_PER_PARAMETER * sum(layer.parameters for layer in cost.layers(generator))
    n_seed_steps = n_images * n_seeds * N_STEPS
    wanted = results["latent_search"]
    return [
        {
            "ngf": ngf,
            "variant": name,
            "seconds_per_seed_step": per(times[name], n_seed_steps),
            "bytes_per_second": per(bandwidth, 1),
            "share_of_floor": ratios([bytes_moved * n_seed_steps / speed for speed in bandwidth], times[name]),
            "difference": float((abs(results[name] - wanted) / wanted).max()),
        }
        for name in functions
        if name not in ("copy", "sum")
    ]


class LowRankSearch:
    """A search whose first layer keeps what its gradients are made of in place of Adam's moments.

    x (n, c, h, w), starts z (n, n_seeds, latent_size); called, it returns the scores (n,).
    `update(weights, zs, ds, z_weights, d_weights)` moves the first layer's weights (c, in, out) along
    the moments that zs (c, N_STEPS, in) and ds (c, N_STEPS, out) give, in place.
    """

    def __init__(self, generator, x, z, update):
        generator = copy.deepcopy(generator).to(z.device).requires_grad_(False)
        self.layers, self.update, self.n_images = list(generator), update, len(x)
        self.z, self.x = z.flatten(0, 1), x.to(z.device).repeat_interleave(z.shape[1], 0)
        each = 4 * sum(p.nbytes for p in generator.parameters())
        chunk = min(max(1, CHUNK_BYTES[z.device.type] // each), len(self.z))
        self.chunk = next(m for m in range(chunk, 0, -1) if len(self.z) % m == 0)  # one shape to compile for

    def __call__(self):
        with torch.no_grad():
            parts = zip(self.z.split(self.chunk), self.x.split(self.chunk))
            losses = torch.cat([self._search(z.clone(), x) for z, x in parts])
        return losses.view(self.n_images, -1).double().mean(1).cpu().numpy()

    def _search(self, z, x):
        m = len(z)
        trained = self.layers[0].weight.detach().flatten(1)  # (in, out)
        weights = None  # the copies (m, in, out), as soon as they differ from the trained ones
        zs, ds = z.new_zeros(m, N_STEPS, z.shape[1]), z.new_zeros(m, N_STEPS, trained.shape[1])
        theta = [
            p.detach().expand(m, *p.shape).clone().requires_grad_()
            for layer in self.layers[1:]
            for p in layer.parameters()
        ]
        z.requires_grad_()
        groups = [{"params": [z], "lr": LR_Z}, {"params": theta, "lr": LR_THETA}]
        adam = torch.optim.Adam(groups, betas=BETAS, fused=True)
        for t in range(N_STEPS + 1):
            h = z @ trained if weights is None else torch.bmm(z[:, None], weights)[:, 0]
            h = h.detach().requires_grad_(t < N_STEPS)
            with torch.set_grad_enabled(t < N_STEPS):
                losses = squared_l2(self._rest(theta, h), x)
                if t == N_STEPS:
                    return losses
                adam.zero_grad()
                losses.sum().backward()
            zs[:, t], ds[:, t] = z, h.grad
            z.grad = h.grad @ trained.T if weights is None else torch.bmm(weights, h.grad[:, :, None])[:, :, 0]
            if weights is None:
                weights = trained.repeat(m, 1, 1)
            self.update(weights, zs, ds, *(_averages(beta, t + 1, z) for beta in BETAS))
            adam.step()

    def _rest(self, theta, h):
        theta = iter(theta)
        h = h.unflatten(1, (-1, 4, 4))
        for layer in self.layers[1:]:
            if isinstance(layer, nn.BatchNorm2d):
                weight, bias = next(theta), next(theta)
                scale = weight * (layer.running_var + layer.eps).rsqrt()
                h = torch.addcmul((bias - layer.running_mean * scale)[..., None, None], h, scale[..., None, None])
            elif isinstance(layer, nn.ConvTranspose2d):
                columns = torch.bmm(next(theta).flatten(2).transpose(1, 2), h.flatten(2))
                h = F.fold(columns, 2 * h.shape[-1], layer.kernel_size, padding=1, stride=2)
            else:
                h = layer(h)
        return h


def _averages(beta, t, like):
    """The weights (N_STEPS,) with which Adam's moment, bias corrected, averages the first t gradients."""
    s = torch.arange(N_STEPS, device=like.device)
    return torch.where(s < t, (1 - beta) * beta ** (t - 1 - s) / (1 - beta**t), 0).to(like.dtype)


def moments_through_memory(weights, zs, ds, first, second):
    m = torch.bmm((zs * first[:, None]).transpose(1, 2), ds)
    v = torch.bmm((zs.square() * second[:, None]).transpose(1, 2), ds.square())
    weights.addcdiv_(m, v.sqrt_().add_(EPS), value=-LR_THETA)


def moments_at_once(weights, zs, ds, first, second):
    """The same as a sum over steps, for torch.compile to make one loop over the weights of."""
    a, a2, d2 = zs * first[:, None], zs.square() * second[:, None], ds.square()
    m = sum(a[:, t, :, None] * ds[:, t, None] for t in range(N_STEPS))
    v = sum(a2[:, t, :, None] * d2[:, t, None] for t in range(N_STEPS))
    weights.sub_(LR_THETA * m / (v.sqrt() + EPS))


if __name__ == "__main__":
    main("floor", measure)
