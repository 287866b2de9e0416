"""Settings of the text that a host is trained on."""

from typing import Annotated, ClassVar

from pydantic import Field

from peftport.data.generated.settings import Domain
from peftport.settings import EACH_ONCE, OneOf, Settings, Text, optional


class GeneratedCorpus(Settings):
    """Generated reviews, plain at first, harder later (a curriculum; see pretraining.in_order)."""

    domains: Annotated[list[Domain], Field(min_length=1), EACH_ONCE] = Field(
        description="Review domains, drawn uniformly."
    )
    documents: int = Field(40000, ge=1, le=5000000, description="How many documents of 1 to 5 sentences (count).")
    hard_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Largest share (0 to 1) of opinion sentences that speak by negation, contrast or expectation.",
    )


class CorpusSettings(OneOf):
    """The text that the tokenizer and the host are trained on, exactly one of these."""

    generated: GeneratedCorpus | None = optional()
    files: Annotated[list[Text], Field(min_length=1)] | None = optional(
        description="Plain text files (UTF-8, else Latin-1), a document per line, or per paragraph where blank lines "
        "separate."
    )


class FurtherCorpus(OneOf):
    """The text that a host is trained further on, exactly one of these, and how much of it is held out."""

    BESIDE: ClassVar[frozenset[str]] = frozenset({"held_out"})

    files: Annotated[list[Text], Field(min_length=1)] | None = optional(
        description="Plain text files (UTF-8, else Latin-1), or patterns of such files (`books/*.txt`)."
    )
    dataset: Text | None = optional(
        description="Name of a dataset of the config: its training texts, without their labels; its validation texts "
        "are held out."
    )
    generated: GeneratedCorpus | None = optional()
    held_out: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="Share (0 to 0.5) of each file, at its end, that is not trained on; perplexity is measured there.",
    )
