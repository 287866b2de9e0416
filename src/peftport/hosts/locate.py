"""Where a host's files are: bundled with the package, in a local directory, in a hub's cache, or built by the study."""

import re
from pathlib import Path
from typing import Any

from peftport.near import unknown

BUNDLED = Path(__file__).parent / "bundled"
COMMIT = re.compile(r"[0-9a-f]{40}")
WANTED = ["*.json", "*.safetensors", "*.model", "*.txt"]


def bundled_names() -> list[str]:
    """Names of the hosts that ship with the package."""
    return sorted(path.name for path in BUNDLED.iterdir() if (path / "config.json").is_file())


def bundled_folder(name: str) -> Path:
    """The directory of a host that ships with the package.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    if name not in bundled_names():
        raise FileNotFoundError(unknown("bundled host", name, bundled_names()))
    return BUNDLED / name


def hub_folder(definition: dict[str, Any]) -> Path:
    """The directory of a hub's host in the local cache, downloaded if need be; ``HF_HUB_OFFLINE`` is honoured.

    Args:
        definition: ``id`` and ``revision`` (branch, tag or commit).

    Raises:
        FileNotFoundError: it is not in the cache and cannot be downloaded.
    """
    from huggingface_hub import snapshot_download

    identifier, revision = definition["id"], definition["revision"]
    try:
        return Path(snapshot_download(identifier, revision=revision, allow_patterns=WANTED))
    except Exception as error:  # the hub library raises many kinds; every one means: no files
        raise FileNotFoundError(
            f"host `{identifier}` at revision `{revision}` is neither in the local cache nor could it be downloaded "
            f"({type(error).__name__}: {str(error).splitlines()[0]}). Fetch it once where there is a network with "
            f"`hf download {identifier} --revision {revision}`, or give a local directory with `path:`."
        ) from error


def hub_commit(folder: Path) -> str | None:
    """The commit that a hub cache's snapshot folder stands for."""
    return folder.name if COMMIT.fullmatch(folder.name) else None


def host_folder(definition: dict[str, Any], built: Path, start: Path | None = None) -> Path:
    """The directory, in the hub's own format, that holds a host.

    Args:
        definition: the host's entry in the config: one of ``bundled``, ``path``, ``hub``, ``build``.
        built: where the study keeps the host if it is built.
        start: where a relative ``path`` starts; the working directory by default.
    """
    kinds = {
        "bundled": lambda name: bundled_folder(name),
        "path": lambda path: (start or Path.cwd()) / path,
        "hub": hub_folder,
        "build": lambda _: built,
    }
    kind = next(kind for kind in kinds if kind in definition)
    return kinds[kind](definition[kind])
