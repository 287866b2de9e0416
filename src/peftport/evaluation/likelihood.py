"""Score examples by the likelihood of the label words through the host's own language-model head.

The log-likelihood of a label word is the sum over its tokens (Brown et al., 2020, without length normalisation).
When every word is a single token, one decoder step gives it; otherwise all words of a batch are read in one pass
over a shared encoder output (but for soft prompts, which are part of the text that is read). The end-of-sequence
token is left out, so both ways agree; a host whose tokenizer writes one word as the beginning of another is refused
when its card is made.
"""

import numpy as np
import torch
from peft import PeftModel
from torch import nn

from peftport.data.batches import Encoded, pad, test_order


@torch.inference_mode()
def log_likelihoods(model: nn.Module, data: Encoded, tokens: list[list[int]], batch_size: int) -> np.ndarray:
    """Log-likelihood of every label word for every example, nats, shape (examples, words).

    Args:
        model: the host, with or without a module.
        tokens: token ids of each label word, without special tokens.
    """
    scores = np.zeros((len(data), len(tokens)), np.float64)
    lengths = np.asarray([len(prompt) for prompt in data.prompts])
    read = _single_token if all(len(ids) == 1 for ids in tokens) else _many_tokens
    for indices in test_order(lengths, batch_size):
        prompts = [data.prompts[index] for index in indices]
        ids = torch.from_numpy(pad(prompts, model.config.pad_token_id)).to(model.device)
        mask = torch.from_numpy(pad([np.ones(len(row), np.int64) for row in prompts], 0)).to(model.device)
        scores[indices] = read(model, ids, mask, tokens).double().cpu().numpy()
    return scores


def _single_token(model: nn.Module, ids: torch.Tensor, mask: torch.Tensor, tokens: list[list[int]]) -> torch.Tensor:
    start = ids.new_full((len(ids), 1), model.config.decoder_start_token_id)
    logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=start, use_cache=False).logits[:, 0]
    return logits.float().log_softmax(-1)[:, [row[0] for row in tokens]]


def _many_tokens(model: nn.Module, ids: torch.Tensor, mask: torch.Tensor, tokens: list[list[int]]) -> torch.Tensor:
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
