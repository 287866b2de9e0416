"""Score examples by the likelihood of the label words through the host's own language-model head.

The log-likelihood of a label word is the sum over its tokens (Brown et al., 2020, without length normalisation). The
end of the answer is left out; a host whose tokenizer writes one word as the beginning of another is refused when its
card is made. Where the tokens stand, and in how many passes they are read, is the reading's: the module of its name
in this room.
"""

import importlib
from types import ModuleType

import numpy as np
import torch
from torch import nn

from peftport.prompting.batches import test_order
from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task


def answering(name: str) -> ModuleType:
    """The module that scores and writes answers in a reading; only that one is imported."""
    return importlib.import_module(f"peftport.evaluation.lm_types.{name}")


@torch.inference_mode()
def log_likelihoods(model: nn.Module, data: Encoded, task: Task, batch_size: int) -> np.ndarray:
    """Log-likelihood of every label word for every example, nats, shape (examples, words).

    Args:
        model: the host, with or without a module.
    """
    score = answering(task.lm_type).log_likelihoods
    scores = np.zeros((len(data), len(task.tokens)), np.float64)
    lengths = np.asarray([len(prompt) for prompt in data.prompts])
    for indices in test_order(lengths, batch_size):
        scores[indices] = score(model, [data.prompts[index] for index in indices], task).double().cpu().numpy()
    return scores


@torch.inference_mode()
def answer_log_likelihoods(
    model: nn.Module, data: Encoded, task: Task, batch_size: int, right_only: bool = False
) -> list[np.ndarray]:
    """Log-likelihood of the answers of every example, where they are its own, nats; one array (answers,) for each.

    Args:
        model: the host, with or without a module.
        batch_size: prompts with an answer that are read at a time.
        right_only: only of the right answer, the first of several.
    """
    score = answering(task.lm_type).answer_log_likelihoods
    taken = [
        [own.tokens[label]] if right_only else own.tokens
        for own, label in zip(data.answers or [], data.labels, strict=True)
    ]
    pairs = [(prompt, ids) for prompt, answers in zip(data.prompts, taken, strict=True) for ids in answers]
    scores = np.zeros(len(pairs), np.float64)
    for indices in test_order(np.asarray([len(prompt) + len(ids) for prompt, ids in pairs]), batch_size):
        prompts, answers = zip(*(pairs[index] for index in indices), strict=True)
        scores[indices] = score(model, list(prompts), list(answers), task).double().cpu().numpy()
    return np.split(scores, np.cumsum([len(answers) for answers in taken])[:-1])
