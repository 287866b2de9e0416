import pytest
from hypothesis import given
from hypothesis import strategies as some

from peftport.prompting.template import around_answer, check_template, lead_of, normalise_answer, render


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


@pytest.mark.parametrize("template", ["{text}", "{text} {answer}", "a {answer} of {text}", "{text} : ({answer})"])
def test_an_answer_may_stand_anywhere_in_a_cloze(template):
    check_template(template)


@pytest.mark.parametrize(
    ("template", "reason"),
    [("{answer}", "exactly one"), ("{text} {answer} {answer}", "at most one"), ("{text}{answer}", "a blank between"),
     ("{answer}{text}", "a blank between")],
)  # fmt: skip
def test_an_answer_needs_a_text_and_room(template, reason):
    with pytest.raises(ValueError, match=reason):
        check_template(template)


@pytest.mark.parametrize("template", ["{text} {answer} .", "{answer} {text}", "{text} ({answer})"])
def test_only_a_cloze_may_have_its_answer_before_the_end(template):
    check_template(template)
    with pytest.raises(ValueError, match=r"expected \{answer\} at the end. Only a masked language model"):
        check_template(template, cloze=False)
    for good in ("{text}", "a {text} b", "{text} {answer}", "{text} it was {answer} "):
        check_template(good, cloze=False)


@pytest.mark.parametrize(
    ("template", "around", "lead"),
    [
        ("sentiment: {text}", ("sentiment: {text}", ""), ". "),
        ("{text} it was {answer}", ("{text} it was", ""), ". "),
        ("{text} it was {answer} .", ("{text} it was", " ."), ". "),
        ("{answer} of {text}", ("", " of {text}"), ""),
        ("{text} '{answer}'", ("{text} '", "'"), "'"),
    ],
)
def test_what_stands_around_the_answer(template, around, lead):
    assert around_answer(template) == around
    assert lead_of(template) == lead


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
