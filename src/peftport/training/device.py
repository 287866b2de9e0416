"""Which device a job computes on, and with how many threads."""

import os

import torch


def prepare_device(threads: int) -> torch.device:
    """The GPU given to this job if there is one, else the CPU with ``threads`` threads; says so in the log."""
    torch.set_num_threads(max(threads, 1))
    if torch.cuda.is_available():
        device = torch.device("cuda")
        print(f"device: {torch.cuda.get_device_name()} (CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES')})")
        return device
    print(f"device: cpu, {torch.get_num_threads()} threads (no GPU visible)")
    return torch.device("cpu")
