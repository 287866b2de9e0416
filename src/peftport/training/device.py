"""Which device a job computes on, and with how many threads."""

import os
from pathlib import Path

import torch
from transformers import PreTrainedModel

from peftport.hosts.load import load_model


def job_device() -> torch.device:
    """The GPU given to this job (the first that it sees) if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def prepare_device(threads: int) -> None:
    """Take ``threads`` CPU threads, and say in the log on which device the job computes."""
    torch.set_num_threads(max(threads, 1))
    if job_device().type == "cuda":
        print(f"device: {torch.cuda.get_device_name()} (CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES')})")
    else:
        print(f"device: cpu, {torch.get_num_threads()} threads (no GPU visible)")


def load_host(folder: Path, precision: str) -> PreTrainedModel:
    """A frozen host on the job's device, its weights in ``float32`` or ``bfloat16``; modules in it are in float32."""
    return load_model(folder, getattr(torch, precision)).to(job_device())
