"""Load a host whose projections bitsandbytes quantises on the way; embeddings, norms and output layer are bfloat16.

bitsandbytes is imported by transformers, and only when such a host is loaded.
"""

from pathlib import Path

import torch
from transformers import BitsAndBytesConfig, PreTrainedModel

from peftport.hosts.load import load_model
from peftport.hosts.precision import QUANTISED, lacking

REST = torch.bfloat16  # numbers of what is not quantised


class NotQuantisable(ValueError):
    """A host cannot be quantised in this job, and why."""


def load_quantised(folder: Path, precision: str, device: torch.device) -> PreTrainedModel:
    """The frozen host with its language-model head, quantised on a GPU.

    Args:
        precision: ``int8`` or ``nf4``.

    Raises:
        NotQuantisable: the device is no GPU, or bitsandbytes is not installed.
        FileNotFoundError, ValueError: as ``load_model`` says.
    """
    if (reason := lacking(precision)) is not None:
        raise NotQuantisable(f"{folder}: {reason}")
    if device.type != "cuda":
        raise NotQuantisable(
            f"{folder}: `{precision}` needs a GPU, and this job computes on the CPU; expected `float32` or `bfloat16`"
        )
    config = BitsAndBytesConfig(**QUANTISED[precision])
    return load_model(folder, REST, quantization_config=config, device_map={"": device})
