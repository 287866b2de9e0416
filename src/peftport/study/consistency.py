"""What a schema cannot say about a config: names that must be defined, order, files that must be there, shapes."""

from collections.abc import Callable, Mapping
from pathlib import Path

from peftport.data.lm_eval_files import check_task
from peftport.data.settings import DatasetSettings
from peftport.hosts.families.table import FAMILIES, refusal
from peftport.hosts.gguf_header import read_header
from peftport.hosts.locate import bundled_names, check_bare, pickled_files
from peftport.hosts.recipe_settings import (
    FurtherHostSettings,
    InstructionHostSettings,
    RawHostSettings,
    RewrittenHostSettings,
    ShapeSettings,
    base_of,
)
from peftport.hosts.rewritable import refusal as rewriting_refusal
from peftport.hosts.settings import HostSettings
from peftport.hosts.shape import declared
from peftport.prompting.lm_types.table import CLASSIFIER
from peftport.prompting.template import check_template
from peftport.registry import unknown_name
from peftport.storage.provenance import JsonObject
from peftport.study.chats import chatting, check_chat
from peftport.study.classification import head_complaint
from peftport.study.cross_task import cross_task_complaint
from peftport.study.dials import dial_complaint
from peftport.study.distillation import distil_complaint
from peftport.study.first_rows import rows_complaint
from peftport.study.further_hosts import further_refusal
from peftport.study.generated_texts import generated_complaint
from peftport.study.grid_settings import GridSettings
from peftport.study.kinds import kind_complaint
from peftport.study.maps import map_complaint, map_name_complaint
from peftport.study.mixtures import mixture_complaint
from peftport.study.precisions import precision_complaint
from peftport.study.probes import probe_complaint
from peftport.study.settings import StudySettings
from peftport.study.starts import fitted_complaint, parted_complaint, sibling_complaint
from peftport.study.study import Study

Hosts = Mapping[str, HostSettings]
Declared = Mapping[str, JsonObject | None]  # of each host what is known before it is there
TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "spiece.model", "vocab.json", "vocab.txt")


class ConfigError(ValueError):
    """What is wrong with a config: key, value, what is allowed, the nearest valid name."""


def check_meaning(settings: StudySettings, folder: Path) -> None:
    """Check settings beyond their types and bounds.

    Args:
        folder: where relative paths in the config start.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    _check_grid(settings.grid)
    _refuse(dial_complaint(settings))
    for name, host in settings.hosts.items():
        _check_host(name, host, folder)
        _check_recipe(name, settings.hosts, folder)
        _check_further(name, settings, folder)
        _check_rewritten(name, settings.hosts, folder)
    for name, dataset in settings.datasets.items():
        _check_dataset(name, dataset, folder)
    study = Study(settings, folder)
    known = {name: _declared(name, settings.hosts, folder) for name in study.hosts}
    _refuse(kind_complaint(study, known))
    _check_templates(study, known)
    for name in chatting(study):
        _check_read(f"datasets.{name}.chat", lambda name=name: check_chat(study, name, known))
    _refuse(cross_task_complaint(study))
    _refuse(fitted_complaint(study) or parted_complaint(study) or probe_complaint(study) or distil_complaint(study))
    _refuse(head_complaint(study, known) or precision_complaint(study) or sibling_complaint(study))
    _refuse(map_complaint(study, known))


def _refuse(complaint: tuple[str, str] | None) -> None:
    """Raise ConfigError with a key and what is wrong there, if there is anything."""
    if complaint is not None:
        raise ConfigError(f"config key `{complaint[0]}`: {complaint[1]}")


def check_names(settings: StudySettings) -> None:
    """Check that every name in the grid is defined.

    Raises:
        ConfigError: one is not.
    """
    grid, hosts, datasets = settings.grid, settings.hosts, settings.datasets
    for index, name in enumerate(grid.techniques):
        if name not in settings.techniques:
            raise ConfigError(
                f"config key `grid.techniques.{index}`: {unknown_name('technique', name, settings.techniques)}"
            )
    for key, pairs, known, what in (
        ("transfers", grid.transfers, hosts, "host"),
        ("dataset_pairs", grid.dataset_pairs, datasets, "dataset"),
    ):
        for index, pair in enumerate(pairs):
            for end, name in (("source", pair.source), ("target", pair.target)):
                if name not in known:
                    raise ConfigError(f"config key `grid.{key}.{index}.{end}`: {unknown_name(what, name, known)}")
    for index, name in enumerate(grid.probes):
        if name not in datasets:
            raise ConfigError(f"config key `grid.probes.{index}`: {unknown_name('dataset', name, datasets)}")
    _refuse(mixture_complaint(settings) or map_name_complaint(settings))
    for name, host in hosts.items():
        if (base := base_of(host.build)) is not None and base not in hosts:
            raise ConfigError(f"config key `hosts.{name}.build.base`: {unknown_name('host', base, hosts)}")


def _check_grid(grid: GridSettings) -> None:
    budgets = grid.budgets
    if budgets != sorted(set(budgets)):
        raise ConfigError(f"config key `grid.budgets`: expected rising numbers of steps, got {budgets}.")
    nested = [isinstance(entry, list) for entry in grid.seeds]
    if any(nested) and not all(nested):
        raise ConfigError(f"config key `grid.seeds`: expected seeds or lists of seeds, not both, got {grid.seeds}.")
    seeds = [seed for block in grid.seeds for seed in block] if all(nested) else grid.seeds
    pairs = grid.as_json()
    for what, entries in (("seeds", seeds), *((key, pairs[key]) for key in ("transfers", "dataset_pairs"))):
        twice = [entry for index, entry in enumerate(entries) if entry in entries[:index]]
        if twice:
            raise ConfigError(f"config key `grid.{what}`: expected each entry once, got {twice[0]} twice.")


def _declared(name: str, hosts: Hosts, folder: Path) -> JsonObject | None:
    try:
        return declared(name, hosts, folder)
    except (ValueError, OSError) as error:
        raise ConfigError(f"config key `hosts.{name}`: {error}.") from error


def _check_host(name: str, host: HostSettings, folder: Path) -> None:
    if host.bundled is not None and host.bundled not in bundled_names():
        said = unknown_name("bundled host", host.bundled, bundled_names())
        raise ConfigError(f"config key `hosts.{name}.bundled`: {said}")
    if host.gguf is not None:
        _check_gguf(name, host.gguf.file, folder)
    if host.path is not None:
        path, weights = folder / host.path, "pytorch_model.bin" if host.convert else "*.safetensors"
        expected = (
            f"config key `hosts.{name}.path`: expected a host directory with config.json, {weights} and tokenizer "
            f"files, got {host.path!r}"
        )
        if not _is_file(path / "config.json"):
            raise ConfigError(f"{expected}, which has no config.json (looked in {folder}).")
        _check_read(f"hosts.{name}.path", lambda: check_bare(path))
        if host.convert:
            _check_read(f"hosts.{name}.path", lambda: pickled_files(path))
        elif not any(path.glob("*.safetensors")):
            others = ", ".join(sorted(file.name for file in path.glob("*.bin"))) or "none"
            key = "; `convert: true` beside `path` reads pytorch_model.bin once" if others != "none" else ""
            raise ConfigError(f"{expected}, which has no *.safetensors (files that are not read: {others}{key}).")
        if not any((path / file).is_file() for file in TOKENIZERS):
            raise ConfigError(f"{expected}, which has none of {', '.join(TOKENIZERS)}.")
        if (reason := refusal(_declared(name, {name: host}, folder)["model_type"])) is not None:
            raise ConfigError(f"config key `hosts.{name}.path`: {host.path}/config.json: {reason}")


def _check_gguf(name: str, file: str, folder: Path) -> None:
    key = f"hosts.{name}.gguf.file"
    if not _is_file(folder / file):
        raise ConfigError(f"config key `{key}`: expected a file, {file!r} is none (looked in {folder}).")
    _check_read(key, lambda: read_header(folder / file))


def _check_read(key: str, read: Callable[[], object]) -> None:
    """Raise ConfigError with the key if a host's files cannot be read, or cannot be used."""
    try:
        read()
    except (ValueError, OSError) as error:
        raise ConfigError(f"config key `{key}`: {error}.") from error


def _check_recipe(name: str, hosts: Hosts, folder: Path) -> None:
    recipe, seen = hosts[name].build, [name]
    while (base := base_of(hosts[seen[-1]].build)) is not None:
        if base in seen:
            circle = " <- ".join([*seen, base])
            raise ConfigError(f"config key `hosts.{name}.build.base`: built from itself ({circle}).")
        seen.append(base)
    if isinstance(recipe, RawHostSettings):
        _check_width(name, recipe.shape)
        _check_files(f"hosts.{name}.build.corpus", recipe.corpus.files, folder)
    if isinstance(recipe, InstructionHostSettings):
        texts, key = recipe.instructions, f"hosts.{name}.build.instructions"
        if (texts.generated is None) == (texts.files is None):
            raise ConfigError(f"config key `{key}`: expected one of `generated`, `files`.")
        if texts.files is not None and texts.examples is None:
            raise ConfigError(f"config key `{key}`: `files` need a number of `examples`.")
        _check_files(key, texts.files, folder)


def _check_further(name: str, settings: StudySettings, folder: Path) -> None:
    if isinstance(recipe := settings.hosts[name].build, FurtherHostSettings):
        _declared(name, settings.hosts, folder)  # names a layer to keep that the base does not have
        base = _declared(recipe.base, settings.hosts, folder)
        if (reason := further_refusal(name, recipe, base, settings.datasets, folder)) is not None:
            raise ConfigError(reason)


def _check_rewritten(name: str, hosts: Hosts, folder: Path) -> None:
    if isinstance(recipe := hosts[name].build, RewrittenHostSettings):
        base = _declared(recipe.base, hosts, folder)
        reason = None if base is None else rewriting_refusal(recipe.coordinates, base["model_type"])
        if hosts[name].classifies:
            reason = "a host with a classification head (`head: classification`) cannot be written in other coordinates"
        if reason is not None:
            raise ConfigError(f"config key `hosts.{name}.build.coordinates`: {reason}.")


def _check_width(name: str, shape: ShapeSettings) -> None:
    if shape.d_model % shape.heads:
        width, heads = shape.d_model, shape.heads
        raise ConfigError(
            f"config key `hosts.{name}.build.shape.d_model`: expected a multiple of `heads` ({heads}), got {width}."
        )


def _check_files(key: str, files: list[str] | None, folder: Path) -> None:
    for file in files or []:
        if not _is_file(folder / file):
            raise ConfigError(f"config key `{key}.files`: expected a file, {file!r} is none (looked in {folder}).")


def _check_dataset(name: str, dataset: DatasetSettings, folder: Path) -> None:
    if dataset.mixture is not None:
        return None
    key, source, labels = f"datasets.{name}", dataset.source, dataset.labels
    if (task := source.lm_eval) is not None:
        return _check_read(f"{key}.source.lm_eval", lambda: check_task(task, folder))
    if labels is None and "template" not in dataset.model_fields_set:
        raise ConfigError(f"config key `{key}.template`: expected one, such as `{{text}}`; `{dataset.kind}` has none.")
    _check_template(name, dataset, cloze=True)
    if labels is not None and len(dataset.words) < 2:
        words = list(labels.values())
        raise ConfigError(f"config key `{key}.labels`: expected at least two label words, got {words}.")
    if source.generated is not None:
        _refuse(generated_complaint(name, dataset))
    for index, file in enumerate(source.files or []):
        if not _is_file(folder / file.path):
            raise ConfigError(
                f"config key `{key}.source.files.{index}.path`: expected a file, {file.path!r} is none "
                f"(looked in {folder})."
            )
    if source.files:
        _refuse(rows_complaint(name, dataset, folder))


def _check_template(name: str, dataset: DatasetSettings, cloze: bool) -> None:
    try:
        check_template(dataset.template, cloze)
    except ValueError as error:
        raise ConfigError(f"config key `datasets.{name}.template`: {error}") from error


def _check_templates(study: Study, known: Declared) -> None:
    """Refuse an answer before the end where a host writes it behind the prompt, as far as hosts are known before."""
    types = {name: facts["model_type"] for name, facts in known.items() if facts is not None}
    asked = {study.lm_type(name, kind) for name, kind in types.items() if kind in FAMILIES}
    if asked - {"masked", CLASSIFIER}:
        for name in study.datasets:
            _check_template(name, study.config.datasets[name], cloze=False)


def _is_file(path: Path) -> bool:
    """Whether there is such a file; names that no file can have are none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
