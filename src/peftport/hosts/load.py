"""Load a frozen host: safetensors only, no code from outside, nothing missing, nothing tied that was not."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from peftport.hosts.families.table import family
from peftport.hosts.locate import check_bare, check_parts
from peftport.hosts.sites import Family
from peftport.prompting.lm_types.table import lm_type

TOKENIZER_FILES = ("tokenizer.json", "spiece.model", "vocab.json", "vocab.txt", "merges.txt")
WRONG = {
    "missing_keys": "missing from the weight files",
    "unexpected_keys": "no place for them in such a host",
    "mismatched_keys": "of another shape",
}


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a host.

    Raises:
        FileNotFoundError: there are none; other formats are not read.
        ValueError: the directory also holds a PEFT module, or an index that names files elsewhere.
    """
    check_bare(folder)
    check_parts(folder)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        others = ", ".join(path.name for path in sorted(folder.glob("*.bin"))) or "none"
        raise FileNotFoundError(
            f"{folder} holds no *.safetensors (other weight files: {others}); only those are read. A "
            "host whose weights are in pytorch_model.bin needs `convert: true` beside its `hub` or `path`"
        )
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
    if not any((folder / file).is_file() for file in TOKENIZER_FILES):  # without, transformers makes up an empty one
        raise ValueError(f"{folder}: expected tokenizer files (tokenizer.json or spiece.model), got none")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{folder}: its tokenizer files cannot be read: {first}") from error
    if not tokenizer.is_fast:
        raise ValueError(
            f"{folder}: {type(tokenizer).__name__} does not say where in a text its tokens stand, so long texts could "
            "not be cut without their prompt; expected a tokenizer that can be written as tokenizer.json"
        )
    return tokenizer


def model_type_of(folder: Path) -> str:
    """A host's ``model_type``, from its config.json."""
    return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False).model_type


def read_weights(
    folder: Path, kind: Family, model_class: str, dtype: torch.dtype = torch.float32, **options: Any
) -> tuple[PreTrainedModel, dict[str, set[Any]]]:
    """A model with the weights in a host's files; and the tensors that do not fit it, under the keys of ``WRONG``.

    Args:
        model_class: transformers' class of the host with the head that is wanted.
        options: further arguments of transformers' ``from_pretrained``.

    Raises:
        FileNotFoundError: no safetensors.
        ValueError: the directory also holds a PEFT module.
    """
    weight_files(folder)
    model, report = getattr(transformers, model_class).from_pretrained(
        folder,
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        attn_implementation=kind.attention_implementation,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are among what does not fit, with their names
        **options,
    )
    return model, {key: set(report[key]) for key in WRONG}


def refuse_unfit(folder: Path, found: Mapping[str, Iterable[Any]], told: Iterable[str] = ()) -> None:
    """Raise ValueError if there are tensors that do not fit.

    Args:
        found: keys of ``WRONG`` to the tensors.
        told: what else the message says.
    """
    if wrong := [f"{said}: {some(found[key])}" for key, said in WRONG.items() if found[key]]:
        raise ValueError(f"{folder}: the weights do not fit config.json; {'; '.join([*wrong, *told])}")


def load_model(folder: Path, dtype: torch.dtype = torch.float32, **options: Any) -> PreTrainedModel:
    """The model of a host, frozen, in inference mode (no dropout).

    No part of the language-model head is made up: a checkpoint without one is refused. A separate output layer (T5
    v1.1, Flan-T5, LLaMA) is kept: transformers 5 ties T5's output layer to the input embedding whenever a model is
    built from its config, so what was loaded is compared with the file. And it scales what goes into that layer unless
    ``config.json`` says otherwise (``tie_word_embeddings``, in files of transformers 5 ``scale_decoder_outputs``), so
    a config that says nothing is refused. For umT5 it does not hear what ``config.json`` says, so that is put right.

    Args:
        options: further arguments of transformers' ``from_pretrained``.

    Raises:
        FileNotFoundError: no safetensors.
        ValueError: tensors are missing, unknown or mis-shaped; unknown family; the output layer was lost, or is at
            odds with the config.
    """
    kind = family(model_type_of(folder))
    model, found = read_weights(folder, kind, lm_type(kind.lm_type).MODEL, dtype, **options)
    found["unexpected_keys"] = {name for name in found["unexpected_keys"] if not re.fullmatch(kind.passed_over, name)}
    told = {said for name in found["unexpected_keys"] for key, said in kind.told.items() if re.fullmatch(key, name)}
    refuse_unfit(folder, found, sorted(told))
    _check_output_layer(folder, model, kind)
    return model.eval().requires_grad_(False)


def is_tied(model: PreTrainedModel) -> bool:
    """Whether the output layer is the input embedding. DeBERTa's newer head has no layer of its own: it is tied."""
    head = _output_weight(model, family(model.config.model_type))
    return head is None or head is model.get_input_embeddings().weight


def _output_weight(model: PreTrainedModel, kind: Family) -> torch.nn.Parameter | None:
    there = dict(model.named_parameters(remove_duplicate=False))
    return next((there[name] for name in kind.head if name in there), None)


def some(names: Iterable[Any], shown: int = 5) -> str:
    """The first names in alphabetical order, and how many more there are."""
    listed = sorted(map(str, names))
    more = f" and {len(listed) - shown} more" if len(listed) > shown else ""
    return f"{', '.join(listed[:shown])}{more}"


def _check_output_layer(folder: Path, model: PreTrainedModel, kind: Family) -> None:
    """Raise ValueError unless the output layer is the file's, and the config agrees on whether it is separate."""
    said = json.loads((folder / "config.json").read_text())
    names = tensor_names(folder)
    head = next((name for name in kind.head if name in names), None)
    if head is None:
        if False in (said.get("tie_word_embeddings"), said.get("scale_decoder_outputs")):
            wanted = " or ".join(kind.head)
            raise ValueError(f"{folder}: config.json says that the output layer is separate, but there is no {wanted}")
        return
    here = _output_weight(model, kind)
    if here is None or not torch.equal(here, _tensor(folder, head).to(here)):
        raise ValueError(f"{folder}: its separate output layer ({head}) was lost while loading")
    if kind.scaled is None or is_tied(model):
        return
    if said.get("tie_word_embeddings") is False:  # transformers makes it true for umT5, whatever the file says
        setattr(model.config, kind.scaled, False)
    elif getattr(model.config, kind.scaled, False) and "scale_decoder_outputs" not in said:
        raise ValueError(
            f"{folder}: the weights have a separate output layer ({head}), but config.json does not say so, and what "
            "goes into it would be scaled. Set tie_word_embeddings to false there if the host was trained like that "
            "(as T5 v1.1 and Flan-T5 were)."
        )


def _tensor(folder: Path, name: str) -> torch.Tensor:
    for file in weight_files(folder):
        with safe_open(file, "pt") as tensors:
            if name in tensors.keys():  # noqa: SIM118 - no dict
                return tensors.get_tensor(name)
    raise KeyError(name)
