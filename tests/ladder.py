"""The exactness ladder: pairs of tiny hosts of which the exact correspondence is known.

``RUNGS`` has every rung with the kinds of hosts that have it; ``rung(name, kind)`` makes one, once in a process.
Tests read the hosts and leave them as they are (``detach`` what was attached).
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from peftport.host_building import drawn_change
from peftport.maps.correspondence import Correspondence
from tests.inner_maps import blocks, inner_maps
from tests.reshaped import Change, changed, deeper, places
from tests.tiny import CENTRED, KINDS, ROOT_MEAN_SQUARE, SIZES, VOCABULARY, host, load, tensors

Made = tuple[PreTrainedModel, Correspondence]


@dataclass(frozen=True)
class Rung:
    """A pair of hosts.

    Attributes:
        name: of the rung.
        kind: of the hosts, as ``tests.reshaped.build`` calls it.
        source: the host that modules come from.
        target: the host that they go to.
        truth: the correspondence by which it was made; exact where ``exact``.
        exact: whether the target computes what the source does.
        tokens: (V,) the target's id of every token of the source; -1 for one that it has not.
    """

    name: str
    kind: str
    source: PreTrainedModel
    target: PreTrainedModel
    truth: Correspondence
    exact: bool
    tokens: np.ndarray

    @property
    def tolerance(self) -> float:
        """How far logits of hosts that compute the same may differ, relative to the largest."""
        return 1e-5 if self.kind in ROOT_MEAN_SQUARE else 1e-10


@functools.cache
def rung(name: str, kind: str) -> Rung:
    """One rung for hosts of one kind."""
    kinds, make = RUNGS[name]
    assert kind in kinds, (name, kind)
    target, truth = make(kind)
    tokens = TOKENS[name]() if name in TOKENS else np.arange(VOCABULARY)
    exact = not name.startswith(("noise", "drift", "replaced"))
    return Rung(name, kind, host(kind), renumbered(target, tokens, kind), truth, exact, tokens)


def ladder(*, exact: bool | None = None) -> list[tuple[str, str]]:
    """(rung, kind of hosts) of all, or of those that keep, or do not keep, what the host computes."""
    return [
        (name, kind)
        for name, (kinds, _) in RUNGS.items()
        for kind in kinds
        if exact is None or exact != name.startswith(("noise", "drift", "replaced"))
    ]


def rotation(size: int, fixes_ones: bool = False, seed: int = 7) -> np.ndarray:
    """A random rotation; or one that leaves the vector of ones as it is, and with it every mean."""
    return drawn_change.rotation(size, np.random.default_rng(seed), fixes_ones)


def permutation(size: int, seed: int = 5) -> np.ndarray:
    """A random permutation matrix."""
    return np.eye(size)[np.random.default_rng(seed).permutation(size)]


def ones(gain: np.ndarray) -> np.ndarray:
    """No scale."""
    return np.ones_like(gain)


def plain(gain: np.ndarray) -> np.ndarray:
    """The one scale that all norms of a host without gains have."""
    return np.full_like(gain, gain[0])


def _of(change: Callable[[str], Change]) -> Callable[[str], Made]:
    """A rung whose target is the source in other coordinates."""
    return lambda kind: changed(kind, host(kind), SIZES[kind], change(kind))


def _stream(basis: np.ndarray, gain: Callable[[np.ndarray], np.ndarray], **rest) -> Change:
    return Change(basis, gain=gain, **rest)


def _permuted(kind: str) -> Change:
    basis = permutation(SIZES[kind].width)
    return _stream(basis, lambda gain: basis @ gain)


def _signed(kind: str) -> Change:
    basis = permutation(SIZES[kind].width) * np.where(np.arange(SIZES[kind].width) % 3, 1.0, -1.0)
    return _stream(basis, lambda gain: abs(basis) @ gain)


def _rotated(kind: str, **rest) -> Change:
    basis = rotation(SIZES[kind].width, fixes_ones=kind in CENTRED)
    return _stream(basis, plain if kind == "bert_plain" else ones, **rest)


def _padded(kind: str) -> Change:
    n_s, n_t = SIZES[kind].width, SIZES[kind].width + 16
    gain = lambda g: np.concatenate([g * math.sqrt(n_s / n_t), np.ones(n_t - n_s)])  # noqa: E731
    return _stream(np.eye(n_t, n_s), gain, sizes={"width": n_t, "eps": SIZES[kind].eps * n_s / n_t})


def _doubled(kind: str, wide_heads: bool = False) -> Change:
    n, old = SIZES[kind].width, SIZES[kind]
    sizes = {"width": 2 * n, "inner": old.inner + 16}
    if kind in CENTRED:  # their width is heads times width of a head
        sizes |= {"head": 2 * old.head} if wide_heads else {"heads": 2 * old.heads}
    basis = np.concatenate([np.eye(n), np.eye(n)]) / math.sqrt(2)
    inner = inner_maps(kind, sizes=sizes)
    return Change(basis, math.sqrt(2), lambda gain: np.concatenate([gain, gain]), inner, sizes)


def _wider(kind: str) -> Change:
    n_s, n_t = SIZES[kind].width, SIZES[kind].width + 16
    sizes = {"width": n_t, "eps": SIZES[kind].eps * n_s / n_t} | _more(kind)
    inner = inner_maps(kind, sizes=sizes, ordered=True, values=True, queries=True)
    return _stream(rotation(n_t)[:, :n_s], lambda gain: np.ones(n_t), inner=inner, sizes=sizes)


def _more(kind: str) -> dict[str, int]:
    return {"heads": 8, "key_value_heads": 4, "inner": 64} if kind == "llama" else {"heads": 6, "inner": 64}


def _more_of_all(kind: str) -> Change:
    sizes = _more(kind) | ({} if kind == "llama" else {"head": 12})
    return _stream(np.eye(SIZES[kind].width), lambda g: g, inner=inner_maps(kind, sizes=sizes), sizes=sizes)


def _same_stream(kind: str, **what: bool) -> Change:
    return _stream(np.eye(SIZES[kind].width), lambda g: g, inner=inner_maps(kind, **what))


def _ungrouped(kind: str) -> Change:
    """As many key-value heads as query heads: each is repeated for the queries of its group."""
    old, inner = SIZES[kind], {}
    times = old.heads // old.key_value_heads
    pairs = [(head, head // times) for head in range(old.heads)]
    eyes = {n: np.eye(old.head) for n in range(old.key_value_heads)}
    repeated = blocks((old.heads, old.key_value_heads), pairs, eyes, {n: eye / times for n, eye in eyes.items()})
    for place in places(host(kind)):
        if place.sublayer == "self":
            inner |= {(place, "k"): repeated, (place, "v"): repeated}
    return _stream(np.eye(old.width), lambda g: g, inner=inner, sizes={"key_value_heads": old.heads})


def _everything(kind: str) -> Change:
    return _rotated(
        kind, inner=inner_maps(kind, ordered=True, values=True, queries=True, scaled=kind in ROOT_MEAN_SQUARE)
    )


def noisy(made: Made, share: float, kind: str) -> Made:
    """The target, changed in place: with noise on all its matrices, of this share of each one's size."""
    rng, (target, truth) = np.random.default_rng(13), made
    values = tensors(target)
    for name, value in values.items():
        if value.ndim == 2:
            values[name] = value + share * value.std() * rng.standard_normal(value.shape)
    if kind.startswith("t5"):
        values |= dict.fromkeys(("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"), values["shared.weight"])
    return load(target, values), truth


def renumbered(target: PreTrainedModel, tokens: np.ndarray, kind: str) -> PreTrainedModel:
    """The target, changed in place: its tokens in another order; rows of those that the source has not are random."""
    if (tokens == np.arange(VOCABULARY)).all():
        return target
    values, rng, known = tensors(target), np.random.default_rng(19), tokens >= 0
    names = ["shared", "encoder.embed_tokens", "decoder.embed_tokens", "embed_tokens", "wte"]
    names += ["embeddings.word_embeddings", "lm_head", "cls.predictions.decoder"]
    rows = [f"{name}.weight" for name in names] + ["cls.predictions.decoder.bias", "cls.predictions.bias"]
    drawn = {}
    for name in (name for name in rows if name in values):
        value = drawn.setdefault(values[name].shape[1:] or "bias", rng.standard_normal(values[name].shape))
        new = value.copy()
        new[tokens[known]] = values[name][known]
        values[name] = new
    return load(target, values)


def _replaced() -> np.ndarray:
    """A fifth of the tokens is not in the target, whose ids are in another order."""
    rng = np.random.default_rng(17)
    tokens = rng.permutation(VOCABULARY)
    tokens[rng.permutation(VOCABULARY)[: VOCABULARY // 5]] = -1
    return tokens


TOKENS = {"renumbered": lambda: np.random.default_rng(17).permutation(VOCABULARY), "replaced": _replaced}
_SAME = _of(lambda kind: _same_stream(kind))
_ALL = _of(_everything)
_FOUR = ("t5", "llama", "gpt2", "bert")
_WITH_GAIN = ("t5", "llama", "gpt2")
_TURNED = ("t5", "t5_relu", "llama", "gpt2", "bert_plain")

# name of a rung to the kinds of hosts that have it and how its target is made
RUNGS: dict[str, tuple[tuple[str, ...], Callable[[str], Made]]] = {
    "same": (KINDS, _SAME),
    "permuted": (_FOUR, _of(_permuted)),
    "signed": (("t5", "llama"), _of(_signed)),
    "negated": (_FOUR, _of(lambda kind: _stream(-np.eye(SIZES[kind].width), lambda g: g))),
    "folded": (_WITH_GAIN, _of(lambda kind: _stream(np.eye(SIZES[kind].width), ones))),
    "folded_biases": (("gpt2",), _of(lambda kind: _rotated(kind, shifts_in_biases=True))),
    "rotated": (("t5", "llama", "gpt2", "bert_plain"), _of(_rotated)),
    "heads_and_units": (_FOUR, _of(lambda kind: _same_stream(kind, ordered=True))),
    "values": (_FOUR, _of(lambda kind: _same_stream(kind, values=True))),
    "queries": (_FOUR, _of(lambda kind: _same_stream(kind, queries=True))),
    "scaled_units": (ROOT_MEAN_SQUARE, _of(lambda kind: _same_stream(kind, ordered=True, scaled=True))),
    "all": (_TURNED, _ALL),
    "padded": (("t5", "llama"), _of(_padded)),
    "doubled": (_FOUR, _of(_doubled)),
    "wider_heads": (("gpt2", "bert"), _of(lambda kind: _doubled(kind, wide_heads=True))),
    "more_heads": (("t5", "llama"), _of(_more_of_all)),
    "wider": (ROOT_MEAN_SQUARE, _of(_wider)),
    "scaled_stream": (_WITH_GAIN, _of(lambda k: Change(np.eye(SIZES[k].width), 3.0, sizes={"eps": 9 * SIZES[k].eps}))),
    "ungrouped": (("llama",), _of(_ungrouped)),
    "deeper": (KINDS, lambda kind: deeper(kind, host(kind), SIZES[kind], at=1)),
    "noise_2": (_TURNED, lambda kind: noisy(_ALL(kind), 0.02, kind)),
    "noise_20": (_TURNED, lambda kind: noisy(_ALL(kind), 0.2, kind)),
    "drift_20": (_FOUR, lambda kind: noisy(_SAME(kind), 0.2, kind)),
    "renumbered": (_WITH_GAIN, _ALL),
    "replaced": (_WITH_GAIN, _ALL),
}


def ids(rows: int = 4, length: int = 7) -> torch.Tensor:
    """Token ids of the source, to ask hosts."""
    return torch.from_numpy(np.random.default_rng(3).integers(3, VOCABULARY, (rows, length)))
