"""Training in blocks of steps, which can be stopped and gone on with later to the same result."""

import hashlib
import io
import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils import check_scalar
from tqdm import tqdm

from .files import as_path, sweep, warn, write_aside
from .images import PathLike

BLOCK = 25  # steps whose random numbers are drawn at once, and after which losses are checked
MARK = b"ganod_lite checkpoint 1\n"  # begins each checkpoint; a digest of the rest follows, then the rest


class TimeIsUp(Exception):
    """The time given to a training is over before it is done."""


@dataclass(eq=False, repr=False)
class Training(ABC):
    """What all trainings share: the loop over blocks of steps, the checkpoint and the clock.

    A subclass offers `block(n)`, which trains for n steps and returns their losses, a tensor
    (n, len(loss_names), n_sets); `finish()`, which returns what has been trained; and `advice` for when it diverges.
    """

    advice: ClassVar[str]

    kind: str  # what is trained, for the progress bar and messages
    loss_names: tuple[str, ...]
    n_steps: int  # in all
    seeds: list[int]  # one for each set of images
    arguments: dict[str, Any]  # all that the result depends on; the checkpoint of another training is refused
    parts: list[Any]  # what has a state_dict: networks and optimisers
    rngs: list[torch.Generator]
    device: torch.device
    losses: list[Any] = field(default_factory=list, init=False)  # (len(loss_names), n_sets) of each step so far
    _began: float = field(default_factory=time.perf_counter, init=False)

    @abstractmethod
    def block(self, n_steps: int) -> torch.Tensor:
        """Train for n_steps steps; return their losses."""

    @abstractmethod
    def finish(self) -> Any:
        """Return what has been trained."""

    @property
    def seconds(self) -> float:
        """Seconds of training so far; those before the checkpoint that it went on from count too."""
        return time.perf_counter() - self._began

    def run(
        self,
        checkpoint: PathLike | None = None,
        checkpoint_seconds: float = 60,
        stop_at: float | None = None,
        verbose: bool = True,
        keep: bool = False,
    ) -> Any:
        """Train and return what `finish` returns.

        Parameters
        ----------
        checkpoint : path or None. A file for the state of an unfinished training. It is written every
            `checkpoint_seconds`; where it exists, training goes on from it. It is removed once training is
            done. A damaged one is warned of, and training starts anew.
        stop_at : float or None. A time.time() after which training saves the checkpoint, if any, and stops.
        verbose : bool. Whether to show a progress bar.
        keep : bool. Whether to leave the checkpoint of the finished training; `discard` removes it.

        Raises
        ------
        ValueError, before anything is trained, if the path is a folder, a file that no training has written,
            or the checkpoint of another training.
        FloatingPointError if a loss stops being finite.
        TimeIsUp if training stops because of `stop_at`.
        """
        check_scalar(checkpoint_seconds, "checkpoint_seconds", Real, min_val=0)  # infinity is never
        if stop_at is not None:
            check_scalar(stop_at, "stop_at", Real)
        path = None if checkpoint is None else as_path("checkpoint", checkpoint)
        if path:
            self._load(path)
        saved_at = time.monotonic()
        with tqdm(total=self.n_steps, initial=len(self.losses), desc=self.kind, disable=not verbose) as bar:
            while len(self.losses) < self.n_steps:
                n = min(BLOCK, self.n_steps - len(self.losses))
                losses = self.block(n).cpu()
                self._check_finite(losses)
                self.losses += losses.tolist()
                bar.update(n)
                last = zip(self.loss_names, losses[-1].mean(1))
                bar.set_postfix_str(", ".join(f"{name} {loss:.3g}" for name, loss in last), refresh=False)
                time_is_up = stop_at is not None and time.time() > stop_at and len(self.losses) < self.n_steps
                if path and (time_is_up or time.monotonic() - saved_at > checkpoint_seconds):
                    self.save(path)
                    saved_at = time.monotonic()
                if time_is_up:
                    raise TimeIsUp(f"stopped after {len(self.losses)} of {self.n_steps} training steps")
        if path and keep:
            try:
                self.save(path)
            except OSError as error:
                warn(f"checkpoint: the finished training can't be kept in {path}: {error}")
        trained = self.finish()
        if path and not keep:
            discard(path)
        return trained

    def save(self, path: Path) -> None:
        """Write the checkpoint."""
        state = {
            "arguments": {k: v.item() if isinstance(v, np.generic) else v for k, v in self.arguments.items()},
            "parts": [part.state_dict() for part in self.parts],
            "rngs": [rng.get_state() for rng in self.rngs],
            "losses": self.losses,
            "seconds": self.seconds,
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        raw = buffer.getvalue()
        write_aside(path, MARK + _digest(raw) + raw)

    def _load(self, path: Path) -> None:
        """Bring all back to where the checkpoint has it."""
        if not path.exists():
            return path.parent.mkdir(parents=True, exist_ok=True)  # what is not possible is said now
        if not _is_ours(path):
            raise ValueError(f"checkpoint: {path} is not a training's checkpoint. It is left alone; name another file.")
        raw = path.read_bytes()[len(MARK) :]
        digest, raw = raw[:8], raw[8:]
        if digest != _digest(raw):
            warn(f"The checkpoint {path} is damaged; training starts anew.")
            return
        state = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
        if state["arguments"] != self.arguments:
            raise ValueError(
                f"checkpoint: {path} belongs to another training, {state['arguments']}; "
                f"this one is {self.arguments}. Remove it or name another file."
            )
        for part, kept in zip(self.parts, state["parts"]):
            part.load_state_dict(kept)
        for rng, kept in zip(self.rngs, state["rngs"]):
            rng.set_state(kept)
        self.losses = state["losses"]
        self._began -= state["seconds"]

    def _check_finite(self, losses: torch.Tensor) -> None:
        if torch.isfinite(losses).all():
            return
        i = int((~torch.isfinite(losses)).any(0).any(0).nonzero()[0])
        which = f" for set {i}" if len(self.seeds) > 1 else ""
        raise FloatingPointError(
            f"{self.kind} training diverged (a loss is not finite) between steps {len(self.losses)} and "
            f"{len(self.losses) + len(losses)}{which} (seed {self.seeds[i]}). {self.advice}"
        )


def discard(checkpoint: PathLike) -> None:
    """Remove the checkpoint of a training, if it is there and is one, and what is left of its writing."""
    path = as_path("checkpoint", checkpoint)
    sweep(path)
    if _is_ours(path):
        path.unlink()


def check_counts(**counts: int) -> None:
    """Raise TypeError or ValueError, naming the argument, unless all are whole numbers of at least 1."""
    for name, value in counts.items():
        if isinstance(value, bool):
            raise TypeError(f"{name} must be an int; got {value}.")
        check_scalar(value, name, Integral, min_val=1)


def check_number(
    name: str, value: Any, min_val: float = 0, max_val: float | None = None, include_boundaries: str = "both"
) -> None:
    """Raise TypeError or ValueError, naming the argument, unless it is a finite number within these bounds."""
    check_scalar(value, name, Real, min_val=min_val, max_val=max_val, include_boundaries=include_boundaries)
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite; got {value}.")


def digest_of(images: torch.Tensor) -> str:
    """A short text that stands for images in a training's arguments."""
    return _digest(images.numpy().tobytes()).hex()


def _digest(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=8).digest()


def _is_ours(path: Path) -> bool:
    """Whether a training has written this file; an empty one, or a part of the mark, is what a crash may leave."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return MARK.startswith(file.read(len(MARK)))
