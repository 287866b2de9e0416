"""Which maps between hosts would carry an adapter that does not fit the new one as it is: from files alone."""

from collections.abc import Iterator
from dataclasses import replace

from peftport.adapters.case import Case
from peftport.adapters.checks.table import CHECKS
from peftport.adapters.folder import AdapterError
from peftport.adapters.form import form_of
from peftport.adapters.host_files import HostFiles
from peftport.adapters.verdict import COPIED, Reason, worst
from peftport.hosts.families.table import refusal
from peftport.hosts.shape import card_so_far, gated, sizes_said
from peftport.maps.admissible import reads_texts, told_refusals, would_do
from peftport.maps.laws.law import NotCarried
from peftport.maps.laws.table import law
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import locate
from peftport.maps.table import MAPS
from peftport.storage.provenance import JsonObject
from peftport.techniques.table import PASSED_ON, described_as

NAME = "adapter"  # of its technique among those that a map carries
OF_ITSELF = ("placing", "shapes", "whole", "fields")  # checks of an adapter in the host that it was trained in


def reasons(case: Case) -> Iterator[Reason]:
    """The maps that would do for an adapter that needs one; or why there is none."""
    if case.old is None:
        yield Reason("maps", "map", "which maps would do is told by both hosts: give --trained-in")
        return
    if not fits_its_own(case):
        yield Reason("maps", "map", "it does not fit the host that it was trained in either, so no map is named")
        return
    able, lines = maps_that_do(case)
    if not able:
        yield Reason("maps", "map", f"a map is needed, and no method here makes one: {'; '.join(lines)}")
        return
    reading = [name for name in able if reads_texts(MapSettings(method=name))]
    said = ", ".join([*(name for name in able if name not in reading), *(f"{name} (with texts)" for name in reading)])
    yield Reason("maps", "map", f"map needed: {said} would do for this technique and these families")


def fits_its_own(case: Case) -> bool:
    """Whether the adapter is a whole one of the host that it was trained in."""
    return worst(reason.level for reason in in_its_own(case)) in COPIED


def in_its_own(case: Case) -> list[Reason]:
    """What is seen of the adapter in the host that it was trained in."""
    there = replace(case, new=case.old, new_modules=case.old_modules)
    return [reason for name in OF_ITSELF for reason in CHECKS[name](there)]


def maps_that_do(case: Case) -> tuple[list[str], list[str]]:
    """The methods whose maps can carry the adapter from the old host into the new one; if there are none, why."""
    try:
        technique, cards = {NAME: technique_of(case)}, [card_of(host) for host in (case.old, case.new)]
    except AdapterError as error:
        return [], [str(error)]
    if able := would_do(*cards, technique):
        return able, []
    lines = [line for name in MAPS for line in told_refusals(MapSettings(method=name), *cards, technique)]
    return [], list(dict.fromkeys(line.removeprefix(f"technique `{NAME}`: ") for line in lines))


def technique_of(case: Case) -> JsonObject:
    """The settings of the technique by whose law the adapter is carried.

    Raises:
        AdapterError: it is of a form that no map carries.
    """
    form = form_of(case.adapter)
    if case.config.modules_to_save:
        raise AdapterError("adapters with a classification head are not carried")
    if form["method"] != PASSED_ON or described_as(form) != "lora":
        return form
    try:
        law("lora").config(form, {})
        kinds = [locate(case.old.family, name).kind for name in form["names"]] if case.old.family else []
    except (NotCarried, ValueError) as error:
        raise AdapterError(str(error)) from error
    return {"method": "lora", "targets": list(dict.fromkeys(kinds))}


def card_of(host: HostFiles) -> JsonObject:
    """What a card of the host would say, as far as its files tell.

    Raises:
        AdapterError: its family is not known.
    """
    if host.family is None:
        raise AdapterError(refusal(host.model_type))
    card = card_so_far({"host": host.folder.name, "model_type": host.model_type, "shape": sizes_said(host.config)})
    vocabulary = {"vocabulary": size} if isinstance(size := host.config.get("vocab_size"), int) else {}
    return card | gated(host.model_type, host.config) | {"shape": card["shape"] | vocabulary}
