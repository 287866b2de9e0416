"""What all studies together say of every measure and every property: the statistic behind ``peftport predict``."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from peftport.distances.measures import MEASURES
from peftport.prediction.correlation import Correlation, correlation
from peftport.prediction.left_out import LeftOut, left_out
from peftport.prediction.properties import Says, what_properties_say
from peftport.statistics.families import holm


@dataclass(frozen=True)
class Told:
    """What one measure tells.

    Attributes:
        measure: its name.
        correlation: with the recovered gap, over pairs of hosts.
        left_out: of a monotone predictor from it.
        p_holm: of its gain over a constant, corrected over the measures; None where that cannot be told.
    """

    measure: str
    correlation: Correlation
    left_out: LeftOut
    p_holm: float | None

    @property
    def verdict(self) -> str:
        """Whether it predicts better than a constant."""
        return self.left_out.verdict(self.p_holm)


@dataclass(frozen=True)
class Prediction:
    """What studies tell together.

    Attributes:
        studies: their names.
        moves, pairs: numbers of moves, and of the pairs of hosts that they are between.
        gap: mean recovered gap over pairs of hosts.
        measures, properties: what each of them tells.
    """

    studies: tuple[str, ...]
    moves: int
    pairs: int
    gap: float
    measures: tuple[Told, ...]
    properties: tuple[Says, ...]


def predict(moves: pd.DataFrame) -> Prediction:
    """What the moves of studies (``peftport.prediction.moves.read_moves``) tell."""
    errors = {name: left_out(moves, name, measure.rising) for name, measure in MEASURES.items()}
    known = [name for name, error in errors.items() if error.p_value is not None]
    corrected = dict(zip(known, map(float, holm([errors[name].p_value for name in known])), strict=True))
    told = [Told(name, correlation(moves, name), error, corrected.get(name)) for name, error in errors.items()]
    by_pair = moves.groupby("pair")["gap"].mean()
    return Prediction(
        studies=tuple(dict.fromkeys(moves["study"])),
        moves=len(moves),
        pairs=len(by_pair),
        gap=float(np.mean(by_pair)),
        measures=tuple(told),
        properties=tuple(what_properties_say(moves)),
    )
