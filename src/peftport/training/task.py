"""How a dataset is put to a host: the prompt, and what the host is to answer."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from peftport.data.batches import Encoded, encode, pad
from peftport.hosts.labels import label_tokens

IGNORED = -100  # no label here: the loss of transformers passes over it


@dataclass(frozen=True)
class Task:
    """A dataset as a host sees it.

    Attributes:
        template: prompt with ``{text}`` in it.
        words: the label words.
        tokens: token ids of each word, without special tokens.
        max_tokens: longer prompts are cut.
        tokenizer: the host's tokenizer.
    """

    template: str
    words: list[str]
    tokens: list[list[int]]
    max_tokens: int
    tokenizer: Any

    @classmethod
    def for_host(cls, task: dict[str, Any], max_tokens: int, tokenizer: Any) -> "Task":
        """From the dataset's ``template`` and ``words``, and the host's tokenizer.

        Raises:
            ValueError: the tokenizer cannot tell the label words apart.
        """
        tokens = label_tokens(tokenizer, task["words"])
        return cls(task["template"], list(tokens), list(tokens.values()), max_tokens, tokenizer)

    def encode(self, examples: pd.DataFrame) -> Encoded:
        """Tokenise a split (the table ``examples``)."""
        return encode(examples, self.template, self.words, self.tokenizer, self.max_tokens)

    def answers(self) -> list[np.ndarray]:
        """What the host learns to write for each word: its tokens, then the end of the sequence."""
        return [np.asarray([*ids, self.tokenizer.eos_token_id], np.int64) for ids in self.tokens]

    def batch(self, data: Encoded, indices: np.ndarray, device: torch.device) -> dict[str, torch.Tensor]:
        """One batch as the host's arguments: input_ids and attention_mask (batch, prompt), labels (batch, answer)."""
        prompts, answers = [data.prompts[index] for index in indices], self.answers()
        mask = pad([np.ones(len(row), np.int64) for row in prompts], 0)
        labels = pad([answers[data.labels[index]] for index in indices], IGNORED)
        arrays = {"input_ids": pad(prompts, self.tokenizer.pad_token_id), "attention_mask": mask, "labels": labels}
        return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
