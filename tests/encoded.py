"""A tiny encoded task without a tokenizer: which of two tokens a prompt holds decides its label."""

from dataclasses import replace

import numpy as np

from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from tests.hosts import END, OPENING, PAD, VOCABULARY

WORDS = ["negative", "positive"]
TOKENS = [[3], [4]]
MASK = 2
ANSWERS = [np.asarray([3, END]), np.asarray([4, END])]
SIGNS = (5, 6)


def examples(count: int = 24, seed: int = 0, labels: int = 2, flipped: bool = False) -> Encoded:
    """``count`` prompts of 4 to 12 tokens.

    Args:
        labels: number of labels; only the first two show in the prompt.
        flipped: every label is the other one, so that what training teaches is wrong here.
    """
    random = np.random.default_rng(seed)
    truth = random.integers(0, labels, count)
    prompts = []
    for label in truth:
        prompt = random.integers(8, VOCABULARY, random.integers(3, 12))
        prompt[random.integers(len(prompt))] = SIGNS[label % 2]
        prompts.append(np.append(prompt, END))
    words = [*WORDS, *(f"word {index}" for index in range(2, labels))]
    return Encoded(
        prompts,
        labels - 1 - truth if flipped else truth,
        words,
        [f"example {n}" for n in range(count)],
        np.zeros(count, np.int64),
    )


class Tokenizer:
    """Writes token ids as numbers, and says which stand around every text: all that scoring needs."""

    pad_token_id, eos_token_id, sep_token_id, mask_token_id = PAD, END, END, MASK
    opening: tuple[int, ...] = ()

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        """One token for any text, with what stands around every text."""
        return {"input_ids": [*self.opening, 9, END] if add_special_tokens else [9]}

    def batch_decode(self, rows, skip_special_tokens: bool) -> list[str]:
        """The ids of each row, without padding and end."""
        assert skip_special_tokens
        return [" ".join(str(int(token)) for token in row if token not in (PAD, END)) for row in rows]


class Opening(Tokenizer):
    """As BART's: a token stands before every text."""

    opening = (OPENING,)


TASK = Task("{text}", WORDS, TOKENS, Tokenizer(), "encoder_decoder", None, 16)


def asked(lm_type: str, tokens: list[list[int]] = TOKENS, count: int = 24, seed: int = 0) -> tuple[Task, Encoded]:
    """A task for a reading, with examples as it encodes them.

    Masks stand before the last two tokens of a cloze; the prompts of a causal language model have no end.

    Args:
        tokens: of each label word; the first two may be right.
    """
    task, data = replace(TASK, tokens=tokens, lm_type=lm_type), examples(count, seed)
    masks = np.full(max(map(len, tokens)), MASK)
    shaped = {
        "encoder_decoder": lambda row: row,
        "causal": lambda row: row[:-1],
        "masked": lambda row: np.concatenate([row[:-2], masks, row[-2:]]),
    }[lm_type]
    return task, replace(data, prompts=[shaped(row) for row in data.prompts])
