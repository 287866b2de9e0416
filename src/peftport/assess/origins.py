"""Hosts and adapters as a command line names them: as entries of a study's config."""

import re
from pathlib import Path

from peftport.storage.modules import CONFIG
from peftport.storage.provenance import JsonObject

BUNDLED, GGUF = "bundled:", ".gguf"
OF_A_HUB = re.compile(r"(?P<id>[\w.-]+(?:/[\w.-]+)?)@(?P<revision>[0-9a-f]{40})", re.ASCII)
AT = re.compile(r"[\w.-]+(?:/[\w.-]+)?@.+", re.ASCII)
MOVES = ", and a branch or a tag moves and is not followed: its page lists commits under `History`"


class UnknownOrigin(ValueError):
    """A host or an adapter that is named in no way that is known."""


def host_entry(flag: str, name: str) -> JsonObject:
    """The entry of a host in a config: a folder, a GGUF file, `bundled:<name>` or `<hub id>@<commit>`.

    Args:
        flag: where the name was given, for the message.

    Raises:
        UnknownOrigin: it is none of these.
    """
    if name.startswith(BUNDLED):
        return {"bundled": name.removeprefix(BUNDLED)}
    path = Path(name).expanduser()
    if path.suffix.lower() == GGUF and path.is_file():
        return {"gguf": {"file": str(path.resolve())}}
    if path.is_dir():
        pickled = any(path.glob("pytorch_model*.bin")) and not any(path.glob("*.safetensors"))
        return {"path": str(path.resolve())} | ({"convert": True} if pickled else {})
    if (match := OF_A_HUB.fullmatch(name)) is not None:
        return {"hub": match.groupdict()}
    raise UnknownOrigin(
        f"{flag} {name}: expected a host's folder, a {GGUF} file, {BUNDLED}<name>, or <hub id>@<commit of 40 digits>; "
        f"there is no such folder or file{MOVES if AT.fullmatch(name) else ''}"
    )


def module_entry(name: str) -> JsonObject:
    """The entry of a module that exists already: a PEFT folder or `<hub id>@<commit>`.

    Raises:
        UnknownOrigin: it is neither.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return {"path": str(path.resolve())}
    if (match := OF_A_HUB.fullmatch(name)) is not None:
        return {"hub": match.groupdict()}
    raise UnknownOrigin(
        f"{name}: expected an adapter's folder with {CONFIG}, or <hub id>@<commit of 40 digits>; there is none"
        f"{MOVES if AT.fullmatch(name) else ''}"
    )
