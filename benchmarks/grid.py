"""The grid of experiments on several processes against one: joblib's, and a Dask cluster's (`pip install distributed`).

The same errands, from an empty store, on the embedded digits, each process with one thread.
`times_one` is how many times faster they are done than by one process. Starting the processes, some seconds, is not
counted. What is computed on a GPU is not measured: a process has one to itself.
"""

import sys
import tempfile
from functools import partial

import joblib
from threadpoolctl import threadpool_limits

from ganod_study.runner import grid, run
from ganod_study.store import Store

from .common import in_turns, main, per, ratios


def measure(device, seconds, scale="lite", methods=("gmm", "iforest"), classes=range(10), n_processes=2):
    try:
        from distributed import Client, LocalCluster
    except ImportError as missing:
        sys.exit(f"This benchmark starts a Dask cluster ({missing}): pip install distributed")
    cells = grid(scale, "digits", methods, classes)
    options = {"n_workers": n_processes, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster):
        several = f"{n_processes} processes"
        variants = {
            "1 process": partial(_run, cells, device, n_jobs=1),
            several: partial(_run, cells, device, n_jobs=n_processes),
            f"Dask, {n_processes} workers": partial(_run, cells, device, backend="dask"),
        }
        with threadpool_limits(1):  # as joblib and Dask limit their workers
            _, times = in_turns(variants, device, seconds)
    rows = [
        {"cells": len(cells), "variant": name, "seconds": per(of, 1), "times_one": ratios(times["1 process"], of)}
        for name, of in times.items()
    ]
    return {"scale": scale, "methods": list(methods), "classes": list(classes), "n_processes": n_processes}, rows


def _run(cells, device, **how):
    with tempfile.TemporaryDirectory() as folder, joblib.parallel_config(**how):
        run(cells, Store(folder), device=device, verbose=False)


if __name__ == "__main__":
    main("grid", measure, cpu_only=True)
