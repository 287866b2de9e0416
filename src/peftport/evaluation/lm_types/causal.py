"""Answers of a causal language model: the tokens that follow the prompt.

Rows are filled up on the right, so every token keeps the position that it has alone: label words of one token are read
from one pass, longer ones from one pass per word, and a label word is written from one pass per token, each row at its
own end. Transformers' own ``generate`` wants rows filled up on the left; it agrees where positions are told by the
attention mask, but behind a soft prompt of peft's they are not, and a host with absolute positions (GPT-2) then writes
something else for a row that is filled up. So it writes long answers (it reads nothing twice), and none behind a soft
prompt.
"""

import numpy as np
import torch
from peft import PeftModel
from torch import Tensor, nn

from peftport.evaluation.lm_types.greedy import GREEDY, Stop, until
from peftport.prompting.batches import mask_of, pad
from peftport.prompting.task import Task


def log_likelihoods(model: nn.Module, prompts: list[np.ndarray], task: Task) -> Tensor:
    """Log-likelihood of every label word for each prompt, shape (prompts, words)."""
    if all(len(row) == 1 for row in task.tokens):
        return _following(model, prompts, 1, task)[:, 0, [row[0] for row in task.tokens]]
    scores = []
    for row in task.tokens:
        behind = [np.concatenate([prompt, row[:-1]]).astype(np.int64) for prompt in prompts]
        places = torch.as_tensor(row, device=model.device).expand(len(prompts), -1)[..., None]
        scores.append(_following(model, behind, len(row), task).gather(-1, places).sum((1, 2)))
    return torch.stack(scores, 1)


def answer_log_likelihoods(
    model: nn.Module, prompts: list[np.ndarray], answers: list[np.ndarray], task: Task
) -> Tensor:
    """Log-likelihood of an answer for each prompt, without its end, shape (prompts,)."""
    rows = [np.concatenate([prompt, answer[:-1]]) for prompt, answer in zip(prompts, answers, strict=True)]
    targets = torch.from_numpy(pad(answers, -1, left=True)).to(model.device)
    logits = _logits(model, rows, targets.shape[1], task)
    likelihood = logits.gather(-1, targets.clamp(min=0)[..., None])[..., 0] - logits.logsumexp(-1)
    return (likelihood * (targets >= 0)).sum(-1)


def write(
    model: nn.Module, prompts: list[np.ndarray], task: Task, most: int | None = None, stop: Stop | None = None
) -> list[list[int]]:
    """Token ids that the host writes behind the prompt, greedily, up to its end token.

    Args:
        most: tokens that it may write; as many as the longest label word has, and the end, where it is not given.
        stop: says when a row has come to an end before it.
    """
    if most is not None and not (isinstance(model, PeftModel) and model.active_peft_config.is_prompt_learning):
        return _write_with_cache(model, prompts, task, most, stop)
    rows, written = list(prompts), [[] for _ in prompts]
    unfinished = list(range(len(rows)))
    for _ in range(most or max(map(len, task.tokens)) + 1):
        if not unfinished:
            break
        best = _following(model, [rows[at] for at in unfinished], 1, task)[:, 0].argmax(-1).tolist()
        for at, token in zip(unfinished, best, strict=True):
            rows[at] = np.append(rows[at], token)
            written[at].append(token)
        unfinished = [at for at in unfinished if written[at][-1] != task.tokenizer.eos_token_id]
        unfinished = [at for at in unfinished if stop is None or not stop(written[at])]
    return written


def _write_with_cache(
    model: nn.Module, prompts: list[np.ndarray], task: Task, most: int, stop: Stop | None
) -> list[list[int]]:
    """The same by transformers, which reads nothing twice: worth it for answers of many tokens."""
    arrays = pad(prompts, task.padding(), left=True), mask_of(prompts, left=True)
    ids, mask = (torch.from_numpy(array).to(model.device) for array in arrays)
    end = task.tokenizer.eos_token_id
    ends = {"eos_token_id": end, "pad_token_id": end, "stopping_criteria": until(stop, ids.shape[1])}
    written = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=most, **ends, **GREEDY)
    return written[:, ids.shape[1] :].tolist()


def _following(model: nn.Module, rows: list[np.ndarray], last: int, task: Task) -> Tensor:
    """Log-probabilities of what follows each of the last tokens of every row, shape (rows, last, vocabulary)."""
    return _logits(model, rows, last, task).log_softmax(-1)


def _logits(model: nn.Module, rows: list[np.ndarray], last: int, task: Task) -> Tensor:
    """Logits of what follows each of the last tokens of every row, shape (rows, last, vocabulary).

    Places are counted from the end: a soft prompt makes the rows longer at their beginning. Only the logits of places
    that some row needs are computed. What a row has before its first token is that of its first.
    """
    ids, mask = (torch.from_numpy(array).to(model.device) for array in (pad(rows, task.padding()), mask_of(rows)))
    ends = torch.as_tensor([len(row) - ids.shape[1] for row in rows], device=ids.device)
    places = (ends[:, None] + torch.arange(-last, 0, device=ids.device)).clamp(min=-ids.shape[1])
    kept, columns = places.unique(return_inverse=True)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=kept).logits
    return logits[torch.arange(len(rows), device=ids.device)[:, None], columns].float()
