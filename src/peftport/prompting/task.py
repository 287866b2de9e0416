"""How a dataset is put to a host: the prompt, and what the host is to answer."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from peftport.prompting.chat import chat_of, opened
from peftport.prompting.encoded import Answers, Encoded
from peftport.prompting.lm_types.table import lm_type, refuse_unless_conversing
from peftport.prompting.template import TaskSettings, check_template
from peftport.storage.provenance import JsonObject
from peftport.tasks.table import LABELS, MIXTURE, prompts, refusal

LONGEST = 512  # tokens of a prompt, where neither the study nor the host says less; T5 was trained with so many
TOGETHER = 4096  # texts that are tokenised at a time: the places of their tokens take many times the room of the tokens


@dataclass(frozen=True)
class Task:
    """A dataset as a host sees it.

    What a kind of task adds to the prompts is its module ``prompts`` (``peftport.tasks``), with

    * ``rows(examples, split)``: the examples that are encoded, as a rule those of the split;
    * ``answers(task, examples)``: the ``Answers`` of each where they are its own, else None;
    * ``right(task, examples)``: the place of the right answer of each, shape (examples,);
    * ``in_turn(task, data)``: the data with answers that tell nothing of the right ones.

    Attributes:
        template: prompt with ``{text}`` in it, and perhaps ``{answer}``; in a chat, what the host's makes of it.
        words: the label words.
        tokens: token ids of each word where the template puts the answer, without special tokens.
        tokenizer: the host's tokenizer.
        lm_type: how such a host is asked and how it answers, a name of ``peftport.prompting.lm_types.table``.
        positions: tokens that the host can read at most; None where there is no such limit.
        max_tokens: longer prompts are cut, at the end of their text; None for what the host has room for.
        chat: whether prompts go through the host's chat template.
        kind: the kind of the task, a name of ``peftport.tasks.table``.
        longest_answer: tokens that an answer with its end may have, where answers are an example's own.
        scoring: settings of the kind's scores; empty where nothing is scored.
    """

    template: str
    words: list[str]
    tokens: list[list[int]]
    tokenizer: Any
    lm_type: str
    positions: int | None
    max_tokens: int | None = None
    chat: bool = False
    kind: str = LABELS
    longest_answer: int | None = None
    scoring: JsonObject = field(default_factory=dict)

    @classmethod
    def for_host(cls, task: TaskSettings, tokenizer: Any, card: JsonObject, max_tokens: int | None = None) -> "Task":
        """From the dataset's ``template`` and ``words``, and the host's tokenizer and card.

        ``max_tokens`` matters where texts are encoded, and nowhere after that.

        Raises:
            ValueError: the tokenizer cannot tell the label words apart, hosts of this family cannot answer where the
                template says, or cannot do tasks of this kind, or the host cannot be asked by its chat template.
        """
        name, kind, template, chat = card["lm_type"], task.get("kind", LABELS), task["template"], task.get("chat")
        if (reason := refusal(kind, name)) is not None:
            raise ValueError(f"a dataset of the kind `{kind}` cannot be put to a host of the type `{name}`: {reason}")
        if chat is not None:
            refuse_unless_conversing(name)
            check_template(template, chat=True)
            template = lm_type(name).conversation(opened(chat_of(tokenizer), template, chat))
        tokens = lm_type(name).label_tokens(tokenizer, task["words"], template, chat is not None)
        words, ids = list(tokens), list(tokens.values())
        further = {"kind": kind, "longest_answer": task.get("longest_answer"), "scoring": task.get("scoring", {})}
        further |= {"chat": chat is not None}
        return cls(template, words, ids, tokenizer, name, card["positions"], max_tokens, **further)

    def tokens_of(self, texts: list[str], what: str) -> list[list[int]]:
        """Token ids of answers where the template puts them; raises ValueError if one runs together with the prompt.

        Args:
            what: what they are called in a message.
        """
        return lm_type(self.lm_type).answer_tokens(self, texts, what)

    def encode(self, examples: pd.DataFrame, split: str = "test") -> Encoded:
        """Tokenise a split (the table ``examples``).

        Args:
            split: which it is.

        Raises:
            ValueError: the template leaves no room for a text, a prompt with its answer is longer than the host can
                read, or an answer is not what its kind allows.
        """
        kind = prompts(self.kind)
        examples = kind.rows(examples, split)
        answers = kind.answers(self, examples)
        task, texts, asked = self.with_room(answers), list(examples["text"]), lm_type(self.lm_type)
        parts = (texts[at : at + TOGETHER] for at in range(0, len(texts), TOGETHER))
        encoded = [prompt for part in parts for prompt in asked.encode(task, part)]
        task._check_length(max(len(prompt.tokens) for prompt in encoded))
        return Encoded(
            [prompt.tokens for prompt in encoded],
            kind.right(self, examples),
            list(self.words),
            list(examples["example_id"]),
            np.asarray([prompt.cut for prompt in encoded], np.int64),
            answers,
        )

    def with_room(self, answers: list[Answers] | None) -> "Task":
        """The task with room beside a prompt for the longest of these answers; itself where answers are label words."""
        if answers is None:
            return self
        longest = max(len(ids) for own in answers for ids in own.tokens) + 1
        return replace(self, longest_answer=max(longest, self.longest_answer or 0))

    def in_turn(self, data: Encoded) -> Encoded:
        """The data with answers that tell nothing of the right ones."""
        return prompts(self.kind).in_turn(self, data)

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
        read = [data.prompts[index] for index in indices]
        arrays = lm_type(self.lm_type).batch(self, read, self.taught(data, indices))
        return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}

    def taught(self, data: Encoded, indices: np.ndarray) -> list[np.ndarray]:
        """What the host learns to write for each of these examples."""
        if data.answers is None:
            written = self.answers()
            return [written[label] for label in data.labels[indices]]
        right = [data.answers[index].tokens[data.labels[index]] for index in indices]
        if self.kind == MIXTURE:  # each is whole: ``peftport.prompting.mixture``
            return right
        return [lm_type(self.lm_type).written(self, ids) for ids in right]
