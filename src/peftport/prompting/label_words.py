"""How a host's tokenizer writes the label words."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

STAND_IN = "Yes"  # a word in the place of an answer, where the tokens of the prompt before it are wanted


def label_tokens(tokenizer: PreTrainedTokenizerBase, words: Iterable[str], lead: str = "") -> dict[str, list[int]]:
    """Token ids of every label word, without special tokens.

    Args:
        lead: what stands before the word, a blank included if there is one; the word's tokens are those that come
            behind the lead's own, so a tokenizer that marks the beginning of words (GPT-2, RoBERTa) marks it.

    Raises:
        ValueError: a word has no tokens or an unknown one, it runs together with its lead, or the tokens of one word
            begin those of another, so that a likelihood could not tell them apart.
    """
    words = list(words)
    return told_apart(tokenizer, dict(zip(words, tokens_behind(tokenizer, words, lead), strict=True)))


def tokens_in_chat(tokenizer: PreTrainedTokenizerBase, prompt: str, texts: Iterable[str] = ()) -> list[list[int]]:
    """Token ids behind a prompt in which special tokens stand, of ``STAND_IN`` and then of each text.

    These are the tokens that end behind the prompt. A blank at its end belongs to the answer, as most tokenizers have
    both in one token.

    Raises:
        ValueError: what stands before depends on the answer.
    """
    tokens, before, ending = [], set(), len(prompt.rstrip(" "))
    for text in (STAND_IN, *texts):
        written = tokenizer(prompt + text, add_special_tokens=False, return_offsets_mapping=True)
        ids, ends = written["input_ids"], [end for _, end in written["offset_mapping"]]
        first = next((at for at, end in enumerate(ends) if end > ending), len(ids))
        tokens.append(ids[first:])
        before.add(tuple(ids[:first]))
    if len(before) > 1:
        raise ValueError(f"the tokenizer writes the end of a prompt ({prompt[-20:]!r}) differently before some answers")
    return tokens


def told_apart(tokenizer: PreTrainedTokenizerBase, tokens: dict[str, list[int]]) -> dict[str, list[int]]:
    """The tokens of the label words, once each word has some and no word begins another."""
    for word, ids in tokens.items():
        if not ids or (tokenizer.unk_token_id is not None and tokenizer.unk_token_id in ids):
            raise ValueError(f"the tokenizer cannot write the label word {word!r} (tokens {ids})")
    for word, ids in tokens.items():
        for other, others in tokens.items():
            if word != other and others[: len(ids)] == ids:
                raise ValueError(
                    f"the tokenizer cannot tell the label words {word!r} {ids} and {other!r} {others} apart"
                )
    return tokens


def tokens_behind(
    tokenizer: PreTrainedTokenizerBase, texts: list[str], lead: str = "", what: str = "label word"
) -> list[list[int]]:
    """Token ids of each text where it stands behind ``lead``, without special tokens.

    Raises:
        ValueError: a text runs together with its lead.
    """
    before = _tokens(tokenizer, lead.rstrip())
    tokens = [_tokens(tokenizer, lead + text) for text in texts]
    if together := [text for text, ids in zip(texts, tokens, strict=True) if ids[: len(before)] != before]:
        raise ValueError(
            f"the tokenizer runs the {what} {together[0]!r} together with {lead!r} before it; put a blank before "
            "{answer} in the template"
        )
    return [ids[len(before) :] for ids in tokens]


def ended(task: Any) -> list[np.ndarray]:
    """What a host that writes its answer learns to write for each label word: the word's tokens, then the end."""
    return [with_end(task, ids) for ids in task.tokens]


def with_end(task: Any, ids: Sequence[int]) -> np.ndarray:
    """An answer's tokens, then the end."""
    return np.asarray([*ids, task.tokenizer.eos_token_id], np.int64)


def _tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []
