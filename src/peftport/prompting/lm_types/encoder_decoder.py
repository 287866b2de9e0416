"""Encoder-decoders (T5, BART): the encoder reads the prompt, the decoder writes the label word and the end.

An answer begins with what the tokenizer puts before every text (BART's ``<s>``; nothing for T5), as such hosts were
trained: a decoder that has just begun writes that token first, and the word behind it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from peftport.prompting import label_words as labels
from peftport.prompting.batches import IGNORED, Prompt, mask_of, pad, special_tokens
from peftport.prompting.batches import encode as cut
from peftport.prompting.chat import Opened
from peftport.prompting.label_words import with_end
from peftport.prompting.template import around_answer, check_template

MODEL = "AutoModelForSeq2SeqLM"


def check(tokenizer: Any, config: Any) -> None:
    """Raise ValueError unless the tokenizer has what a batch needs."""
    if tokenizer.eos_token_id is None or tokenizer.pad_token_id is None:
        raise ValueError("an encoder-decoder's tokenizer needs an end-of-sequence and a padding token")


def conversation(opened: Opened) -> str:
    """What the encoder reads; an answer is the decoder's."""
    return opened.prompt


def label_tokens(tokenizer: Any, words: list[str], template: str, chat: bool = False) -> dict[str, list[int]]:
    """Token ids of every label word: a decoder's output begins with it."""
    return labels.label_tokens(tokenizer, words, "" if chat else answer_lead(template))


def answer_tokens(task: Any, texts: list[str], what: str) -> list[list[int]]:
    """Token ids of each answer, as a decoder writes it."""
    return labels.tokens_behind(task.tokenizer, texts, "" if task.chat else answer_lead(task.template), what)


def answers_behind(tokenizer: Any, text: str, answers: list[str]) -> list[list[int]]:
    """Token ids of answers, of which a decoder's output is one."""
    return labels.tokens_behind(tokenizer, answers)


def answer_lead(template: str) -> str:
    """What an answer is written behind: nothing, a decoder's output begins with it."""
    check_template(template, cloze=False)
    return ""


def encode(task: Any, texts: list[str]) -> list[Prompt]:
    """Prompts with the special tokens around them; a chat template writes all of these itself."""
    if task.chat:
        return cut(task.tokenizer, task.template, texts, task.longest_prompt(), special=True)
    first, last = special_tokens(task.tokenizer)
    room = task.longest_prompt() - len(first) - len(last)
    rows = cut(task.tokenizer, around_answer(task.template)[0], texts, room)
    return [Prompt(np.asarray([*first, *row.tokens, *last], np.int64), row.cut) for row in rows]


def room_of_answer(task: Any) -> int:
    """Tokens that the answer takes behind a prompt: none, the decoder writes it."""
    return 0


def padding(tokenizer: Any) -> int:
    """The id that fills up rows."""
    return tokenizer.pad_token_id


def opening(task: Any) -> list[int]:
    """Token ids between a decoder's start token and a label word."""
    return special_tokens(task.tokenizer)[0]


def answers(task: Any) -> list[np.ndarray]:
    """What the host learns to write for each label word: the opening, the word's tokens, the end."""
    return [written(task, ids) for ids in task.tokens]


def written(task: Any, ids: Sequence[int]) -> np.ndarray:
    """What the host learns to write for an answer: the opening, its tokens, the end."""
    return np.concatenate([np.asarray(opening(task), np.int64), with_end(task, ids)])


def batch(task: Any, prompts: list[np.ndarray], taught: list[np.ndarray]) -> dict[str, np.ndarray]:
    """``input_ids`` and ``attention_mask`` (batch, prompt), ``labels`` (batch, answer).

    Args:
        prompts: token ids of each example.
        taught: what the host learns to write for each, its end included.
    """
    return {
        "input_ids": pad(prompts, padding(task.tokenizer)),
        "attention_mask": mask_of(prompts),
        "labels": pad(taught, IGNORED),
    }
