"""Masked language models (BERT, RoBERTa): the label word stands at the mask positions of a cloze.

The template's ``{answer}`` becomes mask tokens, in every prompt as many as the longest label word has tokens, so that
their number tells nothing about the label: the training-time form of Schick and Schütze, *It's Not Just Size That
Matters*, NAACL 2021 (arXiv 2009.07118). A word of n tokens is read at the first n masks, in
one pass.

Where we differ: the paper trains with a hinge loss over the labels; here it is the cross-entropy of the right word, as
in the other readings. Masks behind a shorter word are taught the separator, as a decoder is taught the end, so that a
free answer ends; scores leave it out.
"""

from typing import Any

import numpy as np

from peftport.prompting import label_words
from peftport.prompting.batches import IGNORED, Prompt, mask_of, pad, special_tokens
from peftport.prompting.batches import encode as cut
from peftport.prompting.template import TEXT_SLOT, around_answer, check_template, lead_of

MODEL = "AutoModelForMaskedLM"


def check(tokenizer: Any, config: Any) -> None:
    """Raise ValueError unless the host is a bidirectional one with a mask token, and both agree on padding."""
    if getattr(config, "is_decoder", False):
        raise ValueError("config.json says is_decoder: such a host reads no mask in the middle of a text")
    lacking = [name for name in ("mask", "sep", "pad") if getattr(tokenizer, f"{name}_token_id") is None]
    if lacking:
        raise ValueError(f"a masked language model's tokenizer needs a {lacking[0]} token")
    if config.pad_token_id != tokenizer.pad_token_id:  # RoBERTa counts its positions from it
        raise ValueError(
            f"the padding token is {tokenizer.pad_token_id} in the tokenizer and {config.pad_token_id} in config.json"
        )


def label_tokens(tokenizer: Any, words: list[str], template: str, chat: bool = False) -> dict[str, list[int]]:
    """Token ids of every label word as they stand in the template; there is no chat with such a host."""
    check_template(template)
    return label_words.label_tokens(tokenizer, words, lead_of(template))


def encode(task: Any, texts: list[str]) -> list[Prompt]:
    """Prompts with the masks in their place and the special tokens around them."""
    first, last = special_tokens(task.tokenizer)
    masks = [task.tokenizer.mask_token_id] * longest(task)
    parts = around_answer(task.template)
    room = task.longest_prompt() - len(first) - len(masks) - len(last)
    fixed = next(part for part in parts if TEXT_SLOT not in part)
    beside = cut(task.tokenizer, fixed, [""], room)[0] if fixed.strip() else Prompt(np.zeros(0, np.int64), 0)
    room -= len(beside.tokens)
    before, behind = (
        cut(task.tokenizer, part, texts, room) if TEXT_SLOT in part else [beside] * len(texts) for part in parts
    )
    return [
        Prompt(np.asarray([*first, *left.tokens, *masks, *right.tokens, *last], np.int64), left.cut + right.cut)
        for left, right in zip(before, behind, strict=True)
    ]


def room_of_answer(task: Any) -> int:
    """Tokens that the answer takes behind a prompt: none, its masks are in the prompt."""
    return 0


def padding(tokenizer: Any) -> int:
    """The id that fills up rows."""
    return tokenizer.pad_token_id


def longest(task: Any) -> int:
    """How many masks a prompt has: tokens of the longest label word."""
    return max(map(len, task.tokens))


def answers(task: Any) -> list[np.ndarray]:
    """What the host learns at the masks for each word: its tokens, then separators."""
    end = [task.tokenizer.sep_token_id] * longest(task)
    return [np.asarray([*ids, *end[len(ids) :]], np.int64) for ids in task.tokens]


def batch(task: Any, prompts: list[np.ndarray], taught: list[np.ndarray]) -> dict[str, np.ndarray]:
    """``input_ids``, ``attention_mask`` and ``labels``, all (batch, prompt); labels stand at the masks.

    Args:
        prompts: token ids of each example.
        taught: what the host learns at the masks of each.
    """
    ids = pad(prompts, padding(task.tokenizer))
    labels = np.full_like(ids, IGNORED)
    labels[ids == task.tokenizer.mask_token_id] = np.concatenate(taught)
    return {"input_ids": ids, "attention_mask": mask_of(prompts), "labels": labels}
