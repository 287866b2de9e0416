"""Answers of a classification head: the log softmax over its outputs, one for each label."""

import numpy as np
import torch
from torch import Tensor, nn

from peftport.prompting.batches import mask_of, pad
from peftport.prompting.task import Task


def log_likelihoods(model: nn.Module, prompts: list[np.ndarray], task: Task) -> Tensor:
    """Log-probability of every label for each prompt, shape (prompts, labels); equal where the head is not there."""
    ids, mask = (torch.from_numpy(array).to(model.device) for array in (pad(prompts, task.padding()), mask_of(prompts)))
    return model(input_ids=ids, attention_mask=mask).logits.float().log_softmax(-1)


def write(model: nn.Module, prompts: list[np.ndarray], task: Task) -> list[list[int]]:
    """Nothing.

    Raises:
        ValueError: always.
    """
    raise ValueError("a classification head writes nothing; set evaluation.generate to false")
