"""The grammar of the generated reviews: sentences of known domain, polarity and construction.

Every text has a domain and a polarity. An opinion sentence either states the polarity plainly ("The plot was really
good.") or through a construction that a word count reads wrongly or not at all: negation ("The plot was not bad."),
contrast and concession ("Although the cast was dull, the plot was good.") and disappointed or exceeded expectation.
Neutral facts stand between opinions. Pretraining documents may also carry a verdict that agrees with their polarity
("Rating: five stars."): without such sentences nothing in a self-supervised objective asks for the polarity of a text,
and no module can find it in the host. Labelled reviews never carry one.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from peftport.data.generated import lexicon

_FACT_SHARE = 0.2  # sentences after the first that are neutral facts
_VERDICT_SHARE = 0.9  # pretraining documents with a verdict
_SECOND_VERDICT_SHARE = 0.5  # of these, documents with another one
_NEUTRAL_SHARE = 0.1  # pretraining documents of facts only
_DOMAIN_ADJECTIVE_SHARE = 0.3  # adjectives drawn from the domain's own


class Sentence(NamedTuple):
    """One sentence and what is known about it.

    Attributes:
        text: the sentence, without capital and full stop.
        subject: what is judged; None in a neutral fact.
        kind: "plain", "negation", "contrast", "expectation" or "fact".
    """

    text: str
    subject: str | None
    kind: str


class Writer:
    """Draws sentences and reviews of one domain at a time.

    Args:
        random: source of all randomness.
        hard_share: share of opinion sentences that speak by negation, contrast or expectation; may be changed.
        aside_share: share of facts that are asides, sentences with a label word that means nothing.
    """

    def __init__(self, random: Random, hard_share: float = 0.5, aside_share: float = 0.0):
        self.random = random
        self.hard_share = hard_share
        self.aside_share = aside_share
        self.pick = random.choice

    def adjective(self, domain: str, polarity: int) -> str:
        """An adjective of this polarity: general, or the domain's own."""
        own = self.random.random() < _DOMAIN_ADJECTIVE_SHARE
        return self.pick((lexicon.DOMAINS[domain].adjectives if own else lexicon.ADJECTIVES)[polarity])

    def degree(self) -> str:
        """An intensifier and a space, or nothing."""
        return self.pick(lexicon.INTENSIFIERS) + " " if self.random.random() < 0.4 else ""

    def fact(self, domain: str) -> Sentence:
        """A neutral sentence of the domain."""
        aside = self.random.random() < self.aside_share
        text = self.pick(lexicon.ASIDES if aside else lexicon.DOMAINS[domain].facts).format(
            thing=self.pick(lexicon.DOMAINS[domain].things),
            word=self.pick(lexicon.LABELS),
            city=self.pick(lexicon.CITIES),
            number=self.pick(lexicon.NUMBERS),
            day=self.pick(lexicon.DAYS),
            person=self.pick(lexicon.PEOPLE),
        )
        return Sentence(text, None, "fact")

    def opinion(self, domain: str, polarity: int) -> Sentence:
        """An opinion of this polarity (0 negative, 1 positive), plain or hard."""
        hard = self.random.random() < self.hard_share
        return self.pick(_HARD if hard else _PLAIN)(self, domain, polarity)

    def review(self, domain: str, polarity: int, sentences: int, fact_share: float = _FACT_SHARE) -> list[Sentence]:
        """`sentences` sentences, at least one of them an opinion, all opinions of one polarity, in random order."""
        chosen = [self.opinion(domain, polarity)]
        while len(chosen) < sentences:
            fact = self.random.random() < fact_share
            chosen.append(self.fact(domain) if fact else self.opinion(domain, polarity))
        self.random.shuffle(chosen)
        return chosen

    def document(self, domain: str) -> str:
        """A pretraining document: a review of random polarity, mostly with a verdict, or facts only."""
        if self.random.random() < _NEUTRAL_SHARE:
            return join([self.fact(domain) for _ in range(self.random.randint(2, 4))])
        polarity = self.random.randrange(2)
        sentences = self.review(domain, polarity, self.random.randint(1, 3))
        if self.random.random() < _VERDICT_SHARE:
            for _ in range(1 + (self.random.random() < _SECOND_VERDICT_SHARE)):
                verdict = Sentence(self.pick(lexicon.VERDICTS[polarity]), None, "verdict")
                sentences.insert(self.pick((0, len(sentences))), verdict)
        return join(sentences)


def join(sentences: Sequence[Sentence]) -> str:
    """Running text: each sentence with a capital and a full stop."""
    return " ".join(s.text[0].upper() + s.text[1:] + "." for s in sentences)


# One function per construction, each (writer, domain, polarity) -> Sentence ------------------------------------------


def _aspects(w: Writer, domain: str) -> list[str]:
    return w.random.sample(lexicon.DOMAINS[domain].aspects, 2)


def _thing(w: Writer, domain: str) -> str:
    return w.pick(lexicon.DOMAINS[domain].things)


def _be(w: Writer) -> str:
    return w.pick(("was", "is"))


def with_article(words: str) -> str:
    """`words` after "a" or "an"."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def _plain_adjective(w: Writer, domain: str, p: int) -> Sentence:
    a, _ = _aspects(w, domain)
    return Sentence(f"the {a} {_be(w)} {w.degree()}{w.adjective(domain, p)}", a, "plain")


def _plain_two_adjectives(w: Writer, domain: str, p: int) -> Sentence:
    a, _ = _aspects(w, domain)
    general = w.random.sample(lexicon.ADJECTIVES[p], 2)
    return Sentence(f"the {a} {_be(w)} {general[0]} and {general[1]}", a, "plain")


def _plain_verb(w: Writer, domain: str, p: int) -> Sentence:
    a, _ = _aspects(w, domain)
    who = w.pick(("I", "everyone", "we"))
    return Sentence(f"{who} {w.pick(lexicon.VERBS[p])[0]} the {w.adjective(domain, p)} {a}", a, "plain")


def _plain_exclamation(w: Writer, domain: str, p: int) -> Sentence:
    t = _thing(w, domain)
    return Sentence(f"what {with_article(w.adjective(domain, p))} {t}", t, "plain")


def _plain_noun(w: Writer, domain: str, p: int) -> Sentence:
    t = _thing(w, domain)
    return Sentence(f"this {t} {_be(w)} a {w.pick(lexicon.NOUNS[p])}", t, "plain")


def _plain_advice(w: Writer, domain: str, p: int) -> Sentence:
    t = _thing(w, domain)
    return Sentence(f"I would {w.pick(lexicon.ADVICE[p])} this {t}", t, "plain")


def _negated_adjective(w: Writer, domain: str, p: int) -> Sentence:
    a, _ = _aspects(w, domain)
    no = w.pick(("not", "not", "never"))
    return Sentence(f"the {a} {_be(w)} {no} {w.degree()}{w.adjective(domain, 1 - p)}", a, "negation")


def _negated_verb(w: Writer, domain: str, p: int) -> Sentence:
    a, _ = _aspects(w, domain)
    return Sentence(f"I did not {w.pick(lexicon.VERBS[1 - p])[1]} the {a}", a, "negation")


def _negated_noun(w: Writer, domain: str, p: int) -> Sentence:
    t = _thing(w, domain)
    return Sentence(f"this {t} {_be(w)} not a {w.pick(lexicon.NOUNS[1 - p])}", t, "negation")


def _negated_advice(w: Writer, domain: str, p: int) -> Sentence:
    t = _thing(w, domain)
    return Sentence(f"I would not {w.pick(lexicon.ADVICE[1 - p])} this {t}", t, "negation")


def _concession_first(w: Writer, domain: str, p: int) -> Sentence:
    a, b = _aspects(w, domain)
    although, be = w.pick(("although", "while", "even though")), _be(w)
    side, main = f"the {a} {be} {w.adjective(domain, 1 - p)}", f"the {b} {be} {w.degree()}{w.adjective(domain, p)}"
    return Sentence(f"{although} {side}, {main}", b, "contrast")


def _concession_last(w: Writer, domain: str, p: int) -> Sentence:
    a, b = _aspects(w, domain)
    although, be = w.pick(("although", "even though")), _be(w)
    side, main = f"the {a} {be} {w.adjective(domain, 1 - p)}", f"the {b} {be} {w.degree()}{w.adjective(domain, p)}"
    return Sentence(f"{main}, {although} {side}", b, "contrast")


def _contrast(w: Writer, domain: str, p: int) -> Sentence:
    a, b = _aspects(w, domain)
    be = _be(w)
    side, main = f"the {a} {be} {w.adjective(domain, 1 - p)}", f"the {b} {be} {w.degree()}{w.adjective(domain, p)}"
    return Sentence(f"{side} but {main}", b, "contrast")


def _expectation(w: Writer, domain: str, p: int) -> Sentence:
    t = _thing(w, domain)
    hoped = with_article(w.adjective(domain, 1 - p))
    return Sentence(f"I expected {hoped} {t} but it was {w.degree()}{w.adjective(domain, p)}", t, "expectation")


_Construction = Callable[[Writer, str, int], Sentence]
_PLAIN: tuple[_Construction, ...] = (
    _plain_adjective, _plain_adjective, _plain_two_adjectives, _plain_verb, _plain_exclamation, _plain_noun,
    _plain_advice,
)  # fmt: skip
_HARD: tuple[_Construction, ...] = (
    _negated_adjective, _negated_adjective, _negated_verb, _negated_noun, _negated_advice,
    _concession_first, _concession_last, _contrast, _contrast, _expectation,
)  # fmt: skip
