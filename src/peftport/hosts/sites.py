"""Where in a host a module can sit, and what else a family of hosts is; read without torch.

The families are small files in ``peftport.hosts.families``, reached by name.

A *site* is a submodule of the host that a technique wraps. Sites come in kinds:

| kind | what it is |
|---|---|
| ``attention``, ``cross_attention``, ``feed_forward`` | the last submodule of a sub-layer, before the residual sum |
| ``attention_block`` | the whole self-attention sub-layer, residual sum included |
| ``encoder_self``, ``decoder_self``, ``cross`` | the attention modules, one kind per use |
| ``q``, ``k``, ``v``, ``qkv``, ``o`` | the projections of every attention (``qkv``: one fused matrix) |
| ``wi``, ``wi_0``, ``wi_1``, ``wo`` | the projections of every feed-forward sub-layer (``wi_0``, ``wi_1``: gated) |
| ``norm`` | the layer norm of every sub-layer |

The output sites of T5, BERT, RoBERTa and GPT-2 are the ``Dropout`` that ends the sub-layer; LLaMA has none, so
its output projections stand in.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from peftport.hosts.families.table import family

Sites = dict[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Family:
    """One family of hosts.

    Attributes:
        name: transformers' ``model_type``.
        reading: how such a host is asked and how it answers, a name of ``peftport.hosts.readings.table``.
        head: names that the output layer's weight has in the files of the family.
        task: peft's task type for prompt learning; None where prompts do not apply.
        layers: stack (``encoder``, ``decoder``) to the config attribute with its number of layers.
        feed_forward: config attribute with the inner width of the feed-forward sub-layer.
        sites: kind to (stack, name of the submodule with ``{layer}`` for the layer's index).
        transposed: whether projections are stored transposed (GPT-2's ``Conv1D``).
        norm_tensors: tensors of a layer norm: a weight, or a weight and a bias.
        first_position: position of a text's first token, where positions are learned.
        passed_over: regular expression for tensors that the family's files may hold and its hosts have no use for.
    """

    name: str
    reading: str
    head: tuple[str, ...]
    task: str | None
    layers: Mapping[str, str]
    feed_forward: str
    sites: Sites
    transposed: bool = False
    norm_tensors: int = 1
    first_position: int = 0
    passed_over: str = r"(?!)"

    def check(self, kinds: Iterable[str]) -> None:
        """Raise ValueError unless the family has all these kinds of sites."""
        if unknown := sorted(set(kinds) - set(self.sites)):
            have = f"have no sites {', '.join(unknown)}; they have {', '.join(self.sites)}"
            raise ValueError(f"hosts of the family {self.name!r} {have}")

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
            for layer in range(shape[f"{stack}_layers"])
        ]

    def pattern(self, kinds: Iterable[str]) -> str:
        """A regular expression that fully matches the names of these sites: peft's ``target_modules``.

        Raises:
            ValueError: the family has no such kind.
        """
        kinds = list(kinds)
        self.check(kinds)
        alternatives = (_regex(template) for kind in kinds for _, template in self.sites[kind])
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


def _regex(template: str) -> str:
    return r"\d+".join(re.escape(part) for part in template.split("{layer}"))


def projections(owners: tuple[tuple[str, str], ...], leaves: Mapping[str, str]) -> Sites:
    """Kinds of projections: each leaf below each of its owners."""
    return {kind: tuple((stack, f"{owner}.{leaf}") for stack, owner in owners) for kind, leaf in leaves.items()}


def host_shape(config: Any) -> dict[str, int]:
    """The numbers that module sizes depend on, from a transformers config.

    Keys: ``d_model``, ``d_kv`` (width of a head), ``d_ff``, ``heads``, ``key_value_heads``, ``encoder_layers``,
    ``decoder_layers``, ``norm_tensors`` (of a layer norm), ``vocabulary``.

    Raises:
        ValueError: unknown family.
    """
    kind = family(config.model_type)
    heads, d_model = config.num_attention_heads, config.hidden_size
    width = getattr(config, "d_kv", None) or getattr(config, "head_dim", None) or d_model // heads
    layers = {f"{stack}_layers": getattr(config, attribute) for stack, attribute in kind.layers.items()}
    return {
        "d_model": d_model,
        "d_kv": width,
        "d_ff": getattr(config, kind.feed_forward) or 4 * d_model,  # GPT-2 leaves it None for four times d_model
        "heads": heads,
        "key_value_heads": getattr(config, "num_key_value_heads", None) or heads,
        "encoder_layers": layers.get("encoder_layers", 0),
        "decoder_layers": layers.get("decoder_layers", 0),
        "norm_tensors": kind.norm_tensors,
        "vocabulary": config.vocab_size,
    }


def expected_sites(family: Family, shape: Mapping[str, int]) -> dict[str, int]:
    """How many sites of each of its kinds a host of this family and shape must have."""
    return {kind: len(family.names([kind], shape)) for kind in family.sites}


def site_counts(shape: Mapping[str, int]) -> dict[str, int]:
    """How many sites of each kind a host of this shape has, whatever its family.

    Agrees with ``expected_sites`` for every kind that a family has.
    """
    encoder, decoder = shape["encoder_layers"], shape["decoder_layers"]
    cross, both = (decoder if encoder else 0), encoder + decoder
    counts = {"attention": both, "cross_attention": cross, "feed_forward": both, "attention_block": both}
    counts |= {"encoder_self": encoder, "decoder_self": decoder, "cross": cross}
    counts |= dict.fromkeys(("q", "k", "v", "qkv", "o"), both + cross) | {"norm": 2 * both + cross}
    return counts | dict.fromkeys(("wi", "wi_0", "wi_1", "wo"), both)


def attention_width(shape: Mapping[str, int]) -> int:
    """Width of an attention's keys (and of its values): key-value heads times width of a head."""
    return shape.get("key_value_heads", shape["heads"]) * shape["d_kv"]


def projection_size(kind: str, shape: Mapping[str, int]) -> tuple[int, int]:
    """(inputs, outputs) of a projection.

    Raises:
        ValueError: ``kind`` is no projection.
    """
    model, inner, narrow = shape["d_model"], shape["heads"] * shape["d_kv"], attention_width(shape)
    sizes = {"q": (model, inner), "k": (model, narrow), "v": (model, narrow), "o": (inner, model)}
    sizes |= {"qkv": (model, inner + 2 * narrow), "wo": (shape["d_ff"], model)}
    sizes |= dict.fromkeys(("wi", "wi_0", "wi_1"), (model, shape["d_ff"]))
    if kind not in sizes:
        raise ValueError(f"{kind!r} is no projection; known: {', '.join(sizes)}")
    return sizes[kind]
