"""The generated parts of the documentation: every key of the config, and every column of the tables.

``python -m docs.generate_tables config/README.md docs/output.md`` writes them anew, between the marks
``<!-- keys of grid -->`` or ``<!-- columns of runs -->`` and ``<!-- end -->``. The text around the marks is left alone,
and a test fails when a page is not up to date.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from peftport.paths import config_schema
from peftport.storage.files import write_text
from peftport.storage.tables import TABLES

BLOCK = re.compile(r"<!-- (keys|columns) of ([\w ]+) -->\n.*?<!-- end -->", re.DOTALL)
COLUMN_KINDS = {
    pa.string(): "text",
    pa.int64(): "whole number",
    pa.float64(): "number",
    pa.bool_(): "true or false",
    pa.list_(pa.int32()): "list of whole numbers",
}
KINDS_OF_ENTRIES = {"techniques": "techniques.<name>", "recipes": "hosts.<name>.build"}
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
        content = columns(names.split()) if kind == "columns" else keys(names)
        return f"<!-- {kind} of {names} -->\n\n{content}\n<!-- end -->"

    return BLOCK.sub(block, page)


def columns(names: list[str]) -> str:
    """The columns of tables that have the same ones, as a Markdown table.

    Raises:
        ValueError: they have not.
    """
    first, *others = [TABLES[name] for name in names]
    if any(other != first for other in others):
        raise ValueError(f"{', '.join(names)} have different columns")
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
        rows = [_row(key, part, key in schema["required"], schema) for key, part in schema["properties"].items()]
    elif " " in section:
        group, kind = section.split()
        rows = list(_inner(KINDS_OF_ENTRIES[group], schema["$defs"][group][kind], schema))
    else:
        rows = list(_inner(section, schema["properties"][section], schema))
    return _markdown(("key", "type", "default", "meaning"), rows)


def _inner(path: str, part: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Rows of the keys below ``path``, each before the keys below it."""
    part = _resolved(part, schema)
    for key, inner in part.get("properties", {}).items():
        yield _row(f"{path}.{key}", inner, key in part.get("required", []), schema)
        yield from _inner(f"{path}.{key}", inner, schema)
    if isinstance(part.get("additionalProperties"), dict):
        yield from _inner(f"{path}.<name>", part["additionalProperties"], schema)
    if part.get("type") == "array":
        yield from _inner(f"{path}[]", part["items"], schema)


def _row(path: str, part: dict[str, Any], required: bool, schema: dict[str, Any]) -> tuple[str, ...]:
    part = _resolved(part, schema)
    default = part.get("default")
    if required:
        shown = "required"
    elif "default" not in part or default == {}:
        shown = ""
    else:
        shown = f"`{json.dumps(default)}`"
    return f"`{path}`", _kind(part, schema), shown, part.get("description", "")


def _kind(part: dict[str, Any], schema: dict[str, Any]) -> str:
    """A type with its bounds, in words."""
    part = _resolved(part, schema)
    if "const" in part or "enum" in part:
        return ", ".join(f"`{value}`" for value in part.get("enum", [part.get("const")]))
    kinds = [part["type"]] if isinstance(part["type"], str) else part["type"]
    bounds = [text.format(part[bound]) for bound, text in BOUNDS.items() if bound in part]
    words = ", ".join([" or ".join(KINDS[kind] for kind in kinds), *bounds])
    return f"{words} ({_kind(part['items'], schema)})" if "items" in part else words


def _resolved(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A part with what it refers to; what stands beside the reference counts first."""
    if "$ref" not in part:
        return part
    target = schema
    for step in part["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return _resolved(target, schema) | {key: value for key, value in part.items() if key != "$ref"}


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
