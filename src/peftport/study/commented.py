"""A config as YAML that a person can read and edit."""

from collections.abc import Mapping

import yaml

from peftport.storage.provenance import JsonObject

STYLE = {"sort_keys": False, "allow_unicode": True, "width": 120}


def commented(config: JsonObject, head: str, comments: Mapping[str, str]) -> str:
    """The config as YAML, a blank line between its sections.

    Args:
        config: plain values, as YAML reads them.
        head: lines of comment above all, without their ``#``.
        comments: what stands above a section, by its key; lines without their ``#``.
    """
    parts = [_comment(head)]
    for key, value in config.items():
        inner = None if isinstance(value, dict | list) else False  # the innermost collections on one line
        section = yaml.safe_dump({key: value}, default_flow_style=inner, **STYLE)
        parts.append((_comment(comments[key]) if key in comments else "") + section)
    return "\n".join(parts)


def _comment(text: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())
