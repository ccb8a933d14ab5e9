"""SO-GAAL: a generator makes potential outliers, a discriminator learns the border between them and the data.

Liu et al., "Generative Adversarial Active Learning for Unsupervised Outlier Detection",
arXiv:1809.10816; the details are those of the authors' Keras script
(github.com/leibinghe/GAAL-based-outlier-detection, SO-GAAL.py), which decide the result.
"""

import math
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.utils import check_consistent_length, check_scalar
from threadpoolctl import threadpool_limits
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from torch.nn.utils import skip_init
from tqdm import tqdm

from .base import TableDetector, resolve_device, seed_from

BATCH = 500  # at most; the script's


class SOGAAL(TableDetector):
    """Single-objective generative adversarial active learning, for tables (n, d).

    The data are used as they are: **scale the features to [0, 1]**, where the generator's noise lies.
    The anomaly score is 1 - D(x), in [0, 1]. Training moves through good and bad epochs, so a score
    means little without the epoch it was taken at: at `stop_epochs`, where the generator stops
    learning, or at the end, three times as far. Computes in torch's default dtype.

    Parameters
    ----------
    stop_epochs : epochs in which the generator learns. As in the script, which compares after the
        fact, it learns in one more.
    lr_d, lr_g : learning rates of the discriminator and the generator.
    decay : Keras's decay of the learning rates, lr / (1 + decay * updates so far).
    momentum : of both optimisers.
    schedule : "full" trains for 3 * stop_epochs, "at-stop" for stop_epochs.
    variant : "official", the Keras script; or "post", the PyTorch version of
        qarchli.github.io/2020-05-10-gans-for-outlier-detection, which uses `decay` as the dampening of
        SGD's momentum, shuffles in each epoch, and starts the discriminator from Xavier-normal weights
        and biases of 0.05.
    generator_bias : the generator's first biases. The script has 0; the post shows 1 and 1e-5.
    contamination : share of outliers in (0, 0.5] that sets the threshold of `predict`; None for none.
    random_state : int, RandomState or None; on a CPU an int gives the same scores each time.
    device : "auto", "cpu", "cuda", ...: where to train. Scores are computed on the CPU.
    verbose : whether to show a progress bar.

    Attributes
    ----------
    history_ : dict of lists, one value per epoch: "discriminator_loss" and "generator_loss" (means
        over the batches), and "auc" if `fit` was given labels to watch.
    scores_at_stop_ : anomaly scores (n,) of the training data after epoch `stop_epochs`.
    generator_, discriminator_ : the trained networks, on the CPU; the discriminator returns logits.
    """

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

    # The matrices are too small to share out: with several threads a busy machine is 20 times slower.
    @threadpool_limits.wrap(limits=1)
    def fit(self, X, y=None):
        """Train on X (n, d).

        Labels y (n,) with 1 for anomalous and 0 for normal are only watched: they give the AUC after
        each epoch and change nothing else. Any other y is ignored, as scikit-learn does.
        Raises ValueError for parameters or data that cannot be used, FloatingPointError where the
        training diverges.
        """
        self._check_parameters()
        X = self._check_X(X, reset=True)
        y = None if y is None else np.asarray(y)
        watching = y is not None and np.array_equal(np.unique(y), [0, 1])
        if watching:
            check_consistent_length(X, y)

        device = resolve_device(self.device)
        rng = torch.Generator().manual_seed(seed_from(self.random_state))
        n, d = X.shape
        batch = min(BATCH, n)
        data = torch.tensor(X, dtype=torch.get_default_dtype(), device=device)
        shuffled = data[torch.randperm(n, generator=rng)]
        generator = make_generator(d, self.generator_bias).to(device)
        discriminator = make_discriminator(d, n, self.variant, rng).to(device)
        sgd = partial(SGD, momentum=self.momentum, decay=self.decay, variant=self.variant)
        optimiser_d = sgd(discriminator.parameters(), self.lr_d)
        optimiser_g = sgd(generator.parameters(), self.lr_g)
        real_label, fake_label = data.new_ones(batch, 1), data.new_zeros(batch, 1)
        labels = torch.cat([real_label, fake_label])

        history = {"discriminator_loss": [], "generator_loss": []} | ({"auc": []} if watching else {})
        n_epochs = self.stop_epochs * (3 if self.schedule == "full" else 1)
        for epoch in tqdm(range(1, n_epochs + 1), desc="SO-GAAL", unit="epoch", disable=not self.verbose):
            if self.variant == "post":
                shuffled = data[torch.randperm(n, generator=rng)]
            losses = []
            for real in shuffled[: n - n % batch].split(batch):
                fake = generator(torch.rand(batch, d, generator=rng).to(device))
                # One mean over real and generated points together.
                loss_d = cross_entropy(discriminator(torch.cat([real, fake.detach()])), labels)
                optimiser_d.step(loss_d)
                # The same points, seen by the discriminator as it is now.
                loss_g = cross_entropy(discriminator(fake), real_label)
                if epoch <= self.stop_epochs + 1:
                    optimiser_g.step(loss_g)
                losses.append(torch.stack([loss_d.detach(), loss_g.detach()]))

            for name, loss in zip(("discriminator_loss", "generator_loss"), torch.stack(losses).mean(0).tolist()):
                history[name].append(loss)
                if not math.isfinite(loss):
                    raise FloatingPointError(
                        f"SO-GAAL diverged: the {name} is {loss} in epoch {epoch}. Lower lr_d={self.lr_d} or "
                        f"lr_g={self.lr_g}, and scale the features to [0, 1]; they span "
                        f"[{X.min():.3g}, {X.max():.3g}]."
                    )
            if epoch == self.stop_epochs:
                scores_at_stop = _scores(discriminator, X)
            if watching:
                history["auc"].append(_auc(y, _scores(discriminator, X)))

        self.history_, self.scores_at_stop_ = history, scores_at_stop
        self.generator_, self.discriminator_ = generator.cpu(), discriminator.cpu()
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
        for name, allowed in (("schedule", ("full", "at-stop")), ("variant", ("official", "post"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}; got {getattr(self, name)!r}.")
        self._check_contamination()


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
        if variant == "post":
            nn.init.xavier_normal_(layer.weight, generator=rng)
            nn.init.constant_(layer.bias, 0.05)
        else:  # Keras's VarianceScaling(1, "fan_in", "normal"), which truncates at two deviations
            std = layer.in_features**-0.5
            nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std, generator=rng)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1])


class SGD:
    """Keras's SGD with momentum: v <- momentum v - lr gradient; w <- w + v.

    The official variant lowers lr with each update to lr / (1 + decay * updates). In the post's, `decay`
    is the `dampening` of torch.optim.SGD, which scales each gradient but the first by 1 - decay.
    """

    def __init__(self, weights, lr, momentum, decay, variant):
        self.weights = list(weights)
        self.velocities = [torch.zeros_like(weight) for weight in self.weights]
        self.lr, self.momentum, self.decay, self.variant = lr, momentum, decay, variant
        self.updates = 0

    def step(self, loss):
        """Descend once along the gradient of `loss` with respect to these weights alone."""
        if self.variant == "post":
            lr = self.lr * (1 - self.decay if self.updates else 1)
        else:
            lr = self.lr / (1 + self.decay * self.updates)
        gradients = torch.autograd.grad(loss, self.weights)
        with torch.no_grad():
            for weight, velocity, gradient in zip(self.weights, self.velocities, gradients):
                velocity.mul_(self.momentum).sub_(gradient, alpha=lr)
                weight.add_(velocity)
        self.updates += 1
