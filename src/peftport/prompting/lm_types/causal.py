"""Causal language models (GPT-2, LLaMA): the label word follows the prompt, and then the end of the text.

Batches are filled up on the right, so every token keeps the position that it has alone, and the prompt's tokens carry
no label. A host without a padding token (GPT-2) is filled up with its end token: the attention mask hides what is
filled up, and labels are placed by position, so a filled-up place is never taken for the end of the answer.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from peftport.prompting import label_words
from peftport.prompting.batches import IGNORED, Prompt, mask_of, pad, special_tokens
from peftport.prompting.batches import encode as cut
from peftport.prompting.chat import Opened
from peftport.prompting.label_words import ended as answers
from peftport.prompting.label_words import with_end
from peftport.prompting.template import around_answer, check_template, lead_of

MODEL = "AutoModelForCausalLM"


def check(tokenizer: Any, config: Any) -> None:
    """Raise ValueError unless the tokenizer can end an answer, and the host writes behind what it reads."""
    if getattr(config, "use_bidirectional_attention", None):  # EmbeddingGemma
        raise ValueError("config.json says use_bidirectional_attention: such a host reads a text, it writes none")
    if tokenizer.eos_token_id is None:
        raise ValueError("a causal language model's tokenizer needs an end-of-sequence token")


def conversation(opened: Opened) -> str:
    """A prompt up to the answer, with what the chat template puts before an answer beside what it begins one with."""
    return opened.prompt + opened.gap


def label_tokens(tokenizer: Any, words: list[str], template: str, chat: bool = False) -> dict[str, list[int]]:
    """Token ids of every label word as they follow the prompt."""
    if chat:
        told = label_words.tokens_in_chat(tokenizer, template, words)[1:]
        return label_words.told_apart(tokenizer, dict(zip(words, told, strict=True)))
    return label_words.label_tokens(tokenizer, words, answer_lead(template))


def answer_tokens(task: Any, texts: list[str], what: str) -> list[list[int]]:
    """Token ids of each answer behind the prompt."""
    if task.chat:
        return label_words.tokens_in_chat(task.tokenizer, task.template, texts)[1:]
    return label_words.tokens_behind(task.tokenizer, texts, answer_lead(task.template), what)


def answers_behind(tokenizer: Any, text: str, answers: list[str]) -> list[list[int]]:
    """Token ids of answers behind a text, as of one string."""

    def tokens(whole: str) -> list[int]:
        return list(tokenizer(whole, add_special_tokens=False, split_special_tokens=True)["input_ids"])

    return [tokens(text + answer)[len(tokens(text)) :] for answer in answers]


def answer_lead(template: str) -> str:
    """What an answer is written behind, for a tokenizer to see."""
    check_template(template, cloze=False)
    return lead_of(template)


def encode(task: Any, texts: list[str]) -> list[Prompt]:
    """Prompts, with what the tokenizer puts before every text; nothing closes them.

    A chat template writes all special tokens itself. Its prompts are tokenised with a word behind them, whose tokens
    are then left out, so that prompts and answers are what the tokenizer makes of them together.
    """
    if task.chat:
        behind = len(label_words.tokens_in_chat(task.tokenizer, task.template)[0])
        part = task.template + label_words.STAND_IN
        rows = cut(task.tokenizer, part, texts, task.longest_prompt() + behind, special=True)
        return [Prompt(row.tokens[:-behind], row.cut) for row in rows]
    first, _ = special_tokens(task.tokenizer)
    rows = cut(task.tokenizer, around_answer(task.template)[0], texts, task.longest_prompt() - len(first))
    return [Prompt(np.asarray([*first, *row.tokens], np.int64), row.cut) for row in rows]


def room_of_answer(task: Any) -> int:
    """Tokens that the longest answer takes behind a prompt, its end included."""
    return task.longest_answer or max(map(len, answers(task)))


def written(task: Any, ids: Sequence[int]) -> np.ndarray:
    """What the host learns to write for an answer: its tokens, the end."""
    return with_end(task, ids)


def padding(tokenizer: Any) -> int:
    """The id that fills up rows; what it is does not matter, because nothing looks at it."""
    return tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id


def batch(task: Any, prompts: list[np.ndarray], taught: list[np.ndarray]) -> dict[str, np.ndarray]:
    """``input_ids``, ``attention_mask`` and ``labels``, all (batch, prompt and answer); transformers shifts the labels.

    Args:
        prompts: token ids of each example.
        taught: what the host learns to write for each, its end included.
    """
    pairs = list(zip(prompts, taught, strict=True))
    rows = [np.concatenate(pair) for pair in pairs]
    labels = [np.concatenate([np.full(len(prompt), IGNORED), answer]) for prompt, answer in pairs]
    return {
        "input_ids": pad(rows, padding(task.tokenizer)),
        "attention_mask": mask_of(rows),
        "labels": pad(labels, IGNORED),
    }
