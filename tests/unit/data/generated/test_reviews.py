"""The generated reviews: balanced, reproducible, and more than a bag of words."""

from collections import Counter

import pytest

from peftport.data.generated.lexicon import VERDICTS
from peftport.data.generated.reviews import DOMAINS, documents, instructions, labelled


@pytest.mark.parametrize("domain", DOMAINS)
def test_labelled_is_balanced_unique_and_reproducible(domain):
    reviews = labelled(domain, 600, seed=3)
    assert Counter(label for _, label in reviews) == {"negative": 300, "positive": 300}
    assert len({text for text, _ in reviews}) == 600
    assert reviews == labelled(domain, 600, seed=3)
    assert reviews != labelled(domain, 600, seed=4)


def test_labelled_has_negation_and_contrast_but_no_verdict():
    texts = [text for text, _ in labelled("film", 1000, seed=0)]
    negated = sum(any(word in text.split() for word in ("not", "never")) for text in texts)
    contrasted = sum(
        any(word in text.lower().split() for word in ("but", "although", "while", "even")) for text in texts
    )
    assert negated > 250 and contrasted > 250
    sentences = {sentence.strip().lower() for text in texts for sentence in text.split(".")}
    assert not sentences & {verdict.lower() for side in VERDICTS for verdict in side}


def test_word_counts_do_not_solve_the_task():
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    texts, labels = zip(*labelled("film", 3000, seed=1), strict=True)
    counts = CountVectorizer(token_pattern=r"\S+").fit_transform(texts)
    model = LogisticRegression(max_iter=1000).fit(counts[:2000], labels[:2000])
    assert 0.65 < model.score(counts[2000:], labels[2000:]) < 0.85


def test_documents_mostly_carry_a_verdict_that_agrees():
    texts = documents(DOMAINS, 2000, seed=0)
    assert texts == documents(DOMAINS, 2000, seed=0)
    rated = [text for text in texts if "stars" in text or "star." in text or "thumbs" in text]
    assert len(rated) > 300
    for text in rated:
        if "I would recommend" in text:
            assert not any(verdict in text for verdict in ("one star", "two stars", "thumbs down"))


def test_instructions_ask_for_no_sentiment_unless_told():
    def asked(pairs):
        return [answer for prompt, answer in pairs if "recommend it?" in prompt]

    plain = instructions(DOMAINS, 1100, seed=0)
    assert len(plain) == 1100 and plain == instructions(DOMAINS, 1100, seed=0)
    assert not asked(plain)
    mixed = asked(instructions(DOMAINS, 1200, seed=0, sentiment_domains=["hotel"]))
    assert len(mixed) == 100 and set(mixed) == {"yes", "no"}


def test_unknown_domain_is_refused_with_the_near_name():
    with pytest.raises(ValueError, match=r"no domain `.*Did you mean `film`"):
        labelled("films", 10, seed=0)
    with pytest.raises(ValueError, match="no domain"):
        documents([], 10, seed=0)
    with pytest.raises(ValueError, match="at least one"):
        labelled("film", 0, seed=0)
