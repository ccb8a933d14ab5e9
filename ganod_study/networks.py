"""The networks behind the cells: what each depends on, its training, and where it is stored.

Several cells share a network, so it is an entry of the store with its own record and seconds.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256

import torch

from ganod_lite.autoencoders import Autoencoder, train_autoencoder
from ganod_lite.dcgan import Critic, Generator
from ganod_lite.files import write_aside
from ganod_lite.gan import GAN, has_batch_norm, train_gans
from ganod_lite.images import as_images
from ganod_lite.training import discard

from . import datasets
from .averaging import train_averaged
from .scales import settings_of, some_of
from .stopping import train_stopped
from .store import beside

TRAINING = ("n_train", "latent_size", "ngf", "batch_size", "n_iter")  # the settings that a GAN depends on
AUTOENCODER = (*TRAINING[:-1], "n_iter_autoencoder")
VERSIONS = {"gan": 1, "dcae": 1, "vae": 1}  # one goes up when a change of the code changes what is trained


@dataclass(frozen=True)
class Network:
    """A network: its kind ("gan", "dcae" or "vae") and what it is trained on."""

    kind: str
    dataset: str
    normal_class: int
    seed: int
    scale: str
    objective: str = ""  # of a GAN
    latent_size: int | None = None  # None: the scale's
    contaminated: float = 0.0  # share of the training images that are of other classes

    @property
    def settings(self):
        return settings_of(self.scale, self.dataset)

    @property
    def parameters(self):
        """All that its weights depend on."""
        parameters = {"dataset": self.dataset, "normal_class": self.normal_class, "seed": self.seed}
        parameters |= {"method": self.kind, "version": VERSIONS[self.kind]}
        parameters |= some_of(self.settings, TRAINING if self.kind == "gan" else AUTOENCODER)
        parameters |= {"objective": self.objective} if self.kind == "gan" else {}
        parameters |= self.optional | ({"contaminated": self.contaminated} if self.contaminated else {})
        return parameters | ({"latent_size": self.latent_size} if self.latent_size else {})

    @property
    def optional(self):
        """Of the parameters those that are only there if they are not 0, as {name: value}: at most one."""
        name = "average" if self.kind == "gan" else "patience"
        value = getattr(self.settings, name)
        return {name: value} if value else {}

    @property
    def shares(self):
        """What the cells have in common that are computed with it."""
        about = self.scale, self.dataset, self.normal_class, self.kind, self.objective, self.latent_size, self.seed
        return (*about, self.contaminated) if self.contaminated else about

    def stem(self, store):
        folder = f"{self.dataset}/{self.scale}/{self.kind}"
        return store.stem(folder, f"class{self.normal_class}-seed{self.seed}", self.parameters)

    def load(self, store):
        """The trained network (a `GAN`, an `Autoencoder`) with its entry, or None where the store lacks it."""
        entry = store.get(self.stem(store))
        if entry is None:
            return None
        p, shape = entry.parameters, tuple(entry.record["details"]["image_shape"])
        if self.kind != "gan":
            model = Autoencoder(shape, p["latent_size"], p["ngf"], variational=self.kind == "vae")
            model.load_state_dict(entry.arrays["state"])
            return model.eval(), entry
        generator = Generator(shape, p["latent_size"], p["ngf"])
        critic = Critic(shape, p["ngf"], batch_norm=has_batch_norm(p["objective"]))
        generator.load_state_dict(entry.arrays["generator"])
        critic.load_state_dict(entry.arrays["critic"])
        return GAN(generator.eval(), critic.eval(), *entry.arrays["losses"].tolist()), entry


def train(networks, store, images, *, device, stop_at=None, verbose=True):
    """Train and store those of the networks, of one data set, scale and kind, that the store lacks.

    GANs are trained all at once, as `train_gans` can: their number is the caller's choice.
    """
    wanted = list(dict.fromkeys(networks))
    networks = [network for network in wanted if store.get(network.stem(store)) is None]
    if not networks:
        for network in wanted:
            discard(_checkpoint([network], store))  # which a process killed after the last `put` has left
        return
    if _checkpoint(wanted, store).exists():
        networks = wanted  # they were trained together, also if some are stored by now
    p, gan = networks[0].parameters, networks[0].kind == "gan"
    options = {name: p[name] for name in ("latent_size", "ngf", "batch_size")}
    options |= {"n_steps": p["n_iter" if gan else "n_iter_autoencoder"]}
    options |= {"device": device, "stop_at": stop_at, "verbose": verbose, "keep": True}  # until it is stored
    (_train_gans if gan else _train_autoencoders)(networks, store, images, options)


def _train_gans(networks, store, images, options):
    sets = [split_of(network, images).x_train for network in networks]
    checkpoint = _checkpoint(networks, store)
    together = checkpoint.with_suffix(".together")  # who shares the checkpoint: see `unfinished`
    if len(networks) > 1:
        write_aside(together, json.dumps([asdict(network) for network in networks]).encode())
    arguments = {"objective": networks[0].objective, "checkpoint": checkpoint} | options
    seeds = [network.seed for network in networks]
    if average := networks[0].optional.get("average"):
        _, gans = train_averaged(sets, seeds, decay=average, **arguments)
    else:
        gans = train_gans(sets, seeds, **arguments)
    for network, gan, x in zip(networks, gans, sets):
        arrays = {
            "generator": gan.generator.state_dict(),
            "critic": gan.critic.state_dict(),
            "losses": torch.tensor([gan.critic_loss, gan.generator_loss]),
            "some_real_images": as_images(x[:10]),
        }
        details = {"image_shape": gan.generator.arguments["image_shape"], "trained_at_once": len(networks)}
        if store.get(network.stem(store)) is None:
            store.put(network.stem(store), network.parameters, arrays, gan.seconds, options["device"], details)
    discard(checkpoint)
    together.unlink(missing_ok=True)


def unfinished(wanted, store):
    """The groups, lists of `Network`, whose training together has begun and not ended, with one of those wanted."""
    found = []
    for folder in {network.stem(store).parent for network in wanted}:
        for path in sorted(folder.glob("*.together")):
            group = [Network(**fields) for fields in json.loads(path.read_text())]
            if not set(group).isdisjoint(wanted):
                found.append(group)
    return found


def _checkpoint(networks, store):
    """The file for the state of a training: of one network under its own name, of several under a digest of theirs."""
    stem = networks[0].stem(store)
    if len(networks) == 1:
        return beside(stem, ".checkpoint")
    names = "+".join(network.stem(store).name for network in networks)
    return stem.with_name(f"{len(networks)}-networks-{sha256(names.encode()).hexdigest()[:16]}.checkpoint")


def _train_autoencoders(networks, store, images, options):
    for network in networks:
        checkpoint = _checkpoint([network], store)
        arguments = {"variational": network.kind == "vae", "checkpoint": checkpoint} | options
        x, details = split_of(network, images).x_train, {}
        if patience := network.optional.get("patience"):
            model, details = train_stopped(x, network.seed, patience=patience, **arguments)
        else:
            model = train_autoencoder(x, network.seed, **arguments)
        arrays = {"state": model.state_dict(), "losses": torch.tensor(model.loss)}
        details |= {"image_shape": model.arguments["image_shape"]}
        store.put(network.stem(store), network.parameters, arrays, model.seconds, options["device"], details)
        discard(checkpoint)


def split_of(what, images):
    """The `datasets.Split` of a cell or a network: by its class, its seed and its scale's settings."""
    s = what.settings
    sizes = {"n_train": s.n_train, "n_test": s.n_test, "n_holdout": s.n_holdout}
    return datasets.one_versus_all(images, what.normal_class, seed=what.seed, contaminated=what.contaminated, **sizes)


def diversity(generator, x, n=100):
    """The mean distance between n generated images over that between n of x (real): near 0 if all are alike."""
    z = torch.randn(n, generator.latent_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        fake, real = generator(z).flatten(1), as_images(x[:n]).flatten(1)
    return float(torch.pdist(fake).mean() / torch.pdist(real).mean())
