"""What must go together in a study whose modules are carried by maps."""

from collections.abc import Iterator, Mapping

from peftport.hosts.families.table import FAMILIES, family
from peftport.hosts.shape import card_so_far, common
from peftport.maps.admissible import SEVERAL, reads_texts, told_refusals, unsuited, would_do
from peftport.maps.laws.table import INSTEAD, parted
from peftport.maps.spaces import refusal
from peftport.porting.compatibility import differences
from peftport.registry import unknown_name
from peftport.storage.names import COPY
from peftport.storage.provenance import JsonObject
from peftport.study.entries import MAPPED, PLACED, SCALED
from peftport.study.grid_settings import TransferSettings
from peftport.study.settings import StudySettings
from peftport.study.study import Study

Complaint = tuple[str, str]  # a key of the config, and what is wrong there
Declared = Mapping[str, JsonObject | None]  # of each host what is known before it is there


def map_name_complaint(settings: StudySettings) -> Complaint | None:
    """Maps that transfers name must be defined, and maps that are defined must be used."""
    if COPY in settings.maps:
        return f"maps.{COPY}", f"expected another name: `{COPY}` needs no definition, and hosts of equal shape."
    transfers = settings.grid.transfers
    for index, transfer in enumerate(transfers):
        if transfer.map not in (COPY, *settings.maps):
            return f"grid.transfers.{index}.map", unknown_name("map", transfer.map, [COPY, *settings.maps])
    for name, entry in settings.maps.items():
        if name not in {transfer.map for transfer in transfers}:
            said = (
                f"expected a transfer in `grid.transfers` with `map: {name}`, there is none; modules would be copied."
            )
            return f"maps.{name}", said
        if entry.texts is not None and entry.texts not in settings.datasets:
            return f"maps.{name}.texts", unknown_name("dataset", entry.texts, settings.datasets)
    return None


def map_complaint(study: Study, known: Declared) -> Complaint | None:
    """The first thing that does not go together with the maps of a study; None if nothing.

    Args:
        known: of each host what is known before it is there.
    """
    checks = (_texts(study), _unsuited(study), _initialisations(study), _streams(study, known), _widths(study, known))
    checks += (_transfers(study, known),)
    return next((wrong for check in checks for wrong in check), None)


def _texts(study: Study) -> Iterator[Complaint]:
    for name, settings in study.config.maps.items():
        needed, which = reads_texts(settings), f"the method `{settings.method}` with `layers: {settings.layers}`"
        if needed and settings.texts is None:
            said = f"expected the name of a dataset, whose texts {which} reads in both hosts."
            yield f"maps.{name}.texts", said
        if settings.texts is not None and not needed:
            yield f"maps.{name}.texts", f"{which} reads no texts; expected no such key."
        dataset = study.config.datasets.get(settings.texts)
        if dataset is not None and dataset.source.is_only_tested:
            said = (
                f"expected a dataset with training texts, every file of `{settings.texts}` is to test or validate on."
            )
            yield f"maps.{name}.texts", said


def _unsuited(study: Study) -> Iterator[Complaint]:
    techniques = _settings(study)
    for name in dict.fromkeys(transfer.map for transfer in study.mapped_transfers):
        if lines := unsuited(study.config.maps[name], techniques):
            yield f"maps.{name}", "it cannot carry all modules of the grid:\n  " + "\n  ".join(lines)


def _initialisations(study: Study) -> Iterator[Complaint]:
    key, transfers = "grid.initialisations", study.mapped_transfers
    for kind in study.grid.initialisations:
        if kind in MAPPED and not transfers:
            yield key, f"`{kind}` is about a map, and every transfer copies: expected one with a `map`."
        for name in study.techniques:
            if (reason := _unfit(kind, study.config.techniques[name].as_json())) is not None:
                yield key, f"`{kind}` cannot be made for the technique `{name}`: {reason}."
        for name in _widening(study) if kind == "target_mean" else ():
            said = f"with `layers` of {' or '.join(SEVERAL)} carried adapters are wider than those of the target host."
            yield key, f"`{kind}` cannot be made for the technique `{name}`: {said}"
        for name in carried_instead(study) if kind == "target_mean" else ():
            said = f"a map may carry its modules as {INSTEAD[study.config.techniques[name].method]}, and those of the "
            yield key, f"`{kind}` cannot be made for the technique `{name}`: {said}target host are none."


def _unfit(kind: str, technique: JsonObject) -> str | None:
    """Why an initialisation that depends on what a technique's tensors are cannot be made for it."""
    if kind in PLACED:
        from peftport.maps.controls.random_basis import refusal as unplaced  # most studies have none of these

        return unplaced(technique)
    if kind in SCALED:
        from peftport.maps.controls.scaled import refusal as unscaled

        return unscaled(technique)
    return None


def _widening(study: Study) -> list[str]:
    """Techniques whose modules get wider where several source layers stand for one."""
    several = any(study.config.maps[transfer.map].layers in SEVERAL for transfer in study.mapped_transfers)
    return [
        name for name in study.techniques if several and "adapters" in parted(study.config.techniques[name].as_json())
    ]


def carried_instead(study: Study) -> list[str]:
    """Techniques whose modules a map of the study may carry as those of another technique."""
    names = study.techniques if study.mapped_transfers else []
    return [name for name in names if study.config.techniques[name].method in INSTEAD]


def instead_notes(study: Study) -> list[str]:
    """A sentence for every such technique."""
    others = {name: INSTEAD[study.config.techniques[name].method] for name in carried_instead(study)}
    return [
        f"modules of {name} that a map cannot carry as such are carried as {other}, which add the same to the host and "
        "have more parameters (`carried` on the card of a start says so, with both numbers); native modules and those "
        "from scratch are its own"
        for name, other in others.items()
    ]


def _streams(study: Study, known: Declared) -> Iterator[Complaint]:
    """What is put into the target host's own basis needs hosts whose residual stream is described."""
    kinds = [kind for kind in study.grid.initialisations if kind in PLACED]
    for transfer in study.moving_transfers if kinds else ():
        fact = known[transfer.target]
        if fact is None or fact["model_type"] not in FAMILIES:
            continue
        if (reason := refusal(family(fact["model_type"]))) is not None:
            yield "grid.initialisations", f"`{kinds[0]}` cannot be made for the host `{transfer.target}`: {reason}."


def _widths(study: Study, known: Declared) -> Iterator[Complaint]:
    """A bottleneck that follows the host's width differs between hosts, and a carried module keeps the source's."""
    for transfer in study.mapped_transfers:
        facts = [known[name] for name in (transfer.source, transfer.target)]
        widths = [None if fact is None else fact["shape"].get("d_model") for fact in facts]
        if widths[0] is not None and widths[0] == widths[1]:
            continue
        for name in study.techniques:
            settings = study.config.techniques[name]
            if any(own.get("bottleneck", 0) is None for own in parted(settings.as_json()).values()):
                said = "expected a number: a carried module keeps the width that it has in its source host, and by "
                said += f"`reduction_factor` modules of {transfer.target} have another than those of {transfer.source}."
                yield f"techniques.{name}.bottleneck", said


def _transfers(study: Study, known: Declared) -> Iterator[Complaint]:
    """Transfers in which modules cannot be carried, as far as the hosts are known before they are there."""
    techniques = _settings(study)
    for index, transfer in enumerate(study.moving_transfers):
        facts = [known[name] for name in (transfer.source, transfer.target)]
        if None in facts:
            continue
        check = _copied if transfer.map == COPY else _mapped
        if said := check(study, transfer, facts, techniques):
            yield f"grid.transfers.{index}", said


def _copied(study: Study, transfer: TransferSettings, facts: list[JsonObject], techniques: JsonObject) -> str:
    if not (found := differences(*common(*facts))):
        return ""
    said = (
        f"a module cannot be copied {transfer.source} -> {transfer.target}: expected hosts of one shape, they differ in"
    )
    said += "\n  " + "\n  ".join(found)
    cards = _cards(facts)
    able = would_do(*cards, techniques) if cards else []
    named = f"of one of the methods {', '.join(able)}" if able else "but no method here makes one for these"
    return f"{said}\nSuch hosts need a `map` beside `source` and `target`, {named}."


def _mapped(study: Study, transfer: TransferSettings, facts: list[JsonObject], techniques: JsonObject) -> str:
    settings, cards = study.config.maps[transfer.map], _cards(facts)
    lines = told_refusals(settings, *cards, techniques) if cards else []
    if not lines:
        return _without_copy(study, transfer, facts)
    said = f"the map `{transfer.map}` cannot carry modules {transfer.source} -> {transfer.target}:\n  "
    return said + "\n  ".join(lines)


def _without_copy(study: Study, transfer: TransferSettings, facts: list[JsonObject]) -> str:
    """A map between hosts of one shape is worth what it adds to a plain copy."""
    plain = TransferSettings(source=transfer.source, target=transfer.target)
    if plain in study.moving_transfers or differences(*common(*facts)):
        return ""
    return (
        f"expected {{source: {transfer.source}, target: {transfer.target}}} without a map in `grid.transfers` too: "
        f"these hosts have one shape, and what the map `{transfer.map}` is worth is seen beside a plain copy."
    )


def _settings(study: Study) -> dict[str, JsonObject]:
    return {name: study.config.techniques[name].as_json() for name in study.techniques}


def _cards(facts: list[JsonObject]) -> list[JsonObject]:
    """What the hosts' cards will say, as far as it is known; nothing where a family is not known."""
    return [card_so_far(fact) for fact in facts] if all(fact["model_type"] in FAMILIES for fact in facts) else []
