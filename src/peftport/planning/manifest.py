"""The manifest of a study: every file with size, SHA-256 and key, to publish beside the results.

It says nothing of when and where it was written, so the same files give the same manifest.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from peftport import __version__
from peftport.jobs.inputs import ABSENT, Fault
from peftport.planning.graph import Graph
from peftport.planning.verify import files_of, study_outputs
from peftport.storage.cards import read_card, write_card
from peftport.storage.files import DamagedFile, file_digest
from peftport.storage.provenance import RESULTS, JsonObject, digest

FIELDS = {"study": str, "config": str, "peftport": str, "files": dict}
OF_A_FILE = {"size", "sha256", "key"}


class ManifestError(ValueError):
    """A file is no manifest of a study."""


def make_manifest(graph: Graph) -> JsonObject:
    """The manifest of a study, which runs in the working directory and whose files are there.

    Returns:
        ``study``, its name; ``config``, a digest of the settings that it uses; ``peftport``, the version; and
        ``files``: paths below the study's results, sorted, to ``size`` (bytes), ``sha256`` and the ``key``.
    """
    results = Path(graph.below_results(""))
    keys = {file: graph.key(stage) for path, stage in study_outputs(graph).items() for file in files_of(path)}
    with ThreadPoolExecutor() as pool:
        digests = dict(zip(keys, pool.map(file_digest, keys), strict=True))
    files = {
        file.relative_to(results).as_posix(): {"size": file.stat().st_size, "sha256": digests[file], "key": keys[file]}
        for file in sorted(keys)
    }
    config = digest(graph.study.used().as_json())
    return {"study": graph.study.name, "config": config, "peftport": __version__, "files": files}


def write_manifest(path: Path, manifest: JsonObject) -> None:
    """Write a manifest with a checksum of what it says."""
    write_card(path.absolute(), manifest)


def read_manifest(path: Path) -> JsonObject:
    """Read what ``write_manifest`` wrote.

    Raises:
        ManifestError: it cannot be read, is damaged, or names files outside of the study's results.
    """
    try:
        manifest = read_card(path)
    except (OSError, DamagedFile) as error:
        raise ManifestError(f"manifest {path}: {getattr(error, 'why', None) or error.strerror}.") from None
    if wrong := [name for name, kind in FIELDS.items() if not isinstance(manifest.get(name), kind)]:
        raise ManifestError(f"manifest {path}: expected {', '.join(FIELDS)}; {', '.join(wrong)} missing or unusable.")
    for name, facts in manifest["files"].items():
        if not _is_below(name) or not isinstance(facts, dict) or set(facts) != OF_A_FILE:
            raise ManifestError(f"manifest {path}: {name!r}: expected a path below the results with its {OF_A_FILE}.")
    if not _is_below(manifest["study"]) or "/" in manifest["study"]:
        raise ManifestError(f"manifest {path}: {manifest['study']!r} is no name of a study.")
    return manifest


def _is_below(name: str) -> bool:
    """Whether a relative path stays below where it starts."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def manifest_faults(manifest: JsonObject, directory: Path) -> list[Fault]:
    """The files that are absent or are not those of a manifest; no config is needed, and no key is computed.

    Args:
        directory: where ``results/`` lies.
    """
    results = directory / RESULTS / manifest["study"]

    def fault(name: str) -> Fault | None:
        path, said = results / name, manifest["files"][name]
        if not path.is_file():
            return Fault(path, ABSENT)
        if (size := path.stat().st_size) != said["size"]:
            return Fault(path, f"has {size:,} bytes, expected {said['size']:,}")
        if (found := file_digest(path)) != said["sha256"]:
            return Fault(path, f"is another file: its SHA-256 is {found}, expected {said['sha256']}")
        return None

    with ThreadPoolExecutor() as pool:
        return [found for found in pool.map(fault, manifest["files"]) if found is not None]
