"""A copy of `ganod_lite` under another name does what the README shows with it, where only what it needs is there."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("torch", "numpy", "scikit-learn", "tqdm")
IMPORTED = {"torch", "numpy", "sklearn", "scipy", "joblib", "threadpoolctl", "tqdm"}

# Where nothing else can be imported, import each module of the copy; then what is to be run.
ALONE = """
import importlib, pkgutil, sys

class Hide:
    finders = list(sys.meta_path)

    def find_spec(self, name, *args):
        if name.split(".")[0] not in {hidden!r}:
            return next(filter(None, (finder.find_spec(name, *args) for finder in self.finders)), None)

sys.meta_path[:] = [Hide()]
import mine
for module in pkgutil.iter_modules(mine.__path__):
    importlib.import_module(f"mine.{{module.name}}")

import numpy as np
normal_images, new_images = np.random.RandomState(0).randint(256, size=(2, 12, 8, 8)).astype(np.uint8)
table = np.random.RandomState(0).uniform(-5, 5, size=(30, 3))
"""


def others():
    """What is installed here beside NEEDED and all that they depend on: the names that it is imported by."""
    todo, needed = list(NEEDED), set()
    while todo:
        name = canonicalize_name(todo.pop())
        if name not in needed:
            needed.add(name)
            requirements = map(Requirement, distribution(name).requires or [])
            todo += [r.name for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    packages = packages_distributions().items()
    return {package for package, by in packages if not needed & set(map(canonicalize_name, by))}


def test_a_copy_under_another_name_runs_the_readme_s_examples(tmp_path):
    section = (ROOT / "README.md").read_text().split("## Take the code home")[1].split("\n## ")[0]
    examples = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(examples) == 3  # images, a table, a generator
    example = "\n".join(examples)
    for given, here in (("from ganod_lite ", "from mine "), ("n_iter=2000", "n_iter=2")):
        assert given in example
        example = example.replace(given, here)
    shutil.copytree(ROOT / "ganod_lite", tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    hidden = others() | {"ganod_lite", "ganod_study"}
    assert {"PIL", "pandas", "matplotlib", "torchvision"} < hidden
    script = ALONE.format(hidden=hidden) + example
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "ganod_lite").glob("*.py")), ids=lambda path: path.stem)
def test_the_library_imports_little(path):
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = [alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in imports if isinstance(node, ast.ImportFrom) and not node.level]
    others = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - IMPORTED
    assert others <= {"PIL", "matplotlib"}  # where its images are given, where TensorBoard gets a figure
    relative = [node for node in imports if isinstance(node, ast.ImportFrom) and node.level]
    assert not [alias.name for node in relative for alias in node.names if alias.name.startswith("_")]
