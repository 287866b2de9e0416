"""What the two hosts are, from their configs: what changes the meaning of an adapter though its tensors fit."""

from collections.abc import Iterator
from typing import Any

from peftport.adapters.case import Case
from peftport.adapters.checks.placing import layer_count
from peftport.adapters.host_files import HostFiles
from peftport.adapters.verdict import Reason
from peftport.hosts.families.table import refusal
from peftport.hosts.shape import SIZES, sizes_said

POSITIONS = (
    *("rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor", "sliding_window"),
    *("relative_attention_num_buckets", "relative_attention_max_distance", "position_embedding_type"),
)
LENGTHS = ("max_position_embeddings", "n_positions")
COMPUTING = (
    *("hidden_act", "hidden_activation", "activation_function", "feed_forward_proj", "is_gated_act", "pre_norm"),
    *("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "do_layer_norm_before", "tie_word_embeddings"),
    *("attn_logit_softcapping", "final_logit_softcapping", "attention_bias", "mlp_bias"),
)


def reasons(case: Case) -> Iterator[Reason]:
    """Types, sizes, positions, what layers compute, output layers, numbers."""
    new, old = case.new, case.old
    if (why := refusal(new.model_type)) is not None:
        text = f"peftport has no hosts of the type {new.model_type or 'none'}, so names and shapes alone were compared"
        yield Reason("type", "copy", f"{text} ({why.partition('.')[0]})")
    if old is not None:
        if old.model_type != new.model_type:
            pair = f"it was {old.model_type} and is {new.model_type}"
            yield Reason("type", "map", f"the host is of another type, {pair}; a map is needed")
        yield from _sizes(case, old)
        yield from _settings(old, new)
        if old.tied != new.tied:
            text = f"the output layer was {_output(old)} and is {_output(new)}: take care when merging"
            yield Reason("output", "copy", text)
    yield from _numbers(case)


def _sizes(case: Case, old: HostFiles) -> Iterator[Reason]:
    """Sizes that both configs say and that differ. Layers are counted in the files."""
    before, now = sizes_said(old.config), sizes_said(case.new.config)
    pairs = {name: (before.get(name), now.get(name)) for name in SIZES}
    pairs["layers"] = (layer_count(case.old_modules.names), layer_count(case.new_modules.names))
    unequal = tuple(
        f"{name} {one} and {other}" for name, (one, other) in pairs.items() if None not in (one, other) and one != other
    )
    if unequal:
        yield Reason("sizes", "map", "the hosts are not of one size (before and now)", unequal)


def _settings(old: HostFiles, new: HostFiles) -> Iterator[Reason]:
    for check, names, what in (
        ("positions", POSITIONS, "places of tokens are told in another way, so queries and keys fit only roughly"),
        ("length", LENGTHS, "the hosts read texts of another length"),
        ("computing", COMPUTING, "layers compute something else"),
    ):
        keys = [name for name in names if old.config.get(name) != new.config.get(name)]
        if keys:
            pairs = tuple(f"{key} {_short(old.config.get(key))} and {_short(new.config.get(key))}" for key in keys)
            yield Reason(check, "copy", f"{what} (before and now)", pairs)


def _numbers(case: Case) -> Iterator[Reason]:
    quantised = case.new.config.get("quantization_config")
    if quantised:
        kind = quantised.get("quant_method", "unknown") if isinstance(quantised, dict) else "unknown"
        yield Reason("numbers", "copy", f"the host is quantised ({str(kind)[:40]}): what it computes is another host's")
    new = ", ".join(case.new.dtypes())
    if case.old is not None and (old := ", ".join(case.old.dtypes())) != new:
        yield Reason("numbers", "copy", f"the host's weights were in {old} and are in {new}")
    kept = ", ".join(sorted({fact.dtype for fact in case.adapter.tensors.values()}))
    yield Reason("numbers", "same", f"its tensors are in {kept}, the host's weights in {new}")


def _output(host: HostFiles) -> str:
    return "the input embedding" if host.tied else "a layer of its own"


def _short(value: Any) -> str:
    return "none" if value is None else str(value)[:60]
