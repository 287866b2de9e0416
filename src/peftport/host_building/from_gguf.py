"""A host in a GGUF file, dequantised into float32 safetensors."""

import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoTokenizer, GgufConfig, PreTrainedModel

from peftport.hosts.families.table import family
from peftport.hosts.gguf_header import GgufHeader, read_header
from peftport.prompting.lm_types.table import lm_type
from peftport.storage.files import file_digests
from peftport.storage.provenance import JsonObject


def from_gguf(file: Path, folder: Path) -> JsonObject:
    """Write the host of a GGUF file into ``folder``: config.json, model.safetensors, tokenizer files.

    transformers reads the file, and nothing that lies beside it. Its own saving refuses a model that came from GGUF,
    though every weight is float32, so the weights are written here.

    Returns:
        from what: ``format``, ``type`` of most weights, ``types`` of tensors and their number, ``files`` (name to
        SHA-256).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: ``read_header`` refuses it, it cannot be read, or not every tensor of it has a place in the host.
    """
    header = read_header(file)
    with tempfile.TemporaryDirectory() as alone:
        (Path(alone) / "host.gguf").symlink_to(file.resolve())
        tokenizer, model, missing = _read(file, Path(alone), header)
    tensors = dict(model.named_parameters())  # tied ones once
    if missing or len(tensors) != len(header.tensors):
        lacks = f" (without weights: {', '.join(missing[:5])})" if missing else ""
        raise ValueError(f"{file} has {len(header.tensors)} tensors, and the host has {len(tensors)}{lacks}")
    save_file(
        {name: tensor.detach().contiguous() for name, tensor in tensors.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    _plain_config(model).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    said = {"format": "gguf", "type": header.main_type, "types": header.types}
    return said | {"files": file_digests(file.parent, [file.name])}


def _read(file: Path, folder: Path, header: GgufHeader) -> tuple[Any, PreTrainedModel, list[str]]:
    """Tokenizer, model, and the names of weights that the file lacks."""
    options = {"gguf_file": "host.gguf", "local_files_only": True, "trust_remote_code": False}
    kind = getattr(transformers, lm_type(family(header.model_type).lm_type).MODEL)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        model, report = kind.from_pretrained(
            folder,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),  # else blocks may stay packed
            output_loading_info=True,
            **options,
        )
        return tokenizer, model, sorted(map(str, report["missing_keys"]))
    except (MemoryError, OSError):
        raise
    except Exception as error:  # transformers and gguf raise many kinds for files that they cannot read
        first = (str(error).splitlines() or [""])[0]
        raise ValueError(f"{file} cannot be read as a host: {type(error).__name__}: {first[:300]}") from error


def _plain_config(model: PreTrainedModel) -> Any:
    """The config as of a model that never was in a GGUF file."""
    dropped = ("quantization_config", "_name_or_path")
    said = {key: value for key, value in model.config.to_dict().items() if key not in dropped}
    return type(model.config).from_dict(said | {"architectures": [type(model).__name__]})
