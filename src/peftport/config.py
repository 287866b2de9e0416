"""Check a config: one clear message for whatever is wrong with it, before any job starts.

The schema (``workflow/schemas/config.schema.yaml``) holds types, bounds, descriptions and every default; what a
schema cannot say (names that must be defined, order of budgets, files that must exist) is checked here.
"""

import copy
import difflib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from peftport.pipeline import config_schema


class ConfigError(ValueError):
    """What is wrong with a config: key, value, what is allowed, the nearest valid name."""


def check_config(config: dict[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """A copy of ``config`` with every default filled in.

    Args:
        folder: where relative paths in the config start; the working directory by default.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    schema, config = config_schema(), copy.deepcopy(config)
    _refuse_strange_keys(config)
    for section in ("techniques", "datasets", "hosts", "training", "evaluation", "statistics"):
        config.setdefault(section, {})
    _validate(config, schema, schema, ())
    for name, technique in config["techniques"].items():
        method = technique.setdefault("method", name)
        methods = schema["$defs"]["techniques"]
        if method not in methods:
            raise ConfigError(unknown(f"techniques.{name}.method", method, methods, "method"))
        _validate(technique, methods[method], schema, ("techniques", name))
        _fill(technique, methods[method], schema)
    for name, host in config["hosts"].items():
        if isinstance(recipe := host.get("build"), dict):
            kind = schema["$defs"]["recipes"]["instruction_host" if "instructions" in recipe else "raw_host"]
            _validate(recipe, kind, schema, ("hosts", name, "build"))
            _fill(recipe, kind, schema)
    _fill(config, schema, schema)
    _check_names(config)
    _check_grid(config["grid"])
    _check_hosts(config["hosts"], folder or Path.cwd())
    _check_datasets(config["datasets"], folder or Path.cwd())
    return config


def near(name: Any, known: Iterable[str]) -> str:
    """`` Did you mean `lora`?`` where a known name is near, else nothing."""
    found = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return f" Did you mean `{found[0]}`?" if found else ""


def unknown(key: str, value: Any, known: Iterable[str], what: str) -> str:
    """The message for a name that is defined nowhere."""
    known = list(known)
    listed = ", ".join(f"`{name}`" for name in known) or "none"
    return f"config key `{key}`: no {what} `{value}`.{near(value, known)} Known: {listed}."


def _refuse_strange_keys(value: Any, path: tuple[Any, ...] = ()) -> None:
    """YAML allows keys that are no strings (``1:``, ``no:``); name them before the schema meets them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                where = ".".join(map(str, path)) or "the top"
                raise ConfigError(f"config key under `{where}`: expected text as key, got {key!r}. Put it in quotes.")
            _refuse_strange_keys(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_strange_keys(inner, (*path, index))


def _validate(value: Any, part: dict, schema: dict, path: tuple[Any, ...]) -> None:
    validator = Draft202012Validator({"$defs": schema["$defs"], **part})
    errors = sorted(
        validator.iter_errors(value), key=lambda error: (len(error.absolute_path), str(error.absolute_path))
    )
    if errors:
        raise ConfigError(_message(errors[0], path))


def _message(error: ValidationError, path: tuple[Any, ...]) -> str:
    key = ".".join(map(str, (*path, *error.absolute_path))) or "the top level"
    rule, value = error.validator_value, error.instance
    shown = json.dumps(value, default=str)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    meaning = f" ({error.schema['description']})" if "description" in error.schema else ""
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        extra = next(name for name in value if name not in known)
        prefix = "" if key == "the top level" else f"{key}."
        return unknown(f"{prefix}{extra}", extra, known, "such key")
    if error.validator == "required":
        lacking = next(name for name in rule if name not in value)
        return f"config key `{key}`: `{lacking}` is missing{meaning}."
    if error.validator == "enum":
        allowed = ", ".join(f"`{one}`" for one in rule)
        return f"config key `{key}`: got {shown}, allowed are {allowed}.{near(value, map(str, rule))}"
    wanted = {
        "type": lambda: f"expected {_words(rule)}",
        "minimum": lambda: f"expected at least {rule}",
        "maximum": lambda: f"expected at most {rule}",
        "exclusiveMinimum": lambda: f"expected more than {rule}",
        "exclusiveMaximum": lambda: f"expected less than {rule}",
        "minItems": lambda: f"expected at least {rule} entries",
        "minLength": lambda: "expected some text",
        "minProperties": lambda: f"expected {'one' if rule == 1 else 'at least ' + str(rule)} of {_known(error)}",
        "maxProperties": lambda: f"expected only {'one' if rule == 1 else rule} of {_known(error)}",
        "uniqueItems": lambda: "expected no entry twice",
        "pattern": lambda: f"expected text that matches {rule}",
        "propertyNames": lambda: "expected a plain name",
    }.get(error.validator, lambda: error.message)()
    return f"config key `{key}`: {wanted}, got {shown}{meaning}."


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


def _check_names(config: dict[str, Any]) -> None:
    grid, hosts, datasets = config["grid"], config["hosts"], config["datasets"]
    for index, name in enumerate(grid["techniques"]):
        if name not in config["techniques"]:
            raise ConfigError(unknown(f"grid.techniques.{index}", name, config["techniques"], "technique"))
    for key, known, what in (("transfers", hosts, "host"), ("dataset_pairs", datasets, "dataset")):
        for index, pair in enumerate(grid[key]):
            for end in ("source", "target"):
                if pair[end] not in known:
                    raise ConfigError(unknown(f"grid.{key}.{index}.{end}", pair[end], known, what))
    for name, host in hosts.items():
        if (base := host.get("build", {}).get("base")) and base not in hosts:
            raise ConfigError(unknown(f"hosts.{name}.build.base", base, hosts, "host"))


def _check_grid(grid: dict[str, Any]) -> None:
    budgets = grid["budgets"]
    if budgets != sorted(set(budgets)):
        raise ConfigError(f"config key `grid.budgets`: expected rising numbers of steps, got {budgets}.")
    nested = [isinstance(entry, list) for entry in grid["seeds"]]
    if any(nested) and not all(nested):
        raise ConfigError(f"config key `grid.seeds`: expected seeds or lists of seeds, not both, got {grid['seeds']}.")
    seeds = [seed for block in grid["seeds"] for seed in block] if all(nested) else grid["seeds"]
    for what, entries in (("seeds", seeds), ("transfers", grid["transfers"]), ("dataset_pairs", grid["dataset_pairs"])):
        twice = [entry for index, entry in enumerate(entries) if entry in entries[:index]]
        if twice:
            raise ConfigError(f"config key `grid.{what}`: expected each entry once, got {twice[0]} twice.")


def _check_hosts(hosts: dict[str, Any], folder: Path) -> None:
    for name, host in hosts.items():
        if "path" in host and not (folder / host["path"] / "config.json").is_file():
            raise ConfigError(
                f"config key `hosts.{name}.path`: expected a host directory with config.json, model.safetensors and "
                f"tokenizer files, got {host['path']!r}, which has no config.json."
            )
        seen = [name]
        while base := hosts[seen[-1]].get("build", {}).get("base"):
            if base in seen:
                raise ConfigError(
                    f"config key `hosts.{name}.build.base`: built from itself ({' <- '.join([*seen, base])})."
                )
            seen.append(base)
        for part in ("corpus", "instructions"):
            texts = host.get("build", {}).get(part, {})
            if part in host.get("build", {}) and ("generated" in texts) == ("files" in texts):
                raise ConfigError(f"config key `hosts.{name}.build.{part}`: expected one of `generated`, `files`.")
            if "files" in texts and part == "instructions" and "examples" not in texts:
                raise ConfigError(f"config key `hosts.{name}.build.instructions`: `files` need a number of `examples`.")
            for file in texts.get("files", []):
                if not (folder / file).is_file():
                    key = f"hosts.{name}.build.{part}.files"
                    raise ConfigError(f"config key `{key}`: expected a file, {file!r} is none (looked in {folder}).")


def _check_datasets(datasets: dict[str, Any], folder: Path) -> None:
    for name, dataset in datasets.items():
        if dataset["template"].count("{text}") != 1:
            raise ConfigError(
                f"config key `datasets.{name}.template`: expected {{text}} exactly once, got {dataset['template']!r}."
            )
        words = list(dataset["labels"].values())
        if len(set(words)) < 2:
            raise ConfigError(f"config key `datasets.{name}.labels`: expected at least two label words, got {words}.")
        for index, file in enumerate(dataset["source"].get("files", [])):
            if not (folder / file["path"]).is_file():
                key = f"datasets.{name}.source.files.{index}.path"
                raise ConfigError(
                    f"config key `{key}`: expected a file, {file['path']!r} is none (looked in {folder})."
                )
