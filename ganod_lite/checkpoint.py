"""Stopping a training and going on with it later, with the same result."""

import hashlib
import io
import pickle
import time
import warnings
from pathlib import Path

import torch

from .base import write_aside


class TimeIsUp(Exception):
    """The time given to a training is over before it is done."""


class Checkpoint:
    """The file that keeps the state of an unfinished training; with `path` None there is none.

    arguments: all that the result depends on; the file of another training is refused by ValueError.
    parts: what has a state_dict, networks and optimisers; draws: torch.Generators; losses: the list
    that grows by one item a step.
    seconds: between two writings. stop_at: a time.time() after which `after_block` raises TimeIsUp.
    """

    def __init__(self, path, arguments, parts, draws, losses, *, seconds=60, stop_at=None):
        self.path = Path(path) if path else None
        self.arguments, self.parts, self.draws, self.losses = arguments, parts, draws, losses
        self.seconds, self.stop_at = seconds, stop_at
        self.saved_at = time.monotonic()

    def load(self, device):
        """Bring all back to where the file has it; a damaged one is said, and training starts anew."""
        if self.path is None or not self.path.exists():
            return
        try:
            state = torch.load(self.path, map_location=device, weights_only=True)
        except (OSError, EOFError, RuntimeError, pickle.UnpicklingError):
            warnings.warn(f"The checkpoint {self.path} is damaged; training starts anew.", stacklevel=3)
            return
        if state["arguments"] != self.arguments:
            raise ValueError(
                f"checkpoint: {self.path} belongs to another training, {state['arguments']}; "
                f"this one is {self.arguments}. Remove it or name another file."
            )
        for part, kept in zip(self.parts, state["parts"]):
            part.load_state_dict(kept)
        for draw, kept in zip(self.draws, state["draws"]):
            draw.set_state(kept.cpu())
        self.losses[:] = state["losses"]

    def after_block(self, n_steps):
        """Save if it is time; raise TimeIsUp, saved, if time is up before n_steps are done."""
        time_is_up = self.stop_at is not None and time.time() > self.stop_at and len(self.losses) < n_steps
        if self.path and (time_is_up or time.monotonic() - self.saved_at > self.seconds):
            self.save()
        if time_is_up:
            raise TimeIsUp(f"stopped after {len(self.losses)} of {n_steps} training steps")

    def save(self):
        state = {
            "arguments": self.arguments,
            "parts": [part.state_dict() for part in self.parts],
            "draws": [draw.get_state() for draw in self.draws],
            "losses": self.losses,
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_aside(self.path, buffer.getvalue())
        self.saved_at = time.monotonic()

    def remove(self):
        if self.path:
            self.path.unlink(missing_ok=True)


def digest(images):
    """A short text that stands for images in a training's arguments."""
    return hashlib.blake2b(images.numpy().tobytes(), digest_size=8).hexdigest()
