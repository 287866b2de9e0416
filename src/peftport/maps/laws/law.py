"""What a law is: which axis of which tensor of a technique lives in which space, and what cannot be said by that.

A tensor that writes a space is multiplied by its map M, one that reads it by M^+; an axis without a space is the
module's own and stays.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from peftport.hosts.sites import Family
from peftport.maps.correspondence import Correspondence
from peftport.maps.linear import LinearMap
from peftport.maps.spaces import Place, locate
from peftport.storage.provenance import JsonObject

Tensors = dict[str, np.ndarray]
IN, OUT = "in", "out"  # what the projection at a site reads, and what it writes
SPLIT, FULL = "split", "full"


class NotCarried(ValueError):
    """A module has no counterpart in the other host, and why."""


class OnlyInstead(NotCarried):
    """No module of its technique has a module's function in the other host, and why; of another technique one may."""


@dataclass(frozen=True)
class Axis:
    """An axis in a space: of ``peftport.maps.spaces``, ``in`` or ``out``; ``back`` where it reads the space."""

    space: str
    back: bool = False


@dataclass(frozen=True)
class SiteMaps:
    """The linear maps at one site.

    Attributes:
        correspondence: of the two hosts.
        kind: of the site.
        place: in the target host.
        source_layer: the layer of the source host from which its module comes.
        heads: key-value heads of the target.
    """

    correspondence: Correspondence
    kind: str
    place: Place
    source_layer: int
    heads: int

    def __getitem__(self, space: str) -> LinearMap:
        pair = (self.place.layer, self.source_layer)
        if space == IN:
            return self.correspondence.reading(self.kind, self.place.stack, self.place.sublayer, pair)
        if space == OUT:
            return self.correspondence.writing(self.kind, self.place.stack, self.place.sublayer, pair)
        return self.correspondence.space(space, self.place.stack, self.place.sublayer, pair)


@dataclass(frozen=True)
class Route:
    """From one host to another.

    Attributes:
        correspondence: of the two.
        source: family of the source host.
        target: family of the target host.
        shapes: of source and target host (``peftport.hosts.shape.host_shape``).
        duplicate: what becomes of a source layer that stands for several: ``split``, each adds its share of what
            the source's module adds, or ``full``, each adds all of it.
    """

    correspondence: Correspondence
    source: Family
    target: Family
    shapes: tuple[Mapping[str, int], Mapping[str, int]]
    duplicate: str = SPLIT

    def layers(self, stack: str) -> int:
        """How many layers a stack of the target has."""
        return self.shapes[1][f"{stack}_layers"]

    def sources(self, stack: str, layer: int) -> list[tuple[int, float]]:
        """The source layers of a target layer, and the share that it gets of what each one's module adds.

        Raises:
            NotCarried: the map between the hosts has no such layer.
        """
        rows = self.correspondence.layers.get(stack, ())
        if len(rows) != self.layers(stack):
            raise NotCarried(
                f"the map between the hosts is for {len(rows)} layers in the {stack}, the target host has "
                f"{self.layers(stack)}"
            )
        totals: dict[int, float] = {}
        for source, weight in (pair for row in rows for pair in row):
            totals[source] = totals.get(source, 0.0) + weight
        split = self.duplicate == SPLIT
        return [(source, weight / max(1.0, totals[source]) if split else weight) for source, weight in rows[layer]]

    def most_sources(self) -> int:
        """The most source layers that any target layer has."""
        return max((len(row) for rows in self.correspondence.layers.values() for row in rows), default=0)

    def maps(self, kind: str, place: Place, source_layer: int) -> SiteMaps:
        """The maps at a site of the target, for a layer of the source."""
        return SiteMaps(self.correspondence, kind, place, source_layer, self.shapes[1]["key_value_heads"])

    def visits(self, kind: str) -> list[tuple[SiteMaps, float]]:
        """The maps of every site of a kind in the target, once for each of its source layers, with their shares."""
        found = []
        for stack, template in self.target.sites.get(kind, ()):
            for layer in range(self.layers(stack)):
                place = locate(self.target, template.format(layer=layer), (kind,)).place
                for source, share in self.sources(stack, layer):
                    found.append((self.maps(kind, place, source), share))
        return found


Parts = Sequence[tuple[float, Tensors]]


@dataclass(frozen=True)
class Law:
    """The law of one technique.

    Attributes:
        kinds: kinds of sites that its tensors may belong to.
        axes: last part of a tensor's name at a site to its axes.
        adds: tensors at a site in which what the module adds there is linear, counted from ``neutral``.
        neutral: where these are, the module adds nothing; None where nothing makes the technique neutral.
        chosen: the setting that names the kinds of sites; None where it is always ``kinds``.
        carry: tensors of a site and its maps to the target's tensors; None for ``axes`` alone.
        mean: the tensors of several source layers with their shares, and the most that a target layer has, to those of
            one module and facts about it; None where no module of the technique adds what they add on average.
        shared: tensors that no site has for itself, by their whole names, and the route, to those of the target and
            facts about it; None for as they are.
        config: fields of ``adapter_config.json`` that depend on the source's sizes, from its fields and tensors.
        refusals: settings and cards of source and target to why modules cannot be carried.
        instead: config and tensors of a module to those of one of another technique (``INSTEAD`` of the laws' table)
            that adds the same; None where there is none.
        split: tensors at a fused projection and the outputs of its parts to the tensors at each part; None where what
            a module does at the one cannot be said of the others.
        join: tensors at each part of a fused projection (None where there is no module) and their outputs to those of
            one module at the whole.
        evened: tensors of all sites, some of which ``join`` made wider, to those of sites of one width.
        touches: kinds of sites to the spaces that its tensors there are in; None where ``axes`` says it.
    """

    kinds: tuple[str, ...] = ()
    axes: Mapping[str, tuple[Axis | None, ...]] = field(default_factory=dict)
    adds: tuple[str, ...] = ()
    neutral: float | None = 0.0
    chosen: str | None = None
    carry: Callable[[Tensors, SiteMaps], Tensors] | None = None
    mean: Callable[[Parts, int], tuple[Tensors, JsonObject]] | None = None
    shared: Callable[[Tensors, Route], tuple[Tensors, JsonObject]] | None = None
    config: Callable[[JsonObject, Tensors], JsonObject] | None = None
    refusals: Callable[[JsonObject, JsonObject, JsonObject], list[str]] | None = None
    instead: Callable[[JsonObject, Tensors], tuple[JsonObject, Tensors]] | None = None
    split: Callable[[Tensors, Sequence[int]], list[Tensors]] | None = None
    join: Callable[[Sequence[Tensors | None], Sequence[int]], Tensors] | None = None
    evened: Callable[[Sequence[Tensors]], list[Tensors]] | None = None
    touches: Callable[[Sequence[str]], Iterable[str]] | None = None


def multiplied(tensor: np.ndarray, axes: Sequence[Axis | None], maps: Mapping[str, LinearMap] | SiteMaps) -> np.ndarray:
    """A tensor with every axis that is in a space carried to that of the target."""
    for index, axis in enumerate(axes):
        if axis is None:
            continue
        linear = maps[axis.space]
        if axis.back:
            tensor = np.moveaxis(linear.back(np.moveaxis(tensor, index, -1)), -1, index)
        else:
            tensor = np.moveaxis(linear.forward(np.moveaxis(tensor, index, 0)), 0, index)
    return tensor


def diagonal(scales: np.ndarray, linear: LinearMap, neutral: float = 1.0) -> np.ndarray:
    """Scales of coordinates carried: the diagonal l_t for which ``l_t M`` is nearest to ``M l_s``.

    Exact for permutations, repetitions, padding and scales of coordinates; what nothing stands for gets ``neutral``.
    """
    weight = linear.squared(np.ones(linear.shape[1]))
    stands = weight > 0
    moved = linear.squared(scales - neutral)
    return neutral + np.divide(moved, weight, out=np.zeros_like(moved), where=stands)


def scaled(law: Law, tensors: Tensors, share: float) -> Tensors:
    """The tensors of a module that adds a share of what these add."""
    if share == 1.0 or law.neutral is None:
        return tensors
    return tensors | {name: law.neutral + share * (tensors[name] - law.neutral) for name in law.adds if name in tensors}


def plain_mean(law: Law, parts: Parts) -> Tensors:
    """The sum of the shares of several modules whose tensors are small beside 1: right to first order.

    Where nothing is neutral it is the weighted mean.
    """
    names = parts[0][1]
    if law.neutral is None:
        total = sum(share for share, _ in parts)
        return {name: sum(share * tensors[name] for share, tensors in parts) / total for name in names}
    origin = law.neutral
    return {name: origin + sum(share * (tensors[name] - origin) for share, tensors in parts) for name in names}
