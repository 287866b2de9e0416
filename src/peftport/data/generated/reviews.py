"""Generated English reviews in eight domains: pretraining text and instructions (labelled texts: `tasks.py`).

A small world in which sentiment is more than a bag of words (see `grammar.py`). All randomness comes from one
generator per call, made from the `seed` argument: same arguments, same texts.
"""

from collections.abc import Callable, Sequence
from random import Random

from peftport.data.generated import lexicon
from peftport.data.generated.grammar import Writer, join
from peftport.registry import unknown_name

DOMAINS = tuple(lexicon.DOMAINS)

_ASIDE_SHARE = 0.3  # facts in documents and instructions that hold a label word in a neutral sentence


def documents(domains: Sequence[str], documents: int, seed: int, hard_share: float = 0.5) -> list[str]:
    """Pretraining documents, each of a domain drawn from `domains`, in the order of a curriculum.

    The first quarter says everything plainly; the share of hard opinion sentences then rises to `hard_share` over the
    second quarter and stays. Read in this order, a host of a few hundred thousand parameters comes to know polarity;
    with negation and contrast from the start it has not after 6,000 steps.

    Args:
        domains: names out of `DOMAINS`.
        documents: how many, at least 1.
        seed: seed of the call's own generator.
        hard_share: largest share of opinion sentences by negation, contrast or expectation.

    Returns:
        texts of 1 to 5 sentences, most with a verdict that agrees with the polarity of the opinions.

    Raises:
        ValueError: unknown or no domain, or fewer than one document wanted.
    """
    _check(domains, documents)
    writer, out = Writer(Random(seed), aside_share=_ASIDE_SHARE), []
    for i in range(documents):
        writer.hard_share = hard_share * min(1.0, max(0.0, 4 * i / documents - 1))
        out.append(writer.document(writer.pick(domains)))
    return out


def instructions(
    domains: Sequence[str], examples: int, seed: int, sentiment_domains: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """A mixture of auxiliary tasks over the reviews' sentences; none asks for a sentiment unless told.

    Args:
        domains: names out of `DOMAINS`, for the auxiliary tasks.
        examples: how many pairs, at least 1; the tasks in turn.
        seed: seed of the call's own generator.
        sentiment_domains: domains in which one more task of the mixture asks for the sentiment, though in other words
            than the labelled task ("does the writer recommend it?", yes or no), as Flan's mixture held sentiment sets.
            Keep the domain of the study's dataset out of it.

    Returns:
        (prompt, answer) pairs in random order.

    Raises:
        ValueError: unknown or no domain, or fewer than one example wanted.
    """
    _check([*domains, *sentiment_domains] if domains else [], examples)
    writer = Writer(Random(seed), aside_share=_ASIDE_SHARE)
    tasks = [(task, domains) for task in _TASKS] + [(_recommended, sentiment_domains)] * bool(sentiment_domains)
    out = []
    for i in range(examples):
        task, choice = tasks[i % len(tasks)]
        out.append(task(writer, writer.pick(choice)))
    writer.random.shuffle(out)
    return out


def _check(domains: Sequence[str], count: int) -> None:
    if not domains:
        raise ValueError(f"no domain given; known: {', '.join(DOMAINS)}")
    for name in domains:
        if name not in lexicon.DOMAINS:
            raise ValueError(unknown_name("domain", name, DOMAINS))
    if count < 1:
        raise ValueError(f"at least one text must be asked for, not {count}")


# One function per auxiliary task, each (writer, domain) -> (prompt, answer) ------------------------------------------


def _any_review(w: Writer, domain: str, sentences: int, fact_share: float = 0.4) -> str:
    return join(w.review(domain, w.random.randrange(2), sentences, fact_share))


def _any_sentence(w: Writer, domain: str):
    return w.fact(domain) if w.random.random() < 0.35 else w.opinion(domain, w.random.randrange(2))


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _topic(w: Writer, domain: str) -> tuple[str, str]:
    return f"topic: {_any_review(w, domain, w.random.randint(1, 3))}", domain


def _subjectivity(w: Writer, domain: str) -> tuple[str, str]:
    sentence = w.fact(domain) if w.random.random() < 0.5 else w.opinion(domain, w.random.randrange(2))
    return f"opinion or fact? {join([sentence])}", "opinion" if sentence.subject else "fact"


def _negation(w: Writer, domain: str) -> tuple[str, str]:
    wanted, sentence = w.random.random() < 0.5, _any_sentence(w, domain)
    while (sentence.kind == "negation") != wanted:
        sentence = _any_sentence(w, domain)
    return f"is there a negation? {join([sentence])}", _yes(wanted)


def _construction(w: Writer, domain: str) -> tuple[str, str]:
    wanted, sentence = w.random.random() < 0.5, _any_sentence(w, domain)
    while (sentence.kind in ("contrast", "expectation")) != wanted:
        sentence = _any_sentence(w, domain)
    return f"is there a contrast? {join([sentence])}", _yes(wanted)


def _word_in(w: Writer, domain: str) -> tuple[str, str]:
    text, wanted = _any_sentence(w, domain).text, w.random.random() < 0.5
    word = w.pick(text.split())
    while not wanted and word in text.split():
        word = w.pick(_any_sentence(w, domain).text.split())
    return f"is the word {word} in this sentence? {text}.", _yes(wanted)


def _aspect(w: Writer, domain: str) -> tuple[str, str]:
    sentence = w.opinion(domain, w.random.randrange(2))
    return f"what is judged here? {join([sentence])}", sentence.subject


def _last_word(w: Writer, domain: str) -> tuple[str, str]:
    text = _any_sentence(w, domain).text
    return f"last word: {text}.", text.split()[-1]


def _first_word(w: Writer, domain: str) -> tuple[str, str]:
    text = _any_sentence(w, domain).text
    return f"first word: {text}.", text.split()[0]


def _sentences(w: Writer, domain: str) -> tuple[str, str]:
    count = w.random.randint(1, 4)
    return f"how many sentences? {_any_review(w, domain, count)}", lexicon.NUMBERS_FROM_ONE[count - 1]


def _place(w: Writer, domain: str) -> tuple[str, str]:
    text = join([w.fact(domain), _any_sentence(w, domain)])
    place = next((city for city in lexicon.CITIES if city in text), "nowhere")
    return f"which city? {text}", place


def _paraphrase(w: Writer, domain: str) -> tuple[str, str]:
    """Same meaning, or one part judged twice in opposite ways, or two parts."""
    polarity, wanted = w.random.randrange(2), w.random.random() < 0.5
    first, second = w.random.sample(lexicon.DOMAINS[domain].aspects, 2)
    aspect = first if wanted or w.random.random() < 0.5 else second
    same = wanted or aspect == second
    negated = w.random.random() < 0.5
    adjective = w.adjective(domain, polarity if same != negated else 1 - polarity)
    one = f"The {first} was {w.adjective(domain, polarity)}."
    return f"same meaning? {one} The {aspect} was {'not ' * negated}{adjective}.", _yes(wanted)


def _recommended(w: Writer, domain: str) -> tuple[str, str]:
    """Sentiment in other words: neither prompt nor answer is that of the labelled task."""
    polarity = w.random.randrange(2)
    text = join(w.review(domain, polarity, w.random.randint(1, 3)))
    return f"does the writer recommend it? {text}", _yes(polarity == 1)


_TASKS: tuple[Callable[[Writer, str], tuple[str, str]], ...] = (
    _topic, _subjectivity, _negation, _construction, _word_in, _aspect, _last_word, _first_word, _sentences, _place,
    _paraphrase,
)  # fmt: skip
