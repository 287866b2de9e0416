"""The report's sentences from task to task."""

import pytest

from peftport.report.cross_task import from_task_to_task
from peftport.report.facts import Cost, StudyFacts
from peftport.report.page import write_report
from tests.simulated import statistics
from tests.unit.statistics.test_cross_task import made, table

ARROW, MINUS = "\N{RIGHTWARDS ARROW}", "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def known():
    return made(examples=1000)


def test_a_sentence_counts_what_helps_and_harms_and_names_what_harms(known):
    zero, later = from_task_to_task({"cross_task": table(known)})
    assert zero.startswith(f"LoRA, raw {ARROW} instruct, zero-shot: of 6 moves from a task to another 1 help")
    assert "1 harm (negative transfer) and 4 cannot be told" in later and "after 30 steps" in later
    harmed = later.partition("Negative transfer: ")[2].partition(" points")[0]
    assert harmed.startswith(f"film {ARROW} negation {MINUS}") and "topic" not in harmed
    assert f"The most helped: film {ARROW} topic +" in later and "of modules of the task itself 0.9" in later


def test_nothing_is_said_where_nothing_was_asked(known):
    frame = table(known)
    assert from_task_to_task({}) == [] and from_task_to_task({"cross_task": frame.head(0)}) == []
    diagonal = frame[frame["outcome"] == "own_task"]
    assert "no move from a task to another could be compared" in from_task_to_task({"cross_task": diagonal})[0]


def test_the_page_has_the_section_where_the_study_asks(known, tmp_path):
    tables = statistics(known)
    for name, more in (("without", {}), ("with", {"cross_task": table(known)})):
        write_report(tmp_path / name, StudyFacts("small"), tables | more, {}, Cost())
        page = (tmp_path / name).read_text()
        assert page.count("<h2>From task to task</h2>") == len(more)
        assert page.count("Negative transfer: film") == 2 * len(more)
