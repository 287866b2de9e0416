"""What ``peftport verify`` does with its arguments: verify, print, and where asked repair or write a manifest."""

import contextlib
import json
import shlex
import time
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from peftport.planning.living_runs import locks
from peftport.planning.manifest import make_manifest, manifest_faults, read_manifest, write_manifest
from peftport.planning.verify import Verified, read_graph, set_wrong_aside, verify_study
from peftport.planning.verify_text import verified_text
from peftport.study.config import ConfigError
from peftport.study.read import refuse_unless_folder

FAULTY = 1  # the exit status where something is wrong


def verify_with_config(chosen: Namespace) -> int:
    """Verify the study of config files; returns the exit status.

    Args:
        chosen: ``config``, ``directory``, ``json``, ``repair`` and ``manifest`` of the command line.

    Raises:
        ConfigError: the config is wrong, or nothing may be moved now.
    """
    refuse_unless_folder(chosen.directory)
    configs = [path.absolute() for path in chosen.config]
    manifest = chosen.manifest and chosen.manifest.absolute()
    with contextlib.chdir(chosen.directory):
        began = time.monotonic()
        graph = read_graph(configs)
        verified = verify_study(graph)
        moved = []
        if chosen.repair and not verified.is_well and not verified.outside:
            _refuse_while_locked()
            moved = set_wrong_aside(graph, verified.faults)
        if manifest and verified.is_well:
            write_manifest(manifest, make_manifest(graph))
        seconds = time.monotonic() - began
    _show(verified, chosen, moved, seconds)
    if manifest and not verified.is_well and not chosen.json:
        print(f"No manifest was written to {chosen.manifest}: a manifest is of a study that is well.")
    return 0 if verified.is_well else FAULTY


def verify_against(chosen: Namespace) -> int:
    """Hold a folder of results against a manifest; returns the exit status.

    Raises:
        ConfigError: configs are given as well, or there is no such folder.
        ManifestError: the file is no manifest.
    """
    if chosen.config:
        raise ConfigError("--against: expected no config beside a manifest, which names its study.")
    refuse_unless_folder(chosen.directory)
    manifest, began = read_manifest(chosen.against), time.monotonic()
    faults = manifest_faults(manifest, chosen.directory)
    results, number = f"results/{manifest['study']}", len(manifest["files"])
    verified = Verified(manifest["study"], results, number, faults, [], [])
    _show(verified, chosen, [], time.monotonic() - began)
    return 0 if verified.is_well else FAULTY


def _show(verified: Verified, chosen: Namespace, moved: list[tuple[str, str]], seconds: float) -> None:
    """Print what was found."""
    if chosen.json:
        found = asdict(verified) | {"seconds": seconds, "is_well": verified.is_well, "moved": moved}
        print(json.dumps(found, indent=2, default=str))
    else:
        print(verified_text(verified, seconds, moved, _what_next(chosen, verified)), end="")


def _what_next(chosen: Namespace, verified: Verified) -> str:
    """What to do about what is wrong, with the command."""
    if verified.is_well or chosen.against:
        return ""
    folder = [] if chosen.directory == Path() else ["--directory", str(chosen.directory)]
    configs = list(map(str, chosen.config))
    run = shlex.join(["peftport", *(["--configfile", *configs] if configs else []), *folder])
    if verified.outside:
        return f"First put back the files from outside that changed, or run the study with them:\n    {run}\n"
    if chosen.repair:
        return f"Make what is missing again with the command of the study, such as\n    {run}\n"
    repair = shlex.join(["peftport", "verify", *configs, *folder, "--repair"])
    return f"To set aside what is wrong, so that the next run makes it again:\n    {repair}\n"


def _refuse_while_locked() -> None:
    """Refuse to move files under a run that is at work.

    Raises:
        ConfigError: Snakemake's lock is there.
    """
    if locks():
        raise ConfigError("--repair: a run is at work in this folder, or was killed; nothing was moved.")
