"""Settings of a module that exists already: where it is, and what it was made for."""

import re
from typing import Any, ClassVar

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from peftport.settings import OneOf, Settings, Text, optional
from peftport.techniques.base_settings import LearningRate

COMMIT = "^[0-9a-f]{40}$"


class HubModule(Settings):
    """A module of the Hugging Face hub at one commit, which `revision` names; a branch moves and is not followed."""

    id: Text = Field(description="repository, such as user/my-lora")
    revision: str = Field(pattern=COMMIT, description="commit: what is trained depends on the files")

    @field_validator("revision", mode="before")
    @classmethod
    def _commit(cls, value: Any) -> Any:
        if isinstance(value, str) and not re.fullmatch(COMMIT, value):
            raise PydanticCustomError(
                "commit",
                "expected a commit, 40 digits of 0-9 and a-f as the repository's page lists them under `History`; a "
                "branch or a tag moves and is not followed",
            )
        return value


class ModuleSettings(OneOf):
    """A module that exists already, exactly one of `path` and `hub`; its files are read and never changed."""

    BESIDE: ClassVar[frozenset[str]] = frozenset(
        {"host", "dataset", "initial", "labels", "learning_rate", "source_steps"}
    )

    path: Text | None = optional(description="local PEFT folder: adapter_config.json and adapter_model.safetensors")
    hub: HubModule | None = optional()
    host: str = Field(description="host that it was trained in; every transfer of the grid starts there")
    dataset: str = Field(
        description="dataset of the task that it was trained for; every dataset pair starts there, and the examples "
        "need not be those that it saw"
    )
    initial: Text | None = optional(
        description="of a LoRA begun by PiSSA or OLoRA, the PEFT folder with its initial state, which its change of "
        "the host is counted from"
    )
    labels: list[Text] | None = optional(
        description="of a module with a classification head: the label words of the dataset in the order of the "
        "head's outputs, which no file of a module says",
        min_length=2,
    )
    learning_rate: LearningRate = 0.001
    source_steps: int | None = Field(
        None,
        ge=1,
        description="optimiser steps of the target host's own modules of this form; null: training.source_steps",
    )
