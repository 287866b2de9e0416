"""Answers of an encoder-decoder: what its decoder writes.

When every label word is a single token, one decoder step scores them all; otherwise all words of a batch are read in
one pass over a shared encoder output (but for soft prompts, which are part of the text that is read).

The decoder is given its start token and what the tokenizer puts before every text (BART's ``<s>``), and what it writes
behind these is read.
"""

import numpy as np
import torch
from peft import PeftModel
from torch import Tensor, nn

from peftport.evaluation.lm_types.greedy import GREEDY, Stop, until
from peftport.prompting.batches import mask_of, pad
from peftport.prompting.lm_types.encoder_decoder import opening
from peftport.prompting.task import Task


def log_likelihoods(model: nn.Module, prompts: list[np.ndarray], task: Task) -> Tensor:
    """Log-likelihood of every label word for each prompt, shape (prompts, words)."""
    ids, mask = _text(model, prompts, task)
    read = _single_token if all(len(row) == 1 for row in task.tokens) else _many_tokens
    return read(model, ids, mask, _begun(model, task), task.tokens)


def answer_log_likelihoods(
    model: nn.Module, prompts: list[np.ndarray], answers: list[np.ndarray], task: Task
) -> Tensor:
    """Log-likelihood of an answer for each prompt, without its end, shape (prompts,)."""
    ids, mask = _text(model, prompts, task)
    begun = _begun(model, task)
    targets = torch.from_numpy(pad(answers, -1)).to(ids.device)
    inputs = torch.cat([targets.new_tensor(begun).repeat(len(targets), 1), targets[:, :-1].clamp(min=0)], 1)
    read = model(input_ids=ids, attention_mask=mask, decoder_input_ids=inputs, use_cache=False)
    logits = read.logits[:, len(begun) - 1 :].float()
    likelihood = logits.gather(-1, targets.clamp(min=0)[..., None])[..., 0] - logits.logsumexp(-1)
    return (likelihood * (targets >= 0)).sum(-1)


def write(
    model: nn.Module, prompts: list[np.ndarray], task: Task, most: int | None = None, stop: Stop | None = None
) -> Tensor:
    """Token ids that the host writes, greedily.

    Args:
        most: tokens that it may write; as many as the longest label word has, and the end, where it is not given.
        stop: says when a row has come to an end before it.
    """
    ids, mask = _text(model, prompts, task)
    longest, begun = most or max(map(len, task.tokens)) + 1, _begun(model, task)
    start = {"decoder_input_ids": ids.new_tensor(begun).repeat(len(ids), 1)}
    ends = {"stopping_criteria": until(stop, len(begun))}
    written = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=longest, **start, **ends, **GREEDY)
    return written[:, len(begun) :]


def _begun(model: nn.Module, task: Task) -> list[int]:
    """What a decoder has read before it writes a label word."""
    return [model.config.decoder_start_token_id, *opening(task)]


def _text(model: nn.Module, prompts: list[np.ndarray], task: Task) -> tuple[Tensor, Tensor]:
    arrays = pad(prompts, task.padding()), mask_of(prompts)
    return tuple(torch.from_numpy(array).to(model.device) for array in arrays)


def _single_token(model: nn.Module, ids: Tensor, mask: Tensor, begun: list[int], tokens: list[list[int]]) -> Tensor:
    start = ids.new_tensor(begun).repeat(len(ids), 1)
    logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=start, use_cache=False).logits[:, -1]
    return logits.float().log_softmax(-1)[:, [row[0] for row in tokens]]


def _many_tokens(model: nn.Module, ids: Tensor, mask: Tensor, begun: list[int], tokens: list[list[int]]) -> Tensor:
    words = len(tokens)
    targets = torch.from_numpy(pad([np.asarray(row) for row in tokens], -1)).to(ids.device)
    targets = targets.repeat(len(ids), 1)
    inputs = torch.cat([targets.new_tensor(begun).repeat(len(targets), 1), targets[:, :-1]], 1)
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
    ).logits[:, len(begun) - 1 :]
    likelihood = logits.float().log_softmax(-1).gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    return (likelihood * (targets >= 0)).sum(-1).view(len(ids), words)
