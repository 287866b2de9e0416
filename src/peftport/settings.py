"""Settings of a study's sections: the single home of their defaults, types, bounds and texts.

Every class is closed (a key that it does not know is an error), strict (``"3"`` is no number, ``true`` is no number,
``5.0`` is no whole number) and frozen. What a field says in ``description`` is shown in error messages, in the JSON
schema and in ``config/README.md``. Rooms with settings of their own have them in their ``settings.py``.
"""

import re
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

OPTIONAL = "x-optional"  # says in the JSON schema that a key may be left out, and is nothing then
EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")  # a number in YAML 1.2; PyYAML, of 1.1, reads 1e-3 as text
TAG = "|"  # what the tag of a union's member begins with, so that no key of a config is taken for one


class Settings(BaseModel):
    """What all settings have in common: closed, strict, frozen, no infinite numbers."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        regex_engine="python-re",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _read_exponents(cls, value: Any, info: ValidationInfo) -> Any:
        return _with_numbers(value) if _takes_float(cls.model_fields[info.field_name].annotation) else value

    def as_json(self) -> dict[str, Any]:
        """The settings as plain JSON values, every default filled in; what is optional and not given is left out."""
        return self.model_dump(mode="json")


class OneOf(Settings):
    """Settings of which exactly one is given; every field is ``optional``, or one of those that stand ``BESIDE``."""

    BESIDE: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        choices = self._choices()
        given = [name for name in choices if getattr(self, name) is not None]
        if len(given) != 1:
            known = ", ".join(f"`{name}`" for name in choices)
            raise PydanticCustomError(
                "one_of", "expected {amount} of {known}", {"amount": "only one" if given else "one", "known": known}
            )
        return self

    @property
    def kind(self) -> str:
        """The name of the one that is given."""
        return next(name for name in self._choices() if getattr(self, name) is not None)

    @classmethod
    def _choices(cls) -> list[str]:
        return [name for name in cls.model_fields if name not in cls.BESIDE]


def optional(*, description: str | None = None, **bounds: Any) -> Any:
    """A field that need not be given; it is None then, and left out of ``as_json``."""
    return Field(None, description=description, exclude_if=_is_none, json_schema_extra={OPTIONAL: True}, **bounds)


def is_empty(value: dict[str, object] | list[str]) -> bool:
    """Whether a mapping or a list has no entry; for ``exclude_if``."""
    return not value


def _takes_float(annotation: Any) -> bool:
    return annotation is float or any(map(_takes_float, get_args(annotation)))


def _with_numbers(value: Any) -> Any:
    """A value, or a list, in which text such as ``1e-3`` is the number that YAML 1.2 means."""
    if isinstance(value, list):
        return [_with_numbers(entry) for entry in value]
    return float(value) if isinstance(value, str) and EXPONENT.fullmatch(value) else value


def _is_none(value: Any) -> bool:
    return value is None


class _EachOnce:
    """Annotates a list in which no entry stands twice."""

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_each_once, handler(source))

    @staticmethod
    def __get_pydantic_json_schema__(schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"uniqueItems": True}


def _each_once(entries: list[Any]) -> list[Any]:
    if any(entry in entries[:index] for index, entry in enumerate(entries)):
        raise PydanticCustomError("each_once", "expected no entry twice")
    return entries


def list_or(single: str) -> Discriminator:
    """Tells a list from a single value, whose tag is ``TAG`` and its type in JSON: ``number``, ``integer``."""
    return Discriminator(lambda value: f"{TAG}array" if isinstance(value, list) else f"{TAG}{single}")


EACH_ONCE = _EachOnce()
Text = Annotated[str, Field(min_length=1)]
Seed = Annotated[int, Field(ge=0)]
Precision = Literal["float32", "bfloat16", "int8", "nf4"]


class TrainingSettings(Settings):
    """How modules are trained, in the source host and in the target host."""

    source_steps: int = Field(500, ge=1, description="optimiser steps of a source module; a technique may have its own")
    batch_size: int = Field(32, ge=1, description="examples per optimiser step")
    warmup_steps: int = Field(
        4, ge=0, description="steps in which the learning rate rises linearly from 0; it is constant afterwards"
    )
    weight_decay: float = Field(0.0, ge=0, description="AdamW's decoupled weight decay")
    gradient_clip: float = Field(1.0, gt=0, description="largest Euclidean norm of the gradient")
    max_tokens: int | None = Field(
        None,
        ge=4,
        description="prompts are cut to this many tokens; without it to what the host has room for, 512 at most",
    )
    host_precision: Precision = Field(
        "float32",
        description="numbers of the frozen hosts that say none themselves (`hosts.<name>.precision`), in training "
        "and tests; bfloat16 is faster where a GPU or processor has units for it (docs/running.md); int8 and nf4 need "
        "a GPU and bitsandbytes; modules stay float32",
    )
    keep: Literal["last", "best"] = Field(
        "last", description="the source module kept, after the last step, or with the lowest validation loss"
    )
    validate_every: int = Field(100, ge=1, description="steps between validations when `keep` is best")


class EvaluationSettings(Settings):
    """How modules are tested."""

    batch_size: int = Field(128, ge=1, description="test examples read at a time")
    calibration_texts: int = Field(
        200,
        ge=0,
        description="training texts of the target dataset, without their labels, on which a second prediction is "
        "calibrated: the first so many, under the assumption that labels are equally frequent; 0: none",
    )
    generate: bool = Field(
        False, description="also let the host write its answer freely, and compare it with the label words"
    )
    merged: bool = Field(
        False,
        description="also test modules merged into the host's weights, where a technique's can be (LoRA, (IA)3), "
        "beside the attached ones; costs one more pass over the test split",
    )


class CrossTaskSettings(Settings):
    """Modules of one task as the start for another, one by one: a table, a figure and a section of the report."""

    own: dict[str, str] = Field(
        {},
        description="technique to the technique whose modules of the target task itself its moves are read against; "
        "its own unless named, another for instance where the same one was trained for fewer steps",
        exclude_if=is_empty,
    )


class StatisticsSettings(Settings):
    """What counts as a difference, and which tables a study has that it must ask for."""

    margin: float = Field(
        0.02,
        gt=0,
        lt=1,
        description="difference in accuracy that is large enough to matter; advice, the outcome of a move and the "
        "ceiling of steps saved depend on it",
    )
    cross_task: CrossTaskSettings | None = optional(
        description="modules of one task as the start for another: a table, a figure and a section of the report; "
        "nothing of it unless given, `{}` is enough"
    )


class CostSettings(Settings):
    """How the costs of techniques are measured in each target host."""

    repetitions: int = Field(
        7, ge=0, le=1000, description="times that everything is timed, in turns; 0: nothing is timed"
    )
    full_finetuning: bool = Field(
        True,
        description="compare with finetuning the whole host, which needs memory for about five times its weights; "
        "false: only with the bare host",
    )


class DistilSettings(Settings):
    """How the starts of `distilled` are trained: without labels, by a teacher's answers."""

    steps: int = Field(
        ge=1,
        description="optimiser steps without labels that `distilled` takes before its first budget; with so many in "
        "`grid.budgets`, `scratch` is seen after as many steps with labels",
    )
    texts: int | None = optional(
        ge=1,
        description="training texts of the target dataset, and as many for validation, that the teacher answers: the "
        "first so many; without it all",
    )
