"""Read a study from its config files."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from peftport.paths import pipeline_root
from peftport.storage.provenance import JsonObject
from peftport.study.config import ConfigError, read_settings
from peftport.study.study import Study


def read_study(configs: str | Path | Sequence[str | Path] = (), folder: str | Path = ".") -> Study:
    """The study that config files describe, checked and with every default filled in; nothing is run.

    Args:
        configs: a YAML file, or several that are merged from left to right; without any, the default study.
        folder: where relative paths in the config start.

    Raises:
        ConfigError: a file cannot be read, or the first thing that is wrong with the config.
    """
    paths = [configs] if isinstance(configs, str | Path) else configs
    return Study(read_settings(read_configs([Path(path) for path in paths]), Path(folder)), Path(folder))


def read_configs(paths: Sequence[Path]) -> JsonObject:
    """The mapping in config files, merged from left to right as Snakemake does; not checked.

    Args:
        paths: YAML files; the config of the default study if there are none.

    Raises:
        ConfigError: a file cannot be read, is no YAML, or holds no mapping.
    """
    merged: JsonObject = {}
    for path in paths or [pipeline_root() / "config" / "config.yaml"]:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"config {path}: cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError as error:
            raise ConfigError(f"config {path}: expected UTF-8 text: {error}.") from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none, a number without end
            raise ConfigError(f"config {path}: no valid YAML: {_what(error)}.") from None
        if not isinstance(content, dict):
            raise ConfigError(f"config {path}: expected a mapping of keys at the top, got {type(content).__name__}.")
        merge(merged, content)
    return merged


def _what(error: Exception) -> str:
    """An error of a YAML reader in one line, with its place in the file."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def refuse_unless_folder(directory: Path) -> None:
    """Refuse a folder to run in that is not there.

    Raises:
        ConfigError: there is none.
    """
    if not directory.is_dir():
        raise ConfigError(f"--directory {directory}: expected a folder, there is none.")


def merge(into: JsonObject, more: JsonObject) -> None:
    """Merge as Snakemake does: mappings key by key, lists and values as a whole."""
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
