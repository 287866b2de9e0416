"""Settings of the techniques, one class a method, and the table of them."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, field_serializer, model_validator
from pydantic_core import PydanticCustomError

from peftport.registry import unknown_name
from peftport.settings import EACH_ONCE, Settings, Text, optional
from peftport.storage.extensions import extended_by_classes
from peftport.storage.provenance import JsonObject
from peftport.techniques.base_settings import (
    OUTPUT_SITES,
    PROJECTIONS,
    LearningRate,
    OutputSites,
    Projections,
    TechniqueSettings,
)
from peftport.techniques.table import NO_PART, PASSED_ON, settings_complaint

TRAINED = ("learning_rate", "source_steps")  # what a part has not for itself


class AdaptersSettings(TechniqueSettings):
    """Bottleneck adapters (Houlsby et al., 2019)."""

    method: Literal["adapters"] = Field("adapters", description="the PEFT method")
    bottleneck: int | None = Field(None, ge=1, description="width of the bottleneck; null: d_model // reduction_factor")
    reduction_factor: int = Field(16, ge=1, description="the host's width over the bottleneck's")
    non_linearity: str = Field("gelu", description="activation by transformers' name")
    init_std: float = Field(0.01, gt=0, description="standard deviation of the initial weights")
    share: Literal["none", "layers"] = Field(
        "none", description="none: an adapter per site, as published; layers: all sites of a kind have one in common"
    )
    sites: OutputSites = OUTPUT_SITES


class CompacterSettings(TechniqueSettings):
    """Compacters (Karimi Mahabadi et al., 2021)."""

    method: Literal["compacter"] = Field("compacter", description="the PEFT method")
    bottleneck: int | None = Field(None, ge=1, description="width of the bottleneck; null: d_model // reduction_factor")
    reduction_factor: int = Field(32, ge=1, description="the host's width over the bottleneck's")
    non_linearity: str = Field("gelu_new", description="activation by transformers' name")
    division: int = Field(4, ge=1, description="n of the paper: both widths are divided by it")
    rank: int = Field(1, ge=1, description="rank of the factors")
    share_rule: bool = Field(True, description="all sites share one rule, as published; false: one rule per site")
    rule_std: float = Field(0.0001, gt=0, description="standard deviation of the initial shared rule")
    glorot_gain: float = Field(1.4142135623730951, gt=0, description="gain of the factors' Glorot initialisation")
    sites: OutputSites = OUTPUT_SITES


class LoraSettings(TechniqueSettings):
    """Low-rank adaptation (Hu et al., 2022), peft's own."""

    method: Literal["lora"] = Field("lora", description="the PEFT method")
    rank: int = Field(8, ge=1, description="rank of the update")
    alpha: float = Field(16.0, gt=0, description="the update is scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the update; the study trains without")
    targets: Projections = PROJECTIONS


class PrefixTuningSettings(TechniqueSettings):
    """Prefix tuning on every attention (Li and Liang, 2021), with its reparameterisation."""

    method: Literal["prefix_tuning"] = Field("prefix_tuning", description="the PEFT method")
    length: int = Field(30, ge=1, description="virtual tokens")
    reparameterisation: int | None = Field(
        512,
        ge=1,
        description="width of the tanh layer that makes the prefix; null: keys and values are trained as they are",
    )
    init_std: float = Field(0.02, gt=0, description="standard deviation of the initial weights")
    attentions: (
        Annotated[list[Literal["encoder_self", "decoder_self", "cross"]], Field(min_length=1), EACH_ONCE] | None
    ) = Field(None, description="attentions that see the prefix; null: all that the host has")


class PromptTuningSettings(TechniqueSettings):
    """Prompt tuning (Lester et al., 2021), peft's own."""

    method: Literal["prompt_tuning"] = Field("prompt_tuning", description="the PEFT method")
    length: int = Field(20, ge=1, description="virtual tokens")
    start: Literal["random", "vocabulary"] = Field("random", description="how the virtual tokens begin")
    learning_rate: LearningRate = 0.3


class Ia3Settings(TechniqueSettings):
    """(IA)3 (Liu et al., 2022), peft's own."""

    method: Literal["ia3"] = Field("ia3", description="the PEFT method")
    targets: Annotated[list[Literal["k", "v", "wo", "qkv"]], Field(min_length=1), EACH_ONCE] = Field(
        ["k", "v", "wo"], description="keys, values and the inner activation of the feed-forward layer"
    )


class TinyAttentionSettings(TechniqueSettings):
    """Tiny-attention adapters (Zhao et al., 2022)."""

    method: Literal["tiny_attention"] = Field("tiny_attention", description="the PEFT method")
    width: int = Field(1, ge=1, description="width of the tiny attention")
    heads: int = Field(1, ge=1, description="its heads")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout of its weights")
    out_scale: float = Field(0.01, gt=0, description="scale of the initial output weights")
    learning_rate: LearningRate = 0.0008


class PeftSettings(TechniqueSettings):
    """One of peft's own techniques; further keys are fields of peft's config class for this type."""

    model_config = ConfigDict(extra="allow")

    method: Literal["peft"] = Field("peft", description="the PEFT method")
    peft_type: Text = Field(description="type in peft's registry, such as LOHA or VERA")
    targets: Projections | None = Field(
        None,
        description="projections that get an update, in every attention and feed-forward layer that has them; null: "
        "q and v, or for LN_TUNING the layer norms",
    )
    names: list[Text] | None = optional(
        description="the host's submodules that get an update, by name, in place of `targets`; what a module that "
        "exists already is turned into",
        min_length=1,
    )

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        """Refuse what peft's config class does not take. Only this imports peft, and with it torch."""
        if wrong := settings_complaint(self):
            raise PydanticCustomError("unknown", "{said}", {"key": wrong[0], "said": wrong[1]})
        return self


class HybridParts(Settings):
    """Settings of two parts; the keys are their methods, and none is trained by itself."""

    lora: LoraSettings | None = optional(description="a part that is a LoRA")
    ia3: Ia3Settings | None = optional(description="a part that is an (IA)3")
    adapters: AdaptersSettings | None = optional(description="a part of bottleneck adapters")
    compacter: CompacterSettings | None = optional(description="a part of compacters")
    prefix_tuning: PrefixTuningSettings | None = optional(description="a part that is a prefix")
    tiny_attention: TinyAttentionSettings | None = optional(description="a part of tiny attention")

    @model_validator(mode="before")
    @classmethod
    def _check_parts(cls, parts: object) -> object:
        """Refuse techniques that can be no part, another number than two, and training that a part has for itself."""
        if isinstance(parts, dict):
            for key, said in _wrong_parts(parts):
                raise PydanticCustomError("unknown", "{said}", {"key": key, "said": said})
        return parts


def _wrong_parts(parts: JsonObject) -> Iterator[tuple[str, str]]:
    """Key and message of what is wrong with the parts of a hybrid as such."""
    for name, part in parts.items():
        if name in NO_PART:
            yield str(name), f"`{name}` cannot be a part: {NO_PART[name]}."
        if name not in HybridParts.model_fields:
            yield str(name), unknown_name("part", str(name), HybridParts.model_fields)
        if isinstance(part, dict) and (own := [key for key in TRAINED if key in part]):
            yield f"{name}.{own[0]}", "parts are trained together: expected it beside `parts`."
        if isinstance(part, dict) and part.get("method", name) != name:
            yield f"{name}.method", f"expected `{name}`, as the part is called, or no such key, got `{part['method']}`."
    if len(parts) != 2:
        yield (
            "",
            f"expected two parts of {', '.join(HybridParts.model_fields)}, got {', '.join(map(str, parts)) or 'none'}.",
        )


class HybridSettings(TechniqueSettings):
    """Two techniques in one module, by a tuner of ours."""

    method: Literal["hybrid"] = Field("hybrid", description="the PEFT method")
    parts: HybridParts = Field(description="the two techniques, each by its method with its own settings")

    @field_serializer("parts")
    def _form(self, parts: HybridParts) -> JsonObject:
        """The parts without what only a whole module has."""
        found = {name: getattr(parts, name) for name in HybridParts.model_fields}
        return {name: one.model_dump(mode="json", exclude={*TRAINED}) for name, one in found.items() if one is not None}


METHOD_SETTINGS: dict[str, type[TechniqueSettings]] = {
    "adapters": AdaptersSettings,
    "compacter": CompacterSettings,
    "lora": LoraSettings,
    "prefix_tuning": PrefixTuningSettings,
    "prompt_tuning": PromptTuningSettings,
    "ia3": Ia3Settings,
    "tiny_attention": TinyAttentionSettings,
    "hybrid": HybridSettings,
    PASSED_ON: PeftSettings,
}
METHOD_SETTINGS = extended_by_classes("technique_settings", METHOD_SETTINGS)


def technique_settings(method: str, fields: JsonObject) -> TechniqueSettings:
    """The settings of a method from plain JSON values; what is not given is its default.

    Raises:
        ValueError: no such method, or values that it does not take.
    """
    if method not in METHOD_SETTINGS:
        raise ValueError(unknown_name("technique", method, METHOD_SETTINGS))
    return METHOD_SETTINGS[method].model_validate({"method": method} | fields)
