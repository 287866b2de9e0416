"""Score examples by free generation: the host writes, and what it wrote is compared after normalisation."""

import numpy as np
import torch
from torch import nn

from peftport.data.batches import Encoded, pad, test_order
from peftport.data.prompts import normalise_answer


@torch.inference_mode()
def generate_answers(model: nn.Module, data: Encoded, tokenizer, longest: int, batch_size: int) -> list[str]:
    """What the host writes for each example, greedily, normalised.

    Args:
        longest: at most so many new tokens.
    """
    answers = [""] * len(data)
    lengths = np.asarray([len(prompt) for prompt in data.prompts])
    for indices in test_order(lengths, batch_size):
        prompts = [data.prompts[index] for index in indices]
        ids = torch.from_numpy(pad(prompts, model.config.pad_token_id)).to(model.device)
        mask = torch.from_numpy(pad([np.ones(len(row), np.int64) for row in prompts], 0)).to(model.device)
        written = model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=longest, do_sample=False, num_beams=1
        )
        for index, text in zip(indices, tokenizer.batch_decode(written, skip_special_tokens=True), strict=True):
            answers[index] = normalise_answer(text)
    return answers
