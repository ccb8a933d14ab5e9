"""Training ten generators at once against one after the other; with torch.compile; with bfloat16 autocast.

Compared, in turns, for both ways to hold the critic: one WGAN, ten as groups of one network, one whose
networks are compiled (on a GPU as CUDA graphs, which spare it the launches), and one under torch.autocast.
`times_one` is how many times faster a generator's step is than with one alone.
"""

from functools import partial

import torch

from ganod_lite.gan import GANTraining

from .common import in_turns, main, per, random_images, ratios

SIZES = {  # on a GPU a step takes milliseconds
    "cpu": {"n_steps": 3, "n_images": 1000, "ngf": 16, "batch_size": 64},
    "cuda": {"n_steps": 50, "n_images": 5000, "ngf": 64, "batch_size": 64},
}


def measure(device, seconds, n_at_once=10, latent_size=256, compiled=True, **sizes):
    sizes = SIZES[device.type] | sizes
    parameters = sizes | {"n_at_once": n_at_once, "latent_size": latent_size}
    images = random_images(sizes["n_images"])
    rows = []
    for objective in ("wgan", "wgan-gp"):

        def training(n, objective=objective):
            options = {name: value for name, value in parameters.items() if name not in ("n_images", "n_at_once")}
            return GANTraining([images] * n, list(range(n)), objective=objective, device=device, **options)

        one, several, half = training(1), training(n_at_once), training(1)
        run = {
            "one": partial(one.block, sizes["n_steps"]),
            f"{n_at_once} at once": partial(several.block, sizes["n_steps"]),
            "one, bfloat16": partial(_autocast, half, sizes["n_steps"], device),
        }
        if compiled:
            run["one, compiled"] = partial(_compiled(training(1), device).block, sizes["n_steps"])
        n = {name: n_at_once if "at once" in name else 1 for name in run}
        _, times = in_turns(run, device, seconds / 2)
        each = {name: per(times[name], n[name] * sizes["n_steps"]) for name in run}
        rows += [
            {
                "objective": objective,
                "variant": name,
                "seconds_per_generator_step": each[name],
                "times_one": ratios(each["one"], each[name]),
            }
            for name in run
        ]
    return parameters, rows


def _compiled(training, device):
    """The training with its networks compiled; not the critic's under a penalty, which is differentiated twice."""
    mode = "reduce-overhead" if device.type == "cuda" else "default"
    training.generator.compile(mode=mode)
    if training.objective != "wgan-gp":
        training.critic.compile(mode=mode)
    return training


def _autocast(training, n_steps, device):
    with torch.autocast(device.type, torch.bfloat16):
        training.block(n_steps)


if __name__ == "__main__":
    main("training", measure)
