"""The generated parts of the documentation: every key of the config, every column of the tables, every initialisation.

``python -m docs.generate_tables config/README.md docs/output.md`` writes them anew, between the marks
``<!-- keys of grid -->``, ``<!-- columns of runs -->`` or ``<!-- rules of initialisations -->`` and ``<!-- end -->``.
The text around the marks is left alone, and a test fails when a page is not up to date.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from peftport.hosts.recipe_settings import (
    FurtherHostSettings,
    InstructionHostSettings,
    RawHostSettings,
    RewrittenHostSettings,
)
from peftport.porting.table import INITIALISATIONS, initialisation
from peftport.settings import OPTIONAL
from peftport.storage.files import write_text
from peftport.storage.provenance import JsonObject
from peftport.storage.tables import TABLES
from peftport.study.schema import alternatives, config_schema, entries, meaning, resolved
from peftport.techniques.settings import METHOD_SETTINGS

BLOCK = re.compile(r"<!-- (keys|columns|rules) of ([\w ]+) -->\n.*?<!-- end -->", re.DOTALL)
COLUMN_KINDS = {
    pa.string(): "text",
    pa.int64(): "whole number",
    pa.float64(): "number",
    pa.bool_(): "true or false",
    pa.list_(pa.int32()): "list of whole numbers",
    pa.list_(pa.string()): "list of texts",
    pa.list_(pa.list_(pa.int32())): "list of lists of whole numbers",
}
PATHS_OF_ENTRIES = {"techniques": "techniques.<name>", "recipes": "hosts.<name>.build"}
KINDS_OF_ENTRIES = {
    "techniques": METHOD_SETTINGS,
    "recipes": {
        "raw_host": RawHostSettings,
        "further_host": FurtherHostSettings,
        "instruction_host": InstructionHostSettings,
        "rewritten_host": RewrittenHostSettings,
    },
}
APART = {settings.__name__ for kinds in KINDS_OF_ENTRIES.values() for settings in kinds.values()}
KINDS = {
    "object": "mapping",
    "array": "list",
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}
BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "maxItems": "at most {} entries",
    "maxLength": "at most {} characters",
}


def refresh(page: str) -> str:
    """``page`` with every marked block written anew.

    Raises:
        KeyError: a mark asks for keys or columns that there are not.
    """

    def block(match: re.Match) -> str:
        kind, names = match.groups()
        content = {"keys": keys, "columns": columns, "rules": rules}[kind](names)
        return f"<!-- {kind} of {names} -->\n\n{content}\n<!-- end -->"

    return BLOCK.sub(block, page)


def rules(names: str) -> str:
    """The rule of every initialisation, as the report says it, as a Markdown table.

    Raises:
        KeyError: rules of something else are asked for.
    """
    found = {"initialisations": INITIALISATIONS}[names]
    return _markdown(("initialisation", "how it is made"), [(f"`{x}`", initialisation(x).rule) for x in found])


def columns(names: str) -> str:
    """The columns of tables that have the same ones, as a Markdown table.

    Raises:
        ValueError: they have not.
    """
    first, *others = [TABLES[name] for name in names.split()]
    if any(other != first for other in others):
        raise ValueError(f"{names} have different columns")
    rows = [
        (f"`{name}`", COLUMN_KINDS[column.kind] + (" or null" if column.null else ""), column.meaning)
        for name, column in first.items()
    ]
    return _markdown(("column", "type", "meaning"), rows)


def keys(section: str) -> str:
    """The config's keys in one section, as a Markdown table.

    Args:
        section: a section of the config (``grid``), a kind of its entries (``techniques lora``, ``recipes raw_host``),
            or ``the top level``.
    """
    schema = config_schema()
    if section == "the top level":
        rows = [_row(key, part, key in schema["required"]) for key, part in schema["properties"].items()]
    elif " " in section:
        group, kind = section.split()
        part = schema["$defs"][KINDS_OF_ENTRIES[group][kind].__name__]
        rows = list(_inner(PATHS_OF_ENTRIES[group], part | {"title": ""}))  # without its title it is not apart
    else:
        rows = list(_inner(section, schema["properties"][section]))
    return _markdown(("key", "type", "default", "meaning"), rows)


def _inner(path: str, part: JsonObject) -> Iterator[tuple[str, ...]]:
    """Rows of the keys below ``path``, each before the keys below it; kinds of entries have tables of their own."""
    kinds = [kind for kind in alternatives(part) if kind.get("title") not in APART]
    for kind in kinds:
        for key, inner in kind.get("properties", {}).items():
            yield _row(f"{path}.{key}", inner, key in kind.get("required", []))
            yield from _inner(f"{path}.{key}", inner)
        if (entry := entries(kind)) is not None:
            yield from _inner(f"{path}.<name>", entry)
        if "items" in kind:
            yield from _inner(f"{path}[]", kind["items"])


def _row(path: str, part: JsonObject, required: bool) -> tuple[str, ...]:
    part = resolved(part)
    default = part.get("default")
    if required:
        shown = "required"
    elif "default" not in part or (default is None and "description" not in part) or _left_out(part):
        shown = ""
    else:
        shown = f"`{json.dumps(default)}`"
    return f"`{path}`", _kind(part), shown, meaning(part)


def _kind(part: JsonObject) -> str:
    """A type with its bounds, in words."""
    kinds = [kind for kind in alternatives(part) if not (kind.get("type") == "null" and _left_out(part))]
    if all("const" in kind or "enum" in kind or kind.get("type") == "null" for kind in kinds):
        values = [value for kind in kinds for value in kind.get("enum", [kind.get("const", "null")])]
        return ", ".join(f"`{value}`" for value in values)
    named = " or ".join(dict.fromkeys(KINDS[kind["type"]] for kind in kinds))
    bounds = dict.fromkeys(
        text.format(kind[bound]) for kind in kinds for bound, text in BOUNDS.items() if bound in kind
    )
    words = ", ".join([named, *bounds])
    items = [_kind(kind["items"]) for kind in kinds if "items" in kind]
    return f"{words} ({items[0]})" if items else words


def _left_out(part: JsonObject) -> bool:
    """Whether a key has no default: it may be left out, and is nothing then."""
    return part.get(OPTIONAL, False)


def _markdown(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *([_safe(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _safe(cell: str) -> str:
    """A cell whose bars end no cell, and whose angle brackets are no HTML outside of code."""
    parts = cell.replace("|", r"\|").split("`")
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts))


def main(pages: list[str]) -> None:
    """Write the marked blocks of these pages anew."""
    for page in pages:
        write_text(page, refresh(Path(page).read_text(encoding="utf-8")))


if __name__ == "__main__":
    main(sys.argv[1:])
