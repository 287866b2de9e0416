"""Settings of generated English texts: of which domain, what is asked of them, how long and how hard they are."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from peftport.settings import EACH_ONCE, TAG, Settings, list_or, optional

Domain = Literal["book", "course", "film", "game", "hotel", "music", "phone", "restaurant"]
DomainOrDomains = Annotated[
    Annotated[Domain, Tag(f"{TAG}string")]
    | Annotated[list[Domain], Field(min_length=2, max_length=len(get_args(Domain))), EACH_ONCE, Tag(f"{TAG}array")],
    list_or("string"),
]
HARD_SHARE = 0.5
# task to the values of its labels; those of `topic` are its domains
VALUES = {
    "sentiment": ("negative", "positive"),
    "topic": (),
    "subjectivity": ("fact", "opinion"),
    "negation": ("without", "with"),
    "contrast": ("without", "with"),
}
ASKED_OF_A_SENTENCE = ("negation", "contrast")  # tasks whose labels say which sentences are hard


def _is_sentiment(value: str) -> bool:
    return value == "sentiment"


def _is_half(value: float) -> bool:
    return value == HARD_SHARE


class GeneratedReviews(Settings):
    """Generated English reviews."""

    domain: DomainOrDomains = Field(
        description="what is reviewed; of the task `topic` a list of domains, which are the values of its labels"
    )
    task: Literal["sentiment", "topic", "subjectivity", "negation", "contrast"] = Field(
        "sentiment",
        exclude_if=_is_sentiment,
        description="what is asked of a text, and the values of its labels: whether it praises (`negative`, "
        "`positive`), which of the domains it is about (their names), whether it holds an opinion (`fact`, `opinion`), "
        "a negation (`without`, `with`), a contrast (`without`, `with`)",
    )
    sentences: int | None = optional(
        ge=1,
        le=32,
        description="sentences of a text; without it 1 to 3 (`sentiment`, `topic`) or 1. Of `subjectivity`, "
        "`negation` and `contrast` one sentence decides and the others have nothing of what is asked",
    )
    hard_share: float = Field(
        HARD_SHARE,
        ge=0,
        le=1,
        exclude_if=_is_half,
        description="share of the opinion sentences that speak by negation, contrast or expectation; each is drawn. "
        "Not for `negation` and `contrast`, whose labels say which sentences do",
    )
    train: int = Field(4000, ge=2, le=1000000, description="number of training examples")
    validation: int = Field(500, ge=2, le=1000000, description="number of validation examples")
    test: int = Field(1000, ge=2, le=1000000, description="number of test examples")
    seed: int = Field(0, ge=0, le=2147483647, description="seed of the texts")

    @property
    def domains(self) -> list[str]:
        """The domains of the texts; one but for `topic`."""
        return [self.domain] if isinstance(self.domain, str) else self.domain

    @property
    def values(self) -> tuple[str, ...]:
        """The values of the labels."""
        return VALUES[self.task] or tuple(self.domains)

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if (self.task == "topic") == isinstance(self.domain, str):
            wanted = "a list of domains" if self.task == "topic" else "one domain and no list of them"
            said = f"expected {wanted} for `task: {self.task}`, got {', '.join(self.domains)}."
            raise PydanticCustomError("unknown", "{said}", {"key": "domain", "said": said})
        if self.task in ASKED_OF_A_SENTENCE and self.hard_share != HARD_SHARE:
            said = f"expected none for `task: {self.task}`, whose labels say which sentences are hard."
            raise PydanticCustomError("unknown", "{said}", {"key": "hard_share", "said": said})
        return self
