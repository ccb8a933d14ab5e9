"""Turn notebooks/*.py into the book: convert, execute, write the status page, build the HTML.

    python book/build.py                            the book, at the scale "lite"
    python book/build.py -p scale smoke -p seed 1   the same pages with other parameters
    python book/build.py --convert                  only build/notebooks/*.ipynb, ready for papermill
    python book/build.py --publish                  an error if its links would lead to the placeholder repository

A notebook is executed again only when something that its page depends on has changed (`fingerprint`), the front page
whenever another one is.
Files are written aside and renamed, so a build that was killed is finished by starting it again.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import jupytext
import nbformat
import papermill
import torch
import yaml
from filelock import FileLock, Timeout
from papermill.utils import chdir

from ganod_study import datasets
from ganod_study.store import circumstances, stopwatch, write_aside

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
PAGES = ROOT / "book" / "notebooks"
PLACEHOLDER = "https://github.com/ganod/ganod"  # in _config.yml until the book has a repository
AT_ONCE, CORES = 2, os.cpu_count() or 1  # notebooks that run at the same time
LAST = "intro"  # it shows what other pages have computed: made after them, and whenever one of them is
STANDARD = {"scale": "lite"}  # what the book is made with, beside the notebooks' own defaults

# Goes behind the parameters of every notebook: papermill only warns of a name that does not exist.
GUARD = """\
# Refuse parameters that this notebook does not have, read lists; install the package where it is missing (Colab).
import ast
from importlib.util import find_spec

if In[-2].startswith("# Parameters"):  # the cell that papermill puts in
    given, known = {{line.targets[0].id for line in ast.parse(In[-2]).body}}, {names}
    if unknown := given.difference(known):
        raise TypeError(f"no parameter {{', '.join(sorted(unknown))}}; there are {{', '.join(known)}}")
for name, optional in {lists}.items():
    value = globals()[name]
    try:
        globals()[name] = value = ast.literal_eval(value) if isinstance(value, str) else value  # -p gives text
    except (SyntaxError, ValueError):
        pass  # it is no list, whatever it is
    if not (isinstance(value, list) and value or value is None and optional):
        raise TypeError(f"{{name}} must be a list, such as [3, 5]; got {{value!r}}")
if find_spec("ganod_study") is None:
    %pip install --quiet "ganod-lite[images] @ git+{repository}"
"""

# tqdm's bar up to its "[00:01<00:09, 4.5it/s]", and how it clears one and goes up a line.
BAR = re.compile(r"[^\r\n]*\[(\d+:)?\d\d:\d\d(<[\d:?]+)?, [^\r\n\]]*\] *|\r +|\x1b\[A")


def config(publish=False):
    """The book's settings, with the repository that the publishing workflow runs in; to `publish` there must be one."""
    settings = yaml.safe_load((ROOT / "_config.yml").read_text())
    settings["sphinx"]["local_extensions"]["looks"] = str(ROOT / "book")  # it is read from the folder build
    if repository := os.environ.get("GITHUB_REPOSITORY"):
        owner, name = repository.split("/")
        settings["repository"]["url"] = f"https://github.com/{repository}"
        settings["sphinx"]["config"]["html_baseurl"] = f"https://{owner.lower()}.github.io/{name}/"
    if publish and settings["repository"]["url"] == PLACEHOLDER:
        sys.exit(f"{PLACEHOLDER} is a placeholder: set GITHUB_REPOSITORY=OWNER/NAME, or the url in _config.yml.")
    return settings


def convert(source, repository):
    """Write build/notebooks/<name>.ipynb; return its path and {parameter: (default, meaning)}."""
    path = BUILD / "notebooks" / f"{source.stem}.ipynb"
    notebook = jupytext.read(source)
    first = next((i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"), 0)
    if "parameters" not in notebook.cells[first].metadata.get("tags", []):
        sys.exit(f"{source}: the first code cell must be the one tagged `parameters`.")
    write_aside(path, nbformat.writes(notebook).encode())
    parameters, lists = {}, {}
    for name, found in papermill.inspect_notebook(path).items():
        try:
            parameters[name] = default, _ = ast.literal_eval(found["default"]), found["help"]
        except ValueError:
            sys.exit(f"{source}: the default of `{name}` must be a literal; got {found['default']}.")
        if found["inferred_type_name"] == "list" or isinstance(default, list):
            lists[name] = default is None  # whether None may be given
    guard = GUARD.format(names=list(parameters), lists=lists, repository=repository)
    hidden = {"tags": ["remove-cell"]}
    notebook.cells.insert(first + 1, nbformat.v4.new_code_cell(guard, metadata=hidden))
    write_aside(path, nbformat.writes(notebook).encode())
    return path, parameters


class Run(NamedTuple):
    """A notebook and what it is run with: the values of its parameters, and their meanings for the reader."""

    source: Path
    path: Path  # of the .ipynb
    values: dict
    meanings: dict
    standard: bool  # whether the values are the book's own

    @classmethod
    def of(cls, source, path, parameters, given):
        standard = {name: STANDARD.get(name, default) for name, (default, _) in parameters.items()}
        values = {name: given.get(name, value) for name, value in standard.items()}
        meanings = {name: meaning for name, (_, meaning) in parameters.items()}
        return cls(source, path, values, meanings, values == standard)


def fingerprint_of_all():
    """A hash of what all pages depend on: code, stored results, versions."""
    digest = hashlib.sha256()
    folders = ("ganod_lite", "ganod_study", "book/results")
    files = sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"
    )
    for path in [Path(__file__), ROOT / "requirements.lock", *files]:
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def fingerprint(run, found, of_all):
    """A hash of all that a page depends on: parameters, data at hand, the notebook, and `fingerprint_of_all`."""
    root = str(datasets.data_root(run.values.get("data_root")))
    about = [run.values, root, found, run.source.read_text(), of_all]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def execute(path, values):
    """Run the notebook at `path`; return it as far as it got, and its error or None."""
    running = BUILD / "running" / path.name
    running.parent.mkdir(exist_ok=True)
    running.unlink(missing_ok=True)
    error = None
    try:
        papermill.execute_notebook(
            path,
            running,
            values,
            cwd=ROOT,
            progress_bar=False,
            stderr_file=sys.stderr,  # the notebook's own progress bars
            extra_arguments=["--log-level=ERROR"],  # no advice on securing the kernel's local sockets
        )
    except Exception as failure:  # whatever it dies of, the other pages are made all the same
        print(failure, file=sys.stderr)
        error = f"{getattr(failure, 'ename', type(failure).__name__)}: {getattr(failure, 'evalue', failure)}"
    return nbformat.read(running if running.exists() else path, as_version=4), error


def take_messages(notebook):
    """Remove what the cells wrote to stderr; return it without progress bars."""
    text = ""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            text += "".join(output.text for output in cell.outputs if output.get("name") == "stderr") + "\n"
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return [line for line in BAR.sub("", text).splitlines() if line.strip()]


def as_page(notebook, record, meanings):
    """Make a page of an executed notebook: code behind a click, and how it was computed at the end.

    A cell tagged `keep` shows its code: it is what a reader would copy.
    """
    notebook.metadata.pop("papermill", None)  # it names the folders of this machine
    for cell in notebook.cells:
        tags = cell.metadata.setdefault("tags", [])
        if "parameters" in tags:
            tags.append("remove-cell")  # papermill's cell behind it shows what ran
        elif cell.cell_type == "code" and "keep" not in tags:
            tags.append("hide-input")
        kinds = [kind for output in cell.get("outputs", []) for kind in output.get("data", {})]
        if not any(kind.startswith("image/") for kind in kinds):
            cell.metadata.pop("mystnb", None)  # no numbered caption over a note that nothing was run
    if not record["standard"]:
        title, _, rest = notebook.cells[0].source.partition("\n")
        warning = ":::{warning}\nNot the book's own parameters: see the end of this page.\n:::"
        notebook.cells[0].source = f"{title}\n\n{warning}\n{rest}"

    values = record["parameters"]
    words = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    options = [f"-p {name} {shlex.quote(word)}" for name, word in words.items() if word != "null"]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    lines = [
        "## How this page was computed",
        f"In {record['seconds']} s, finished {record['finished']}, on {record['device']};",
        f"commit `{record['commit']}`; {versions}. The same again, or with other values:",
        "",
        "```bash",
        f"papermill build/notebooks/{record['notebook']}.ipynb out.ipynb {' '.join(options)}",
        "```",
        "",
        "| parameter | value | meaning |",
        "| --- | --- | --- |",
        *(f"| `{name}` | `{value!r}` | {meanings[name]} |" for name, value in values.items()),
    ]
    notebook.cells.append(nbformat.v4.new_markdown_cell("\n".join(lines)))
    return notebook


def kept_page(path, digest):
    """The record of a notebook's page if that has been made and is what it would be now, else None."""
    record_path = path.with_suffix(".json")
    if record_path.exists() and (PAGES / path.name).exists():
        record = json.loads(record_path.read_text())
        if record["fingerprint"] == digest and not record["error"]:
            return record
    return None


def make_page(run, digest):
    """Make the page of one notebook; return its record."""
    print(f"{run.path.stem}: running", flush=True)
    with stopwatch() as seconds:
        notebook, error = execute(run.path, run.values)
    record = {
        "notebook": run.path.stem,
        "error": error,
        "messages": take_messages(notebook),
        "seconds": round(seconds(), 1),
        "parameters": run.values,
        "standard": run.standard,
        "fingerprint": digest,
        **circumstances("cuda" if torch.cuda.is_available() else "cpu"),
    }
    write_aside(PAGES / run.path.name, nbformat.writes(as_page(notebook, record, run.meanings)).encode())
    write_aside(run.path.with_suffix(".json"), json.dumps(record, indent=1).encode())
    return record


def status(records, found):
    """Markdown of the status page: how each notebook ran, with what, and which data were there."""
    runs, parameters, details = [], [], []
    for record in records:
        page = f"{{doc}}`notebooks/{record['notebook']}`"
        outcome = "failed" if record["error"] else "ok" if record["standard"] else "ok, other parameters"
        values = ", ".join(f"`{name}={value!r}`" for name, value in record["parameters"].items())
        runs.append(f"| {page} | {outcome} | {record['seconds']} | {record['finished']} |")
        parameters.append(f"| {page} | {values} |")
        if said := [*record["messages"], *filter(None, [record["error"]])]:
            details += [f"\n## What {record['notebook']} said\n", "```text", *said, "```"]
    failed = [record["notebook"] for record in records if record["error"]]
    other = [record["notebook"] for record in records if not record["standard"]]
    kind = "error" if failed else "warning" if other else "tip"
    summary = f"Failed: {', '.join(failed)}." if failed else f"All {len(records)} notebooks ran."
    summary += f" With other parameters than the book's own: {', '.join(other)}." if other else ""
    there, missing = ([name for name in found if found[name] is is_there] for is_there in (True, False))
    lines = [
        "# Status of this build",
        f":::{{{kind}}}\n{summary}\n:::\n",
        "How each page was computed; the end of a page says more.\n",
        "| page | outcome | seconds | finished |\n| --- | --- | ---: | --- |",
        *runs,
        "\n| page | parameters |\n| --- | --- |",
        *parameters,
        f"\nData sets found: {', '.join(there)}.",
        f"Not found: {', '.join(missing)}; {{doc}}`reproduce` says how to get them." if missing else "",
        *details,
    ]
    return "\n".join(lines) + "\n"


def html(settings):
    """Build the HTML, warnings as errors; return whether that went well."""
    folder = BUILD / "_build"
    complete = folder / "complete"
    if not complete.exists():  # Sphinx tells a page's warnings once, and overlooks a page half written
        shutil.rmtree(folder, ignore_errors=True)
    complete.unlink(missing_ok=True)
    write_aside(BUILD / "_config.yml", yaml.safe_dump(settings).encode())
    program = Path(sys.executable).with_name("jupyter-book")
    options = ["--config", BUILD / "_config.yml", "--path-output", BUILD, "-q", "-W", "-n", "--keep-going"]
    went_well = subprocess.run([program, "build", ROOT / "book", *options]).returncode == 0
    if went_well:
        complete.touch()
    return went_well


def build(given, only_convert, publish):
    """Build the book, the parameters `given` in place of the notebooks' own; exit if anything fails."""
    settings = config(publish)
    sources = sorted((ROOT / "notebooks").glob("*.py"))
    notebooks = [(source, *convert(source, settings["repository"]["url"])) for source in sources]
    known = sorted({name for *_, parameters in notebooks for name in parameters})
    if unknown := ", ".join(sorted(given.keys() - known)):
        sys.exit(f"-p: no notebook has the parameter {unknown}; there are {', '.join(known)}.")
    if only_convert:
        print(*(path.relative_to(ROOT) for _, path, _ in notebooks), sep="\n")
        return

    for page in PAGES.glob("*.ipynb"):
        if page.stem not in [source.stem for source in sources]:
            page.unlink()
    found = datasets.available(given.get("data_root"))
    runs = [Run.of(*notebook, given) for notebook in notebooks]
    of_all = fingerprint_of_all()
    digests = {run.path: fingerprint(run, found, of_all) for run in runs}
    kept = {path: record for path in digests if (record := kept_page(path, digests[path]))}
    early = [run for run in runs if run.path not in kept and run.path.stem != LAST]
    late = [run for run in runs if run.path.stem == LAST and (early or run.path not in kept)]
    for run in late:
        run.path.with_suffix(".json").unlink(missing_ok=True)  # so that a build killed before it makes it, too
    # Two at a time: where one computes with one thread or waits for its kernel to start, the other has the cores.
    at_once = min(AT_ONCE, len(early), CORES) or 1
    os.environ.setdefault("GANOD_JOBS", str(CORES // at_once))  # processes that a page's grid is computed in
    with chdir(ROOT), ThreadPoolExecutor(at_once) as pool:  # papermill changes the folder of all threads
        made = {}
        for some in (early, late):
            made |= {run.path: page for run, page in zip(some, pool.map(lambda r: make_page(r, digests[r.path]), some))}
    records = [made.get(path) or kept[path] for path in digests]
    write_aside(ROOT / "book" / "status.md", status(records, found).encode())
    complete = html(settings)

    for path, record in zip(digests, records):
        result = "FAILED after" if record["error"] else "ran" if path in made else "unchanged, ran"
        print(f"{record['notebook']}: {result} {record['seconds']} s")
    print(f"The book: {BUILD / '_build' / 'html' / 'index.html'}")
    failed = ", ".join(record["notebook"] for record in records if record["error"])
    if failed or not complete:
        sys.exit(f"The build failed: {failed or 'see the warnings of jupyter-book above'}.")


def main():
    parser = argparse.ArgumentParser(description="Build the book.")
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    parser.add_argument("--convert", action="store_true", help="only write build/notebooks/*.ipynb")
    published = os.environ.get("GITHUB_ACTIONS") == "true"
    parser.add_argument("--publish", action="store_true", default=published, help="refuse the placeholder repository")
    args = parser.parse_args()

    if "OMP_NUM_THREADS" not in os.environ:  # two threads of a kernel stall when anything else runs
        os.environ["OMP_NUM_THREADS"] = "1"
        torch.set_num_threads(1)  # as in the kernels: the pages' records say it
    # Seconds between two updates of a progress bar: a log keeps every one.
    os.environ.setdefault("TQDM_MININTERVAL", "0.5" if sys.stderr.isatty() else "15")
    BUILD.mkdir(exist_ok=True)
    lock = FileLock(BUILD / "lock")  # two builds would write the same files
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("Another build is running here; waiting for it to end.", flush=True)
        lock.acquire()
    try:
        build({name: yaml.safe_load(value) for name, value in args.p}, args.convert, args.publish)
    finally:
        lock.release()


if __name__ == "__main__":
    main()
