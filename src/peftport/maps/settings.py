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
