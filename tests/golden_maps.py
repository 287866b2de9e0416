"""The golden files, and how the names in them become ours. Nothing here runs a module.

Modules in `tests/golden` keep the names that their makers gave them. ``RENAMES`` says, by technique, which part of a
name becomes which; three layouts differ beyond names and have a function each: the prefixes of the `adapters` library
lie in one matrix for all layers, GPT-2's queries, keys and values are one projection, and (IA)3's vectors of the
feed-forward sub-layer lie on its other projection.
"""

import json
import re
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

FOLDER = Path(__file__).parent / "golden"
INDEX = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
Tensors = dict[str, np.ndarray]

SITES = (
    (r"(layer\.\d+)\.adapters\.golden\.", r"\1.dropout."),  # T5
    (r"output\.adapters\.golden\.", "output.dropout."),  # BERT
    (r"attention_adapters\.adapters\.golden\.", "attn.resid_dropout."),  # GPT-2
    (r"output_adapters\.adapters\.golden\.", "mlp.dropout."),
)
RENAMES: dict[str, tuple[tuple[str, str], ...]] = {
    "adapters": (*SITES, (r"adapter_(down|up)(\.0)?\.(weight|bias)$", r"houlsby_\1_\3")),
    "compacter": (
        *SITES,
        (r"adapter_(down|up)(\.0)?\.b$", r"compacter_\1_bias"),
        (r"adapter_(down|up)(\.0)?\.W_(left|right)$", r"compacter_\1_\3"),
        (r"^model\..*shared_parameters\.golden\.phm_rule$", "compacter_rule"),
    ),
    "lora": ((r"\.loras\.golden\.lora_(A|B)$", r".lora_\1.weight"),),
    "ia3": (
        (r"\.loras\.golden\.lora_B$", ".ia3_l"),
        (r"intermediate\.dense", "output.dense"),
        (r"DenseReluDense\.wi_1", "DenseReluDense.wo"),
        (r"mlp\.c_fc", "mlp.c_proj"),
    ),
    "prompt_tuning": ((r"^model\.prompt$", "prompt_embeddings"),),
    "tiny_attention": (
        (r"^model\.layer\.(\d+)\.tiny_attn\.", r"model.roberta.encoder.layer.\1.attention."),
        (r"block\.(\d+)\.tiny_attn\.", r"block.\1.layer.0."),
        (r"norm\.(weight|bias)$", r"tiny_attention_norm_\1"),
        (r"linear1\.(weight|bias)$", r"tiny_attention_in_\1"),
        (r"attention\.in_proj_(weight|bias)$", r"tiny_attention_heads_\1"),
        (r"attention\.out_proj\.(weight|bias)$", r"tiny_attention_mix_\1"),
        (r"linear2\.(weight|bias)$", r"tiny_attention_out_\1"),
    ),
}
# by host: their name of a kind of attention, ours, and where its modules are
ATTENTIONS = {
    "bert": (("self_prefix", "encoder_self", "bert.encoder.layer.{}.attention.self"),),
    "gpt2": (("self_prefix", "decoder_self", "transformer.h.{}.attn"),),
    "t5": (
        ("encoder_prefix", "encoder_self", "encoder.block.{}.layer.0.SelfAttention"),
        ("self_prefix", "decoder_self", "decoder.block.{}.layer.0.SelfAttention"),
        ("cross_prefix", "cross", "decoder.block.{}.layer.1.EncDecAttention"),
    ),
}
LAYERS, PREFIX_LENGTH = 2, 3


def golden(file: str, part: str) -> Tensors:
    """The tensors of a golden file whose names begin with ``part`` (``host``, ``inputs``, ``module``), without it."""
    tensors = load_file(FOLDER / f"{file}.safetensors")
    return {name.removeprefix(f"{part}."): one for name, one in tensors.items() if name.startswith(f"{part}.")}


def golden_logits(file: str) -> np.ndarray:
    """(batch, length, vocabulary)."""
    return load_file(FOLDER / f"{file}.safetensors")["logits"]


def our_module(file: str, technique: str) -> Tensors:
    """The module of a golden file under our names and in our layout."""
    tensors, host = golden(file, "module"), file.split("-")[0]
    if technique == "prefix_tuning":
        return _prefixes(tensors, host)
    found = {}
    for name, tensor in tensors.items():
        name = f"model.{name}"
        for pattern, replacement in RENAMES[technique]:
            name = re.sub(pattern, replacement, name)
        found[name if technique == "prompt_tuning" else f"base_model.{name}"] = tensor
    if technique == "ia3":
        feed_forward = ("output.dense.ia3_l", "wo.ia3_l", "c_proj.ia3_l")
        found = {name: one.T if name.endswith(feed_forward) else one for name, one in found.items()}
    return {name: _fused(name, one) if ".c_attn." in name else one for name, one in found.items()}


def _prefixes(tensors: Tensors, host: str) -> Tensors:
    """Their last matrix (or flat vector) holds key and value of every layer in turn."""
    found = {}
    for theirs, kind, place in ATTENTIONS[host]:
        own = {name.split(f".{theirs}.")[1]: one for name, one in tensors.items() if f".{theirs}." in name}
        for layer in range(LAYERS):
            for slot, part in ((2 * layer, "key"), (2 * layer + 1, "value")):
                name = f"base_model.model.{place.format(layer)}.prefix_tuning_{part}"
                if "control_trans" in own:
                    found[name] = own["control_trans"].reshape(PREFIX_LENGTH, 2 * LAYERS, -1)[:, slot]
                else:
                    width = own["control_trans.2.weight"].shape[1]
                    found[name] = own["control_trans.2.weight"].reshape(2 * LAYERS, -1, width)[slot].T
                    found[f"{name}_bias"] = own["control_trans.2.bias"].reshape(2 * LAYERS, -1)[slot]
        if "wte.weight" in own:
            shared = {"embedding": "wte.weight", "weight": "control_trans.0.weight", "bias": "control_trans.0.bias"}
            found |= {f"base_model.prefix_tuning_{kind}_{ours}": own[name] for ours, name in shared.items()}
    return found


def _fused(name: str, tensor: np.ndarray) -> np.ndarray:
    """Two matrices of GPT-2's three in one: what they leave out becomes nothing, which is 0, or for a factor 1.

    Their LoRA has ``B_q A_q`` and ``B_v A_v`` of rank r; ours is one ``B A`` of rank 2 r, with A stacked and B in
    blocks. Their (IA)3 has factors for keys and values; ours for queries too.
    """
    if name.endswith("lora_A.weight"):
        return tensor
    width, inner = len(tensor) // 2, tensor.shape[1]
    if name.endswith("ia3_l"):
        return np.concatenate([np.ones((width, 1), tensor.dtype), tensor])
    fused = np.zeros((3 * width, 2 * inner), tensor.dtype)
    fused[:width, :inner], fused[2 * width :, inner:] = tensor[:width], tensor[width:]
    return fused
