"""What a long training leaves on its way: a job that was killed goes on from there, and ends bit-equal on the CPU.

A checkpoint is one safetensors file: arrays, and facts as JSON in its header, with the key of the job and a checksum.
It is written whole or not at all, after so many seconds of training or when the job is told to stop, and removed when
the job's own files stand. One that is damaged, or that another config or other code left, is thrown away: the
training then starts anew, which costs time and changes nothing.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from peftport.files import whole
from peftport.modules import fingerprint
from peftport.provenance import digest
from peftport.stopping import STOPS, Stopped

SECONDS = 60.0

State = tuple[dict[str, np.ndarray], dict[str, Any]]


class Checkpoint:
    """The checkpoint of one job.

    Args:
        path: where it lies; None keeps none.
        key: the key of the job, so that a checkpoint of other settings is never gone on from.
        seconds: shortest time between two checkpoints.
    """

    def __init__(self, path: Path | None, key: str = "", seconds: float = SECONDS) -> None:
        self.path, self.key, self.seconds = path, key, seconds
        self.saved_at = time.monotonic()

    @classmethod
    def of_job(cls, log: str, key: str) -> "Checkpoint":
        """That of the job with this log, under ``checkpoints`` where the log is under ``logs``."""
        return cls(Path(log.replace("/logs/", "/checkpoints/", 1)).with_suffix(".safetensors"), key)

    def restore(self) -> State | None:
        """Arrays and facts of the last checkpoint; None if there is none that can be used."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            with safe_open(self.path, "np") as file:
                header = json.loads((file.metadata() or {})["peftport"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
            if header["key"] != self.key:
                why = "it is of other settings or other code"
            elif header["checksum"] != _checksum(arrays, header["facts"]):
                why = "its checksum is wrong"
            else:
                print(f"going on from {self.path}", flush=True)
                return arrays, header["facts"]
        except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
            why = f"it is damaged ({type(error).__name__})"
        print(f"{self.path} is not used: {why}; starting anew", flush=True)
        self.remove()
        return None

    def offer(self, state: Callable[[], State]) -> None:
        """Called between two steps: write ``state()`` if it is time, or if the job was told to stop.

        Raises:
            Stopped: the job was told to stop; the checkpoint is written.
        """
        told = STOPS.came is not None
        if self.path is not None and (told or time.monotonic() - self.saved_at >= self.seconds):
            self.save(*state())
        if told:
            raise Stopped(STOPS.came, f", after a checkpoint ({self.path})" if self.path else "")

    def save(self, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
        """Write a checkpoint; JSON must give the facts back as they are."""
        facts = json.loads(json.dumps(facts))
        header = {"key": self.key, "facts": facts, "checksum": _checksum(arrays, facts)}
        with whole(self.path) as partial:
            save_file(arrays, partial, metadata={"peftport": json.dumps(header)})
        self.saved_at = time.monotonic()

    def remove(self) -> None:
        """Take the checkpoint away: it is of no use any more."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _checksum(arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> str:
    return digest([fingerprint(arrays), facts])
