"""What is asked of generated texts: for each task how a text of a label is written; labelled texts of any task.

All randomness comes from one generator per call, made from the `seed` argument: same arguments, same texts.
"""

from collections.abc import Callable, Sequence
from math import prod
from random import Random
from string import Formatter
from typing import NamedTuple

from peftport.data.generated import lexicon
from peftport.data.generated.grammar import Sentence, Writer, join
from peftport.data.generated.settings import GeneratedReviews

REPEATS = 10_000  # texts in a row that were there already, after which a label is taken to have no more
_FACT_SHARE = 0.35  # facts among sentences of any kind


class Task(NamedTuple):
    """How the texts of a task are written.

    Attributes:
        write: (writer, domain, value of the label, number of sentences) to the sentences of a text.
        sentences: how many a text has where nothing is said: drawn uniformly from these.
        by_domain: whether the values are the domains.
    """

    write: Callable[[Writer, str, str, int], list[Sentence]]
    sentences: tuple[int, ...] = (1,)
    by_domain: bool = False


def labelled(wanted: GeneratedReviews, examples: int) -> list[tuple[str, str]]:
    """Labelled texts, equally many of each value (one more of the first values if they do not divide `examples`).

    No text occurs twice, so disjoint slices of one call are clean train, validation and test splits. Of two calls that
    differ in `examples`, the larger has all texts of the smaller.

    Args:
        wanted: task, domains, seed, and how the texts are; its numbers of examples do not count.
        examples: how many, at least 1.

    Returns:
        (text, value of its label) pairs in random order; texts without a verdict.

    Raises:
        ValueError: the task has no more different texts.
    """
    task, values = TASKS[wanted.task], wanted.values
    lengths = task.sentences if wanted.sentences is None else (wanted.sentences,)
    writer, seen, out, repeats = Writer(Random(wanted.seed), wanted.hard_share), set(), [], 0
    while len(out) < examples:
        value = values[len(out) % len(values)]
        domain = value if task.by_domain else wanted.domains[0]
        text = join(task.write(writer, domain, value, writer.pick(lengths)))
        repeats = repeats + 1 if text in seen else 0
        if repeats == REPEATS:
            raise ValueError(_too_few(wanted, value, len(out), examples))
        if not repeats:
            seen.add(text)
            out.append((text, value))
    writer.random.shuffle(out)
    return out


def most_facts(domain: str) -> int:
    """How many different neutral sentences a domain has."""
    own = lexicon.DOMAINS[domain]
    choices = {"thing": own.things, "city": lexicon.CITIES, "number": lexicon.NUMBERS, "day": lexicon.DAYS}
    choices |= {"person": lexicon.PEOPLE}
    return sum(prod(len(choices[field]) for _, field, _, _ in Formatter().parse(one) if field) for one in own.facts)


def _too_few(wanted: GeneratedReviews, value: str, found: int, examples: int) -> str:
    """What is said where a label has no more texts."""
    return (
        f"source.generated: the task `{wanted.task}` has no more different texts of `{value}` than "
        f"{found // len(wanted.values):,} ({', '.join(wanted.domains)}; {found:,} of {examples:,} texts of all labels "
        "were made). Ask for fewer examples, or for more `sentences`"
    )


# One function per task, each (writer, domain, value, sentences) -> sentences ------------------------------------------


def _sentiment(w: Writer, domain: str, value: str, sentences: int) -> list[Sentence]:
    return w.review(domain, int(value == "positive"), sentences)


def _topic(w: Writer, domain: str, value: str, sentences: int) -> list[Sentence]:
    return w.review(domain, w.random.randrange(2), sentences)


def _subjectivity(w: Writer, domain: str, value: str, sentences: int) -> list[Sentence]:
    decides = w.opinion(domain, w.random.randrange(2)) if value == "opinion" else w.fact(domain)
    return _among(w, decides, [w.fact(domain) for _ in range(sentences - 1)])


def _negation(w: Writer, domain: str, value: str, sentences: int) -> list[Sentence]:
    return _holding(w, domain, value, sentences, ("negation",))


def _contrast(w: Writer, domain: str, value: str, sentences: int) -> list[Sentence]:
    return _holding(w, domain, value, sentences, ("contrast", "expectation"))


def _holding(w: Writer, domain: str, value: str, sentences: int, kinds: Sequence[str]) -> list[Sentence]:
    """A sentence of one of these kinds, or of none of them, among sentences of other kinds."""
    decides = _sentence(w, domain, kinds, value == "with")
    return _among(w, decides, [_sentence(w, domain, kinds, False) for _ in range(sentences - 1)])


def _sentence(w: Writer, domain: str, kinds: Sequence[str], inside: bool) -> Sentence:
    """Any sentence whose kind is one of these, or is not."""
    while True:
        fact = not inside and w.random.random() < _FACT_SHARE
        sentence = w.fact(domain) if fact else w.opinion(domain, w.random.randrange(2))
        if (sentence.kind in kinds) == inside:
            return sentence


def _among(w: Writer, decides: Sentence, others: list[Sentence]) -> list[Sentence]:
    """The sentence that decides at a random place among the others."""
    others.insert(w.random.randint(0, len(others)), decides)
    return others


_ONE_TO_THREE = (1, 1, 2, 2, 3)
TASKS = {
    "sentiment": Task(_sentiment, _ONE_TO_THREE),
    "topic": Task(_topic, _ONE_TO_THREE, by_domain=True),
    "subjectivity": Task(_subjectivity),
    "negation": Task(_negation),
    "contrast": Task(_contrast),
}
