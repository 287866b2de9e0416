"""A host from its files alone: config, headers of its safetensors, tokenizer. No weights are read and no torch."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from peftport.hosts.families.table import family, refusal
from peftport.hosts.locate import BUNDLED, bundled_names, check_bare, check_parts
from peftport.hosts.sites import Family
from peftport.registry import did_you_mean
from peftport.storage.provenance import JsonObject
from peftport.storage.tensor_header import TensorFact, UnreadableTensors, read_floats, read_header

CONFIG = "config.json"
TOKENIZER_FILES = ("tokenizer.json", "spiece.model", "tokenizer.model", "vocab.json", "vocab.txt", "merges.txt")
LARGEST_TOKENIZER = 256 * 2**20  # bytes of a file
SHOWN = 5


class HostFilesError(ValueError):
    """A folder that is no host, or files of one that cannot be read: which file, what was expected, what came."""


@dataclass(frozen=True)
class HostFiles:
    """What the files of a host say.

    Attributes:
        folder: where they lie.
        config: ``config.json`` as it is.
        tensors: name in its files to number type, shape and place.
        homes: name of a tensor to its file.
    """

    folder: Path
    config: JsonObject
    tensors: dict[str, TensorFact]
    homes: dict[str, Path]

    @property
    def model_type(self) -> str:
        """transformers' name of its family; empty where the config says none."""
        return str(self.config.get("model_type") or "")

    @cached_property
    def family(self) -> Family | None:
        """Its family; None where it is none that is known here."""
        return None if refusal(self.model_type) else family(self.model_type)

    @property
    def transposed(self) -> bool:
        """Whether its projections are stored transposed."""
        return self.family is not None and self.family.transposed

    @property
    def tied(self) -> bool:
        """Whether its output layer is the input embedding, as far as its files say it: there is no output layer."""
        heads = self.family.head if self.family else ("lm_head.weight",)
        return not any(name in self.tensors for name in heads)

    def dtypes(self) -> dict[str, int]:
        """Number type to how many tensors are kept in it."""
        kinds = [fact.dtype for fact in self.tensors.values()]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

    def weights(self, names: list[str]) -> dict[str, np.ndarray]:
        """Tensors of its files as float32.

        Raises:
            HostFilesError: a file cannot be read, or holds no such floats.
        """
        tensors: dict[str, np.ndarray] = {}
        try:
            for name in names:
                tensors |= read_floats(self.homes[name], {name: self.tensors[name]})
        except (OSError, UnreadableTensors) as error:
            raise HostFilesError(str(error)) from error
        return tensors

    def rows(self, name: str, first: int, last: int) -> np.ndarray:
        """The rows of a tensor from ``first`` to before ``last`` as float32; no other row is read.

        Raises:
            HostFilesError: its file cannot be read, or holds no such floats.
        """
        try:
            return read_floats(self.homes[name], {name: self.tensors[name].rows(first, last)})[name]
        except (OSError, UnreadableTensors) as error:
            raise HostFilesError(str(error)) from error


def read_host(folder: str | Path) -> HostFiles:
    """A host from its directory, or by the name of one that ships with the package.

    Raises:
        HostFilesError: it is no directory with a config and safetensors, or it also holds an adapter.
    """
    folder = _located(Path(folder))
    try:
        check_bare(folder)
        check_parts(folder)
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise HostFilesError(f"{folder / CONFIG}: expected a mapping, got {type(config).__name__}")
        tensors, homes = _tensors(folder)
    except (OSError, ValueError, RecursionError) as error:
        raise HostFilesError(str(error)) from error
    return HostFiles(folder, config, tensors, homes)


def tokenizer_digest(folder: Path) -> str | None:
    """SHA-256 over the files of a tokenizer in a folder; None where there are none, or one is no small file."""
    files = [folder / name for name in TOKENIZER_FILES if (folder / name).is_file()]
    if not files or any(file.stat().st_size > LARGEST_TOKENIZER for file in files):
        return None
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _located(folder: Path) -> Path:
    if (folder / CONFIG).is_file():
        return folder
    if not folder.exists() and str(folder) in bundled_names():
        return BUNDLED / folder
    if (folder / "converted" / CONFIG).is_file():
        raise HostFilesError(f"{folder} has no {CONFIG}; the host lies in its folder `converted`")
    if folder.is_dir():
        raise HostFilesError(f"{folder} is no host: it has no {CONFIG}")
    near = did_you_mean(folder, bundled_names())
    raise HostFilesError(f"{folder} is not there; expected the folder of a host (nothing is fetched).{near}")


def _tensors(folder: Path) -> tuple[dict[str, TensorFact], dict[str, Path]]:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        others = ", ".join(sorted(path.name for path in folder.glob("*.bin"))[:SHOWN]) or "none"
        raise HostFilesError(f"{folder} holds no *.safetensors (other weight files: {others}); only those are read")
    tensors: dict[str, TensorFact] = {}
    homes: dict[str, Path] = {}
    for file in files:
        facts = read_header(file)
        tensors |= facts
        homes |= dict.fromkeys(facts, file)
    return tensors, homes
