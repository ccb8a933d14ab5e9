"""SO-GAAL and MO-GAAL: generators make potential outliers, a discriminator learns the border between them and the data.

Liu et al., "Generative Adversarial Active Learning for Unsupervised Outlier Detection",
arXiv:1809.10816. The details are those of the authors' Keras scripts, which decide the result:
github.com/leibinghe/GAAL-based-outlier-detection, SO-GAAL.py and MO-GAAL.py.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from numbers import Integral, Real

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.utils import check_scalar
from threadpoolctl import threadpool_limits
from torch import nn
from torch.nn.functional import softplus
from torch.nn.utils import skip_init
from tqdm import tqdm

from .base import TableDetector, resolve_device, seed_from

BATCH = 500  # at most; the scripts'


# --- what the Keras scripts and the PyTorch post do differently ---


@dataclass(frozen=True)
class Source:
    """Where a variant comes from, told by the three points in which the variants differ."""

    start: Callable  # (layer, rng): draw the first weights of a discriminator's layer
    rate: Callable  # (lr, decay, updates so far): what a gradient is multiplied by
    shuffles: bool  # in each epoch, not just once before


def start_keras(layer, rng):
    """VarianceScaling(1, "fan_in", "normal"), which truncates at two deviations; biases 0."""
    std = layer.in_features**-0.5
    nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std, generator=rng)
    nn.init.zeros_(layer.bias)


def start_post(layer, rng):
    nn.init.xavier_normal_(layer.weight, generator=rng)
    nn.init.constant_(layer.bias, 0.05)


SOURCES = {
    # Keras's decay lowers the learning rate with each update.
    "official": Source(start_keras, lambda lr, decay, updates: lr / (1 + decay * updates), shuffles=False),
    # qarchli.github.io/2020-05-10-gans-for-outlier-detection passes decay as the dampening of
    # torch.optim.SGD, which scales each gradient but the first.
    "post": Source(start_post, lambda lr, decay, updates: lr * (1 - decay if updates else 1), shuffles=True),
}


def make_generator(d, bias=0.0):
    """d -> d -> d with ReLU after both layers; the identity to begin with, but for the biases."""
    layers = [skip_init(nn.Linear, d, d), skip_init(nn.Linear, d, d)]
    for layer in layers:
        nn.init.eye_(layer.weight)
        nn.init.constant_(layer.bias, bias)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU())


def make_discriminator(d, n, variant, rng):
    """d -> ceil(sqrt(n)) -> 1 with a ReLU between; returns logits."""
    hidden = math.ceil(math.sqrt(n))
    layers = [skip_init(nn.Linear, d, hidden), skip_init(nn.Linear, hidden, 1)]
    for layer in layers:
        SOURCES[variant].start(layer, rng)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1])


# --- the networks while they learn: gradients by hand, since autograd takes longer than the arithmetic ---
#
# A row ends in a 1 and a layer's matrix in the column (0, ..., 0, 1), so that the 1 passes on (also through a
# ReLU) and the matrix's last row holds the biases. Then a layer is one product, forwards and backwards.


class Learner:
    """k networks of two layers, and Keras's SGD with momentum: v <- momentum v - rate gradient; w <- w + v.

    A layer of all k is one array. They all lie in one vector, and the networks' parameters are views of
    it, so the networks are always up to date.
    """

    def __init__(self, networks, rate, momentum):
        self.networks, self.rate, self.momentum, self.updates = networks, rate, momentum, 0
        layers = [[network[i] for network in networks] for i in (0, 2)]
        # The discriminator's single output passes no 1 on.
        shapes = [(len(same), same[0].in_features + 1, _width(same[0])) for same in layers]
        sizes = [math.prod(shape) for shape in shapes]
        like = layers[0][0].weight
        self.w, self.gradient, self.velocity, self.free = (like.new_zeros(sum(sizes)) for _ in range(4))

        def as_layers(flat):
            return [part.view(shape) for part, shape in zip(flat.split(sizes), shapes)]

        self.layers, self.gradients = as_layers(self.w), as_layers(self.gradient)
        for same, weights, free in zip(layers, self.layers, as_layers(self.free)):
            outputs = same[0].out_features
            weights[:, -1, outputs:] = 1
            free[:, :, :outputs] = 1
            for layer, weight in zip(same, weights[:, :, :outputs]):
                weight[:-1], weight[-1] = layer.weight.T, layer.bias
                layer.weight.data, layer.bias.data = weight[:-1].T, weight[-1]

    def descend(self):
        self.velocity.mul_(self.momentum).addcmul_(self.gradient, self.free, value=-self.rate(self.updates))
        self.w.add_(self.velocity)
        self.updates += 1

    def release(self):
        """The networks, on the CPU and with weights of their own."""
        for network in self.networks:
            for parameter in network.parameters():
                parameter.data = parameter.data.cpu().clone(memory_format=torch.contiguous_format)
        return self.networks


def _width(layer):
    return layer.out_features + (layer.out_features > 1)


class Discriminator(Learner):
    """Rows x (m, d + 1) to logits (m, 1). `slope` (m, 1) is a loss's derivative by the logits of the last call."""

    def __init__(self, network, rate, momentum, max_rows):
        super().__init__([network], rate, momentum)
        (self.W,), (self.v,) = self.layers  # (d + 1, hidden + 1), (hidden + 1, 1)
        (self.gradient_W,), (self.gradient_v,) = self.gradients
        self.room = self.w.new_empty(max_rows, len(self.v))

    def __call__(self, x):
        self.x = x
        self.hidden = torch.mm(x, self.W, out=self.room[: len(x)]).relu_()
        return torch.mm(self.hidden, self.v)

    def learn(self, slope):
        torch.mm(self.hidden.T, slope, out=self.gradient_v)
        passed = self.hidden.sign_()  # 1 where the ReLU let through
        torch.mm((slope * self.x).T, passed, out=self.gradient_W).mul_(self.v.T)
        self.descend()

    def slope_by_x(self, slope):
        """The derivative by x (m, d + 1)."""
        return torch.mm(self.hidden.sign_(), (self.W * self.v.T).T).mul_(slope)


class Generators(Learner):
    """Noise (k, m, d + 1) to points (k, m, d + 1), each of k generators its own."""

    def __call__(self, noise):
        self.noise = noise
        self.hidden = torch.bmm(noise, self.layers[0]).relu_()
        self.points = torch.bmm(self.hidden, self.layers[1]).relu_()
        return self.points

    def learn(self, slope):
        """`slope` (k, m, d + 1): the derivative of each generator's loss by its points of the last call."""
        slope = slope.mul_(self.points.sign_())
        torch.bmm(self.hidden.mT, slope, out=self.gradients[1])
        # The last column of `slope` is the 1's, which nothing may move.
        slope[..., -1] = 0
        slope = torch.bmm(slope, self.layers[1].mT).mul_(self.hidden.sign_())
        torch.bmm(self.noise.mT, slope, out=self.gradients[0])
        self.descend()


# --- the two games, a step of each: a batch of real rows (batch, d + 1) against as many generated ones ---


@dataclass
class Game:
    """Who plays, and what with."""

    D: Discriminator
    G: Generators
    data: torch.Tensor  # all rows (n, d + 1)
    labels: torch.Tensor  # (2 batch, 1): 1 for real, then 0 for generated
    draw: Callable  # noise (batch, d + 1), uniform in [0, 1) but for the last column of 1


def so_gaal_step(game, real, learning):
    """SO-GAAL.py: both learn from the same generated points; the generator would have D take them for real."""
    points = game.G(game.draw()[None])  # (1, batch, d + 1)
    loss_d = learn_to_tell_apart(game, real, points[0])
    return loss_d, learn_to_reach(game, points, game.labels[:1, None], learning)


def mo_gaal_step(game, real, learning):
    """MO-GAAL.py: the generators share out a batch, then learn from a new one, each towards its quantile of D."""
    k = len(game.G.networks)
    loss_d = learn_to_tell_apart(game, real, share_out(game.G, game.draw()))
    p = np.sort(torch.sigmoid(game.D(game.data)).squeeze(1).cpu().numpy())  # (n,)
    quantiles = np.interp(np.arange(k) / k * (len(p) - 1), np.arange(len(p)), p)  # the first: the minimum
    targets = torch.tensor(quantiles, dtype=real.dtype, device=real.device).view(k, 1, 1)
    points = game.G(game.draw().expand(k, -1, -1))  # the same noise for all
    return loss_d, learn_to_reach(game, points, targets, learning)


def learn_to_tell_apart(game, real, points):
    """One mean over the real and the generated points together; returns the loss."""
    logits = game.D(torch.cat([real, points]))
    game.D.learn(torch.sigmoid(logits).sub_(game.labels).div_(len(logits)))
    return cross_entropy(logits, game.labels).mean()


def learn_to_reach(game, points, targets, learning):
    """Each generator draws D at its points (k, batch, d + 1) towards its target (k, 1, 1); returns the losses (k,)."""
    k, batch, width = points.shape
    logits = game.D(points.view(-1, width)).view(k, batch, 1)
    if learning:
        slope = torch.sigmoid(logits).sub_(targets).div_(batch)
        game.G.learn(game.D.slope_by_x(slope.view(-1, 1)).view_as(points))
    return cross_entropy(logits, targets).mean((1, 2))


def cross_entropy(logits, labels):
    return softplus(logits).sub_(labels * logits)


def shares(batch, k):
    """How many of a batch's rows each of k sub-generators makes: k u, (k - 1) u, ..., and the last what is left.

    u = batch // (k (k + 1) / 2): where the batch is smaller than that, the last one makes all.
    """
    u = batch // (k * (k + 1) // 2)
    first = [(k - i) * u for i in range(k - 1)]
    return [*first, batch - sum(first)]


def share_out(G, noise):
    """Points (batch, d + 1) from noise (batch, d + 1), each generator making its share of the rows."""
    (batch, width), k = noise.shape, len(G.networks)
    rows, mine = _shares_as_indices(batch, k, noise.device)
    return G(noise[rows]).view(-1, width)[mine]


@lru_cache(maxsize=1)
def _shares_as_indices(batch, k, device):
    """Each generator's rows (k, largest share), filled up with a row made in vain; and which of them count."""
    sizes = shares(batch, k)
    first = np.cumsum([0, *sizes])
    rows = [np.arange(max(sizes)) + start for start in first[:-1]]
    mine = np.concatenate([row < end for row, end in zip(rows, first[1:])]).nonzero()[0]
    return (torch.tensor(np.minimum(rows, batch - 1), device=device), torch.tensor(mine, device=device))


# --- the detectors ---


class GAAL(TableDetector):
    """What SO-GAAL and MO-GAAL share: `fit`, its checks, scores. A subclass offers `_make` and `_step`."""

    variant, generator_bias = "official", 0.0

    # The matrices are too small to share out: with several threads a busy machine is 20 times slower.
    @threadpool_limits.wrap(limits=1)
    @torch.no_grad()
    def fit(self, X, y=None):
        """Train on X (n, d).

        Parameters
        ----------
        X : array-like (n, d)
            Finite numbers, best in [0, 1].
        y : array-like (n,), optional
            Labels, 1 for anomalous and 0 for normal, are only watched: they give the AUC after each
            epoch and change nothing else. Any other y is ignored, as scikit-learn does.

        Raises
        ------
        ValueError
            For parameters or data that cannot be used.
        FloatingPointError
            Where the training diverges.
        """
        self._check_parameters()
        vars(self).pop("offset_", None)  # not fitted, should this fit fail
        X = self._check_X(X, reset=True)
        y = _watched(y, len(X))
        source = SOURCES[self.variant]
        device = resolve_device(self.device)
        rng = torch.Generator().manual_seed(seed_from(self.random_state))
        n, d = X.shape
        batch = min(BATCH, n)
        data = torch.tensor(np.c_[X, np.ones(n)], dtype=torch.get_default_dtype(), device=device)
        shuffled = data[torch.randperm(n, generator=rng)]
        discriminator = make_discriminator(d, n, self.variant, rng).to(device)
        generators = [make_generator(d, self.generator_bias).to(device) for _ in range(self._n_generators())]
        rate_d, rate_g = (partial(source.rate, lr, self.decay) for lr in (self.lr_d, self.lr_g))
        max_rows = max(n, 2 * batch, len(generators) * batch)
        D = Discriminator(discriminator, rate_d, self.momentum, max_rows)
        G = Generators(generators, rate_g, self.momentum)
        labels = data.new_tensor([1.0, 0.0]).repeat_interleave(batch)[:, None]
        noise = data.new_ones(batch, d + 1)

        def draw():
            noise[:, :-1] = torch.rand(batch, d, generator=rng)
            return noise

        game = Game(D, G, data, labels, draw)

        history = {name: [] for name in ("discriminator_loss", "generator_loss", "auc", "sub_generator_loss")}
        n_epochs = self.stop_epochs * (3 if self.schedule == "full" else 1)
        for epoch in tqdm(range(1, n_epochs + 1), desc=self._name, unit="epoch", disable=not self.verbose):
            if source.shuffles:
                shuffled = data[torch.randperm(n, generator=rng)]
            losses = []
            for i, real in enumerate(shuffled[: n - n % batch].split(batch)):
                losses.append(self._step(game, real, self._generators_learn(epoch, i)))
            loss_d, loss_g = (torch.stack(each).mean(0).tolist() for each in zip(*losses))
            history["discriminator_loss"].append(loss_d)
            history["generator_loss"].append(float(np.mean(loss_g)))
            history["sub_generator_loss"].append(loss_g)
            for name in ("discriminator_loss", "generator_loss"):
                loss = history[name][-1]
                if not math.isfinite(loss):
                    raise FloatingPointError(
                        f"{self._name} diverged: the {name} is {loss} in epoch {epoch}. Lower "
                        f"lr_d={self.lr_d} or lr_g={self.lr_g}, and scale the features to [0, 1]; they span "
                        f"[{X.min():.3g}, {X.max():.3g}]."
                    )
            if epoch == self.stop_epochs:
                scores_at_stop = _scores(D.networks[0], X)
            if y is not None:
                history["auc"].append(_auc(y, _scores(D.networks[0], X)))

        if len(G.networks) == 1 and isinstance(self, SOGAAL):
            del history["sub_generator_loss"]
        self.history_ = {name: values for name, values in history.items() if values}
        self.scores_at_stop_ = scores_at_stop
        (self.discriminator_,), self.generators_ = D.release(), G.release()
        self.n_epochs_, self.stop_epoch_ = n_epochs, self.stop_epochs
        self._set_offset(X)
        return self

    def _anomaly_score(self, X):
        return _scores(self.discriminator_, X)

    def _check_parameters(self):
        check_scalar(self.stop_epochs, "stop_epochs", Integral, min_val=1)
        check_scalar(self.lr_d, "lr_d", Real, min_val=0, include_boundaries="neither")
        check_scalar(self.lr_g, "lr_g", Real, min_val=0, include_boundaries="neither")
        check_scalar(self.decay, "decay", Real, min_val=0)
        check_scalar(self.momentum, "momentum", Real, min_val=0, max_val=1, include_boundaries="left")
        check_scalar(self.generator_bias, "generator_bias", Real)
        for name, allowed in (("schedule", ("full", "at-stop")), ("variant", tuple(SOURCES))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}; got {getattr(self, name)!r}.")
        self._check_contamination()


class SOGAAL(GAAL):
    """SO-GAAL"""

    _name = "SO-GAAL"

    def __init__(
        self,
        stop_epochs=20,
        lr_d=0.01,
        lr_g=0.0001,
        decay=1e-6,
        momentum=0.9,
        *,
        schedule="full",
        variant="official",
        generator_bias=0.0,
        contamination=0.1,
        random_state=None,
        device="auto",
        verbose=True,
    ):
        self.stop_epochs = stop_epochs
        self.lr_d = lr_d
        self.lr_g = lr_g
        self.decay = decay
        self.momentum = momentum
        self.schedule = schedule
        self.variant = variant
        self.generator_bias = generator_bias
        self.contamination = contamination
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def _n_generators(self):
        return 1

    def _generators_learn(self, epoch, batch):
        """The script compares after an epoch, so there is one more."""
        return epoch <= self.stop_epochs + 1

    _step = staticmethod(so_gaal_step)

    @property
    def generator_(self):
        return self.generators_[0]


class MOGAAL(GAAL):
    """MO-GAAL"""

    _name = "MO-GAAL"

    def __init__(
        self,
        stop_epochs=20,
        k=10,
        lr_d=0.01,
        lr_g=0.0001,
        decay=1e-6,
        momentum=0.9,
        *,
        schedule="full",
        contamination=0.1,
        random_state=None,
        device="auto",
        verbose=True,
    ):
        self.stop_epochs = stop_epochs
        self.k = k
        self.lr_d = lr_d
        self.lr_g = lr_g
        self.decay = decay
        self.momentum = momentum
        self.schedule = schedule
        self.contamination = contamination
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def _check_parameters(self):
        check_scalar(self.k, "k", Integral, min_val=1)
        super()._check_parameters()

    def _n_generators(self):
        return self.k

    def _generators_learn(self, epoch, batch):
        """The script compares after a batch, so there is one more."""
        return epoch <= self.stop_epochs or (epoch == self.stop_epochs + 1 and batch == 0)

    _step = staticmethod(mo_gaal_step)


def fit_repetitions(detector, X, seeds, y=None):
    """Fitted clones of `detector`, one for each seed."""
    return [clone(detector).set_params(random_state=seed).fit(X, y) for seed in seeds]


def _scores(discriminator, X):
    """1 - D(x), from the logits and in double precision, so that extreme scores are not tied."""
    weight = discriminator[0].weight
    with torch.no_grad():
        logits = discriminator(torch.tensor(X, dtype=weight.dtype, device=weight.device))
    return torch.sigmoid(-logits.double()).squeeze(1).cpu().numpy()


def _auc(y, scores):
    """ROC-AUC from ranks: scikit-learn's would take longer than the epoch that it watches."""
    n_out, n_in = np.sum(y == 1), np.sum(y == 0)
    return float((rankdata(scores)[y == 1].sum() - n_out * (n_out + 1) / 2) / (n_out * n_in))


def _watched(y, n):
    """Labels of 0 and 1 as (n,), or None for whatever else."""
    try:
        y = np.asarray(y)
    except ValueError:  # ragged
        return None
    if y.dtype.kind not in "biuf" or not np.array_equal(np.unique(y), [0, 1]):
        return None
    if y.shape not in ((n,), (n, 1)):
        raise ValueError(f"y and X have inconsistent numbers of samples: [{n}, {len(y)}]")
    return y.ravel()
