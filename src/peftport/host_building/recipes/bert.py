"""A BERT shape (Devlin et al. 2019; output head tied to the embeddings), pretrained as a masked language model without
next-sentence prediction, as RoBERTa was (Liu et al. 2019)."""

from collections.abc import Callable

import numpy as np
import torch
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from peftport.host_building.objectives.masked import masked_tokens
from peftport.host_building.recipes.example import LONGEST_ANSWER, LONGEST_PROMPT, POSITIONS, Example, check_shape
from peftport.host_building.recipes.weights import draw_weights
from peftport.host_building.tokenizer import CLOZE
from peftport.hosts.recipe_settings import PretrainingSettings, ShapeSettings
from peftport.prompting.batches import IGNORED

LAYOUT = CLOZE
FACTS: dict[str, bool] = {}


def fresh_model(shape: ShapeSettings, tokenizer: PreTrainedTokenizerFast, seed: int) -> BertForMaskedLM:
    """A BERT model without dropout, initialised by one generator; matrices at N(0, 1 / width)."""
    width, heads = check_shape(shape)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=shape.d_ff, num_attention_heads=heads,
        num_hidden_layers=shape.layers, max_position_embeddings=POSITIONS, type_vocab_size=1,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):  # the constructor draws from the global generator
        model = BertForMaskedLM(config)
    embeddings = ("word_embeddings", "position_embeddings", "token_type_embeddings")
    draw_weights(model, seed, dict.fromkeys(embeddings, shape.embedding_scale), width**-0.5)
    return model


def objective(
    settings: PretrainingSettings, tokenizer: PreTrainedTokenizerFast
) -> Callable[[list[int], np.random.Generator], Example]:
    """Masked tokens of a segment, at least one."""
    return masked_tokens(tokenizer, settings.corrupted_share)


def instruction(prompt: list[int], answer: list[int], tokenizer: PreTrainedTokenizerFast) -> Example:
    """The answer at masks behind the prompt."""
    prompt, answer = prompt[: LONGEST_PROMPT - 2], answer[:LONGEST_ANSWER]
    read = [tokenizer.cls_token_id, *prompt, *[tokenizer.mask_token_id] * len(answer), tokenizer.sep_token_id]
    return Example(read, [*[IGNORED] * (len(prompt) + 1), *answer, IGNORED])
