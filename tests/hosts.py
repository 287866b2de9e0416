"""Tiny random hosts, one of each kind that techniques must cope with, and batches for them."""

import functools

import torch
from torch import Tensor
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedModel,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
    UMT5Config,
    UMT5ForConditionalGeneration,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from tests.copies import Copies

VOCABULARY, PAD, END = 64, 0, 1

T5_HOSTS = ("t5_gated_untied", "t5_relu_tied", "t5_narrow_heads")
OTHER_HOSTS = ("bert", "roberta", "gpt2", "llama")
# further encoders and encoder-decoders; DeBERTa with either head
ENCODERS = ("distilbert", "electra", "deberta-v2", "deberta-v2_new_head", "modernbert", "xlm-roberta")
ENCODER_DECODERS = ("bart", "umt5", "umt5_tied")
# the token that BART's tokenizer puts before every text
OPENING = 7
# further decoders by model_type, with what sets them apart made small; two key-value heads for four heads where a
# config can say so, and heads wider than hidden_size / heads where it says their width
GROUPED, WIDE = {"num_key_value_heads": 2}, {"num_key_value_heads": 2, "head_dim": 6}
CAPS = {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 4.0}
WINDOWS = {"sliding_window": 4, "layer_types": ["sliding_attention", "full_attention"]}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 8}
DECODER_SETTINGS = {
    "qwen2": ("qwen2", GROUPED | {"tie_word_embeddings": True}),
    "qwen3": ("qwen3", WIDE),
    "mistral": ("mistral", GROUPED | {"sliding_window": 4}),
    "gemma2": ("gemma2", WIDE | CAPS | WINDOWS | {"query_pre_attn_scalar": 6}),
    "gemma3_text": ("gemma3_text", WIDE | WINDOWS | {"query_pre_attn_scalar": 6}),
    "phi3": ("phi3", GROUPED | {"sliding_window": 4}),
    "olmo2": ("olmo2", GROUPED),
    "mixtral": ("mixtral", GROUPED | {"num_local_experts": 4}),
    "qwen2_moe": ("qwen2_moe", GROUPED | EXPERTS | {"shared_expert_intermediate_size": 8}),
    "qwen3_moe": ("qwen3_moe", WIDE | EXPERTS),
    "olmoe": ("olmoe", GROUPED | {"num_experts": 4, "num_experts_per_tok": 2}),
    "gpt_neox": ("gpt_neox", {}),
    "opt": ("opt", {}),
    "opt, norms last": ("opt", {"do_layer_norm_before": False, "word_embed_proj_dim": 8}),  # as OPT-350m
}
DECODERS = tuple(DECODER_SETTINGS)
MIXTURES = ("mixtral", "qwen2_moe", "qwen3_moe", "olmoe")


def _t5(seed: int, tied: bool, attention: str, **settings: int | str) -> PreTrainedModel:
    config = T5Config(
        vocab_size=VOCABULARY,
        relative_attention_num_buckets=8,
        relative_attention_max_distance=16,
        decoder_start_token_id=PAD,
        pad_token_id=PAD,
        eos_token_id=END,
        attn_implementation=attention,
        **settings,
    )
    torch.manual_seed(seed)
    host = T5ForConditionalGeneration(config)
    if not tied:  # building from a config always ties in transformers 5, so the separate head is put in by hand
        host.lm_head = torch.nn.Linear(config.d_model, VOCABULARY, bias=False)
        torch.nn.init.normal_(host.lm_head.weight, std=0.5)
        host.config.tie_word_embeddings = False
    return host


def _umt5(tied: bool, **settings: int | str) -> PreTrainedModel:
    buckets = {"relative_attention_num_buckets": 8, "relative_attention_max_distance": 16}
    sizes = {"d_model": 16, "d_kv": 4, "num_heads": 6, "d_ff": 32, "num_layers": 2, "num_decoder_layers": 1}
    host = UMT5ForConditionalGeneration(UMT5Config(decoder_start_token_id=PAD, **buckets, **sizes, **settings))
    if not tied:  # as T5's
        host.lm_head = torch.nn.Linear(16, VOCABULARY, bias=False)
        host.config.tie_word_embeddings = False
    return host


def _bart(**settings: int | str) -> PreTrainedModel:
    sizes = {"encoder_layers": 2, "decoder_layers": 1, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    special = {"bos_token_id": OPENING, "decoder_start_token_id": END, "forced_eos_token_id": END, "init_std": 0.3}
    host = BartForConditionalGeneration(
        BartConfig(d_model=16, max_position_embeddings=32, **sizes, **heads, **special, **settings)
    )
    host.generation_config.update(forced_bos_token_id=OPENING, no_repeat_ngram_size=1, min_length=4)
    with torch.no_grad():
        host.final_logits_bias.normal_()
    return host


def spread_module(model: torch.nn.Module) -> torch.nn.Module:
    """Make a module large enough to matter, always in the same way."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(0, 0.5, generator=generator)
    return model.eval()


def _spread(host: PreTrainedModel) -> PreTrainedModel:
    """Make the random host's activations large enough that a wrong module would show."""
    with torch.no_grad():
        for name, parameter in host.named_parameters():
            if parameter.dim() == 2 and "embed" not in name and "shared" not in name:
                parameter.mul_(3.0)
    return host


def _decoder(name: str, attention: str) -> PreTrainedModel:
    """A decoder of ``DECODER_SETTINGS``, of four heads and two layers."""
    kind, settings = DECODER_SETTINGS[name]
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 32}
    sizes |= {"intermediate_size": 24, "ffn_dim": 24, "vocab_size": VOCABULARY, "word_embed_proj_dim": 16}
    sizes |= {"initializer_range": 0.1, "init_std": 0.1}
    special = {"pad_token_id": PAD, "eos_token_id": END, "bos_token_id": END}
    config = CONFIG_MAPPING[kind](**sizes | special | settings)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager" if kind == "gemma2" else attention)


def host(name: str, seed: int = 0, attention: str = "sdpa") -> PreTrainedModel:
    """A tiny random host in evaluation mode, the caller's own; the global generator is left as it was."""
    return _copies(name, seed, attention).take()


@functools.cache
def _copies(name: str, seed: int, attention: str) -> Copies:
    """Of one host: to copy it costs a tenth of what it costs to build it."""
    return Copies(_built(name, seed, attention))


def _built(name: str, seed: int, attention: str) -> PreTrainedModel:
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    causal = {"num_key_value_heads": 1, "max_position_embeddings": 32}
    common = {"vocab_size": VOCABULARY, "attn_implementation": attention, "pad_token_id": PAD, "eos_token_id": END}
    gated, relu = "gated-gelu", "relu"
    # published DeBERTas share the projections of contents and places, and have no positions in their input
    places = {"relative_attention": True, "position_buckets": 8, "pos_att_type": "p2c|c2p", "share_att_key": True}
    places |= {"norm_rel_ebd": "layer_norm", "position_biased_input": False, "type_vocab_size": 0}
    eager = common | {"attn_implementation": "eager"}
    distil = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
    # the first layer sees all tokens, the second those at most two places away
    windows = {
        "local_attention": 4,
        "global_attn_every_n_layers": 2,
        "bos_token_id": 2,
        "cls_token_id": 2,
        "initializer_range": 0.1,
        "sep_token_id": END,
    }
    makers = {
        "t5_gated_untied": lambda: _t5(
            seed, False, attention, d_model=16, d_kv=8, num_heads=2, d_ff=32, num_layers=2, feed_forward_proj=gated
        ),
        "t5_relu_tied": lambda: _t5(
            seed, True, attention, d_model=32, d_kv=8, num_heads=4, d_ff=32, num_layers=1, num_decoder_layers=2,
            feed_forward_proj=relu,
        ),
        "t5_narrow_heads": lambda: _t5(
            seed, False, attention, d_model=16, d_kv=4, num_heads=6, d_ff=32, num_layers=1, feed_forward_proj=gated
        ),
        "bert": lambda: BertForMaskedLM(BertConfig(max_position_embeddings=32, **small, **common)),
        "roberta": lambda: RobertaForMaskedLM(RobertaConfig(max_position_embeddings=34, **small, **common)),
        "gpt2": lambda: GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=32, **common)),
        "llama": lambda: LlamaForCausalLM(LlamaConfig(**causal, **small, **common)),
        "distilbert": lambda: DistilBertForMaskedLM(DistilBertConfig(max_position_embeddings=32, **distil, **common)),
        "electra": lambda: ElectraForMaskedLM(
            ElectraConfig(embedding_size=8, max_position_embeddings=32, **small, **common)
        ),
        "deberta-v2": lambda: DebertaV2ForMaskedLM(
            DebertaV2Config(max_position_embeddings=32, **places, **small, **eager)
        ),
        "deberta-v2_new_head": lambda: DebertaV2ForMaskedLM(
            DebertaV2Config(max_position_embeddings=32, legacy=False, conv_kernel_size=3, **places, **small, **eager)
        ),
        "modernbert": lambda: ModernBertForMaskedLM(
            ModernBertConfig(max_position_embeddings=32, **windows, **small, **common)
        ),
        "xlm-roberta": lambda: XLMRobertaForMaskedLM(XLMRobertaConfig(max_position_embeddings=34, **small, **common)),
        "bart": lambda: _bart(**common),
        "umt5": lambda: _umt5(False, **common),
        "umt5_tied": lambda: _umt5(True, **common),
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return _spread(_decoder(name, attention) if name in DECODERS else makers[name]()).eval()


def batch(rows: int = 3, length: int = 7, encoder_decoder: bool = True, seed: int = 0) -> dict[str, Tensor]:
    """Random token ids with right padding in all rows but the first, and labels of three tokens (or the text's own)."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, VOCABULARY, (rows, length), generator=generator)
    mask = torch.ones_like(ids)
    for row in range(1, rows):
        mask[row, length - row :] = 0
    ids = ids.masked_fill(mask == 0, PAD)
    if encoder_decoder:
        labels = torch.randint(2, VOCABULARY, (rows, 3), generator=generator)
    else:
        labels = ids.masked_fill(mask == 0, -100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}
