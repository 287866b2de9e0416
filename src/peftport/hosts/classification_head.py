"""Hosts with a classification head (``AutoModelForSequenceClassification``), which is no part of the host.

The head is what transformers puts on top of the encoder: a layer with one output per label, and in most families a
layer before it. It belongs to the module, as with peft's ``modules_to_save``. Of it,

* the layer of the labels (``classifier``) always belongs to the module: what a file says of it is passed over;
* the layer before it (``pooler``, ``pre_classifier``, ``head``) belongs to the host where the files hold it, as BERT's
  and MiniLM's pooler, and stays frozen, as it does with peft; where they do not, it belongs to the module too.

A host is loaded with all that belongs to the module at zero. It then finds all labels equally likely, which is what a
host without a module knows. ``fresh_head`` draws what a training starts from.
"""

import copy
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.utils import logging

from peftport.hosts.families.table import family
from peftport.hosts.load import load_model, model_type_of, read_weights, refuse_unfit
from peftport.hosts.sites import Family
from peftport.prompting.lm_types.table import CLASSIFIER, lm_type

PROBLEM = "single_label_classification"  # transformers' name of what the head is for
SMALLEST = 2  # labels, where nothing depends on their number


class Classifier(NamedTuple):
    """A host with a classification head, as its files give it.

    Attributes:
        model: frozen, in inference mode; what belongs to modules is zero.
        parts: names of the submodules that belong to modules, for peft's ``modules_to_save``.
        passed_over: tensors of other heads in the files.
    """

    model: PreTrainedModel
    parts: tuple[str, ...]
    passed_over: tuple[str, ...]


def load_classifier(folder: Path, labels: int, dtype: torch.dtype = torch.float32) -> Classifier:
    """A host with a classification head.

    The global generators are left as they were.

    Args:
        folder: config.json and safetensors, of a model with any head or none.
        labels: outputs of the head.

    Raises:
        FileNotFoundError: no safetensors.
        ValueError: hosts of this family have no classification head here, or tensors are missing, unknown or
            mis-shaped.
    """
    kind, options = classifying(model_type_of(folder)), {"num_labels": labels, "problem_type": PROBLEM}
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), without_report():
        model, report = read_weights(folder, kind, lm_type(CLASSIFIER).MODEL, dtype, **options)
    missing, mismatched = report["missing_keys"], {name for name, *_ in report["mismatched_keys"]}
    parts = tuple(path for path in kind.classification if path == kind.classification[-1] or _any_below(path, missing))
    unknown = {name for name in report["unexpected_keys"] if not is_passed_over(name, kind, model.base_model_prefix)}
    found = {
        "missing_keys": {name for name in missing if not _below(name, parts)},
        "unexpected_keys": unknown,
        "mismatched_keys": {name for name in mismatched if not _below(name, parts)},
    }
    refuse_unfit(folder, found)
    with torch.no_grad():
        for path in parts:
            for parameter in model.get_submodule(path).parameters():
                parameter.zero_()
    passed_over = {name for name in report["unexpected_keys"] if re.fullmatch(kind.language_model_head, name)}
    own = {name for name in model.state_dict() if _below(name, parts)} - missing
    names = tuple(path.rpartition(".")[2] for path in parts)
    return Classifier(model.eval().requires_grad_(False), names, tuple(sorted(passed_over | own)))


def load_with_head(folder: Path, labels: int | None, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A host with a classification head of so many labels, or with its language-model head where that is None."""
    return load_model(folder, dtype) if labels is None else load_classifier(folder, labels, dtype).model


def classifying(model_type: str) -> Family:
    """The family of a host with a classification head, by transformers' ``model_type``.

    Raises:
        ValueError: no such family, or its hosts have no classification head here.
    """
    if (reason := refusal(model_type)) is not None:
        raise ValueError(reason)
    return family(model_type)


def refusal(model_type: str) -> str | None:
    """Why hosts of a known family cannot have a classification head; None if they can.

    Raises:
        ValueError: no such family.
    """
    if family(model_type).classification:
        return None
    return f"hosts of the type `{model_type}` have no classification head here: only encoders have one"


def has_classification_head(host: nn.Module) -> bool:
    """Whether a host was loaded with a classification head."""
    return type(host).__name__.endswith("ForSequenceClassification")


def parts_of(host: PreTrainedModel) -> set[str]:
    """Names of the submodules of a host's classification head, all of which may belong to a module."""
    return {path.rpartition(".")[2] for path in family(host.config.model_type).classification}


def head_paths(host: PreTrainedModel, parts: Sequence[str]) -> list[str]:
    """The paths of these submodules of a head in its host."""
    known = family(host.config.model_type).classification
    return [path for path in known if path.rpartition(".")[2] in parts]


def fresh_head(host: PreTrainedModel, parts: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    """What a training of the head starts from: as transformers initialises these submodules.

    The host and the global generators are left as they were. The draw depends on nothing but the seed, and the sizes
    and the ``initializer_range`` of the host.

    Args:
        host: bare, with a classification head.
        parts: as ``Classifier.parts``.
        seed: the only source of randomness.

    Returns:
        Parameters by their names in the host.
    """
    drawn: dict[str, np.ndarray] = {}
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        for path in head_paths(host, parts):
            own = _unmarked(host.get_submodule(path))
            for module in own.modules():
                host._init_weights(module)
            if "." not in path:  # ModernBERT initialises the last layer where it initialises the whole model
                whole = copy.copy(host)
                whole._modules = host._modules | {path: own}
                host._init_weights(whole)
            drawn |= {f"{path}.{name}": tensor.detach().numpy().copy() for name, tensor in own.named_parameters()}
    return drawn


def _unmarked(part: nn.Module) -> nn.Module:
    """A copy in float32 whose parameters have no mark that says that they were loaded, and need no drawing."""
    own = copy.deepcopy(part).to("cpu", torch.float32)
    for module in own.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(torch.zeros_like(parameter), requires_grad=False))
    return own


@contextmanager
def without_report() -> Iterator[None]:
    """Without what transformers logs of absent and spare tensors, which a head always has; they are checked here."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _below(name: str, paths: Sequence[str]) -> bool:
    return any(name.startswith(f"{path}.") for path in paths)


def _any_below(path: str, names: set[str]) -> bool:
    return any(_below(name, [path]) for name in names)


def is_passed_over(name: str, kind: Family, prefix: str) -> bool:
    """Whether a tensor of a file is of no use here and may be there; its name may lack the encoder's prefix."""
    patterns = (kind.passed_over, kind.language_model_head)
    return any(re.fullmatch(pattern, spelled) for pattern in patterns for spelled in (name, f"{prefix}.{name}"))
