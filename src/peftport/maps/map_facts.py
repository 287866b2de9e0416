"""What a map's card says of spaces that were compared on texts: rows, residuals, clipped gains, warnings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from peftport.maps.correspondence import Space
from peftport.maps.cross import Cross, residuals
from peftport.maps.linear import LinearMap
from peftport.storage.provenance import JsonObject

COMFORTABLE = 4  # so many rows for each coordinate determine a map well


@dataclass
class MapFacts:
    """Collects the facts while a map is fitted.

    Attributes:
        rows: stack to the fewest rows that a space of it was fitted to; the embedding's under ``embedding``.
        residuals: name of a space to what ``residuals`` says at each place of it.
        clipped_gains: entries of norms that were too near to 0 to divide by.
        warnings: what a reader should know, one sentence each.
    """

    rows: dict[str, int] = field(default_factory=dict)
    residuals: dict[str, list[dict[str, float | None]]] = field(default_factory=dict)
    clipped_gains: int = 0
    warnings: dict[str, None] = field(default_factory=dict)

    def count(self, crosses: Mapping[Space, Cross], least: int) -> None:
        """Count rows.

        Args:
            least: rows that the map of a stream takes.

        Raises:
            ValueError: a space has fewer.
        """
        for space, cross in crosses.items():
            where = f"the {space.stack}s" if space.stack else "the embeddings"
            if cross.rows < least:
                raise ValueError(
                    f"the texts give {cross.rows} rows in {where} of the two hosts, {least - cross.rows} too few: a "
                    f"map of a stream of {least} coordinates takes at least {least}, and {COMFORTABLE * least} to be "
                    "good. Give the map more texts, or longer ones"
                )
            key = space.stack or space.name
            self.rows[key] = min(self.rows.get(key, cross.rows), cross.rows)
            wanted = COMFORTABLE * min(len(cross.source.sums), len(cross.target.sums))
            if cross.product is not None and cross.rows < wanted:
                self.warnings[f"{cross.rows} rows for the space {space.name!r} of {where}: {wanted} would be good"] = (
                    None
                )

    def judge(self, space: Space, linear: LinearMap, cross: Cross) -> None:
        """Note how far a map is off on rows that it was not fitted to."""
        if len(cross.source.held):
            self.residuals.setdefault(space.name, []).append(residuals(linear, cross))

    def as_json(self) -> JsonObject:
        """The facts; residuals are means over all places."""
        return {
            "rows": self.rows,
            "residuals": {name: _means(places) for name, places in self.residuals.items()},
            "clipped_gains": self.clipped_gains,
            "warnings": list(self.warnings),
        }


def _means(places: list[dict[str, float | None]]) -> dict[str, float | None]:
    """The mean of each figure over the places that have it; None where none has."""
    there = {name: [place[name] for place in places if place[name] is not None] for name in places[0]}
    return {name: float(np.mean(values)) if values else None for name, values in there.items()}
