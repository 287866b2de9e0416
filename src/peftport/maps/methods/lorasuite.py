"""LoRASuite (2025): closed forms from a map of tokens W_x, the weights of both hosts, and heads matched by circuits.

As published it is not the identity where source and target are one host: products of weights are not normalised, what
reads the stream is carried by W_x instead of the transposed inverse, feed-forward sub-layers are projected onto ranges
of their weights, and norms are passed over. Without ``published`` all but the projection is repaired. LoRASuite's own
layer map is ``layers: cka``, and it trains the result on 100 examples, which here is a budget like any other.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from peftport.hosts.stream import Sublayer
from peftport.maps import heads
from peftport.maps.alike import small_vocabulary, unlike
from peftport.maps.correspondence import Correspondence, Space
from peftport.maps.layers import layer_maps
from peftport.maps.linear import Blocks, Dense, Factors, LinearMap
from peftport.maps.methods.core import projections_of
from peftport.maps.pair import Pair
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import EMBEDDING, READS, Place
from peftport.maps.stream_tokens import Products, products_of
from peftport.maps.sublayers import behind_norms, pairs_of
from peftport.maps.tokens import too_few

RULE = "closed forms from a least-squares map of shared tokens and the weights of both hosts, heads matched by circuits"
SOURCE = (
    "LoRASuite (2025), its public code; unless `published`, with normalised maps inside heads, the stream carried by "
    "the inverse where it is read, norms' scales folded in and widths corrected for"
)
NEEDS = frozenset({"weights", "tokens"})
TECHNIQUES = frozenset({"lora"})


def refusals(source_card, target_card, settings: MapSettings) -> list[str]:
    """Why weights of these hosts cannot be compared."""
    return unlike(source_card, target_card, settings) or small_vocabulary(source_card, target_card)


def fit(pair: Pair, settings: MapSettings, rng: np.random.Generator) -> Correspondence:
    """The correspondence of two hosts; nothing is drawn.

    Raises:
        ValueError: the vocabularies share too few tokens.
    """
    layers, ids = layer_maps(pair, settings), pair.shared_tokens()
    if (reason := too_few(len(ids[1]), pair.source.card, pair.target.card)) is not None:
        raise ValueError(reason)
    fitted, held = products_of(pair, *ids, grams=True)
    suite = Suite(pair, settings.published, token_map(fitted + held))
    maps: dict[Space, LinearMap] = {Space(EMBEDDING): suite.stream}
    for part in pair.target.family.stream.sublayers:
        for target, source in pairs_of(layers[part.stack]):
            found = suite.sublayer(part, target, source)
            maps |= {Space(name, part.stack, part.name, target, source): linear for name, linear in found.items()}
    off = {"map": held.off(token_map(fitted), held.cross)}
    return Correspondence(layers, maps, {"shared_tokens": len(ids[1]), "residuals": {"embedding": off}})


def token_map(products: Products) -> np.ndarray:
    """(d_t, d_s) transpose of W_x = pinv(E_s) E_t, the least squares of the target's rows from the source's."""
    return products.cross @ np.linalg.pinv(products.gram, hermitian=True)


def inverse(weight: np.ndarray) -> np.ndarray:
    """Moore-Penrose inverse of a matrix, by the products of its shorter side."""
    if len(weight) < weight.shape[1]:
        return inverse(weight.T).T
    return np.linalg.pinv(weight.T @ weight, hermitian=True) @ weight.T


@dataclass(frozen=True)
class Suite:
    """The work on one pair of hosts.

    Attributes:
        published: whether to leave LoRASuite as it is.
        tokens: (d_t, d_s) transpose of W_x.
    """

    pair: Pair
    published: bool
    tokens: np.ndarray

    @cached_property
    def back(self) -> np.ndarray:
        """(d_s, d_t) transpose of pinv(W_x)."""
        return np.linalg.pinv(self.tokens)

    @cached_property
    def stream(self) -> Dense:
        """x_t = W_x^T x_s."""
        return Dense(self.tokens, self.back)

    @cached_property
    def turned(self) -> Dense:
        """x_t = pinv(W_x) x_s, which carries what is read by W_x: as published, what feed-forward writes too."""
        return Dense(np.ascontiguousarray(self.back.T), np.ascontiguousarray(self.tokens.T))

    def sublayer(self, part: Sublayer, target: int, source: int) -> dict[str, LinearMap]:
        """All maps of a sub-layer."""
        places = Place(part.stack, target, part.name), Place(part.stack, source, part.name)
        found = {"read": self._read(places)} | ({"memory": self._read(places, True)} if part.memory_norm else {})
        if part.name == "feed_forward":
            return found | {"write": self.turned if self.published else self.stream} | self._feed_forward(places)
        return found | {"write": self.stream} | self._attention(places)

    def _read(self, places: tuple[Place, Place], memory: bool = False) -> Dense:
        """What a sub-layer reads."""
        if self.published:
            return self.turned
        gains = behind_norms(self.pair, places, memory)
        if gains is None:
            return self.stream
        d_t, d_s = self.tokens.shape
        size = np.linalg.norm(self.tokens) / np.sqrt(
            min(d_t, d_s)
        )  # the scale of the embeddings, which norms take away
        return Dense(self.tokens, self.back, float(np.sqrt(d_t / d_s) / size), gains[0], gains[1])

    def _attention(self, places: tuple[Place, Place]) -> dict[str, LinearMap]:
        """Maps of queries, keys, values and of what goes into the output projection."""
        ends = zip((self.pair.target, self.pair.source), places, strict=True)
        target, source = (heads.read_attention(end, place, folded=not self.published) for end, place in ends)
        through = source.through(self.tokens)
        pairs = heads.assigned(heads.likeness(target, through))
        between = _products if self.published else heads.nearest
        read = heads.Heads(target, through if self.published else source.through(self.turned.matrix), pairs)
        found = {"q": read.queries(between), "k": read.shared("k", between), "v": read.shared("v", between)}
        matrices = np.stack([between(target.o[t], through.o[s]) for t, s in pairs])
        sizes = (len(target.q), len(source.q))
        return found | {"mix": Blocks(sizes, pairs, matrices, matrices.transpose(0, 2, 1))}

    def _feed_forward(self, places: tuple[Place, Place]) -> dict[str, LinearMap]:
        """What each projection of the units writes, and what ``wo`` reads: through ranges of the weights.

        Only the direction that a LoRA is carried in is LoRASuite's; ``Factors`` has the transposes for the other one.
        """
        found = {}
        for kind in projections_of(self.pair, places):
            w_t, w_s = (
                end.weight(place, kind) for end, place in zip((self.pair.target, self.pair.source), places, strict=True)
            )
            if READS[kind] == "units":
                carried = self.tokens.T if self.published else self.back
                found["wo.in"] = Factors((carried @ w_t).T, inverse(w_s).T)
                continue
            gains = None if self.published else behind_norms(self.pair, places, False)
            if gains is not None:
                w_t, w_s = w_t * gains[0], w_s * gains[1]
            found[f"{kind}.out"] = Factors(w_t @ self.back.T, inverse(w_s))
        return found


def _products(target: np.ndarray, source: np.ndarray) -> np.ndarray:
    return target @ source.T
