"""Where a host's files are (bundled, a directory, a hub's cache, built here), and that they are what they were."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from peftport.hosts.settings import HostSettings
from peftport.registry import unknown_name
from peftport.storage.cards import read_card
from peftport.storage.files import DamagedFile, check_files, read_json
from peftport.storage.hub import FILES, is_commit
from peftport.storage.hub_fetch import fetch
from peftport.storage.provenance import JsonObject

BUNDLED = Path(__file__).parent / "bundled"
WANTED = FILES["host"]
PART, PART_LIKE = re.compile(r"pytorch_model[\w-]*\.bin"), "pytorch_model-00001-of-00002.bin"
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
CONVERTED_TOO = [pattern for pattern in WANTED if pattern != "*.safetensors"]  # beside the weights
WANTED_TO_CONVERT = [*CONVERTED_TOO, "pytorch_model*.bin"]


# of the hosts that ship with the package: what a reader of any number measured in them must know
BUNDLED_CHOICE = (
    "How the bundled hosts were built was chosen by looking at results: their recipe is one of several that were "
    "tried, and that of `reviews-instruct` was taken from four by its scores on the 1,000 test reviews of films of "
    "generator seed 0. Numbers measured in these hosts show how a comparison behaves, and not how good such hosts are."
)


def bundled_names() -> list[str]:
    """Names of the hosts that ship with the package."""
    return sorted(path.name for path in BUNDLED.iterdir() if (path / "config.json").is_file())


def bundled_folder(name: str) -> Path:
    """The directory of a host that ships with the package.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    if name not in bundled_names():
        raise FileNotFoundError(unknown_name("bundled host", name, bundled_names()))
    return BUNDLED / name


def hub_commit(folder: Path) -> str | None:
    """The commit that a hub cache's snapshot folder stands for."""
    return folder.name if is_commit(folder.name) else None


def published_files(host: HostSettings, folder: Path) -> dict[str, str]:
    """Name to SHA-256 of those files whose digest is known from where the host comes from.

    The package lists those of its own hosts. Files of a hub are held against theirs when they are fetched.
    """
    if host.kind == "bundled":
        listed = json.loads((BUNDLED / "checksums.json").read_text(encoding="utf-8"))
        return {name.split("/")[1]: digest for name, digest in listed.items() if name.split("/")[0] == folder.name}
    return {}


def read_files(folder: Path) -> list[str]:
    """Names of the files of a host that loading it may read."""
    return sorted({path.name for pattern in WANTED for path in folder.glob(pattern) if path.is_file()})


def check_bare(folder: Path) -> None:
    """Raise ValueError if a host's directory also holds a PEFT module, which transformers would load unasked."""
    if there := sorted(path.name for path in folder.glob("adapter_*")):
        raise ValueError(
            f"{folder} also holds files of a PEFT module ({', '.join(there[:5])}), which would be loaded into the bare "
            "host; expected a directory with the host alone"
        )


def check_parts(folder: Path) -> None:
    """Raise ValueError if the index of a host's safetensors names what is no file beside it, which would be loaded."""
    index = folder / INDEX
    if not index.is_file() or (folder / WHOLE).is_file():  # of the two, the one file is loaded
        return
    try:
        said = json.loads(index.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{index} is no JSON: {str(error)[:200]}") from error
    parts = said.get("weight_map") if isinstance(said, dict) else None
    names = sorted(set(map(str, parts.values()))) if isinstance(parts, dict) else []
    if strange := [name for name in names if Path(name).name != name or not name.endswith(".safetensors")]:
        raise ValueError(f"{index} names {strange[0][:80]!r}; expected names of *.safetensors files beside it")
    if absent := [name for name in names if not (folder / name).is_file()]:
        raise ValueError(f"{folder} has no {', '.join(absent[:5])}, which {INDEX} names")


def known_folder(card: JsonObject) -> Path:
    """Where the host of a card lies, once its files are found to be those that the card describes.

    Raises:
        DamagedFile: it is a host that the study builds, and a file is missing or changed.
        ValueError: the same of a host from elsewhere; the message says what to do.
    """
    folder = Path(card["folder"])
    try:
        check_files(folder, card["files"], "the study first looked at this host")
    except DamagedFile as error:
        if "build" in card["origin"] or card.get("converted"):
            raise
        raise foreign(card["host"], card["origin"], error) from error
    return folder


def base_folder(cards: Sequence[str]) -> Path | None:
    """Where the host of a card's file lies, as ``known_folder`` says it; None where there is no card."""
    return known_folder(read_card(cards[0])) if cards else None


def foreign(name: str, origin: JsonObject, error: DamagedFile) -> ValueError:
    """What to say of a damaged file of a host that the study does not build; ``origin`` is its entry in the config."""
    return ValueError(
        f"host `{name}`: {error.path} is damaged or changed: {error.why}. Put the right file back and run again; the "
        f"host is {json.dumps(origin)}."
    )


def host_folder(host: HostSettings, built: Path, start: Path | None = None) -> Path:
    """The directory, in the hub's own format, that holds a host.

    Args:
        built: where the study keeps the host if it is built or converted.
        start: where a relative ``path`` starts; the working directory by default.
    """
    return built if host.kind == "build" or host.converted else origin_folder(host, start)


def origin_folder(host: HostSettings, start: Path | None = None) -> Path:
    """The directory with a host's files as they come from elsewhere, before they are converted.

    Args:
        start: where a relative path starts; the working directory by default.
    """
    start = start or Path.cwd()
    kinds = {
        "bundled": lambda: bundled_folder(host.bundled),
        "path": lambda: start / host.path,
        "hub": lambda: fetch("host", host.hub.id, host.hub.revision, WANTED_TO_CONVERT if host.convert else WANTED),
        "gguf": lambda: (start / host.gguf.file).parent,
    }
    return kinds[host.kind]()


def files_beside(folder: Path) -> list[Path]:
    """The files of a host beside its weights: config, tokenizer and the like."""
    return sorted({path for pattern in CONVERTED_TOO for path in folder.glob(pattern) if path.is_file()})


def pickled_files(folder: Path) -> list[Path]:
    """The files of a host's weights that torch has pickled: one, or the parts that an index names.

    Raises:
        FileNotFoundError: there are none, or a part is not there.
        ValueError: the index is damaged, or names what is no file beside it.
    """
    if (folder / PICKLED).is_file():
        return [folder / PICKLED]
    if not (folder / PICKLED_INDEX).is_file():
        there = "; it has safetensors: take `convert: true` away" if any(folder.glob("*.safetensors")) else ""
        raise FileNotFoundError(f"{folder} has neither {PICKLED} nor {PICKLED_INDEX}{there}")
    said = read_json(folder / PICKLED_INDEX)
    parts = said.get("weight_map") if isinstance(said, dict) else None
    if not isinstance(parts, dict) or not parts or not all(isinstance(name, str) for name in parts.values()):
        raise ValueError(f"{folder / PICKLED_INDEX}: expected `weight_map`, names of tensors to names of files")
    names = sorted(set(parts.values()))
    if strange := [name for name in names if not PART.fullmatch(name)]:
        raise ValueError(f"{folder / PICKLED_INDEX} names {strange[0][:80]!r}; expected files like {PART_LIKE}")
    if absent := [name for name in names if not (folder / name).is_file()]:
        raise FileNotFoundError(f"{folder} has no {', '.join(absent[:5])}, which {PICKLED_INDEX} names")
    return [folder / name for name in names]
