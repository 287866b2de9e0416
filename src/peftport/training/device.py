"""Which device a job computes on, and with how many threads."""

import os

import pyarrow
import torch


def job_device() -> torch.device:
    """The GPU given to this job (the first that it sees) if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def prepare_device(threads: int) -> None:
    """Take ``threads`` CPU threads, and say in the log on which device the job computes."""
    taken = max(threads, 1)
    torch.set_num_threads(taken)
    pyarrow.set_cpu_count(taken)
    os.environ["RAYON_NUM_THREADS"] = str(taken)  # tokenizers reads it when it tokenises its first batch
    if job_device().type == "cuda":
        print(f"device: {torch.cuda.get_device_name()} (CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES')})")
    else:
        print(f"device: cpu, {torch.get_num_threads()} threads (no GPU visible)")
