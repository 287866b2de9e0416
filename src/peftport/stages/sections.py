"""The parts of a config that stages depend on: of a dataset, of a technique, of the training."""

import functools
from collections.abc import Sequence
from pathlib import Path

from peftport.data.lm_eval_files import local_files
from peftport.host_building.recipes.table import RECIPES
from peftport.hosts.families.table import FAMILIES
from peftport.hosts.shape import declared
from peftport.maps.laws.table import INSTEAD, LAWS, parted
from peftport.prompting.lm_types.table import LM_TYPES
from peftport.storage.provenance import JsonObject
from peftport.study.derived_datasets import root
from peftport.study.study import Study
from peftport.tasks.table import MIXTURE
from peftport.techniques.table import METHODS, PEFT_TYPES, described_as

# of the training section: what a test depends on, and what a training in the target host depends on
TESTED_BY = {"host_precision"}
TRAINED_BY = TESTED_BY | {"batch_size", "warmup_steps", "weight_decay", "gradient_clip"}
# of a dataset's definition: what its splits depend on; the rest is how it is put to a host
PREPARED_BY = {
    **dict.fromkeys(("source", "labels", "split", "examples", "drop", "label_noise"), True),
    "multiple_choice": {"answer", "faulty"},
    "generation": {"max_new_tokens"},
}
SOURCE_ONLY = {"source_steps"}  # of a technique's entry: what a training in the target host does not depend on


def prepared_by(study: Study, dataset: str) -> JsonObject:
    """The part of a dataset's definition that its splits depend on."""
    return study.config.datasets[dataset].model_dump(mode="json", include=PREPARED_BY)


def task(study: Study, dataset: str) -> JsonObject:
    """How a dataset is put to a host: its prompt template, its kind, its label words, whether it is asked in a chat."""
    definition = study.config.datasets[root(dataset)]
    template = "{text}" if definition.kind in ("lm_eval", MIXTURE) else definition.template
    told = {"template": template, "words": definition.words, "kind": definition.kind}
    if definition.generation is not None:
        told["longest_answer"] = definition.generation.max_new_tokens
    return told | ({"chat": definition.conversation} if definition.chat else {})


def task_files(study: Study, dataset: str) -> list[Path]:
    """The files from outside the study that a test on a dataset reads itself: those of a task of lm-eval."""
    source = study.config.datasets[root(dataset)].source.lm_eval
    return [] if source is None else local_files(source, study.folder)


def scored_task(study: Study, dataset: str) -> JsonObject:
    """The same with the settings of its scores."""
    definition = study.config.datasets[root(dataset)]
    return task(study, dataset) | {"scoring": definition.scoring}


def kind_code(study: Study, dataset: str, modules: dict[str, str]) -> list[str]:
    """The module that a table names for the kind of a dataset."""
    return [modules[study.config.datasets[root(dataset)].kind]]


def training(study: Study, host: str, include: set[str] | None = None) -> JsonObject:
    """The training section as it holds for a host, whose precision may be its own, or a part of it."""
    section = study.config.training.model_copy(update={"host_precision": study.precision(host)})
    return section.model_dump(mode="json", include=include)


def tested_by(study: Study, host: str) -> JsonObject:
    """The part of the training section that a test in a host depends on."""
    return training(study, host, TESTED_BY)


def trained_by(study: Study, host: str) -> JsonObject:
    """The part of the training section that a training in the target host depends on."""
    return training(study, host, TRAINED_BY)


def technique(study: Study, name: str) -> JsonObject:
    """The part of a technique's entry that a training in the target host depends on."""
    return study.config.techniques[name].model_dump(mode="json", exclude=SOURCE_ONLY)


def form(study: Study, name: str) -> JsonObject:
    """The part of a technique's entry that says what its modules are, and not how they are trained."""
    return study.config.techniques[name].model_dump(mode="json", exclude=SOURCE_ONLY | {"learning_rate"})


def methods(study: Study, names: Sequence[str]) -> dict[str, str]:
    """Techniques to their methods, as the typology calls them."""
    return {name: described_as(study.config.techniques[name].as_json()) for name in names}


def method_code(study: Study, *names: str) -> list[str]:
    """The modules of these techniques, and of those that know what modules of the same types of peft add to a host."""
    settings = [study.config.techniques[name] for name in names]
    types = [getattr(entry, "peft_type", None) for entry in settings]
    alike = [PEFT_TYPES[name] for name in types if name in PEFT_TYPES]
    parts = [part for entry in settings for part in entry.as_json().get("parts", ())]
    return sorted({METHODS[name] for name in (*(entry.method for entry in settings), *alike, *parts)})


def law_code(study: Study, name: str) -> list[str]:
    """The laws of a technique, or of its parts."""
    return [LAWS[method] for method in parted(study.config.techniques[name].as_json())]


def carried_code(study: Study, name: str, by_map: str) -> list[str]:
    """The modules of a technique, and of the one as whose modules its own may arrive that a map carries."""
    method = study.config.techniques[name].method
    more = [METHODS[INSTEAD[method]]] if by_map in study.config.maps and method in INSTEAD else []
    return [*method_code(study, name), *more]


@functools.lru_cache(maxsize=1024)
def model_types(study: Study, host: str) -> list[str]:
    """A host's family, by transformers' ``model_type``; every one where only loading the host tells."""
    facts = declared(host, study.config.hosts, study.folder)
    return [name for name in FAMILIES if facts is None or facts["model_type"] == name]


def lm_types(study: Study, host: str) -> set[str]:
    """The language model types that a host may be of."""
    return {study.lm_type(host, name) for name in model_types(study, host)}


def host_code(study: Study, host: str) -> list[str]:
    """The modules reached by name for a host: its family, and how such a host is asked."""
    names = model_types(study, host)
    return sorted({FAMILIES[name] for name in names} | {LM_TYPES[name] for name in lm_types(study, host)})


def recipe_code(study: Study, host: str) -> list[str]:
    """The recipes of those families that can be built."""
    return sorted({RECIPES[name] for name in model_types(study, host) if name in RECIPES})


def answer_code(study: Study, host: str) -> list[str]:
    """The modules for how such a host answers."""
    return [f"peftport.evaluation.lm_types.{name}" for name in sorted(lm_types(study, host))]
