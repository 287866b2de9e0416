"""What a long training leaves on its way: a job that was killed goes on from there, and ends bit-equal on the CPU.

A checkpoint is one safetensors file: arrays, one of which holds the rest of the state as JSON, and in its header the
key of the job and a checksum. It is written whole or not at all, after so many seconds of training or when the job is
told to stop, and removed when the job's own files stand. One that is damaged, or that another config or other code
left, is thrown away: the training then starts anew, which costs time and changes nothing.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from peftport.jobs.signals import STOPS, Stopped
from peftport.storage.files import atomic_write
from peftport.storage.modules import fingerprint

SECONDS = 60.0

FACTS, ARRAY, FRAME = "facts", "an array", "a frame"

# what JSON can say, with text as the keys of mappings, and numpy arrays and frames anywhere in it
State = dict[str, Any]


class Checkpoint:
    """The checkpoint of one job; as a context, it is removed at the end of a block that ends well.

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

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self.remove()

    def restore(self) -> State | None:
        """What the last checkpoint says; None if there is none that can be used."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            with safe_open(self.path, "np") as file:
                header = json.loads((file.metadata() or {})["peftport"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
            if header["key"] != self.key:
                why = "it is of other settings or other code"
            elif header["checksum"] != fingerprint(arrays):
                why = "its checksum is wrong"
            else:
                print(f"going on from {self.path}", flush=True)
                return _together(json.loads(arrays[FACTS].tobytes()), arrays)
        except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
            why = f"it is damaged ({type(error).__name__})"
        print(f"{self.path} is not used: {why}; starting anew", flush=True)
        self.remove()
        return None

    def offer(self, state: Callable[[], State]) -> None:
        """Called between two steps: write ``state()`` if it is time, or if the job was told to stop.

        One that cannot be written, on a full disk for example, is no reason to end.

        Raises:
            Stopped: the job was told to stop; the checkpoint is written.
        """
        told, where = STOPS.came is not None, ""
        if self.path is not None and (told or time.monotonic() - self.saved_at >= self.seconds):
            try:
                self.save(state())
                where = f", after a checkpoint ({self.path})"
            except (OSError, SafetensorError) as error:
                print(f"no checkpoint could be written: {error}", flush=True)
                self.saved_at = time.monotonic()
        if told:
            raise Stopped(STOPS.came, where)

    def save(self, state: State) -> None:
        """Write a checkpoint."""
        arrays: dict[str, np.ndarray] = {}
        facts = json.dumps(_apart(state, arrays))
        arrays[FACTS] = np.frombuffer(facts.encode(), np.uint8)
        header = {"key": self.key, "checksum": fingerprint(arrays)}
        with atomic_write(self.path) as partial:
            save_file(arrays, partial, metadata={"peftport": json.dumps(header)})
        self.saved_at = time.monotonic()

    def remove(self) -> None:
        """Take the checkpoint away: it is of no use any more."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _apart(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The value as JSON can say it; its arrays are put among ``arrays``, under numbers."""
    if isinstance(value, np.ndarray):
        name = str(len(arrays))
        arrays[name] = np.asarray(value, order="C")  # written at once, so not copied
        return {ARRAY: name}
    if isinstance(value, pd.DataFrame):
        return {FRAME: value.to_dict("list")}
    if isinstance(value, dict):
        return {key: _apart(item, arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_apart(item, arrays) for item in value]
    return value


def _together(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """What ``_apart`` took apart; a tuple is a list."""
    if isinstance(value, list):
        return [_together(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {ARRAY}:
        return arrays[value[ARRAY]]
    if value.keys() == {FRAME}:
        return pd.DataFrame(value[FRAME])
    return {key: _together(item, arrays) for key, item in value.items()}
