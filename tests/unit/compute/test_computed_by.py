"""What computed a file is said as it is."""

import pytest
import torch

from peftport.compute.computed_by import computed_by
from peftport.compute.device import CPU, GIVEN, take_threads


@pytest.fixture
def gpu(monkeypatch):
    """A machine of one's own with a GPU."""
    for name in (*GIVEN, "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "some GPU")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))


@pytest.mark.parametrize("threads", [1, 2])
def test_on_a_cpu(threads, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    before = torch.get_num_threads()
    take_threads(threads)
    kernels = torch.backends.cpu.get_cpu_capability()
    assert computed_by("float32") == {"device": "cpu", "dtype": "float32", "kernels": kernels, "threads": threads}
    take_threads(before)


def test_on_a_gpu(gpu):
    threads = torch.get_num_threads()
    expected = {"device": "some GPU", "dtype": "bfloat16", "kernels": "sm_90", "threads": threads}
    assert computed_by("bfloat16") == expected


def test_a_job_that_stays_on_the_cpu_says_so_beside_a_gpu(gpu):
    assert computed_by("float32", CPU)["device"] == "cpu"
