"""How a dataset is put to a host: the prompt, and what the host is to answer."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from peftport.prompting.chat import chat_of, opened
from peftport.prompting.encoded import Encoded
from peftport.prompting.lm_types.table import lm_type, refuse_unless_conversing
from peftport.prompting.template import TaskSettings, check_template
from peftport.storage.provenance import JsonObject

LONGEST = 512  # tokens of a prompt, where neither the study nor the host says less; T5 was trained with so many
TOGETHER = 4096  # texts that are tokenised at a time: the places of their tokens take many times the room of the tokens


@dataclass(frozen=True)
class Task:
    """A dataset as a host sees it.

    Attributes:
        template: prompt with ``{text}`` in it, and perhaps ``{answer}``; in a chat, what the host's makes of it.
        words: the label words.
        tokens: token ids of each word where the template puts the answer, without special tokens.
        tokenizer: the host's tokenizer.
        lm_type: how such a host is asked and how it answers, a name of ``peftport.prompting.lm_types.table``.
        positions: tokens that the host can read at most; None where there is no such limit.
        max_tokens: longer prompts are cut, at the end of their text; None for what the host has room for.
        chat: whether prompts go through the host's chat template.
    """

    template: str
    words: list[str]
    tokens: list[list[int]]
    tokenizer: Any
    lm_type: str
    positions: int | None
    max_tokens: int | None = None
    chat: bool = False

    @classmethod
    def for_host(cls, task: TaskSettings, tokenizer: Any, card: JsonObject, max_tokens: int | None = None) -> "Task":
        """From the dataset's ``template`` and ``words``, and the host's tokenizer and card.

        ``max_tokens`` matters where texts are encoded, and nowhere after that.

        Raises:
            ValueError: the tokenizer cannot tell the label words apart, hosts of this family cannot answer where the
                template says, or the host cannot be asked by its chat template.
        """
        name, template, chat = card["lm_type"], task["template"], task.get("chat")
        if chat is not None:
            refuse_unless_conversing(name)
            check_template(template, chat=True)
            template = lm_type(name).conversation(opened(chat_of(tokenizer), template, chat))
        tokens = lm_type(name).label_tokens(tokenizer, task["words"], template, chat is not None)
        words, ids = list(tokens), list(tokens.values())
        return cls(template, words, ids, tokenizer, name, card["positions"], max_tokens, chat is not None)

    def encode(self, examples: pd.DataFrame) -> Encoded:
        """Tokenise a split (the table ``examples``).

        Raises:
            ValueError: the template leaves no room for a text, or a prompt with its answer is longer than the host can
                read.
        """
        texts, asked = list(examples["text"]), lm_type(self.lm_type)
        parts = (texts[at : at + TOGETHER] for at in range(0, len(texts), TOGETHER))
        prompts = [prompt for part in parts for prompt in asked.encode(self, part)]
        self._check_length(max(len(prompt.tokens) for prompt in prompts))
        index = {word: place for place, word in enumerate(self.words)}
        return Encoded(
            [prompt.tokens for prompt in prompts],
            np.asarray([index[label] for label in examples["label"]], np.int64),
            list(self.words),
            list(examples["example_id"]),
            np.asarray([prompt.cut for prompt in prompts], np.int64),
        )

    def longest_prompt(self) -> int:
        """Tokens that a prompt may have: ``max_tokens``, or what the host has room for and 512 at most."""
        if self.max_tokens is not None:
            return self.max_tokens
        return LONGEST if self.positions is None else min(LONGEST, self.positions - self._beside())

    def _beside(self) -> int:
        """Places that the answer takes beside a prompt."""
        return lm_type(self.lm_type).room_of_answer(self)

    def _check_length(self, longest: int) -> None:
        tokens = longest + self._beside()
        if self.positions is not None and tokens > self.positions:
            raise ValueError(
                f"a prompt and its answer take {tokens} tokens, and the host reads {self.positions} at most; "
                f"lower training.max_tokens ({self.max_tokens}), or leave it out"
            )

    def answers(self) -> list[np.ndarray]:
        """What the host learns to write for each word, the end of the answer included."""
        return lm_type(self.lm_type).answers(self)

    def padding(self) -> int:
        """The token id that fills up rows."""
        return lm_type(self.lm_type).padding(self.tokenizer)

    def batch(self, data: Encoded, indices: np.ndarray, device: torch.device) -> dict[str, torch.Tensor]:
        """One batch as the host's arguments: ``input_ids``, ``attention_mask`` and ``labels``, (batch, tokens)."""
        prompts = [data.prompts[index] for index in indices]
        arrays = lm_type(self.lm_type).batch(self, prompts, data.labels[indices])
        return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
