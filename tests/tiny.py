"""Tiny random hosts in float64, for maps between hosts: built, asked, written to a folder."""

import copy
import functools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.initialization import no_init_weights

from peftport.hosts.shape import host_shape
from peftport.storage.cards import write_card
from peftport.storage.files import file_digests
from peftport.storage.provenance import JsonObject

VOCABULARY = 120
Tensors = dict[str, np.ndarray]
ROOT_MEAN_SQUARE = ("t5", "t5_relu", "llama")  # their norms compute in float32
CENTRED = ("gpt2", "bert", "bert_plain")
KINDS = ("t5", "t5_relu", "llama", "gpt2", "bert")

# what a model with a head calls the model below it
PREFIX = {"t5": "", "llama": "model.", "gpt2": "transformer.", "bert": "bert."}


@dataclass(frozen=True)
class Sizes:
    """Sizes of a host: width, query heads, key-value heads, width of a head, inner width, layers of each stack."""

    width: int = 32
    heads: int = 4
    key_value_heads: int = 4
    head: int = 8
    inner: int = 48
    layers: int = 3
    eps: float = 1e-6


SIZES = {kind: Sizes() for kind in (*KINDS, "bert_plain")} | {"llama": Sizes(key_value_heads=2)}


@functools.cache
def host(kind: str) -> PreTrainedModel:
    """The host of a kind with the usual sizes, to read only."""
    return build(kind, SIZES[kind])


def build(kind: str, sizes: Sizes, seed: int = 0) -> PreTrainedModel:
    """A random host of a kind: ``t5``, ``t5_relu``, ``llama``, ``gpt2``, ``bert``, ``bert_plain`` (no gains)."""
    with no_init_weights():
        host = _empty(kind, sizes)
    host.tie_weights()
    if kind.startswith("t5"):  # transformers 5 ties its output layer whatever the config says
        host.lm_head.weight = torch.nn.Parameter(torch.empty_like(host.lm_head.weight))
        host.config.tie_word_embeddings = False
    return _randomised(host.double().eval(), seed, constant=kind == "bert_plain")


def _empty(kind: str, sizes: Sizes) -> PreTrainedModel:
    common = {"vocab_size": VOCABULARY, "attn_implementation": "eager", "tie_word_embeddings": False}
    bert = {"num_attention_heads": sizes.heads, "hidden_size": sizes.width, "num_hidden_layers": sizes.layers}
    bert |= {"intermediate_size": sizes.inner, "max_position_embeddings": 64} | common
    if kind.startswith("t5"):
        config = T5Config(
            **{"d_model": sizes.width, "d_kv": sizes.head, "d_ff": sizes.inner, "num_layers": sizes.layers},
            **{"num_heads": sizes.heads, "feed_forward_proj": "relu" if kind == "t5_relu" else "gated-gelu"},
            **{"layer_norm_epsilon": sizes.eps, "dropout_rate": 0.0, "decoder_start_token_id": 0, **common},
        )
        return T5ForConditionalGeneration(config)
    if kind == "llama":
        grouped = {"num_key_value_heads": sizes.key_value_heads, "head_dim": sizes.head, "rms_norm_eps": sizes.eps}
        return LlamaForCausalLM(LlamaConfig(**bert, **grouped))
    if kind == "gpt2":
        sized = {"n_embd": sizes.width, "n_layer": sizes.layers, "n_head": sizes.heads, "n_inner": sizes.inner}
        dropout = dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop"), 0.0)
        ends = {"bos_token_id": 1, "eos_token_id": 1, "n_positions": 64, "layer_norm_epsilon": 10 * sizes.eps}
        return GPT2LMHeadModel(GPT2Config(**sized, **dropout, **common, **ends))
    dropout = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), 0.0)
    return BertForMaskedLM(BertConfig(**bert, **dropout, layer_norm_eps=1e-12))


def _randomised(host: PreTrainedModel, seed: int, constant: bool) -> PreTrainedModel:
    rng = np.random.default_rng(seed)
    for name, parameter in host.named_parameters():
        normal = rng.standard_normal(parameter.shape)
        if "norm" in name.lower() or ".ln_" in name:
            value = (1.3 + 0 * normal if constant else 1 + 0.3 * normal) if name.endswith("weight") else 0.2 * normal
        elif parameter.dim() == 2:
            embeds = any(part in name for part in ("embed", "shared", "wte", "wpe"))
            value = normal if embeds else 1.2 / math.sqrt(parameter.shape[1]) * normal
        else:
            value = 0.1 * normal
        parameter.data = torch.from_numpy(value)
        parameter.requires_grad_(False)
    return host


def tensors(host: PreTrainedModel) -> Tensors:
    """A host's tensors, without the prefix of the model below the head."""
    prefix = PREFIX[host.config.model_type]
    return {name.removeprefix(prefix): tensor.numpy().copy() for name, tensor in host.state_dict().items()}


def load(host: PreTrainedModel, values: Tensors) -> PreTrainedModel:
    """Give a host the tensors that ``tensors`` gave, in place."""
    prefix = PREFIX[host.config.model_type]
    names = {name.removeprefix(prefix): name for name in host.state_dict()}
    assert names.keys() == values.keys(), names.keys() ^ values.keys()
    host.load_state_dict({names[name]: torch.from_numpy(value) for name, value in values.items()})
    return host


def logits(host: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """What a host, or one with a module, answers to token ids."""
    config = host.config
    inputs = {"decoder_input_ids": ids[:, :5]} if config.is_encoder_decoder else {}
    with torch.no_grad():
        return host(input_ids=ids, **inputs).logits


def card(host: PreTrainedModel, name: str) -> JsonObject:
    """The card of a host, as far as maps and laws ask it."""
    kind = host.config.model_type
    return {"host": name, "model_type": kind, "family": kind, "shape": host_shape(host.config)}


def write_host(host: PreTrainedModel, folder: Path) -> Path:
    """Write a host in float32 as a folder with ``config.json`` and safetensors, as ``peftport.maps.pair`` reads it."""
    copy.deepcopy(host).float().save_pretrained(folder)
    return folder


def write_known_host(host: PreTrainedModel, name: str, folder: Path) -> None:
    """Write a host to ``<name>/`` with a tokenizer of words w0, w1, ..., and beside it ``<name>.json``, its card."""
    write_host(host, folder / name)
    tokenizer = Tokenizer(WordLevel({f"w{word}": word for word in range(VOCABULARY)}, unk_token="w0"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(folder / name / "tokenizer.json"))
    files = file_digests(folder / name, [path.name for path in (folder / name).iterdir()])
    facts = {"folder": str(folder / name), "files": files, "origin": {"path": name}, "weights_sha256": name}
    write_card(folder / f"{name}.json", card(host, name) | facts)
