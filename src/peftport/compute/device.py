"""Which device a job computes on, and with how many threads."""

import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow
import torch
from transformers import PreTrainedModel

from peftport.hosts.classification_head import load_with_head
from peftport.hosts.precision import QUANTISED
from peftport.hosts.quantised import load_quantised

# what SLURM sets for a job that it gave GPUs; with none of them a job was given none, whatever its node has
GIVEN = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS")
CPU = torch.device("cpu")


class NoGPUError(ValueError):
    """A job that asked for a GPU sees none, and the CPU is not allowed instead."""


def gpu_given() -> bool:
    """Whether this job may use a GPU that it sees: outside of SLURM always, in a SLURM job if it was given one."""
    return "SLURM_JOB_ID" not in os.environ or any(os.environ.get(name) for name in GIVEN)


def job_device() -> torch.device:
    """The GPU given to this job (the first that it sees) if there is one, else the CPU."""
    return torch.device("cuda" if gpu_given() and torch.cuda.is_available() else "cpu")


def take_threads(threads: int) -> None:
    """Take so many CPU threads, one at least, in all libraries that a job computes with."""
    taken = max(threads, 1)
    torch.set_num_threads(taken)
    pyarrow.set_cpu_count(taken)
    os.environ["RAYON_NUM_THREADS"] = str(taken)  # tokenizers reads it when it tokenises its first batch


def prepare_device(threads: int, resources: Mapping[str, int]) -> None:
    """Take ``threads`` CPU threads, and say in the log on which device the job computes.

    Args:
        threads: CPU threads of the job.
        resources: what a profile asked for on behalf of the job: ``gpu``, not 0 for a GPU or a share of one, and
            ``cpu_instead``, not 0 where the CPU will do if none is seen.

    Raises:
        NoGPUError: the job asked for a GPU and sees none.
    """
    take_threads(threads)
    asked, visible = resources.get("gpu", 0), os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
    if job_device().type == "cuda":
        print(f"device: {torch.cuda.get_device_name()} (CUDA_VISIBLE_DEVICES={visible})")
        return
    seen = f"CUDA_VISIBLE_DEVICES={visible}, torch {torch.__version__}"
    if asked and not resources.get("cpu_instead", 0):
        raise NoGPUError(
            f"this job asked for a GPU and sees none ({seen}) on node {os.uname().nodename}. Has the machine, or its "
            "partition, GPUs, and is this torch built for them? To let it compute on the CPU, give its rule the "
            "resource cpu_instead=1."
        )
    reason = f"the GPU it asked for is not there: {seen}" if asked else "no GPU visible"
    print(f"device: cpu, {torch.get_num_threads()} threads ({reason})")


def load_host(folder: Path, precision: str, labels: int | None = None) -> PreTrainedModel:
    """A frozen host on the job's device; modules in it are in float32.

    Args:
        precision: numbers of its weights: ``float32``, ``bfloat16``, ``int8`` or ``nf4``.
        labels: outputs of its classification head; None for its language-model head. A host with a classification head
            is not quantised: a study refuses that.

    Raises:
        NotQuantisable: ``int8`` or ``nf4`` without a GPU or without bitsandbytes.
    """
    if precision in QUANTISED:
        return load_quantised(folder, precision, job_device())
    return load_with_head(folder, labels, getattr(torch, precision)).to(job_device())
