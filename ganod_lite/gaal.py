"""SO-GAAL and MO-GAAL: generators make potential outliers, a discriminator learns the border between them and the data.

Liu et al., "Generative Adversarial Active Learning for Unsupervised Outlier Detection",
arXiv:1809.10816. The details are those of the authors' Keras scripts, which decide the result:
github.com/leibinghe/GAAL-based-outlier-detection, SO-GAAL.py and MO-GAAL.py.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache, partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.utils import check_scalar
from threadpoolctl import ThreadpoolController
from torch import nn
from torch.nn.functional import linear, softplus
from torch.nn.utils import skip_init
from tqdm import tqdm

from .base import TableDetector, own_state, resolve_device, seed_from
from .files import as_path, warn
from .images import PathLike
from .training import check_number

BATCH = 500  # at most; the scripts'
ROWS = 65_536  # that are scored at one time


# --- the networks as they start ---


def make_generator(d: int) -> nn.Sequential:
    """d -> d -> d with ReLU after both layers; the identity to begin with."""
    layers = [skip_init(nn.Linear, d, d), skip_init(nn.Linear, d, d)]
    for layer in layers:
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU())


def make_discriminator(d: int, n: int, rng: torch.Generator) -> nn.Sequential:
    """d -> ceil(sqrt(n)) -> 1 with a ReLU between; returns logits.

    Weights are VarianceScaling(1, "fan_in", "normal"), which truncates at two deviations; biases 0.
    """
    hidden = math.ceil(math.sqrt(n))
    layers = [skip_init(nn.Linear, d, hidden), skip_init(nn.Linear, hidden, 1)]
    for layer in layers:
        std = layer.in_features**-0.5
        nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std, generator=rng)
        nn.init.zeros_(layer.bias)
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

    pass_on: tuple[bool, bool]  # whether each layer's outputs end in the 1

    def __init__(self, networks: list[nn.Sequential], rate: Callable[[int], float], momentum: float) -> None:
        self.networks, self.rate, self.momentum, self.updates = networks, rate, momentum, 0
        layers: list[list[Any]] = [[network[i] for network in networks] for i in (0, 2)]
        shapes = [
            (len(same), same[0].in_features + 1, same[0].out_features + passes_on)
            for same, passes_on in zip(layers, self.pass_on)
        ]
        sizes = [math.prod(shape) for shape in shapes]
        like = layers[0][0].weight
        self.w, self.gradient, self.velocity, self.free = (like.new_zeros(sum(sizes)) for _ in range(4))

        def as_layers(flat: torch.Tensor) -> list[torch.Tensor]:
            return [part.view(shape) for part, shape in zip(flat.split(sizes), shapes)]

        self.layers, self.gradients = as_layers(self.w), as_layers(self.gradient)
        for same, weights, free in zip(layers, self.layers, as_layers(self.free)):
            outputs = same[0].out_features
            weights[:, -1, outputs:] = 1
            free[:, :, :outputs] = 1
            for layer, weight in zip(same, weights[:, :, :outputs]):
                weight[:-1], weight[-1] = layer.weight.T, layer.bias
                layer.weight.data, layer.bias.data = weight[:-1].T, weight[-1]

    def descend(self) -> None:
        self.velocity.mul_(self.momentum).addcmul_(self.gradient, self.free, value=-self.rate(self.updates))
        self.w.add_(self.velocity)
        self.updates += 1

    def release(self) -> list[nn.Sequential]:
        """The networks, on the CPU and with weights of their own."""
        for network in self.networks:
            for parameter in network.parameters():
                parameter.data = parameter.data.cpu().clone(memory_format=torch.contiguous_format)
        return self.networks


class Discriminator(Learner):
    """Rows x (m, d + 1) to logits (m, 1). `slope` (m, 1) is a loss's derivative by the logits of the last call."""

    pass_on = (True, False)  # the 1, to the next layer

    def __init__(self, network: nn.Sequential, rate: Callable[[int], float], momentum: float) -> None:
        super().__init__([network], rate, momentum)
        (self.W,), (self.v,) = self.layers  # (d + 1, hidden + 1), (hidden + 1, 1)
        (self.gradient_W,), (self.gradient_v,) = self.gradients
        self.room = self.w.new_empty(0, len(self.v))  # for the most rows so far

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.x = x
        if len(self.room) < len(x):
            self.room = x.new_empty(len(x), len(self.v))
        self.hidden = torch.mm(x, self.W, out=self.room[: len(x)]).relu_()
        return torch.mm(self.hidden, self.v)

    def learn(self, slope: torch.Tensor) -> None:
        torch.mm(self.hidden.T, slope, out=self.gradient_v)
        passed = self.hidden.sign_()  # 1 where the ReLU let through
        torch.mm((slope * self.x).T, passed, out=self.gradient_W).mul_(self.v.T)
        self.descend()

    def slope_by_x(self, slope: torch.Tensor) -> torch.Tensor:
        """The derivative by x (m, d + 1)."""
        return torch.mm(self.hidden.sign_(), (self.W * self.v.T).T).mul_(slope)


class Generators(Learner):
    """Noise (k, m, d + 1) to points (k, m, d + 1), each of k generators its own."""

    pass_on = (True, True)

    def __call__(self, noise: torch.Tensor) -> torch.Tensor:
        self.noise = noise
        self.hidden = torch.bmm(noise, self.layers[0]).relu_()
        self.points = torch.bmm(self.hidden, self.layers[1]).relu_()
        return self.points

    def learn(self, slope: torch.Tensor) -> None:
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
    draw: Callable[[], torch.Tensor]  # noise (batch, d + 1), uniform in [0, 1) but for the last column of 1


def so_gaal_step(game: Game, real: torch.Tensor, learning: bool, last: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """SO-GAAL.py: both learn from the same generated points; the generator would have D take them for real."""
    points = game.G(game.draw()[None])  # (1, batch, d + 1)
    loss_d = learn_to_tell_apart(game, real, points[0])
    return loss_d, learn_to_reach(game, points, game.labels[:1, None], learning)


def mo_gaal_step(
    game: Game, real: torch.Tensor, learning: bool, last: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """MO-GAAL.py: the generators share out a batch, then learn from a new one, each towards its quantile of D.

    Once they no longer learn, their losses are but a record, which costs most of a step: that of an epoch's
    `last` batch will do.
    """
    k = len(game.G.networks)
    loss_d = learn_to_tell_apart(game, real, share_out(game.G, game.draw()))
    if not (learning or last):
        return loss_d, None
    p = np.sort(torch.sigmoid(game.D(game.data)).squeeze(1).cpu().numpy())  # (n,)
    quantiles = np.interp(np.arange(k) / k * (len(p) - 1), np.arange(len(p)), p)  # the first: the minimum
    targets = torch.tensor(quantiles, dtype=real.dtype, device=real.device).view(k, 1, 1)
    points = game.G(game.draw().expand(k, -1, -1))  # the same noise for all
    return loss_d, learn_to_reach(game, points, targets, learning)


def learn_to_tell_apart(game: Game, real: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """One mean over the real and the generated points together; returns the loss."""
    logits = game.D(torch.cat([real, points]))
    game.D.learn(torch.sigmoid(logits).sub_(game.labels).div_(len(logits)))
    return cross_entropy(logits, game.labels).mean()


def learn_to_reach(game: Game, points: torch.Tensor, targets: torch.Tensor, learning: bool) -> torch.Tensor:
    """Each generator draws D at its points (k, batch, d + 1) towards its target (k, 1, 1); returns the losses (k,)."""
    k, batch, width = points.shape
    logits = game.D(points.view(-1, width)).view(k, batch, 1)
    if learning:
        slope = torch.sigmoid(logits).sub_(targets).div_(batch)
        game.G.learn(game.D.slope_by_x(slope.view(-1, 1)).view_as(points))
    return cross_entropy(logits, targets).mean((1, 2))


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return softplus(logits).sub_(labels * logits)


def shares(batch: int, k: int) -> list[int]:
    """How many of a batch's rows each of k sub-generators makes: k u, (k - 1) u, ..., and the last what is left.

    u = batch // (k (k + 1) / 2): where the batch is smaller than that, the last one makes all.
    """
    u = batch // (k * (k + 1) // 2)
    first = [(k - i) * u for i in range(k - 1)]
    return [*first, batch - sum(first)]


def share_out(G: Generators, noise: torch.Tensor) -> torch.Tensor:
    """Points (batch, d + 1) from noise (batch, d + 1), each generator making its share of the rows."""
    (batch, width), k = noise.shape, len(G.networks)
    rows, mine = _shares_as_indices(batch, k, noise.device)
    return G(noise[rows]).view(-1, width)[mine]


@lru_cache(maxsize=1)
def _shares_as_indices(batch: int, k: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Each generator's rows (k, largest share), filled up with a row made in vain; and which of them count."""
    sizes = shares(batch, k)
    first = np.cumsum([0, *sizes])
    rows = [np.arange(max(sizes)) + start for start in first[:-1]]
    mine = np.concatenate([row < end for row, end in zip(rows, first[1:])]).nonzero()[0]
    return (torch.tensor(np.minimum(rows, batch - 1), device=device), torch.tensor(mine, device=device))


# --- when to stop without labels: rules that see the losses alone ---

# Of the discriminator; a rule decides in between. The rules see no labels, but the bounds were set in view of the
# authors' tables, and on those neither rule comes close to the best epoch.
MIN_UPDATES, MAX_UPDATES = 200, 2000


def generator_settled(history: dict[str, list[Any]], window: int) -> bool:
    """The authors' advice: stop when the downward trend of the generator's loss becomes slow.

    That is when the loss falls a fifth as fast as it once did, in means over `window` epochs.
    """
    loss = _moving_mean(history["generator_loss"], window)
    fall = loss[:-window] - loss[window:]
    return len(fall) > 0 and fall.max() > 0.03 and fall[-1] < fall.max() / 5


def discriminator_guesses(history: dict[str, list[Any]], window: int) -> bool:
    """The game's equilibrium: the discriminator was ahead, and is back at the loss of a guess, ln 2."""
    loss = _moving_mean(history["discriminator_loss"], window)
    return len(loss) > 0 and loss.min() < math.log(2) - 0.02 and loss[-1] > math.log(2) - 0.01


def _moving_mean(values: Sequence[float], window: int) -> np.ndarray:
    sums = np.cumsum([0.0, *values])
    return (sums[window:] - sums[:-window]) / window


RULES = {"auto": generator_settled, "equilibrium": discriminator_guesses}


# --- the detectors ---


@dataclass
class Epoch:
    """What `callback` is given after each epoch. The networks are those that learn: copy them to keep them."""

    number: int  # from 1
    history: dict[str, list[Any]]  # as `history_`, so far
    discriminator: nn.Module  # (m, d) to logits (m, 1)
    generators: list[nn.Sequential]  # of modules, noise (m, d) to points (m, d)


@dataclass(eq=False, repr=False)
class GAAL(TableDetector):
    """What SO-GAAL and MO-GAAL share: `fit` and its checks, scores."""

    stop_epochs: int | str = "auto"
    lr_d: float = 0.01
    lr_g: float = 0.0001
    decay: float = 1e-6
    momentum: float = 0.9
    _: KW_ONLY
    schedule: str = "at-stop"
    device: str = "auto"
    callback: Callable[[Epoch], None] | None = None
    log_dir: PathLike | None = None
    verbose: bool = True

    _cure = "Mostly features outside [0, 1] are the reason, and MinMaxScaler the cure; else lower lr_d."
    _shuffles = False  # in each epoch, not just once before
    k = 1  # unless a subclass lets it be chosen

    def fit(self, X: Any, y: Any = None) -> "GAAL":
        """Train on X.

        Parameters
        ----------
        X : array-like (n, d)
            Finite numbers, best in [0, 1].
        y : array-like (n,) or (n, 1), optional
            Labels, 1 for anomalous and 0 for normal, are only watched: they give the AUC after each epoch
            and change nothing else. A y of other values is ignored, as scikit-learn does.

        Raises
        ------
        ValueError, TypeError
            For parameters or data that cannot be used, and for such labels of another number than rows of X.
        FloatingPointError
            Where the training diverges.
        """
        # The matrices are too small to share out: with several threads a busy machine is 20 times slower.
        with _threadpools().limit(limits=1):
            return super().fit(X, y)

    @torch.no_grad()
    def _fit(self, X: np.ndarray, y: Any) -> None:
        self._check_parameters()
        y = _watched(y, len(X))
        if X.min() < -0.01 or X.max() > 1.01:
            warn(
                f"X spans [{X.min():.3g}, {X.max():.3g}], and {self._name}'s potential outliers start in [0, 1]: "
                "scale the features, for instance with sklearn.preprocessing.MinMaxScaler."
            )
        rng = torch.Generator().manual_seed(seed_from(self.random_state))
        game, shuffled = self._set_up(X, rng)
        n, batch = len(X), len(game.labels) // 2
        history: dict[str, list[Any]] = {name: [] for name in (*self._losses, *(["auc"] if y is not None else []))}
        stop, last, epoch = None, self._latest_stop(n // batch) * self._times(), 0
        with (
            _tensorboard(self.log_dir, X) as write,
            tqdm(total=last, desc=self._name, unit="epoch", disable=not self.verbose) as progress,
        ):
            while epoch < last:
                epoch += 1
                if self._shuffles:
                    shuffled = game.data[torch.randperm(n, generator=rng)]
                losses = [
                    self._step(game, real, self._learning(epoch, stop, i), last=i == n // batch - 1)
                    for i, real in enumerate(shuffled[: n - n % batch].split(batch))
                ]
                recorded = ([loss for loss in each if loss is not None] for each in zip(*losses))
                loss_d, loss_g = (torch.stack(each).mean(0).tolist() for each in recorded)
                for name, loss in zip(self._losses, (loss_d, float(np.mean(loss_g)), loss_g)):
                    history[name].append(loss)
                self._check_losses(history, epoch, X)
                if y is not None:
                    history["auc"].append(auc_by_ranks(y, _scores(game.D.networks[0], X)))
                if stop is None and self._stops(epoch, history, n // batch):
                    stop, scores_at_stop = epoch, _scores(game.D.networks[0], X)
                    last = progress.total = stop * self._times()
                for tell in (write, self.callback):
                    if tell is not None:
                        tell(Epoch(epoch, history, game.D.networks[0], game.G.networks))
                progress.update()

        self.history_, self.scores_at_stop_, self.stop_epoch_, self.n_epochs_ = history, scores_at_stop, stop, epoch
        (self.discriminator_,), self.generators_ = game.D.release(), game.G.release()

    def _set_up(self, X: np.ndarray, rng: torch.Generator) -> tuple[Game, torch.Tensor]:
        """The game at its start, and the rows in the order in which they are taken."""
        device = resolve_device(self.device)
        (n, d), batch = X.shape, min(BATCH, len(X))
        data = torch.tensor(np.c_[X, np.ones(n)], dtype=torch.get_default_dtype(), device=device)
        shuffled = data[torch.randperm(n, generator=rng)]
        discriminator, generator = (network.to(device) for network in self._start(d, n, rng))
        rate_d, rate_g = (partial(self._rate, float(lr), float(self.decay)) for lr in (self.lr_d, self.lr_g))
        D = Discriminator(discriminator, rate_d, self.momentum)
        generators = [generator, *(copy.deepcopy(generator) for _ in range(1, self.k))]
        G = Generators(generators, rate_g, self.momentum)
        labels = data.new_tensor([1.0, 0.0]).repeat_interleave(batch)[:, None]
        noise = data.new_ones(batch, d + 1)

        def draw() -> torch.Tensor:
            noise[:, :-1] = torch.rand(batch, d, generator=rng)
            return noise

        return Game(D, G, data, labels, draw), shuffled

    @staticmethod
    def _start(d: int, n: int, rng: torch.Generator) -> tuple[nn.Sequential, nn.Sequential]:
        """A discriminator and a generator, like which all k start."""
        return make_discriminator(d, n, rng), make_generator(d)

    @staticmethod
    def _rate(lr: float, decay: float, updates: int) -> float:
        """What a gradient is multiplied by after so many updates: Keras's decay."""
        return lr / (1 + decay * updates)

    def _learning(self, epoch: int, stop: int | None, batch: int) -> bool:
        """Whether the generators learn, which they do a little longer than until the stop."""
        return stop is None or (epoch == stop + 1 and batch < self._batches_after_stop)

    def _times(self) -> int:
        return 3 if self.schedule == "full" else 1

    def _latest_stop(self, n_batches: int) -> int:
        return math.ceil(MAX_UPDATES / n_batches) if self.stop_epochs in RULES else int(self.stop_epochs)

    def _stops(self, epoch: int, history: dict[str, list[Any]], n_batches: int) -> bool:
        if epoch == self._latest_stop(n_batches):
            return True
        if self.stop_epochs not in RULES or epoch * n_batches < MIN_UPDATES:
            return False
        return RULES[self.stop_epochs](history, window=math.ceil(20 / n_batches))

    def _check_losses(self, history: dict[str, list[Any]], epoch: int, X: np.ndarray) -> None:
        for name in ("discriminator_loss", "generator_loss"):
            if not math.isfinite(loss := history[name][-1]):
                raise FloatingPointError(
                    f"{self._name} diverged: the {name} is {loss} in epoch {epoch}. Lower lr_d={self.lr_d} or "
                    f"lr_g={self.lr_g}, and scale the features to [0, 1]; they span [{X.min():.3g}, {X.max():.3g}]."
                )

    def _anomaly_score(self, X: np.ndarray) -> np.ndarray:
        return _scores(self.discriminator_, X)

    def _check_X(self, X: Any, reset: bool) -> np.ndarray:
        X = super()._check_X(X, reset)
        if np.abs(X).max() > (largest := np.finfo(np.float32).max):
            raise ValueError(
                f"X must lie within +-{largest:.3g}, the largest float32; got {X.flat[np.abs(X).argmax()]:.3g}. "
                "Is that a mark for a missing value?"
            )
        return X

    def _check_parameters(self) -> None:
        check_scalar(self.k, "k", Integral, min_val=1)
        if not (isinstance(self.stop_epochs, str) and self.stop_epochs in RULES):
            if isinstance(self.stop_epochs, str):
                raise ValueError(f"stop_epochs must be an int or one of {tuple(RULES)}; got {self.stop_epochs!r}.")
            check_scalar(self.stop_epochs, "stop_epochs", Integral, min_val=1)
        check_number("lr_d", self.lr_d, include_boundaries="neither")
        check_number("lr_g", self.lr_g, include_boundaries="neither")
        check_number("decay", self.decay)
        check_number("momentum", self.momentum, max_val=1, include_boundaries="left")
        if not (self.callback is None or callable(self.callback)):
            raise TypeError(f"callback must be a function of an Epoch; got {self.callback!r}.")
        if self.schedule not in (allowed := ("full", "at-stop")):
            raise ValueError(f"schedule must be one of {allowed}; got {self.schedule!r}.")


@dataclass(eq=False, repr=False, kw_only=True)
class SOGAAL(GAAL):
    """Single-objective generative adversarial active learning, for tables (n, d).

    The data are used as they are: **scale the features to [0, 1]**, where the generator's noise lies.
    The anomaly score is 1 - D(x), in [0, 1]. Training moves through good and bad epochs, so a score means
    little without the epoch at which it was taken. Computes in torch's default dtype.

    Parameters
    ----------
    stop_epochs : int, "auto" or "equilibrium", default "auto"
        Epochs in which the generator learns; with schedule="full", as in the script, it learns in one more.
        "auto" stops where the fall of the generator's loss becomes slow, the authors' advice; "equilibrium" where
        the discriminator, having been ahead, is back at guessing. Both see no labels and stop after 200 to 2000
        updates.
    lr_d, lr_g : float, default 0.01 and 0.0001
        Learning rates of the discriminator and the generator.
    decay : float, default 1e-6
        Keras's decay of the learning rates, lr / (1 + decay * updates so far).
    momentum : float in [0, 1), default 0.9
        Of both optimisers.
    schedule : "at-stop" or "full", default "at-stop"
        Train until the stop, or as the script does three times as far, with the generator frozen.
    contamination : float in (0, 0.5] or None, default 0.1
        Share of outliers that sets the threshold of `predict`; None for none.
    random_state : int, RandomState or None, default None
        On a CPU an int gives the same scores each time.
    device : str, default "auto"
        Where to train: "auto", "cpu", "cuda", ... Scores are computed on the CPU.
    callback : callable, optional
        Called with an `Epoch` after each epoch.
    log_dir : path, optional
        Folder for TensorBoard's curves of all that `history_` holds (`pip install tensorboard matplotlib`).
    verbose : bool, default True
        Whether to show a progress bar.

    Attributes
    ----------
    history_ : dict of lists
        One value per epoch: "discriminator_loss" and "generator_loss" (means over the batches), and "auc" if
        `fit` was given labels to watch.
    stop_epoch_, n_epochs_ : int
        The epoch of the stop, and how many were run.
    scores_at_stop_ : array (n,)
        Anomaly scores of the training data after epoch `stop_epoch_`.
    generator_, discriminator_ : torch.nn.Sequential
        The trained networks, on the CPU; the discriminator returns logits.

    References
    ----------
    Liu et al., arXiv:1809.10816, section 3.2; SO-GAAL.py of the authors' repository.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.RandomState(0)
    >>> X = np.r_[rng.normal(0.5, 0.08, (190, 2)), rng.uniform(0, 1, (10, 2))]
    >>> detector = SOGAAL(stop_epochs=300, random_state=0, verbose=False).fit(X)
    >>> far, near = detector.anomaly_score([[0.05, 0.95], [0.5, 0.5]])
    >>> bool(far > near)
    True
    """

    _name = "SO-GAAL"
    _losses = ("discriminator_loss", "generator_loss")
    _step = staticmethod(so_gaal_step)
    _batches_after_stop = math.inf  # all of an epoch, after which the script compares

    @property
    def generator_(self) -> nn.Sequential:
        return self.generators_[0]


@dataclass(eq=False, repr=False, kw_only=True)
class MOGAAL(GAAL):
    """Multiple-objective generative adversarial active learning, for tables (n, d).

    k sub-generators against one discriminator: each aims at another quantile of the scores of the data, so
    that together they do not end up on one spot, as SO-GAAL's may. With k = 1 it is not SO-GAAL: the
    generator aims at the data's minimum of D instead of 1, learns from noise of its own, and for one batch
    after the stop instead of one epoch.

    Parameters
    ----------
    stop_epochs : int, "auto" or "equilibrium", default "auto"
        As SOGAAL's; with schedule="full", as in the script, the generators learn in one more batch.
    k : int, default 10
        Number of sub-generators. Of a batch of m rows, u = m // (k (k + 1) / 2), they make k u, (k - 1) u, ...
        and the last one what is left: all, where k (k + 1) / 2 exceeds m.
    lr_d, lr_g, decay, momentum, schedule, contamination, random_state, device, callback, log_dir, verbose
        As SOGAAL's.

    Attributes
    ----------
    history_ : dict of lists
        As SOGAAL's; "generator_loss" is the mean over the sub-generators, "sub_generator_loss" has k values
        per epoch. After the stop these are the losses in an epoch's last batch, to save most of the time.
    generators_ : list of torch.nn.Sequential
        The k trained sub-generators, on the CPU.
    stop_epoch_, n_epochs_, scores_at_stop_, discriminator_
        As SOGAAL's.

    References
    ----------
    Liu et al., arXiv:1809.10816, section 3.3; MO-GAAL.py of the authors' repository.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.RandomState(0)
    >>> X = np.r_[rng.normal(0.5, 0.08, (190, 2)), rng.uniform(0, 1, (10, 2))]
    >>> detector = MOGAAL(stop_epochs=300, k=3, random_state=0, verbose=False).fit(X)
    >>> far, near = detector.anomaly_score([[0.05, 0.95], [0.5, 0.5]])
    >>> bool(far > near)
    True
    """

    _name = "MO-GAAL"
    _losses = ("discriminator_loss", "generator_loss", "sub_generator_loss")
    _step = staticmethod(mo_gaal_step)
    _batches_after_stop = 1  # after which the script compares

    k: int = 10


def fit_repetitions(
    detector: GAAL, X: Any, seeds: Iterable[int], y: Any = None, *, n_jobs: int | None = None
) -> list[GAAL]:
    """Fit clones of `detector` side by side, one for each seed.

    With a `log_dir`, each has a folder of its own in it, "seed-0" and so on.

    Parameters
    ----------
    detector : SOGAAL or MOGAAL
        Not fitted itself.
    X, y : as for `fit`
    seeds : sequence of int
    n_jobs : int, optional
        How many processes to fit in at the same time, as joblib's; they are threads where a callback is to see
        the training.

    Returns
    -------
    list of fitted detectors, each the same to the bit as alone.
    """

    def alone(seed: int) -> GAAL:
        log_dir = detector.log_dir and as_path("log_dir", detector.log_dir) / f"seed-{seed}"
        return clone(detector).set_params(random_state=seed, log_dir=log_dir)

    fits = (delayed(_fitted)(alone(seed), X, y, torch.get_default_dtype()) for seed in seeds)
    with _threadpools().limit(limits=1):  # else fits in threads would leave the limit that another one has set
        return Parallel(n_jobs, prefer="threads" if detector.callback else "processes")(fits)


def _fitted(detector: GAAL, X: Any, y: Any, dtype: torch.dtype) -> GAAL:
    """The detector, fitted in this default dtype, which a process of its own would not have."""
    with own_state(dtype):
        return detector.fit(X, y)


@lru_cache(maxsize=1)
def _threadpools() -> ThreadpoolController:
    """Those of numpy and torch, looked for once: that takes longer than many a step of training."""
    return ThreadpoolController()


@contextmanager
def _tensorboard(log_dir: PathLike | None, X: np.ndarray) -> Iterator[Callable[[Epoch], None] | None]:
    """A callback that writes the history's latest values to `log_dir`, and after epochs 1, 2, 4, 8, ... a figure."""
    if log_dir is None:
        yield None
        return
    log_dir = as_path("log_dir", log_dir)
    try:
        import matplotlib.figure  # noqa: F401  # TensorBoard's figures are matplotlib's
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as missing:
        raise ImportError(
            f"log_dir={str(log_dir)!r} needs TensorBoard and matplotlib ({missing}): pip install tensorboard matplotlib"
        ) from missing
    noise = torch.rand(200, X.shape[1], generator=torch.Generator().manual_seed(0))

    def write(epoch: Epoch) -> None:
        for name, values in epoch.history.items():
            for i, value in enumerate(np.atleast_1d(values[-1])):
                writer.add_scalar(f"{name}/{i}" if np.ndim(values[-1]) else name, value, epoch.number)
        if epoch.number & (epoch.number - 1) == 0:
            points = [generator(noise.to(next(generator.parameters()))).cpu() for generator in epoch.generators]
            writer.add_figure("generated points", _drawn(X, points), epoch.number)
        writer.flush()

    with SummaryWriter(log_dir) as writer:
        yield write


def _drawn(X: np.ndarray, points: list[torch.Tensor]) -> Any:
    """Data X (n, d) and what each generator makes, in the plane of the data's two main directions."""
    from matplotlib.figure import Figure

    plane = np.linalg.svd(X - X.mean(0), full_matrices=False)[2][:2].T if X.shape[1] > 2 else np.eye(X.shape[1])
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    for name, rows in (("data", X), *((f"generator {i}", of.numpy()) for i, of in enumerate(points))):
        shown = rows @ plane
        axes.scatter(shown[:, 0], shown[:, -1], s=4, label=name)
    figure.legend(loc="outside right upper")
    return figure


def _scores(discriminator: nn.Sequential, X: np.ndarray) -> np.ndarray:
    """1 - D(x), from the logits and in double precision, so that the lowest scores are not tied.

    Weights are copied as contiguous: during training they are views, which some processors multiply in another order.
    """
    scores = []
    for x in torch.tensor(X, dtype=torch.float64).split(ROWS):
        for layer in discriminator:
            if isinstance(layer, nn.Linear):
                x = linear(x, *(w.detach().cpu().double().contiguous() for w in (layer.weight, layer.bias)))
            else:
                x.relu_()  # in place: of a large table the system takes longer to give the memory than the layers take
        scores.append(torch.sigmoid(-x).squeeze(1).numpy())
    return np.concatenate(scores)


def auc_by_ranks(y: np.ndarray, scores: np.ndarray) -> float:
    """ROC-AUC from ranks, ties half: scikit-learn's would take longer than the epoch that it watches."""
    n_out, n_in = np.sum(y == 1), np.sum(y == 0)
    return float((rankdata(scores)[y == 1].sum() - n_out * (n_out + 1) / 2) / (n_out * n_in))


def _watched(y: Any, n: int) -> np.ndarray | None:
    """Labels of 0 and 1 as (n,), or None for whatever else."""
    try:
        y = np.asarray(y.detach().cpu() if isinstance(y, torch.Tensor) else y)
    except ValueError:  # ragged
        return None
    if y.dtype.kind not in "biuf" or not np.array_equal(np.unique(y), [0, 1]):
        return None
    if y.shape not in ((n,), (n, 1)):
        raise ValueError(f"y and X have inconsistent numbers of samples: [{n}, {len(y)}]")
    return y.ravel()
