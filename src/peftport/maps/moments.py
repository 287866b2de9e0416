"""Moments of what two hosts compute on the same unlabelled texts, space by space; loads torch.

Both hosts read the texts, batch by batch, and sums of products are all that is kept of it (float64), beside a few rows
of every fifth text, to which nothing is fitted. A decoder behind an encoder reads the beginning of the same text, so no
label is ever seen. Where the sums of all layers would not fit into ``MEMORY``, the texts are read several times.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from peftport.maps.alignment import Members, aligned
from peftport.maps.correspondence import Space
from peftport.maps.cross import Cross, Half
from peftport.maps.moments_reader import Key, Reader
from peftport.maps.spaces import EMBEDDING, STREAM, Place, width

TOGETHER = 16  # texts in a pass
EVERY = 5  # every so many texts one is held out
HELD = 512  # most rows of a space that are kept of those
SIMILAR = 2048  # most rows that layers are compared on, and of a batch
SIMILAR_TOGETHER = 512
MEMORY = 2 * 2**30  # bytes of sums that are held at a time
SIZE_ONLY = ("write", STREAM)  # their map is another space's; only their size is their own

Pairs = tuple[Key, Key]  # a space in the source host and in the target host
States = tuple[Tensor, Tensor]  # its rows in both


@dataclass(frozen=True)
class _Batch:
    """Texts as both hosts read them.

    Attributes:
        inputs: arguments of the source host and of the target host.
        members: stack to the members of its rows in both hosts, tokens counted through the batch.
        fitted: stack to whether maps are fitted to a row, (rows,).
    """

    inputs: tuple[dict[str, Tensor], dict[str, Tensor]]
    members: dict[str, tuple[Members, Members]]
    fitted: dict[str, np.ndarray]


@dataclass
class _Half:
    """Sums over batches of one space of one host, and rows that nothing is fitted to."""

    sums: Tensor | float = 0.0
    squares: Tensor | float = 0.0
    gram: Tensor | None = None
    held: list[Tensor] = field(default_factory=list)

    def add(self, fitted: Tensor, held: Tensor, gram: bool) -> None:
        """Add the rows of a batch."""
        self.held.append(held[: HELD - sum(map(len, self.held))])
        self.sums, self.squares = self.sums + fitted.sum(0), self.squares + fitted.square().sum(0)
        if gram:
            product = fitted.T @ fitted
            self.gram = product if self.gram is None else self.gram + product

    def moments(self) -> Half:
        """The sums as arrays."""
        gram = None if self.gram is None else _array(self.gram)
        return Half(_array(self.sums), _array(self.squares), gram, _array(torch.cat(self.held)))


@dataclass
class _Sum:
    """Sums over batches of one space of both hosts."""

    rows: int = 0
    summed: float = 0.0
    product: Tensor | None = None
    halves: tuple["_Half", "_Half"] = field(default_factory=lambda: (_Half(), _Half()))

    def add(self, states: States, fitted: Tensor, product: bool, grams: bool) -> None:
        """Add the rows of a batch."""
        fits = [rows[fitted] for rows in states]
        self.rows += len(fits[0])
        self.summed += float(fits[0].sum(1) @ fits[1].sum(1))
        for half, rows, kept in zip(self.halves, states, fits, strict=True):
            half.add(kept, rows[~fitted], grams)
        if product:
            crossed = fits[1].T @ fits[0]
            self.product = crossed if self.product is None else self.product.add_(crossed)

    def cross(self) -> Cross:
        """The moments."""
        halves = (half.moments() for half in self.halves)
        return Cross(self.rows, *halves, None if self.product is None else _array(self.product), self.summed)


class Gathered:
    """The ``Moments`` (``peftport.maps.cross``) of two loaded hosts on texts.

    Args:
        source: the source host.
        target: the target host, on the same device.
        texts: unlabelled texts of a training split, of which the first are read.
        rows: how many rows maps are to be fitted to in each stack; there are fewer if the texts have no more.
    """

    def __init__(self, source: Reader, target: Reader, texts: Sequence[str], rows: int) -> None:
        self.source, self.target = source, target
        self.stacks = [stack for stack in source.stacks if stack in target.stacks]
        self.batches: list[_Batch] = []
        left = dict.fromkeys(self.stacks, rows)
        texts = [text for text in texts if text.strip()]
        if not texts:
            raise ValueError("the dataset that the map's `texts` names has no training texts: name one that has")
        for first in range(0, len(texts), TOGETHER):
            self.batches.append(self._batch(texts[first : first + TOGETHER], first))
            left = {stack: count - int(self.batches[-1].fitted[stack].sum()) for stack, count in left.items()}
            if max(left.values()) <= 0:
                break

    def similarity(self, stack: str) -> np.ndarray:
        """(layers of the target, layers of the source) linear CKA of what the sub-layers of a stack write.

        Kornblith et al. (arXiv 1905.00414), summed over batches and without bias as Nguyen et al. (arXiv 2010.15327)
        do, so that nothing of the hosts' widths is kept. A layer that writes nothing is like no other (0).
        """
        source, target = (_writes(reader, stack) for reader in (self.source, self.target))
        crossed, sizes, rows = 0.0, [0.0, 0.0], 0
        for batch in self.batches:
            if (taken := min(len(batch.fitted[stack]), SIMILAR_TOGETHER)) < 4 or rows >= SIMILAR:
                continue
            rows += taken
            states = self._states(batch, chain(*source), chain(*target))
            grams = [
                torch.stack([_gram([own[key][:taken] for key in layer]) for layer in layers])
                for own, layers in zip(states, (source, target), strict=True)
            ]
            crossed += grams[1] @ grams[0].T
            sizes = [size + gram.square().sum(1) for size, gram in zip(sizes, grams, strict=True)]
        if not rows:
            raise ValueError(f"the texts have too few tokens to compare the layers of the {stack}s")
        size = torch.outer(sizes[1], sizes[0]).sqrt()
        return _array(torch.where(size > 0, crossed / size, 0.0))

    def collect(self, groups: Iterable[Sequence[Space]], grams: bool = False) -> Iterator[Mapping[Space, Cross]]:
        """The moments of each group of spaces, one group after the other; few of them are held at a time."""
        waiting: list[Sequence[Space]] = []
        bytes_waiting = 0
        for group in groups:
            size = sum(self._bytes(space, grams) for space in group)
            if waiting and bytes_waiting + size > MEMORY:
                yield from self._pass(waiting, grams)
                waiting, bytes_waiting = [], 0
            waiting.append(group)
            bytes_waiting += size
        yield from self._pass(waiting, grams)

    def _pass(self, groups: Sequence[Sequence[Space]], grams: bool) -> Iterator[Mapping[Space, Cross]]:
        sums = {space: _Sum() for group in groups for space in group}
        pairs = {space: _keys(space, self.stacks[0]) for space in sums}
        for batch in self.batches:
            source, target = self._states(batch, *zip(*pairs.values(), strict=True))
            fitted = {
                stack: torch.from_numpy(rows).to(self.target.model.device) for stack, rows in batch.fitted.items()
            }
            for space, (ours, theirs) in pairs.items():
                states = source[ours], target[theirs]
                sums[space].add(states, fitted[_rows_of(ours)], space.name not in SIZE_ONLY, grams)
        for group in groups:
            yield {space: sums[space].cross() for space in group}

    def _states(self, batch: _Batch, source: Iterable[Key], target: Iterable[Key]) -> tuple[dict[Key, Tensor], ...]:
        """The rows of spaces in each host, (rows, size) each."""
        found = []
        for at, (reader, keys) in enumerate(zip((self.source, self.target), (source, target), strict=True)):
            states = reader.states(batch.inputs[at], dict.fromkeys(keys))
            for key, state in states.items():
                states[key] = _means(state, batch.members[_rows_of(key)][at])
            found.append(states)
        return tuple(found)

    def _bytes(self, space: Space, grams: bool) -> int:
        sizes = [width(space.name, r.end.card["shape"]) for r in (self.source, self.target)]
        squares = sizes[0] * sizes[1] * (space.name not in SIZE_ONLY) + grams * sum(size**2 for size in sizes)
        return 8 * (squares + HELD * sum(sizes))

    def _batch(self, texts: Sequence[str], first: int) -> _Batch:
        (source, source_places), (target, target_places) = self.source.read(texts), self.target.read(texts)
        members: dict[str, tuple[Members, Members]] = {}
        fitted = {}
        for stack in self.stacks:
            both = (self.source, source), (self.target, target)
            sizes = [inputs[reader.argument(stack)].shape[1] for reader, inputs in both]
            parts, counts = [], []
            for index, text in enumerate(texts):
                places = source_places[stack][index], target_places[stack][index]
                *sides, count = aligned(*places, text, causal=stack == "decoder")
                moved = zip(sides, sizes, strict=True)
                parts.append([Members(m.tokens + index * size, m.rows + sum(counts)) for m, size in moved])
                counts.append(count)
            sides = zip(*parts, strict=True)
            members[stack] = tuple(Members(*map(np.concatenate, zip(*side, strict=True))) for side in sides)
            held = [(first + index) % EVERY == EVERY - 1 for index in range(len(texts))]
            fitted[stack] = ~np.repeat(held, counts)
        return _Batch((source, target), members, fitted)


def _keys(space: Space, first_stack: str) -> Pairs:
    """A space in the source host and in the target host; the embedding's rows are those of the first common stack."""
    if space.name == EMBEDDING:
        return ((EMBEDDING, Place(first_stack, -1, "")),) * 2
    layers = space.source_layer, space.target_layer
    return tuple((space.name, Place(space.stack, layer, space.sublayer)) for layer in layers)


def _rows_of(key: Key) -> str:
    """The stack whose tokens the rows of a space stand for: a cross-attention's keys and values are the encoder's."""
    name, place = key
    memory = place.sublayer == "cross" and name.partition(".")[0] in ("memory", "k", "v")
    return "encoder" if memory else place.stack


def _writes(reader: Reader, stack: str) -> list[list[Key]]:
    """For each layer of a stack, what its sub-layers write."""
    names = [part.name for part in reader.end.family.stream.sublayers if part.stack == stack]
    return [[("write", Place(stack, layer, name)) for name in names] for layer in range(reader.end.layers(stack))]


def _means(state: Tensor, members: Members) -> Tensor:
    """(rows, size) means of a batch's states over the members of each row."""
    tokens, rows = (torch.from_numpy(part).to(state.device) for part in members)
    count = int(rows[-1]) + 1 if len(rows) else 0
    sums = state.new_zeros(count, state.shape[1]).index_add_(0, rows, state[tokens])
    return sums / torch.bincount(rows, minlength=count).unsqueeze(1)


def _gram(writes: Sequence[Tensor]) -> Tensor:
    """Inner products of rows, (rows * rows,), centred so that the inner product of two of them has no bias.

    Székely and Rizzo's U-centring: the diagonal is left out.
    """
    gram = sum(rows @ rows.T for rows in writes)
    n = len(gram)
    gram.fill_diagonal_(0)
    means = gram.sum(0) / (n - 2)
    gram = gram - means - means.unsqueeze(1) + gram.sum() / ((n - 1) * (n - 2))
    return gram.fill_diagonal_(0).flatten()


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
