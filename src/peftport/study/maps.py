"""What must go together in a study whose modules are carried by maps."""

from collections.abc import Iterator, Mapping

from peftport.hosts.families.table import FAMILIES, family
from peftport.hosts.shape import common
from peftport.maps.admissible import refusals, would_do
from peftport.maps.controls.random_basis import SITED
from peftport.maps.table import COPY, method
from peftport.porting.compatibility import differences
from peftport.registry import unknown_name
from peftport.storage.provenance import JsonObject
from peftport.study.grid import MAPPED, PLACED
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
            said = f"expected a transfer in `grid.transfers` with `map: {name}`, there is none; modules would be copied."
            return f"maps.{name}", said
        if entry.texts is not None and entry.texts not in settings.datasets:
            return f"maps.{name}.texts", unknown_name("dataset", entry.texts, settings.datasets)
    return None


def map_complaint(study: Study, known: Declared) -> Complaint | None:
    """The first thing that does not go together with the maps of a study; None if nothing.

    Args:
        known: of each host what is known before it is there.
    """
    checks = (_texts(study), _initialisations(study), _widths(study, known), _transfers(study, known))
    return next((wrong for check in checks for wrong in check), None)


def map_notes(study: Study) -> list[str]:
    """A sentence for the report, without its capital and full stop, where a study has maps."""
    if not study.mapped_transfers:
        return []
    return [
        "modules that a map has carried are of the target host's shape, and where hosts differ in shape the same "
        "technique has another number of parameters there than in the source host"
    ]


def _texts(study: Study) -> Iterator[Complaint]:
    for name, settings in study.config.maps.items():
        needed = "texts" in method(settings.method).needs
        if needed and settings.texts is None:
            said = f"expected the name of a dataset: the method `{settings.method}` reads texts in both hosts."
            yield f"maps.{name}.texts", said
        if settings.texts is not None and not needed:
            yield f"maps.{name}.texts", f"the method `{settings.method}` reads no texts; expected no such key."


def _initialisations(study: Study) -> Iterator[Complaint]:
    key, transfers = "grid.initialisations", study.mapped_transfers
    for kind in study.grid.initialisations:
        if kind in MAPPED and not transfers:
            yield key, f"`{kind}` is about a map, and every transfer copies: expected one with a `map`."
        for name in study.techniques if kind in PLACED else ():
            described = study.config.techniques[name].method
            if described not in SITED:
                said = f"`{kind}` cannot be made for the technique `{name}`: it is known for {', '.join(SITED)} only."
                yield key, said


def _widths(study: Study, known: Declared) -> Iterator[Complaint]:
    """A bottleneck that follows the host's width differs between hosts, and a carried module keeps the source's."""
    for transfer in study.mapped_transfers:
        facts = [known[name] for name in (transfer.source, transfer.target)]
        widths = [None if fact is None else fact["shape"].get("d_model") for fact in facts]
        if widths[0] is not None and widths[0] == widths[1]:
            continue
        for name in study.techniques:
            settings = study.config.techniques[name]
            if getattr(settings, "bottleneck", 0) is None:
                yield f"techniques.{name}.bottleneck", (
                    "expected a number: a carried module keeps the width that it has in its source host, and by "
                    f"`reduction_factor` the modules of {transfer.target} itself would be of another width than those of "
                    f"{transfer.source}."
                )


def _transfers(study: Study, known: Declared) -> Iterator[Complaint]:
    """Transfers in which modules cannot be carried, as far as the hosts are known before they are there."""
    techniques = {name: study.config.techniques[name].as_json() for name in study.techniques}
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
    said = f"a module cannot be copied {transfer.source} -> {transfer.target}: expected hosts of one shape, they differ in"
    said += "\n  " + "\n  ".join(found)
    cards = _cards(facts)
    able = would_do(*cards, techniques) if cards else []
    named = f"of one of the methods {', '.join(able)}" if able else "but no method here makes one for these"
    return f"{said}\nSuch hosts need a `map` beside `source` and `target`, {named}."


def _mapped(study: Study, transfer: TransferSettings, facts: list[JsonObject], techniques: JsonObject) -> str:
    settings, cards = study.config.maps[transfer.map], _cards(facts)
    try:
        lines = refusals(settings, *cards, techniques) if cards else []
    except KeyError:  # it asks for a size that only the host itself tells; `check_transfer` asks again
        return ""
    if not lines:
        return ""
    said = f"the map `{transfer.map}` cannot carry modules {transfer.source} -> {transfer.target}:\n  "
    return said + "\n  ".join(lines)


def _cards(facts: list[JsonObject]) -> list[JsonObject]:
    """What the hosts' cards will say, as far as it is known; nothing where a family is not known."""
    return [_card(fact) for fact in facts] if all(fact["model_type"] in FAMILIES for fact in facts) else []


def _card(fact: JsonObject) -> JsonObject:
    shape, stacks = dict(fact["shape"]), family(fact["model_type"]).layers
    layers = shape.pop("layers", None)
    known = {"encoder": layers, "decoder": shape.pop("decoder_layers", layers)}
    shape |= {f"{stack}_layers": known[stack] if stack in stacks else 0 for stack in known}
    shape = {name: size for name, size in shape.items() if size is not None}
    if {"d_model", "heads"} <= shape.keys():
        shape = {"d_kv": shape["d_model"] // shape["heads"], "key_value_heads": shape["heads"]} | shape
    return fact | {"shape": shape}
