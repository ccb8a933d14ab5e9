"""ADGAN: anomaly detection by searching a generator's latent space (Deecke et al. 2018, algorithm 1)."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted
from tqdm import tqdm

from .base import RandomState, own_state, resolve_device, seed_from, standard_normal, starting_points
from .copies import BETAS, FrozenCopies, Prepared, check_finite, copies_of
from .gan import GANDetector
from .images import ImagesLike, as_images
from .losses import Loss, squared_l2
from .training import check_number


@own_state()
def plain_search(
    generator: torch.nn.Module,
    x: torch.Tensor,
    z: torch.Tensor,
    *,
    n_steps: int = 5,
    lr_z: float = 0.25,
    lr_theta: float = 5e-5,
    loss: Loss = squared_l2,
) -> "SearchResult":
    """Algorithm 1 as printed, one start after the other: slow, to read and to measure `latent_search` by.

    x (n, channels, height, width) and the starting points z (n, s, latent_size) -> SearchResult.
    """
    z, trained = torch.as_tensor(z).to(x, copy=True), generator.state_dict()
    g = copy.deepcopy(generator).to(x).eval()  # g_theta
    losses, made = x.new_empty(*z.shape[:2], n_steps + 1), x.new_empty(*z.shape[:2], *x.shape[1:])
    for i, j in np.ndindex(*z.shape[:2]):  # of image i: for j = 1 to n_seed do
        g.load_state_dict(trained)  # theta_j,0 = theta
        z_j = z[i, j : j + 1].clone().requires_grad_()  # z_j,0 ~ p_z
        groups = [{"params": z_j, "lr": lr_z}, {"params": g.parameters(), "lr": lr_theta}]
        adam = torch.optim.Adam(groups, betas=BETAS)  # in place of plain descent: section 4.2
        for t in range(n_steps):  # for t = 1 to k do
            value = loss(g(z_j), x[i : i + 1])
            losses[i, j, t] = value.detach()
            adam.zero_grad()
            value.backward()  # the gradients of l(g(z_j), x) by z_j and by theta_j
            adam.step()  # z_j,t <- z_j,t-1 - ...; theta_j,t <- theta_j,t-1 - ...
        with torch.no_grad():
            image = g(z_j)
            losses[i, j, n_steps] = loss(image, x[i : i + 1])  # l(g_theta_j,k (z_j,k), x)
        made[i, j] = image[0]
        z[i, j] = z_j.detach()
    nearest = made[torch.arange(len(x)), losses[:, :, -1].argmin(1)]
    found = losses.double(), z, nearest
    return SearchResult(*(values.cpu().numpy() for values in found))  # its `scores`: the mean over j


@dataclass
class SearchResult:
    """What a latent search found, for n images and s = n_seeds starting points each.

    Attributes
    ----------
    losses_by_step : array (n, s, n_steps + 1)
        The loss before the first step, ..., after the last.
    z : array (n, s, latent_size)
        The final latents.
    nearest : array (n, channels, height, width)
        The final image of the start with the smallest final loss.
    """

    losses_by_step: np.ndarray
    z: np.ndarray
    nearest: np.ndarray

    @property
    def losses(self) -> np.ndarray:
        """(n, s): the loss after the last step."""
        return self.losses_by_step[:, :, -1]

    @property
    def scores(self) -> np.ndarray:
        """(n,): the mean over starts of the final losses, ADGAN's anomaly score."""
        return self.losses.mean(1)


@own_state()
def latent_search(
    generator: torch.nn.Module,
    x: ImagesLike,
    *,
    n_seeds: int = 64,
    n_steps: int = 5,
    lr_z: float = 0.25,
    lr_theta: float = 5e-5,
    loss: Loss = squared_l2,
    prior: Callable[..., torch.Tensor] = standard_normal,
    starts: Any = None,
    latent_size: int | None = None,
    random_state: RandomState = None,
    device: str | torch.device = "auto",
    max_memory: float | None = None,
    verbose: bool = True,
) -> SearchResult:
    """Search the generator's latent space for each image: algorithm 1 of the ADGAN paper, batched.

    Each of n_seeds starting points of each image has its own latent z and its own copy of all the
    generator's parameters theta, reset to the trained values; n_steps of Adam move both. The
    defaults are the paper's (section 4.2 and its footnote 9).

    It is `plain_search` for all starts at once. Adam works element by element, so on stacked copies it is
    Adam on each; and the gradient of the sum of all losses is, for each copy, that of its own loss.

    Parameters
    ----------
    generator : torch.nn.Module
        It maps (m, latent_size) or (m, latent_size, 1, 1) to images (m, channels, height, width) in [-1, 1], as x
        is. It is neither changed nor put in another mode. It is searched in evaluation mode: BatchNorm normalises
        with its running statistics. Algorithm 1 feeds it a batch of one; in training mode BatchNorm would normalise
        by that image's own statistics, and the running ones would drift from search to search. BatchNorm's scale and
        shift are parameters, so they adapt with the rest.
    x : images (n, channels, height, width)
        In [-1, 1], or uint8; see `as_images`.
    n_seeds, n_steps : int, default 64 and 5
        Starting points of each image, and steps from each.
    lr_z, lr_theta : float, default 0.25 and 5e-5
        Adam's step sizes, both with betas (0.5, 0.999). lr_theta=0 leaves theta as trained (an ablation), at a
        fraction of the cost.
    loss : callable, default `losses.squared_l2`
        Maps generated images and x, (m, channels, height, width) each, to losses (m,).
    prior : callable, default standard normal
        Maps n, latent_size and a torch.Generator to latents (n, latent_size): those that the generator was
        trained with.
    starts : array (n, s, latent_size) or (n, latent_size), optional
        Starting points of each image, or its only one, in place of points drawn from the prior; their number s then
        takes the place of n_seeds. For instance what an approximate inverse of the generator makes of x.
    latent_size : int, optional
        Needed where the generator has neither an attribute of that name nor a linear or convolutional layer.
    random_state : int, RandomState or None, default None
        The starting points of an image depend on it and on the image's own pixels alone. So a score does not
        depend on what else is searched, in whatever order, but for rounding.
    device : str, default "auto"
        "auto" is CUDA where there is one.
    max_memory : float or None, default None
        Bytes that the generator and the copies searched at one time may take, with their optimiser and
        activations. The result comes on top, in main memory. None: half of what is free on a GPU, a size that
        suits the caches on a CPU. Running out of GPU memory halves it.
    verbose : bool, default True
        Whether to show a progress bar.

    Returns
    -------
    SearchResult

    Raises
    ------
    ValueError, TypeError
        For arguments that do not fit.
    FloatingPointError
        If a loss stops being finite.

    Notes
    -----
    A search is bound by memory where arithmetic is fast enough: with P parameters one step of a dense copy moves about
    40 P bytes. The first layer of a DCGAN-like generator, most of P, needs but 16 a parameter, see
    `copies.OuterProducts`, and is compiled where much is to be searched and a compiler is there. The book's
    page "What a search costs" counts and measures it.

    Examples
    --------
    >>> import torch
    >>> from ganod_lite.dcgan import Generator
    >>> x = torch.rand(3, 1, 8, 8) * 2 - 1
    >>> found = latent_search(Generator((1, 8, 8), 6, 4), x, n_seeds=2, random_state=0, verbose=False)
    >>> found.scores.shape, found.losses.shape, found.z.shape
    ((3,), (3, 2), (3, 2, 6))
    """
    images, seed = as_images(x, name="x"), seed_from(random_state)
    given = None if starts is None else _as_starts(starts, len(images))
    n_seeds = n_seeds if given is None else given.shape[1]
    copies, chunk = prepare_search(
        generator, images, n_seeds, n_steps, lr_z, lr_theta, loss, latent_size, device, max_memory
    )
    latent_size = copies.generator.latent_size
    if given is None:
        z = torch.stack([starting_points(image, n_seeds, latent_size, prior, seed) for image in images])
    elif given.shape[2] == latent_size:
        z = given
    else:
        raise ValueError(f"starts: the generator's latents have {latent_size} numbers; got {given.shape[2]}.")
    z = z.reshape(-1, latent_size)  # (n, s, latent_size) -> (c = n * s, latent_size): copy after copy
    losses, start = torch.empty(len(z), n_steps + 1), 0
    nearest, smallest = torch.empty_like(images), torch.full((len(images),), torch.inf)
    with tqdm(total=len(images), unit="image", desc="latent search", disable=not verbose) as bar:
        while start < len(z):
            part = slice(start, start + chunk)
            owner = torch.arange(len(z))[part] // n_seeds
            try:
                found = _search(copies, images[owner], z[part], n_steps, loss)
            except torch.OutOfMemoryError:
                if chunk == 1:
                    raise
                chunk = (chunk + 1) // 2
                continue
            losses[part], z[part], made = found
            _keep_nearest(nearest, smallest, made, losses[part, -1], owner)
            start += chunk
            bar.update(min(start, len(z)) // n_seeds - bar.n)
    losses, z = losses.view(len(images), n_seeds, -1), z.view(len(images), n_seeds, -1)
    advice = f"Check the generator's weights, or lower lr_z (got {lr_z}) or lr_theta (got {lr_theta})."
    check_finite("latent_search", losses, advice)
    return SearchResult(losses.double().numpy(), z.numpy(), nearest.numpy())


def _as_starts(starts: Any, n: int) -> torch.Tensor:
    """The starting points given for n images as a tensor of their own, (n, s, latent_size)."""
    try:
        z = torch.as_tensor(starts).detach().to("cpu", torch.float32, copy=True)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"starts must be an array of numbers; got {starts!r}.") from error
    z = z[:, None] if z.ndim == 2 else z
    if z.ndim != 3 or len(z) != n or z.shape[1] == 0:
        raise ValueError(f"starts must be (n, s, latent_size) or (n, latent_size) for n = {n}; got {np.shape(starts)}.")
    if not torch.isfinite(z).all():
        raise ValueError("starts must be finite; got NaN or infinity.")
    return z


def prepare_search(
    generator: torch.nn.Module,
    images: torch.Tensor,
    n_seeds: int,
    n_steps: int,
    lr_z: float,
    lr_theta: float,
    loss: Loss,
    latent_size: int | None,
    device: str | torch.device,
    max_memory: float | None,
) -> tuple[FrozenCopies, int]:
    """Check all that `latent_search` can check before it searches.

    Returns the copies to search with, and how many of them to search at one time.
    """
    check_scalar(n_seeds, "n_seeds", Integral, min_val=1)
    check_scalar(n_steps, "n_steps", Integral, min_val=0)
    check_number("lr_z", lr_z)
    check_number("lr_theta", lr_theta)
    if not callable(loss):
        raise TypeError(f"loss must be a function of generated images and x; got {loss!r}.")
    if max_memory is not None:
        check_number("max_memory", max_memory)
    prepared = Prepared(generator, latent_size, resolve_device(device))
    prepared.check(images)
    n_copies = len(images) * n_seeds
    copies = copies_of(prepared, float(lr_z), float(lr_theta), n_steps, n_copies)
    return copies, min(copies.how_many(images[:1], loss, max_memory), n_copies)


def _search(
    copies: FrozenCopies, x: torch.Tensor, z: torch.Tensor, n_steps: int, loss: Loss
) -> tuple[torch.Tensor, ...]:
    """Algorithm 1's inner loop for c copies of theta, all at once.

    x (c, channels, height, width), z (c, latent_size); returns the losses (c, n_steps + 1), the final z and the final
    images (c, channels, height, width), these where they were made.
    """
    x = x.to(copies.generator.device, copies.generator.dtype)
    z = copies.start(z)  # z_j,0 ~ p_z and theta_j,0 = theta, for all starts j of all images
    losses = []
    for t in range(n_steps + 1):  # for t = 1 to k do, and the loss after the last step
        with torch.set_grad_enabled(bool(t < n_steps)):
            made = copies.generate(z)
            losses.append(loss(made, x))  # l(g_theta_j,t (z_j,t), x): (c,)
            if losses[t].shape != z.shape[:1]:
                raise ValueError(f"loss must return {len(z)} losses for {len(z)} images; got {tuple(losses[t].shape)}.")
        if t < n_steps:
            losses[t].sum().backward()
            copies.step()  # z_j,t+1 <- ..., theta_j,t+1 <- ...
    return torch.stack(losses, 1).detach().cpu(), z.detach().cpu(), made.detach()


def _keep_nearest(
    nearest: torch.Tensor, smallest: torch.Tensor, made: torch.Tensor, losses: torch.Tensor, owner: torch.Tensor
) -> None:
    """Take over into `nearest` (n, ch, h, w) what is nearer to an image than all before, and its loss into `smallest`.

    Of c copies: images `made` (c, ch, h, w), losses (c,), and whose they are, owner (c,).
    """
    for i in owner.unique():
        row = losses.where(owner == i, torch.inf).argmin()
        if losses[row] < smallest[i]:
            smallest[i], nearest[i] = losses[row], made[row]


@dataclass(eq=False, repr=False, kw_only=True)
class ADGAN(GANDetector):
    """The ADGAN detector: a WGAN trained on normal images, then `latent_search` for each image to score.

    X is images as `as_images` takes them: square, of 8, 16, 32, 64, ... pixels.

    Parameters
    ----------
    n_iter : int, default 10,000
        Generator steps of the training. The paper gives no number.
    latent_size, ngf, batch_size : int, default 256, 64 and 64
        The sizes of the training, see `train_gans`. The paper gives no batch size.
    objective : "wgan", "wgan-gp", "gan" or "lsgan", default "wgan"
        What the GAN is trained on, see `train_gans`.
    generator : torch.nn.Module or None, default None
        A trained generator to search instead, any that `latent_search` takes; `fit` then only sets the
        threshold. Give `latent_size` too, unless the generator has an attribute of that name.
    n_seeds, n_steps, lr_z, lr_theta, loss, max_memory
        The search, see `latent_search`.
    contamination : float in (0, 0.5] or None, default 0.1
        The share of training images that `predict` is to call outliers; None for no threshold, which saves
        searching the images it is set on.
    random_state : int, RandomState or None, default None
        An int gives the same training, to the bit on a CPU, and the same starting points each time.
    checkpoint : path or None, default None
        A file for the state of the training, from which a `fit` that was interrupted goes on; it is removed once
        `fit` is done. It needs an int `random_state`. See `training.Training.run`.
    device : str, default "auto"
        "auto" is CUDA where there is one.
    verbose : bool, default True
        Whether to show progress bars.

    Attributes
    ----------
    generator_, critic_ : torch.nn.Module
        The trained networks; `critic_` is None where the generator was given.
    critic_loss_, generator_loss_ : list of float
        A value per training step.
    offset_ : float
        The threshold of `score_samples`.
    image_shape_, n_features_in_ : tuple and int
        (channels, height, width) and their product.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.RandomState(0).randint(256, size=(20, 8, 8)).astype(np.uint8)
    >>> detector = ADGAN(3, latent_size=4, ngf=4, n_seeds=2, random_state=0, verbose=False).fit(X)
    >>> detector.anomaly_score(X).shape
    (20,)
    """

    objective: str = "wgan"
    n_seeds: int = 64
    n_steps: int = 5
    lr_z: float = 0.25
    lr_theta: float = 5e-5
    loss: Loss = squared_l2
    max_memory: float | None = None

    SEARCH = ("n_seeds", "n_steps", "lr_z", "lr_theta", "loss", "max_memory")

    def _prepare_search(self, generator: torch.nn.Module, critic: torch.nn.Module | None, X: torch.Tensor) -> None:
        prepare_search(generator, X[:1], **self._search_options(generator))

    def search(self, X: ImagesLike) -> SearchResult:
        """The latent search behind the scores of X, as a SearchResult."""
        check_is_fitted(self)
        options = self._search_options(self.generator_)
        return latent_search(self.generator_, X, random_state=self.seed_, verbose=self.verbose, **options)

    def _explain(self, X: Any) -> Any:
        return self.search(X).nearest, self.loss
