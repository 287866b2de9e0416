"""Match the weights of two hosts, without data: streams by shared tokens, then heads, what is inside them, and units.

Steps and names follow LoRASuite (2025; map of tokens, heads by circuits), TransFusion (ICML 2025; heads first, then
inside them) and Git Re-Basin (2023; units by assignment). The order of heads is one for a whole stack where its first
layer holds the position biases of all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from peftport.hosts.stream import Sublayer
from peftport.maps import heads, units
from peftport.maps.alike import small_vocabulary, unlike
from peftport.maps.correspondence import Correspondence, Space
from peftport.maps.layers import layer_maps
from peftport.maps.linear import Isometry, LinearMap, Selection
from peftport.maps.pair import End, Pair
from peftport.maps.procrustes import turn_of_pairs
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import EMBEDDING, Place
from peftport.maps.stream_tokens import Found, from_tokens
from peftport.maps.sublayers import behind_norms, pairs_of
from peftport.storage.provenance import JsonObject

RULE = (
    "the streams are matched by the embeddings of shared tokens, heads by what their circuits compute, coordinates "
    "inside them by orthogonal Procrustes of the weights, and units by assignment; no text and no module is read"
)
SOURCE = (
    "ours, put together from LoRASuite (2025), TransFusion (arXiv 2505.22697, ICML 2025) and Git Re-Basin "
    "(arXiv 2209.04836, ICLR 2023)"
)
NEEDS = frozenset({"weights", "tokens"})
TECHNIQUES = None
INTO_UNITS = ("wi", "wi_0", "wi_1")

Pairs = list[tuple[int, int]]


def refusals(source_card: JsonObject, target_card: JsonObject, settings: MapSettings) -> list[str]:
    """Why the weights of these hosts cannot be matched."""
    return unlike(source_card, target_card, settings) or small_vocabulary(source_card, target_card)


def fit(pair: Pair, settings: MapSettings, rng: np.random.Generator) -> Correspondence:
    """The correspondence of two hosts; nothing is drawn."""
    layers = layer_maps(pair, settings)
    matching = Matching(pair, settings, from_tokens(pair))
    maps: dict[Space, LinearMap] = {Space(EMBEDDING): matching.stream.embedding}
    for part in pair.target.family.stream.sublayers:
        maps |= matching.sublayer(part, pairs_of(layers[part.stack]))
    return Correspondence(layers, maps, matching.facts())


@dataclass
class Matching:
    """The work on one pair of hosts, and what it notes for the map's card."""

    pair: Pair
    settings: MapSettings
    stream: Found
    noted: dict[str, list[float]] = field(default_factory=dict)
    clipped: dict[tuple[Place, Place, bool], int] = field(default_factory=dict)
    greedy: bool = False

    def sublayer(self, part: Sublayer, pairs: Pairs) -> Mapping[Space, LinearMap]:
        """All maps of a kind of sub-layer, for all pairs of layers."""
        maps: dict[Space, LinearMap] = {}
        match = self._feed_forward if part.name == "feed_forward" else self._attention
        orders = self._one_order(part, pairs)
        for target, source in pairs:
            places = Place(part.stack, target, part.name), Place(part.stack, source, part.name)
            found, scale = match(places, orders)
            found["write"] = Isometry(self.stream.basis, scale)
            found["read"] = self._read(places, scale)
            if part.memory_norm is not None:
                found["memory"] = self._read(places, scale, memory=True)
            maps |= {Space(name, part.stack, part.name, target, source): linear for name, linear in found.items()}
        return maps

    def facts(self) -> JsonObject:
        """What the card says: of the stream, and means over all layers."""
        means = {name: float(np.mean(values)) for name, values in self.noted.items()}
        residuals = {name.removeprefix("off "): mean for name, mean in means.items() if name.startswith("off ")}
        matched = {name: mean for name, mean in means.items() if not name.startswith("off ")}
        assignment = "of nearest ones" if self.greedy else "largest sum of cosines"
        residuals = self.stream.facts["residuals"] | {name: {"map": mean} for name, mean in residuals.items()}
        return (
            self.stream.facts
            | {"residuals": residuals, "clipped_gains": sum(self.clipped.values())}
            | {"matched": matched, "units_assigned_by": assignment}
        )

    @cached_property
    def width_factor(self) -> float:
        """What a norm makes of the width: its output has the size of the root of it."""
        d_t, d_s = self.stream.basis.shape
        return float(np.sqrt(d_t / d_s))

    def _read(self, places: tuple[Place, Place], scale: float, memory: bool = False) -> Isometry:
        """The map of what a sub-layer reads: behind its norm, or the stream as it is."""
        found = behind_norms(self.pair, places, memory)
        if found is None:
            return Isometry(self.stream.basis, scale)
        self.clipped[(*places, memory)] = found[2]
        return Isometry(self.stream.basis, self.width_factor, found[0], found[1])

    def _one_order(self, part: Sublayer, pairs: Pairs) -> np.ndarray | None:
        """(n, 2) the order of heads of a whole stack; None where each layer has its own.

        Weights are read for it layer by layer, and once more for the maps: to keep them would take all layers' memory.
        """
        if part.name != "self" or not self.pair.target.family.stream.bias_in_first:
            return None
        places = [
            (Place(part.stack, target, part.name), Place(part.stack, source, part.name)) for target, source in pairs
        ]
        return heads.assigned(sum(heads.likeness(*self._attentions(both)) for both in places)) if places else None

    def _attentions(self, places: tuple[Place, Place]) -> tuple[heads.Attention, heads.Attention]:
        both = (heads.read_attention(end, place) for end, place in zip(self._ends, places, strict=True))
        target, source = (attention.active() for attention in both)
        return target, source.through(self.stream.basis)

    @property
    def _ends(self) -> tuple[End, End]:
        return self.pair.target, self.pair.source

    def _attention(self, places: tuple[Place, Place], order: np.ndarray | None) -> tuple[dict[str, LinearMap], float]:
        """Maps of an attention's inner spaces, and the stream's scale at its depth."""
        target, source = self._attentions(places)
        likeness = heads.likeness(target, source)
        pairs = heads.assigned(likeness) if order is None else order
        matched = heads.Heads(target, source, pairs)
        turn = turn_of_pairs if self.settings.rope else heads.nearest
        wider = self.pair.target.family.stream.divided
        factor = float(np.sqrt(target.q.shape[1] / source.q.shape[1])) if wider else 1.0
        found = {
            **{"q": matched.queries(turn, factor), "k": matched.shared("k", turn)},
            **{"v": matched.shared("v"), "mix": matched.mixed()},
        }
        self._note("heads", [len(pairs) / len(target.q)])
        self._note("head_cosine", likeness[tuple(pairs.T)])
        written = [part.o.reshape(-1, part.o.shape[2]) for part in (target, source)]
        scale, off = _writes(written, found["mix"])
        scale = scale or self.stream.embedding.scale
        read = scale if self.pair.target.gain(places[0]) is None else self.width_factor
        for name in ("q", "k", "v"):
            sides = [getattr(side, name).reshape(-1, target.q.shape[2]) for side in (target, source)]
            self._note(f"off {name}", [_off(sides[0], found[name].forward(sides[1]) / read)])
        self._note("off write", [off])
        return found, scale

    def _feed_forward(self, places: tuple[Place, Place], _) -> tuple[dict[str, LinearMap], float]:
        """The map of the units, and the stream's scale at its depth."""
        likeness = units.likeness(self._unit_weights(places))
        indices, best = units.assigned(likeness.scores)
        self.greedy |= not best
        there = np.flatnonzero(indices >= 0)
        self._note("units", [len(there) / len(indices)])
        self._note("unit_cosine", likeness.scores[there, indices[there]])
        sizes = [np.linalg.norm(size) for size in (likeness.sizes[-1][0][there], likeness.sizes[-1][1][indices[there]])]
        scale = float(sizes[0] / sizes[1]) if sizes[1] > 0 else 0.0
        selection = Selection(indices, likeness.scores.shape[1])
        return {"units": selection}, scale or self.stream.embedding.scale

    def _unit_weights(self, places: tuple[Place, Place]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Weights of the units of both hosts, projection by projection, last what they write.

        Those in front only put the units in order and are float32; of what they write the size is used as well.
        """
        common = [k for k in INTO_UNITS if all(e.has(p, k) for e, p in zip(self._ends, places, strict=True))]
        for kind in (*common, "wo"):
            sides = []
            for end, place in zip(self._ends, places, strict=True):
                weight = end.weight(place, kind)
                gain = None if kind == "wo" else end.gain(place)
                sides.append(weight.T if kind == "wo" else weight if gain is None else weight * gain)
            floats = np.float64 if kind == "wo" else np.float32
            target, source, basis = (array.astype(floats, copy=False) for array in (*sides, self.stream.basis))
            yield target, source @ basis.T

    def _note(self, name: str, values) -> None:
        self.noted.setdefault(name, []).extend(float(value) for value in values)


def _writes(written: list[np.ndarray], mix: LinearMap) -> tuple[float, float]:
    """How much larger a target's matched heads write than the source's, and how far the map of it is off.

    Args:
        written: (h c, d) of what target and source write, over the target's coordinates.
    """
    carried = mix.forward(written[1])
    matched = mix.squared(np.ones(mix.shape[1])) > 0
    size = float(np.linalg.norm(carried))
    scale = float(np.linalg.norm(written[0][matched])) / size if size > 0 else 0.0
    return scale, _off(written[0], scale * carried)


def _off(target: np.ndarray, mapped: np.ndarray) -> float:
    """||W_t - W|| / ||W_t||; 0 where there is nothing."""
    size = np.linalg.norm(target)
    return float(np.linalg.norm(target - mapped) / size) if size > 0 else 0.0
