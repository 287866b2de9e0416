"""Self-supervised examples for a text-to-text host: span corruption and continuation.

Span corruption is T5's objective (Raffel et al. 2020, section 3.1.4): spans of the input are replaced by one sentinel
each, the target lists the sentinels, each followed by what it hides. Continuation is the prefix language model of the
same paper (section 3.2.1), which the v1.1 checkpoints that serve prompt-based methods were trained on further: the
input is the start of a text, the target what follows it. A host pretrained on sentinels alone never begins its output
with a word, which is exactly what a task module must make it do.
"""

from dataclasses import dataclass

import numpy as np

from peftport.host_building.recipes.example import Example


@dataclass(frozen=True)
class Objective:
    """How examples are made from segments.

    Attributes:
        corrupted_share: share of a segment's tokens that is hidden, in (0, 1).
        mean_span_tokens: mean length of a hidden span; lengths are geometric, cut at twice the mean.
        continuation_share: share of examples that are continuations, in [0, 1].
        sentinels: ids of the sentinel tokens, in order of use; at most this many spans are hidden.
        end: id of the end-of-sequence token.
        full_stop: id of the token that ends a sentence; None if the tokenizer has none.
    """

    corrupted_share: float
    mean_span_tokens: float
    continuation_share: float
    sentinels: tuple[int, ...]
    end: int
    full_stop: int | None = None

    def example(self, segment: list[int], random: np.random.Generator) -> Example:
        """A continuation or a span corruption of `segment` (3 tokens or more)."""
        if random.random() < self.continuation_share:
            return self.continued(segment, random)
        return self.corrupted(segment, random)

    def corrupted(self, segment: list[int], random: np.random.Generator) -> Example:
        """`segment` with spans hidden behind sentinels; spans never touch, and at least one token stays."""
        length = len(segment)
        wanted = round(length * self.corrupted_share / self.mean_span_tokens)
        spans = int(np.clip(wanted, 1, min(len(self.sentinels), (length - 1) // 2)))
        longest = max(1, round(2 * self.mean_span_tokens))
        sizes = np.minimum(random.geometric(1 / self.mean_span_tokens, spans), longest)
        if sizes.sum() > length - spans:  # no room left between the spans
            sizes = np.ones(spans, int)
        # Distribute the tokens that stay over the gaps; every inner gap holds at least one.
        spare = length - int(sizes.sum()) - (spans - 1)
        starts = np.sort(random.integers(0, spare + 1, spans)) + np.concatenate([[0], np.cumsum(sizes[:-1] + 1)])
        inputs, targets, at = [], [], 0
        for sentinel, start, size in zip(self.sentinels, starts, sizes, strict=False):
            inputs += [*segment[at:start], sentinel]
            targets += [sentinel, *segment[start : start + size]]
            at = start + size
        return Example([*inputs, *segment[at:], self.end], [*targets, self.end])

    def continued(self, segment: list[int], random: np.random.Generator) -> Example:
        """The start of `segment` and what follows, cut behind a full stop, or behind its first third if it has none."""
        stops = [i + 1 for i, token in enumerate(segment[:-1]) if token == self.full_stop]
        cut = int(random.choice(stops)) if stops else int(random.integers(max(1, len(segment) // 3), len(segment)))
        return Example([*segment[:cut], self.end], [*segment[cut:], self.end])


def cut_segments(documents: list[list[int]], longest: int, shortest: int = 6) -> list[list[int]]:
    """Documents cut into pieces of `longest` tokens at most; pieces shorter than `shortest` are dropped."""
    pieces = (ids[at : at + longest] for ids in documents for at in range(0, len(ids), longest))
    return [piece for piece in pieces if len(piece) >= shortest]
