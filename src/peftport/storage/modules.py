"""A module on disk: a Hugging Face PEFT directory plus a card.

``adapter_config.json`` and ``adapter_model.safetensors`` are peft's own; ``card.json`` says what the module
is, which host it was made for (by fingerprint), and the checksum of its weights. Read without torch, so that
porting jobs start in a moment.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from peftport.storage.cards import read_card, write_card
from peftport.storage.files import DamagedFile, atomic_write, file_digest, read_json, write_json
from peftport.storage.provenance import JsonObject

CONFIG, WEIGHTS, CARD = "adapter_config.json", "adapter_model.safetensors", "card.json"
LABEL_WORDS = "label_words"  # in a card: the words that a module answers, where they are known
FLOATS = ("F16", "F32", "F64")
PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt")

TENSOR_NAME = re.compile(r"(?:(?P<stack>encoder|decoder)\.)?(?:block|layer|layers|h)\.(?P<layer>\d+)\.(?P<site>.+)$")


@dataclass(frozen=True)
class Module:
    """The parameters that a technique adds to one host, and nothing of the host.

    Attributes:
        config: peft's ``adapter_config.json``.
        tensors: peft's state names to arrays, in the order of their names.
        card: technique, host fingerprint, dataset, seed, key and whatever the maker adds.
    """

    config: JsonObject
    tensors: dict[str, np.ndarray]
    card: JsonObject

    @property
    def failed_at_step(self) -> int | None:
        """The step at which the source training that it comes from failed, if it did: its entries are then NaN."""
        return self.card.get("failed_at_step")

    @property
    def head(self) -> list[str]:
        """Names of the tensors of its classification head; none where it has no head."""
        parts = self.config.get("modules_to_save") or []
        return [name for name in self.tensors if any(f".{part}." in name for part in parts)]

    def without_head(self) -> "Module":
        """The module without its classification head."""
        return self._only([name for name in self.tensors if name not in self.head], None)

    def head_alone(self) -> "Module":
        """Its classification head, and nothing that the technique adds."""
        return self._only(self.head, self.config.get("modules_to_save"))

    def _only(self, names: list[str], parts: list[str] | None) -> "Module":
        saved = {"modules_to_save": parts} if "modules_to_save" in self.config else {}
        return replace(self, config=self.config | saved, tensors={name: self.tensors[name] for name in names})

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
    """Write a module directory: each file is an atomic write, and the card with the checksums comes last."""
    folder = Path(folder)
    write_json(folder / CONFIG, module.config)
    # safetensors writes the bytes as they lie, and those of a transposed view lie in another order
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in sorted(module.tensors.items())}
    with atomic_write(folder / WEIGHTS) as partial:
        save_file(tensors, partial, metadata={"format": "pt"})
        digest = file_digest(partial)
    shapes = {name: list(shape) for name, shape in sorted(module.shapes().items())}
    parameters = sum(int(tensor.size) for tensor in module.tensors.values())
    facts = {"weights_sha256": digest, "config_sha256": file_digest(folder / CONFIG)}
    write_card(folder / CARD, module.card | facts | {"shapes": shapes, "parameters": parameters})


def read_module(folder: str | Path) -> Module:
    """Read a module directory and check it against its card; no other file of the directory is opened.

    Raises:
        FileNotFoundError: one of the three files is missing.
        DamagedFile: a file is damaged or not the one that the card describes.
    """
    folder = Path(folder)
    if missing := [name for name in (CONFIG, WEIGHTS, CARD) if not (folder / name).is_file()]:
        others = ", ".join(sorted(path.name for path in folder.glob("*") if path.suffix in PICKLED)) or "none"
        lacking = f"{', '.join(missing)} missing"
        raise FileNotFoundError(f"{folder} is no module directory: {lacking} (files that are not read: {others})")
    card = read_card(folder / CARD)
    for name, fact in ((CONFIG, "config_sha256"), (WEIGHTS, "weights_sha256")):
        if file_digest(folder / name) != card.get(fact):
            raise DamagedFile(folder / name, f"its checksum is not the one in {CARD}")
    config = read_json(folder / CONFIG)
    if not isinstance(config, dict):
        raise DamagedFile(folder / CONFIG, "it is no mapping")
    return Module(config, read_tensors(folder / WEIGHTS), card)


def read_members(folders: Mapping[int, str | Path]) -> dict[int, Module]:
    """The modules of several seeds, which must be of one form.

    Args:
        folders: seed to module directory.

    Raises:
        DamagedFile: one has another ``adapter_config.json``, other tensors or other shapes than the first, or is the
            module of another seed.
    """
    modules = {seed: read_module(folder) for seed, folder in folders.items()}
    for seed, module in modules.items():
        path = Path(folders[seed]) / CARD
        first, of = next(iter(modules.values())), Path(next(iter(folders.values())))
        if (other := module.card.get("seed", seed)) != seed:
            raise DamagedFile(path, f"it is of seed {other}, expected {seed}")
        if module.config != first.config:
            raise DamagedFile(path.with_name(CONFIG), f"it says other things than the one in {of.name} beside it")
        if module.shapes() != first.shapes():
            raise DamagedFile(path.with_name(WEIGHTS), f"its tensors are not of the shapes in {of.name}")
    return modules


def read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file, in the order of their names.

    What the header declares is checked against the size of the file before anything is read.

    Raises:
        DamagedFile: it is no safetensors file, or holds something else than floating-point numbers of NumPy's types.
    """
    try:
        with safe_open(path, "np") as file:
            kinds = {name: file.get_slice(name).get_dtype() for name in sorted(file.keys())}
            if strange := {name: kind for name, kind in kinds.items() if kind not in FLOATS}:
                name, kind = next(iter(strange.items()))
                raise DamagedFile(path, f"tensor {name!r} is of type {kind}, expected one of {', '.join(FLOATS)}")
            return {name: file.get_tensor(name) for name in kinds}
    except SafetensorError as error:
        raise DamagedFile(path, str(error)) from error
