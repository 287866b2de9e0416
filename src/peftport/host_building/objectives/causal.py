"""Causal language models: every token of a window after those before it."""

from collections.abc import Callable

import numpy as np
from transformers import PreTrainedTokenizerBase

from peftport.host_building.recipes.example import Example
from peftport.hosts.recipe_settings import FurtherHostSettings
from peftport.prompting.batches import IGNORED, special_tokens

NAME = "next token"


def objective(
    settings: FurtherHostSettings, tokenizer: PreTrainedTokenizerBase
) -> Callable[[list[int], np.random.Generator], Example]:
    """The window behind what the tokenizer puts before every text; transformers shifts the targets."""
    first, _ = special_tokens(tokenizer)

    def example(window: list[int], random: np.random.Generator) -> Example:
        ids = [*first, *window]
        return Example(ids, [IGNORED, *ids[1:]])

    return example
