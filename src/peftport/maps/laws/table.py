"""The laws by technique, and why a technique's modules cannot be carried between two hosts, from their cards alone.

To add one, write its file with a ``LAW`` and add its line here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from peftport.hosts.families.table import family
from peftport.hosts.sites import Family
from peftport.maps.laws.law import IN, OUT, Axis, Law
from peftport.maps.layouts import Kind, counterparts
from peftport.maps.spaces import EMBEDDING, READS, WRITES, locate, refusal
from peftport.registry import import_entry
from peftport.storage.provenance import JsonObject
from peftport.techniques.table import PASSED_ON

LAWS: dict[str, str] = {
    "lora": "peftport.maps.laws.lora",
    "adapters": "peftport.maps.laws.adapters",
    "compacter": "peftport.maps.laws.compacter",
    "prefix_tuning": "peftport.maps.laws.prefix_tuning",
    "prompt_tuning": "peftport.maps.laws.prompt_tuning",
    "ia3": "peftport.maps.laws.ia3",
    "tiny_attention": "peftport.maps.laws.tiny_attention",
}
# techniques whose modules are carried as those of another where their own have no counterpart in the other host
INSTEAD = {"compacter": "adapters"}
NO_LAW = {
    PASSED_ON: "peft's own techniques begin at quantities of their host, or have frozen parts of its sizes",
}
# what can be changed of a host's coordinates to the spaces that it changes
PARTS = {"stream": {"read", "memory", "write", EMBEDDING}, "heads": {"q", "k", "v", "mix"}, "units": {"units"}}
LANGUAGE_MODEL = "language_model"
GATED = {"wi": False, "wi_0": True, "wi_1": True, "wi_01": True}  # whether a sub-layer with such a site is gated


def parted(settings: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Methods to settings: of each part of a module of two techniques, or of the one technique."""
    return dict(settings["parts"]) if "parts" in settings else {str(settings["method"]): settings}


def law(method: str) -> Law:
    """The law of a technique; only its own file is imported.

    Raises:
        ValueError: it has none; the message offers a near name and lists all.
    """
    return import_entry("law of a technique", method, LAWS).LAW


def refusals(method: str, settings: Mapping[str, object], source: JsonObject, target: JsonObject) -> list[str]:
    """Why modules of a technique cannot be carried from one host to another, one line each; empty if they can.

    Args:
        method: of the technique.
        settings: of the technique, as plain JSON values.
        source: card of the source host: ``host``, ``model_type``, ``shape``, ``head``.
        target: card of the target host.
    """
    if "parts" in settings:
        return _of_parts(parted(settings), source, target)
    if method not in LAWS:
        return [f"modules of `{method}` are not carried: {NO_LAW.get(method, 'it has no law')}"]
    families = [family(card["model_type"]) for card in (source, target)]
    lines = list(dict.fromkeys(line for kind in families if (line := refusal(kind)) is not None))
    lines += [
        f"{card.get('host')}: modules with a classification head are not carried"
        for card in (source, target)
        if card.get("head", LANGUAGE_MODEL) != LANGUAGE_MODEL
    ]
    if lines:
        return lines
    entry = law(method)
    lines += _without_counterpart(entry, settings, *families) + _gated_otherwise(entry, settings, source, target)
    return lines + (entry.refusals(dict(settings), source, target) if entry.refusals else [])


def _of_parts(parts: Mapping[str, Mapping[str, Any]], source: JsonObject, target: JsonObject) -> list[str]:
    """The refusals of each part; one that a map may carry as another technique would no longer be that part."""
    lines = []
    for name, own in parts.items():
        found = refusals(name, own, source, target)
        found += [f"a map may carry it as {INSTEAD[name]}"] if name in INSTEAD else []
        lines += [f"its part `{name}`: {line}" for line in found]
    return lines


def touched(method: str, settings: Mapping[str, object]) -> list[str]:
    """What of a host's coordinates the tensors of a technique's modules touch: some of ``PARTS``.

    A plain copy of a module survives a change of all other coordinates as it is, and of none of these.

    Args:
        settings: of the technique, as plain JSON values.
    """
    if "parts" in settings:
        of_parts = {part for name, own in parted(settings).items() for part in touched(name, own)}
        return [part for part in PARTS if part in of_parts]
    entry = law(method)
    kinds = (settings.get(entry.chosen) if entry.chosen else None) or entry.kinds
    spaces = set(entry.touches(kinds)) if entry.touches else {axis.space for axis in _axes(entry)}
    of_sites = {IN: {READS[kind] for kind in kinds if kind in READS}, OUT: _written(kinds)}
    spaces = set().union(*(of_sites.get(space, {space}) for space in spaces))
    return [part for part, changed in PARTS.items() if not changed.isdisjoint(spaces)]


def _axes(entry: Law) -> list[Axis]:
    return [axis for axes in entry.axes.values() for axis in axes if axis is not None]


def _written(kinds: Sequence[str]) -> set[str]:
    return {space for kind in kinds if kind in WRITES for space in WRITES[kind]}


def _without_counterpart(entry: Law, settings: Mapping[str, object], source: Family, target: Family) -> list[str]:
    """Sites of the source that hosts of the target's family do not have, one line for each kind and stack."""
    lines = []
    for kind in _kinds(entry, settings, source):
        for stack, template in source.sites.get(kind, ()):
            part = locate(source, template.format(layer=0), (kind,)).place.sublayer
            if not counterparts(Kind(kind, stack, part), target, entry):
                lines.append(f"sites `{kind}` in the {stack}: hosts of the family {target.name!r} have none")
    return list(dict.fromkeys(lines))


def _gated_otherwise(entry: Law, settings: Mapping[str, object], source: JsonObject, target: JsonObject) -> list[str]:
    """Inner projections of a feed-forward sub-layer that one host has and the other has not, one line for each kind.

    A gated sub-layer has two of them, of which the product are its units, and another has one. Families of hosts with
    either (T5) have sites for both.
    """
    gated = [card.get("gated_feed_forward") for card in (source, target)]
    if None in gated or gated[0] == gated[1]:
        return []
    how = {True: "gated, by `wi_0` and `wi_1`", False: "not gated, with `wi` alone"}
    return [
        f"sites `{kind}`: the feed-forward sub-layers of {target.get('host')} are {how[gated[1]]}"
        for kind in _kinds(entry, settings, family(source["model_type"]))
        if GATED.get(kind) == gated[0]
    ]


def _kinds(entry: Law, settings: Mapping[str, object], source: Family) -> list[str]:
    """The kinds of sites that a technique's settings name, or all that the source's family has."""
    named = settings.get(entry.chosen) if entry.chosen else None
    return list(named or [kind for kind in entry.kinds if kind in source.sites])
