"""Settings of a dial: hosts or datasets of a study in the order of something that is varied."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from peftport.settings import EACH_ONCE, OneOf, Text, optional

Points = Annotated[list[Text], Field(min_length=2), EACH_ONCE]


class DialSettings(OneOf):
    """One dial: its hosts or its datasets, and the value of each."""

    BESIDE: ClassVar[frozenset[str]] = frozenset({"values", "label", "scale", "of"})

    hosts: Points | None = optional(description="hosts of the grid, one for each value")
    datasets: Points | None = optional(description="datasets of the grid, one for each value; in place of `hosts`")
    values: list[float] = Field(min_length=2, description="what is varied, as numbers that rise; one for each point")
    label: str = Field("", description="what the values are, for figure and report; by default the dial's name")
    scale: Literal["linear", "log"] = Field(
        "linear",
        description="scale of trend and figure; log: the logarithm to base 10, of 1 + value where the first value is 0",
    )
    of: Literal["target", "source", "both"] = Field(
        "target",
        description="which end of a transfer (of a dataset pair, for `datasets`) must be a point's host (dataset) for "
        "a move to belong to the point; both: source and target are",
    )

    @property
    def points(self) -> list[str]:
        """The names of its hosts or datasets."""
        return getattr(self, self.kind)

    @property
    def places(self) -> list[float]:
        """Where the values lie on the scale."""
        if self.scale == "linear":
            return self.values
        return [math.log10(value + (self.values[0] == 0)) for value in self.values]
