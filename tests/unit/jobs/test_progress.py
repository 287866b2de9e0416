"""Progress lines: not too many, steps, loss and time left, always a last one; a bar only in a terminal."""

import sys

import pytest

from peftport.jobs import progress
from peftport.jobs.progress import SECONDS_BETWEEN_LINES, Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_a_line_every_ten_seconds_and_one_at_the_end(clock, capsys):
    report = Progress("lora in raw, seed 0", 40)
    for step in range(1, 41):
        clock.now += 1.0
        report(step, 2.5 / step)
    assert SECONDS_BETWEEN_LINES == 10
    assert lines(capsys) == [
        "lora in raw, seed 0: step 10/40, loss 0.2500, 30 s left",
        "lora in raw, seed 0: step 20/40, loss 0.1250, 20 s left",
        "lora in raw, seed 0: step 30/40, loss 0.0833, 10 s left",
        "lora in raw, seed 0: step 40/40, loss 0.0625, 0 s left",
    ]


def test_a_short_training_says_one_line(clock, capsys):
    report = Progress("short", 3)
    for step in (1, 2, 3):
        report(step, 1.0)
    assert lines(capsys) == ["short: step 3/3, loss 1.0000, 0 s left"]


def test_time_left_is_at_the_pace_so_far(clock, capsys):
    report = Progress("slow", 100)
    clock.now += 50
    report(20, 1.0)
    assert lines(capsys) == ["slow: step 20/100, loss 1.0000, 200 s left"]


class Stream:
    """A terminal, or a file."""

    def __init__(self, terminal):
        self.terminal, self.written, self.encoding = terminal, [], "utf-8"

    def isatty(self):
        return self.terminal

    def write(self, text):
        self.written.append(text)

    def flush(self):
        pass


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_in_a_terminal_only(terminal, monkeypatch, capsys):
    stream = Stream(terminal)
    monkeypatch.setattr(sys, "__stderr__", stream)
    report = Progress("with a bar", 2)
    for step in (1, 2):
        report(step, 0.125)
    assert ("with a bar" in "".join(stream.written)) == terminal
    assert "with a bar" not in capsys.readouterr().err
    assert report.bar.disable  # closed, or never open


def test_a_process_without_a_stderr(monkeypatch, capsys):
    monkeypatch.setattr(sys, "__stderr__", None)
    Progress("alone", 1)(1, 1.0)
    assert len(lines(capsys)) == 1
