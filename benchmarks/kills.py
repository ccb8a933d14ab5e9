"""Kill a grid of small cells, and trainings with a checkpoint, at random moments: nothing may be lost or changed.

    python -m benchmarks.kills [--grid 200] [--trainings 50] [--seed 0]

Each kill is SIGKILL. After each the store may hold nothing but what an undisturbed run has, to the byte of its arrays,
and all of what it held before. What is begun again must end as the undisturbed run, with the same files in its folder.
Kills when nothing was going on any more do not count. Exits with an error at the first difference.
"""

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ganod_lite.autoencoders import train_autoencoder
from ganod_lite.gan import train_gans
from ganod_study.runner import grid, run
from ganod_study.store import Store, stopwatch

METHODS = "kde", "iforest", "dcae", "adgan", "prior", "adgan-steps"
SIZES = {"n_steps": 75, "latent_size": 8, "ngf": 4, "batch_size": 8, "device": "cpu", "verbose": False}


def compute_grid(folder):
    torch.set_num_threads(1)
    run(grid("smoke", "digits", METHODS, (0, 1), (0, 1)), Store(folder), device="cpu", verbose=False)


def train(folder):
    """A GAN and an autoencoder, one after the other, each with a checkpoint after every block of steps."""
    torch.set_num_threads(1)
    images = torch.rand(40, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    folder, states = Path(folder), {}
    options = SIZES | {"checkpoint_seconds": 0}
    [gan] = train_gans([images], [0], objective="wgan-gp", checkpoint=folder / "gan", **options)
    states |= {"gan": gan.generator.state_dict(), "losses": torch.tensor(gan.critic_loss)}
    dcae = train_autoencoder(images, 0, variational=False, checkpoint=folder / "dcae", **options)
    states["dcae"] = dcae.state_dict()
    torch.save(states, folder / "trained.part")
    (folder / "trained.part").rename(folder / "trained")


def stored(folder):
    """The arrays of each entry, raw, by the name of its record. Warnings, which tell of damage, are errors here."""
    store, found = Store(folder), {}
    for path in sorted(store.root.rglob("*.json")):
        if not path.name.startswith("."):
            entry = store.get(path.with_suffix(""))
            assert entry is not None, f"{path.name} is damaged"
            found[str(path.relative_to(store.root))] = _raw(entry.arrays)
    return found


def trained(folder):
    path = Path(folder) / "trained"
    return {"trained": _raw(torch.load(path, weights_only=True))} if path.exists() else {}


def _raw(arrays):
    if isinstance(arrays, dict):
        return {name: _raw(values) for name, values in arrays.items()}
    return np.asarray(arrays).tobytes()


def files(folder):
    """All files, but for the locks, which are no results."""
    paths = (path for path in Path(folder).rglob("*") if path.is_file() and ".locks" not in path.parts)
    return sorted(str(path.relative_to(folder)) for path in paths)


def kill(work, results, n_kills, rng, process):
    """Kill `work` so many times: how many of its runs came to their end meanwhile."""
    with tempfile.TemporaryDirectory() as undisturbed:
        with stopwatch() as seconds:
            started = process(target=work, args=(undisturbed,))
            started.start()
            started.join()
        assert started.exitcode == 0
        expected, expected_files = results(undisturbed), files(undisturbed)

    killed, finished, longest = 0, 0, seconds()
    with tqdm(total=n_kills, desc=work.__name__, unit="kill") as bar:
        while killed < n_kills:
            with tempfile.TemporaryDirectory() as folder:
                before = {}
                while True:
                    started = process(target=work, args=(folder,))
                    started.start()
                    if killed < n_kills:
                        time.sleep(rng.uniform(0, longest / 2))
                        started.kill()
                    started.join()
                    now = results(folder)
                    if wrong := sorted(name for name in now if now[name] != expected.get(name)):
                        raise AssertionError(f"not as the undisturbed run has it: {wrong}")
                    assert before.items() <= now.items(), f"lost: {before.keys() - now.keys()}"
                    if started.exitcode == 0:
                        break
                    assert started.exitcode == -9, f"it failed with exit code {started.exitcode}"
                    before, killed = now, killed + 1
                    bar.update()
                assert now == expected and files(folder) == expected_files, f"left behind: {files(folder)}"
                finished += 1
    return finished


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--grid", type=int, default=200, help="kills of a grid (200)")
    parser.add_argument("--trainings", type=int, default=50, help="kills of trainings (50)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    # Each process is forked from a clean one that has imported all: killed in the work, not in its imports.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ganod_study.runner"])
    rng = np.random.default_rng(args.seed)
    for work, results, n_kills in ((compute_grid, stored, args.grid), (train, trained, args.trainings)):
        finished = kill(work, results, n_kills, rng, context.Process)
        print(f"{work.__name__}: {n_kills} kills, {finished} runs to the end: nothing lost, different or left behind.")


if __name__ == "__main__":
    main()
