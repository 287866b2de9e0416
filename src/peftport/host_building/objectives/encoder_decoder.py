"""Encoder-decoders: hidden spans of a window, as such hosts are pretrained.

A host whose tokenizer has sentinels (T5: ``<extra_id_0>`` and so on) writes what each of them hides (Raffel et al.
2020, section 3.1.4). One that has a mask token in their place (BART) reads one mask for each span and writes the whole
window (Lewis et al. 2020, text infilling; their sentences are not permuted here).
"""

import itertools
from collections.abc import Callable

import numpy as np
from transformers import PreTrainedTokenizerBase

from peftport.host_building.recipes.example import Example
from peftport.host_building.span_corruption import Objective
from peftport.hosts.recipe_settings import FurtherHostSettings
from peftport.prompting.batches import special_tokens

NAME = "hidden spans"


def objective(
    settings: FurtherHostSettings, tokenizer: PreTrainedTokenizerBase
) -> Callable[[list[int], np.random.Generator], Example]:
    """Spans of a window hidden behind sentinels, or behind masks.

    Raises:
        ValueError: the tokenizer has neither.
    """
    (first, last), found = special_tokens(tokenizer), _sentinels(tokenizer)
    if not found and tokenizer.mask_token_id is None:
        raise ValueError("its tokenizer has neither <extra_id_0> nor a mask token, so no span can be hidden from it")
    corruption = Objective(
        corrupted_share=settings.corrupted_share,
        mean_span_tokens=settings.mean_span_tokens,
        continuation_share=0.0,
        sentinels=found or (tokenizer.mask_token_id,) * settings.tokens,
        end=tokenizer.eos_token_id,
    )

    def example(window: list[int], random: np.random.Generator) -> Example:
        inputs, targets = corruption.corrupted(window, random)  # each with the end behind it
        targets = targets[:-1] if found else window
        return Example([*first, *inputs[:-1], *last], [*first, *targets, *last])

    return example


def _sentinels(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    vocabulary, numbers = tokenizer.get_vocab(), itertools.count()
    return tuple(
        itertools.takewhile(lambda found: found is not None, (vocabulary.get(f"<extra_id_{n}>") for n in numbers))
    )
