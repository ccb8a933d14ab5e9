"""Copies of a generator's parameters, all moved at once: what `adgan.latent_search` searches with.

Each of c copies of theta makes the image of one latent: in algorithm 1 there is a copy for each starting point of each
image. Adam works element by element, so on stacked copies it is Adam on each; and it moves the latents too.
"""

import copy
from collections.abc import Callable, Sequence
from functools import cache
from math import ceil
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from .files import warn
from .losses import Loss
from .training import check_counts

Pair = tuple[int, int]
How = tuple[Pair, Pair, Pair]  # a convolution's kernel, stride and padding
BETAS, EPS = (0.5, 0.999), 1e-8  # of Adam; the former in footnote 9 of the ADGAN paper
# What a chunk of copies may take where no `max_memory` is given. On a CPU small chunks spend their time
# on calls and large ones leave the caches; on a GPU a chunk should fill the machine.
CPU_CHUNK_BYTES = 128 * 2**20
GPU_SHARE_OF_FREE_MEMORY = 0.5
# Bytes of activations, columns and their gradients at the peak, per byte that autograd keeps of them.
ACTIVATIONS = 6
# Of each moment of the first layer, made for one or a few copies at a time: on a CPU so many as its cache may hold
BLOCK_BYTES = {"cpu": 2**20, "cuda": 2**28}
GAP = 16  # numbers between the rows of two moments
MOST_OUTER_PRODUCTS = 20  # steps; sums of more terms than about that take as long as moments that are kept
# The first layer's moves are compiled where so many are to come, a move being that of one weight in one
# step: compiling takes 3 to 15 seconds, which a CPU has saved again after some 1e10 to 6e10 moves.
COMPILE_FROM = 5e10
MOST_COMPILED_STEPS = 8  # sums of more terms the compiler splits into several loops


def copies_of(generator: "Prepared", lr_z: float, lr_theta: float, n_steps: int, n_copies: int) -> "FrozenCopies":
    """The fastest copies that are right for a `Prepared` generator.

    n_steps: of each search; n_copies: how many there will be in all, chunk after chunk.
    """
    kind = FrozenCopies if lr_theta == 0 else DCGANCopies if DCGANCopies.fits(generator) else ModuleCopies
    return kind(generator, lr_z, lr_theta, n_steps, n_copies)


class Prepared:
    """A generator ready to be searched: a frozen copy in evaluation mode on a device.

    Called, it maps latents (m, latent_size) to images (m, *image_shape).
    """

    def __init__(self, generator: nn.Module, latent_size: int | None, device: torch.device) -> None:
        if not isinstance(generator, nn.Module) or isinstance(generator, torch.jit.ScriptModule):
            raise TypeError(
                "generator must be a torch.nn.Module, and not TorchScript, whose parameters can't be copied one by "
                f"one; got {type(generator).__name__}."
            )
        if latent_size is not None:
            check_counts(latent_size=latent_size)
        size = latent_size or getattr(generator, "latent_size", None) or _input_size(generator)
        if size is None:
            raise ValueError(
                "latent_size must be given: the generator has neither that attribute nor a linear or convolutional "
                "layer."
            )
        self.latent_size: int = size
        self.device = device
        self.module: Any = copy_of("generator", generator).to(device).eval().requires_grad_(False)
        self.dtype = next((p.dtype for p in self.module.parameters()), torch.float32)
        if self.dtype in (torch.float16, torch.bfloat16):  # too coarse for the search's small steps
            self.dtype = torch.float32
            self.module.float()
        refused = []
        for self.tail in ((), (1, 1)):
            try:
                images = self(self.some_latents())
                break
            except torch.OutOfMemoryError:
                raise
            except Exception as error:
                refused.append(error)
        else:
            raise ValueError(
                f"generator: it takes neither latents (m, {self.latent_size}) nor (m, {self.latent_size}, "
                f"1, 1): {refused[0]}; {refused[1]}"
            ) from refused[1]
        if not isinstance(images, torch.Tensor) or images.ndim != 4:
            got = tuple(images.shape) if isinstance(images, torch.Tensor) else type(images).__name__
            raise TypeError(f"generator must return images (m, channels, height, width), one tensor; got {got}.")
        if not torch.allclose(images, self(self.some_latents()), atol=1e-4, equal_nan=True):
            raise ValueError(
                "generator: it makes other images of the same latents each time, so a search of it would not be "
                "reproducible. Fix its noise (dropout, noise layers) in evaluation mode."
            )
        self.image_shape = images.shape[1:]

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        return self.module(z.reshape(*z.shape, *self.tail))

    def check(self, images: torch.Tensor) -> None:
        """Raise ValueError unless images (n, channels, height, width) are of the shape of its own."""
        if self.image_shape != images.shape[1:]:
            raise ValueError(
                f"x: the generator makes images of shape {tuple(self.image_shape)} (channels, height, "
                f"width); got {tuple(images.shape[1:])}."
            )

    def check_independent(self) -> None:
        """Raise ValueError if an image depends on the latents beside its own, for a search of many in one call."""
        z = self.some_latents()
        try:
            alone = torch.cat([self(one) for one in z.split(1)])
        except ValueError:  # torch takes no statistics over one latent
            alone = torch.full_like(self(z), torch.nan)
        if not torch.allclose(self(z), alone, atol=1e-2, equal_nan=True):
            raise ValueError(
                "generator: an image depends on the latents beside its own, so a score would depend on what else is "
                "searched. Let its normalisation keep running statistics."
            )

    def some_latents(self) -> torch.Tensor:
        """Two latents, the same each time."""
        z = torch.randn(2, self.latent_size, generator=torch.Generator().manual_seed(0))
        return z.to(self.device, self.dtype)


def check_finite(search: str, losses: torch.Tensor, advice: str) -> None:
    """Raise FloatingPointError, naming the images, unless a search's losses (n, ...) are all finite."""
    bad = (~torch.isfinite(losses)).view(len(losses), -1).any(1).nonzero().flatten().tolist()
    if bad:
        raise FloatingPointError(
            f"{search}: the loss stopped being finite for {len(bad)} of {len(losses)} images, the first at index "
            f"{bad[0]}. {advice}"
        )


def copy_of(name: str, module: nn.Module) -> nn.Module:
    """A deep copy of the argument `name`, also of what keeps results of autograd, as weight and spectral norm do."""
    kept = [value for part in module.modules() for value in vars(part).values() if isinstance(value, torch.Tensor)]
    memo = {id(value): value.detach().clone() for value in kept if not value.is_leaf}
    try:
        return copy.deepcopy(module, memo)
    except Exception as error:
        raise ValueError(f"{name}: it can't be copied, which a search needs: {error}") from error


def _input_size(module: nn.Module) -> int | None:
    """How many numbers the first linear or convolutional layer takes, or None."""
    sizes = (getattr(layer, "in_features", getattr(layer, "in_channels", None)) for layer in module.modules())
    return next(filter(None, sizes), None)


class FrozenCopies:
    """No copies at all: theta stays as trained, and latents alone are moved.

    `start(z)` gives the latents (c, latent_size) that a search begins with, `generate(z)` their images
    (c, channels, height, width), and `step()` moves all along the gradients that a backward left.
    """

    all_trained: Sequence[torch.Tensor] = ()  # every parameter that a copy has of its own
    trained: Sequence[torch.Tensor] = ()  # those that Adam moves: not the layer of `OuterProducts`
    size: int | None = None  # c; this and the next four are made by `start`
    z: Any = None
    theta: Any = None
    adam: Any = None
    fresh: Any = None

    def __init__(self, generator: Prepared, lr_z: float, lr_theta: float, n_steps: int, n_copies: int) -> None:
        self.generator, self.lr_z, self.lr_theta = generator, lr_z, lr_theta
        self.n_steps, self.n_copies = n_steps, n_copies
        if lr_theta == 0:
            generator.check_independent()

    @torch.no_grad()
    def start(self, z: torch.Tensor) -> torch.Tensor:
        """Leaves for z and the trained values in all copies.

        They lie where those of the last call lay if they fit, which are overwritten. Fresh memory is
        cleared page by page by the system, which on a CPU takes as long as the arithmetic.
        """
        if self.size != len(z):
            self.size = self.z = self.theta = self.adam = self.fresh = None  # given back before more is taken
            self._make(len(z))
            self.size = len(z)  # all of it is there: memory has not run out on the way
        self.z.copy_(z)
        for copies, trained in zip(self.theta, self.trained):
            copies.copy_(trained)
        for leaf in self.fresh:
            leaf.grad = None  # which a search that ran out of memory may have left
        for state in self.adam.state.values():
            for value in state.values():
                value.zero_()
        return self.z

    def _make(self, c: int) -> None:
        """Leaves and their Adam for c copies."""
        like: dict[str, Any] = {"dtype": self.generator.dtype, "device": self.generator.device}
        self.z = torch.empty(c, self.generator.latent_size, **like).requires_grad_()
        self.theta = [p.new_empty(c, *p.shape).requires_grad_() for p in self.trained]
        groups = [{"params": [self.z], "lr": self.lr_z}]
        groups += [{"params": self.theta, "lr": self.lr_theta}] if self.theta else []
        self.adam = torch.optim.Adam(groups, betas=BETAS, eps=EPS, fused=True)
        self.fresh = [self.z, *self.theta]  # whose gradients each backward makes anew

    def generate(self, z: torch.Tensor) -> torch.Tensor:
        return self.generator(z)

    def step(self) -> None:
        self.adam.step()
        for leaf in self.fresh:
            leaf.grad = None

    def how_many(self, x: torch.Tensor, loss: Loss, max_memory: float | None) -> int:
        """How many copies fit in max_memory bytes; tried with one, on the image x (1, channels, height, width)."""
        generator = self.generator
        x = x.to(generator.device, generator.dtype)
        z = self.start(torch.zeros(1, generator.latent_size))
        weights = *generator.module.parameters(), *self.theta, *self.all_trained
        own = {p.untyped_storage().data_ptr() for p in weights}
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: kept.append(0 if t.untyped_storage().data_ptr() in own else t.nbytes), lambda t: t
        ):
            losses = loss(self.generate(z), x)
        if losses.shape != (1,):
            raise ValueError(f"loss must return one value per image, (1,); got {tuple(losses.shape)}.")
        if self.n_steps and not losses.requires_grad:
            raise ValueError("loss: it has no gradient by the latents; the generator or the loss cuts it off.")
        each, once = self._bytes()
        each += ACTIVATIONS * sum(kept)
        if max_memory is None:
            max_memory = CPU_CHUNK_BYTES
            if generator.device.type == "cuda":
                cached = torch.cuda.memory_reserved(generator.device) - torch.cuda.memory_allocated(generator.device)
                max_memory = GPU_SHARE_OF_FREE_MEMORY * (torch.cuda.mem_get_info(generator.device)[0] + cached)
        elif max_memory < once + each:
            raise ValueError(f"max_memory: this generator and one copy need {once + each:,} bytes; got {max_memory:,}.")
        return max(1, int((max_memory - once) // each))

    def _bytes(self) -> tuple[int, int]:
        """Of each copy and of all together, without activations: what they take in memory."""
        moved = [p.nbytes for p in (self.z, *self.theta)]
        # what Adam moves, its gradient and its two moments; a layer's gradient on its way
        return 4 * sum(moved) + max(moved), sum(p.nbytes for p in self.generator.module.parameters())


class ModuleCopies(FrozenCopies):
    """Copies of any module's parameters, through torch.func."""

    def __init__(self, generator: Prepared, *arguments: Any) -> None:
        super().__init__(generator, *arguments)
        parameters = dict(generator.module.named_parameters())
        self.names, self.all_trained = tuple(parameters), tuple(parameters.values())
        self.trained = self.all_trained
        self.buffers = dict(generator.module.named_buffers())
        self.looped = False  # one copy after the other, where vmap refuses the generator

    def generate(self, z: torch.Tensor) -> torch.Tensor:
        def one(theta: Sequence[torch.Tensor], z: torch.Tensor) -> torch.Tensor:
            parameters = dict(zip(self.names, theta))
            return functional_call(self.generator.module, (parameters, self.buffers), (z[None],))[0]

        z = z.reshape(*z.shape, *self.generator.tail)
        if not self.looped:
            try:
                return vmap(one)(self.theta, z)
            except RuntimeError as error:  # in-place writes, decisions by value: what vmap can't trace
                if "vmap" not in str(error):
                    raise
                self.looped = True
        return torch.stack([one(theta, z_i) for *theta, z_i in zip(*self.theta, z)])


class DCGANCopies(FrozenCopies):
    """Copies of a DCGAN-like generator's parameters, as batched matrix products.

    A transposed convolution is a product of its input's positions (positions, in) with the weights
    (in, kernel * out), whose columns are added up where kernels overlap. With weights of its own for each
    copy it is one batched product; convolutions with as many groups as copies, which is what vmap makes
    of it, are 2 to 3 times slower. Channels lie last throughout.
    """

    KNOWN = (nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid)

    def __init__(self, generator: Prepared, *arguments: Any) -> None:
        super().__init__(generator, *arguments)
        self.layers = list(generator.module)
        self.all_trained = trained = list[torch.Tensor]()
        for layer in self.layers:
            if isinstance(layer, nn.ConvTranspose2d):
                trained.append(layer.weight.permute(0, 2, 3, 1).flatten(1).contiguous())
            elif isinstance(layer, nn.BatchNorm2d):
                trained.append(layer.weight)
            elif hasattr(layer, "inplace"):
                layer.inplace = False  # autograd refuses it on what TransposedConvolution returns, a view
            if getattr(layer, "bias", None) is not None:
                trained.append(layer.bias)

    @classmethod
    def fits(cls, generator: Prepared) -> bool:
        """Whether these are copies of the generator: by its layers, and by what it makes of two latents."""
        layers = list(generator.module) if isinstance(generator.module, nn.Sequential) else []
        if not layers or type(layers[0]) is not nn.ConvTranspose2d or not all(type(x) in cls.KNOWN for x in layers):
            return False
        for layer in layers:
            if type(layer) is nn.ConvTranspose2d and (
                layer.groups > 1 or set(layer.dilation) != {1} or set(layer.output_padding) != {0}
            ):
                return False
            if type(layer) is nn.BatchNorm2d and not (layer.affine and layer.track_running_stats):
                return False
        weights = [getattr(layer, name, None) for layer in layers for name in ("weight", "bias")]
        if [id(w) for w in weights if w is not None] != [id(p) for p in generator.module.parameters()]:
            return False  # shared weights, weights made from others (spectral norm), parameters of its own
        # Its layers do not tell all that a generator may do (a forward of its own, hooks), so it is asked whether they
        # make its images one after the other: in float64, where rounding hides nothing, on the CPU, which has it.
        z = generator.some_latents().to("cpu", torch.float64)
        h = z.reshape(*z.shape, 1, 1)
        try:
            exact = copy.deepcopy(generator.module).to("cpu", torch.float64)
            images = exact(z.reshape(*z.shape, *generator.tail))
        except Exception:  # it works in its own precision or place alone
            return False
        for layer in exact:
            h = type(layer).forward(layer, h)
        return h.shape == images.shape and bool((h - images).norm() <= 1e-6 * images.norm())

    def _make(self, c: int) -> None:
        self.first, self.trained = None, self.all_trained
        if self.n_steps <= MOST_OUTER_PRODUCTS:
            weights, *self.trained = self.all_trained
            self.first = OuterProducts(weights, c, self.lr_theta, self.n_steps, self.n_copies)
        super()._make(c)
        for leaf in self.theta:
            if leaf.ndim == 3:
                leaf.grad = torch.empty_like(leaf)  # see TransposedConvolution
        self.fresh = [leaf for leaf in self.fresh if leaf.grad is None]

    def start(self, z: torch.Tensor) -> torch.Tensor:
        z = super().start(z)
        if self.first:
            self.first.start()
        return z

    def step(self) -> None:
        super().step()
        if self.first:
            self.first.step()

    def generate(self, z: torch.Tensor) -> torch.Tensor:
        theta = iter(self.theta)

        def of_each_copy() -> torch.Tensor:  # the next values (c, channels) as (c, 1, 1, channels)
            return next(theta)[:, None, None]

        h = z[:, None, None]  # (c, height, width, channels) throughout
        for layer in self.layers:
            if isinstance(layer, nn.ConvTranspose2d):
                how = layer.kernel_size, layer.stride, layer.padding
                if self.first and layer is self.layers[0]:
                    h = fold(self.first(z).view(len(z), 1, 1, *layer.kernel_size, -1), layer.stride, layer.padding)
                else:
                    weight = next(theta)
                    h = TransposedConvolution.apply(h, weight, weight.grad, how)
                if layer.bias is not None:
                    h = h + of_each_copy()
            elif isinstance(layer, nn.BatchNorm2d):
                mean: Any = layer.running_mean
                variance: Any = layer.running_var
                scale = of_each_copy() * (variance + layer.eps).rsqrt()
                shift = of_each_copy() - mean * scale
                h = torch.addcmul(shift, h, scale)
            else:
                h = layer(h)
        return h.permute(0, 3, 1, 2).contiguous()

    def _bytes(self) -> tuple[int, int]:
        each, together = super()._bytes()
        together += sum(p.nbytes for p in self.all_trained)
        if self.first:
            each, together = each + self.first.bytes_each, together + self.first.bytes_together
        return each, together


class OuterProducts:
    """Copies of the first layer's weights (in, out), which multiply one row each, and Adam on them.

    The gradient is the outer product of the row z and of the product's gradient d, so after t steps Adam's
    moments are sums of t outer products: vectors are kept in place of matrices. What passes through memory
    is the weights, and where it is compiled nothing else.
    """

    can_compile = True  # in this process, until it has failed

    def __init__(self, trained: torch.Tensor, c: int, lr: float, n_steps: int, n_copies: int) -> None:
        self.trained = trained
        self.copies = trained.new_empty(c, *trained.shape)
        n = max(n_steps, 1)
        self.z, self.d = (trained.new_empty(c, n, size) for size in trained.shape)  # of each step
        # What Adam's moments, their bias corrected, owe to the gradient of step s after t steps: (t, s, 1)
        t, s = torch.arange(1, n + 1, dtype=torch.float64)[:, None], torch.arange(n)
        shares = (torch.where(s < t, (1 - beta) * beta ** (t - 1 - s) / (1 - beta**t), 0) for beta in BETAS)
        self.first, self.second = (share[:, :, None].to(trained) for share in shares)
        self.first *= -lr
        self.compiled = n_steps <= MOST_COMPILED_STEPS and n_steps * n_copies * trained.numel() >= COMPILE_FROM
        block_bytes = BLOCK_BYTES["cpu" if trained.device.type == "cpu" else "cuda"]
        self.block = max(1, min(block_bytes // trained.nbytes, c // 8))
        self.moments: list[torch.Tensor] | None = None
        # weights and their share of the block's moments, vectors and what `step` makes of them; a block's least
        self.bytes_each = trained.nbytes * 5 // 4 + 4 * self.z[0].nbytes + 4 * self.d[0].nbytes
        self.bytes_together = 2 * trained.nbytes

    def start(self) -> None:
        self.t = 0
        self.z.zero_()
        self.d.zero_()

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """z (c, in) -> (c, out)."""
        product = torch.bmm(z[:, None], self.copies)[:, 0] if self.t else z @ self.trained
        if product.requires_grad:
            self.z[:, self.t] = z.detach()
            product.register_hook(self._note)
        return product

    def _note(self, d: torch.Tensor) -> None:
        self.d[:, self.t] = d

    @torch.no_grad()
    def step(self) -> None:
        if self.t == 0:
            self.copies.copy_(self.trained)
        self.t += 1
        compiled = self.compiled and OuterProducts.can_compile
        n = self.z.shape[1] if compiled else self.t  # compiled for this many, of which later ones have no share
        z, d, first, second = self.z[:, :n], self.d[:, :n], self.first[self.t - 1, :n], self.second[self.t - 1, :n]
        # The square root of an exact 0, of a unit that a ReLU has switched off, takes MKL 20 times as long.
        factors = z * first, d, z.square() * second, d.square() + 1e-28
        if compiled:
            try:
                return _compiled(self.copies, *factors)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # no compiler, say; nothing has been moved yet
                OuterProducts.can_compile = False
                warn(f"torch.compile failed, the search goes on without it: {error}")
        self._move_in_blocks(*factors)

    def _move_in_blocks(self, z: torch.Tensor, d: torch.Tensor, z2: torch.Tensor, d2: torch.Tensor) -> None:
        if self.moments is None:
            n_in, n_out = self.trained.shape
            # Rows of a whole number of 4 kB pages would all fall into the same lines of the cache.
            self.moments = [self.trained.new_empty(self.block, n_in, n_out + GAP)[..., :n_out] for _ in range(2)]
        for part in zip(*(x.split(self.block) for x in (self.copies, z, d, z2, d2))):
            copies, z, d, z2, d2 = part
            m, v = (moment[: len(copies)] for moment in self.moments)
            torch.bmm(z.transpose(1, 2), d, out=m)
            torch.bmm(z2.transpose(1, 2), d2, out=v)
            copies.addcdiv_(m, v.sqrt_().add_(EPS))


def move_at_once(copies: torch.Tensor, z: torch.Tensor, d: torch.Tensor, z2: torch.Tensor, d2: torch.Tensor) -> None:
    """Adam's step on copies (c, in, out), from z and z2 (c, t, in), d and d2 (c, t, out): one loop, once compiled."""
    t = range(z.shape[1])
    m = sum(z[:, s, :, None] * d[:, s, None] for s in t)
    v: Any = sum(z2[:, s, :, None] * d2[:, s, None] for s in t)
    copies.add_(m / (v.sqrt() + EPS))


def _compiled(*arguments: Any) -> None:
    """`move_at_once`, compiled once for any number of copies."""
    for x in arguments:
        torch._dynamo.maybe_mark_dynamic(x, 0)
    return _compiler()(*arguments)


@cache
def _compiler() -> Callable[..., None]:
    return torch.compile(move_at_once, fullgraph=True)


class TransposedConvolution(torch.autograd.Function):
    """A transposed convolution with weights of its own for each copy.

    h (c, height, width, in), weights (c, in, kernel height * kernel width * out) -> (c, ..., out).
    The weights' gradient is written to `gradient` and not passed on: fresh memory for it at every step
    would take longer than all else.
    """

    @staticmethod
    def forward(ctx: Any, h: torch.Tensor, weights: torch.Tensor, gradient: torch.Tensor, how: How) -> torch.Tensor:
        kernel, stride, padding = how
        rows = h.flatten(1, 2)
        ctx.save_for_backward(rows, weights)
        ctx.gradient, ctx.shape, ctx.how = gradient, h.shape, how
        columns = torch.bmm(rows, weights)
        return fold(columns.view(*h.shape[:3], *kernel, -1), stride, padding)

    @staticmethod
    def backward(ctx: Any, d: torch.Tensor) -> tuple[Any, ...]:
        rows, weights = ctx.saved_tensors
        columns = unfold(d, *ctx.how).view(*rows.shape[:2], -1)
        torch.bmm(rows.transpose(1, 2), columns, out=ctx.gradient)
        return torch.bmm(columns, weights.transpose(1, 2)).view(ctx.shape), None, None, None


def fold(columns: torch.Tensor, stride: Pair, padding: Pair) -> torch.Tensor:
    """Add up what each position puts where: (n, height, width, kernel height, kernel width, channels) -> images.

    It is F.fold with channels last. Positions whose kernels meet edge to edge are added in one go.
    """
    n, height, width, kh, kw, channels = columns.shape
    (sh, sw), (ph, pw) = stride, padding
    if height == width == 1 and ph == pw == 0:
        return columns[:, 0, 0]
    nh, nw = ceil(kh / sh), ceil(kw / sw)
    image = columns.new_zeros(n, height + nh - 1, sh, width + nw - 1, sw, channels)
    columns = columns.transpose(2, 3)
    for i in range(nh):
        for j in range(nw):
            part = columns[:, :, i * sh : (i + 1) * sh, :, j * sw : (j + 1) * sw]
            image[:, i : i + height, : part.shape[2], j : j + width, : part.shape[4]] += part
    image = image.view(n, (height + nh - 1) * sh, (width + nw - 1) * sw, channels)
    return image[:, ph : (height - 1) * sh + kh - ph, pw : (width - 1) * sw + kw - pw]


def unfold(images: torch.Tensor, kernel: Pair, stride: Pair, padding: Pair) -> torch.Tensor:
    """What each position sees of images (n, ..., channels), in the shape of `fold`'s columns: its transpose."""
    (kh, kw), (sh, sw), (ph, pw) = kernel, stride, padding
    images = F.pad(images, (0, 0, pw, pw, ph, ph))
    return images.unfold(1, kh, sh).unfold(2, kw, sw).permute(0, 1, 2, 4, 5, 3).contiguous()
