"""A plain PEFT folder that somebody else made: ``adapter_config.json`` and ``adapter_model.safetensors``.

It is read without torch and peft, and only read: nothing in it is changed, nothing that it names is fetched, no
pickled file is opened. What it declares is bounded and held against the sizes of its files. A file of the folder may
be a link to another file of the folder, or to where a hub's cache keeps its files.
"""

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from peftport.storage.modules import CONFIG, PICKLED, WEIGHTS
from peftport.storage.provenance import JsonObject
from peftport.storage.tensor_header import TensorFact, UnreadableTensors, read_floats, read_header

LARGEST_CONFIG = 4 * 2**20  # bytes
SHOWN = 5
SAVE_AGAIN = "load it with peft where you trust it and save it again, which writes safetensors"


class AdapterError(ValueError):
    """An adapter that cannot be read: which file, what was expected, what came. It never asks to remove anything."""


@dataclass(frozen=True)
class Adapter:
    """What the files of an adapter say.

    Attributes:
        folder: where they lie.
        config: ``adapter_config.json`` as it is.
        tensors: name in the file to number type and shape, in the order of the names.
    """

    folder: Path
    config: JsonObject
    tensors: dict[str, TensorFact]


def read_adapter(folder: str | Path) -> Adapter:
    """The config of an adapter and the names, types and shapes of its tensors; no weights are read.

    Raises:
        AdapterError: the folder is no PEFT folder with safetensors, or a file of it is damaged or lies elsewhere.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "is not there"
        raise AdapterError(f"{folder} {what}; expected a folder with {CONFIG} and {WEIGHTS} (nothing is fetched)")
    if missing := [name for name in (CONFIG, WEIGHTS) if not (folder / name).exists()]:
        raise AdapterError(f"{folder} has no {' and no '.join(missing)}{_instead(folder)}")
    config = _read_config(file_inside(folder, CONFIG))
    path = file_inside(folder, WEIGHTS)
    try:
        return Adapter(folder, config, read_header(path))
    except (UnreadableTensors, OSError) as error:
        raise AdapterError(str(error)) from error


def read_weights(adapter: Adapter) -> dict[str, np.ndarray]:
    """The tensors of an adapter as float32 copies, whatever floats they are kept as.

    Numbers that are not finite are kept; ``not_finite`` names them.

    Raises:
        AdapterError: a tensor holds no floats of a known kind, or the file is not what it was.
    """
    try:
        return read_floats(file_inside(adapter.folder, WEIGHTS), adapter.tensors)
    except (UnreadableTensors, OSError) as error:
        raise AdapterError(str(error)) from error


def not_finite(tensors: dict[str, np.ndarray]) -> list[str]:
    """Names of the tensors with entries that are infinite or no number."""
    return [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]


def file_inside(folder: Path, name: str) -> Path:
    """The path of a file of a folder, which may be a link only within the folder, or within a hub's cache.

    Raises:
        AdapterError: it is no file, or a link to elsewhere.
    """
    home, path = folder.resolve(), folder / name
    try:
        file = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise AdapterError(f"{path} cannot be read: it is a link to nothing") from error
    cache = [home.parents[1] / "blobs"] if home.parent.name == "snapshots" else []
    if not any(file.is_relative_to(root) for root in (home, *cache)):
        raise AdapterError(f"{path} is a link out of its folder; expected a file in the folder")
    if not file.is_file():
        raise AdapterError(f"{path} is no file; expected a file in the folder")
    return path


def _read_config(path: Path) -> JsonObject:
    size = path.stat().st_size
    if size > LARGEST_CONFIG:
        raise AdapterError(f"{path} has {size} bytes; expected a config of at most {LARGEST_CONFIG}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise AdapterError(f"{path} is no JSON: {str(error)[:200]}") from error
    if not isinstance(config, dict):
        raise AdapterError(f"{path}: expected a mapping of peft's fields, got {type(config).__name__}")
    return config


def _instead(folder: Path) -> str:
    """What there is in place of what was expected, and what helps."""
    names = sorted(path.name for path in islice(folder.iterdir(), 10_000))
    pickled = [name for name in names if name.endswith(PICKLED)]
    below = [name for name in names if (folder / name / CONFIG).is_file()]
    if pickled:
        return f"; pickled files are not read ({', '.join(pickled[:SHOWN])}): {SAVE_AGAIN}"
    if below:
        return f"; adapters lie in its folders {', '.join(below[:SHOWN])}"
    if (folder / "config.json").is_file():
        return "; it has a config.json, so it looks like a host or a model with the adapter merged into it"
    return f"; it has {', '.join(names[:SHOWN]) or 'nothing'}"
