"""A host's files in safetensors, from files of another format."""

import os
import tempfile
from pathlib import Path

from peftport.hosts.locate import origin_folder
from peftport.hosts.settings import HostSettings
from peftport.storage.files import file_digests
from peftport.storage.provenance import JsonObject


def convert_host(host: HostSettings, folder: Path, start: Path | None = None) -> JsonObject:
    """Write a host's files into ``folder``, all of them or none.

    Args:
        start: where a relative path starts; the working directory by default.

    Returns:
        ``converted``: from what (``from_gguf``, ``from_pickle``); ``files``: what was written, name to SHA-256.

    Raises:
        FileNotFoundError, ValueError: the files cannot be had, or not be read.
    """
    origin = origin_folder(host, start)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        beside = Path(scratch)
        if host.gguf is not None:
            from peftport.host_building.from_gguf import from_gguf  # torch, which the other way loads elsewhere

            said = from_gguf(origin / Path(host.gguf.file).name, beside)
        else:
            from peftport.host_building.from_pickle import from_pickle

            said = from_pickle(origin, beside)
        files = file_digests(beside, [path.name for path in beside.iterdir()])
        folder.mkdir(exist_ok=True)
        for file in files:
            os.replace(beside / file, folder / file)
    return {"converted": said, "files": files}
