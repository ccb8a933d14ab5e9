"""SO-GAAL and MO-GAAL against PyOD's, which is no dependency of this project: `pip install pyod` first.

Both train for the same epochs, in turns, one run and fifteen repetitions, on the embedded table and on those of
the available GAAL tables (GANOD_DATA). Both work on a CPU, whatever --device says. PyOD's epochs have one
more batch where the number of rows is no multiple of 500: it also trains on the rest. Its fifteen repetitions
follow one another, ours share the processors. What each finds is another matter, for the book's page on GAAL.
"""

import io
import os
import sys
from contextlib import redirect_stdout

import torch

from ganod_lite.gaal import MOGAAL, SOGAAL, fit_repetitions
from ganod_study import datasets

from .common import in_turns, main, per, ratios

TABLES = ("onecluster", "WDBC", "Pima", "Waveform", "Annthyroid", "PenDigits")


def measure(device, seconds, updates=20, repetitions=15):
    """Each for about `updates` updates of the discriminator until the stop, and twice as many after it."""
    try:
        import pyod
        from pyod.models.mo_gaal import MO_GAAL
        from pyod.models.so_gaal import SO_GAAL
    except ImportError as missing:
        sys.exit(f"This benchmark compares with PyOD ({missing}): pip install pyod")
    names = [name for name in TABLES if datasets.available()[name]] or [datasets.GENERATED]
    rows = []
    for name in names:
        X = datasets.load_table(name).X
        stop_epochs = max(1, updates // max(1, len(X) // 500))
        for ours, theirs in ((SOGAAL, SO_GAAL), (MOGAAL, MO_GAAL)):
            detector = ours(stop_epochs, schedule="full", device=device, verbose=False)
            for n in (1, repetitions):

                def fit_ours(detector=detector, X=X, n=n):
                    fit_repetitions(detector, X, range(n), n_jobs=min(n, os.cpu_count()))

                def fit_theirs(theirs=theirs, X=X, n=n, stop_epochs=stop_epochs):
                    for seed in range(n):
                        torch.manual_seed(seed)
                        with redirect_stdout(io.StringIO()):  # it prints a line for each epoch
                            theirs(stop_epochs=stop_epochs).fit(X)

                in_turn = {"PyOD": fit_theirs, "ours": fit_ours}
                _, times = in_turns(in_turn, device, seconds / (4 * len(names)), rounds=5 if n == 1 else 1)
                rows.append(
                    {
                        "table": name,
                        "rows": len(X),
                        "features": X.shape[1],
                        "variant": f"{ours.__name__}, {n} repetition{'s' * (n > 1)}",
                        "epochs": 3 * stop_epochs,
                        "seconds": per(times["ours"], 1),
                        "times_pyod": ratios(times["PyOD"], times["ours"]),
                    }
                )
    return {"updates": updates, "pyod": pyod.__version__}, rows


if __name__ == "__main__":
    main("gaal", measure, cpu_only=True)
