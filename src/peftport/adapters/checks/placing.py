"""Whether the host has the sites of an adapter, and whether the file has tensors for all that its config names."""

from collections.abc import Iterable, Iterator

from peftport.adapters.case import Case
from peftport.adapters.patterns import Unmatchable
from peftport.adapters.sites import WRAPPED, renaming
from peftport.adapters.targets import wrapped_modules
from peftport.adapters.verdict import Reason

EXPERTS = ".experts."


def reasons(case: Case) -> Iterator[Reason]:
    """Sites of the file that the host lacks, and sites of the host that the config names and the file lacks."""
    if case.config.prompt and not case.sites.tensors:
        yield from _prompt(case)
        return
    yield from _names(case)
    here = [site for site in case.sites.tensors if site in case.new_modules.names]
    lacking = [site for site in case.sites.tensors if site not in case.new_modules.names]
    number = len(case.sites.tensors)
    if number and not here and _of_another_type(case):
        text = f"none of its {number} sites is in the host, which is of another type; a map is needed"
        yield Reason("sites", "map", text, tuple(lacking))
    elif number and not here:
        text = f"none of its {number} sites is in the host{_advice(case, lacking)}"
        yield Reason("sites", "impossible", text, tuple(lacking))
    elif lacking:
        yield from _lacking(case, lacking)
    elif number:
        yield Reason("sites", "same", f"all of its {number} sites are in the host")
    if here:
        yield from _against_the_config(case)


def _of_another_type(case: Case) -> bool:
    """Whether its sites are all in the host that it was trained in, and the new one names its own otherwise."""
    other = case.old is not None and case.old.model_type != case.new.model_type
    return other and set(case.sites.tensors) <= case.old_modules.names


def _prompt(case: Case) -> Iterator[Reason]:
    if case.new.family is not None and case.new.family.task is None:
        yield Reason("sites", "impossible", f"hosts of the type {case.new.model_type} take no prompt")
    if not case.adapter.tensors:
        yield Reason("sites", "impossible", "its file has no tensors")


def _names(case: Case) -> Iterator[Reason]:
    if case.sites.unplaced:
        text = f"tensors whose names do not begin with {WRAPPED[:-1]}, as peft writes them, so that it would load none"
        yield Reason("names", "impossible", text, case.sites.unplaced)
    elif not case.sites.tensors:
        yield Reason("sites", "impossible", f"its file has no tensors of the type {case.config.peft_type}")


def _advice(case: Case, sites: Iterable[str]) -> str:
    change = renaming(sites, case.new_modules)
    if change is None:
        return ""
    front, instead, number = change
    return f" ({number} would be with `{instead}` in place of `{front}` in front)"


def _lacking(case: Case, lacking: list[str]) -> Iterator[Reason]:
    layers = layer_count(case.new_modules.names)
    number = len(case.sites.tensors)
    if all(EXPERTS in f"{site}." for site in lacking):
        text = "sites in experts, whose weights transformers keeps in one tensor or in many, by its version"
        yield Reason("sites", "unknown", text, tuple(lacking))
    elif all((layer := layer_of(site)) is not None and layer >= layers for site in lacking):
        text = f"sites in layers that the host does not have (it has {layers}); a map of layers is needed"
        yield Reason("sites", "map", text, tuple(lacking))
    else:
        share = 100 * _parameters(case, lacking) / max(_parameters(case, case.sites.tensors), 1)
        text = f"{len(lacking)} of {number} sites, {share:.3g}% of its parameters, have no counterpart in the host"
        yield Reason("sites", "partial", f"{text}{_advice(case, lacking)}", tuple(lacking))


def _against_the_config(case: Case) -> Iterator[Reason]:
    try:
        wrapped = wrapped_modules(case.config, case.new_modules.names)
    except Unmatchable as error:
        yield Reason("targets", "unknown", f"which submodules the config names cannot be told: {error}")
        return
    if wrapped is None:
        return
    there = set(case.sites.tensors)
    if case.config.peft_type == "LORA":  # names such as `dense` end the names of submodules without weights, too
        wrapped &= set(case.new_modules.weights)
    absent, spare = sorted(wrapped - there), sorted((there & case.new_modules.names) - wrapped)
    if absent:
        layers = 1 + max((layer_of(site) or 0 for site in there), default=0)
        beyond = all((layer := layer_of(site)) is not None and layer >= layers for site in absent)
        text = "sites of the host that its config names and its file has no tensors for; peft would begin them anew"
        more = f", which go to layer {layers - 1}; a map of layers is needed" if beyond else ""
        yield Reason("layers" if beyond else "missing", "map" if beyond else "partial", f"{text}{more}", tuple(absent))
    if spare:
        text = "sites in its file that its config does not name; peft would pass over their tensors"
        yield Reason("targets", "partial", text, tuple(spare))


def layer_of(site: str) -> int | None:
    """The index of the layer that a site is in; None for one that is in no layer."""
    return next((int(part) for part in site.split(".") if part.isdecimal() and len(part) < 10), None)


def layer_count(names: Iterable[str]) -> int:
    """How many layers the submodules of these names are in."""
    return 1 + max((layer for name in names if (layer := layer_of(name)) is not None), default=-1)


def _parameters(case: Case, sites: Iterable[str]) -> int:
    return sum(case.adapter.tensors[name].entries for site in sites for name in case.sites.tensors[site].values())
