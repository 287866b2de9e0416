"""Settings of a map between two hosts (``maps:`` in the config)."""

from typing import Literal

from pydantic import Field

from peftport.settings import Settings, Text


class MapSettings(Settings):
    """How the correspondence between two hosts is estimated."""

    method: Text = Field(description="the method; by default the map's name")
    layers: Literal["depth", "skip", "linear", "avg", "cka"] = Field(
        "depth", description="which source layers stand for a target layer where the hosts have different numbers"
    )
    fill: Literal["nothing", "nearest"] = Field(
        "nothing", description="what a target layer gets to which `layers: cka` assigns no source layer"
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
