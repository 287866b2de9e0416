"""The shape of a host as far as it is known without loading it: from its ``config.json``, or from its recipe."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peftport.hosts.families.table import FAMILIES, family
from peftport.hosts.gguf_header import read_header
from peftport.hosts.locate import origin_folder
from peftport.hosts.recipe_settings import base_of
from peftport.hosts.settings import HostSettings
from peftport.storage.provenance import JsonObject

# Size to its names in a config.json; the first that is there and not null counts.
SIZES = {
    "d_model": ("d_model", "hidden_size", "n_embd", "dim"),
    "d_kv": ("d_kv", "head_dim"),
    "d_ff": ("d_ff", "intermediate_size", "n_inner", "hidden_dim", "encoder_ffn_dim", "ffn_dim"),
    "heads": ("num_heads", "num_attention_heads", "n_head", "n_heads", "encoder_attention_heads"),
    "key_value_heads": ("num_key_value_heads",),
    "layers": ("num_layers", "num_hidden_layers", "n_layer", "n_layers", "encoder_layers"),
    "decoder_layers": ("num_decoder_layers", "decoder_layers"),
}
FEED_FORWARD = "feed_forward_proj"  # where a T5's config says whether its feed-forward sub-layers are gated
BUILT = {FEED_FORWARD: "gated-gelu_pytorch_tanh"}  # of the T5 that a study builds
STACKS = ("layers", "decoder_layers")
EMBEDDING = ("word_embed_proj_dim", "embedding_size")  # where a config says that embeddings have a width of their own


def declared(name: str, hosts: Mapping[str, HostSettings], folder: Path) -> JsonObject | None:
    """What a host's card will say of its shape: ``host``, ``model_type``, the sizes that are known,
    ``gated_feed_forward`` where that is known, and ``head`` of one with a classification head.

    Args:
        hosts: the study's hosts by name.
        folder: where relative paths in the config start.

    Returns:
        None where nothing is known before the host is there (a hub's host).

    Raises:
        ValueError: its ``config.json`` is damaged, or its recipe keeps a layer that its base does not have.
    """
    facts = _declared(name, hosts, folder)
    return facts if facts is None or not hosts[name].classifies else facts | {"head": hosts[name].head}


def _declared(name: str, hosts: Mapping[str, HostSettings], folder: Path) -> JsonObject | None:
    """What ``declared`` gives, whatever the host's head."""
    host = hosts[name]
    if host.hub is not None:
        return None
    if (further_from := base_of(host.build)) is not None:
        base = _declared(further_from, hosts, folder)
        layers = getattr(host.build, "keep_layers", None)
        return None if base is None else base | {"host": name, "shape": base["shape"] | _kept(base, layers)}
    if host.build is not None:
        shape, kind = host.build.shape, host.build.family
        sizes = {"d_model": shape.d_model, "d_ff": shape.d_ff, "heads": shape.heads, "layers": shape.layers}
        sizes |= {"d_kv": shape.d_model // shape.heads}
        sizes |= {"decoder_layers": shape.layers} if kind == "t5" else {}
        return {"host": name, "model_type": kind, "shape": sizes} | gated(kind, BUILT)
    if host.gguf is not None:
        header = read_header(folder / host.gguf.file)
        return {"host": name, "model_type": header.model_type, "shape": header.shape}
    file = origin_folder(host, folder) / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is damaged: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{file} is no mapping")
    sizes = {"host": name, "model_type": config.get("model_type"), "shape": sizes_said(config)}
    return sizes | gated(config.get("model_type"), config)


def sizes_said(config: JsonObject) -> JsonObject:
    """The sizes that a ``config.json`` says, by their names in ``SIZES``."""
    found = {size: [config[key] for key in keys if config.get(key) is not None] for size, keys in SIZES.items()}
    return {size: values[0] for size, values in found.items() if values}


def gated(model_type: Any, config: JsonObject) -> JsonObject:
    """``gated_feed_forward``, as the host's card will say it; nothing where that is not known yet."""
    if model_type not in FAMILIES:
        return {}
    sites = family(model_type).sites
    if "wi" not in sites or "wi_0" not in sites:
        return {"gated_feed_forward": "wi" not in sites}
    said = config.get(FEED_FORWARD)  # T5 alone has either
    return {} if said is None else {"gated_feed_forward": str(said).startswith("gated")}


def card_so_far(fact: JsonObject) -> JsonObject:
    """What a host's card will say of its shape, as far as what is ``declared`` of it tells."""
    shape, stacks = dict(fact["shape"]), family(fact["model_type"]).layers
    layers = shape.pop("layers", None)
    known = {"encoder": layers, "decoder": shape.pop("decoder_layers", layers)}
    shape |= {f"{stack}_layers": known[stack] if stack in stacks else 0 for stack in known}
    shape = {name: size for name, size in shape.items() if size is not None}
    if {"d_model", "heads"} <= shape.keys():
        shape = {"d_kv": shape["d_model"] // shape["heads"], "key_value_heads": shape["heads"]} | shape
    return fact | {"shape": shape}


def _kept(base: JsonObject, layers: Sequence[int] | None) -> dict[str, int]:
    """The sizes of a base's stacks that are others when these layers alone stay."""
    stacks = {} if layers is None else {size: base["shape"][size] for size in STACKS if size in base["shape"]}
    for there in stacks.values():
        if (lacking := missing_layer(layers, there)) is not None:
            raise ValueError(f"`build.keep_layers`: the base {base['host']!r} has {lacking}")
    return {size: len(layers) for size in stacks}


def missing_layer(layers: Sequence[int], there: int) -> str | None:
    """Which of these rising numbers of layers a stack of so many layers does not have; None where it has all."""
    return f"no layer {layers[-1]}; its layers are 0 to {there - 1}" if layers[-1] >= there else None


def common(first: JsonObject, second: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Two of them with only the sizes that both know."""
    sizes = first["shape"].keys() & second["shape"].keys()
    pair = (first, second)
    return tuple(one | {"shape": {size: one["shape"][size] for size in SIZES if size in sizes}} for one in pair)


def host_shape(config: Any) -> dict[str, int]:
    """The numbers that module sizes depend on, from a transformers config.

    Keys: ``d_model``, ``d_kv`` (width of a head), ``d_ff``, ``heads``, ``key_value_heads``, ``encoder_layers``,
    ``decoder_layers``, ``norms`` (layer norms of sub-layers in all layers), ``norm_tensors`` (of a layer norm),
    ``embedding`` (width of its embeddings), ``vocabulary``.

    Raises:
        ValueError: unknown family, or two attributes of the config differ that must agree.
    """
    kind = family(config.model_type)
    for pair in kind.equal:
        one, other = (getattr(config, attribute) for attribute in pair)
        if one != other:
            names = " and ".join(pair)
            raise ValueError(f"{names} of a {kind.name} host must agree; config.json says {one} and {other}")
    heads, d_model = config.num_attention_heads, config.hidden_size
    width = getattr(config, "d_kv", None) or getattr(config, "head_dim", None) or d_model // heads
    layers = {f"{stack}_layers": getattr(config, attribute) for stack, attribute in kind.layers.items()}
    layers = {stack: layers.get(stack, 0) for stack in ("encoder_layers", "decoder_layers")}
    return {
        "d_model": d_model,
        "d_kv": width,
        "d_ff": getattr(config, kind.feed_forward) or 4 * d_model,  # GPT-2 leaves it None for four times d_model
        "heads": heads,
        "key_value_heads": getattr(config, "num_key_value_heads", None) or heads,
        **layers,
        "norms": len(kind.names(["norm"], layers)),
        "norm_tensors": kind.norm_tensors,
        "embedding": next((size for name in EMBEDDING if (size := getattr(config, name, None))), d_model),
        "vocabulary": config.vocab_size,
    }


def expected_sites(family: Any, shape: Mapping[str, int]) -> dict[str, int]:
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
    counts |= dict.fromkeys(("q", "k", "v", "qkv", "o"), both + cross) | {"norm": shape.get("norms", 0)}
    return counts | dict.fromkeys(("wi", "wi_0", "wi_1", "wi_01", "wo"), both)


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
    sizes |= dict.fromkeys(("wi", "wi_0", "wi_1"), (model, shape["d_ff"])) | {"wi_01": (model, 2 * shape["d_ff"])}
    if kind not in sizes:
        raise ValueError(f"{kind!r} is no projection; known: {', '.join(sizes)}")
    return sizes[kind]
