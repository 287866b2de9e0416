"""Answers of a masked language model: what stands at the mask positions of its cloze, all read in one pass.

A word of n tokens is read at the first n masks (Schick and Schütze, 2021; see ``peftport.prompting.lm_types.masked``).
"""

import numpy as np
import torch
from torch import Tensor, nn

from peftport.prompting.batches import mask_of, pad
from peftport.prompting.task import Task


def log_likelihoods(model: nn.Module, prompts: list[np.ndarray], task: Task) -> Tensor:
    """Log-likelihood of every label word for each prompt, shape (prompts, words)."""
    found = _at_masks(model, prompts, task).float().log_softmax(-1)
    words = [found[:, range(len(row)), row].sum(1) for row in task.tokens]
    return torch.stack(words, 1)


def write(model: nn.Module, prompts: list[np.ndarray], task: Task) -> list[list[int]]:
    """The likeliest token at each mask, up to the first separator."""
    filled = _at_masks(model, prompts, task).argmax(-1).tolist()
    end = task.tokenizer.sep_token_id
    return [row[: row.index(end)] if end in row else row for row in filled]


def _at_masks(model: nn.Module, prompts: list[np.ndarray], task: Task) -> Tensor:
    """Logits at the masks, shape (prompts, masks, vocabulary)."""
    ids, mask = (torch.from_numpy(array).to(model.device) for array in (pad(prompts, task.padding()), mask_of(prompts)))
    logits = model(input_ids=ids, attention_mask=mask).logits
    return logits[ids == task.tokenizer.mask_token_id].view(len(prompts), -1, logits.shape[-1])
