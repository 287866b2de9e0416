"""A limit of the address space that is too low is named before torch is imported."""

import resource
import subprocess
import sys

import pytest

from peftport.jobs import address_space
from peftport.jobs.address_space import GIB, too_little_address_space


@pytest.mark.parametrize(("limit", "little"), [(resource.RLIM_INFINITY, False), (GIB, True), (8 * GIB, False)])
def test_only_a_low_limit_is_named(monkeypatch, limit, little):
    monkeypatch.setattr(address_space.resource, "getrlimit", lambda kind: (limit, resource.RLIM_INFINITY))
    assert bool(too_little_address_space()) == little


def test_a_job_with_a_host_ends_with_the_cause_and_what_helps(tmp_path):
    code = (
        "from peftport.jobs.fork_client import run_in_fork_server\nrun_in_fork_server()\nraise ImportError('torch')\n"
    )
    limit = f'ulimit -v {GIB // 1024} && exec {sys.executable} -c "{code}"'
    done = subprocess.run(["bash", "-c", limit], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the address space of a process is limited to 1.0 GiB (ulimit -v)")
    assert "Raise the limit" in line
