"""Masked language models: hidden tokens of a window (Devlin et al. 2019, section 3.1), without next-sentence
prediction, as RoBERTa was trained (Liu et al. 2019)."""

from collections.abc import Callable

import numpy as np
from transformers import PreTrainedTokenizerBase

from peftport.host_building.recipes.example import Example
from peftport.hosts.recipe_settings import FurtherHostSettings
from peftport.prompting.batches import IGNORED, special_tokens

NAME = "masked tokens"
_MASKED, _RANDOM = 0.8, 0.1  # of the hidden tokens: become a mask, become any token; the rest stay


def objective(
    settings: FurtherHostSettings, tokenizer: PreTrainedTokenizerBase
) -> Callable[[list[int], np.random.Generator], Example]:
    """Hidden tokens of a window, at least one."""
    return masked_tokens(tokenizer, settings.corrupted_share)


def masked_tokens(
    tokenizer: PreTrainedTokenizerBase, share: float
) -> Callable[[list[int], np.random.Generator], Example]:
    """What makes an example of a window, with what the tokenizer puts around it.

    Args:
        share: of the tokens that are hidden, in (0, 1); at least one token is.
    """
    first, last = special_tokens(tokenizer)
    ordinary = np.setdiff1d(np.arange(len(tokenizer)), tokenizer.all_special_ids)
    mask = tokenizer.mask_token_id

    def example(window: list[int], random: np.random.Generator) -> Example:
        ids = np.asarray(window)
        hidden = random.permutation(len(ids))[: max(1, round(share * len(ids)))]
        fate = random.random(len(hidden))
        any_token = ordinary[random.integers(0, len(ordinary), len(hidden))]
        read, taught = ids.copy(), np.full(len(ids), IGNORED)
        taught[hidden] = ids[hidden]
        changed = np.where(fate < _MASKED + _RANDOM, any_token, ids[hidden])
        read[hidden] = np.where(fate < _MASKED, mask, changed)
        around = [IGNORED] * len(first), [IGNORED] * len(last)
        return Example([*first, *read.tolist(), *last], [*around[0], *taught.tolist(), *around[1]])

    return example
