"""The files of a task of lm-evaluation-harness, and what they say of it, read without lm-eval, before any job."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import yaml

from peftport.data.settings import LmEvalSource
from peftport.registry import unknown_name
from peftport.storage.hub import OFFLINE, is_offline
from peftport.storage.provenance import JsonObject

EXTRA = "tasks of lm-evaluation-harness need pip install 'peftport[lm-eval]'"
LOADERS = ("arrow", "csv", "json", "parquet", "text")  # of the library datasets, for local files
MOST_FILES = 1000


class _Loader(yaml.SafeLoader):
    """Reads lm-eval's YAML; a function (``!function module.name``) is its name here."""


_Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def local_files(source: LmEvalSource, folder: Path) -> list[Path]:
    """The files that a task of one's own is read from: all below ``include_path``, and its data files.

    Args:
        folder: where relative paths start.

    Raises:
        OSError, ValueError: a YAML file cannot be read, or there are too many files.
    """
    if source.include_path is None:
        return []
    below = _below(folder / source.include_path)
    config = _configs(folder / source.include_path).get(source.task, {})
    inside = [Path(source.include_path) / file.relative_to(folder / source.include_path) for file in below]
    named = {file.resolve() for file in below}
    return [*inside, *(file for file in _local_data(config, folder) if (folder / file).resolve() not in named)]


def check_task(source: LmEvalSource, folder: Path) -> None:
    """Check what can be known of a task before a job runs.

    Raises:
        OSError, ValueError: lm-eval is not installed, or the files of a task of one's own say that it cannot be used.
    """
    if find_spec("lm_eval") is None:
        raise ValueError(EXTRA)
    if source.include_path is None:
        return
    if not (folder / source.include_path).is_dir():
        raise ValueError(f"include_path: expected a folder, {source.include_path!r} is none (looked in {folder})")
    configs = _configs(folder / source.include_path)
    if source.task not in configs:
        raise ValueError(f"{unknown_name('task', source.task, configs)} (in {source.include_path})")
    config = configs[source.task]
    if config.get("training_split") is None:
        raise ValueError(f"the task `{source.task}` has no `training_split`, so that nothing can be learned on it")
    for name in _data_files(config):
        if not (folder / name).is_file():
            raise ValueError(f"the task `{source.task}`: expected a file, {name!r} is none (looked in {folder})")
    _check_network(source.task, str(config.get("dataset_path")), config, folder)
    _refuse_large(config, folder)


def refuse_large_data(source: LmEvalSource, folder: Path) -> None:
    """Refuse local data of a task of one's own that are too large, or packed, before lm-eval opens them.

    lm-eval reads them with the library datasets, which unpacks what is packed and reads Parquet whole.

    Args:
        folder: where relative paths start.

    Raises:
        OSError, ValueError: a file has more bytes than are read, comes to more, or is packed.
    """
    if source.include_path is not None:
        _refuse_large(_configs(folder / source.include_path).get(source.task, {}), folder)


def _refuse_large(config: JsonObject, folder: Path) -> None:
    from peftport.data.unpacked import PARQUET, packed_as, refuse_large, refuse_large_parquet  # loads pyarrow

    for name in _local_data(config, folder):
        refuse_large(file := folder / name)
        if packed_as(file) == PARQUET:
            refuse_large_parquet(file)


def _local_data(config: JsonObject, folder: Path) -> Iterator[Path]:
    """The files of this machine that a task's data come from: those that it names, and all below a folder.

    Relative paths stay relative to ``folder``.
    """
    yield from map(Path, _data_files(config))
    said = (config.get("dataset_path"), (config.get("dataset_kwargs") or {}).get("data_dir"))
    for place in (Path(str(name)) for name in said if name is not None and name not in LOADERS):
        if (folder / place).is_dir():
            yield from (place / file.relative_to(folder / place) for file in _below(folder / place))


def _check_network(task: str, path: str, config: JsonObject, folder: Path) -> None:
    """Refuse a task whose data are on a hub and not in the local cache, where the network is forbidden."""
    if "custom_dataset" in config or path in LOADERS or (folder / path).exists():
        return
    offline = is_offline() or os.environ.get("HF_DATASETS_OFFLINE", "").upper() in OFFLINE
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    cache = Path(os.environ.get("HF_DATASETS_CACHE", home / "datasets")) / path.replace("/", "___")
    if offline and not cache.is_dir():
        raise ValueError(
            f"the task `{task}` needs the network: its data ({path}) are on a hub and not in the cache ({cache}), and "
            "HF_HUB_OFFLINE or HF_DATASETS_OFFLINE is set"
        )


def _below(folder: Path) -> list[Path]:
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    )
    if len(files) > MOST_FILES:
        raise ValueError(f"{folder} holds {len(files):,} files, expected at most {MOST_FILES:,}")
    return files


def _configs(folder: Path) -> dict[str, JsonObject]:
    """The tasks below a folder by their names, with what they include."""
    found = (_config(path) for path in _below(folder) if path.suffix == ".yaml")
    return {config["task"]: config for config in found if isinstance(config.get("task"), str)}


def _config(path: Path, depth: int = 5) -> JsonObject:
    try:
        said = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: no valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(said, dict):
        return {}
    included = said.get("include", [])
    names = included if isinstance(included, list) else [included]
    base: JsonObject = {}
    for name in names if depth else []:
        if (file := path.parent / str(name)).is_file():
            base |= _config(file, depth - 1)
    return base | said


def _data_files(config: JsonObject) -> Iterator[str]:
    """The files of this machine that a task's ``dataset_kwargs`` name."""
    named = (config.get("dataset_kwargs") or {}).get("data_files", [])
    for files in named.values() if isinstance(named, dict) else [named]:
        yield from (str(file) for file in (files if isinstance(files, list) else [files]) if "://" not in str(file))
