"""Settings of a map between two hosts (``maps:`` in the config)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from peftport.maps.table import MAPS
from peftport.registry import unknown_name
from peftport.settings import Settings, Text, optional


def _known(method: str) -> str:
    if method not in MAPS:
        raise PydanticCustomError("unknown", "{said}", {"said": unknown_name("method", method, MAPS), "key": ""})
    return method


class MapSettings(Settings):
    """How the correspondence between two hosts is estimated."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required"))  # its name says the method

    method: Annotated[Text, AfterValidator(_known)] = Field(
        description="how the correspondence is estimated; by default the map's name"
    )
    texts: str | None = optional(
        description="dataset whose training texts, without their labels, both hosts read; for methods that need texts"
    )
    layers: Literal["depth", "skip", "linear", "avg", "cka"] = Field(
        "depth", description="which source layers stand for a target layer where the hosts have different numbers"
    )
    fill: Literal["nothing", "nearest"] = Field(
        "nothing", description="what a target layer gets to which `layers: cka` assigns no source layer"
    )
    duplicate: Literal["split", "full"] = Field(
        "split",
        description="what a module adds at each of several target layers for which one source layer stands: its share, "
        "or as much as in the source host",
    )
    rope: bool = Field(
        False, description="`weight_match` alone: turn queries and keys by one angle for each rotary pair"
    )
    published: bool = Field(False, description="take the method as it was published, without our repairs")
    signs: Literal["published", "anchored"] = Field(
        "anchored", description="`core` alone: by what the signs of singular vectors are chosen"
    )
    rank: int = Field(320, ge=1, description="`core` alone: singular vectors of a weight at most")
    prior: float = Field(
        0.0,
        ge=0.0,
        description="`activations` alone: how much maps between hosts of equal shapes are drawn towards a plain copy",
    )
    map: Literal["procrustes", "least_squares"] = Field(
        "procrustes", description="`tokens` alone: a turn and a scale, or any matrix (as published)"
    )
