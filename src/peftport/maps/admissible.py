"""Whether a map can carry modules between two hosts: from the hosts' cards and settings alone."""

from collections.abc import Mapping

from peftport.hosts.families.table import family
from peftport.maps.laws.law import Law
from peftport.maps.laws.table import LAWS, NO_LAW, law, parted
from peftport.maps.laws.table import refusals as refused_by_law
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import refusal
from peftport.maps.table import MAPS, method
from peftport.porting.compatibility import notes, refuse_unless_compatible
from peftport.storage.provenance import JsonObject
from peftport.techniques.table import described_as

CHOSEN_BY_TEXTS = "cka"  # layer map
SEVERAL = ("linear", "avg")  # layer maps in which several source layers stand for one
EXISTING = (
    "a study trains fresh ones of its form in the target, and a LoRA that exists already names the layers of its own "
    "host; `peftport port --map` carries it"
)
Techniques = Mapping[str, JsonObject]  # name in the config to settings


def refusals(settings: MapSettings, source: JsonObject, target: JsonObject, techniques: Techniques) -> list[str]:
    """Why modules of these techniques cannot be carried from one host to the other, one line each.

    Args:
        settings: of the map.
        source: card of the host that modules come from.
        target: card of the host that they go to.
        techniques: settings of those whose modules are to be carried.
    """
    families = [refusal(family(card["model_type"])) for card in (source, target)]
    if lines := [line for line in dict.fromkeys(families) if line is not None]:
        return lines
    if lines := unsuited(settings, techniques):
        return lines
    lines = method(settings.method).refusals(source, target, settings)
    for name, technique in techniques.items():
        found = refused_by_law(technique["method"], technique, source, target)
        for method_of_part in parted(technique):
            found += _refused_by_layers(settings, law(method_of_part), source, target)
        lines += [f"technique `{name}`: {line}" for line in found]
    return lines


def _refused_by_layers(settings: MapSettings, entry: Law, source: JsonObject, target: JsonObject) -> list[str]:
    """Why modules cannot follow the layer map, where stacks are known to have different numbers of layers."""
    depths = [[card["shape"].get(f"{stack}_layers") for card in (source, target)] for stack in ("encoder", "decoder")]
    unequal = [pair for pair in depths if None not in pair and pair[0] != pair[1]]
    lines = []
    if settings.layers in SEVERAL and entry.mean is None and entry.instead is None and unequal:
        lines.append(
            f"`layers: {settings.layers}` puts several source layers in the place of one, and no module of it adds "
            "what theirs add on average; take `depth` or `skip`"
        )
    leaves_out = settings.layers == "cka" and settings.fill == "nothing"
    if leaves_out and entry.neutral is None and any(there > here for here, there in unequal):
        lines.append(
            "`layers: cka` leaves layers of a deeper target without a module, and no module of it adds nothing; take "
            "`fill: nearest`"
        )
    return lines


def reads_texts(settings: MapSettings) -> bool:
    """Whether a map is estimated from what both hosts compute on texts."""
    return "texts" in method(settings.method).needs or settings.layers == CHOSEN_BY_TEXTS


def told_refusals(settings: MapSettings, source: JsonObject, target: JsonObject, techniques: Techniques) -> list[str]:
    """The refusals; none where they ask for a size that the cards do not have yet. ``check_transfer`` asks again."""
    try:
        return refusals(settings, source, target, techniques)
    except KeyError:
        return []


def unsuited(settings: MapSettings, techniques: Techniques) -> list[str]:
    """The techniques whose modules a map of these settings carries between no hosts, one line each."""
    chosen = method(settings.method)
    lines = []
    for name, technique in techniques.items():
        if "parts" in technique:
            own = {part: {"method": part} | dict(fields) for part, fields in parted(technique).items()}
            lines += [
                f"technique `{name}`: its part {line.removeprefix('technique ')}" for line in unsuited(settings, own)
            ]
            continue
        described = described_as(technique)
        if chosen.techniques is not None and described not in chosen.techniques:
            known = ", ".join(sorted(chosen.techniques))
            lines.append(f"technique `{name}`: maps of the method `{chosen.name}` carry {known} only")
        elif technique["method"] not in LAWS:
            said = EXISTING if described == "lora" else NO_LAW.get(technique["method"], "it has no law")
            lines.append(f"technique `{name}`: modules of `{described}` are not carried: {said}")
    return lines


def would_do(source: JsonObject, target: JsonObject, techniques: Techniques) -> list[str]:
    """The methods whose maps can carry modules of these techniques from one host to the other, as far as cards say."""
    return [name for name in MAPS if not told_refusals(MapSettings(method=name), source, target, techniques)]


def verdict(settings: JsonObject | None, source: JsonObject, target: JsonObject, techniques: Techniques) -> JsonObject:
    """What the check of a transfer says: ``verdict``, ``copy`` or ``map``, and ``notes``.

    Args:
        settings: of the map; None where modules are copied.
        source: card of the host that modules come from.
        target: card of the host that they go to.
        techniques: settings of those whose modules are to be carried.

    Raises:
        ValueError: modules cannot be carried so; the message has every reason.
    """
    if settings is None:
        refuse_unless_compatible(source, target)
        return {"verdict": "copy", "notes": notes(source, target)}
    if lines := refusals(MapSettings.model_validate(settings), source, target, techniques):
        pair = f"{source.get('host')} -> {target.get('host')}"
        how = f"by a map of the method `{settings['method']}`"
        raise ValueError(f"modules cannot be carried {pair} {how}:\n  " + "\n  ".join(lines))
    return {"verdict": "map", "notes": notes(source, target)}
