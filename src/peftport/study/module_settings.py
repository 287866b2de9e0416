"""Settings of a module that exists already: where it is, and what it was made for."""

from typing import ClassVar

from pydantic import Field

from peftport.settings import OneOf, Settings, Text, optional
from peftport.techniques.base_settings import LearningRate


class HubModule(Settings):
    """A module of the Hugging Face hub."""

    id: Text = Field(description="repository, such as user/my-lora")
    revision: str = Field(
        pattern="^[0-9a-f]{40}$", description="commit, as its page lists it: what is trained depends on the files"
    )


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
