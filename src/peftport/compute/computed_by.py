"""What computes in this process, as it stands in provenance and beside scores: rounding depends on it."""

import torch

from peftport.compute.device import job_device


def computed_by(precision: str, device: torch.device | None = None) -> dict[str, str | int]:
    """Say what computes.

    Args:
        precision: number type of the host's weights, for example ``float32``.
        device: where the job computes; the job's device if it is not given.

    Returns:
        ``device``: ``cpu``, or the name of the GPU. ``dtype``: the precision. ``kernels``: the instructions for which
        torch chooses its kernels, for example ``AVX2``; of a GPU its compute capability, for example ``sm_90``.
        ``threads``: CPU threads of torch.
    """
    facts = {"device": "cpu", "dtype": precision, "kernels": torch.backends.cpu.get_cpu_capability()}
    if (device or job_device()).type == "cuda":
        major, minor = torch.cuda.get_device_capability()
        facts |= {"device": torch.cuda.get_device_name(), "kernels": f"sm_{major}{minor}"}
    return facts | {"threads": torch.get_num_threads()}
