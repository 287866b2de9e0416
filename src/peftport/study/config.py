"""Read a config: one clear message for whatever is wrong with it, before any job starts.

The settings (``peftport.study.settings``) hold types, bounds, descriptions and every default; what they cannot say is
checked by ``consistency``.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from peftport.storage.extensions import faults
from peftport.storage.provenance import JsonObject
from peftport.study.consistency import ConfigError, check_meaning, check_names
from peftport.study.existing import with_modules
from peftport.study.messages import message, shown
from peftport.study.settings import StudySettings

MOST_ENTRIES, DEEPEST = 200_000, 40


def read_settings(config: JsonObject, folder: Path | None = None) -> StudySettings:
    """The settings of a study, every default filled in.

    Args:
        config: the study's keys, as YAML gives them.
        folder: where relative paths in the config start; the working directory by default.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    if said := faults():
        raise ConfigError(f"{said[0]}. Uninstall what is not to be there, or mend its entry points.")
    if not isinstance(config, dict):
        raise ConfigError(f"config: expected a mapping with the keys of a study, got {shown(config)}.")
    _refuse_strange(config)
    try:
        settings = StudySettings.model_validate(config)
    except ValidationError as error:
        raise ConfigError(message(error)) from None
    check_names(settings)
    settings = with_modules(settings, folder or Path.cwd())
    check_meaning(settings, folder or Path.cwd())
    return settings


def check_config(config: JsonObject, folder: Path | None = None) -> JsonObject:
    """What ``read_settings`` gives, as plain JSON values.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    return read_settings(config, folder).as_json()


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
                    raise ConfigError(
                        f"config key under `{where}`: expected text as key, got {shown(key)}. Put it in quotes."
                    )
            places += [((*path, key), below) for key, below in inner.items()]
        elif isinstance(inner, list | tuple | set | frozenset):
            places += [((*path, index), below) for index, below in enumerate(inner)]
