"""Load a host by the name of a bundled one, or from a folder: the first step at a Python prompt."""

from pathlib import Path

import torch
from transformers import PreTrainedModel

from peftport.hosts.classification_head import load_with_head
from peftport.hosts.locate import bundled_folder, bundled_names
from peftport.registry import unknown_name


def load_host(host: str | Path, dtype: torch.dtype = torch.float32, labels: int | None = None) -> PreTrainedModel:
    """A frozen host, in inference mode (no dropout), on the CPU.

    Args:
        host: the name of a host that ships with the package (``"reviews-raw"``), or a folder in the Hugging Face
            format: config.json, safetensors, tokenizer files. A name wins over a folder of the same name; a ``Path``
            is always a folder.
        dtype: number format of the parameters.
        labels: outputs of a classification head, which an encoder then has in the place of its language-model head;
            all zero, until a module brings its own.

    Raises:
        FileNotFoundError: neither a bundled host nor a folder, or the folder holds no safetensors.
        ValueError: its config.json is not one of a known family of hosts, or the weights do not fit it.
    """
    if isinstance(host, str) and host in bundled_names():
        return load_with_head(bundled_folder(host), labels, dtype)
    if not Path(host).is_dir():
        names = unknown_name("bundled host", host, bundled_names())
        raise FileNotFoundError(f"{host} is no folder, and there is {names}")
    return load_with_head(Path(host), labels, dtype)
