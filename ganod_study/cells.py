"""The cells of Table 1 and of the ablations: what each depends on, and how it is computed.

A cell is a data set, a normal class, a method and a seed at a scale. Its parameters are all that its
numbers depend on; by them it is found in the store. Cells that share what is costly (a fit, a trained
network, a search) make an `Errand`, which is computed in one go.
"""

from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.svm import OneClassSVM
from sklearn.utils import check_scalar

from ganod_lite import classic
from ganod_lite.adgan import latent_search
from ganod_lite.anogan import anogan_search
from ganod_lite.autoencoders import Autoencoder, autoencoder_scores, train_autoencoder
from ganod_lite.base import as_images
from ganod_lite.dcgan import Critic, Generator
from ganod_lite.gan import GAN, has_batch_norm, train_gans
from ganod_lite.losses import laplacian_pyramid

from . import classical, datasets
from .features import AlexNetFeatures
from .store import stopwatch


@dataclass(frozen=True)
class Settings:
    """What a scale means for a set of images."""

    classes: tuple  # normal classes of the grid
    n_train: int | None  # normal training images, None: all there are
    n_test: int  # test images of all classes
    n_holdout: int  # test images apart from those, to choose PCA's dimension on
    dimensions: tuple  # of PCA, to choose from
    latent_size: int
    ngf: int
    batch_size: int
    objective: str  # of the GAN: see gan.RECIPES
    n_iter: int  # generator steps; training always ends there
    n_iter_autoencoder: int  # likewise
    n_seeds: int
    n_steps: int
    anogan_steps: int
    n_ablation: int  # test images of the ablations, the first of n_test
    ablation_seeds: int  # at most so many starting points and
    ablation_steps: int  # search steps, of which the ablations see all smaller numbers too


PAPER = Settings(  # section 4 of the ADGAN paper; it is silent on n_holdout, ngf, batch_size and n_iter
    classes=tuple(range(10)), n_train=None, n_test=5000, n_holdout=500, dimensions=(20, 40, 60, 80, 100),
    latent_size=256, ngf=64, batch_size=64, objective="wgan", n_iter=20_000, n_iter_autoencoder=20_000,
    n_seeds=64, n_steps=5, anogan_steps=500, n_ablation=1000, ablation_seeds=64, ablation_steps=50,
)  # fmt: skip
# At the small scales the critic is held by the gradient penalty, chosen when clipped weights had been seen to
# need more steps on digits. The page "Tuning" has since measured both: on CIFAR-10 that is not so.
LITE = replace(
    PAPER, n_train=2000, n_test=1000, dimensions=(20, 40, 60), ngf=16, objective="wgan-gp", n_iter=2000,
    n_iter_autoencoder=1000, n_seeds=8, anogan_steps=100, n_ablation=200, ablation_seeds=8, ablation_steps=20,
)  # fmt: skip
SMOKE = replace(
    LITE, n_train=60, n_test=60, n_holdout=30, dimensions=(4, 8), latent_size=8, ngf=4, batch_size=16,
    n_iter=10, n_iter_autoencoder=10, n_seeds=2, n_steps=2, anogan_steps=3,
    n_ablation=40, ablation_seeds=4, ablation_steps=3,
)  # fmt: skip
MEDIUM = replace(LITE, n_train=None, dimensions=PAPER.dimensions)  # all classes and images: some hours of a CPU
DIGITS = replace(LITE, n_train=None, n_test=400, n_holdout=200, dimensions=(10, 20, 40), n_iter=1000)
SCALES = {
    "smoke": {"digits": replace(SMOKE, classes=(0, 1))},
    "lite": {
        "digits": replace(DIGITS, classes=(0, 1, 4, 8)),
        "mnist": replace(LITE, classes=(0, 1, 8)),
        "cifar10": replace(LITE, classes=(0, 6), n_iter=1000),
    },
    "medium": {"mnist": MEDIUM, "cifar10": MEDIUM},
    "paper": {"mnist": PAPER, "cifar10": PAPER},
}

TRAINING = ("n_train", "latent_size", "ngf", "batch_size", "n_iter")
AUTOENCODER = ("n_train", "latent_size", "ngf", "batch_size", "n_iter_autoencoder")
TEST = ("n_test", "n_holdout")
SEARCH = ("objective", "n_seeds", "n_steps")
ABLATION = (*TRAINING, *TEST, "objective", "n_steps", "n_ablation", "ablation_seeds", "ablation_steps")
CLASSIC_USES = ("n_train", *TEST, "dimensions")
# The version of a network goes up when a change of the code changes what is trained.
NETWORKS = {"gan": 1, "dcae": 1, "vae": 1}


@dataclass(frozen=True)
class Method:
    """What the numbers of a method depend on."""

    title: str
    uses: tuple  # settings
    network: str = ""  # of NETWORKS
    objective: str = ""  # of the GAN; "" is the scale's
    features: str = ""  # what a classical method sees: "PCA" of the pixels or of "AlexNet"
    in_table1: bool = True
    version: int = 1  # goes up when a change of the code changes the method's numbers

    @property
    def label(self):
        return f"{self.title}, AlexNet" if self.features == "AlexNet" else self.title


METHODS = {  # those of Table 1 in its order
    "kde": Method("KDE", CLASSIC_USES, features="PCA"),
    "kde-alexnet": Method("KDE", CLASSIC_USES, features="AlexNet"),
    "ocsvm": Method("OC-SVM", CLASSIC_USES, features="PCA"),
    "ocsvm-alexnet": Method("OC-SVM", CLASSIC_USES, features="AlexNet"),
    "iforest": Method("IF", CLASSIC_USES, features="PCA"),
    "gmm": Method("GMM", CLASSIC_USES, features="PCA"),
    "dcae": Method("DCAE", (*AUTOENCODER, *TEST), network="dcae"),
    "anogan": Method("AnoGAN", (*TRAINING, *TEST, "objective", "anogan_steps"), network="gan"),
    "vae": Method("VAE", (*AUTOENCODER, *TEST), network="vae"),
    "adgan": Method("ADGAN", (*TRAINING, *TEST, *SEARCH), network="gan"),
    # named in the text of sections 3 and 4
    "critic": Method("critic", (*TRAINING, *TEST, "objective"), network="gan", in_table1=False),
    "prior": Method("prior of ADGAN's latents", (*TRAINING, *TEST, *SEARCH), network="gan", in_table1=False),
    "vae-prior": Method("VAE, prior", (*AUTOENCODER, *TEST), network="vae", in_table1=False),
    "vae-variance": Method("VAE, variance", (*AUTOENCODER, *TEST), network="vae", in_table1=False),
    # other generators and another loss; those with an objective of their own also show how stable it is
    "adgan-vae": Method("ADGAN on a VAE", (*AUTOENCODER, *TEST, *SEARCH[1:]), network="vae", in_table1=False),
    "adgan-laplacian": Method("ADGAN, Laplacian loss", (*TRAINING, *TEST, *SEARCH), network="gan", in_table1=False),
    **{
        f"adgan-{objective}": Method(
            f"ADGAN on {title}", (*TRAINING, *TEST, *SEARCH[1:]), "gan", objective, in_table1=False
        )
        for objective, title in (
            ("wgan", "a WGAN"),
            ("wgan-gp", "a WGAN with penalty"),
            ("gan", "a GAN"),
            ("lsgan", "an LSGAN"),
        )
    },
    # ablations: arrays "scores_by_step" and "losses_by_seed" beside "scores"
    "search": Method("ADGAN", ABLATION, network="gan", in_table1=False),
    "search-frozen": Method("ADGAN, generator frozen", ABLATION, network="gan", in_table1=False),
    "iforest-grid": Method("IF", CLASSIC_USES, in_table1=False),
    "ocsvm-grid": Method("OC-SVM", CLASSIC_USES, in_table1=False),
    "kde-grid": Method("KDE", CLASSIC_USES, in_table1=False),
    "ocsvm-alexnet-grid": Method("OC-SVM", CLASSIC_USES, features="AlexNet", in_table1=False),
    "kde-alexnet-grid": Method("KDE", CLASSIC_USES, features="AlexNet", in_table1=False),
    "kde-alexnet-layer": Method("KDE", CLASSIC_USES, features="AlexNet", in_table1=False),
    "ocsvm-alexnet-layer": Method("OC-SVM", CLASSIC_USES, features="AlexNet", in_table1=False),
    "kde-alexnet-size": Method("KDE", CLASSIC_USES, features="AlexNet", in_table1=False),
    "ocsvm-alexnet-size": Method("OC-SVM", CLASSIC_USES, features="AlexNet", in_table1=False),
}
TABLE1 = tuple(name for name, method in METHODS.items() if method.in_table1)
CLASSIC = {
    "kde": classic.KDE, "kde-alexnet": classic.KDE, "ocsvm": classic.OCSVM, "ocsvm-alexnet": classic.OCSVM,
    "iforest": classic.IForest, "gmm": classic.GMM,
}  # fmt: skip
# What the grids of the classical methods try, beside each dimension of PCA.
# Of the paper's forest, "largely stable to changes in its parametrization"
FOREST_GRID = [{"n_estimators": n, "max_samples": m} for n in (100, 400) for m in (64, 256, 1024)]
# Of OC-SVM's length scale, whose rule the paper names by a reference alone
GAMMA_FACTORS = (0.25, 0.5, 1, 2, 4, 8, 16)
GRID_IMAGES = 1000  # the first of the test images, enough to tell settings apart
BANDWIDTHS_BESIDE = (4.0, 16.0)  # of KDE, beside the one of the best likelihood
LAYER_IMAGES = 1000  # the first of the training images, as scikit-learn's own way to a bandwidth takes long
# Ways to make AlexNet's features
LAYERS = {"pooled": True}, {"pooled": False}
INPUT_SIZES = {"size": 64}, {"size": 128}
FEATURES = {}  # AlexNet's of the images last asked for, by the weights' file and the image's bytes
MOST_FEATURES = 20_000  # of 37 kB each
ON_CPU = "cpu"  # what classical methods run on


@dataclass(frozen=True)
class Cell:
    """One number of Table 1 to be: which method, trained on which class, with which seed."""

    dataset: str
    normal_class: int
    method: str
    seed: int
    scale: str

    def __post_init__(self):
        known("scale", self.scale, SCALES)
        known("dataset", self.dataset, SCALES[self.scale])
        known("method", self.method, METHODS)
        check_scalar(self.seed, "seed", int, min_val=0)  # JSON, which names the entry, knows int alone
        check_scalar(self.normal_class, "normal_class", int)
        known("normal_class", self.normal_class, range(len(datasets.CLASSES[self.dataset])))

    @property
    def settings(self):
        return SCALES[self.scale][self.dataset]

    @property
    def network(self):
        return METHODS[self.method].network

    @property
    def parameters(self):
        method = METHODS[self.method]
        parameters = asdict(self) | _of(self.settings, method.uses) | {"version": method.version}
        return parameters | ({"network_version": NETWORKS[self.network]} if self.network else {})

    def stem(self, store):
        folder = f"{self.dataset}/{self.scale}/{self.method}"
        return store.stem(folder, f"class{self.normal_class}-seed{self.seed}", self.parameters)

    @property
    def network_parameters(self):
        """What the network behind the cell depends on."""
        parameters = {"dataset": self.dataset, "normal_class": self.normal_class, "seed": self.seed}
        parameters |= {"method": self.network, "version": NETWORKS[self.network]}
        if self.network == "gan":
            return parameters | _of(self.settings, TRAINING) | {"objective": self.objective}
        return parameters | _of(self.settings, AUTOENCODER)

    @property
    def objective(self):
        return METHODS[self.method].objective or self.settings.objective

    def network_stem(self, store):
        name = f"class{self.normal_class}-seed{self.seed}"
        return store.stem(f"{self.dataset}/{self.scale}/{self.network}", name, self.network_parameters)

    @property
    def shares(self):
        """What cells must have in common to be one errand."""
        if self.network:
            with_whom = self.network, self.objective, self.seed
        else:  # fits depend on the training images alone, which are the same for all seeds if all are taken
            features = METHODS[self.method].features
            with_whom = (features if features == "AlexNet" else self.method), self.settings.n_train and self.seed
        return self.scale, self.dataset, self.normal_class, *with_whom

    def split(self, images):
        s = self.settings
        return datasets.one_versus_all(
            images, self.normal_class, n_train=s.n_train, n_test=s.n_test, n_holdout=s.n_holdout, seed=self.seed
        )


class Errand:
    """Cells that have `shares` in common, and what they share, each made when first asked for.

    `stop_at`, if given, is the time.time() after which a training stops, with its checkpoint saved, by TimeIsUp.
    """

    def __init__(self, cells, images, store, *, data_root=None, device="cpu", stop_at=None, verbose=True):
        self.cells, self.images, self.store, self.data_root = cells, images, store, data_root
        self.device, self.stop_at, self.verbose = device, stop_at, verbose
        self.settings = cells[0].settings
        self._projections = {}  # of `_few_projected`

    def compute(self, cell):
        """Compute and store one cell: its entry. Its seconds are without the fit or the training that others share."""
        split = cell.split(self.images)
        getattr(self, "_network" if cell.network else "_fits")
        with stopwatch() as seconds:
            arrays, details = self._computed_by(cell.method)(cell, split)
        n = len(next(iter(arrays.values())))
        arrays = {name: np.asarray(values, np.float32) for name, values in arrays.items()}
        arrays |= {"labels": split.y_test[:n].astype(np.uint8), "test_index": split.test_index[:n].astype(np.uint16)}
        device = self.device if cell.network else ON_CPU
        return self.store.put(cell.stem(self.store), cell.parameters, arrays, seconds(), device, details)

    def _computed_by(self, method):
        if method in CLASSIC:
            return self._classic
        return {
            "adgan": self._adgan, "prior": self._adgan, "critic": self._critic, "anogan": self._anogan,
            "dcae": self._autoencoder, "vae": self._autoencoder, "vae-prior": self._autoencoder,
            "vae-variance": self._autoencoder, "search": self._ablation, "search-frozen": self._ablation,
            "iforest-grid": self._grid, "ocsvm-grid": self._grid, "kde-grid": self._grid,
            "ocsvm-alexnet-grid": self._grid, "kde-alexnet-grid": self._grid,
            "ocsvm-alexnet-layer": self._layer_grid, "kde-alexnet-layer": self._layer_grid,
            "ocsvm-alexnet-size": self._size_grid, "kde-alexnet-size": self._size_grid,
        }.get(method, self._other_search)  # fmt: skip

    # Each of these takes a cell and its split, and returns arrays by name, "scores" first, and details.

    def _classic(self, cell, split):
        fitted, fit_seconds = self._fits[cell.method]
        chosen, tried = classical.best_on_holdout(fitted, self._seen_by(cell.method, split.x_holdout), split.y_holdout)
        details = {"holdout_auc": tried, "seconds_of_fit": round(fit_seconds, 2)}
        return {"scores": fitted[chosen].anomaly_score(self._seen_by(cell.method, split.x_test))}, details

    @cached_property
    def _fits(self):
        """{method: (its fits by PCA's dimension, seconds)}; they don't depend on the test images."""
        x_train, fits = self.cells[0].split(self.images).x_train, {}
        for method in {cell.method: None for cell in self.cells if cell.method in CLASSIC}:
            with stopwatch() as seconds:
                detector = CLASSIC[method](contamination=None, random_state=0)
                x = self._seen_by(method, x_train)
                fits[method] = classical.fit_dimensions(detector, x, self.settings.dimensions), seconds()
        return fits

    def _seen_by(self, method, x):
        """What a classical method sees of images (n, ...): a table (n, d)."""
        return self._projection.transform(self._features(x)) if METHODS[method].features == "AlexNet" else _flat(x)

    @cached_property
    def _projection(self):
        """PCA of AlexNet's features of the training images to the most dimensions that are tried.

        A method's own PCA to fewer of them then gives what it would give on the features themselves.
        """
        features = self._features(self.cells[0].split(self.images).x_train)
        return PCA(min(max(self.settings.dimensions), *features.shape), random_state=0).fit(features)

    def _features(self, x):
        """AlexNet's features of images, which one class after the other asks for, from memory where known."""
        weights = datasets.alexnet_weights(self.data_root)
        keys = [(weights, image.tobytes()) for image in x]
        new = [i for i, key in enumerate(keys) if key not in FEATURES]
        if new:
            alexnet = AlexNetFeatures(weights, device=self.device, verbose=self.verbose)
            FEATURES.update(zip([keys[i] for i in new], alexnet.transform(x[new])))
        FEATURES.update([(key, FEATURES.pop(key)) for key in keys if key in FEATURES])  # to the end
        features = np.stack([FEATURES[key] for key in keys])
        while len(FEATURES) > MOST_FEATURES:
            del FEATURES[next(iter(FEATURES))]
        return features

    def _adgan(self, cell, split):
        found, details = self._search
        return {"scores": found.scores if cell.method == "adgan" else found.prior_scores}, details

    @cached_property
    def _search(self):
        """ADGAN's search of the test images, and the details to record."""
        network, details = self._network
        return self._latent_search(network.generator, self.cells[0]), details

    def _latent_search(self, generator, cell, n_images=None, **options):
        s, x = self.settings, cell.split(self.images).x_test[:n_images]
        options = {"n_seeds": s.n_seeds, "n_steps": s.n_steps} | options
        return latent_search(generator, x, random_state=cell.seed, device=self.device, verbose=self.verbose, **options)

    def _other_search(self, cell, split):
        """ADGAN on another generator, or with another loss."""
        network, details = self._network
        generator = network.decoder if cell.network == "vae" else network.generator
        options = {"loss": laplacian_pyramid} if cell.method == "adgan-laplacian" else {}
        scores = self._latent_search(generator, cell, **options).scores
        return {"scores": scores}, details | {"diversity": diversity(generator, split.x_train)}

    def _anogan(self, cell, split):
        gan, details = self._network
        found = anogan_search(
            gan.generator, gan.critic, split.x_test, n_steps=self.settings.anogan_steps, random_state=cell.seed,
            device=self.device, verbose=self.verbose,
        )  # fmt: skip
        return {"scores": found.scores}, details

    def _autoencoder(self, cell, split):
        network, details = self._network
        name = {"dcae": "reconstruction", "vae": "elbo", "vae-prior": "prior", "vae-variance": "variance"}[cell.method]
        options = {"random_state": cell.seed, "device": self.device, "verbose": self.verbose}
        return {"scores": autoencoder_scores(network, split.x_test, **options)[name]}, details

    def _critic(self, cell, split):
        gan, details = self._network
        with torch.no_grad():
            values = [
                gan.critic(as_images(x)).squeeze(1) for x in np.array_split(split.x_test, -(-len(split.x_test) // 500))
            ]
        return {"scores": -torch.cat(values).numpy()}, details

    def _ablation(self, cell, split):
        """One long search, whose start holds all shorter ones: with fewer steps, with fewer seeds."""
        gan, details = self._network
        s, frozen = self.settings, {"lr_theta": 0.0} if cell.method == "search-frozen" else {}
        found = self._latent_search(
            gan.generator, cell, s.n_ablation, n_seeds=s.ablation_seeds, n_steps=s.ablation_steps, **frozen
        )
        by_step = found.losses_by_step
        arrays = {"scores": by_step[:, :, s.n_steps].mean(1), "scores_by_step": by_step.mean(1)}
        return arrays | {"losses_by_seed": by_step[:, :, s.n_steps]}, details

    # The grids: arrays "scores_by_setting" (n, n_settings), and the settings as details. No holdout chooses.

    def _grid(self, cell, split):
        """At each dimension of PCA all settings and their scores."""
        scored = {"iforest": self._forests, "ocsvm": self._svms, "kde": self._kdes}[cell.method.split("-")[0]]
        x, x_test = (self._seen_by(cell.method, images) for images in (split.x_train, split.x_test[:GRID_IMAGES]))

        def projected(n):
            pca = PCA(n, random_state=0).fit(x)
            yield {}, pca.transform(x), pca.transform(x_test)

        return self._at_each_dimension(projected, scored)

    def _at_each_dimension(self, projected, scored):
        """projected(n) gives variants, each as (its name in the settings, training and test images in n dimensions)."""
        scores, settings = [], []
        for n in self.settings.dimensions:
            for variant, z, z_test in projected(n):
                for setting, values in scored(z, z_test):
                    settings.append({"n_components": n} | variant | setting)
                    scores.append(values)
        return {"scores": np.mean(scores, 0), "scores_by_setting": np.transpose(scores)}, {"settings": settings}

    def _forests(self, z, z_test):
        for setting in FOREST_GRID:
            options = setting | {"max_samples": min(setting["max_samples"], len(z))}
            yield setting, -IsolationForest(random_state=0, **options).fit(z).score_samples(z_test)

    def _svms(self, z, z_test):
        gamma = classic.tune_gamma(z, 0)
        for factor in GAMMA_FACTORS:
            svm = OneClassSVM(nu=0.1, gamma=factor * gamma).fit(z)
            yield {"times_gamma": factor}, -svm.score_samples(z_test)

    def _kdes(self, z, z_test):
        for whiten in (False, True):
            scale = z.std(0) if whiten else 1.0
            best = classic.best_bandwidth(z / scale, random_state=0)
            for by, bandwidth in ({"likelihood": best} | {h: h for h in BANDWIDTHS_BESIDE}).items():
                yield {"whiten": whiten, "bandwidth": by}, _kde_scores(z / scale, z_test / scale, bandwidth)

    def _layer_grid(self, cell, split):
        """AlexNet's last layer with and without ReLU and pooling; for KDE in two computations."""
        scored = {"kde": self._kde_computations, "ocsvm": self._svms}[cell.method.split("-")[0]]
        return self._alexnets_grid(split, LAYERS, scored)

    def _size_grid(self, cell, split):
        """Images shown to AlexNet at other sizes than the one that it was trained at."""
        scored = {"kde": self._kde_rule, "ocsvm": self._svms}[cell.method.split("-")[0]]
        return self._alexnets_grid(split, INPUT_SIZES, scored)

    def _alexnets_grid(self, split, variants, scored):
        """At each dimension of PCA all variants of AlexNet's features, settings and their scores."""
        made = [(variant, *self._few_projected(variant, split.x_test[:GRID_IMAGES])) for variant in variants]
        return self._at_each_dimension(lambda n: [(v, z[:, :n], z_test[:, :n]) for v, z, z_test in made], scored)

    def _few_projected(self, variant, x_test):
        """A variant of AlexNet's features of the first training images, and of x_test, after PCA to the most
        dimensions that are tried.
        """
        key = repr(variant)
        if key not in self._projections:
            x, weights = self.cells[0].split(self.images).x_train, datasets.alexnet_weights(self.data_root)
            alexnet = AlexNetFeatures(weights, device=self.device, verbose=self.verbose, **variant)
            projection = make_pipeline(alexnet, PCA(max(self.settings.dimensions), random_state=0))
            self._projections[key] = projection.fit_transform(x[:LAYER_IMAGES]), projection
        z, projection = self._projections[key]
        return z, projection.transform(x_test)

    def _kde_rule(self, z, z_test):
        best = classic.best_bandwidth(z, random_state=0)
        yield {"whiten": False, "bandwidth": "likelihood"}, _kde_scores(z, z_test, best)

    def _kde_computations(self, z, z_test):
        """With exact densities, as everywhere else here, and with scikit-learn's defaults from end to end."""
        yield {"kde": "exact"}, _kde_scores(z, z_test, classic.best_bandwidth(z, random_state=0))
        kde = GridSearchCV(KernelDensity(), {"bandwidth": classic.BANDWIDTHS}, cv=10).fit(z)
        yield {"kde": "default"}, -kde.best_estimator_.score_samples(z_test)

    @cached_property
    def _network(self):
        """The trained network and the details to record of it."""
        train_networks(
            self.cells[:1], self.store, self.images, device=self.device, stop_at=self.stop_at, verbose=self.verbose
        )
        network, entry = stored_network(self.cells[0], self.store)
        return network, {"network": entry.record["file"]}


def train_networks(cells, store, images, *, device, stop_at=None, verbose=True):
    """Train and store the networks behind the cells, of one data set, scale and kind, that the store lacks.

    GANs are trained all at once, as `train_gans` can: their number is the caller's choice.
    """
    stems = {cell.network_stem(store): cell for cell in cells}
    missing = {stem: cell for stem, cell in stems.items() if store.get(stem) is None}
    if not missing:
        return
    stems, cells = zip(*missing.items())
    sets, seeds = [cell.split(images).x_train for cell in cells], [cell.seed for cell in cells]
    p = cells[0].network_parameters
    options = {name: p[name] for name in ("latent_size", "ngf", "batch_size")}
    if cells[0].network != "gan":
        options["n_steps"] = p["n_iter_autoencoder"]
        options |= {"device": device, "stop_at": stop_at, "verbose": verbose}
        return _train_autoencoders(stems, cells, sets, store, options)
    options["n_steps"] = p["n_iter"]
    checkpoint = stems[0].with_name("+".join(stem.name for stem in stems) + ".checkpoint")
    with stopwatch() as seconds:
        gans = train_gans(
            sets, seeds, **options, objective=p["objective"], device=device, checkpoint=checkpoint, stop_at=stop_at,
            verbose=verbose,
        )  # fmt: skip
    for stem, cell, gan, x in zip(stems, cells, gans, sets):
        arrays = {
            "generator": gan.generator.state_dict(),
            "critic": gan.critic.state_dict(),
            "losses": torch.tensor([gan.critic_loss, gan.generator_loss]),
            "some_real_images": as_images(x[:10]),
        }
        details = {"image_shape": gan.generator.arguments["image_shape"], "trained_at_once": len(cells)}
        store.put(stem, cell.network_parameters, arrays, seconds() / len(cells), device, details)


def _train_autoencoders(stems, cells, sets, store, options):
    for stem, cell, x in zip(stems, cells, sets):
        with stopwatch() as seconds:
            checkpoint = stem.with_name(f"{stem.name}.checkpoint")
            variational = cell.network == "vae"
            model = train_autoencoder(x, cell.seed, variational=variational, checkpoint=checkpoint, **options)
        arrays = {"state": model.state_dict(), "losses": torch.tensor(model.loss)}
        details = {"image_shape": model.arguments["image_shape"]}
        store.put(stem, cell.network_parameters, arrays, seconds(), options["device"], details)


def stored_network(cell, store):
    """The network that `train_networks` has stored for the cell (a GAN, an Autoencoder), with its entry, or None."""
    entry = store.get(cell.network_stem(store))
    if entry is None:
        return None
    p, shape = entry.parameters, entry.record["details"]["image_shape"]
    if cell.network != "gan":
        model = Autoencoder(tuple(shape), p["latent_size"], p["ngf"], variational=cell.network == "vae")
        model.load_state_dict(entry.arrays["state"])
        return model.eval(), entry
    generator = Generator(shape, p["latent_size"], p["ngf"])
    critic = Critic(shape, p["ngf"], batch_norm=has_batch_norm(p["objective"]))
    generator.load_state_dict(entry.arrays["generator"])
    critic.load_state_dict(entry.arrays["critic"])
    return GAN(generator.eval(), critic.eval(), *entry.arrays["losses"].tolist()), entry


def diversity(generator, x, n=100):
    """The mean distance between n generated images over that between n of x (real): near 0 if all are alike."""
    z = torch.randn(n, generator.latent_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        fake, real = generator(z).flatten(1), as_images(x[:n]).flatten(1)
    return float(torch.pdist(fake).mean() / torch.pdist(real).mean())


def _kde_scores(z, z_test, bandwidth):
    """Negative log densities, exact by a single leaf: see classic.KDE."""
    return -KernelDensity(bandwidth=bandwidth, leaf_size=len(z)).fit(z).score_samples(z_test)


def _flat(x):
    return x.reshape(len(x), -1) / 127.5 - 1


def _of(settings, names):
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(settings).items() if k in names}


def known(name, value, allowed):
    """Raise ValueError unless `value` is one of the allowed."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}; got {value!r}.")
