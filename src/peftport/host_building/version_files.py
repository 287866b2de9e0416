"""The files of a host that is made from another one: new weights beside its base's other files, byte by byte."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save_file

from peftport.hosts.locate import files_beside
from peftport.storage.files import file_digests

WEIGHTS = "model.safetensors"


@contextmanager
def version_of(base: Path, folder: Path) -> Iterator[Path]:
    """A folder with config and tokenizer of the host in ``base``; what it holds when the block ends goes to ``folder``.

    All files or none: it lies beside ``folder`` until then.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        beside = Path(scratch) / folder.name
        beside.mkdir()
        copy_files_beside(base, beside)
        yield beside
        if folder.is_dir():  # made by the workflow, or left by a job that was killed
            for left in folder.iterdir():
                left.unlink()
            folder.rmdir()
        os.replace(beside, folder)


def copy_files_beside(base: Path, folder: Path) -> None:
    """Write into ``folder`` what the host in ``base`` has beside its weights; no index, for they become one file."""
    for file in files_beside(base):
        if not file.name.endswith(".index.json"):
            (folder / file.name).write_bytes(file.read_bytes())


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a host, by name."""
    return file_digests(folder, [path.name for path in folder.iterdir()])


def save_weights(tensors: dict[str, torch.Tensor], folder: Path) -> None:
    """Write the weights of a host."""
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def without_ties(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a host by name; of those that are one tensor, the first."""
    seen: set[int] = set()
    kept = {}
    for name, tensor in tensors.items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            kept[name] = tensor.contiguous()
    return kept
