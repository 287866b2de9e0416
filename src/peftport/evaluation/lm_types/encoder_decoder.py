"""Answers of an encoder-decoder: what its decoder writes.

When every label word is a single token, one decoder step scores them all; otherwise all words of a batch are read in
one pass over a shared encoder output (but for soft prompts, which are part of the text that is read).
"""

import numpy as np
import torch
from peft import PeftModel
from torch import Tensor, nn

from peftport.prompting.batches import mask_of, pad
from peftport.prompting.task import Task


def log_likelihoods(model: nn.Module, prompts: list[np.ndarray], task: Task) -> Tensor:
    """Log-likelihood of every label word for each prompt, shape (prompts, words)."""
    ids, mask = _text(model, prompts, task)
    read = _single_token if all(len(row) == 1 for row in task.tokens) else _many_tokens
    return read(model, ids, mask, task.tokens)


def write(model: nn.Module, prompts: list[np.ndarray], task: Task) -> Tensor:
    """Token ids that the host writes, greedily."""
    ids, mask = _text(model, prompts, task)
    longest = max(map(len, task.tokens)) + 1
    return model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=longest, do_sample=False, num_beams=1)


def _text(model: nn.Module, prompts: list[np.ndarray], task: Task) -> tuple[Tensor, Tensor]:
    arrays = pad(prompts, task.padding()), mask_of(prompts)
    return tuple(torch.from_numpy(array).to(model.device) for array in arrays)


def _single_token(model: nn.Module, ids: Tensor, mask: Tensor, tokens: list[list[int]]) -> Tensor:
    start = ids.new_full((len(ids), 1), model.config.decoder_start_token_id)
    logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=start, use_cache=False).logits[:, 0]
    return logits.float().log_softmax(-1)[:, [row[0] for row in tokens]]


def _many_tokens(model: nn.Module, ids: Tensor, mask: Tensor, tokens: list[list[int]]) -> Tensor:
    words = len(tokens)
    targets = torch.from_numpy(pad([np.asarray(row) for row in tokens], -1)).to(ids.device)
    targets = targets.repeat(len(ids), 1)
    inputs = torch.cat([targets.new_full((len(targets), 1), model.config.decoder_start_token_id), targets[:, :-1]], 1)
    if isinstance(model, PeftModel) and model.active_peft_config.is_prompt_learning:
        # peft puts the prompt before the text only where it is given the text itself
        text = {"input_ids": ids.repeat_interleave(words, 0)}
    else:
        encoder = model.get_encoder()(input_ids=ids, attention_mask=mask)
        encoder.last_hidden_state = encoder.last_hidden_state.repeat_interleave(words, 0)
        text = {"encoder_outputs": encoder}
    logits = model(
        **text,
        attention_mask=mask.repeat_interleave(words, 0),
        decoder_input_ids=inputs.clamp(min=0),
        use_cache=False,
    ).logits
    likelihood = logits.float().log_softmax(-1).gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    return (likelihood * (targets >= 0)).sum(-1).view(len(ids), words)
