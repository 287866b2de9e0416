"""Load a frozen host: safetensors only, no code from outside, nothing missing, nothing tied that was not."""

from pathlib import Path

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from peftport.hosts.sites import family


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a host.

    Raises:
        FileNotFoundError: there are none; other formats are not read.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        others = ", ".join(path.name for path in sorted(folder.glob("*.bin"))) or "none"
        raise FileNotFoundError(f"{folder} holds no *.safetensors (other weight files: {others}); only those are read")
    return files


def tensor_names(folder: Path) -> set[str]:
    """Names of the tensors in a host's weight files, from their headers."""
    names: set[str] = set()
    for file in weight_files(folder):
        with safe_open(file, "pt") as tensors:
            names |= set(tensors.keys())
    return names


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a host.

    Raises:
        ValueError: the files are not a tokenizer.
    """
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{folder}: expected tokenizer files (tokenizer.json or spiece.model), got none: {first}"
        ) from error


def load_model(folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """The model of a host, frozen, in inference mode (no dropout).

    A separate output layer (T5 v1.1, Flan-T5) is kept: transformers 5 ties T5's output layer to the input
    embedding whenever a model is built from its config, so what was loaded is compared with the file.

    Raises:
        FileNotFoundError: no safetensors.
        ValueError: tensors are missing, unknown or mis-shaped; unknown family; the output layer was lost.
    """
    family(AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False).model_type)
    names = tensor_names(folder)
    model, report = AutoModelForSeq2SeqLM.from_pretrained(
        folder,
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        attn_implementation="sdpa",
        output_loading_info=True,
    )
    wrong = {kind: sorted(map(str, report[kind])) for kind in ("missing_keys", "mismatched_keys") if report[kind]}
    if wrong:
        raise ValueError(f"{folder}: the weights do not fit config.json: {wrong}")
    if "lm_head.weight" in names and is_tied(model):
        raise ValueError(f"{folder}: its separate output layer (lm_head.weight) was lost while loading")
    return model.eval().requires_grad_(False)


def is_tied(model: PreTrainedModel) -> bool:
    """Whether the output layer is the input embedding."""
    return model.get_output_embeddings().weight is model.get_input_embeddings().weight
