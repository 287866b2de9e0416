"""A mixture of auxiliary tasks made from any plain text, without labels."""

from collections.abc import Callable, Sequence
from random import Random

_WORDS = 14  # words of a text that a task reads
_NUMBERS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen",
)  # fmt: skip


def from_texts(texts: Sequence[str], examples: int, seed: int) -> list[tuple[str, str]]:
    """(prompt, answer) pairs over stretches of `texts`, the tasks in turn.

    Args:
        texts: plain texts; those of fewer than four words are passed over.
        examples: how many pairs.
        seed: seed of the call's own generator.

    Raises:
        ValueError: no text has four words.
    """
    random, stretches = Random(seed), [w for w in (t.split() for t in texts) if len(w) >= 4]
    if not stretches:
        raise ValueError("instructions: no text has four words or more")
    out = []
    for i in range(examples):
        words = random.choice(stretches)
        start = random.randrange(max(1, len(words) - _WORDS + 1))
        other = random.choice(stretches)
        out.append(_TASKS[i % len(_TASKS)](random, words[start : start + _WORDS], other))
    random.shuffle(out)
    return out


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _last_word(random: Random, words: list[str], other: list[str]) -> tuple[str, str]:
    return f"last word: {' '.join(words)}", words[-1]


def _first_word(random: Random, words: list[str], other: list[str]) -> tuple[str, str]:
    return f"first word: {' '.join(words)}", words[0]


def _word_in(random: Random, words: list[str], other: list[str]) -> tuple[str, str]:
    word = random.choice(words if random.random() < 0.5 else other)
    return f"is the word {word} in this text? {' '.join(words)}", _yes(word in words)


def _count(random: Random, words: list[str], other: list[str]) -> tuple[str, str]:
    words = words[: random.randint(1, len(words))]
    return f"how many words? {' '.join(words)}", _NUMBERS[len(words) - 1]


def _next_word(random: Random, words: list[str], other: list[str]) -> tuple[str, str]:
    cut = random.randint(2, len(words) - 1)
    return f"next word: {' '.join(words[:cut])}", words[cut]


def _word_after(random: Random, words: list[str], other: list[str]) -> tuple[str, str]:
    at = random.randrange(len(words) - 1)
    return f"which word follows {words[at]}? {' '.join(words)}", words[words.index(words[at]) + 1]


def _shuffled(random: Random, words: list[str], other: list[str]) -> tuple[str, str]:
    mixed = random.sample(words, len(words)) if random.random() < 0.5 else words
    return f"are these words in order? {' '.join(mixed)}", _yes(mixed == words)


def _missing(random: Random, words: list[str], other: list[str]) -> tuple[str, str]:
    at = random.randrange(len(words))
    return f"fill the gap: {' '.join(words[:at])} ... {' '.join(words[at + 1 :])}", words[at]


def _repeated(random: Random, words: list[str], other: list[str]) -> tuple[str, str]:
    return f"is a word repeated? {' '.join(words)}", _yes(len(set(words)) < len(words))


def _longest(random: Random, words: list[str], other: list[str]) -> tuple[str, str]:
    return f"longest word: {' '.join(words)}", max(words, key=len)


_TASKS: tuple[Callable[[Random, list[str], list[str]], tuple[str, str]], ...] = (
    _last_word, _first_word, _word_in, _count, _next_word, _word_after, _shuffled, _missing, _repeated, _longest,
)  # fmt: skip
