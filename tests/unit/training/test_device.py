import os

import pyarrow
import pytest
import torch

from peftport.training.device import job_device, prepare_device


@pytest.mark.parametrize(("given", "used"), [(2, 2), (1, 1), (0, 1)])
def test_a_job_without_a_gpu_has_its_threads_and_says_so(given, used, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("RAYON_NUM_THREADS", "9")
    prepare_device(given)
    assert job_device() == torch.device("cpu")
    assert (torch.get_num_threads(), pyarrow.cpu_count(), os.environ["RAYON_NUM_THREADS"]) == (used, used, str(used))
    assert f"cpu, {used} threads (no GPU visible)" in capsys.readouterr().out


def test_a_job_with_a_gpu_names_it(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "some GPU")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    prepare_device(1)
    assert job_device() == torch.device("cuda")
    assert "some GPU (CUDA_VISIBLE_DEVICES=3)" in capsys.readouterr().out
