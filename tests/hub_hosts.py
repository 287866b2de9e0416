"""Hosts in the hub's own format and size: T5's real tokenizer (if its file is here) and random weights."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration

SHARED = Path(os.environ.get("PEFTPORT_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
V1_1 = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
SHAPES = {
    "t5-small": {"d_ff": 2048, "num_heads": 8, "num_layers": 6, "feed_forward_proj": "relu"},
    "t5-small, gated and untied": {"d_ff": 2048, "num_heads": 8, "num_layers": 6, **V1_1},
    "t5-v1_1-small": {"d_ff": 1024, "num_heads": 6, "num_layers": 8, **V1_1},
}


def copy_tokenizer(folder: Path) -> None:
    """T5's sentencepiece file, alone, as the first T5 repositories of the hub have it; skips the test without it."""
    file = SHARED / "t5_tokenizer" / "spiece.model"
    if not file.is_file():
        pytest.skip(f"no T5 tokenizer at {file}; PEFTPORT_SHARED_DATA says where the data are")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, folder)


def write_host(folder: Path, name: str, seed: int) -> Path:
    """config.json, model.safetensors (240 to 340 MB) and spiece.model of a host with random weights.

    Args:
        name: an entry of ``SHAPES``; 32,128 rows of embeddings as on the hub, 28 more than the tokenizer has.
    """
    copy_tokenizer(folder)
    config = {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "vocab_size": 32_128}
    config |= {"d_model": 512, "d_kv": 64, "dropout_rate": 0.1, "layer_norm_epsilon": 1e-6, "use_cache": True}
    config |= {"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1, "is_encoder_decoder": True}
    config |= {"relative_attention_num_buckets": 32, "initializer_factor": 1.0, **SHAPES[name]}
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    with torch.device("meta"):
        parameters = T5ForConditionalGeneration(T5Config(**config)).named_parameters()
        shapes = {key: tensor.shape for key, tensor in parameters}
    if not config.get("tie_word_embeddings", True):
        shapes["lm_head.weight"] = shapes["shared.weight"]
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        key: torch.ones(shape) if len(shape) == 1 else torch.empty(shape).normal_(0, 0.05, generator=generator)
        for key, shape in shapes.items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
