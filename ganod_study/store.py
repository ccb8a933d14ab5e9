"""The store of results: for each computed thing a file of arrays and a record of how it came about.

    <root>/<folder>/<name>-<hash of the parameters>.npz    the arrays (.pt: the state of networks)
    <root>/<folder>/<name>-<hash of the parameters>.json   the record

The record is written last, and both are written aside and renamed: an entry is there as a whole or
not at all. It keeps the SHA-256 of the arrays' file, so that damage is noticed.
"""

import hashlib
import io
import json
import os
import platform
import re
import subprocess
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

import numpy as np
import sklearn
import torch

from ganod_lite.files import write_aside

DAMAGE = (OSError, ValueError, KeyError, TypeError)  # what reading a damaged entry raises


def seconds_of(record):
    """Seconds that the scores of an entry with this record took; those of a search that it shares with others count."""
    return record["seconds"] + record["details"].get("seconds_of_search", 0)


@dataclass(frozen=True)
class Entry:
    """What is stored for one set of parameters.

    record: "parameters", "details" (what the run chose or found), "seconds", and `circumstances`.
    arrays: name -> array; for a cell of the grid "scores", "labels" and "test_index" at least.
    """

    record: dict
    arrays: dict

    @property
    def parameters(self):
        return self.record["parameters"]

    @property
    def device(self):
        """The machine that computed it, in words."""
        return machine_in_words(self.record["device"])


def machine_in_words(device):
    """A record's machine: "2 cores, 1 threads" as people write it."""
    return re.sub(r"\b1 (core|thread)s\b", r"1 \1", device)


class Store:
    """A folder of entries, found by their parameters."""

    def __init__(self, root):
        self.root = Path(root)
        if self.root.exists() and not self.root.is_dir():
            raise NotADirectoryError(f"The store must be a folder; {self.root} is a file.")

    def stem(self, folder, name, parameters):
        """The path of an entry's files without their suffix."""
        text = json.dumps(parameters, sort_keys=True)
        return self.root / folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def get(self, stem):
        """The entry at `stem`; None where there is none, or (with a warning) where it is damaged."""
        if not beside(stem, ".json").exists():
            return None
        try:
            record = _read_record(beside(stem, ".json"))
            raw = (stem.parent / record["file"]).read_bytes()
            if hashlib.sha256(raw).hexdigest() != record["sha256"]:
                raise ValueError(f"the SHA-256 of {record['file']} is not that of the record")
            return Entry(record, _unpack(raw, record["file"]))
        except DAMAGE as damage:
            warnings.warn(f"{stem} in the store is damaged ({damage}); it is computed again.", stacklevel=2)
            return None

    def records(self, folder):
        """The records in a folder of the store, without their arrays; those that can't be read are left out."""
        found = []
        for path in sorted(Path(folder).glob("*.json")):
            try:
                found.append(_read_record(path))
            except DAMAGE as damage:
                warnings.warn(f"{path} in the store is damaged ({damage}) and left out.", stacklevel=2)
        return found

    def put(self, stem, parameters, arrays, seconds, devices, details=None):
        """Store an entry and return it. Arrays that are not all finite are refused."""
        for name, values in arrays.items():
            if isinstance(values, np.ndarray) and not np.isfinite(values).all():
                raise FloatingPointError(f"{stem.name}: {name} is not finite; nothing is stored.")
        file = beside(stem, ".npz" if all(isinstance(v, np.ndarray) for v in arrays.values()) else ".pt")
        raw = _pack(arrays, file.name)
        record = {
            "parameters": parameters,
            "details": details or {},
            "seconds": round(seconds, 2),
            **circumstances(devices),
            "file": file.name,
            "sha256": hashlib.sha256(raw).hexdigest(),
        }
        text = json.dumps(record, indent=1) + "\n"
        write_aside(file, raw)
        write_aside(beside(stem, ".json"), text.encode())
        return Entry(json.loads(text), arrays)

    def copy(self, source, stem):
        """Copy the entry at `stem` (relative to the root) from another store."""
        record = beside(source.root / stem, ".json").read_bytes()
        file = Path(stem).with_name(json.loads(record)["file"])
        write_aside(self.root / file, (source.root / file).read_bytes())
        write_aside(beside(self.root / stem, ".json"), record)

    def entries(self, **wanted):
        """All undamaged entries whose parameters have the wanted values, in order of their path."""
        found = []
        for path in sorted(self.root.rglob("*.json")):
            try:
                parameters = _read_record(path)["parameters"]
            except DAMAGE:
                parameters = wanted  # so that `get` tells
            if all(parameters.get(name) == value for name, value in wanted.items()):
                entry = self.get(path.with_suffix(""))
                found += [entry] if entry else []
        return found


def circumstances(devices=("cpu",)):
    """With which code, versions and hardware something is computed now, as a dictionary of strings.

    devices: where, one device of torch or several.
    """
    devices = [str(device) for device in (devices if isinstance(devices, list | tuple) else [devices])]
    names = [torch.cuda.get_device_name(device) if device.startswith("cuda") else _cpu() for device in devices]
    return {
        "commit": commit(),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "torch": torch.__version__,
        },
        "device": " and ".join(dict.fromkeys(names)),
        "finished": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


@cache
def commit():
    """The commit of the checkout that this package lies in ("-dirty" where files differ), else "unknown"."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        here = Path(__file__).parent
        return subprocess.run(command, cwd=here, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


@contextmanager
def stopwatch():
    """`with stopwatch() as seconds: ...` and then `seconds()`."""
    start = time.perf_counter()
    end = []
    yield lambda: (end[0] if end else time.perf_counter()) - start
    end.append(time.perf_counter())


def _read_record(path):
    record = json.loads(path.read_text())
    whole = {"parameters", "details", "seconds", "file", "sha256"} <= set(record)
    if not (whole and isinstance(record["parameters"], dict) and isinstance(record["details"], dict)):
        raise ValueError("it is not a record")
    return record


def beside(stem, suffix):
    """The file of an entry, or of what is still to become one, with a suffix."""
    return stem.with_name(stem.name + suffix)


def _pack(arrays, name):
    buffer = io.BytesIO()
    torch.save(arrays, buffer) if name.endswith(".pt") else np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _unpack(raw, name):
    if name.endswith(".pt"):
        return torch.load(io.BytesIO(raw), weights_only=True)
    with np.load(io.BytesIO(raw)) as file:
        return dict(file)


def _cpu():
    n = torch.get_num_threads()
    return f"{_cpu_model()}, {os.cpu_count()} cores, {n} thread{'s' * (n > 1)}"


@cache
def _cpu_model():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
