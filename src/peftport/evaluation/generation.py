"""Score examples by free generation: the host writes, and what it wrote is compared after normalisation."""

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
