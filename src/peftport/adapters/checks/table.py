"""The checks, in the order in which their reasons are told. Each module has ``reasons(case)``."""

from collections.abc import Callable, Iterator

from peftport.adapters.case import Case
from peftport.adapters.checks import architecture, declared, fields, placing, reading, serving, shapes, whole, words
from peftport.adapters.verdict import Reason

CHECKS: dict[str, Callable[[Case], Iterator[Reason]]] = {
    "placing": placing.reasons,
    "shapes": shapes.reasons,
    "whole": whole.reasons,
    "fields": fields.reasons,
    "declared": declared.reasons,
    "architecture": architecture.reasons,
    "reading": reading.reasons,
    "words": words.reasons,
    "serving": serving.reasons,
}
