"""Greedy writing by transformers' ``generate``, whatever a host's own settings are, with texts at which it stops."""

from collections.abc import Callable

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

Stop = Callable[[list[int]], bool]  # whether what is written so far, as token ids, has come to an end

# settings of a host's own generation_config that would change what is likeliest, at the values that change nothing
GREEDY = {"do_sample": False, "num_beams": 1, "min_length": 0, "no_repeat_ngram_size": 0, "repetition_penalty": 1.0}
GREEDY |= {"encoder_no_repeat_ngram_size": 0, "encoder_repetition_penalty": 1.0}
GREEDY |= dict.fromkeys(
    (
        *("forced_bos_token_id", "forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens", "bad_words_ids"),
        *("min_new_tokens", "exponential_decay_length_penalty", "sequence_bias"),
    )
)


class StoppedRows(StoppingCriteria):
    """Which rows have come to an end.

    Args:
        stop: looks at what a row has written.
        begun: tokens of a row that were there before.
    """

    def __init__(self, stop: Stop, begun: int) -> None:
        self.stop, self.begun = stop, begun

    def __call__(self, input_ids: torch.Tensor, scores: object, **kwargs: object) -> torch.Tensor:
        """One truth value for each row."""
        ended = [self.stop(row) for row in input_ids[:, self.begun :].tolist()]
        return torch.as_tensor(ended, dtype=torch.bool, device=input_ids.device)


def until(stop: Stop | None, begun: int) -> StoppingCriteriaList | None:
    """The argument ``stopping_criteria`` of ``generate``."""
    return None if stop is None else StoppingCriteriaList([StoppedRows(stop, begun)])
