"""Settings of a host: where it comes from."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from peftport.hosts.recipe_settings import HostRecipe
from peftport.settings import OneOf, Precision, Settings, Text, optional

LANGUAGE_MODEL, CLASSIFICATION = "language_model", "classification"  # kinds of heads
Head = Literal["language_model", "classification"]


def _is_false(value: bool) -> bool:
    return value is False


def _is_language_model(value: str) -> bool:
    return value == LANGUAGE_MODEL


class HubHost(Settings):
    """A host of the Hugging Face hub."""

    id: Text = Field(description="repository, such as google/flan-t5-base")
    revision: Text = Field("main", description="branch, tag or (best) commit")


class GgufHost(Settings):
    """A host in a GGUF file, whose weights are most often quantised."""

    file: Text = Field(
        description="GGUF file of weights and tokenizer, as llama.cpp reads; a stage dequantises it once into float32"
    )


class HostSettings(OneOf):
    """Where a host comes from, exactly one of these; beside it may stand `convert`, `head` and `precision`."""

    BESIDE: ClassVar[frozenset[str]] = frozenset({"convert", "head", "precision"})

    bundled: Text | None = optional(description="name of a small host that ships with peftport")
    path: Text | None = optional(description="local directory: config.json, model.safetensors, tokenizer files")
    hub: HubHost | None = optional()
    build: HostRecipe | None = optional(
        description="a host made by the study: a small one from nothing (`corpus`), any host trained further on "
        "a corpus (`base` and `corpus`), a small one on instructions (`base` and `instructions`), or any host in other "
        "coordinates, in which it computes the same (`base` and `coordinates`)"
    )
    gguf: GgufHost | None = optional()
    convert: bool = Field(
        False,
        description="true: the host has `pytorch_model.bin` (one file, or parts with their index) and no safetensors; "
        "a stage reads it once, without running anything in it, and writes safetensors",
        exclude_if=_is_false,
    )
    head: Head = Field(
        LANGUAGE_MODEL,
        description="what the host answers with: its own language-model head, by label words, or a classification head "
        "with one output per label, which is no part of the host but of the module (encoders only)",
        exclude_if=_is_language_model,
    )
    precision: Precision | None = optional(
        description="numbers of the frozen host, in training and tests; without it those of `training.host_precision`; "
        "int8 and nf4 need a GPU and bitsandbytes",
    )

    @model_validator(mode="after")
    def _convertible(self) -> Self:
        if self.convert and self.kind not in ("path", "hub"):
            raise PydanticCustomError("convert", "expected `convert` only beside `path` or `hub`")
        return self

    @property
    def classifies(self) -> bool:
        """Whether the host answers with a classification head."""
        return self.head == CLASSIFICATION

    @property
    def converted(self) -> bool:
        """Whether a stage writes the host's files from files of another format."""
        return self.convert or self.kind == "gguf"
