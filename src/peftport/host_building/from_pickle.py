"""A host's weights that torch has pickled, as safetensors."""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import peftport
from peftport.host_building import unpickle
from peftport.hosts.locate import PICKLED_INDEX, files_beside, pickled_files
from peftport.storage.files import file_digests
from peftport.storage.provenance import JsonObject

GIB = 2**30
SPARE, TIMES = GIB // 2, 4  # bytes of address space beside libraries: these, and so often the size of the file
SECONDS, BYTES_PER_SECOND = 120, 10_000_000


def from_pickle(origin: Path, folder: Path) -> JsonObject:
    """Write a host's files into ``folder``: every pickled file as safetensors, and the others as they are.

    Returns:
        from what: ``format``, ``files`` (name to SHA-256).

    Raises:
        FileNotFoundError: there are no pickled weights.
        ValueError: they are not tensors alone, or reading them took too much memory or time.
    """
    sources = pickled_files(origin)
    targets = {source: _target(source, sources) for source in sources}
    unpickled({source: folder / target for source, target in targets.items()})
    if len(sources) > 1:
        _write_index(origin, folder, {source.name: target for source, target in targets.items()})
    for path in files_beside(origin):
        if not path.name.endswith(".index.json"):
            shutil.copyfile(path, folder / path.name)
    return {"format": "pickle", "files": file_digests(origin, [source.name for source in sources])}


def unpickled(targets: Mapping[Path, Path], spare: int = SPARE, seconds: float = SECONDS) -> None:
    """Write the tensors of pickled files as safetensors, in one process of its own.

    Args:
        targets: pickled file to the file that is written.
        spare: bytes of address space that the process may take beside its libraries and its share for the files' size.
        seconds: that it may take beside those for the files' size.

    Raises:
        ValueError: a file is not tensors alone, or took too much memory or time.
    """
    sizes = [source.stat().st_size for source in targets]
    limit, seconds = spare + TIMES * max(sizes), seconds + sum(sizes) / BYTES_PER_SECOND
    files = [str(path.absolute()) for pair in targets.items() for path in pair]
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    paths = [str(Path(peftport.__file__).parents[1]), *filter(None, sys.path)]
    environment = kept | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        run = subprocess.run(
            [sys.executable, "-m", unpickle.__name__, str(limit), *files],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        names = ", ".join(map(str, targets))
        raise ValueError(f"{names}: reading took more than {math.ceil(seconds):,} s, and was ended") from None
    if run.returncode:
        ended = f"the process that reads {', '.join(map(str, targets))} ended with {run.returncode}"
        raise ValueError((run.stderr.strip().splitlines() or [ended])[-1][:1000])


def _target(source: Path, sources: list[Path]) -> str:
    """The name of the safetensors file of a pickled one, as the hub names them."""
    if len(sources) == 1:
        return "model.safetensors"
    return f"model-{sources.index(source) + 1:05}-of-{len(sources):05}.safetensors"


def _write_index(origin: Path, folder: Path, targets: Mapping[str, str]) -> None:
    said = json.loads((origin / PICKLED_INDEX).read_text(encoding="utf-8"))
    parts = {name: targets[file] for name, file in sorted(said["weight_map"].items())}
    index = {"metadata": said.get("metadata", {}), "weight_map": parts}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
