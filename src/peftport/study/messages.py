"""One clear message for what is wrong with a config: its key, what is expected, what came, a near name."""

import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from peftport.registry import did_you_mean, unknown_name
from peftport.settings import TAG
from peftport.storage.provenance import JsonObject
from peftport.study.schema import alternatives, config_schema, entries, meaning, resolved
from peftport.study.settings import NAME_MEANING

KEY_OF_A_MAPPING = "[key]"  # what pydantic puts behind a key that is wrong itself
TOP = "the top level"
KINDS = {"object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number", "null": "null"}
# pydantic's names of broken bounds to what is said, and the name of the bound
BOUNDS = {
    "greater_than_equal": ("expected at least {}", "ge"),
    "less_than_equal": ("expected at most {}", "le"),
    "greater_than": ("expected more than {}", "gt"),
    "less_than": ("expected less than {}", "lt"),
    "too_short": ("expected at least {} entries", "min_length"),
    "too_long": ("expected at most {} entries", "max_length"),
    "string_too_short": ("expected some text", "min_length"),
    "string_too_long": ("expected at most {} characters", "max_length"),
    "string_pattern_mismatch": ("expected text that matches {}", "pattern"),
}


def message(error: ValidationError) -> str:
    """The message for the first error: the one nearest to the top of the config, by the names of its keys."""
    return _message(min(error.errors(include_url=False), key=_place))


def shown(value: Any) -> str:
    """A value as JSON has it, shortened to 80 characters."""
    try:
        text = json.dumps(value, default=str)
    except (ValueError, TypeError, RecursionError):  # a number of too many digits, a key that is a date, a circle
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


def _place(error: ErrorDetails) -> tuple[int, str]:
    """What errors are sorted by; a key too much or too few counts as an error of the mapping."""
    path = _path(error["loc"][:-1] if error["type"] in ("missing", "extra_forbidden") else error["loc"])
    return len(path), str(path)


def _path(place: Iterable[int | str]) -> list[str]:
    """The keys and numbers of a place, without the tags of unions; a key that is wrong itself is no part of it."""
    steps = [str(step) for step in place if not str(step).startswith(TAG)]
    return steps[:-2] if steps[-1:] == [KEY_OF_A_MAPPING] else steps


def _message(error: ErrorDetails) -> str:
    place, kind, context = error["loc"], error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = [key for part in alternatives(_part(place[:-1])) for key in part.get("properties", {})]
        return f"config key `{'.'.join(_path(place))}`: {unknown_name('such key', place[-1], known)}"
    if kind == "missing":
        parent = _part(place[:-1])
        return f"config key `{'.'.join(_path(place[:-1])) or TOP}`: `{place[-1]}` is missing{_meaning(parent)}."
    part, key, value = _part(place), ".".join(_path(place)) or TOP, shown(error["input"])
    if kind == "unknown":
        return f"config key `{'.'.join(filter(None, (key, context['key'])))}`: {context['said']}"
    if kind == "literal_error":
        allowed = [str(choice) for inner in alternatives(part) for choice in _choices(inner)]
        listed = ", ".join(f"`{choice}`" for choice in allowed)
        return f"config key `{key}`: got {value}, allowed are {listed}.{did_you_mean(error['input'], allowed)}"
    if kind in BOUNDS:
        said, bound = BOUNDS[kind]
        wanted = said.format(_number(context[bound]))
    elif kind.endswith("_type") or kind in ("finite_number", "int_parsing_size", "string_unicode"):
        wanted = f"expected {_kinds(_part(_without_tag(place)))}"
    else:
        wanted = error["msg"]
    return f"config key `{key}`: {wanted}, got {value}{_meaning(part)}."


def _without_tag(place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    return place[:-1] if place and str(place[-1]).startswith(TAG) else place


def _part(place: Iterable[int | str]) -> JsonObject:
    """The part of the schema that stands for a place in a config; an empty one where there is none."""
    part: JsonObject = config_schema()
    for step in place:
        part = _below(part, step)
    return resolved(part)


def _below(part: JsonObject, step: int | str) -> JsonObject:
    if str(step).startswith(TAG):
        return _member(part, str(step).removeprefix(TAG))
    if step == KEY_OF_A_MAPPING:
        return {"description": NAME_MEANING}
    for inner in alternatives(part):
        if isinstance(step, int) and "items" in inner:
            return inner["items"]
        if step in inner.get("properties", {}):
            return inner["properties"][step]
        if (entry := entries(inner)) is not None:
            return entry
    return {}


def _member(part: JsonObject, name: str) -> JsonObject:
    """The member of a union with this tag, a class or a type; a type is described by the union."""
    described = {key: value for key, value in resolved(part).items() if key == "description"}
    for inner in alternatives(part):
        if name in (inner.get("title"), inner.get("type")):
            return inner if "title" in inner else inner | described
    return part


def _choices(part: JsonObject) -> list[Any]:
    return part.get("enum") or ([part["const"]] if "const" in part else [])


def _kinds(part: JsonObject) -> str:
    """What a value may be, in words."""
    types = dict.fromkeys(inner.get("type", "string") for inner in alternatives(part))
    return " or ".join(KINDS.get(kind, f"a {kind}") for kind in types)


def _number(bound: Any) -> Any:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _meaning(part: JsonObject) -> str:
    said = meaning(part)
    return f" ({said})" if said else ""
