"""SO-GAAL and MO-GAAL: generators make potential outliers, a discriminator learns the border between them and the data.

Liu et al., "Generative Adversarial Active Learning for Unsupervised Outlier Detection",
arXiv:1809.10816. The details are those of the authors' Keras scripts, which decide the result:
github.com/leibinghe/GAAL-based-outlier-detection, SO-GAAL.py and MO-GAAL.py.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.utils import check_scalar
from threadpoolctl import threadpool_limits
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
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


class Learner:
    """k networks of one shape and Keras's SGD with momentum: v <- momentum v - rate gradient; w <- w + v.

    All weights lie in one vector, and the networks' parameters are views of it, so they are up to date.
    `weights` and `gradients` hold for each parameter an array (k, *shape).
    """

    def __init__(self, networks, rate, momentum):
        self.networks, self.rate, self.momentum, self.updates = networks, rate, momentum, 0
        stacked = [torch.stack(same) for same in zip(*(network.parameters() for network in networks))]
        self._w = torch.cat([weight.detach().flatten() for weight in stacked])
        self._g, self._v = torch.zeros_like(self._w), torch.zeros_like(self._w)
        self.weights, self.gradients = (
            [part.view_as(weight) for part, weight in zip(flat.split([w.numel() for w in stacked]), stacked)]
            for flat in (self._w, self._g)
        )
        for i, network in enumerate(networks):
            for parameter, weight in zip(network.parameters(), self.weights):
                parameter.data = weight[i]

    def descend(self):
        self._v.mul_(self.momentum).sub_(self._g, alpha=self.rate(self.updates))
        self._w.add_(self._v)
        self.updates += 1

    def release(self):
        """The networks, on the CPU and with weights of their own."""
        for network in self.networks:
            for parameter in network.parameters():
                parameter.data = parameter.data.cpu().clone()
        return self.networks


class Discriminator(Learner):
    """Rows x (m, d) to logits (m, 1). `slope` (m, 1) is a loss's derivative by the logits of the last call."""

    def __call__(self, x):
        W, b, v, c = (weight[0] for weight in self.weights)
        self.x, self.hidden = x, torch.addmm(b, x, W.T).relu_()  # (m, hidden)
        return torch.addmm(c, self.hidden, v.T)

    def learn(self, slope):
        W, b, v, c = (gradient[0] for gradient in self.gradients)
        torch.mm(slope.T, self.hidden, out=v)
        torch.sum(slope, 0, out=c)
        passed = self.hidden.sign_()  # 1 where the ReLU let through
        torch.mm(passed.T, slope * self.x, out=W).mul_(self.weights[2][0].T)
        torch.mm(slope.T, passed, out=b[None]).mul_(self.weights[2][0])
        self.descend()

    def slope_by_x(self, slope):
        """The loss's derivative by x (m, d)."""
        W, _, v, _ = (weight[0] for weight in self.weights)
        return torch.mm(self.hidden.sign_(), W * v.T).mul_(slope)


class Generators(Learner):
    """Noise (k, m, d) to points (k, m, d), each of k generators its own."""

    def __call__(self, noise):
        W1, b1, W2, b2 = self.weights
        self.noise = noise
        self.hidden = torch.baddbmm(b1[:, None], noise, W1.mT).relu_()
        self.points = torch.baddbmm(b2[:, None], self.hidden, W2.mT).relu_()
        return self.points

    def learn(self, slope):
        """`slope` (k, m, d) is each generator's loss's derivative by the points of the last call."""
        W1, b1, W2, b2 = self.gradients
        slope = slope * self.points.sign()
        torch.bmm(slope.mT, self.hidden, out=W2)
        torch.sum(slope, 1, out=b2)
        slope = torch.bmm(slope, self.weights[2]).mul_(self.hidden.sign_())
        torch.bmm(slope.mT, self.noise, out=W1)
        torch.sum(slope, 1, out=b1)
        self.descend()


def discriminator_step(D, real, generated):
    """One mean over the real and the generated points together (batch + batch, d); returns the loss."""
    labels = real.new_zeros(2 * len(real), 1)
    labels[: len(real)] = 1
    logits = D(torch.cat([real, generated]))
    D.learn((torch.sigmoid(logits) - labels).div_(len(labels)))
    return cross_entropy(logits, labels)


def generators_step(D, G, points, targets, learning):
    """Each generator draws D at its points (k, batch, d) towards its target (k, 1, 1); returns the losses (k,)."""
    k, batch, d = points.shape
    logits = D(points.view(-1, d)).view(k, batch, 1)
    if learning:
        slope = (torch.sigmoid(logits) - targets).div_(batch)
        G.learn(D.slope_by_x(slope.view(-1, 1)).view_as(points))
    return cross_entropy(logits, targets.expand_as(logits), reduction="none").mean((1, 2))


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
        data = torch.tensor(X, dtype=torch.get_default_dtype(), device=device)
        shuffled = data[torch.randperm(n, generator=rng)]

        def learner(kind, networks, lr):
            return kind(networks, lambda updates: source.rate(lr, self.decay, updates), self.momentum)

        generators = [make_generator(d, self.generator_bias).to(device) for _ in range(self._n_generators())]
        D = learner(Discriminator, [make_discriminator(d, n, self.variant, rng).to(device)], self.lr_d)
        G = learner(Generators, generators, self.lr_g)

        history = {name: [] for name in ("discriminator_loss", "generator_loss", "auc", "sub_generator_loss")}
        n_epochs = self.stop_epochs * (3 if self.schedule == "full" else 1)
        for epoch in tqdm(range(1, n_epochs + 1), desc=self._name, unit="epoch", disable=not self.verbose):
            if source.shuffles:
                shuffled = data[torch.randperm(n, generator=rng)]
            losses = []
            for i, real in enumerate(shuffled[: n - n % batch].split(batch)):
                losses.append(
                    self._step(
                        D,
                        G,
                        real,
                        data,
                        lambda: torch.rand(batch, d, generator=rng).to(device),
                        self._generators_learn(epoch, i),
                    )
                )
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

    @staticmethod
    def _step(D, G, real, data, noise, learning):
        """SO-GAAL.py: both networks learn from the same generated points; the generator's target is 1."""
        generated = G(noise()[None])  # (1, batch, d)
        loss_d = discriminator_step(D, real, generated[0])
        loss_g = generators_step(D, G, generated, real.new_ones(1, 1, 1), learning)
        return loss_d, loss_g

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

    @staticmethod
    def _step(D, G, real, data, noise, learning):
        """MO-GAAL.py: the generators share out a batch, then learn from fresh noise, towards quantiles of D."""
        k = len(G.networks)
        loss_d = discriminator_step(D, real, shared_out(G, noise()))
        p = np.sort(torch.sigmoid(D(data)).squeeze(1).cpu().numpy())  # (n,)
        quantiles = np.interp(np.arange(k) / k * (len(p) - 1), np.arange(len(p)), p)
        targets = torch.tensor(quantiles, dtype=data.dtype, device=data.device).view(k, 1, 1)
        points = G(noise().expand(k, -1, -1))  # the same noise (batch, d) for all
        return loss_d, generators_step(D, G, points, targets, learning)


def shares(batch, k):
    """How many of a batch's rows each of k sub-generators makes: k u, (k - 1) u, ..., and the last what is left.

    u = batch // (k (k + 1) / 2): where the batch is smaller than that, the last one makes all.
    """
    u = batch // (k * (k + 1) // 2)
    first = [(k - i) * u for i in range(k - 1)]
    return [*first, batch - sum(first)]


def shared_out(G, noise):
    """Points (batch, d) from noise (batch, d), each generator making its share of the rows."""
    k, sizes = len(G.networks), shares(len(noise), len(G.networks))
    rows = torch.arange(max(sizes), device=noise.device)
    sizes = torch.tensor(sizes, device=noise.device)
    first = sizes.cumsum(0) - sizes
    mine = (rows < sizes[:, None]).flatten()
    rows = (first[:, None] + rows).clamp_(max=len(noise) - 1)  # those past a share are made in vain
    return G(noise[rows]).view(k * rows.shape[1], -1)[mine]


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
