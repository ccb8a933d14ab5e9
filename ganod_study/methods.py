"""The registry: every method and experiment is one row of METHODS.

A row's function `compute(job, cell)` returns the cell's arrays by name, "scores" first, and details for its record.
What several cells share (a fit, a network, a search) is made by the row's `shares(job, cell)` when first asked for;
its seconds are in a record or detail of its own, not in the cell's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from ganod_lite.adgan import latent_search, plain_search
from ganod_lite.anogan import anogan_search
from ganod_lite.autoencoders import autoencoder_scores
from ganod_lite.base import standard_normal, starting_points
from ganod_lite.gaal import MOGAAL, SOGAAL
from ganod_lite.gan import new_networks
from ganod_lite.images import as_images
from ganod_lite.losses import squared_l2

from . import baselines, classical, datasets, tabular
from .networks import AUTOENCODER, TRAINING, diversity
from .other_scores import posterior_scores, prior_scores
from .other_searches import laplacian_pyramid, search_in_turn, train_encoder
from .store import beside, stopwatch
from .the_post import PostSOGAAL

N_WORST, N_STARTS = 6, 4  # of `step_by_step`: normal images, starting points kept of each image
N_RANKED, N_GENERATED, N_BESIDE = 10, 100, 5  # of `ranking`: at each end; looked at, of which are shown
PLANE_STEPS, N_IN_PLANE = (0, 5, 10, 50), 500  # the paper's Figure 2 shows 500 samples; its steps are not printed
PLANE_HALF, N_ACROSS = 2.236, 9  # half the side of the square that holds 95 % of a normal prior; images along it


@dataclass(frozen=True)
class Method:
    """What a method is called, how it is computed and drawn, and what its numbers depend on."""

    title: str
    compute: Callable
    uses: tuple = ()  # settings that its numbers depend on
    shares: Callable | None = None
    network: str = ""  # of networks.VERSIONS
    objective: str = ""  # of the GAN; "" is the scale's
    latent_size: int | None = None  # of the network; None is the scale's
    contaminated: float = 0.0  # share of the training images that are of other classes
    like: str = ""  # the method that this one is but for its training images
    other_class: bool = False  # whether the network was trained on the next class in place of the normal one
    features: str = ""  # what a classical method sees: "PCA" of the pixels or of "AlexNet"
    runs_on: tuple = ("device",)  # where it is computed: on the job's device, on the "cpu", or parts of it on each
    in_table1: bool = False
    tables: bool = False  # scores tables, not images
    colour: str = "#7F7F7F"  # told apart by colour-blind readers too
    line: str = "-"  # methods that are the same but for one thing share a colour and differ in their lines
    version: int = 1  # goes up when a change of the code changes the method's numbers

    @property
    def label(self):
        return f"{self.title}, AlexNet" if self.features == "AlexNet" else self.title


# --- how the methods on images are computed ---


def trained_network(job, cell):
    """The network behind the cell, and the details to record of it."""
    return job.once("network", partial(job.trained, cell.network))


def generator_of(job, cell):
    network, details = trained_network(job, cell)
    return (network.decoder if cell.network.kind == "vae" else network.generator), details


def search(job, cell, n_images=None, generator=None, **options):
    """The latent search of the cell's test images, by default of the cell's own generator: a `SearchResult`."""
    s, generator = job.settings, generator_of(job, cell)[0] if generator is None else generator
    options = {"n_seeds": s.n_seeds, "n_steps": s.n_steps, "random_state": cell.seed} | options
    return latent_search(generator, job.split(cell).x_test[:n_images], **options, **job.options)


def shared_search(job, cell):
    """ADGAN's search, which several methods share: an entry of the store, the same whichever of them asks for it."""

    def compute():
        found = search(job, cell)
        return {"scores": found.scores, "prior_scores": prior_scores(found.z)}, trained_network(job, cell)[1]

    trained_network(job, cell)
    parameters = replace(cell, method="adgan").parameters | {"method": "adgan-search"}
    return job.stored("search", cell, parameters, compute)


def adgan(job, cell, array):
    entry = shared_search(job, cell)
    about = {"search": entry.record["file"], "seconds_of_search": entry.record["seconds"]}
    return {"scores": entry.arrays[array]}, entry.record["details"] | about


def other_search(job, cell, **options):
    """ADGAN on another generator, with another loss, or without its steps."""
    generator, details = generator_of(job, cell)
    scores = search(job, cell, **options).scores
    return {"scores": scores}, details | {"diversity": diversity(generator, job.split(cell).x_train)}


def untrained(job, cell):
    """ADGAN on a generator as it is before training: its weights drawn, BatchNorm's statistics 0 and 1."""
    s, shape = job.settings, tuple(as_images(job.split(cell).x_test[:1]).shape[1:])
    generator, _ = new_networks(shape, s.latent_size, s.ngf, s.objective, cell.seed)
    return {"scores": search(job, cell, generator=generator).scores}, {}


def ablation(job, cell, **options):
    """One long search, whose start holds all shorter ones: with fewer steps, with fewer starting points."""
    s = job.settings
    found = search(job, cell, s.n_ablation, n_seeds=s.ablation_seeds, n_steps=s.ablation_steps, **options)
    by_step = found.losses_by_step
    arrays = {"scores": by_step[:, :, s.n_steps].mean(1), "scores_by_step": by_step.mean(1)}
    return arrays | {"losses_by_seed": by_step[:, :, s.n_steps]}, trained_network(job, cell)[1]


def encoder_of(job, cell):
    """An approximate inverse of the cell's generator, and the details to record of it."""

    def train():
        s, (generator, details) = job.settings, generator_of(job, cell)
        options = {"n_steps": s.n_iter_autoencoder, "batch_size": s.batch_size, "stop_at": job.stop_at}
        options |= {"checkpoint": beside(cell.stem(job.store), ".checkpoint")}
        with stopwatch() as seconds:
            encoder, explained = train_encoder(generator, cell.seed, **options, **job.options)
        return encoder, details | {"explained": explained, "seconds_of_fit": seconds()}

    return job.once("encoder", train)


def encoder_starts(job, cell):
    """`ablation` from one starting point for each image, where an encoder puts it."""
    encoder, details = encoder_of(job, cell)
    with torch.no_grad():
        starts = encoder(as_images(job.split(cell).x_test[: job.settings.n_ablation]))
    return ablation(job, cell, starts=starts)[0], details


def in_turn(job, cell):
    """The first of ADGAN's test images, searched from the same starting points as by another re-run."""
    s, (generator, details) = job.settings, generator_of(job, cell)
    x = as_images(job.split(cell).x_test[: s.n_ablation])
    z = [starting_points(image, s.n_seeds, generator.latent_size, standard_normal, cell.seed) for image in x]
    losses = search_in_turn(generator, x, torch.stack(z), n_steps=s.n_steps, **job.options)  # (n, s, k + 1)
    return {"scores": losses[:, :, -1].mean(1)}, details


def critic(job, cell):
    (gan, details), x_test = trained_network(job, cell), job.split(cell).x_test
    with torch.no_grad():
        values = [gan.critic(as_images(x)).squeeze(1) for x in np.array_split(x_test, -(-len(x_test) // 500))]
    return {"scores": -torch.cat(values).numpy()}, details


def anogan(job, cell):
    gan, details = trained_network(job, cell)
    found = anogan_search(
        gan.generator, gan.critic, job.split(cell).x_test,
        n_steps=job.settings.anogan_steps, random_state=cell.seed, **job.options,
    )  # fmt: skip
    return {"scores": found.scores}, details


def autoencoder(job, cell):
    network, details = trained_network(job, cell)
    scores = autoencoder_scores(network, job.split(cell).x_test, random_state=cell.seed, **job.options)
    return {"scores": scores}, details


def posterior(job, cell, score):
    network, details = trained_network(job, cell)
    return {"scores": posterior_scores(network, job.split(cell).x_test, device=job.device)[score]}, details


def step_by_step(job, cell):
    """What the generator shows during the searches of some of ADGAN's test images.

    Those are the first of each class, and the normal ones with the highest scores. They are searched again from the
    same starting points by `plain_search`, with a loss that looks at what it is given. Of each image a few starts
    are kept, from the best to the worst by the loss after the settings' n_steps.
    """
    s, split, entry = job.settings, job.split(cell), shared_search(job, cell)
    scores, classes = entry.arrays["scores"], job.data.y_test[split.test_index]
    first = {str(c): int(np.argmax(classes == c)) for c in np.unique(classes)}
    normal = np.flatnonzero(split.y_test == 0)
    worst = normal[np.argsort(-scores[normal], kind="stable")][:N_WORST].tolist()

    generator, x = generator_of(job, cell)[0], as_images(split.x_test[[*first.values(), *worst]])
    z = [starting_points(image, s.n_seeds, generator.latent_size, standard_normal, cell.seed) for image in x]
    seen = []

    def watched(generated, x):
        seen.append(generated.detach().cpu())
        return squared_l2(generated, x)

    losses = plain_search(
        generator, x.to(job.device), torch.stack(z), n_steps=min(s.ablation_steps, 20), loss=watched
    ).losses_by_step  # (n, s, k + 1)
    seen = torch.cat(seen).unflatten(0, losses.shape)  # (n, s, k + 1, channels, height, width)
    places = np.unique(np.linspace(0, s.n_seeds - 1, N_STARTS).astype(int))
    shown = losses[:, :, s.n_steps].argsort(1)[:, places]
    generated = np.stack([of_image[starts] for of_image, starts in zip(seen, shown)])
    arrays = {"scores": scores, "images": x, "losses": losses, "shown": shown, "generated": generated}
    return arrays, entry.record["details"] | {"search": entry.record["file"], "first_of_class": first, "worst": worst}


def ranking(job, cell):
    """The normal test images at both ends of ADGAN's ranking, and how near generated images are to training images.

    "nearest_to_*" are distances to the nearest training image, as root mean squares over pixels in 0..255.
    """
    split, entry = job.split(cell), shared_search(job, cell)
    scores, generator = entry.arrays["scores"], generator_of(job, cell)[0]
    normal = np.flatnonzero(split.y_test == 0)
    ranked = normal[np.argsort(-scores[normal], kind="stable")]
    shown = np.concatenate([ranked[:N_RANKED], ranked[-N_RANKED:]])

    z = standard_normal(N_GENERATED, generator.latent_size, torch.Generator().manual_seed(cell.seed))
    with torch.no_grad():
        generated = datasets.as_uint8(generator(z).numpy())
    nearest = NearestNeighbors(n_neighbors=1).fit(_flat(split.x_train))
    to_generated, which = nearest.kneighbors(_flat(generated))
    to_held_out, _ = nearest.kneighbors(_flat(split.x_test[normal]))
    arrays = {
        "scores": scores,
        "shown": shown,  # (2 N_RANKED,) positions among the test images, from the most anomalous
        "images": split.x_test[shown],
        "generated": generated[:N_BESIDE],
        "neighbours": split.x_train[which[:N_BESIDE, 0]],
        "nearest_to_generated": to_generated[:, 0],
        "nearest_to_held_out": to_held_out[:, 0],
    }
    return arrays, entry.record["details"] | {"search": entry.record["file"]}


def _flat(images):
    """Images (n, ...) as (n, d) whose Euclidean distances are root mean squares over their pixels."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    return flat / flat.shape[1] ** 0.5


def latent_plane(job, cell):
    """Searches in a plane of latents: where they are after some numbers of steps, and what the plane looks like."""
    s, (generator, details) = job.settings, generator_of(job, cell)
    found = [search(job, cell, N_IN_PLANE, n_steps=k) for k in PLANE_STEPS]  # the same starts, so parts of one path
    axis = torch.linspace(-PLANE_HALF, PLANE_HALF, N_ACROSS)
    with torch.no_grad():
        plane = generator(torch.cartesian_prod(axis, axis))  # z1 changes slowest
    arrays = {
        "scores": found[-1].losses_by_step[:, :, s.n_steps].mean(1),
        "losses": np.stack([each.losses for each in found]),  # (steps, n, s)
        "z": np.stack([each.z for each in found]),  # (steps, n, s, 2)
        "plane": plane,
    }
    return arrays, details | {"steps": list(PLANE_STEPS), "half": PLANE_HALF}


# --- the rows ---

TEST = ("n_test", "n_holdout")
SEARCH = ("objective", "n_seeds", "n_steps")
ABLATION = (*TRAINING, *TEST, "objective", "n_steps", "n_ablation", "ablation_seeds", "ablation_steps")


def _column(title, features="PCA", **row):
    """A classical column of Table 1."""
    return _grid(title, classical.columns_cell, features, shares=classical.fits, in_table1=True, **row)


def _grid(title, compute, features="PCA", **row):
    row |= {"features": features, "runs_on": ("device", "cpu") if features == "AlexNet" else ("cpu",)}
    return Method(title, compute, ("n_train", *TEST, "dimensions"), **row)


def _baseline(title, compute, features="", **row):
    runs_on = ("device", "cpu") if features else ("cpu",)
    return Method(title, compute, ("n_train", *TEST), features=features, runs_on=runs_on, **row)


def _on_gan(title, compute, uses=SEARCH, **row):
    return Method(title, compute, (*TRAINING, *TEST, *uses), **{"shares": trained_network, "network": "gan"} | row)


def _autoencoder(title, compute, network, **row):
    return Method(title, compute, (*AUTOENCODER, *TEST), shares=trained_network, network=network, **row)


def _on_table(title, compute, uses=(), **row):
    return Method(title, compute, uses, tables=True, runs_on=("cpu",), **row)


ORANGE, GREEN, PINK, RED, SKY, BLACK, GREY, BLUE, WINE = (
    "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#7F7F7F", "#0072B2", "#882255",
)  # fmt: skip
of_features = partial(partial, classical.features_grid_cell)
of_pixels = partial(partial, classical.grid_cell)
of_gaal = partial(partial, tabular.gaal)
METHODS = {  # those of Table 1 in its order
    "kde": _column("KDE", colour=ORANGE),
    "kde-alexnet": _column("KDE", "AlexNet", colour=ORANGE, line="--"),
    "ocsvm": _column("OC-SVM", colour=GREEN),
    "ocsvm-alexnet": _column("OC-SVM", "AlexNet", colour=GREEN, line="--"),
    "iforest": _column("IF", colour=PINK),
    "gmm": _column("GMM", colour=RED, line="-."),
    "dcae": _autoencoder("DCAE", autoencoder, "dcae", in_table1=True, colour=SKY, line=":"),
    "anogan": _on_gan("AnoGAN", anogan, ("objective", "anogan_steps"), in_table1=True, colour=BLACK, line="--"),
    "vae": _autoencoder("VAE", autoencoder, "vae", in_table1=True, colour=GREY, line="-."),
    "adgan": _on_gan("ADGAN", partial(adgan, array="scores"), shares=shared_search, in_table1=True, colour=BLUE),
    # named in the text of sections 3 and 4
    "critic": _on_gan("critic", critic, ("objective",), runs_on=("cpu",), colour=WINE),
    "prior": _on_gan(
        "prior of ADGAN's latents", partial(adgan, array="prior_scores"), shares=shared_search, colour=BLUE, line=":"
    ),
    "vae-prior": _autoencoder("VAE, prior", partial(posterior, score="prior"), "vae", colour=GREY, line="--"),
    "vae-variance": _autoencoder("VAE, variance", partial(posterior, score="variance"), "vae", colour=GREY, line=":"),
    # what scores reach that know nothing, or next to nothing: the page of the baselines
    "mean-image": _baseline("distance to the mean image", baselines.mean_image_cell, colour=ORANGE),
    "knn-pixels": _baseline("k-NN, pixels", baselines.knn_cell, colour=GREEN),
    "knn-alexnet": _baseline("k-NN", baselines.knn_cell, "AlexNet", colour=GREEN, line="--"),
    "complexity": _baseline("complexity", partial(baselines.complexity_cell, sign=1), colour=RED),
    "simplicity": _baseline("simplicity", partial(baselines.complexity_cell, sign=-1), colour=PINK),
    "contrast": _baseline("contrast", baselines.contrast_cell, colour=GREY),
    "adgan-start": _on_gan(
        "ADGAN without its steps", partial(other_search, n_steps=0), ("objective", "n_seeds"), colour=GREEN
    ),
    "adgan-untrained": Method(
        "ADGAN, never trained", untrained, ("latent_size", "ngf", *TEST, *SEARCH), colour=SKY
    ),
    "adgan-other-class": _on_gan("ADGAN, trained on another class", other_search, other_class=True, colour=WINE),
    # other generators and another loss; those with an objective of their own also show how stable it is
    "adgan-vae": Method(
        "ADGAN on a VAE", other_search, (*AUTOENCODER, *TEST, *SEARCH[1:]), trained_network, "vae", colour=GREY
    ),
    "adgan-laplacian": _on_gan("ADGAN, Laplacian loss", partial(other_search, loss=laplacian_pyramid), colour=GREEN),
    **{
        f"adgan-{objective}": _on_gan(f"ADGAN on {title}", other_search, SEARCH[1:], objective=objective, colour=colour)
        for objective, title, colour in (
            ("wgan", "a WGAN", BLUE),
            ("wgan-gp", "a WGAN with penalty", SKY),
            ("gan", "a GAN", RED),
            ("lsgan", "an LSGAN", ORANGE),
        )
    },
    # ablations, most with arrays "scores_by_step" and "losses_by_seed" beside "scores"
    "search": Method("ADGAN", ablation, ABLATION, trained_network, "gan", colour=BLUE),
    "search-frozen": Method(
        "ADGAN, generator frozen", partial(ablation, lr_theta=0.0), ABLATION, trained_network, "gan", colour=RED
    ),
    "search-encoder": Method(
        "ADGAN, started by an encoder", encoder_starts,
        (*(name for name in ABLATION if name != "ablation_seeds"), "n_iter_autoencoder"),
        encoder_of, "gan", colour=GREEN,
    ),
    "search-in-turn": _on_gan("ADGAN, z and θ in turn", in_turn, (*SEARCH, "n_ablation"), colour=WINE),
    "iforest-grid": _grid("IF", of_pixels(scored=classical.forests), "", colour=PINK, line="--"),
    "ocsvm-grid": _grid("OC-SVM", of_pixels(scored=classical.svms), "", colour=GREEN, line=":"),
    "kde-grid": _grid("KDE", of_pixels(scored=classical.kdes), "", colour=ORANGE, line=":"),
    "ocsvm-alexnet-grid": _grid("OC-SVM", of_pixels(scored=classical.svms), "AlexNet", colour=GREEN),
    "kde-alexnet-grid": _grid("KDE", of_pixels(scored=classical.kdes), "AlexNet", colour=ORANGE),
    "kde-alexnet-layer": _grid(
        "KDE", of_features(scored=classical.kde_computations, variants=classical.LAYERS), "AlexNet", colour=ORANGE
    ),
    "ocsvm-alexnet-layer": _grid(
        "OC-SVM", of_features(scored=classical.svms, variants=classical.LAYERS), "AlexNet", colour=GREEN
    ),
    "kde-alexnet-size": _grid(
        "KDE", of_features(scored=classical.kde_rule, variants=classical.INPUT_SIZES), "AlexNet", colour=ORANGE
    ),
    "ocsvm-alexnet-size": _grid(
        "OC-SVM", of_features(scored=classical.svms, variants=classical.INPUT_SIZES), "AlexNet", colour=GREEN
    ),
    # figures 1 and 2: more arrays, see the functions
    "adgan-steps": _on_gan(
        "ADGAN, step by step", step_by_step, (*SEARCH, "ablation_steps"), shares=shared_search, colour=BLUE
    ),
    "adgan-plane": _on_gan("ADGAN in a plane", latent_plane, latent_size=2, colour=BLUE),
    # figures 4 to 6
    "adgan-ranking": _on_gan("ADGAN, ranked", ranking, shares=shared_search, colour=BLUE),
    # on tables: SO-GAAL and MO-GAAL as their authors run them, the post's two figures, rules for the stop
    "sogaal": _on_table("SO-GAAL", of_gaal(kind=SOGAAL, stop="stop_epochs"), ("stop_epochs",), colour=BLUE),
    "sogaal-post-1": _on_table(
        "SO-GAAL, the post, bias 1", of_gaal(kind=PostSOGAAL, stop="stop_epochs", generator_bias=1.0),
        ("stop_epochs",), colour=RED,
    ),
    "sogaal-post-1e-5": _on_table(
        "SO-GAAL, the post, bias 1e-5", of_gaal(kind=PostSOGAAL, stop="stop_epochs", generator_bias=1e-5),
        ("stop_epochs",), colour=GREEN,
    ),
    "mogaal": _on_table("MO-GAAL", of_gaal(kind=MOGAAL, stop="stop_epochs_mo"), ("stop_epochs_mo",), colour=WINE),
    **{
        f"{name}-{rule}": _on_table(
            f"{title}, {rule}", of_gaal(kind=kind, stop=rule, schedule="at-stop"), colour=colour, line=line
        )
        for name, title, kind, colour in (("sogaal", "SO-GAAL", SOGAAL, BLUE), ("mogaal", "MO-GAAL", MOGAAL, WINE))
        for rule, line in (("auto", "--"), ("equilibrium", ":"))
    },
    "mogaal-searched": _on_table(
        "MO-GAAL, searched", tabular.searched, ("search_k", "search_epochs"), colour=WINE, line="-."
    ),
    # on tables: what they are measured against
    "pyod-sogaal": _on_table(
        "SO-GAAL, PyOD", partial(tabular.pyod, name="SO_GAAL", stop="stop_epochs"), ("stop_epochs",), colour=SKY
    ),
    "pyod-mogaal": _on_table(
        "MO-GAAL, PyOD", partial(tabular.pyod, name="MO_GAAL", stop="stop_epochs_mo"), ("stop_epochs_mo",), colour=SKY
    ),
    **{
        f"table-{name}": _on_table(title, partial(tabular.estimator, make=tabular.ESTIMATORS[name]), colour=colour)
        for name, title, colour in (
            ("iforest", "IF", PINK), ("kde", "KDE", ORANGE), ("ocsvm", "OC-SVM", GREEN), ("gmm", "GMM", RED)
        )
    },
    "table-lof": _on_table("LOF", tabular.lof, colour=BLACK),
    "table-knn": _on_table("k-NN", tabular.knn, colour=GREY),
    # on tables of two features: pictures of the training, beside the same scores and curves
    "sogaal-plane": _on_table(
        "SO-GAAL", partial(tabular.plane, kind=SOGAAL, stop="stop_epochs"), ("stop_epochs",), colour=BLUE
    ),
    "mogaal-plane": _on_table(
        "MO-GAAL", partial(tabular.plane, kind=MOGAAL, stop="stop_epochs_mo"), ("stop_epochs_mo",), colour=WINE
    ),
}  # fmt: skip
# What becomes of some of the above where a share of the training images are anomalies
CONTAMINATED = ("kde", "ocsvm", "iforest", "gmm", "mean-image", "knn-pixels", "dcae", "vae", "adgan")
STRANGERS = {1: 0.01, 5: 0.05, 10: 0.1}  # shares by their percentages
METHODS |= {
    f"{name}-contaminated-{percent}": replace(
        METHODS[name], title=f"{METHODS[name].title}, {percent} % anomalies", contaminated=share, like=name,
        in_table1=False, **({"compute": other_search, "shares": trained_network} if name == "adgan" else {}),
    )
    for name in CONTAMINATED
    for percent, share in STRANGERS.items()
}  # fmt: skip
TABLE1 = tuple(name for name, method in METHODS.items() if method.in_table1)
# those of the page "baselines": they know nothing of what is normal, or next to nothing; and a strong one
KNOW_NOTHING = ("mean-image", "knn-pixels", "complexity", "simplicity", "contrast")
SCORES = (*KNOW_NOTHING, "knn-alexnet")
