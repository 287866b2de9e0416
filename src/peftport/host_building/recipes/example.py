"""One example that a host is taught from, and lengths that all recipes keep."""

from typing import NamedTuple

from peftport.hosts.recipe_settings import ShapeSettings

LONGEST_PROMPT, LONGEST_ANSWER = 96, 12  # tokens of an instruction, its end included
POSITIONS = 512  # of hosts that embed or rotate positions


class Example(NamedTuple):
    """Token ids of one example: what the host reads, and what it is taught, -100 where it is taught nothing."""

    inputs: list[int]
    targets: list[int]


def check_shape(shape: ShapeSettings) -> tuple[int, int]:
    """Width and number of heads of a shape.

    Raises:
        ValueError: the one is no multiple of the other.
    """
    width, heads = shape.d_model, shape.heads
    if width % heads:
        raise ValueError(f"shape: d_model {width} is not a multiple of heads {heads}")
    return width, heads
