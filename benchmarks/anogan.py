"""AnoGAN's search against PyOD's, which is no dependency of this project: `pip install pyod` first.

Both search the same DCGAN for the same images and as many steps, in turns. PyOD's search is the second half of its
`fit`, so it is given no epochs of training, and this project's networks in place of its own. It takes one image after
the other, and each of its steps also moves the generator, the critic and a starting point that no image resets. Both
work on a CPU, whatever --device says.
"""

import copy
import sys

import torch
from torch import nn

from ganod_lite.anogan import anogan_search
from ganod_lite.dcgan import Critic

from .common import in_turns, main, per, random_images, ratios, untrained_generator


def measure(device, seconds, ngfs=(16, 64), n_images=16, n_steps=20, latent_size=256):
    try:
        import pyod
        from pyod.models import anogan as peer
    except ImportError as missing:
        sys.exit(f"This benchmark compares with PyOD ({missing}): pip install pyod")
    x, rows = random_images(n_images), []
    for ngf in ngfs:
        generator, critic = untrained_generator(ngf, latent_size), Critic(x.shape[1:], ngf)

        def ours(generator=generator, critic=critic):
            options = {"n_steps": n_steps, "random_state": 0, "device": device, "verbose": False}
            return anogan_search(generator, critic, x, **options).scores

        def pyods(generator=generator, critic=critic):
            generator, critic = copy.deepcopy(generator), copy.deepcopy(critic)  # it changes them
            peer.Generator = lambda **sizes: nn.Sequential(generator, nn.Flatten())
            peer.Discriminator = lambda **sizes: nn.Sequential(nn.Unflatten(1, x.shape[1:]), critic)
            detector = peer.AnoGAN(epochs=0, epochs_query=n_steps, latent_dim_G=latent_size)
            return detector.fit(x.flatten(1).numpy()).decision_scores_

        own = peer.Generator, peer.Discriminator
        try:
            _, times = in_turns({"PyOD": pyods, "anogan_search": ours}, device, seconds / len(ngfs))
        finally:
            peer.Generator, peer.Discriminator = own
        rows += [
            {
                "ngf": ngf,
                "variant": variant,
                "seconds_per_image": per(times[variant], n_images),
                "times_pyod": ratios(times["PyOD"], times[variant]),
            }
            for variant in times
        ]
    sizes = {"n_images": n_images, "n_steps": n_steps, "latent_size": latent_size}
    return sizes | {"pyod": pyod.__version__, "torch_threads": torch.get_num_threads()}, rows


if __name__ == "__main__":
    main("anogan", measure, cpu_only=True)
