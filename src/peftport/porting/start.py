"""A module ready to load into the target host, with a card that says what it starts from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from peftport.porting import table
from peftport.porting.compatibility import notes, refuse_unless_compatible
from peftport.porting.constant import is_constant
from peftport.seeds import generator
from peftport.storage.cards import read_card
from peftport.storage.modules import Module, read_members, read_module, write_module
from peftport.storage.names import COPY, seed_folder
from peftport.storage.provenance import JsonObject

# the source module and what was drawn to the start and facts about it for the card
Fit = Callable[[Module, Module], tuple[Module, JsonObject]]

BASE = "base_model_name_or_path"  # of adapter_config.json
_KEPT = ("technique", "note", "dataset")  # what the start's card takes over from the source module's


class Carry(Protocol):
    """What carries a source module along a map, before the rule of an initialisation: ``peftport.maps.carrying``."""

    name: str

    def __call__(self, module: Module, change: table.Change | None, rng: np.random.Generator) -> Module:
        """The module in the target host's shapes, along the map as ``change`` alters it."""


@dataclass(frozen=True)
class Beside:
    """What starts are made with beside modules and cards, each as for ``make_start``."""

    fit: Fit | None = None
    carry: Carry | None = None


def make_start(
    initialisation: str,
    module: Module,
    target_card: JsonObject,
    seed: int,
    siblings: Sequence[Module] = (),
    fit: Fit | None = None,
    carry: Carry | None = None,
) -> Module:
    """Make the module that a run in the target host starts from.

    A module that a map carries is carried first; the initialisation's rule is about the carried one. The draw is named
    by seed, initialisation, technique, hosts, dataset and map, so no two starts of a study share one. From a module
    whose training failed comes no start: it is handed on without numbers. Siblings that failed are left out.

    Args:
        initialisation: its name, an entry of ``table.INITIALISATIONS``.
        module: the source module, its card as ``extract`` wrote it.
        target_card: the target host's card.
        siblings: other modules of the technique in the target host, for initialisations that need them.
        fit: what fits a draw to the target host's weights, or to texts in it, for initialisations that need them.
        carry: what carries the module; None where it is copied.

    Returns:
        The module. Its card has initialisation, rule, map, seed, source_host and target_host with their weights'
        SHA-256, the source module's seed, key and checksum, the siblings' checksums, constant_tensors, and what ``fit``
        says.

    Raises:
        ValueError: unknown initialisation; one that the host makes; siblings or ``fit`` missing; or a module with
            entries that are not finite numbers.
    """
    entry = _entry(initialisation, module, siblings, fit, carry)
    card = module.card
    purpose = [str(part) for part in (card.get("technique"), card.get("host"), target_card.get("host"))]
    purpose += [str(card.get("dataset")), *([] if carry is None else [carry.name])]
    if carry is not None:
        module = carry(module, entry.change, generator(seed, "map", initialisation, *purpose))
    usable = [sibling for sibling in siblings if sibling.failed_at_step is None]
    sources = [module, *usable]
    failed = next((m for m in (sources if usable else [module, *siblings]) if m.failed_at_step is not None), None)
    if failed is None:
        _check_finite(sources)
    rng = generator(seed, "start", initialisation, *purpose)
    start, fitted = failed or entry.start(module, rng, usable), {}
    if fit is not None and failed is None:
        start, fitted = fit(module, start)
    named = {name: target_card.get("host") for name in (BASE,) if name in start.config}
    facts = {
        "initialisation": initialisation,
        "rule": entry.rule,
        "seed": seed,
        **_move(card, target_card, module, carry),
        "source_module": {key: card.get(key) for key in ("seed", "key", "weights_sha256")},
        "siblings": [sibling.card.get("weights_sha256") for sibling in usable] if "siblings" in entry.needs else [],
        "failed_at_step": failed and failed.failed_at_step,
        "constant_tensors": [tensor for tensor, entries in sorted(module.tensors.items()) if is_constant(entries)],
    }
    facts |= head_facts(module, start)
    return replace(start, config=start.config | named, card={key: card.get(key) for key in _KEPT} | facts | fitted)


def _move(card: JsonObject, target_card: JsonObject, module: Module, carry: Carry | None) -> JsonObject:
    return {
        "map": COPY if carry is None else carry.name,
        "carried": module.card.get("carried"),
        "source_host": card.get("host"),
        "source_host_sha256": card.get("host_sha256"),
        "target_host": target_card.get("host"),
        "target_host_sha256": target_card.get("weights_sha256"),
    }


def head_facts(module: Module, start: Module) -> JsonObject:
    """What the start's card says of a classification head; nothing where the source module has none."""
    if not module.head:
        return {}
    return {"labels": module.card.get("labels"), "head": "moved" if start.head else "fresh"}


def make_starts(
    initialisation: str,
    folders: dict[int, Path],
    siblings: dict[int, list[Path]],
    cards: dict[str, Path],
    outputs: dict[int, Path],
    provenance: JsonObject,
    beside: Beside = Beside(),
) -> None:
    """Write the starts of a block of seeds as module directories.

    Args:
        folders: seed to directory of the source module.
        siblings: seed to directories of other modules of the technique in the target host; may be empty.
        cards: the hosts' card files, ``source`` and ``target``.
        outputs: seed to directory to write.
        provenance: how the files are made, added to each card.
        beside: what they are made with beside these.

    Raises:
        ValueError: the hosts differ in shape though modules are copied, or as ``make_start`` says.
    """
    source, target = (read_card(cards[end]) for end in ("source", "target"))
    if beside.carry is None:
        refuse_unless_compatible(source, target)
    for note in notes(source, target):
        print(f"note: {note}")
    for seed, module in read_members(folders).items():
        others = [read_module(sibling) for sibling in siblings.get(seed, [])]
        start = make_start(initialisation, module, target, seed, others, beside.fit, beside.carry)
        write_module(outputs[seed], replace(start, card=start.card | provenance))
        print(f"seed {seed}: {initialisation} {folders[seed]} -> {outputs[seed]}")


def sibling_folders(folders: Sequence[str], siblings: Mapping[str, Sequence[tuple[int, int]]]) -> dict[int, list[Path]]:
    """Seed to the directories of its siblings.

    Args:
        folders: of blocks of seeds.
        siblings: seed to its siblings, each the place of its block among the folders and its seed.
    """
    return {
        int(seed): [seed_folder(folders[place], other) for place, other in others] for seed, others in siblings.items()
    }


def _entry(
    name: str, module: Module, siblings: Sequence[Module], fit: Fit | None, carry: Carry | None
) -> table.Initialisation:
    """The initialisation of this name, with all that it needs."""
    entry = table.initialisation(name)
    if entry.start is None:
        raise ValueError(f"initialisation {name!r} is made in the target host, not from a module")
    if "siblings" in entry.needs and not siblings:
        raise ValueError(f"initialisation {name!r} needs other modules of the technique in the target host")
    if "head" in entry.needs and not module.head:
        raise ValueError(f"initialisation {name!r} is about a classification head, and the module has none")
    if entry.needs & {"texts", "weights"} and fit is None:
        raise ValueError(f"initialisation {name!r} is fitted in the target host, to its weights or to texts")
    if entry.change is not None and carry is None:
        raise ValueError(f"initialisation {name!r} is about a map, and modules are copied here")
    return entry


def _check_finite(modules: Sequence[Module]) -> None:
    for module in modules:
        wrong = [name for name, tensor in module.tensors.items() if not np.isfinite(tensor).all()]
        if not wrong:
            continue
        where = ", ".join(str(module.card.get(key)) for key in ("technique", "host", "dataset", "seed"))
        raise ValueError(
            f"the module ({where}) has entries that are no finite numbers, in {wrong[0]} and {len(wrong) - 1} more "
            "tensors: its training diverged. Train it with a lower learning rate."
        )
