"""A module on disk: a Hugging Face PEFT directory plus a card.

``adapter_config.json`` and ``adapter_model.safetensors`` are peft's own; ``card.json`` says what the module
is, which host it was made for (by fingerprint), and the checksum of its weights. Read without torch, so that
porting jobs start in a moment.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from peftport.files import file_digest, read_json, whole, write_json

CONFIG, WEIGHTS, CARD = "adapter_config.json", "adapter_model.safetensors", "card.json"

PLACE = re.compile(r"(?:(?P<stack>encoder|decoder)\.)?(?:block|layer|layers|h)\.(?P<layer>\d+)\.(?P<site>.+)$")


@dataclass(frozen=True)
class Module:
    """The parameters that a technique adds to one host, and nothing of the host.

    Attributes:
        config: peft's ``adapter_config.json``.
        tensors: peft's state names to arrays, in the order of their names.
        card: technique, host fingerprint, dataset, seed, key and whatever the maker adds.
    """

    config: dict[str, Any]
    tensors: dict[str, np.ndarray]
    card: dict[str, Any]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Tensor names to shapes."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}


def fingerprint(tensors: dict[str, np.ndarray]) -> str:
    """SHA-256 over names, types, shapes and bytes, in the order of the names; independent of the file format."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(np.ascontiguousarray(tensor).tobytes())
    return digest.hexdigest()


def write_module(folder: str | Path, module: Module) -> None:
    """Write a module directory; each file whole or not at all, the card (with the checksum) last."""
    folder = Path(folder)
    write_json(folder / CONFIG, module.config)
    with whole(folder / WEIGHTS) as partial:
        save_file(dict(sorted(module.tensors.items())), partial, metadata={"format": "pt"})
        digest = file_digest(partial)
    shapes = {name: list(shape) for name, shape in sorted(module.shapes().items())}
    parameters = sum(int(tensor.size) for tensor in module.tensors.values())
    write_json(folder / CARD, module.card | {"weights_sha256": digest, "shapes": shapes, "parameters": parameters})


def read_module(folder: str | Path) -> Module:
    """Read a module directory and check it against its card.

    Raises:
        FileNotFoundError: one of the three files is missing.
        ValueError: a file is damaged or the weights are not those of the card; the message names the file.
    """
    folder = Path(folder)
    missing = [name for name in (CONFIG, WEIGHTS, CARD) if not (folder / name).is_file()]
    if missing:
        pickled = ", ".join(sorted(path.name for path in folder.glob("*.bin")))
        others = f"; {pickled} is never read, for a pickle can run code" if pickled else ""
        raise FileNotFoundError(f"{folder} is no module directory: {', '.join(missing)} missing{others}")
    card, config, weights = _read_mapping(folder / CARD), _read_mapping(folder / CONFIG), folder / WEIGHTS
    if file_digest(weights) != card.get("weights_sha256"):
        raise ValueError(f"{weights} is damaged: its checksum is not the one in {CARD}. Delete it and run again.")
    try:
        tensors = load_file(weights)
    except (SafetensorError, TypeError, KeyError) as error:  # the latter two: a number type that numpy has not
        raise ValueError(f"{weights} is damaged: {error}. Delete it and run again.") from error
    return Module(config, dict(sorted(tensors.items())), card)


def _read_mapping(path: Path) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict):
        raise ValueError(
            f"{path} is damaged: expected a JSON object, got {type(found).__name__}. Delete it and run again."
        )
    return found


def describe(module: Module) -> pd.DataFrame:
    """One row per tensor, the table ``tensors``: where it sits, its shape, mean, standard deviation and norm."""
    rows = []
    for name, tensor in module.tensors.items():
        place, values = PLACE.search(name), tensor.astype(np.float64)
        stack = "shared" if place is None else place["stack"] or ("decoder" if ".h." in name else "encoder")
        rows.append(
            {
                "name": name,
                "stack": stack,
                "layer": int(place["layer"]) if place else -1,
                "site": place["site"] if place else name.removeprefix("base_model."),
                "shape": "x".join(str(size) for size in tensor.shape),
                "entries": tensor.size,
                "mean": values.mean(),
                "standard_deviation": values.std(),
                "norm": float(np.sqrt((values**2).sum())),
            }
        )
    return pd.DataFrame(rows)
