"""Patterns of strangers: the answers of Python's own engine, in a number of steps that is bounded."""

import random
import re

import pytest

from peftport.adapters.patterns import LONGEST, Pattern, Unmatchable

PARTS = ["a", "b", r"\.", ".", "[ab]", "[^a]", r"\d", r"\w", r"\b", "^", "$", "a0", r"[\d.]", r"\B", r"\D"]
REPEATS = ["*", "+", "?", "*?", "{2}", "{1,3}", "{0,2}", "+?"]
NAMES = [f"model.layers.{layer}.self_attn.{kind}_proj" for layer in range(12) for kind in "qkvo"]
# as peftport's own config says it, and as two trainers do
USED = [
    r"(.*\.)?(layers\.\d+\.self_attn\.q_proj|layers\.\d+\.self_attn\.v_proj)",
    r"(?:.*?(?:language|text).*?(?:self_attn|mlp).*?(?:q_proj|v_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn)\.(?:q_proj|v_proj))",
    r"^(?!.*visual).*(?:q_proj|v_proj)$",
]
ENDLESS = [r"(([a-z_.0-9]+)+)+x", r"(.*)*(.*)*(.*)*!", ".*" * 40 + "!", "(" * 60 + "a*" + ")*" * 60, r"(a|a|aa)+$"]


def grown(random_numbers, depth):
    """A pattern of random parts."""
    if depth == 0 or random_numbers.random() < 0.35:
        return random_numbers.choice(PARTS)
    one, other = grown(random_numbers, depth - 1), grown(random_numbers, depth - 1)
    repeated = f"(?:{one}){random_numbers.choice(REPEATS)}"
    return random_numbers.choice([one + other, f"({one}|{other})", f"(?!{one})", f"(?={one})", repeated, repeated])


def test_the_answers_are_those_of_pythons_engine():
    numbers, answers = random.Random(0), []
    for _ in range(1500):
        text = grown(numbers, 4)
        expected, pattern = re.compile(text), Pattern(text)
        for _ in range(4):
            name = "".join(numbers.choice("ab.0_") for _ in range(numbers.randrange(1, 7)))
            answers.append(bool(expected.fullmatch(name)))
            assert pattern.matches(name) == answers[-1], (text, name)
    assert 0.05 < sum(answers) / len(answers) < 0.5


@pytest.mark.parametrize("text", USED)
def test_patterns_that_are_in_use(text):
    pattern = Pattern(text)
    matched = [name for name in NAMES if pattern.matches(name)]
    assert matched == [name for name in NAMES if re.fullmatch(text, name)]
    assert len(matched) == 24


@pytest.mark.parametrize("text", ENDLESS)
def test_a_pattern_that_never_ends_ends(text):
    pattern = Pattern(text)
    try:
        assert not any(pattern.matches(name) for name in NAMES)
    except Unmatchable as error:
        assert "takes more than" in str(error)
    assert pattern.budget.left < 1_000_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(", "is no regular expression"),
        ("(" * 3000, "is no regular expression"),
        ("a" * (LONGEST + 1), "expected at most"),
        (r"(a)\1", "has groupref"),
        ("(?<=a)b", "has a lookbehind"),
        ("(?i)a", "has flags"),
        ("(?i:a)", "has flags"),
        ("(?:a.){5000}", "has more than 1000 repeats"),
    ],
)
def test_what_is_not_matched_is_said(text, message):
    with pytest.raises(Unmatchable, match=message):
        Pattern(text).matches("ab")
