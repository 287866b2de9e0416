"""Settings of a map between two hosts (``maps:`` in the config)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
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

    method: Annotated[Text, AfterValidator(_known)] = Field(
        description="how the correspondence is estimated; by default the map's name"
    )
    texts: str | None = optional(
        description="dataset whose training texts, without their labels, both hosts read; for methods that need texts"
    )
    layers: Literal["depth", "skip", "linear", "avg", "cka"] = Field(
        "depth", description="which source layers stand for a target layer where the hosts have different numbers"
    )
