import os

import pyarrow
import pytest
import torch

from peftport.compute.device import GIVEN, NoGPUError, job_device, prepare_device


@pytest.fixture
def node(monkeypatch):
    """Sets what the node has and what SLURM says; else the job runs outside of SLURM."""
    for name in (*GIVEN, "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)

    def setting(gpu, **environment):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "some GPU")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

    return setting


@pytest.mark.parametrize(("given", "used"), [(2, 2), (1, 1), (0, 1)])
def test_a_job_without_a_gpu_has_its_threads_and_says_so(given, used, node, monkeypatch, capsys):
    node(gpu=False)
    monkeypatch.setenv("RAYON_NUM_THREADS", "9")
    prepare_device(given, {})
    assert job_device() == torch.device("cpu")
    assert (torch.get_num_threads(), pyarrow.cpu_count(), os.environ["RAYON_NUM_THREADS"]) == (used, used, str(used))
    assert f"cpu, {used} threads (no GPU visible)" in capsys.readouterr().out


def test_a_job_with_a_gpu_names_it(node, capsys):
    node(gpu=True, CUDA_VISIBLE_DEVICES="3")
    prepare_device(1, {"gpu": 1})
    assert job_device() == torch.device("cuda")
    assert "some GPU (CUDA_VISIBLE_DEVICES=3)" in capsys.readouterr().out


def test_a_gpu_that_was_asked_for_and_is_not_there_is_an_error(node):
    node(gpu=False, CUDA_VISIBLE_DEVICES="0")
    with pytest.raises(NoGPUError, match=r"asked for a GPU and sees none .*CUDA_VISIBLE_DEVICES=0.*cpu_instead=1"):
        prepare_device(1, {"gpu": 1})


def test_unless_the_cpu_is_allowed_instead(node, capsys):
    node(gpu=False)
    prepare_device(1, {"gpu": 1, "cpu_instead": 1})
    assert "cpu, 1 threads (the GPU it asked for is not there" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "device"),
    [
        ({}, "cuda"),  # a machine of one's own
        ({"SLURM_JOB_ID": "7"}, "cpu"),  # the node's GPUs are other jobs'
        ({"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": ""}, "cpu"),
        ({"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "1"}, "cuda"),
        ({"SLURM_JOB_ID": "7", "SLURM_STEP_GPUS": "0"}, "cuda"),
    ],
    ids=["no SLURM", "none given", "none given, said so", "one given", "one given, told by the step"],
)
def test_in_a_slurm_job_only_a_given_gpu_is_used(environment, device, node):
    node(gpu=True, **environment)
    assert job_device() == torch.device(device)
