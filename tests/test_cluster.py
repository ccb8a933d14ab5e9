"""The grid on a Dask cluster of two processes, one of which is killed in the middle; the command line's processes."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import joblib
import pytest
from distributed import Client, LocalCluster
from helpers import assert_same

from ganod_study.runner import grid, run
from ganod_study.store import Store

CELLS = grid("smoke", "digits", ("kde", "iforest", "adgan"), classes=(0, 1))
VICTIM = CELLS[4]  # ADGAN's first: it begins when others are done and ends before the last

# What each worker runs as it starts: it then writes down what it computes, and the first at VICTIM waits to be killed.
PRELOAD = """
import os, time
from pathlib import Path
from ganod_study.jobs import Job

folder = Path({folder!r})
if Job.compute.__name__ == "compute":  # a worker runs this more than once
    compute = Job.compute

def note(event, cell):
    with (folder / "log").open("a") as log:
        log.write(f"{{event}} {{cell.method}} {{cell.normal_class}} {{os.getpid()}}\\n")

def noted(self, cell):
    note("begun", cell)
    if (cell.method, cell.normal_class) == {victim!r}:
        try:
            (folder / "waits").touch(exist_ok=False)
            time.sleep(60)
        except FileExistsError:
            pass
    entry = compute(self, cell)
    note("done", cell)
    return entry

Job.compute = noted
"""


def read(folder):
    """What the workers have written down: (event, method, class, process) each."""
    log = folder / "log"
    return [tuple(line.split()) for line in log.read_text().splitlines()] if log.exists() else []


def kill_the_waiting(folder, store):
    """Kill the worker that waits at VICTIM: its process, and how many entries there were."""
    deadline = time.monotonic() + 40
    while not (folder / "waits").exists():
        assert time.monotonic() < deadline, "no worker came to the victim"
        time.sleep(0.02)
    (pid,) = [int(p) for event, *cell, p in read(folder) if cell == [VICTIM.method, "0"]]
    there = len(store.entries())
    os.kill(pid, signal.SIGKILL)
    return pid, there


@pytest.mark.timeout(150)
def test_a_killed_worker_s_cells_are_done_by_another_and_the_others_not_again(tmp_path):
    store = Store(tmp_path / "store")
    preload = PRELOAD.format(folder=str(tmp_path), victim=(VICTIM.method, VICTIM.normal_class))
    with (
        ThreadPoolExecutor(1) as aside,
        LocalCluster(2, threads_per_worker=1, dashboard_address=None, preload=[preload], silence_logs=50) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        for nanny in cluster.workers.values():
            nanny.auto_restart = False  # what takes seconds; the other worker is there
        killing = aside.submit(kill_the_waiting, tmp_path, store)
        entries = run(CELLS, store, device="cpu", verbose=False)
        killed, there = killing.result()

    assert 0 < there < len(CELLS)
    log = read(tmp_path)
    cells = {(c.method, str(c.normal_class)) for c in CELLS}
    assert Counter(tuple(cell) for event, *cell, _ in log if event == "done") == dict.fromkeys(cells, 1)
    at_victim = [int(p) for event, *cell, p in log if event == "begun" and cell == [VICTIM.method, "0"]]
    assert len(at_victim) == 2 and at_victim[0] == killed != at_victim[1]

    for entry, expected in zip(entries, run(CELLS, Store(tmp_path / "serial"), device="cpu", verbose=False)):
        assert_same(entry, expected)


# The command line where what only notebooks, figures and the reading of image files need can't be imported.
COMMAND = """
import runpy
from importlib.machinery import PathFinder

find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *args: None if name in {unneeded!r} else find(name, *args)
runpy.run_module("ganod_study", run_name="__main__", alter_sys=True)
"""
UNNEEDED = ("pandas", "matplotlib", "IPython", "torchvision", "PIL", "papermill", "nbformat", "dask", "distributed")


@pytest.mark.parametrize(("jobs", "methods"), [(1, ["kde", "adgan"]), (2, ["iforest"])])
def test_the_command_line_needs_little(tmp_path, jobs, methods):
    command = [sys.executable, "-c", COMMAND.format(unneeded=UNNEEDED), "run", "--jobs", str(jobs), "--device", "cpu"]
    command += ["--scale", "smoke", "--methods", ",".join(methods), "--store", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"digits     {method:19}    2 of 2" for method in methods]
