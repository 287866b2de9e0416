"""Which processes live, by id and beginning."""

import os
import subprocess
import sys

import pytest

from peftport.storage import processes
from peftport.storage.processes import alive, beginning_of, host_name


def test_a_process_lives_until_it_has_ended():
    process = subprocess.Popen(["sleep", "60"])
    assert alive(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    if sys.platform.startswith("linux"):
        assert not alive(process.pid)  # nobody has asked for its outcome yet
    process.wait()
    assert not alive(process.pid)
    assert not alive(2**62)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says when a process began")
def test_an_id_that_was_given_again_is_another_process():
    assert alive(os.getpid(), beginning_of(os.getpid()))
    assert not alive(os.getpid(), "1")


@pytest.mark.parametrize(("name", "said"), [("a.b/c d", "a-b-c-d"), ("", "unknown"), ("n" * 300, "n" * 40)])
def test_a_host_name_can_stand_in_the_name_of_a_file(monkeypatch, name, said):
    monkeypatch.setattr(processes.platform, "node", lambda: name)
    assert host_name() == said
