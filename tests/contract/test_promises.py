"""docs/promises.md names a test for every promise of the documentation; the promise and the test are both there."""

import ast
import re
from functools import cache

from peftport.paths import CHECKOUT

ROW = re.compile(r"^\| (.+?) \| (`tests/.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
TRIED = re.compile(r"^\| tried \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", re.MULTILINE)


@cache
def plain(text):
    """A text without marks and line breaks, so that a promise is found however its page is wrapped."""
    return " ".join(re.sub(r"[*`]", "", text).split())


@cache
def page(name):
    return (CHECKOUT / name).read_text(encoding="utf-8")


def promises():
    """Page, phrase and tests of every row."""
    for section in page("docs/promises.md").split("\n## ")[1:]:
        name = section.partition("\n")[0]
        for phrase, tests in ROW.findall(section):
            yield name, phrase, TEST.findall(tests)


@cache
def functions(path):
    """The names of a file's functions; none where there is no file."""
    body = ast.parse(path.read_text("utf-8")).body if path.is_file() else []
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


def holds(path, name):
    """Whether a file has a test of this name."""
    return name in functions(path)


def where_now(name):
    """The files that hold a test of this name, for the message when one has moved."""
    files = [path for path in (CHECKOUT / "tests").rglob("test_*.py") if holds(path, name)]
    return ", ".join(str(path.relative_to(CHECKOUT)) for path in files) or "nowhere"


def test_a_promise_stands_in_its_page():
    assert [(name, phrase) for name, phrase, _ in promises() if plain(phrase) not in plain(page(name))] == []


def test_a_test_holds_every_promise():
    assert [phrase for _, phrase, tests in promises() if not tests] == []
    named = {test for _, _, tests in promises() for test in tests}
    absent = {(path, test) for path, test in named if not holds(CHECKOUT / path, test)}
    assert {f"{test} is not in {path}; it is in: {where_now(test)}" for path, test in absent} == set()


def test_every_row_of_the_fault_tables_is_a_promise_with_a_test():
    rows = [row for table in TRIED.findall(page("docs/reliability.md")) for row in table.splitlines()]
    assert len(rows) >= 20
    phrases = {plain(phrase) for name, phrase, _ in promises() if name == "docs/reliability.md"}
    tried = [plain(row.split("|")[1]) for row in rows]
    assert [cell for cell in tried if not any(cell.startswith(phrase) for phrase in phrases)] == []


def test_no_promise_is_made_twice():
    made = [(name, plain(phrase)) for name, phrase, _ in promises()]
    assert len(made) > 60
    assert sorted({promise for promise in made if made.count(promise) > 1}) == []
