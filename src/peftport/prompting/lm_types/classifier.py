"""Encoders with a classification head: one output for each label, and no words.

The labels are the label words in alphabetical order. The head belongs to the module and not to the host
(``peftport.hosts.classification_head``), so a prompt is the text in its template and nothing stands in for an answer.
"""

from typing import Any

import numpy as np

from peftport.prompting.batches import Prompt, mask_of, pad, special_tokens
from peftport.prompting.batches import encode as cut
from peftport.prompting.template import ANSWER, check_template

MODEL = "AutoModelForSequenceClassification"


def check(tokenizer: Any, config: Any) -> None:
    """Raise ValueError unless the host is a bidirectional one, and both agree on padding."""
    if getattr(config, "is_decoder", False):
        raise ValueError("config.json says is_decoder: a classification head reads texts as a whole")
    if tokenizer.pad_token_id is None:
        raise ValueError("an encoder's tokenizer needs a padding token")
    if config.pad_token_id != tokenizer.pad_token_id:  # RoBERTa counts its positions from it
        raise ValueError(
            f"the padding token is {tokenizer.pad_token_id} in the tokenizer and {config.pad_token_id} in config.json"
        )


def label_tokens(tokenizer: Any, words: list[str], template: str, chat: bool = False) -> dict[str, list[int]]:
    """The label words, each without tokens: the head has an output for each, in this order."""
    check_classifying(template)
    return {word: [] for word in words}


def check_classifying(template: str) -> None:
    """Raise ValueError unless a template has a text and no answer."""
    check_template(template)
    if ANSWER in template:
        raise ValueError(f"template {template!r}: a classification head writes no answer; expected no {ANSWER}")


def encode(task: Any, texts: list[str]) -> list[Prompt]:
    """Prompts with the special tokens around them."""
    first, last = special_tokens(task.tokenizer)
    room = task.longest_prompt() - len(first) - len(last)
    rows = cut(task.tokenizer, task.template, texts, room)
    return [Prompt(np.asarray([*first, *row.tokens, *last], np.int64), row.cut) for row in rows]


def room_of_answer(task: Any) -> int:
    """Tokens that the answer takes behind a prompt: none."""
    return 0


def padding(tokenizer: Any) -> int:
    """The id that fills up rows."""
    return tokenizer.pad_token_id


def answers(task: Any) -> list[np.ndarray]:
    """The output that should be highest for each label word: its place among them, shape ()."""
    return [np.asarray(place, np.int64) for place in range(len(task.words))]


def batch(task: Any, prompts: list[np.ndarray], taught: list[np.ndarray]) -> dict[str, np.ndarray]:
    """``input_ids`` and ``attention_mask`` (batch, prompt), ``labels`` (batch,): the outputs that should be highest.

    Args:
        prompts: token ids of each example.
        taught: the output that should be highest for each.
    """
    return {
        "input_ids": pad(prompts, padding(task.tokenizer)),
        "attention_mask": mask_of(prompts),
        "labels": np.asarray(taught, np.int64),
    }
