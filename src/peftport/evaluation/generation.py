"""Free generation: what the host writes behind a prompt, greedily."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from peftport.evaluation.likelihood import answering
from peftport.prompting.batches import test_order
from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from peftport.prompting.template import normalise_answer


@torch.inference_mode()
def generate_answers(model: nn.Module, data: Encoded, task: Task, batch_size: int) -> list[str]:
    """What the host writes for each example, greedily, normalised; at most as long as the longest label word."""
    write = answering(task.lm_type).write
    answers = [""] * len(data)
    lengths = np.asarray([len(prompt) for prompt in data.prompts])
    for indices in test_order(lengths, batch_size):
        written = write(model, [data.prompts[index] for index in indices], task)
        for index, text in zip(indices, task.tokenizer.batch_decode(written, skip_special_tokens=True), strict=True):
            answers[index] = normalise_answer(text)
    return answers


class Written(NamedTuple):
    """What a host wrote for an example: the text before its end, and whether it came to an end."""

    text: str
    ended: bool


@torch.inference_mode()
def write_texts(
    model: nn.Module, data: Encoded, task: Task, batch_size: int, stop: Sequence[str] = ()
) -> list[Written]:
    """What the host writes for each example, greedily, at most ``task.longest_answer`` tokens with the end.

    Args:
        stop: texts at which an answer ends, beside the end that the host writes itself; those that stand before it
            begins do not count.
    """
    end = task.tokenizer.eos_token_id

    def read(row: list[int]) -> Written:
        ids = row[: row.index(end)] if end in row else row
        text = task.tokenizer.decode(ids, skip_special_tokens=True).lstrip()
        places = [text.find(one) for one in stop if one in text]
        return Written(text[: min(places)] if places else text, end in row or bool(places))

    write, answers = answering(task.lm_type).write, [Written("", False)] * len(data)
    lengths = np.asarray([len(prompt) for prompt in data.prompts])
    for indices in test_order(lengths, batch_size):
        prompts = [data.prompts[index] for index in indices]
        rows = write(model, prompts, task, task.longest_answer, (lambda row: read(row).ended) if stop else None)
        for index, row in zip(indices, rows, strict=True):
            answers[index] = read([int(token) for token in row])
    return answers
