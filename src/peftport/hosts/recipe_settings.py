"""Settings of a host that the study makes: trained, trained further from another host, or that one written anew."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from peftport.data.generated.settings import Domain
from peftport.hosts.corpus_settings import CorpusSettings, FurtherCorpus
from peftport.settings import EACH_ONCE, TAG, Settings, Text, list_or, optional
from peftport.storage.provenance import JsonObject


class ShapeSettings(Settings):
    """Size of the host."""

    d_model: int = Field(64, ge=8, le=1024, description="Width of the residual stream (units); a multiple of heads.")
    d_ff: int = Field(128, ge=8, le=4096, description="Width of the feed-forward layers (units).")
    layers: int = Field(
        2, ge=1, le=24, description="Layers (count); a t5 has so many in the encoder and as many in the decoder."
    )
    heads: int = Field(4, ge=1, le=64, description="Attention heads (count).")
    vocabulary: int = Field(1000, ge=60, le=65536, description="Largest number of tokenizer pieces (count).")
    embedding_scale: float = Field(
        0.25, gt=0, le=10, description="Standard deviation of the input embeddings at initialisation."
    )


class RateMultipliers(Settings):
    """Factors on the learning rate of single parameter groups; a tiny host's move too slowly under one rate."""

    relative_position_bias: float = Field(
        1.0, gt=0, le=1000, description="Factor for the relative attention biases (t5)."
    )
    embeddings: float = Field(1.0, gt=0, le=1000, description="Factor for the input embeddings.")
    head: float = Field(1.0, gt=0, le=1000, description="Factor for the output head.")


class HostTrainingSettings(Settings):
    """What the trainings of hosts have in common: all parameters, by AdamW."""

    steps: int = Field(1000, ge=1, le=10000000, description="Optimiser steps (count).")
    warmup_steps: int = Field(100, ge=0, le=100000, description="Linear warm-up (optimiser steps).")
    batch_size: int = Field(32, ge=1, le=4096, description="Examples a step (count).")
    learning_rate: float = Field(
        0.001, gt=0, le=1, description="Peak rate of AdamW; warm-up then cosine decay to a tenth."
    )
    weight_decay: float = Field(0.01, ge=0, le=1, description="Decoupled weight decay of matrices.")
    rate_multipliers: RateMultipliers = Field(default_factory=RateMultipliers)


class PretrainingSettings(HostTrainingSettings):
    """How the host is pretrained."""

    in_order: bool = Field(
        False, description="Read documents in their order (the curriculum of generated reviews) instead of shuffled."
    )
    segment_tokens: int = Field(
        32, ge=6, le=512, description="Documents are cut to segments of at most this length (tokens)."
    )
    corrupted_share: float = Field(
        0.15, gt=0, lt=1, description="Share (0 to 1) of a segment's tokens that is hidden (t5, bert)."
    )
    mean_span_tokens: float = Field(3.0, ge=1, le=20, description="Mean length of a hidden span (tokens; t5).")
    continuation_share: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Share (0 to 1) of examples that continue a text after one of its full stops (t5).",
    )
    spans_at_most: int = Field(1, ge=1, le=8, description="Largest number of hidden spans in a segment (count; t5).")


class RawHostSettings(Settings):
    """A small host pretrained here, from scratch, on CPU."""

    family: Literal["t5", "bert", "llama"] = Field(
        "t5",
        description="What the host is shaped like and pretrained by: t5 (v1.1, span corruption and continuation), "
        "bert (masked tokens), llama (next token).",
    )
    corpus: CorpusSettings
    shape: ShapeSettings = Field(default_factory=ShapeSettings)
    pretraining: PretrainingSettings = Field(default_factory=PretrainingSettings)
    words: Annotated[list[Annotated[str, Field(max_length=40, pattern="^[^\\s]+$")]], EACH_ONCE] = Field(
        [], description="Words that the tokenizer must keep whole, such as the labels of the datasets."
    )
    seed: int = Field(0, ge=0, le=4294967295, description="Seed of everything random in the build.")


class GeneratedInstructions(Settings):
    """Eleven auxiliary tasks over generated reviews; none asks for a sentiment unless sentiment_domains are given."""

    domains: Annotated[list[Domain], Field(min_length=1), EACH_ONCE] = Field(
        description="Review domains of the auxiliary tasks."
    )
    examples: int = Field(ge=1, le=5000000, description="Prompt and answer pairs (count).")
    sentiment_domains: Annotated[list[Domain], EACH_ONCE] = Field(
        [],
        description="Domains in which one more task asks for the sentiment in other words (does the writer recommend "
        "it, yes or no), as Flan's mixture held sentiment sets; keep the study's own domain out.",
    )


class InstructionSettings(Settings):
    """Where the tasks come from, `generated` or `files`."""

    generated: GeneratedInstructions | None = optional()
    files: Annotated[list[Text], Field(min_length=1)] | None = optional(
        description="Plain text files that ten label-free tasks (last word, word in text, count, order, ...) are made"
        " from."
    )
    examples: int | None = optional(ge=1, le=5000000, description="Prompt and answer pairs (count), for `files`.")


class InstructionTrainingSettings(HostTrainingSettings):
    """Training on the mixture, all parameters."""

    steps: int = Field(800, ge=1, le=10000000, description="Optimiser steps (count).")
    warmup_steps: int = Field(50, ge=0, le=100000, description="Linear warm-up (optimiser steps).")


class InstructionHostSettings(Settings):
    """A host built here, trained further on a mixture of auxiliary tasks."""

    base: str = Field(
        description="Name of the host that is trained further; its files must be the hub's (a host built or bundled "
        "here)."
    )
    instructions: InstructionSettings
    training: InstructionTrainingSettings = Field(default_factory=InstructionTrainingSettings)
    seed: int = Field(0, ge=0, le=4294967295, description="Seed of everything random in the training.")


WeightKind = Literal[
    *("q", "k", "v", "qkv", "o", "wi", "wi_0", "wi_1", "wi_01", "wo"), *("norm", "embedding", "head", "other")
]
SomeWeights = Literal["all", "without_embeddings"]


def _rising(layers: list[int]) -> list[int]:
    """These numbers of layers, if they rise from 0; the first layer may hold what all others read (T5's positions)."""
    if layers[0] != 0 or layers != sorted(set(layers)):
        raise ValueError(f"expected rising numbers of layers, the first of them 0, got {layers}")
    return layers


class FurtherHostSettings(HostTrainingSettings):
    """A further-trained version of any host of the study, by the objective that its kind of host is pretrained by."""

    base: str = Field(description="Name of the host that is trained further; wherever that comes from.")
    keep_layers: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(_rising)] | None = (
        optional(
            description="Numbers of the base's layers (from 0) that stay, in every stack; the host is shallower and "
            "begins with them. The first must be 0, and they rise. Without it all stay."
        )
    )
    corpus: FurtherCorpus
    weights: Annotated[
        Annotated[SomeWeights, Tag(f"{TAG}string")]
        | Annotated[list[WeightKind], Field(min_length=1), EACH_ONCE, Tag(f"{TAG}array")],
        list_or("string"),
    ] = Field(
        "without_embeddings",
        description="Which weights train: `all`, `without_embeddings` (all but the embeddings, and an output layer "
        "that is tied to them), or a list of kinds: projections as the host's family names them (`q`, `k`, `v`, `qkv`, "
        "`o`, `wi`, `wi_0`, `wi_1`, `wi_01`, `wo`), `norm` (of sub-layers), `embedding`, `head` (an output layer of "
        "its own), `other`.",
    )
    steps: int = Field(100, ge=1, le=10000000, description="Optimiser steps (count).")
    warmup_steps: int = Field(5, ge=0, le=100000, description="Linear warm-up (optimiser steps).")
    batch_size: int = Field(4, ge=1, le=4096, description="Windows of text a step (count).")
    learning_rate: float = Field(
        0.0002, gt=0, le=1, description="Peak rate of AdamW; warm-up then cosine decay to a tenth."
    )
    weight_decay: float = Field(0.0, ge=0, le=1, description="Decoupled weight decay of matrices.")
    tokens: int = Field(
        96, ge=16, le=8192, description="Length of a window (tokens), with what the tokenizer puts around a text."
    )
    products: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Numbers that matrix products are computed in (autocast); weights and what AdamW keeps of them "
        "stay float32. bfloat16 is faster where a GPU or processor has units for it (docs/running.md).",
    )
    corrupted_share: float = Field(
        0.15,
        gt=0,
        lt=1,
        description="Share (0 to 1) of a window's tokens that is hidden (masked hosts and encoder-decoders).",
    )
    mean_span_tokens: float = Field(
        3.0, ge=1, le=20, description="Mean length of a hidden span (tokens; encoder-decoders)."
    )
    seed: int = Field(0, ge=0, le=4294967295, description="Seed of everything random in the training.")


class CoordinateSettings(Settings):
    """Which coordinates of a host are other ones; at least one of these. What the host computes stays."""

    stream: Literal["permutation", "rotation"] | None = optional(
        description="Basis of the residual stream: its coordinates in another order, or all of them turned (norms lose "
        "their scales to what reads behind them; not of hosts whose norms stand behind their sub-layers, or whose "
        "output layer is their embedding)."
    )
    heads: Literal["permutation"] | None = optional(
        description="Attention heads in another order, in every attention (those of T5's self-attentions in one order "
        "for each stack, because of its table of positions)."
    )
    units: Literal["permutation"] | None = optional(
        description="Units of the feed-forward sub-layers in another order, in every layer."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.as_json():
            raise PydanticCustomError("coordinates", "expected at least one of `stream`, `heads`, `units`")
        return self


class RewrittenHostSettings(Settings):
    """A host of the study in other coordinates: other weights, the same function."""

    base: str = Field(description="Name of the host that is written anew; wherever that comes from.")
    coordinates: CoordinateSettings
    seed: int = Field(0, ge=0, le=4294967295, description="Seed of the rotation and of every order.")


Recipe = RawHostSettings | InstructionHostSettings | FurtherHostSettings | RewrittenHostSettings


def base_of(recipe: Recipe | None) -> str | None:
    """The name of the host that a recipe begins with; None where it begins with nothing, or is none."""
    return getattr(recipe, "base", None)


def _kind(recipe: Any) -> str:
    """The tag of a recipe; of one that is no mapping, that of a raw host, which refuses it."""
    if isinstance(recipe, Settings):
        return f"{TAG}{type(recipe).__name__}"
    said = recipe if isinstance(recipe, dict) else {}
    if "instructions" in said:
        return f"{TAG}InstructionHostSettings"
    if "coordinates" in said:
        return f"{TAG}RewrittenHostSettings"
    return f"{TAG}FurtherHostSettings" if "base" in said else f"{TAG}RawHostSettings"


HostRecipe = Annotated[
    Annotated[RawHostSettings, Tag(f"{TAG}RawHostSettings")]
    | Annotated[InstructionHostSettings, Tag(f"{TAG}InstructionHostSettings")]
    | Annotated[FurtherHostSettings, Tag(f"{TAG}FurtherHostSettings")]
    | Annotated[RewrittenHostSettings, Tag(f"{TAG}RewrittenHostSettings")],
    Discriminator(_kind),
]


def read_recipe(recipe: JsonObject) -> Recipe:
    """The settings of a recipe.

    Raises:
        ValidationError: it is none.
    """
    return TypeAdapter(HostRecipe).validate_python(recipe)
