"""A prediction as lines on a terminal, and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict

from peftport.distances.measures import MEASURES
from peftport.prediction.left_out import BETTER, CANNOT_TELL
from peftport.prediction.predict import Prediction, Told
from peftport.prediction.properties import Says
from peftport.storage.provenance import JsonObject

ROW = "  {:<16}{:>6}  {:<17}{:>6}  {:<15}{:>9}{:>10}   {}"
HEAD = ("measure", "pairs", "", "rank", "95%", "left out", "constant", "")
PROPERTY = "  {:<22}{:>7}{:>8}{:>8}{:>10}   {}"
FEW = "Fewer than 4 pairs of hosts: nothing can be told."


def prediction_lines(told: Prediction) -> Iterator[str]:
    """The measures, then the properties, no line wider than 120 characters but for long names."""
    yield (
        f"{told.moves} moves between {told.pairs} pairs of hosts ({', '.join(told.studies)}); "
        f"mean recovered gap {told.gap:.2f} before training."
    )
    yield ""
    yield ROW.format(*HEAD).rstrip()
    yield from map(_measure, told.measures)
    yield ""
    yield _summary(told)
    if told.properties:
        yield ""
        yield PROPERTY.format("property", "range", "p", "Holm", "smallest", "").rstrip()
        yield from map(_property, told.properties)


def _measure(one: Told) -> str:
    found, error = one.correlation, one.left_out
    ends = "" if found.low is None else f"[{found.low:+.2f}, {found.high:+.2f}]"
    expected = "rising expected" if MEASURES[one.measure].rising else "falling expected"
    numbers = [_number(found.value, "+.2f"), ends, _number(error.error), _number(error.constant_error)]
    return ROW.format(one.measure, error.pairs, expected, *numbers, one.verdict)


def _property(one: Says) -> str:
    numbers = [_number(one.effect), _number(one.p_value, ".3f"), _number(one.p_holm, ".3f")]
    groups = "; ".join(f"{value}: {', '.join(names)}" for value, names in one.groups.items())
    return PROPERTY.format(one.property, *numbers, _number(one.smallest, ".3f"), groups)


def _summary(told: Prediction) -> str:
    verdicts = {one.measure: one.verdict for one in told.measures}
    if set(verdicts.values()) == {CANNOT_TELL}:
        return FEW
    better = [name for name, verdict in verdicts.items() if verdict == BETTER]
    if not better:
        return "No measure predicts pairs of hosts that it has not seen better than the mean of the others."
    best = min((one for one in told.measures if one.verdict == BETTER), key=lambda one: one.left_out.error)
    return (
        f"Better than a constant on pairs of hosts left out: {', '.join(better)}. "
        f"The smallest error has {best.measure}, {best.left_out.error:.2f} against {best.left_out.constant_error:.2f}."
    )


def _number(value: float | None, how: str = ".2f") -> str:
    return "-" if value is None else format(value, how)


def prediction_json(told: Prediction) -> JsonObject:
    """The prediction for machines, with every number."""
    said = asdict(told)
    said["measures"] = [asdict(one) | {"verdict": one.verdict} for one in told.measures]
    return said
