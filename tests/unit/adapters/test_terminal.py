"""Lines on a terminal: none is wider than it where words allow that, and nothing is lost or changed by folding."""

import pytest

from peftport.adapters.check_text import report_text
from peftport.adapters.terminal import folded, terminal_width
from peftport.adapters.verdict import Reason, Report

LINES = ["first, a line that is longer than what there is room for [+15.5, +44.5] on it", "", "  short"]
REPORT = Report("a", "b", None, (Reason("sizes", "map", "the hosts are not of one size", ("d_model 16 and 24",) * 4),))


@pytest.mark.parametrize("width", [30, 36, 44, 60])
def test_no_line_is_wider_and_words_stay(width):
    lines = list(folded(LINES, width))
    assert max(map(len, lines)) <= width and len(lines) > len(LINES)
    assert " ".join(" ".join(lines).split()) == " ".join(" ".join(LINES).split())
    assert any("[+15.5, +44.5]" in line for line in lines)
    assert lines[1].startswith("  ") and lines[-1] == LINES[-1]


def test_what_is_no_terminal_gets_one_line_each(capsys):
    assert terminal_width() is None and list(folded(LINES, None)) == LINES
    assert len(report_text(REPORT).splitlines()) == 2


def test_reasons_are_folded_below_their_beginning():
    lines = report_text(REPORT, 60).splitlines()
    number, line = next((number, line) for number, line in enumerate(lines) if "sizes" in line)
    begins, further = line.index("the hosts"), lines[number + 1 :]
    assert number == 2 and lines[1].startswith("  ") and len(further) > 2
    assert all(line[:begins].isspace() and line[begins] != " " for line in further)
    assert max(map(len, lines)) <= 60


def test_a_narrow_terminal_keeps_room_for_words():
    lines = report_text(REPORT, 40).splitlines()
    assert max(map(len, lines)) <= 40 and not lines[-1].startswith(" " * 10)
