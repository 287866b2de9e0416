"""Modules that exist already: where their files are, and the techniques that they become in a study.

A study takes such a module as a technique of its name, whose settings are the module's form as its files tell it. So
controls, the target host's own modules and trainings from scratch are of that form too.
"""

from pathlib import Path

from pydantic import ValidationError

from peftport.adapters.config import normalised
from peftport.adapters.folder import AdapterError, read_adapter
from peftport.adapters.form import form_of
from peftport.registry import unknown_name
from peftport.storage.hub_fetch import fetch
from peftport.storage.hub_refusal import HubRefusal
from peftport.storage.modules import CONFIG, WEIGHTS
from peftport.study.consistency import ConfigError
from peftport.study.module_settings import ModuleSettings
from peftport.study.settings import StudySettings
from peftport.study.study import Study
from peftport.techniques.base_settings import TechniqueSettings
from peftport.techniques.settings import technique_settings


def with_modules(settings: StudySettings, folder: Path) -> StudySettings:
    """The settings with a technique for each module of the grid.

    Args:
        folder: where relative paths in the config start.

    Raises:
        ConfigError: a module is not defined, is not for where the grid starts, or cannot be taken.
    """
    _check_grid(settings)
    techniques = dict(settings.techniques)
    for name in settings.grid.modules:
        techniques[name] = _technique(name, settings, folder)
    return settings.model_copy(update={"techniques": techniques})


def adapter_folder(module: ModuleSettings, folder: Path) -> Path:
    """Where the module's files lie; those of a hub in the local cache, fetched if need be.

    Raises:
        HubRefusal: they are of a hub, and cannot be had.
    """
    return folder / module.path if module.hub is None else fetch("module", module.hub.id, module.hub.revision)


def adapter_files(module: ModuleSettings, folder: Path) -> list[Path]:
    """The files that a module is read from; none of a hub's, which the commit names."""
    given = [] if module.hub is not None else [module.path]
    return [folder / path / name for path in filter(None, (*given, module.initial)) for name in (CONFIG, WEIGHTS)]


def module_notes(study: Study) -> list[str]:
    """A sentence on each module that exists already, for the report, without its capital and full stop."""
    notes = []
    for name in study.grid.modules:
        module = study.config.modules[name]
        where = module.path if module.hub is None else f"{module.hub.id} at {module.hub.revision}"
        notes.append(
            f"`{name}` is one module that existed already ({where}): seeds differ in what controls draw, in the order "
            "of training and in the target host's own modules, so no interval says how another training of it would "
            "do; and what it was trained on is not known here, so test examples may be among it"
        )
    return notes


def _check_grid(settings: StudySettings) -> None:
    grid = settings.grid
    if not grid.techniques and not grid.modules:
        raise ConfigError("config key `grid.techniques`: expected the name of a technique, or one in `grid.modules`.")
    for index, name in enumerate(grid.modules):
        if name not in settings.modules:
            said = unknown_name("module", name, settings.modules)
            raise ConfigError(f"config key `grid.modules.{index}`: {said}")
        if name in settings.techniques:
            raise ConfigError(f"config key `modules.{name}`: expected a name of its own, a technique has it too.")
        _check_start(name, settings)


def _check_start(name: str, settings: StudySettings) -> None:
    """Refuse a grid that starts elsewhere than where the module was made."""
    module, grid = settings.modules[name], settings.grid
    for key, known, made in (("host", settings.hosts, module.host), ("dataset", settings.datasets, module.dataset)):
        if made not in known:
            raise ConfigError(f"config key `modules.{name}.{key}`: {unknown_name(key, made, known)}")
    for key, pairs, made in (
        ("transfers", grid.transfers, module.host),
        ("dataset_pairs", grid.dataset_pairs, module.dataset),
    ):
        for index, pair in enumerate(pairs):
            if pair.source != made:
                raise ConfigError(
                    f"config key `grid.{key}.{index}.source`: expected `{made}`, for which the module `{name}` was "
                    f"made, got `{pair.source}`."
                )
    if settings.decontaminate and any(pair.source != pair.target for pair in grid.dataset_pairs):
        raise ConfigError(
            f"config key `decontaminate`: what the module `{name}` was trained on cannot be cleaned, it exists "
            "already; expected false."
        )


def _check_head(name: str, parts: tuple[str, ...], settings: StudySettings) -> None:
    """Refuse a module with a head for a host without one, or without a word on what its outputs mean."""
    module, key = settings.modules[name], f"config key `modules.{name}"
    classifies, words = settings.hosts[module.host].classifies, settings.datasets[module.dataset].words
    if classifies != bool(parts):
        brings = f"brings {', '.join(parts)} of its host whole" if parts else "brings no classification head"
        expected = "with `head: classification`" if parts else "without `head: classification`"
        raise ConfigError(f"{key}.host`: the module {brings}; expected a host {expected}, `{module.host}` is none.")
    if classifies and sorted(module.labels or []) != words:
        raise ConfigError(
            f"{key}.labels`: expected the label words {', '.join(words)} in the order of the outputs of its head, got "
            f"{module.labels}."
        )
    if module.labels and not classifies:
        raise ConfigError(f"{key}.labels`: the module has no classification head, whose outputs these would be.")


def _technique(name: str, settings: StudySettings, folder: Path) -> TechniqueSettings:
    module, key = settings.modules[name], f"config key `modules.{name}`"
    try:
        adapter = read_adapter(adapter_folder(module, folder))
        _check_head(name, normalised(adapter).modules_to_save, settings)
        form = form_of(adapter, None if module.initial is None else read_adapter(folder / module.initial))
        trained = {"learning_rate": module.learning_rate, "source_steps": module.source_steps}
        return technique_settings(form["method"], form | trained)
    except ValidationError as error:
        said = "; ".join(detail["msg"] for detail in error.errors(include_url=False))
        raise ConfigError(f"{key}: its form is none that can be trained here: {said}") from None
    except ConfigError:
        raise
    except (AdapterError, HubRefusal, ValueError, OSError) as error:
        raise ConfigError(f"{key}: {error}") from error
