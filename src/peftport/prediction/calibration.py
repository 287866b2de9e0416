"""A saved calibration: what moves that were run let expect of one that was not."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError
from scipy import stats

from peftport.distances.measures import MEASURES
from peftport.prediction.correlation import FEWEST
from peftport.prediction.left_out import BETTER
from peftport.prediction.monotone import Monotone, fit
from peftport.prediction.predict import Prediction
from peftport.settings import Settings
from peftport.storage.files import DamagedFile, read_json, write_json


class Curve(Settings):
    """A predictor from one measure, fitted to all pairs of hosts, with its error on pairs left out."""

    at: list[float] = Field(min_length=1, description="rising values of the measure")
    values: list[float] = Field(min_length=1, description="recovered gap expected there")
    error: float = Field(ge=0, description="root mean square error on pairs left out")
    constant_error: float = Field(ge=0, description="that of the best constant")
    pairs: int = Field(ge=1, description="pairs of hosts that it rests on")
    moves: int = Field(ge=1, description="moves that it rests on")
    better: bool = Field(description="whether it is shown to predict better than a constant")


class Calibration(Settings):
    """What ``peftport predict --save`` writes and ``--expect`` reads."""

    studies: list[str]
    pairs: int = Field(ge=1, description="pairs of hosts")
    moves: int = Field(ge=1, description="moves")
    gap: float = Field(description="mean recovered gap over pairs of hosts")
    spread: float | None = Field(description="its standard deviation over pairs; none for one pair")
    curves: dict[str, Curve] = Field(description="measure to its predictor, where enough pairs have it")


@dataclass(frozen=True)
class Expectation:
    """What is expected of a plain copy before any training.

    Attributes:
        gap: recovered gap; 0 is the bare target host, 1 a module of its own. None where too few pairs can tell.
        low, high: where 95 of 100 further pairs of hosts should lie, if they are like those before.
        line: the sentence for people.
    """

    gap: float | None
    low: float | None
    high: float | None
    line: str


def calibration(moves: pd.DataFrame, told: Prediction) -> Calibration:
    """The predictors of all measures that can be told about, fitted to all moves."""
    curves = {}
    for one in told.measures:
        if one.left_out.error is None:
            continue
        known = moves.dropna(subset=[one.measure, "gap"])
        weights = 1 / known.groupby("pair")["gap"].transform("size").to_numpy(float)
        measured, gaps = (known[name].to_numpy(float) for name in (one.measure, "gap"))
        curve = fit(measured, gaps, weights, MEASURES[one.measure].rising)
        errors = {name: getattr(one.left_out, name) for name in ("error", "constant_error", "pairs", "moves")}
        points = {"at": curve.at.tolist(), "values": curve.values.tolist()}
        curves[one.measure] = Curve(**points, **errors, better=one.verdict == BETTER)
    by_pair = moves.groupby("pair")["gap"].mean()
    spread = float(by_pair.std(ddof=1)) if len(by_pair) > 1 else None
    said = {name: getattr(told, name) for name in ("pairs", "moves", "gap")}
    return Calibration(studies=list(told.studies), **said, spread=spread, curves=curves)


def save(file: Path, made: Calibration) -> None:
    """Write a calibration, whole or not at all."""
    write_json(file, made.model_dump(mode="json"))


def read_calibration(file: str | Path) -> Calibration:
    """A calibration as it was written.

    Raises:
        ValueError: the file is none; the message says what was expected.
    """
    try:
        return Calibration.model_validate(read_json(file))
    except (OSError, DamagedFile, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"{file}: expected what `peftport predict --save` writes ({first})") from error


def expectation(by: Calibration, measured: dict[str, float]) -> Expectation:
    """What is expected of a move whose hosts have these measures (on the scale of ``moves.above_chance``).

    The measure is the one with the smallest error on pairs left out, of those that are shown to predict better than a
    constant. Without one it is the mean of all pairs.
    """
    able = {name: curve for name, curve in by.curves.items() if name in measured and curve.better}
    rests = f"{by.moves} moves between {by.pairs} pairs of hosts"
    if by.pairs < FEWEST or by.spread is None:
        return Expectation(None, None, None, f"what to expect of a copy cannot be told from {rests}")
    if not able:
        gap, low, high = _ends(by.gap, by.spread, by.pairs)
        what = f"of a copy before training expect {gap:.2f} of the gap [{low:.2f}, {high:.2f}]"
        return Expectation(gap, low, high, f"{what}, the mean of {rests}: nothing measured here says more")
    name = min(able, key=lambda one: able[one].error)
    curve, value = able[name], measured[name]
    said = float(Monotone(np.array(curve.at), np.array(curve.values)).predict(np.array(value)))
    gap, low, high = _ends(said, curve.error, curve.pairs)
    beyond = "" if curve.at[0] <= value <= curve.at[-1] else ", outside of what was seen"
    by_what = f"by {name} {value:.3g}{beyond}; it rests on {curve.moves} moves between {curve.pairs} pairs of hosts"
    error = f"error {curve.error:.2f} on pairs left out, {curve.constant_error:.2f} by their mean"
    line = f"of a copy before training expect {gap:.2f} of the gap [{low:.2f}, {high:.2f}], {by_what}, {error}"
    return Expectation(gap, low, high, line)


def _ends(value: float, spread: float, pairs: int) -> tuple[float, float, float]:
    """A value with the ends of its 95% prediction interval for one more pair of hosts."""
    reach = float(stats.t.ppf(0.975, pairs - 1)) * spread * (1 + 1 / pairs) ** 0.5
    return value, value - reach, value + reach
