"""A host's card: what it is, its shape, its fingerprints, and how its tokenizer writes the label words."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

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


def label_tokens(tokenizer: PreTrainedTokenizerBase, words: Iterable[str]) -> dict[str, list[int]]:
    """Token ids of every label word, without special tokens.

    Raises:
        ValueError: a word has no tokens or an unknown one, or the tokens of one word begin those of another, so
            that a likelihood could not tell them apart.
    """
    tokens = {word: tokenizer(word, add_special_tokens=False)["input_ids"] for word in words}
    for word, ids in tokens.items():
        if not ids or tokenizer.unk_token_id in ids:
            raise ValueError(f"the tokenizer cannot write the label word {word!r} (tokens {ids})")
    for word, ids in tokens.items():
        for other, others in tokens.items():
            if word != other and others[: len(ids)] == ids:
                raise ValueError(
                    f"the tokenizer cannot tell the label words {word!r} {ids} and {other!r} {others} apart"
                )
    return tokens


def describe_host(name: str, definition: dict[str, Any], folder: Path, words: Iterable[str]) -> dict[str, Any]:
    """The card of the host in ``folder``.

    Raises:
        FileNotFoundError, ValueError: the folder is no usable host, or cannot tell the label words apart.
    """
    model, tokenizer = load_model(folder), load_tokenizer(folder)
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
        "label_tokens": label_tokens(tokenizer, words),
    }
