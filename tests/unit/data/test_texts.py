import pytest
from hypothesis import given
from hypothesis import strategies as some

from peftport.data.texts import example_id, normal_form, tidy


@pytest.mark.parametrize(
    "left, right",
    [
        ("Don't miss it!", "do n't miss it ."),
        ("a  b\nc", "A b, C"),
        ("the film (again)", "the film -lrb- again -rrb- ."),
        ("1/2 weeks", "1\\/2 weeks"),
        ("`` fine ''", '"fine"'),
        ("ﬁne", "fine"),
        ("gone \x96 and back", "gone - and back"),
    ],
)
def test_the_same_text(left, right):
    assert normal_form(left) == normal_form(right)


@pytest.mark.parametrize(
    "left, right", [("good", "bad"), ("8", "9"), ("👍", "👎"), (":)", ":("), ("की", "का"), ("é", "e")]
)
def test_different_texts(left, right):
    assert normal_form(left) != normal_form(right)


@given(some.text())
def test_tidy_texts_are_tidy_and_every_text_has_a_form(text):
    assert tidy(tidy(text)) == tidy(text)
    assert normal_form(text) == normal_form(tidy(text))
    assert bool(normal_form(text)) == bool(tidy(text))


def test_ids_are_the_same_on_every_machine():
    assert example_id("good film") == "952317a5f018c671"
    assert example_id("good film") != example_id("Good film")
