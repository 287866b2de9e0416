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

from peftport.prompting.batches import mask_of, pad
from peftport.prompting.lm_types.encoder_decoder import opening
from peftport.prompting.task import Task

# settings of a host's own generation_config that would change what is likeliest, at the values that change nothing
GREEDY = {"do_sample": False, "num_beams": 1, "min_length": 0, "no_repeat_ngram_size": 0, "repetition_penalty": 1.0}
GREEDY |= {"encoder_no_repeat_ngram_size": 0, "encoder_repetition_penalty": 1.0}
GREEDY |= dict.fromkeys(
    (
        *("forced_bos_token_id", "forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens", "bad_words_ids"),
        *("min_new_tokens", "exponential_decay_length_penalty", "sequence_bias"),
    )
)


def log_likelihoods(model: nn.Module, prompts: list[np.ndarray], task: Task) -> Tensor:
    """Log-likelihood of every label word for each prompt, shape (prompts, words)."""
    ids, mask = _text(model, prompts, task)
    read = _single_token if all(len(row) == 1 for row in task.tokens) else _many_tokens
    return read(model, ids, mask, _begun(model, task), task.tokens)


def write(model: nn.Module, prompts: list[np.ndarray], task: Task) -> Tensor:
    """Token ids that the host writes, greedily."""
    ids, mask = _text(model, prompts, task)
    longest, begun = max(map(len, task.tokens)) + 1, _begun(model, task)
    start = {"decoder_input_ids": ids.new_tensor(begun).repeat(len(ids), 1)}
    written = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=longest, **start, **GREEDY)
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
