"""Every notebook runs at the smoke scale, and book/build.py runs what it has to and nothing else."""

import importlib.util
import io
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))

TOY = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A toy

# %% tags=["parameters"]
scale = "lite"
classes = [0, 1, 8]  # the normal classes

# %%
import time
from pathlib import Path

assert isinstance(classes, list)
"""
COUNT = 'with open("runs", "a") as runs:\n    runs.write("toy ")\n'
WARN = 'import warnings\nwarnings.warn("stored cell is damaged")\n'
WAIT = 'Path("started").touch()\nwhile not Path("go").exists():\n    time.sleep(0.05)\n'
FAIL = 'if not Path("repaired").exists():\n    raise ValueError("no such thing")\n'


def load_build(root):
    """book/build.py as a module, working in the folder `root`."""
    spec = importlib.util.spec_from_file_location("ganod_book_build", root / "book" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A project with two toy notebooks; `make` runs the build without its last step, the HTML."""
    for name in ("book", "notebooks", "ganod_lite", "ganod_study"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "book" / "build.py", tmp_path / "book")
    for name in ("_config.yml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "ganod_lite" / "code.py").write_text("x = 1\n")
    first, second = (tmp_path / "notebooks" / f"{name}.py" for name in "ab")
    first.write_text(TOY + COUNT)
    second.write_text(TOY)
    build = load_build(tmp_path)
    monkeypatch.setattr(build, "html", lambda settings: True)

    def make(*arguments):
        monkeypatch.setattr(sys, "argv", ["build.py", *arguments])
        build.main()

    def runs():
        return len((tmp_path / "runs").read_text().split())

    return SimpleNamespace(root=tmp_path, first=first, second=second, build=build, make=make, runs=runs)


@pytest.fixture(params=NOTEBOOKS, ids=lambda source: source.stem)
def converted(request, tmp_path, monkeypatch):
    """Each notebook in turn: what the build makes of it, and the build."""
    build = load_build(ROOT)
    monkeypatch.setattr(build, "BUILD", tmp_path)
    path, parameters = build.convert(request.param, "https://example.org/repository")
    assert {"scale", "data_root", "store"} <= parameters.keys()
    return path, build


def test_notebook_runs_at_smoke_scale(converted, tmp_path):
    path, build = converted
    values = {"scale": "smoke", "data_root": str(tmp_path / "no data"), "store": str(tmp_path / "store")}
    executed = papermill.execute_notebook(path, None, values, cwd=ROOT, progress_bar=False)
    assert build.take_messages(executed) == []


def test_unknown_parameter_is_an_error(converted):
    with pytest.raises(PapermillExecutionError, match="no parameter scael; there are scale"):
        papermill.execute_notebook(converted[0], None, {"scael": "smoke"}, cwd=ROOT, progress_bar=False)


def test_code_is_behind_a_click_unless_a_reader_would_copy_it(toy):
    toy.second.write_text(TOY + '\n# %% tags=["keep"]\n"to be copied"\n\n# %%\n"a call"\n')
    toy.make()
    cells = nbformat.read(toy.root / "book" / "notebooks" / "b.ipynb", as_version=4).cells
    tags = {cell.source: cell.metadata.tags for cell in cells if cell.cell_type == "code"}
    assert tags['"to be copied"'] == ["keep"]
    assert tags['"a call"'] == ["hide-input"]


def test_publishing_needs_a_repository(toy, monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    toy.make("--convert")
    with pytest.raises(SystemExit, match="is a placeholder"):
        toy.make("--convert", "--publish")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with pytest.raises(SystemExit, match="is a placeholder"):
        toy.make("--convert")
    monkeypatch.setenv("GITHUB_REPOSITORY", "Somebody/book")
    toy.make("--convert")
    settings = toy.build.config(publish=True)
    assert settings["repository"]["url"] == "https://github.com/Somebody/book"
    assert settings["sphinx"]["config"]["html_baseurl"] == "https://somebody.github.io/book/"


def test_plain_papermill_knows_the_parameters(toy):
    toy.make("--convert")

    def run(name, value="[3, 5]"):
        command = [Path(sys.executable).with_name("papermill"), "build/notebooks/b.ipynb", "out.ipynb"]
        return subprocess.run([*command, "-p", name, value], cwd=toy.root, capture_output=True, text=True)

    done = run("classes")
    assert done.returncode == 0, done.stderr
    failed = run("clases")
    assert failed.returncode != 0
    assert "no parameter clases; there are scale, classes" in failed.stderr
    for value, shown in (("3", "3"), ("0-3", "'0-3'"), ("zero", "'zero'"), ("[]", "[]"), ("None", "None")):
        failed = run("classes", value)
        assert failed.returncode != 0
        assert f"classes must be a list, such as [3, 5]; got {shown}" in failed.stderr


def test_build_refuses_a_parameter_that_no_notebook_has(toy):
    with pytest.raises(SystemExit, match="no notebook has the parameter clases; there are classes, scale"):
        toy.make("-p", "clases", "[3]")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# %% tags", "# %%\nx = 1\n\n# %% tags", "the first code cell must be the one tagged `parameters`"),
        ("[0, 1, 8]", "list(range(3))", r"the default of `classes` must be a literal; got list\(range\(3\)\)"),
    ],
)
def test_parameters_come_first_and_are_literals(toy, old, new, message):
    toy.first.write_text(TOY.replace(old, new))
    with pytest.raises(SystemExit, match=rf"a\.py: {message}"):
        toy.make("--convert")


def test_links_lead_to_the_repository_that_publishes(toy, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/fork")
    toy.make("--convert")
    assert toy.build.config()["repository"]["url"] == "https://github.com/someone/fork"
    assert "git+https://github.com/someone/fork" in (toy.root / "build" / "notebooks" / "a.ipynb").read_text()


def test_page_shows_what_ran(toy):
    toy.make("-p", "classes", "[3, 5]")
    page = nbformat.read(toy.build.PAGES / "a.ipynb", as_version=4)
    shown = "\n".join(c.source for c in page.cells if "remove-cell" not in c.metadata.get("tags", []))
    assert "classes = [3, 5]" in shown and 'scale = "lite"' in shown
    assert "[0, 1, 8]" not in shown
    assert "Not the book's own parameters" in shown
    assert "-p scale lite -p classes '[3, 5]'" in shown
    assert "| `classes` | `[3, 5]` | the normal classes |" in shown
    assert str(toy.root) not in nbformat.writes(page)
    assert "ok, other parameters" in (toy.root / "book" / "status.md").read_text()

    toy.make("-p", "scale", "lite")
    assert "Not the book's own" not in (toy.build.PAGES / "a.ipynb").read_text()
    assert "other parameters" not in (toy.root / "book" / "status.md").read_text()


def test_only_figures_have_numbered_captions(toy):
    def cell(kind):
        output = new_output("display_data", {kind: "there"})
        return new_code_cell("draw()", outputs=[output], metadata={"mystnb": {"figure": {"name": "a"}}})

    toy.make()
    record = {"standard": True, "parameters": {}, "seconds": 1, "finished": "", "device": "", "commit": "",
              "versions": {}, "notebook": "a"}  # fmt: skip
    notebook = new_notebook(cells=[cell("image/png"), cell("text/markdown")])
    drawn, noted, _ = toy.build.as_page(notebook, record, {}).cells
    assert "mystnb" in drawn.metadata and "mystnb" not in noted.metadata


def test_second_run_does_only_what_changed(toy, capsys):
    toy.make()
    toy.make()
    assert toy.runs() == 1
    toy.second.write_text(TOY + "x = 2\n")
    toy.make()
    assert toy.runs() == 1
    assert "a: unchanged" in capsys.readouterr().out
    toy.first.unlink()
    toy.make()
    assert [page.name for page in toy.build.PAGES.iterdir()] == ["b.ipynb"]


def killed(run):
    if run.path.stem == "intro":
        raise KeyboardInterrupt


def test_the_front_page_is_made_last_and_whenever_another_one_is(toy, capsys):
    toy.second.rename(toy.second.with_name("zz.py"))
    shutil.copy(toy.first.with_name("zz.py"), toy.first.with_name("intro.py"))
    toy.make()
    running = [line for line in capsys.readouterr().out.splitlines() if line.endswith(": running")]
    assert running[-1] == "intro: running" and len(running) == 3
    toy.make()
    assert "running" not in capsys.readouterr().out
    toy.first.write_text(TOY + COUNT + "x = 3\n")
    toy.make()
    running = [line for line in capsys.readouterr().out.splitlines() if line.endswith(": running")]
    assert running == ["a: running", "intro: running"]

    toy.first.write_text(TOY + COUNT + "x = 4\n")
    make_page = toy.build.make_page
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(toy.build, "make_page", lambda run, digest: killed(run) or make_page(run, digest))
        toy.make()
    toy.make()
    assert [line for line in capsys.readouterr().out.splitlines() if line.endswith(": running")][-1] == "intro: running"


def test_fingerprint_covers_everything_a_page_depends_on(toy, monkeypatch, tmp_path):
    def fingerprint(values=(("scale", "lite"),), found=(("mnist", False),)):
        run = toy.build.Run(toy.first, None, dict(values), {}, True)
        return toy.build.fingerprint(run, dict(found), toy.build.fingerprint_of_all())

    seen = [fingerprint(), fingerprint([("scale", "smoke")]), fingerprint(found=[("mnist", True)])]
    results = toy.root / "book" / "results"
    results.mkdir()
    code = [toy.root / "ganod_lite" / name for name in ("code.py", "more.py")]
    for path in (toy.first, toy.root / "requirements.lock", *code, results / "cell.json"):
        with path.open("a") as file:
            file.write("# changed\n")
        seen.append(fingerprint())
    monkeypatch.setenv("GANOD_DATA", str(tmp_path / "elsewhere"))
    seen.append(fingerprint())
    assert len(set(seen)) == len(seen)


def test_failing_notebook_is_named_and_tried_again(toy, capfd):
    toy.first.write_text(TOY + FAIL)
    with pytest.raises(SystemExit, match=r"The build failed: a\.$"):
        toy.make()
    assert "ValueError: no such thing" in capfd.readouterr().err
    status = (toy.root / "book" / "status.md").read_text()
    assert "{doc}`notebooks/a` | failed" in status and "ValueError: no such thing" in status
    assert "{doc}`notebooks/b` | ok" in status

    (toy.root / "repaired").touch()
    toy.make()
    assert "failed" not in (toy.root / "book" / "status.md").read_text()
    assert "b: unchanged" in capfd.readouterr().out


def test_messages_are_on_the_status_page_only(toy):
    toy.first.write_text(TOY + WARN)
    toy.make()
    assert "UserWarning: stored cell is damaged" in (toy.root / "book" / "status.md").read_text()
    page = nbformat.read(toy.build.PAGES / "a.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in page.cells)


def test_two_notebooks_run_at_the_same_time(toy):
    waits = 'for _ in range(1200):\n    time.sleep(0 if Path("go").exists() else 0.05)\nassert Path("go").exists()\n'
    toy.first.write_text(TOY + waits)
    toy.second.write_text(TOY + 'Path("go").touch()\n')
    toy.build.CORES = 2
    toy.make()
    for page in toy.build.PAGES.iterdir():
        nbformat.validate(nbformat.read(page, as_version=4))


def test_killed_build_is_finished_by_the_next(toy):
    toy.second.write_text(TOY + WAIT)
    script = "import build; build.html = lambda settings: True; build.main()"
    killed = subprocess.Popen([sys.executable, "-c", script], cwd=toy.root / "book")
    try:
        while not ((toy.root / "started").exists() and (toy.build.PAGES / "a.ipynb").exists()):
            assert killed.poll() is None, "the build ended before it could be killed"
            time.sleep(0.05)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert [page.name for page in toy.build.PAGES.iterdir()] == ["a.ipynb"]

    (toy.root / "go").touch()
    toy.make()
    assert toy.runs() == 1
    for page in ("a.ipynb", "b.ipynb"):
        nbformat.validate(nbformat.read(toy.build.PAGES / page, as_version=4))


def test_progress_bars_are_dropped_and_messages_kept():
    build = load_build(ROOT)
    file = io.StringIO()
    bars = {"file": file, "mininterval": 0, "unit_scale": True}
    for step in tqdm(range(3), desc="training", **bars):
        for _ in tqdm(iter(range(2000)), unit=" images", leave=False, **bars):
            pass
        file.write(f"file.py:1: UserWarning: [0, {step}]\n")  # behind the bar, on its line
    text = file.getvalue()
    half = len(text) // 2  # the kernel sends a bar in pieces, other outputs between them
    printed = new_output("stream", name="stdout", text="done\n")
    pieces = [new_output("stream", name="stderr", text=t) for t in (text[:half], text[half:])]
    notebook = new_notebook(cells=[new_code_cell(outputs=[pieces[0], printed, pieces[1]])])
    assert build.take_messages(notebook) == [f"file.py:1: UserWarning: [0, {step}]" for step in range(3)]
    assert notebook.cells[0].outputs == [printed]
