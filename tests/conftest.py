"""``pytest --minutes N``: tests that would begin later than so many minutes from now are left out, and said to be."""

import time

import pytest


def pytest_addoption(parser):
    parser.addoption("--minutes", type=float, help="begin no test later than this, counted from now")


def pytest_configure(config):
    minutes = config.getoption("--minutes")
    config.last_begin = None if minutes is None else time.monotonic() + 60 * minutes


def pytest_runtest_setup(item):
    last = item.config.last_begin
    if last is not None and time.monotonic() > last:
        pytest.skip("no time left for it (--minutes)")
