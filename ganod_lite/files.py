"""What reaches a user's system: paths, files of which nobody ever sees a half, and warnings at the user's own line."""

import contextlib
import glob
import inspect
import os
import socket
import warnings
from itertools import takewhile
from pathlib import Path
from typing import Any

import joblib
import sklearn
import torch

# Files between a user's line and one of this package: its own, and those of decorators and of scikit-learn's tools
BETWEEN = tuple(str(Path(file).parent) + os.sep for file in (__file__, sklearn.__file__, joblib.__file__))
BETWEEN += contextlib.__file__, torch.utils._contextlib.__file__


def warn(message: str) -> None:
    """Warn at the line that called this package, however deep in it this is."""
    inside = takewhile(lambda frame: frame.filename.startswith(BETWEEN), inspect.stack(0))
    warnings.warn(message, stacklevel=len(list(inside)) + 1)


def as_path(name: str, path: Any) -> Path:
    """A path that an argument gives, with `~` for the user's folder. Raises TypeError, naming the argument."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{name} must be a path; got {path!r}.")
    return Path(path).expanduser()


def write_aside(path: Path, raw: bytes) -> None:
    """Write bytes beside `path`, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}@{socket.gethostname()}.part")
    try:
        beside.write_bytes(raw)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    sweep(path)


def sweep(path: Path) -> None:
    """Remove what processes of this machine that were killed while they wrote `path` left beside it."""
    ending = f"@{socket.gethostname()}.part"
    for part in path.parent.glob(f".{glob.escape(path.name)}.*{glob.escape(ending)}"):
        if not _is_running(part.name.removeprefix(f".{path.name}.").removesuffix(ending)):
            part.unlink(missing_ok=True)


def _is_running(pid: str) -> bool:
    if os.name != "posix" or not pid.isdecimal():
        return True  # who knows
    try:
        os.kill(int(pid), 0)  # sends nothing
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # somebody else's, or no process's name at all
    return True
