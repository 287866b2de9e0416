"""A module carried along a correspondence: the law of its technique, site by site.

Computed in float64, kept in the module's number type. A target layer for which no source layer stands gets a module
that adds nothing, with the inner weights of the nearest layer that has one, so that training can begin there.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from peftport.hosts.families.table import family
from peftport.hosts.sites import Family
from peftport.maps.correspondence import Correspondence
from peftport.maps.laws.law import SPLIT, Law, NotCarried, OnlyInstead, Route, SiteMaps, Tensors, multiplied, scaled
from peftport.maps.laws.table import INSTEAD
from peftport.maps.laws.table import law as law_of
from peftport.maps.layouts import Kind, Layers, relaid
from peftport.maps.spaces import Place, locate, template_of
from peftport.storage.module_parts import parts_of, split_module
from peftport.storage.modules import Module
from peftport.storage.provenance import JsonObject

AT_SITES = "base_model.model."
BASE = "base_model_name_or_path"  # of adapter_config.json


def carry_module(
    module: Module,
    technique_method: str,
    correspondence: Correspondence,
    source_card: JsonObject,
    target_card: JsonObject,
    *,
    duplicate: str = SPLIT,
) -> Module:
    """The module of the target host that corresponds to a module of the source host.

    Args:
        technique_method: the technique, an entry of ``peftport.maps.laws.table``.
        source_card: card of the source host: ``host``, ``model_type``, ``shape``.
        target_card: card of the target host.
        duplicate: what becomes of a source layer that stands for several target layers: ``split``, each adds its share
            of what the source's module adds, or ``full``, each adds all of it.

    Returns:
        The module, target-shaped, with a config for the target. Its card is the source module's, and ``carried``: how
        many sites it has, those without a source, and what the law says (kept energy, width). Where no module of its
        technique does the same there, it is one of another technique (``as``). From a module whose training failed
        comes one of the target's shapes without numbers.

    Raises:
        NotCarried: it has no counterpart in the target, or the correspondence is of other hosts.
    """
    if module.head:
        raise NotCarried("modules with a classification head are not carried")
    families = [family(card["model_type"]) for card in (source_card, target_card)]
    route = Route(correspondence, *families, (source_card["shape"], target_card["shape"]), duplicate)
    if parts_of(module.config):
        return _of_parts(module, route, target_card)
    try:
        carried = _along(module, technique_method, route)
    except OnlyInstead as reason:
        if technique_method not in INSTEAD:
            raise
        carried = _instead(module, technique_method, route, str(reason))
    named = {name: target_card.get("host") for name in (BASE,) if name in carried.config}
    return replace(carried, config=carried.config | named)


def _of_parts(module: Module, route: Route, target_card: JsonObject) -> Module:
    """A module of two techniques: each part by its own law."""
    parts = {name: _along(part, name, route) for name, part in split_module(module).items()}
    tensors = {name: tensor for part in parts.values() for name, tensor in part.tensors.items()}
    told = [part.card["carried"] for part in parts.values()]
    facts = {
        "sites": sum(one["sites"] for one in told),
        "sites_without_source": sorted(site for one in told for site in one["sites_without_source"]),
        "duplicate": route.duplicate,
        "parts": dict(zip(parts, told, strict=True)),
    }
    patterns = [part.config["target_modules"] for part in parts.values()]
    config = module.config | {"parts": {name: part.config for name, part in parts.items()}}
    config |= {"target_modules": "|".join(patterns), BASE: target_card.get("host")}
    return replace(module, config=config, tensors=dict(sorted(tensors.items())), card=module.card | {"carried": facts})


def _instead(module: Module, technique_method: str, route: Route, reason: str) -> Module:
    """The module carried as one of another technique, which adds the same; its card says ``as`` which, and ``why``."""
    config, tensors = law_of(technique_method).instead(module.config, module.tensors)
    other = replace(module, config=config, tensors=dict(sorted(tensors.items())))
    carried = _along(other, INSTEAD[technique_method], route)
    sizes = [sum(tensor.size for tensor in one.tensors.values()) for one in (module, carried)]
    facts = {"as": INSTEAD[technique_method], "why": reason, "parameters": sizes[1], "parameters_in_source": sizes[0]}
    return replace(carried, card=carried.card | {"carried": carried.card["carried"] | facts})


def _along(module: Module, technique_method: str, route: Route) -> Module:
    """The module carried by the law of a technique."""
    law, source, target = law_of(technique_method), route.source, route.target
    failed = module.failed_at_step is not None
    given = {name: np.zeros(t.shape) if failed else t.astype(np.float64) for name, t in module.tensors.items()}
    sites, shared = _split(given, law, source)
    carried, facts = law.shared(shared, route) if law.shared and shared else (shared, {})
    sites, joined = relaid(sites, law, route)
    facts |= joined
    without: list[str] = []
    for kind, layers in sites.items():
        done, more = _carried(kind, layers, law, route)
        facts = _joined(facts, more)
        template = template_of(target, *kind)
        new, names = _filled(done, law, route.layers(kind.stack), template)
        carried |= {
            f"{AT_SITES}{_prefix(target)}{site}.{name}": t for site, ts in new.items() for name, t in ts.items()
        }
        without += names
    number = np.result_type(*module.tensors.values())
    tensors = {name: np.ascontiguousarray(tensor, number) for name, tensor in sorted(carried.items())}
    _check(tensors)
    if failed:
        tensors = {name: np.full_like(tensor, np.nan) for name, tensor in tensors.items()}
    sited = sum(route.layers(kind.stack) for kind in sites)
    facts = {"sites": sited, "sites_without_source": sorted(without), "duplicate": route.duplicate} | facts
    config = _config(module.config, law, route, [kind.kind for kind in sites]) | _sizes(law, module.config, tensors)
    return replace(module, config=config, tensors=tensors, card=module.card | {"carried": facts})


def _split(tensors: Tensors, law: Law, source: Family) -> tuple[dict[Kind, Layers], Tensors]:
    """Tensors by kind and layer of their site, and those that no site has for itself."""
    sites: dict[Kind, Layers] = {}
    shared: Tensors = {}
    for name, tensor in tensors.items():
        if not name.startswith(AT_SITES):
            shared[name] = tensor
            continue
        leaf = next((leaf for leaf in law.axes if name.endswith(f".{leaf}")), None)
        if leaf is None:
            raise NotCarried(
                f"the tensor {name} is none of this technique: expected {', '.join(law.axes) or 'a prompt'}"
            )
        try:
            site = locate(source, name.removesuffix(f".{leaf}"), law.kinds)
        except ValueError as error:
            raise NotCarried(f"the tensor {name} belongs to no site of the source host: {error}") from error
        kind = Kind(site.kind, site.place.stack, site.place.sublayer)
        sites.setdefault(kind, {}).setdefault(site.place.layer, {})[leaf] = tensor
    return sites, shared


def _carried(kind: Kind, layers: Layers, law: Law, route: Route) -> tuple[Layers, JsonObject]:
    """The tensors of every target layer for which a source layer with a module stands, and facts."""
    if template_of(route.target, *kind) is None:
        where = f"sites `{kind.kind}` in the {kind.stack}"
        raise NotCarried(f"hosts of the family {route.target.name!r} have no counterpart of {where}")
    done, facts, most = {}, {}, route.most_sources()
    for layer in range(route.layers(kind.stack)):
        place = Place(kind.stack, layer, kind.sublayer)
        parts = [
            (share, _at_site(layers[source], law, route.maps(kind.kind, place, source)))
            for source, share in route.sources(kind.stack, layer)
            if source in layers
        ]
        if not parts:
            continue
        if most == 1:
            done[layer] = scaled(law, parts[0][1], parts[0][0])
            continue
        if law.mean is None:
            raise OnlyInstead(
                "several source layers stand for one of the target, and no module of this technique adds what theirs "
                "add on average. Take a map with one source layer each (`layers: depth` or `skip`)"
            )
        done[layer], more = law.mean(parts, most)
        facts = _joined(facts, more)
    return done, facts


def _at_site(tensors: Tensors, law: Law, maps: SiteMaps) -> Tensors:
    if law.carry is not None:
        return law.carry(tensors, maps)
    return {name: multiplied(tensor, law.axes[name], maps) for name, tensor in tensors.items()}


def _filled(done: Layers, law: Law, layers: int, template: str) -> tuple[dict[str, Tensors], list[str]]:
    """The tensors of all target layers by site; those without a source are neutral, and named."""
    new, without = {}, []
    for layer in range(layers):
        site = template.format(layer=layer)
        if layer in done:
            new[site] = done[layer]
            continue
        if law.neutral is None:
            raise NotCarried(f"no source layer stands for {site}, and no module of this technique adds nothing")
        if not done:
            raise NotCarried(f"no source layer with a module stands for {site} or any other of its kind")
        nearest = done[min(done, key=lambda other: (abs(other - layer), other))]
        new[site] = nearest | {name: np.full_like(nearest[name], law.neutral) for name in law.adds if name in nearest}
        without.append(site)
    return new, without


def _config(fields: JsonObject, law: Law, route: Route, kinds: Iterable[str]) -> JsonObject:
    """``adapter_config.json`` of a module in the target's family; what names no site stays."""
    if route.source.name == route.target.name:
        return dict(fields)
    wrapped = [kind for kind in law.kinds if kind in set(fields.get("sites") or fields.get("attentions") or kinds)]
    new = {"target_modules": route.target.pattern(wrapped)} if wrapped else {"task_type": route.target.task}
    new["fan_in_fan_out"] = route.target.transposed
    inputs = [kind for kind in wrapped if kind in ("wo", "o")]
    new["feedforward_modules"] = route.target.pattern(inputs) if inputs else "(?!)"
    return fields | {name: value for name, value in new.items() if name in fields}


def _sizes(law: Law, fields: JsonObject, tensors: Tensors) -> JsonObject:
    return law.config(fields, tensors) if law.config is not None else {}


def _prefix(target: Family) -> str:
    """What a model with a head calls the model below it, as the front of a name."""
    below = target.below_head
    return f"{below}." if below else ""


def _joined(facts: JsonObject, more: JsonObject) -> JsonObject:
    """Facts of several sites: the least energy that is kept, else the largest."""
    return facts | {
        name: (min if name == "kept_energy" else max)(facts.get(name, value), value) for name, value in more.items()
    }


def _check(tensors: Tensors) -> None:
    """Raise NotCarried unless all entries are finite numbers."""
    if wrong := [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]:
        raise NotCarried(
            f"carried, {wrong[0]} and {len(wrong) - 1} more tensors have entries that are no finite numbers"
        )
