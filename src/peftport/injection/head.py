"""The classification head of a module: what peft is told of it, what a training starts it from, how it is taken off.

What a fresh head is drawn for counts: a module that is moved without its head gets another draw in the target host
than its source training had. Otherwise the moved module would meet the very head near which it was trained.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from peft import PeftConfig, PeftModel
from peft.utils import AuxiliaryTrainingWrapper
from torch import nn
from transformers import PreTrainedModel

from peftport.hosts.classification_head import fresh_head
from peftport.hosts.sites import Family
from peftport.seeds import derive

TASK = "SEQ_CLS"  # peft's task type of models with a classification head
BEFORE, BEFORE_WITH_PROMPT = "base_model.model.", "base_model."  # what peft puts before names in the host


@dataclass(frozen=True)
class Head:
    """What of a host's classification head belongs to the module.

    Attributes:
        parts: names of submodules, for peft's ``modules_to_save``.
        drawn_for: the source training, or what starts in the target host.
    """

    parts: tuple[str, ...]
    drawn_for: Literal["source", "target"]


def with_task(kind: Family, head: Head | None) -> Family:
    """The family as a technique is to see it: with a classification head it takes prompts."""
    return kind if head is None else replace(kind, task=TASK)


def config_with(config: PeftConfig, head: Head | None) -> PeftConfig:
    """peft's config with the head, which is put into it.

    Raises:
        ValueError: peft's class of this technique saves no modules beside its own tensors.
    """
    if head is not None:
        if not hasattr(config, "modules_to_save"):
            raise ValueError(f"peft's {type(config).__name__} has no `modules_to_save`, and so no place for a head")
        config.task_type, config.modules_to_save = TASK, list(head.parts)
    return config


def fresh_tensors(host: PreTrainedModel, head: Head | None, config: PeftConfig, seed: int) -> dict[str, np.ndarray]:
    """The tensors of a fresh head under the names that peft gives them; none without a head."""
    if head is None:
        return {}
    drawn = fresh_head(host, head.parts, derive(seed, "head", head.drawn_for))
    before = BEFORE_WITH_PROMPT if config.is_prompt_learning else BEFORE
    return {f"{before}{name}": tensor for name, tensor in drawn.items()}


def saved_parts(model: PeftModel) -> list[str]:
    """The submodules that a module saves beside its own tensors, in the host's order: peft also lists absent ones."""
    names = [name for name, part in model.named_modules() if isinstance(part, AuxiliaryTrainingWrapper)]
    return list(dict.fromkeys(name.rpartition(".")[2] for name in names))


def take_off(host: nn.Module) -> None:
    """Put the host's own submodules back where a module's head stands."""
    for name, part in list(host.named_modules()):
        if isinstance(part, AuxiliaryTrainingWrapper):
            host.set_submodule(name, part.original_module)
