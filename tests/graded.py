"""How near what a LoRA does in a target host, carried by a method, comes to what it did in the source: 0 equal, 1 none.

Updates are carried here by hand, ``DeltaW_t = M_out B A M_in^+``, so that grades are of methods and not of laws.
"""

import copy
import dataclasses
import functools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from transformers import PreTrainedModel

from peftport.adapters.host_files import read_host
from peftport.hosts.families.table import family
from peftport.hosts.sites import PROJECTIONS
from peftport.maps.correspondence import Correspondence
from peftport.maps.pair import End, Pair
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import Sited, locate
from peftport.maps.table import method
from tests.inner_maps import inner_maps
from tests.ladder import Made, Rung, ids, noisy, ones, plain, rotation, rung
from tests.reshaped import Change, changed
from tests.tiny import CENTRED, SIZES, VOCABULARY, card, host, load, logits, tensors, write_host

RANK, SIZE = 4, 0.3
ATTENTION = ("q", "k", "v", "qkv", "o")
Updates = Mapping[str, tuple[np.ndarray, np.ndarray]]  # name of a weight to B (outputs, r) and A (r, inputs)


def end_of(model: PreTrainedModel, name: str) -> End:
    """A host as a method sees it; its files last as long as the process."""
    folder = tempfile.TemporaryDirectory()
    FOLDERS.append(folder)
    return End(card(model, name), read_host(write_host(model, Path(folder.name))))


FOLDERS: list[tempfile.TemporaryDirectory] = []


def _turned(kind: str) -> Made:
    """The stream rotated, heads and units in another order, and nothing inside heads changed."""
    basis = rotation(SIZES[kind].width, fixes_ones=kind in CENTRED)
    gain = plain if kind == "bert_plain" else ones
    return changed(kind, host(kind), SIZES[kind], Change(basis, gain=gain, inner=inner_maps(kind, ordered=True)))


def _wider(kind: str) -> Made:
    """``_turned`` into a wider stream with more heads and units."""
    n_s, n_t = SIZES[kind].width, SIZES[kind].width + 16
    more = {"heads": 8, "key_value_heads": 4} if kind == "llama" else {"heads": 6}
    sizes = {"width": n_t, "eps": SIZES[kind].eps * n_s / n_t, "inner": 64} | more
    inner = inner_maps(kind, sizes=sizes, ordered=True)
    change = Change(rotation(n_t)[:, :n_s], gain=lambda gain: np.ones(n_t), inner=inner, sizes=sizes)
    return changed(kind, host(kind), SIZES[kind], change)


# rungs that only methods without an eye for what is inside heads need
STEPS: dict[str, Callable[[str], Made]] = {
    "turned": _turned,
    "wider_turned": _wider,
    "noise_2_turned": lambda kind: noisy(_turned(kind), 0.02, kind),
    "noise_20_turned": lambda kind: noisy(_turned(kind), 0.2, kind),
}


@functools.cache
def step_of(name: str, kind: str) -> Rung:
    """A rung of the ladder, or one of ``STEPS``."""
    if name not in STEPS:
        return rung(name, kind)
    target, truth = STEPS[name](kind)
    exact = not name.startswith("noise")
    return Rung(name, kind, host(kind), target, truth, exact, np.arange(VOCABULARY))


@functools.cache
def pair_of(name: str, kind: str) -> Pair:
    """The hosts of a rung as a method sees them."""
    step = step_of(name, kind)
    known = np.flatnonzero(step.tokens >= 0)
    ends = end_of(step.source, "source"), end_of(step.target, "target")
    return Pair(*ends, lambda: (known, step.tokens[known]))


def fitted(name: str, pair: Pair, **settings) -> Correspondence:
    """What a method finds for a pair."""
    return method(name).fit(pair, MapSettings(method=name, **settings), np.random.default_rng(0))


def updates(model: PreTrainedModel, kinds: tuple[str, ...] = PROJECTIONS) -> Updates:
    """A random LoRA on all projections of these kinds, as large as ``SIZE`` of their weights."""
    rng, found = np.random.default_rng(21), {}
    for name, _, weight in _sites(model, kinds):
        b, a = rng.standard_normal((weight.shape[0], RANK)), rng.standard_normal((RANK, weight.shape[1]))
        found[name] = (SIZE * np.linalg.norm(weight) / np.linalg.norm(b @ a) * b, a)
    return found


def carried(
    made: Updates, source: PreTrainedModel, target: PreTrainedModel, by: Correspondence
) -> dict[str, np.ndarray]:
    """Name of a weight of the target to what is added to it."""
    places = {site: made[name] for name, site, _ in _sites(source, PROJECTIONS) if name in made}
    found = {}
    for name, site, _ in _sites(target, PROJECTIONS):
        total = 0.0
        for layer, weight in by.layers[site.place.stack][site.place.layer]:
            there = dataclasses.replace(site.place, layer=layer)
            match = [update for other, update in places.items() if (other.place, other.kind) == (there, site.kind)]
            for b, a in match:
                at = (site.kind, site.place.stack, site.place.sublayer, (site.place.layer, layer))
                total = total + weight * by.writing(*at).forward(b) @ by.reading(*at).back(a)
        if np.ndim(total):
            found[name] = total
    return found


def answers(model: PreTrainedModel, added: Mapping[str, np.ndarray], tokens: np.ndarray | None = None) -> np.ndarray:
    """Logits of a host with updates added to its weights, at the source's token ids and in their order."""
    asked, described = ids(), family(model.config.model_type)
    order = np.arange(model.config.vocab_size) if tokens is None else tokens.clip(0)
    if added:
        values, model = tensors(model), copy.deepcopy(model)
        for name, delta in added.items():
            values[name] = values[name] + (delta.T if described.transposed else delta)
        load(model, values)
    return logits(model, asked.new_tensor(order)[asked]).numpy()[..., order]


def grade(step: Rung, by: Correspondence, kinds: tuple[str, ...] = PROJECTIONS) -> float:
    """Relative error of what the LoRA does to the logits. Where a target does not compute what its source does, the
    truth is what the rung's own correspondence carries."""
    made = updates(step.source, kinds)
    added = carried(made, step.source, step.target, by)
    bare, got = (answers(step.target, these, step.tokens) for these in ({}, added))
    if step.exact:
        truth = answers(step.source, {name: b @ a for name, (b, a) in made.items()})
    else:
        truth = answers(step.target, carried(made, step.source, step.target, step.truth), step.tokens)
    return float(np.linalg.norm(got - truth) / np.linalg.norm(truth - bare))


def _sites(model: PreTrainedModel, kinds: tuple[str, ...]) -> list[tuple[str, Sited, np.ndarray]]:
    """(name of a weight, its site, (outputs, inputs) weight) of all projections."""
    described, found = family(model.config.model_type), []
    for name, value in tensors(model).items():
        if not name.endswith(".weight"):
            continue
        try:
            site = locate(described, name.removesuffix(".weight"), kinds)
        except ValueError:
            continue
        found.append((name, site, value.T if described.transposed else value))
    return found
