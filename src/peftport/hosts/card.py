"""What a host is, whatever it is used for: where it lies, its shape, its fingerprints."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from peftport.files import file_digest
from peftport.hosts.load import TOKENIZER_FILES, is_tied, load_model, load_tokenizer, weight_files
from peftport.hosts.locate import hub_commit
from peftport.hosts.sites import host_shape


def combined_digest(files: Iterable[Path]) -> str:
    """One SHA-256 over names and contents of files."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name} {file_digest(file)}\n".encode())
    return digest.hexdigest()


def identify_host(name: str, definition: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Who the host in ``folder`` is; its card adds the tokens of a study's label words.

    Raises:
        FileNotFoundError, ValueError: the folder is no usable host.
    """
    model = load_model(folder)
    load_tokenizer(folder)
    return {
        "host": name,
        "origin": definition,
        "folder": str(folder),
        "commit": hub_commit(folder),
        "model_type": model.config.model_type,
        "shape": host_shape(model.config),
        "gated_feed_forward": bool(getattr(model.config, "is_gated_act", False)),
        "separate_output_layer": not is_tied(model),
        "parameters": sum(tensor.numel() for tensor in model.parameters()),
        "weights_sha256": combined_digest(weight_files(folder)),
        "tokenizer_sha256": combined_digest(folder / file for file in TOKENIZER_FILES if (folder / file).is_file()),
    }
