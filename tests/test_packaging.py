"""pyproject.toml, requirements.lock, environment.yml, the Makefile and the README agree with each other."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = [Requirement(line) for line in (ROOT / "requirements.lock").read_text().splitlines()]
PACKAGES = "ganod_lite", "ganod_study"
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
DEPENDENCIES = [
    Requirement(text)
    for texts in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for text in texts
    if not text.startswith(PROJECT["name"])  # an extra that contains another one
]


def environment(python, platform):
    minor = default_environment() | {"python_version": python, "python_full_version": f"{python}.9"}
    return minor | {"sys_platform": platform, "extra": ""}


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_lock_pins_every_dependency_within_its_range(python, platform):
    assert python in SpecifierSet(PROJECT["requires-python"])
    where = environment(python, platform)
    pins = {}
    for pin in LOCK:
        if pin.marker is None or pin.marker.evaluate(where):
            assert pin.name not in pins, f"{pin.name} is pinned twice"
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            pins[pin.name] = specifier.version
    for needed in DEPENDENCIES:
        if needed.marker is None or needed.marker.evaluate(where):
            assert needed.name in pins, f"{needed.name} is not in requirements.lock"
            assert pins[needed.name] in needed.specifier, f"{needed}, but the lock has {pins[needed.name]}"


def test_conda_environment_installs_the_lock():
    *conda, pip = ENVIRONMENT["dependencies"]
    python = next(text for text in conda if text.startswith("python="))
    assert python.removeprefix("python=") in SpecifierSet(PROJECT["requires-python"])
    assert "pip" in conda
    assert pip == {"pip": ["-r requirements.lock", "-e ."]}


def test_wheel_holds_the_two_packages_and_nothing_else(tmp_path):
    kept = {path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()}
    kept = {path for path in kept if "__pycache__" not in path.parts}
    for path in kept | {Path("pyproject.toml"), Path("README.md"), Path("LICENSE"), Path("tests", "test_packaging.py")}:
        (tmp_path / "source" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / "source" / path)
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--no-index"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", *options, "-w", tmp_path, tmp_path / "source"], check=True
    )
    [wheel] = tmp_path.glob("*.whl")
    names = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.parts[0].endswith(".dist-info")} == kept


def test_ganod_lite_is_typed_strictly():
    """By mypy, which pyproject.toml tells what is strict."""
    pytest.importorskip("mypy")
    mypy = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert mypy.returncode == 0, mypy.stdout + mypy.stderr
    assert (ROOT / "ganod_lite" / "py.typed").exists()


def test_citation_has_the_package_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])


def test_workflow_is_valid_and_runs_pinned_actions():
    workflow = ROOT / ".github" / "workflows" / "book.yml"
    lint = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", workflow]
    linted = subprocess.run(lint, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    used = re.findall(r"uses: (.*)", workflow.read_text())
    assert used
    for action in used:  # a tag can be moved, a commit can't
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action), action


def test_workflow_and_ci_make_targets_that_exist():
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    workflow = (ROOT / ".github" / "workflows" / "book.yml").read_text()
    (ci,) = re.findall(r"for target in (.*); do", (ROOT / ".ci" / "run").read_text())
    assert set(re.findall(r"run: make ([a-z-]+)", workflow)) | set(ci.split()) <= set(targets)
    # What is published has been looked at, and nothing is made after that.
    steps = re.findall(r"run: make ([a-z-]+)|uses: (peaceiris)", workflow)
    assert [name or action for name, action in steps][-3:] == ["pdf", "check-book", "peaceiris"]


def test_places_in_the_code_that_pages_name_exist():
    """As `file.py:name` or `file.py:Class.name` of one of the packages."""
    files = {}
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        files[path.name] = files.get(path.name, "") + path.read_text()
    named = 0
    for page in (ROOT / "book").rglob("*.md"):
        for file, name in re.findall(r"`(?!file\.py)(\w+\.py):([\w.]+)`", page.read_text()):
            last = re.escape(name.rpartition(".")[2])
            defined = re.search(rf"^\s*(def|class) {last}\b|^{last}\b.* = ", files.get(file, ""), re.MULTILINE)
            assert defined, f"{page.name} names {file}:{name}"
            named += 1
    assert named > 50
