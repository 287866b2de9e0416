"""The chat template of a host as far as it is known without loading a tokenizer: from its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peftport.hosts.gguf_header import read_header
from peftport.hosts.locate import origin_folder
from peftport.hosts.recipe_settings import base_of
from peftport.hosts.settings import HostSettings
from peftport.storage.files import read_json

FILE, CONFIG = "chat_template.jinja", "tokenizer_config.json"
DEFAULT = "default"  # of several templates of a host, the one for conversations without tools


@dataclass(frozen=True)
class FoundTemplate:
    """What the files of a host say of its chat template.

    Attributes:
        template: the template; None if there is none.
        special: the special tokens that these files name, by transformers' names.
    """

    template: str | None
    special: dict[str, str] = field(default_factory=dict)


def found_template(name: str, hosts: Mapping[str, HostSettings], folder: Path) -> FoundTemplate | None:
    """The chat template of a host; None where nothing is known before the host is there (a hub's host).

    Args:
        hosts: the study's hosts by name.
        folder: where relative paths in the config start.

    Raises:
        OSError, ValueError: a file is absent or damaged.
    """
    host = hosts[name]
    if host.hub is not None:
        return None
    if (base := base_of(host.build)) is not None:
        return found_template(base, hosts, folder)
    if host.build is not None:
        return FoundTemplate(None)
    if host.gguf is not None:
        return FoundTemplate(_text(read_header(folder / host.gguf.file).facts.get("tokenizer.chat_template")))
    return read_template(origin_folder(host, folder))


def read_template(folder: Path) -> FoundTemplate:
    """The chat template in a host's directory, as transformers takes it: a file of its own before the config's.

    Raises:
        OSError, ValueError: a file is damaged.
    """
    said = read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}
    if not isinstance(said, dict):
        raise ValueError(f"{folder / CONFIG} is no mapping")
    special = {name: text for name in said if name.endswith("_token") and (text := _content(said[name])) is not None}
    if (folder / FILE).is_file():
        return FoundTemplate((folder / FILE).read_text(encoding="utf-8"), special)
    template = said.get("chat_template")
    if isinstance(template, list):
        named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
        template = named.get(DEFAULT)
    return FoundTemplate(_text(template), special)


def _content(token: Any) -> str | None:
    """A special token of a tokenizer's config, which is a text or a mapping with one."""
    return _text(token.get("content")) if isinstance(token, dict) else _text(token)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
