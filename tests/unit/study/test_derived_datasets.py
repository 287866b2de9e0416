import re

import pytest

from peftport.study.derived_datasets import left_out, parent, randomised, root, without
from peftport.study.settings import NAME_PATTERN

BOTH = randomised(without("a.b-c", "d-without-e"))


@pytest.mark.parametrize(
    ("name", "of", "above", "other"),
    [
        ("film", "film", None, None),
        ("without-book", "without-book", None, None),
        (randomised("film"), "film", "film", None),
        (without("film", "book"), "film", "film", "book"),
        (without("a.b-c", "d-without-e"), "a.b-c", "a.b-c", "d-without-e"),
        (BOTH, "a.b-c", without("a.b-c", "d-without-e"), None),
    ],
)
def test_a_name_says_where_it_comes_from(name, of, above, other):
    assert (root(name), parent(name), left_out(name)) == (of, above, other)


def test_no_name_of_a_config_can_clash():
    pattern = NAME_PATTERN
    assert re.search(pattern, "film.random")
    assert not [name for name in (randomised("film"), without("film", "book"), BOTH) if re.search(pattern, name)]
