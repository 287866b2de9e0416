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


def label_pairs(text: str) -> dict[str, str]:
    """``0=terrible,1=great`` as a mapping.

    Raises:
        argparse.ArgumentTypeError: a part is no value=word, or a value stands there twice.
    """
    pairs = [part.partition("=") for part in text.split(",")]
    words = {value.strip(): word.strip() for value, _, word in pairs}
    if len(words) != len(pairs) or not all(sign and word.strip() for _, sign, word in pairs):
        raise argparse.ArgumentTypeError(f"expected value=word, each value once, joined by commas; got {text!r}")
    return words
