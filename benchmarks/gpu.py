"""One errand for a GPU that is lent for a while: tests, benchmarks, cells of Table 1, all into one archive.

    python -m benchmarks.gpu --time-limit 1500                          all of it, at the paper's scale
    python -m benchmarks.gpu --device cpu --scale smoke --time-limit 120 --benchmarks      a rehearsal

What does not fit into the time is left out; what is in the store already is not done again. The archive is
build/gpu/gpu.tar.gz in parts of at most 16 MB: `cat gpu.tar.gz.* | tar xz`, then `python -m ganod_study merge`.
"""

import argparse
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from ganod_study import datasets
from ganod_study.methods import TABLE1
from ganod_study.scales import SCALES

ROOT = Path(__file__).resolve().parents[1]
FIRST = ["adgan", "critic", "prior"]  # they share their networks
PART = 16 * 10**6  # bytes
SHARES = {"tests": 0.1, "benchmarks": 0.25}  # of the time; the cells have the rest
LEFT = 30  # seconds for the archive


def attempt(name, module, options, seconds, out):
    """Run a module for at most `seconds`, its output into a log; print how it ended."""
    begun, outcome = time.monotonic(), "out of time"
    with open(out / f"{name}.log", "w") as log:
        try:
            command = [sys.executable, "-m", module, *options]
            code = subprocess.run(command, cwd=ROOT, timeout=seconds, stdout=log, stderr=subprocess.STDOUT).returncode
            outcome = {0: "done", 3: "in part"}.get(code, f"failed, exit code {code}")  # 3: of ganod_study
        except subprocess.TimeoutExpired:
            pass
    line = f"{name}: {outcome} after {time.monotonic() - begun:.0f} s"
    print(line, flush=True)
    with open(out / "summary.txt", "a") as summary:
        summary.write(line + "\n")


def archive(out):
    """Pack what `out` holds into parts."""
    whole = out.with_name("gpu.tar.gz")
    with tarfile.open(whole, "w:gz") as tar:
        tar.add(out, "gpu", filter=lambda entry: None if ".locks" in entry.name or ".tar.gz" in entry.name else entry)
    for old in out.glob("gpu.tar.gz.*"):
        old.unlink()
    with open(whole, "rb") as file:
        for i, part in enumerate(iter(lambda: file.read(PART), b"")):
            (out / f"gpu.tar.gz.{i:03}").write_bytes(part)
    whole.unlink()


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--time-limit", type=float, required=True, help="seconds for all of it")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--scale", default="paper", choices=SCALES)
    parser.add_argument("--benchmarks", nargs="*", default=["search", "floor", "scaling", "training"], metavar="NAME")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gpu")
    args = parser.parse_args(argv)
    end = time.monotonic() + args.time_limit
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.txt").unlink(missing_ok=True)

    attempt("tests", "pytest", ["-m", "cuda", "-q"], SHARES["tests"] * args.time_limit, out)
    for name in args.benchmarks:
        seconds = SHARES["benchmarks"] * args.time_limit / len(args.benchmarks)
        options = ["--device", args.device, "--time-limit", f"{seconds / 2:.0f}", "--out", out / "benchmarks"]
        attempt(name, f"benchmarks.{name}", options, seconds, out)
    found = datasets.available()
    for step, methods in {"adgan": FIRST, "others": [method for method in TABLE1 if method not in FIRST]}.items():
        for dataset in (name for name in SCALES[args.scale] if found[name]):
            seconds = end - time.monotonic() - LEFT
            if seconds > 0:
                options = ["--scale", args.scale, "--dataset", dataset, "--methods", ",".join(methods)]
                options += ["--store", out / "results", "--device", args.device, "--time-limit", f"{seconds:.0f}"]
                # It stops by itself; what does not, is stopped when the archive has to be written.
                attempt(f"{step}-{dataset}", "ganod_study", ["run", *options], seconds + LEFT / 2, out)
    archive(out)
    print(*sorted(out.glob("gpu.tar.gz.*")), sep="\n")


if __name__ == "__main__":
    main()
