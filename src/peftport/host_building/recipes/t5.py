"""A T5 v1.1 shape (gated GELU, output head separate from the embeddings; Shazeer 2020, Raffel et al. 2020), pretrained
by span corruption and continuation."""

from collections.abc import Callable

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from peftport.host_building.recipes.example import LONGEST_ANSWER, LONGEST_PROMPT, Example, check_shape
from peftport.host_building.recipes.weights import draw_weights
from peftport.host_building.span_corruption import Objective
from peftport.host_building.tokenizer import SENTINELS, TEXT_TO_TEXT
from peftport.hosts.recipe_settings import PretrainingSettings, ShapeSettings

LAYOUT = TEXT_TO_TEXT
FACTS = {"tie_word_embeddings": False}  # without this, a reader takes the head for tied and scales its inputs


def fresh_model(shape: ShapeSettings, tokenizer: PreTrainedTokenizerFast, seed: int) -> T5ForConditionalGeneration:
    """A T5 v1.1 model with its own head, initialised by one generator to the scales of Mesh TensorFlow's T5."""
    width, heads = check_shape(shape)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=width, d_kv=width // heads, d_ff=shape.d_ff, num_heads=heads,
        num_layers=shape.layers, relative_attention_num_buckets=16, relative_attention_max_distance=64,
        dropout_rate=0.0, feed_forward_proj="gated-gelu_pytorch_tanh", tie_word_embeddings=False, use_cache=True,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):  # the constructor draws from the global generator
        model = T5ForConditionalGeneration(config)
    # transformers 5 ties T5's head to the embeddings whatever the config says: give it a weight of its own
    model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.shared.weight))
    scales = {"q": (width * config.d_kv) ** -0.5, "wo": shape.d_ff**-0.5}
    scales["shared"] = shape.embedding_scale
    draw_weights(model, seed, scales, width**-0.5)
    return model


def objective(
    settings: PretrainingSettings, tokenizer: PreTrainedTokenizerFast
) -> Callable[[list[int], np.random.Generator], Example]:
    """Span corruption and continuation."""
    return Objective(
        corrupted_share=settings.corrupted_share,
        mean_span_tokens=settings.mean_span_tokens,
        continuation_share=settings.continuation_share,
        sentinels=tuple(tokenizer.convert_tokens_to_ids(list(SENTINELS[: settings.spans_at_most]))),
        end=tokenizer.eos_token_id,
        full_stop=tokenizer.get_vocab().get("."),
    ).example


def instruction(prompt: list[int], answer: list[int], tokenizer: PreTrainedTokenizerFast) -> Example:
    """The prompt for the encoder, the answer for the decoder."""
    end = tokenizer.eos_token_id
    return Example([*prompt[: LONGEST_PROMPT - 1], end], [*answer[: LONGEST_ANSWER - 1], end])
