"""How many cases the fuzz tests really ran, printed at the end and counted test by test."""

from collections import Counter

import pytest

CASES: Counter = Counter()


@pytest.fixture(scope="session")
def cases():
    """A counter that every case adds one to, by the name of its property."""
    return CASES


def pytest_terminal_summary(terminalreporter):
    if CASES:
        each = ", ".join(f"{name} {number:,}" for name, number in sorted(CASES.items()))
        terminalreporter.write_line(f"fuzz: {CASES.total():,} cases ({each})")
