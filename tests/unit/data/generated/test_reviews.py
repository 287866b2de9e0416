"""Generated pretraining text and instructions: reproducible, with verdicts that agree."""

import pytest

from peftport.data.generated.reviews import DOMAINS, documents, instructions


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
        documents(["films"], 10, seed=0)
    with pytest.raises(ValueError, match="no domain"):
        documents([], 10, seed=0)
    with pytest.raises(ValueError, match="at least one"):
        documents(["film"], 0, seed=0)
