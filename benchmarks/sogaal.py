"""SO-GAAL against PyOD's, which is no dependency of this project: `pip install pyod` first.

Both train for the same number of epochs, in turns, on the embedded table and, where the GAAL tables are
at hand (GANOD_DATA), on Pima. Both work on a CPU, whatever --device says: PyOD's knows nothing else.
PyOD's epochs have one more batch where the number of rows is no multiple of 500: it also trains on the
rest. What each finds is another matter; the book's page on SO-GAAL compares that.
"""

import io
import sys
from contextlib import redirect_stdout

import torch

from ganod_lite.gaal import SOGAAL
from ganod_study import datasets

from .common import in_turns, main, per, ratios


def measure(device, seconds, stop_epochs=100):
    try:
        import pyod
        from pyod.models.so_gaal import SO_GAAL
    except ImportError as missing:
        sys.exit(f"This benchmark compares with PyOD ({missing}): pip install pyod")
    names = [name for name in (datasets.GENERATED, "Pima") if datasets.available()[name]]
    rows = []
    for name in names:
        X = datasets.load_table(name).X

        def ours(X=X):
            SOGAAL(stop_epochs, random_state=0, device=device, verbose=False).fit(X)

        def pyods(X=X):
            torch.manual_seed(0)
            with redirect_stdout(io.StringIO()):  # it prints a line for each epoch
                SO_GAAL(stop_epochs=stop_epochs).fit(X)

        _, times = in_turns({"PyOD": pyods, "SOGAAL": ours}, device, seconds / len(names))
        rows += [
            {
                "table": name,
                "rows": len(X),
                "features": X.shape[1],
                "variant": variant,
                "seconds": per(times[variant], 1),
                "seconds_per_epoch": per(times[variant], 3 * stop_epochs),
                "times_pyod": ratios(times["PyOD"], times[variant]),
            }
            for variant in times
        ]
    return {"stop_epochs": stop_epochs, "epochs": 3 * stop_epochs, "pyod": pyod.__version__}, rows


if __name__ == "__main__":
    main("sogaal", measure, cpu_only=True)
