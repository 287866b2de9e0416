"""The measurement of the fork server: both sides in turns, each as it should run, and a page of medians."""

import sys

import pytest

from benchmarks import fork_server
from benchmarks.measured import Cost


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what commands leave behind is waited for on Linux")
def test_a_run_says_whether_it_wants_the_fork_server(monkeypatch, tmp_path):
    script = "import os, sys; print(os.environ['PEFTPORT_FORK_SERVER'], file=open('said', 'w'))"
    monkeypatch.setattr(fork_server, "snakemake", lambda *given: [sys.executable, "-c", script])
    for side, value in fork_server.SIDES.items():
        assert fork_server.run_study(tmp_path / "hosts", tmp_path / side, value, 2).wall > 0
        assert (tmp_path / side / "said").read_text() == f"{value}\n"


def test_the_page_has_both_sides_in_turns_and_their_medians(monkeypatch, tmp_path):
    asked, walls = [], iter([10, 40, 41, 30, 12, 60])

    def run(hosts, folder, value, cores):
        asked.append((folder.name, value))
        wall = next(walls)
        return Cost(wall, 2 * wall)

    monkeypatch.setattr(fork_server, "run_study", run)
    monkeypatch.setattr(fork_server.studies, "save_hosts", lambda folder: None)
    fork_server.main(["--results", str(tmp_path)])
    assert asked == [
        ("with-0", "1"),
        ("without-0", "0"),
        ("without-1", "0"),
        ("with-1", "1"),
        ("with-2", "1"),
        ("without-2", "0"),
    ]
    (page,) = tmp_path.iterdir()
    text = page.read_text()
    assert "| with | median | 12.0 | 24.0 |" in text and "| without | median | 41.0 | 82.0 |" in text
    assert "saves 71% of the wall time" in text
