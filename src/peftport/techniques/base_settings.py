"""What the settings of all techniques have in common, and the kinds of values that several of them have."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, Tag

from peftport.settings import EACH_ONCE, TAG, Settings, list_or

Rate = Annotated[float, Field(gt=0, description="a learning rate")]
LearningRate = Annotated[
    Annotated[float, Field(gt=0), Tag(f"{TAG}number")]
    | Annotated[list[Rate], Field(min_length=1, max_length=10), EACH_ONCE, Tag(f"{TAG}array")],
    list_or("number"),
    Field(
        description="AdamW's learning rate after warm-up; or a list, from which every seed, initialisation and budget "
        "takes the best by validation"
    ),
]
Projections = Annotated[
    list[Literal["q", "k", "v", "o", "qkv", "wi", "wi_0", "wi_1", "wi_01", "wo"]],
    Field(
        min_length=1,
        description="projections that get an update, in every attention and feed-forward layer that has them",
    ),
    EACH_ONCE,
]
OutputSites = Annotated[
    list[Literal["attention", "cross_attention", "feed_forward"]],
    Field(min_length=1, description="sub-layers after which a bottleneck stands"),
    EACH_ONCE,
]
PROJECTIONS = ["q", "v"]
OUTPUT_SITES = ["attention", "feed_forward"]


class TechniqueSettings(Settings):
    """What every technique has."""

    no_output: ClassVar[str | None] = None  # of an added technique without `OUTPUT`: why what it adds cannot be scaled

    method: str = Field(description="the PEFT method")
    learning_rate: LearningRate = 0.003
    source_steps: int | None = Field(
        None, ge=1, description="optimiser steps of a source module; null: training.source_steps"
    )
