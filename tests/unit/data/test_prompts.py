import pytest
from hypothesis import given
from hypothesis import strategies as some

from peftport.data.prompts import check_template, normalise_answer, render


@given(some.text())
def test_any_text_goes_in_unchanged(text):
    assert render("sentiment : {text} =", text) == f"sentiment : {text} ="


def test_braces_in_the_text_are_text():
    assert render("{text}", "{text} {0} {") == "{text} {0} {"


@pytest.mark.parametrize("template", ["", "sentiment :", "{text} {text}", "{Text}", "{ text }"])
def test_a_template_needs_one_text(template):
    with pytest.raises(ValueError, match=r"exactly one \{text\}, found"):
        check_template(template)


def test_other_places_are_refused():
    with pytest.raises(ValueError, match=r"unknown place \{label\}"):
        check_template("{text} {label}")


def test_other_braces_are_text():
    assert render('{"a": 1} {text}', "b") == '{"a": 1} b'


@pytest.mark.parametrize(
    "written, answer",
    [
        ("positive", "positive"),
        (" Positive.\n", "positive"),
        ("“POSITIVE”!", "positive"),
        ("very \t positive", "very positive"),
        ("non-toxic", "non-toxic"),
        ("positive, negative", "positive, negative"),
        ("<extra_id_0> positive", "<extra_id_0> positive"),
        (" ... ", ""),
        ("", ""),
    ],
)
def test_answers(written, answer):
    assert normalise_answer(written) == answer


@given(some.text(alphabet="abc ABC.,!-'"))
def test_an_answer_stays_whatever_stands_around_it(text):
    once = normalise_answer(text)
    assert normalise_answer(once) == once
    assert normalise_answer(f" ({once.upper()}). ") == once
