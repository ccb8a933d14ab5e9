"""The commands in README, the book and the Makefile run as printed.

A shell runs each of them, in a scratch folder that has what a reader's is said to have. Programs that would take long
or need a network are stand-ins there, which write down what they were called with. The calls of our own programs are
then made here, of the same arguments, with small sizes behind them.
"""

import argparse
import re
import runpy
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import joblib
import jupytext
import numpy as np
import papermill.cli
import pytest
from helpers import put_alexnet
from PIL import Image

from ganod_study import datasets, own_images, runner
from ganod_study.__main__ import main
from ganod_study.scales import SCALES, SMOKE

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("Makefile", "_config.yml", "environment.yml", "pyproject.toml", "requirements.lock", "book/build.py")
STAND_INS = ("python", "python3", "pip", "papermill", "ruff", "mypy", "conda", "dask", "tensorboard")
STAND_IN = """#!/bin/sh
printf '%s\\0' "$PWD" "${0##*/}" "$@" END >> "$CALLS"  # at one go, as others may write too
"""
FOLDERS = {
    "normal-images": 32,
    "images-to-rank": 3,
    "more-images": 3,
    "normal": 32,
    "new": 3,
    "FOLDER": 32,
}  # of images
RESULTS = ("results", "other-results")


def commands(text):
    """The blocks of commands and the inline commands of a page, in order."""
    found = re.findall(r"^```(\S*)\n(.*?)^```$|(?<!`)`([^`]+)`(?!`)", text, re.DOTALL | re.MULTILINE)
    for language, block, inline in found:
        program, _, arguments = " ".join(inline.split()).partition(" ")
        if language == "bash":
            yield block
        elif arguments and Path(program).name in (*STAND_INS, "make"):
            yield f"{program} {arguments}"


def pages():
    yield (
        "Makefile",
        [f"make {t}" for t in re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)],
    )
    for path in [ROOT / "README.md", *(ROOT / "book").rglob("*.md")]:
        yield path.stem, list(commands(path.read_text()))
    for path in (ROOT / "notebooks").glob("*.py"):
        cells = jupytext.read(path).cells
        yield path.stem, list(commands("\n".join(cell.source for cell in cells if cell.cell_type == "markdown")))


COMMANDS = {f"{name}-{i}": found for i, (name, found) in enumerate(pages()) if found}


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """A clone that is small, with folders of images and of results, and stand-ins on its path."""
    here, programs = tmp_path / "clone", tmp_path / "bin"
    for name in NEEDED:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, here / name)
    shutil.copytree(ROOT / "notebooks", here / "notebooks", ignore=shutil.ignore_patterns("__pycache__"))
    rng = np.random.default_rng(0)
    for folder, n in FOLDERS.items():
        (here / folder).mkdir()
        for i in range(n):
            Image.fromarray(rng.integers(256, size=(8, 8), dtype=np.uint8)).save(here / folder / f"{i}.png")
    for folder in RESULTS:
        (here / folder).mkdir()
        (here / folder / "README").touch()  # git keeps no empty folder
    programs.mkdir()
    for name in STAND_INS:
        (programs / name).write_text(STAND_IN)
        (programs / name).chmod(0o755)
    (here / ".venv").mkdir()
    (here / ".venv" / "bin").symlink_to(programs)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *command], cwd=here, check=True)
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("GANOD_DATA", str(put_alexnet(data)))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return here


@pytest.fixture
def small(monkeypatch):
    """The grid is checked as it is asked for; what is computed of it are two cells of each method at most."""
    grid = runner.grid

    def smaller(scale, dataset, methods, classes, seeds, rows):
        assert grid(scale, dataset, methods, classes, seeds, rows)
        return grid("smoke", "digits" if dataset in SCALES[scale] else "wine", methods, None, seeds[:1], rows)

    monkeypatch.setattr(runner, "grid", smaller)
    monkeypatch.setitem(own_images.SETTINGS, "lite", SMOKE)
    monkeypatch.setattr(datasets, "fetch", lambda name, root: datasets.DOWNLOADS.index(name))


class Parsed(Exception):
    pass


def only_parse(monkeypatch, call, *arguments):
    """Run a program up to where it has read its arguments."""
    parse = argparse.ArgumentParser.parse_args

    def stop(self, args=None, namespace=None):
        parse(self, args, namespace)
        raise Parsed

    with monkeypatch.context() as patch, pytest.raises(Parsed):
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        patch.setattr(sys, "argv", ["program", *arguments])
        call()


def again(call, monkeypatch, capsys):
    """Make a call that was written down."""
    match call:
        case ["python", "-m", "ganod_study", *arguments]:
            try:
                with joblib.parallel_config(backend="sequential"):  # no processes, whatever --jobs says
                    assert main([*arguments]) in ((0, 3) if arguments[0] == "status" else (0,))  # 3: not all is there
            except SystemExit:
                assert "MNIST not found" in capsys.readouterr().err  # of `tune`, which knows no embedded data
        case ["python", "-m", "pytest", *arguments]:
            assert all((ROOT / name).exists() for name in arguments if name.endswith(".py"))
        case ["python", "-m", module, *arguments] if module != "venv":
            only_parse(monkeypatch, partial(runpy.run_module, module, run_name="__main__"), *arguments)
        case ["python", "book/build.py", *arguments]:
            monkeypatch.setattr(sys, "argv", ["build.py", *arguments, "--convert"])
            runpy.run_path("book/build.py", run_name="__main__")
        case ["python", script] if script.endswith(".py"):
            assert (ROOT / script).exists()
        case ["pip", "install", *arguments]:
            extras = re.findall(r"(?:ganod-lite|\.)\[(\w+)\]", " ".join(arguments))
            assert extras or "[" not in " ".join(arguments)
            assert all(f"\n{extra} = [" in Path("pyproject.toml").read_text() for extra in extras)
        case ["papermill", *arguments]:
            papermill.cli.papermill.main([*arguments, "-p", "scale", "smoke"], standalone_mode=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_run_as_printed(name, scratch, small, monkeypatch, capsys, tmp_path):
    monkeypatch.syspath_prepend(ROOT)  # of the benchmarks
    for command in COMMANDS[name]:
        done = subprocess.run(["bash", "-euc", command], cwd=scratch, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        calls = tmp_path / "calls"
        for line in calls.read_text().split("\0END\0")[:-1] if calls.exists() else []:
            folder, *call = line.split("\0")
            monkeypatch.chdir(folder)
            again(call, monkeypatch, capsys)
        calls.unlink(missing_ok=True)


def test_where_commands_are_found():
    found = {name.rpartition("-")[0] for name in COMMANDS}
    assert {"Makefile", "README", "reproduce", "machines", "own_images", "cost", "adgan"} <= found
