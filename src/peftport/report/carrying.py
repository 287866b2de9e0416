"""How modules were carried between hosts: the rule of each map, and what its card says about how well it fits."""

from collections.abc import Sequence

from peftport.figures.style import transfer
from peftport.maps.table import method
from peftport.report.numbers import Grid, written
from peftport.report.phrases import capital
from peftport.storage.cards import read_card
from peftport.storage.provenance import JsonObject


def told_of_maps(files: Sequence[str]) -> list[JsonObject]:
    """Of each map its ``name``, ``rule``, ``source`` (where its method was published) and ``facts``.

    Args:
        files: the cards of the study's maps.
    """
    told = []
    for card in map(read_card, files):
        chosen, names = method(card["method"]), card["names"]
        name = transfer(names["source_host"], names["target_host"], names["map"])
        facts = {"layers": _layers(card["layers"])} | card["facts"]
        told.append(
            {"name": name, "rule": f"{capital(chosen.rule.rstrip('.'))}.", "source": chosen.source, "facts": facts}
        )
    return told


def fits(maps: Sequence[JsonObject]) -> Grid:
    """What the cards of maps say, one row a fact."""
    rows = [
        [told["name"], name.replace("_", " "), written(fact)] for told in maps for name, fact in told["facts"].items()
    ]
    return Grid(["map", "fact", "value"], rows, 3)


def _layers(stacks: JsonObject) -> dict[str, str]:
    """Stack to the source layers that stand for each target layer, in order: ``0, 1+2, none``."""
    return {
        stack: ", ".join("+".join(str(layer) for layer, _ in row) or "none" for row in rows)
        for stack, rows in stacks.items()
    }
