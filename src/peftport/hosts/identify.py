"""What a host is, whatever it is used for: where it lies, its shape, its fingerprints."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from peftport.hosts.classification_head import SMALLEST, head_paths, load_classifier
from peftport.hosts.families.table import family
from peftport.hosts.load import TOKENIZER_FILES, is_tied, load_model, load_tokenizer, some, weight_files
from peftport.hosts.locate import BUNDLED_CHOICE, foreign, hub_commit, published_files, read_files
from peftport.hosts.settings import HostSettings
from peftport.hosts.shape import host_shape
from peftport.hosts.sites import Family
from peftport.prompting.chat import chat_template, template_digest
from peftport.prompting.lm_types.table import CLASSIFIER, lm_type
from peftport.storage.files import DamagedFile, check_files, file_digest, file_digests
from peftport.storage.provenance import JsonObject


def combined_digest(files: Iterable[Path]) -> str:
    """One SHA-256 over names and contents of files."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name} {file_digest(file)}\n".encode())
    return digest.hexdigest()


def positions(config: Any, kind: Family) -> int | None:
    """Tokens that a host can read at most; None where positions are relative (T5)."""
    most = getattr(config, "max_position_embeddings", None)
    return None if most is None else most - kind.first_position


def _loaded(host: HostSettings, folder: Path) -> tuple[PreTrainedModel, JsonObject]:
    """The host, and what its card says of its classification head; nothing where it has none."""
    if not host.classifies:
        return load_model(folder), {}
    model, parts, passed_over = load_classifier(folder, SMALLEST)
    if passed_over:
        print(f"note: {folder}: passed over, of other heads: {some(passed_over)}")
    return model, {"head": host.head, "head_parts": list(parts), "head_passed_over": list(passed_over)}


def _belonging_to_modules(model: PreTrainedModel, head: JsonObject) -> int:
    """Number of parameters of the classification head that are no part of the host."""
    paths = head_paths(model, head.get("head_parts", ()))
    return sum(tensor.numel() for path in paths for tensor in model.get_submodule(path).parameters())


def identify_host(
    name: str,
    host: HostSettings,
    folder: Path,
    built: dict[str, str] | None = None,
    converted: JsonObject | None = None,
    further: JsonObject | None = None,
    rewritten: JsonObject | None = None,
) -> JsonObject:
    """Who the host in ``folder`` is; its card adds the tokens of a study's label words.

    Args:
        built: for a host that the study builds or converts, its files and their SHA-256, as they were written.
        converted: of a host that the study converts, from what.
        further: of a host that the study trains further on a corpus, what became of it.
        rewritten: of a host that the study writes in other coordinates, in which, and how near its answers stay.

    Raises:
        DamagedFile: a file of a host that the study builds is not what was written.
        FileNotFoundError, ValueError: the folder is no usable host, or not what its origin published.
    """
    check_files(folder, built or {})
    try:
        check_files(folder, published_files(host, folder), "it was published")
    except DamagedFile as error:
        raise foreign(name, host.as_json(), error) from error
    model, head = _loaded(host, folder)
    tokenizer, kind = load_tokenizer(folder), family(model.config.model_type)
    asked = CLASSIFIER if head else kind.lm_type
    try:
        lm_type(asked).check(tokenizer, model.config)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error
    return {
        "host": name,
        "origin": host.as_json(),
        "converted": converted,
        "further": further,
        **({} if rewritten is None else {"rewritten": rewritten}),
        "choice": BUNDLED_CHOICE if host.kind == "bundled" else None,
        "folder": str(folder),
        "commit": hub_commit(folder),
        "model_type": model.config.model_type,
        "lm_type": asked,
        **head,
        **({} if host.precision is None else {"precision": host.precision}),
        "shape": host_shape(model.config),
        "positions": positions(model.config, kind),
        "gated_feed_forward": bool(getattr(model.config, "is_gated_act", "wi" not in kind.sites)),
        "separate_output_layer": not head and not is_tied(model),
        "parameters": sum(tensor.numel() for tensor in model.parameters()) - _belonging_to_modules(model, head),
        "weights_sha256": combined_digest(weight_files(folder)),
        "files": file_digests(folder, read_files(folder)),
        "tokenizer_sha256": combined_digest(folder / file for file in TOKENIZER_FILES if (folder / file).is_file()),
        "chat_template_sha256": template_digest(chat_template(tokenizer)),
    }
