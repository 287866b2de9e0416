"""A BERT shape (Devlin et al. 2019; output head tied to the embeddings), pretrained as a masked language model without
next-sentence prediction, as RoBERTa was (Liu et al. 2019)."""

from collections.abc import Callable

import numpy as np
import torch
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from peftport.host_building.recipes.example import LONGEST_ANSWER, LONGEST_PROMPT, POSITIONS, Example, check_shape
from peftport.host_building.recipes.weights import draw_weights
from peftport.host_building.tokenizer import CLOZE
from peftport.hosts.recipe_settings import PretrainingSettings, ShapeSettings
from peftport.prompting.batches import IGNORED

LAYOUT = CLOZE
FACTS: dict[str, bool] = {}
_MASKED, _RANDOM = 0.8, 0.1  # of the hidden tokens: become a mask, become any token; the rest stay (BERT, section 3.1)


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
    share = settings.corrupted_share
    begin, end, mask = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.mask_token_id
    special = len(tokenizer.all_special_ids)

    def example(segment: list[int], random: np.random.Generator) -> Example:
        ids = np.asarray(segment)
        hidden = random.permutation(len(ids))[: max(1, round(share * len(ids)))]
        fate = random.random(len(hidden))
        any_token = random.integers(special, len(tokenizer), len(hidden))
        read, taught = ids.copy(), np.full(len(ids), IGNORED)
        taught[hidden] = ids[hidden]
        changed = np.where(fate < _MASKED + _RANDOM, any_token, ids[hidden])
        read[hidden] = np.where(fate < _MASKED, mask, changed)
        return Example([begin, *read.tolist(), end], [IGNORED, *taught.tolist(), IGNORED])

    return example


def instruction(prompt: list[int], answer: list[int], tokenizer: PreTrainedTokenizerFast) -> Example:
    """The answer at masks behind the prompt."""
    prompt, answer = prompt[: LONGEST_PROMPT - 2], answer[:LONGEST_ANSWER]
    read = [tokenizer.cls_token_id, *prompt, *[tokenizer.mask_token_id] * len(answer), tokenizer.sep_token_id]
    return Example(read, [*[IGNORED] * (len(prompt) + 1), *answer, IGNORED])
