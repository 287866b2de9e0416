"""Tiny hosts in other formats than safetensors: a GGUF file as llama.cpp's tools write it, pickled weights."""

import json
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

LETTERS = sorted(ByteLevel.alphabet())
TOKENS = ["<unk>", "<s>", "</s>", *LETTERS, "go", "Ġg"]
MERGES = ["g o", "Ġ g"]
NAMES = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
NAMES |= {f"self_attn.{kind}_proj": f"attn_{kind}" for kind in "qkv"} | {"self_attn.o_proj": "attn_output"}
NAMES |= {f"mlp.{kind}_proj": f"ffn_{kind}" for kind in ("gate", "up", "down")}
TOP = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
TOP |= {"lm_head.weight": "output.weight"}


def llama(seed: int = 0, tied: bool = True, layers: int = 1) -> PreTrainedModel:
    """A random host with fewer heads for keys than for queries."""
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": layers, "num_attention_heads": 4}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=len(TOKENS), num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=tied,
            bos_token_id=1, eos_token_id=2, **sizes,
        )  # fmt: skip
        model = LlamaForCausalLM(config).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, 0.5, 0.3)
    return model


def write_gguf(file: Path, model: PreTrainedModel, quantised: str = "F32", **other: object) -> Path:
    """Write a host as a GGUF file.

    Args:
        quantised: type of matrices.
        other: ``architecture``; ``tokenizer=False`` leaves it out; ``scaled=True`` scales positions;
            ``chat_template``.
    """
    config, architecture = model.config, other.get("architecture", "llama")
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    if other.get("scaled"):
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    if "chat_template" in other:
        writer.add_chat_template(other["chat_template"])
    if other.get("tokenizer", True):
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("smollm")
        writer.add_token_list(TOKENS)
        writer.add_token_types([3] * 3 + [1] * (len(TOKENS) - 3))
        writer.add_token_merges(MERGES)
        for add, token in ((writer.add_unk_token_id, 0), (writer.add_bos_token_id, 1), (writer.add_eos_token_id, 2)):
            add(token)
    for name, values in gguf_tensors(model).items():
        kind = gguf.GGMLQuantizationType[quantised if values.ndim == 2 else "F32"]
        writer.add_tensor(name, gguf.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def gguf_tensors(model: PreTrainedModel) -> dict[str, np.ndarray]:
    """The tensors of a host under their names in GGUF, queries and keys in the order that llama.cpp wants."""
    tensors = {}
    for name, tensor in model.named_parameters():
        values = tensor.detach().numpy()
        for heads, kind in ((model.config.num_attention_heads, "q_"), (model.config.num_key_value_heads, "k_")):
            if f"self_attn.{kind}" in name:
                rows, columns = values.shape
                values = values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
        tensors[TOP.get(name) or gguf_name(name)] = np.ascontiguousarray(values)
    return tensors


def gguf_name(name: str) -> str:
    """``model.layers.0.mlp.up_proj.weight`` -> ``blk.0.ffn_up.weight``."""
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


def pickle_weights(folder: Path, parts: int = 1, **options: object) -> dict[str, torch.Tensor]:
    """Put a host's safetensors into ``pytorch_model.bin``, or into parts with an index; returns the tensors."""
    from safetensors.torch import load_file

    file = folder / "model.safetensors"
    tensors = load_file(file)
    file.unlink()
    names = sorted(tensors)
    if parts == 1:
        torch.save(tensors, folder / "pytorch_model.bin", **options)
        return tensors
    weight_map = {}
    for part in range(parts):
        called = f"pytorch_model-{part + 1:05}-of-{parts:05}.bin"
        torch.save({name: tensors[name] for name in names[part::parts]}, folder / called, **options)
        weight_map |= dict.fromkeys(names[part::parts], called)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return tensors
