"""Settings of a dataset: where its examples come from, how it is split, and what a host is asked."""

from typing import Annotated, Literal, Self

from pydantic import Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from peftport.data.generated.settings import GeneratedReviews
from peftport.data.split_settings import ExampleLimits, SplitSettings
from peftport.settings import EACH_ONCE, TAG, OneOf, Settings, Text, is_empty, list_or, optional
from peftport.storage.provenance import JsonObject

FILE_BYTES = 1_000_000_000  # that are read of one file, unpacked


ColumnOrColumns = Annotated[
    Annotated[Text, Tag(f"{TAG}string")]
    | Annotated[list[Text], Field(min_length=2, max_length=100), EACH_ONCE, Tag(f"{TAG}array")],
    list_or("string"),
]


class Columns(Settings):
    """Names of the columns."""

    text: Text = Field("text", description="column with the text")
    label: Text = Field("label", description="column with the label")
    choices: ColumnOrColumns | None = optional(
        description="of multiple choice: column with the list of choices, or a list of columns with one choice each; "
        "`choices` unless given"
    )
    answer: Text | None = optional(description="of multiple choice: column with the answer; `answer` unless given")
    completion: Text | None = optional(
        description="of generation: column with what is to be written, a text or a list of texts each of which is "
        "right; `completion` unless given"
    )


class DataFile(Settings):
    """One local file."""

    path: Text = Field(description="the file; a relative path starts where snakemake starts")
    split: Literal["train", "validation", "test"] | None = optional(
        description="the split it holds; files without one are training examples, from which absent splits are taken"
    )
    format: Literal["csv", "tsv", "jsonl", "json", "parquet", "lines"] | None = optional(
        description="how to read it; by its ending unless given (.csv .tsv .jsonl .ndjson .json .parquet, .txt for "
        "lines); csv may quote its texts, tsv has no quoting, json is one list of objects"
    )
    columns: Columns = Field(
        default_factory=Columns,
        description="names of the columns (csv and tsv have a header line), or keys of a JSON line",
    )
    where: dict[Text, str] = Field(
        default_factory=dict,
        exclude_if=is_empty,
        description="column to value: only rows that have these values are read, such as those of one `task`",
    )
    header: bool | None = optional(
        description="false: a csv or tsv file without a header line, whose columns are named 1, 2, ... (in quotes)"
    )
    delimiter: str | None = optional(
        min_length=1,
        max_length=1,
        description="of a csv file: what separates its columns; without it the first of , ; tab and | at which the "
        "first line has the columns asked for",
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


def _is_usual(value: int) -> bool:
    return value == FILE_BYTES


class HubDataset(Settings):
    """A dataset of the Hugging Face hub; needs pip install 'peftport[hub]'."""

    id: str = Field(min_length=1, max_length=200, description="repository, such as stanfordnlp/sst2")
    name: Text | None = optional(description="configuration within the repository")
    revision: Text = Field("main", description="branch, tag or (best) commit; the commit is recorded")
    columns: Columns = Field(default_factory=Columns)
    splits: HubSplits = HubSplits(train="train")
    unpacked: int = Field(
        FILE_BYTES,
        ge=1_000_000,
        le=1_000_000_000_000,
        exclude_if=_is_usual,
        description="most bytes that one packed data file (gzip, zip, parquet) may come to when it is unpacked; all of "
        "them together may come to 20 times as many",
    )


class LmEvalSource(Settings):
    """A task of lm-evaluation-harness, which tests by it; needs pip install 'peftport[lm-eval]'."""

    task: Text = Field(description="name of the task")
    include_path: Text | None = optional(
        description="folder with the YAML files of tasks of your own; without it the task is one of lm-eval's"
    )
    metric: Text = Field("acc", description="which of the task's metrics is the score; 0 to 1 for each document")
    num_fewshot: int = Field(
        0, ge=0, le=100, description="examples of the task before a document in tests; training has none"
    )


class DatasetSource(OneOf):
    """Where the examples come from, exactly one of these; a `mixture` has none."""

    generated: GeneratedReviews | None = optional()
    files: Annotated[list[DataFile], Field(min_length=1)] | None = optional(
        description="local files; what one of them holds is train, unless `split` says otherwise"
    )
    hub: HubDataset | None = optional()
    lm_eval: LmEvalSource | None = optional()

    @property
    def is_only_tested(self) -> bool:
        """Whether every file of it is to validate or test on, so that nothing of it can be trained on."""
        return bool(self.files) and all(file.split in ("validation", "test") for file in self.files)


Fault = Literal["empty", "unlabelled", "other_label"]


def _is_false(value: bool) -> bool:
    return value is False


def _is_zero(value: float) -> bool:
    return value == 0


class MultipleChoiceSettings(Settings):
    """Each example has choices of its own, one of them right."""

    answer: Literal["index", "text"] = Field(
        "index", description="what the column `answer` holds: the place of the right choice, from 0, or its text"
    )
    faulty: Literal["refuse", "leave_out"] = Field(
        "refuse",
        description="what is done about a row with an empty choice or two equal ones: the study is refused, or the row "
        "is left out and counted",
    )
    metric: Literal["accuracy_normalised", "accuracy"] = Field(
        "accuracy_normalised",
        description="the score: whether the choice with the largest log-likelihood is right, or that with the largest "
        "log-likelihood per character",
    )


class GenerationSettings(Settings):
    """The host writes, and what it wrote is compared with what was to be written."""

    metric: Literal["rouge_l", "exact_match", "number_match", "token_f1"] = Field(
        "rouge_l", description="the score; of several right completions the one that gives the most counts"
    )
    max_new_tokens: int = Field(
        64, ge=1, le=4096, description="most tokens of a completion with its end, in the data and as the host writes it"
    )
    stop: list[Text] = Field(
        ["\n"], max_length=20, description="texts at which a host's answer ends, beside the end that it writes itself"
    )


class DatasetSettings(OneOf):
    """Texts, and what is to be answered to each: one of its kinds, none with `source.lm_eval`; or a `mixture`."""

    BESIDE = frozenset({"template", "chat", "system", "source", "split", "examples", "drop", "label_noise"})

    labels: dict[str, Annotated[str, Field(min_length=1, max_length=100)]] | None = optional(
        min_length=2,
        max_length=100,
        description="value in the data (in quotes; for a hub class label its number) to the word that the host "
        "answers; generated data have the values of their `task`; several values may share a word",
    )
    multiple_choice: MultipleChoiceSettings | None = optional()
    generation: GenerationSettings | None = optional()
    mixture: dict[Text, Annotated[float, Field(gt=0, le=1e6)]] | None = optional(
        min_length=2,
        max_length=100,
        description="several datasets of the config that are trained on at once: name to weight, in whose proportion "
        "examples are drawn; each keeps its own prompts and answers. As many as there are before one of them is used "
        "up, or `examples`, for which some are drawn again; `split.seed` says which. Only a source of "
        "`grid.dataset_pairs`",
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
    source: DatasetSource | None = optional()
    split: SplitSettings = Field(default_factory=SplitSettings)
    examples: ExampleLimits = Field(default_factory=ExampleLimits)
    drop: Annotated[list[Fault], EACH_ONCE] = Field(
        [],
        exclude_if=is_empty,
        description="rows of files and hubs that are left out and counted, and not refused: with an empty text, "
        "without a label, or with a label that is not one of `labels`",
    )
    label_noise: float = Field(
        0.0,
        ge=0,
        le=1,
        exclude_if=_is_zero,
        description="share of the training examples whose label is exchanged for another one, drawn from `split.seed` "
        "uniformly among the others; validation and test examples keep theirs",
    )

    @model_validator(mode="after")
    def _conversing(self) -> Self:
        if self.system is not None and not self.chat:
            raise PydanticCustomError("system", "expected `system` only beside `chat: true`")
        return self

    @model_validator(mode="after")
    def _with_labels_to_exchange(self) -> Self:
        if self.label_noise and (self.labels is None or self.source.is_only_tested):
            said = "expected it only beside `labels` and where the source has examples to train on."
            raise PydanticCustomError("unknown", "{said}", {"key": "label_noise", "said": said})
        return self

    @property
    def conversation(self) -> dict[str, str]:
        """What goes into a chat beside the user's message."""
        return {} if self.system is None else {"system": self.system}

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        asked = (*self._choices(), "template", "chat", "system", "drop")
        if self.mixture is not None:
            return self._nothing_beside(
                "mixture", "whose datasets say what is asked", {*asked, "source", "label_noise"} - {"mixture"}
            )
        if self.source is None:
            raise PydanticCustomError("source", "expected a `source`, which says where the examples come from")
        if self.source.lm_eval is None:
            return super()._exactly_one()
        return self._nothing_beside("source.lm_eval", "whose task says what is asked", {*asked})

    def _nothing_beside(self, key: str, why: str, names: set[str]) -> Self:
        """Refuse keys that another key leaves no room for, where they have another value than their default."""
        plain = DatasetSettings.model_fields
        if beside := [name for name in plain if name in names and getattr(self, name) != plain[name].default]:
            raise PydanticCustomError(
                "beside",
                "expected no {beside} beside `{key}`, {why}",
                {"beside": ", ".join(f"`{name}`" for name in beside), "key": key, "why": why},
            )
        return self

    @property
    def kind(self) -> str:
        """The name of the kind of task."""
        return "lm_eval" if self.source is not None and self.source.lm_eval is not None else super().kind

    @property
    def words(self) -> list[str]:
        """The label words in alphabetical order; none where answers are an example's own."""
        return sorted(set((self.labels or {}).values()))

    @property
    def metric(self) -> str:
        """The name of the score."""
        if self.source.lm_eval is not None:
            return self.source.lm_eval.metric
        return "accuracy" if self.labels is not None else getattr(self, self.kind).metric

    @property
    def scoring(self) -> JsonObject:
        """What its scores depend on."""
        further: JsonObject = {} if self.generation is None else {"stop": self.generation.stop}
        if self.source.lm_eval is not None:
            further["source"] = self.source.lm_eval.as_json()
        return {"metric": self.metric} | further
