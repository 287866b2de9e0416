"""Read the typology and check it: every technique has a cell for every property, every value is in its vocabulary."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from peftport.storage.provenance import JsonObject

FILE = Path(__file__).with_name("typology.yaml")
SECTIONS = ("provenances", "properties", "symbols", "techniques")
PLACES = ("host", "encoder_layer", "decoder_layer")
FORMULAS = ("insertion", "once")


class TypologyError(ValueError):
    """The typology's file is not complete or says something that its vocabulary does not have."""


@dataclass(frozen=True)
class Cell:
    """What one property of one technique is, and where that comes from."""

    values: tuple[str, ...]
    provenance: str

    def __str__(self) -> str:
        return said(self.values)


@dataclass(frozen=True)
class Technique:
    """One technique in the typology.

    Attributes:
        cells: property to cell, in the order of the properties.
        count: insertions by place (``host``, ``encoder_layer``, ``decoder_layer``), with default settings.
        parameters: formulas for one insertion (``insertion``) and for what belongs to no single one (``once``).
    """

    cells: dict[str, Cell]
    count: dict[str, int]
    parameters: dict[str, str]

    @property
    def formula(self) -> str:
        """Both formulas in one line."""
        once = self.parameters["once"]
        return f"{self.parameters['insertion']} per insertion" + ("" if once == "0" else f", {once} once")


@dataclass(frozen=True)
class Typology:
    """The whole file.

    Attributes:
        properties: property to its meaning.
        vocabulary: property to value to meaning.
        provenances: provenance to meaning.
        symbols: symbol of the formulas to meaning.
        techniques: PEFT method to its row.
    """

    properties: dict[str, str]
    vocabulary: dict[str, dict[str, str]]
    provenances: dict[str, str]
    symbols: dict[str, str]
    techniques: dict[str, Technique]


def said(values: tuple[str, ...]) -> str:
    """Values as a table shows them: ``attention + feed forward``."""
    return " + ".join(value.replace("_", " ") for value in values)


def read_typology(file: Path = FILE) -> Typology:
    """The typology, checked.

    Raises:
        TypologyError: a section, technique or cell is missing, unknown or not in the vocabulary; the message names it.
    """
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    _same(content, SECTIONS, file.name)
    vocabulary = {name: part["values"] for name, part in content["properties"].items()}
    techniques = {
        name: _technique(f"{file.name}, {name}", row, vocabulary, content["provenances"])
        for name, row in content["techniques"].items()
    }
    meanings = {name: part["meaning"] for name, part in content["properties"].items()}
    return Typology(meanings, vocabulary, content["provenances"], content["symbols"], techniques)


def _technique(where: str, row: JsonObject, vocabulary: dict[str, dict], provenances: dict[str, str]) -> Technique:
    _same(row, (*vocabulary, "parameters"), where)
    _same(row["parameters"], FORMULAS, f"{where}, parameters")
    cells = {}
    for name, known in vocabulary.items():
        cell = row[name]
        values = tuple(cell["is"]) if isinstance(cell["is"], list) else (cell["is"],)
        for value in values:
            _among(value, known, f"{where}, {name}")
        cells[name] = Cell(values, _among(cell["from"], provenances, f"{where}, {name}"))
    count = row["number_of_insertions"]["count"]
    for place in count:
        _among(place, PLACES, f"{where}, number_of_insertions, count")
    return Technique(cells, count, row["parameters"])


def _among(value: Any, known: Any, where: str) -> Any:
    if value not in known:
        raise TypologyError(f"{where}: expected one of {', '.join(known)}; got {value!r}")
    return value


def _same(part: Any, names: tuple[str, ...], where: str) -> None:
    if set(part) != set(names):
        missing, unknown = sorted(set(names) - set(part)), sorted(set(part) - set(names))
        raise TypologyError(f"{where}: missing {missing}, unknown {unknown}")
