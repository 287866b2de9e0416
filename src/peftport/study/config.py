"""Check a config: one clear message for whatever is wrong with it, before any job starts.

The schema (``workflow/schemas/config.schema.yaml``) holds types, bounds, descriptions and every default; what a
schema cannot say is checked by ``config_meaning``.
"""

import copy
import functools
import json
import math
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from peftport.paths import config_schema
from peftport.registry import did_you_mean, unknown_name
from peftport.study.consistency import ConfigError, check_meaning
from peftport.techniques.table import settings_complaint, spelled

MOST_ENTRIES, DEEPEST = 200_000, 40


def check_config(config: dict[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """A copy of ``config`` with every default filled in.

    Args:
        folder: where relative paths in the config start; the working directory by default.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    if not isinstance(config, dict):
        raise ConfigError(f"config: expected a mapping with the keys of a study, got {_shown(config)}.")
    _refuse_strange(config)
    schema, config = _schema(), copy.deepcopy(config)
    for section in ("techniques", "datasets", "hosts", "training", "evaluation", "statistics"):
        config.setdefault(section, {})
    _validate(config, schema, schema, ())
    for name, technique in config["techniques"].items():
        method = technique.setdefault("method", name)
        methods = schema["$defs"]["techniques"]
        if not isinstance(method, str) or method not in methods:
            said = spelled(method) or unknown_name("method", method, methods)
            raise ConfigError(f"config key `techniques.{name}.method`: {said}")
        _validate(technique, methods[method], schema, ("techniques", name))
        _fill(technique, methods[method], schema)
        if wrong := settings_complaint(technique):
            key = ".".join(filter(None, ("techniques", name, wrong[0])))
            raise ConfigError(f"config key `{key}`: {wrong[1]}")
    for name, host in config["hosts"].items():
        if isinstance(recipe := host.get("build"), dict):
            kind = schema["$defs"]["recipes"]["instruction_host" if "instructions" in recipe else "raw_host"]
            _validate(recipe, kind, schema, ("hosts", name, "build"))
            _fill(recipe, kind, schema)
    _fill(config, schema, schema)
    check_meaning(config, folder or Path.cwd())
    return config


@functools.cache
def _schema() -> dict[str, Any]:
    """The schema, read once; nothing here changes it."""
    return config_schema()


def _is_number(checker: Any, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(checker: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# JSON Schema takes 5.0 for a whole number and knows no infinity; a seed of 5.0 would become another folder.
_Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"number": _is_number, "integer": _is_whole}),
)


def _refuse_strange(value: Any) -> None:
    """Refuse what YAML allows and no study has, before anything else walks through it.

    Keys that are no text (``1:``, ``no:``), numbers of any length, and documents whose anchors make them endless.
    """
    places, seen = [((), value)], 0
    while places:
        path, inner = places.pop()
        seen, where = seen + 1, ".".join(map(str, path)) or "the top"
        if seen > MOST_ENTRIES or len(path) > DEEPEST:
            raise ConfigError(f"config: expected at most {MOST_ENTRIES:,} entries in {DEEPEST} levels, got more.")
        if isinstance(inner, int) and inner.bit_length() > 64:
            raise ConfigError(f"config key `{where}`: expected a number of at most 64 bits.")
        if isinstance(inner, dict):
            for key in inner:
                if not isinstance(key, str):
                    said = _shown(key)
                    raise ConfigError(
                        f"config key under `{where}`: expected text as key, got {said}. Put it in quotes."
                    )
            places += [((*path, key), below) for key, below in inner.items()]
        elif isinstance(inner, list | tuple | set | frozenset):
            places += [((*path, index), below) for index, below in enumerate(inner)]


def _validate(value: Any, part: dict, schema: dict, path: tuple[Any, ...]) -> None:
    validator = _Validator({"$defs": schema["$defs"], **part})
    errors = sorted(
        validator.iter_errors(value), key=lambda error: (len(error.absolute_path), str(error.absolute_path))
    )
    if errors:
        raise ConfigError(_message(errors[0], path))


def _message(error: ValidationError, path: tuple[Any, ...]) -> str:
    key = ".".join(map(str, (*path, *error.absolute_path))) or "the top level"
    rule, value, shown = error.validator_value, error.instance, _shown(error.instance)
    meaning = f" ({error.schema['description']})" if "description" in error.schema else ""
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        extra = next(name for name in value if name not in known)
        prefix = "" if key == "the top level" else f"{key}."
        return f"config key `{prefix}{extra}`: {unknown_name('such key', extra, known)}"
    if error.validator == "required":
        lacking = next(name for name in rule if name not in value)
        return f"config key `{key}`: `{lacking}` is missing{meaning}."
    if error.validator == "enum":
        allowed = ", ".join(f"`{one}`" for one in rule)
        return f"config key `{key}`: got {shown}, allowed are {allowed}.{did_you_mean(value, map(str, rule))}"
    wanted = {
        "type": lambda: f"expected {_words(rule)}",
        "minimum": lambda: f"expected at least {rule}",
        "maximum": lambda: f"expected at most {rule}",
        "exclusiveMinimum": lambda: f"expected more than {rule}",
        "exclusiveMaximum": lambda: f"expected less than {rule}",
        "minItems": lambda: f"expected at least {rule} entries",
        "maxItems": lambda: f"expected at most {rule} entries",
        "minLength": lambda: "expected some text",
        "maxLength": lambda: f"expected at most {rule} characters",
        "minProperties": lambda: f"expected {'one' if rule == 1 else 'at least ' + str(rule)} of {_known(error)}",
        "maxProperties": lambda: f"expected only {'one' if rule == 1 else rule} of {_known(error)}",
        "uniqueItems": lambda: "expected no entry twice",
        "pattern": lambda: f"expected text that matches {rule}",
        "propertyNames": lambda: "expected a plain name",
    }.get(error.validator, lambda: error.message)()
    return f"config key `{key}`: {wanted}, got {shown}{meaning}."


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, default=str)
    except (ValueError, TypeError, RecursionError):  # a number of too many digits, a key that is a date, a circle
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


def _words(kinds: str | list[str]) -> str:
    named = {"object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number", "null": "null"}
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(named.get(kind, f"a {kind}") for kind in kinds)


def _known(error: ValidationError) -> str:
    return ", ".join(f"`{name}`" for name in error.schema.get("properties", {})) or "the entries"


def _resolve(part: dict, schema: dict) -> dict:
    while "$ref" in part:
        target = schema
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        part = target
    return part


def _fill(value: Any, part: dict, schema: dict) -> None:
    """Put the schema's defaults where a key is absent."""
    part = _resolve(part, schema)
    if isinstance(value, dict):
        for key, inner in part.get("properties", {}).items():
            inner_part = _resolve(inner, schema)
            if key not in value and "default" in inner | inner_part:
                value[key] = copy.deepcopy((inner_part | inner)["default"])
            if key in value:
                _fill(value[key], inner, schema)
        if isinstance(part.get("additionalProperties"), dict):
            for key in value.keys() - part.get("properties", {}).keys():
                _fill(value[key], part["additionalProperties"], schema)
    elif isinstance(value, list) and isinstance(part.get("items"), dict):
        for inner in value:
            _fill(inner, part["items"], schema)
