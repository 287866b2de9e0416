"""Settings of a dataset: where its examples come from, how it is split, and what a host is asked."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from peftport.settings import OneOf, Settings, Text, optional

Domain = Literal["book", "course", "film", "game", "hotel", "music", "phone", "restaurant"]


class GeneratedReviews(Settings):
    """Generated English reviews."""

    domain: Domain = Field(description="what is reviewed")
    train: int = Field(4000, ge=2, le=1000000, description="number of training examples")
    validation: int = Field(500, ge=2, le=1000000, description="number of validation examples")
    test: int = Field(1000, ge=2, le=1000000, description="number of test examples")
    seed: int = Field(0, ge=0, le=2147483647, description="seed of the texts")


class Columns(Settings):
    """Names of the columns."""

    text: Text = Field("text", description="column with the text")
    label: Text = Field("label", description="column with the label")


class DataFile(Settings):
    """One local file."""

    path: Text = Field(description="the file; a relative path starts where snakemake starts")
    split: Literal["train", "validation", "test"] | None = optional(
        description="the split it holds; files without one are training examples, from which absent splits are taken"
    )
    format: Literal["csv", "tsv", "jsonl", "parquet", "lines"] | None = optional(
        description="how to read it; by its ending unless given (.csv .tsv .jsonl .ndjson .parquet, .txt for lines); "
        "csv may quote its texts, tsv has no quoting"
    )
    columns: Columns = Field(
        default_factory=Columns,
        description="names of the columns (csv and tsv have a header line), or keys of a JSON line",
    )
    label: str | None = optional(description="for `lines`: the label, a key of `labels`, of every line")
    pattern: Text | None = optional(
        description="for `lines`: regular expression for a whole line, with the groups (?P<label>..) and (?P<text>..)"
    )
    encoding: Text = Field("utf-8", description="character encoding, as Python names it")


class HubSplits(Settings):
    """Our splits by their names in the repository; those left out are taken from train."""

    train: Text = Field(description="its split for training")
    validation: Text | None = optional(description="its split for validation")
    test: Text | None = optional(description="its split for testing")


class HubDataset(Settings):
    """A dataset of the Hugging Face hub; needs pip install 'peftport[hub]'."""

    id: str = Field(min_length=1, max_length=200, description="repository, such as stanfordnlp/sst2")
    name: Text | None = optional(description="configuration within the repository")
    revision: Text = Field("main", description="branch, tag or (best) commit; the commit is recorded")
    columns: Columns = Field(default_factory=Columns)
    splits: HubSplits = HubSplits(train="train")


class DatasetSource(OneOf):
    """Where the examples come from, exactly one of these."""

    generated: GeneratedReviews | None = optional()
    files: Annotated[list[DataFile], Field(min_length=1)] | None = optional(
        description="local files; what one of them holds is train, unless `split` says otherwise"
    )
    hub: HubDataset | None = optional()


class SplitSettings(Settings):
    """How splits that the source does not give are taken from its training examples, stratified by label."""

    validation: float = Field(0.1, gt=0, lt=0.5, description="share of the training examples")
    test: float = Field(0.1, gt=0, lt=0.5, description="share of the training examples")
    seed: int = Field(0, ge=0, le=2147483647, description="seed of the splits and of `examples`")


class ExampleLimits(Settings):
    """At most so many examples per split, drawn so that every label keeps its share; null means all."""

    train: int | None = Field(None, ge=2, description="number of training examples")
    validation: int | None = Field(None, ge=2, description="number of validation examples")
    test: int | None = Field(None, ge=2, description="number of test examples")


def _is_false(value: bool) -> bool:
    return value is False


class DatasetSettings(Settings):
    """Labelled texts."""

    labels: dict[str, Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        min_length=2,
        max_length=100,
        description="value in the data (in quotes; for a hub class label its number) to the word that the host "
        "answers; generated data has the values `negative` and `positive`; several values may share a word",
    )
    template: str = Field(
        "sentiment: {text}",
        description="what the host reads: exactly one {text}, where the text goes, and perhaps an {answer}, where the"
        " label word stands; at the end unless it says so, and elsewhere only for masked language models",
    )
    chat: bool = Field(
        False,
        description="true: `template` is a user's message, which goes through the chat template of each host; the label"
        " word is the assistant's answer. Every host needs a chat template; masked language models cannot have one",
        exclude_if=_is_false,
    )
    system: Text | None = optional(description="with `chat`: the system message; without it the template's own, if any")
    source: DatasetSource
    split: SplitSettings = Field(default_factory=SplitSettings)
    examples: ExampleLimits = Field(default_factory=ExampleLimits)

    @model_validator(mode="after")
    def _conversing(self) -> Self:
        if self.system is not None and not self.chat:
            raise PydanticCustomError("system", "expected `system` only beside `chat: true`")
        return self

    @property
    def conversation(self) -> dict[str, str]:
        """What goes into a chat beside the user's message."""
        return {} if self.system is None else {"system": self.system}
