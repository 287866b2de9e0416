"""A LLaMA shape (rotary positions, gated feed-forward, root-mean-square norms, separate output head; Touvron et al.
2023), pretrained on the next token."""

from collections.abc import Callable

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from peftport.host_building.recipes.example import LONGEST_ANSWER, LONGEST_PROMPT, POSITIONS, Example, check_shape
from peftport.host_building.recipes.weights import draw_weights
from peftport.host_building.tokenizer import RUNNING
from peftport.hosts.recipe_settings import PretrainingSettings, ShapeSettings
from peftport.prompting.batches import IGNORED

LAYOUT = RUNNING
FACTS: dict[str, bool] = {}


def fresh_model(shape: ShapeSettings, tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """A LLaMA model with its own head, initialised by one generator; matrices at N(0, 1 / inputs)."""
    width, heads = check_shape(shape)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=shape.d_ff, num_attention_heads=heads,
        num_hidden_layers=shape.layers, num_key_value_heads=heads, max_position_embeddings=POSITIONS,
        tie_word_embeddings=False, pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):  # the constructor draws from the global generator
        model = LlamaForCausalLM(config)
    scales = {"embed_tokens": shape.embedding_scale, "down_proj": shape.d_ff**-0.5}
    draw_weights(model, seed, scales, width**-0.5)
    return model


def objective(
    settings: PretrainingSettings, tokenizer: PreTrainedTokenizerFast
) -> Callable[[list[int], np.random.Generator], Example]:
    """Every token of a segment after those before it, and then the end; transformers shifts the targets."""

    def example(segment: list[int], random: np.random.Generator) -> Example:
        ids = [tokenizer.bos_token_id, *segment, tokenizer.eos_token_id]
        return Example(ids, [IGNORED, *ids[1:]])

    return example


def instruction(prompt: list[int], answer: list[int], tokenizer: PreTrainedTokenizerFast) -> Example:
    """The answer behind the prompt, and then the end; the prompt is not taught."""
    prompt = [tokenizer.bos_token_id, *prompt[: LONGEST_PROMPT - 1]]
    answer = [*answer[: LONGEST_ANSWER - 1], tokenizer.eos_token_id]
    return Example([*prompt, *answer], [*[IGNORED] * len(prompt), *answer])
