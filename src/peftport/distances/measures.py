"""The measures of the table ``distances``: what each says, and whether more of it should let more of a module survive.

Directions are set from what the numbers mean, and never fitted: a predictor that may choose its direction finds one in
noise.
"""

from dataclasses import dataclass
from typing import NamedTuple

ALL = "all"  # as a kind of site: the mean over all sites, or layers


class Found(NamedTuple):
    """One number: of a kind of site (or ``ALL``), with what unrelated weights have on average, if that is known."""

    measure: str
    site_kind: str
    value: float
    chance: float | None = None


@dataclass(frozen=True)
class Measure:
    """What one measure says.

    Attributes:
        meaning: one line for tables and pages.
        rising: whether more of it should go with more that survives a plain copy.
        of_module: whether it is about a module, and not about two hosts alone.
    """

    meaning: str
    rising: bool
    of_module: bool = False


MEASURES = {
    "drift": Measure("norm of the change of a weight over the norm before; unrelated ones have about 1.41", False),
    "cosine": Measure("cosine of a weight in both hosts, as vectors", True),
    "overlap_outputs": Measure("share of the leading directions that a weight writes to, common to both hosts", True),
    "overlap_inputs": Measure("share of the leading directions that a weight reads, common to both hosts", True),
    "cka": Measure("linear CKA, without sampling bias, of what layers write on the same texts", True),
    "module_outputs": Measure("share of the host's change in the directions that the module writes", False, True),
    "module_inputs": Measure("share of the host's change in the directions that the module reads", False, True),
}
