"""Values of command lines, each refused with one sentence that says what was expected and what came."""

import argparse
import math


def number_within(text: str, above: float, below: float, expected: str) -> float:
    """A number between two bounds, which it may not reach.

    Args:
        expected: what the message calls it.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not above < number < below:
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
    return number
