"""The parts of a config that stages depend on: of a dataset, of a technique, of the training."""

import functools
from collections.abc import Sequence

from peftport.host_building.recipes.table import RECIPES
from peftport.hosts.families.table import FAMILIES, family
from peftport.hosts.shape import declared
from peftport.prompting.lm_types.table import LM_TYPES
from peftport.storage.provenance import JsonObject
from peftport.study.derived_datasets import root
from peftport.study.study import Study
from peftport.techniques.table import METHODS, described_as

# of the training section: what a test depends on, and what a training in the target host depends on
TESTED_BY = {"host_precision"}
TRAINED_BY = TESTED_BY | {"batch_size", "warmup_steps", "weight_decay", "gradient_clip"}
# of a dataset's definition: what its splits depend on; the rest is how it is put to a host
PREPARED_BY = {"source", "labels", "split", "examples"}
SOURCE_ONLY = {"source_steps"}  # of a technique's entry: what a training in the target host does not depend on


def prepared_by(study: Study, dataset: str) -> JsonObject:
    """The part of a dataset's definition that its splits depend on."""
    return study.config.datasets[dataset].model_dump(mode="json", include=PREPARED_BY)


def task(study: Study, dataset: str) -> JsonObject:
    """How a dataset is put to a host: its prompt template, its label words, and whether it is a message of a chat."""
    definition = study.config.datasets[root(dataset)]
    chat = {"chat": definition.conversation} if definition.chat else {}
    return {"template": definition.template, "words": sorted(set(definition.labels.values())), **chat}


def tested_by(study: Study) -> JsonObject:
    """The part of the training section that a test depends on."""
    return study.config.training.model_dump(mode="json", include=TESTED_BY)


def trained_by(study: Study) -> JsonObject:
    """The part of the training section that a training in the target host depends on."""
    return study.config.training.model_dump(mode="json", include=TRAINED_BY)


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
    """The modules of these techniques."""
    return sorted({METHODS[study.config.techniques[name].method] for name in names})


@functools.lru_cache(maxsize=1024)
def model_types(study: Study, host: str) -> list[str]:
    """A host's family, by transformers' ``model_type``; every one where only loading the host tells."""
    facts = declared(host, study.config.hosts, study.folder)
    return [name for name in FAMILIES if facts is None or facts["model_type"] == name]


def host_code(study: Study, host: str) -> list[str]:
    """The modules reached by name for a host: its family, and how such a host is asked."""
    names = model_types(study, host)
    return sorted({FAMILIES[name] for name in names} | {LM_TYPES[family(name).lm_type] for name in names})


def recipe_code(study: Study, host: str) -> list[str]:
    """The recipes of those families that can be built."""
    return sorted({RECIPES[name] for name in model_types(study, host) if name in RECIPES})


def answer_code(study: Study, host: str) -> list[str]:
    """The modules for how such a host answers."""
    names = {family(name).lm_type for name in model_types(study, host)}
    return [f"peftport.evaluation.lm_types.{name}" for name in sorted(names)]
