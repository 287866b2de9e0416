"""Where in a host a module can sit, and what else a family of hosts is; read without torch.

The families are small files in ``peftport.hosts.families``, reached by name.

A *site* is a submodule of the host that a technique wraps. Sites come in kinds:

| kind | what it is |
|---|---|
| ``attention``, ``cross_attention``, ``feed_forward`` | the last submodule of a sub-layer, before the residual sum |
| ``attention_block`` | the whole self-attention sub-layer, residual sum included |
| ``encoder_self``, ``decoder_self``, ``cross`` | the attention modules, one kind per use |
| ``q``, ``k``, ``v``, ``qkv``, ``o`` | the projections of every attention (``qkv``: one fused matrix) |
| ``wi``, ``wi_0``, ``wi_1``, ``wi_01``, ``wo`` | the projections of every feed-forward sub-layer (``wi_0``, ``wi_1``:
  gated; ``wi_01``: both in one fused matrix) |
| ``norm`` | the layer norms of every sub-layer |

The output sites are the ``Dropout`` that ends the sub-layer (T5, BERT, GPT-2 ...). Where a host has none (LLaMA,
BART), its output projections stand in. docs/host-families.md says of every family what they are.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from peftport.hosts.stream import Stream, Sublayer

Sites = dict[str, tuple[tuple[str, str], ...]]
PROJECTIONS = ("q", "k", "v", "qkv", "o", "wi", "wi_0", "wi_1", "wi_01", "wo")
INWARD = tuple(kind for kind in PROJECTIONS if kind not in ("o", "wo"))  # they read the stream


@dataclass(frozen=True)
class Family:
    """One family of hosts.

    Attributes:
        name: transformers' ``model_type``.
        lm_type: how such a host is asked and how it answers, a name of ``peftport.prompting.lm_types.table``.
        head: names that the output layer's weight has in the files of the family.
        below_head: what a model with its head calls the model below; empty where it has all parts beside the head.
        task: peft's task type for prompt learning; None where prompts do not apply.
        layers: stack (``encoder``, ``decoder``) to the config attribute with its number of layers.
        feed_forward: config attribute with the inner width of the feed-forward sub-layer.
        sites: kind to (stack, name of the submodule with ``{layer}`` for the layer's index).
        transposed: whether projections are stored transposed (GPT-2's ``Conv1D``).
        norm_tensors: tensors of a layer norm: a weight, or a weight and a bias.
        first_position: position of a text's first token, where positions are learned.
        passed_over: regular expression for tensors that the family's files may hold and its hosts have no use for.
        told: regular expression for tensors that have no place in a host, to what they tell whoever brings them.
        lacks: kind of sites that the family does not have, to the reason where it is not plain.
        from_second: names of sites that the first layer does not have.
        equal: pairs of config attributes that must agree, because a host's shape has one size for both.
        attention_implementation: transformers' name of the attention that computes all that such hosts do.
        scaled: config attribute by which what goes into the output layer is scaled; None where that never happens.
        classification: submodules of the classification head in transformers' model with one, the last one makes the
            answers; empty where hosts of the family have none here.
        language_model_head: regular expression for tensors of other heads that the family's files may hold, which a
            host with a classification head has no use for.
        reads_normed: ``norms_read`` where ``stream`` is not described.
        norm_begins: what a norm adds to its weight before it scales by it (Gemma: 1).
        stream: what reads and writes the residual stream, for maps between unequal hosts; None where that is not
            described.
    """

    name: str
    lm_type: str
    head: tuple[str, ...]
    task: str | None
    layers: Mapping[str, str]
    feed_forward: str
    sites: Sites
    below_head: str = ""
    transposed: bool = False
    norm_tensors: int = 1
    first_position: int = 0
    passed_over: str = r"(?!)"
    told: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
    from_second: tuple[str, ...] = ()
    equal: tuple[tuple[str, str], ...] = ()
    attention_implementation: str = "sdpa"
    scaled: str | None = None
    classification: tuple[str, ...] = ()
    language_model_head: str = r"(?!)"
    reads_normed: Mapping[str, str] = field(default_factory=dict)
    norm_begins: float = 0.0
    stream: Stream | None = None

    @cached_property
    def norms_read(self) -> Mapping[str, str]:
        """End of a site's name to the end of that of the norm whose output it reads, and nothing else of that output;
        empty where a norm stands behind its sub-layer."""
        if self.stream is None:
            return self.reads_normed
        norms = {(site, part.norm) for part in self.stream.sublayers if part.norm for site in self._reading(part)}
        return dict(_below_what_is_common(*pair) for pair in sorted(norms))

    def _reading(self, part: Sublayer) -> list[str]:
        """The projections of a sub-layer that read the stream behind its own norm."""
        kinds = [kind for kind in INWARD if part.memory_norm is None or kind not in ("k", "v")]
        places = [template for kind in kinds for stack, template in self.sites.get(kind, ()) if stack == part.stack]
        return [template for template in places if template.startswith(tuple(f"{owner}." for owner in part.owners))]

    def check(self, kinds: Iterable[str]) -> None:
        """Raise ValueError unless the family has all these kinds of sites."""
        if unknown := sorted(set(kinds) - set(self.sites)):
            have = f"have no sites {', '.join(unknown)}; they have {', '.join(self.sites)}"
            reasons = "".join(f" ({kind}: {self.lacks[kind]})" for kind in unknown if kind in self.lacks)
            raise ValueError(f"hosts of the family {self.name!r} {have}{reasons}")

    def names(self, kinds: Iterable[str], shape: Mapping[str, int]) -> list[str]:
        """Every site of these kinds in a host of this shape, without the prefix of a task-specific wrapper.

        Raises:
            ValueError: the family has no such kind.
        """
        kinds = list(kinds)
        self.check(kinds)
        return [
            template.format(layer=layer)
            for kind in kinds
            for stack, template in self.sites[kind]
            for layer in range(int(template in self.from_second), shape[f"{stack}_layers"])
        ]

    def pattern(self, kinds: Iterable[str]) -> str:
        """A regular expression that fully matches the names of these sites: peft's ``target_modules``.

        Raises:
            ValueError: the family has no such kind.
        """
        kinds = list(kinds)
        self.check(kinds)
        alternatives = (self._regex(template) for kind in kinds for _, template in self.sites[kind])
        return rf"(.*\.)?({'|'.join(alternatives)})"

    def kind(self, name: str, kinds: Iterable[str]) -> str:
        """Which of ``kinds`` the submodule ``name`` belongs to.

        Raises:
            ValueError: to none of them.
        """
        for kind in kinds:
            if re.fullmatch(self.pattern([kind]), name):
                return kind
        raise ValueError(f"{name} is no site of the kinds {', '.join(kinds)} in the family {self.name!r}")

    def _regex(self, template: str) -> str:
        layer = r"[1-9]\d*" if template in self.from_second else r"\d+"
        return layer.join(re.escape(part) for part in template.split("{layer}"))


def _below_what_is_common(name: str, other: str) -> tuple[str, str]:
    """The ends of two names of submodules behind the submodules that hold both."""
    parts, others = name.split("."), other.split(".")
    holds = next(index for index, pair in enumerate(zip(parts, others, strict=False)) if pair[0] != pair[1])
    return ".".join(parts[holds:]), ".".join(others[holds:])


def projections(owners: tuple[tuple[str, str], ...], leaves: Mapping[str, str]) -> Sites:
    """Kinds of projections: each leaf below each of its owners."""
    return {kind: tuple((stack, f"{owner}.{leaf}") for stack, owner in owners) for kind, leaf in leaves.items()}
