"""Settings of how a dataset is split, and how many of its examples are taken."""

from pydantic import Field

from peftport.settings import Settings


class SplitSettings(Settings):
    """How splits that the source does not give are taken from its training examples, stratified by label."""

    validation: float = Field(0.1, gt=0, lt=0.5, description="share of the training examples")
    test: float = Field(0.1, gt=0, le=0.5, description="share of the training examples")
    seed: int = Field(0, ge=0, le=2147483647, description="seed of the splits and of `examples`")


class ExampleLimits(Settings):
    """At most so many examples per split, drawn so that every label keeps its share; null means all."""

    train: int | None = Field(None, ge=2, description="number of training examples")
    validation: int | None = Field(None, ge=2, description="number of validation examples")
    test: int | None = Field(None, ge=2, description="number of test examples")
