"""A loaded host that reads texts, and what it computes in its spaces while it does; loads torch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from peftport.maps import alignment
from peftport.maps.moments_taps import tap
from peftport.maps.pair import End
from peftport.maps.spaces import EMBEDDING, Place
from peftport.prompting.batches import mask_of, pad

LONGEST = 128  # tokens of a text that are read
STACKS = ("encoder", "decoder")

Key = tuple[str, Place]  # name of a space and its place in one host


@dataclass(frozen=True)
class Reader:
    """A loaded host of a pair, in evaluation mode.

    Attributes:
        end: its card and files.
        model: the host, in float32.
        tokenizer: its tokenizer, which must say where in a text its tokens stand.
    """

    end: End
    model: PreTrainedModel
    tokenizer: Any

    @property
    def stacks(self) -> list[str]:
        """The stacks that it has."""
        return [stack for stack in STACKS if self.end.layers(stack)]

    def argument(self, stack: str) -> str:
        """The host's argument with the tokens that a stack reads."""
        return "input_ids" if stack == self.stacks[0] else "decoder_input_ids"

    def read(self, texts: Sequence[str]) -> tuple[dict[str, Tensor], dict[str, list[list[alignment.Place]]]]:
        """The host's arguments for texts; and by stack, for each text, where the tokens that it reads stand."""
        longest = min(LONGEST, self.end.card.get("positions") or LONGEST)
        found = self.tokenizer(
            list(texts), truncation=True, max_length=longest, return_offsets_mapping=True, split_special_tokens=True
        )
        ids, offsets = found["input_ids"], [list(map(tuple, places)) for places in found["offset_mapping"]]
        inputs, places = self._filled(ids, ""), {self.stacks[0]: offsets}
        if len(self.stacks) > 1:
            halves = [(len(row) + 1) // 2 for row in ids]
            start = self.model.config.decoder_start_token_id
            inputs |= self._filled([[start, *row[:half]] for row, half in zip(ids, halves, strict=True)], "decoder_")
            places["decoder"] = [[(0, 0), *row[:half]] for row, half in zip(offsets, halves, strict=True)]
        return inputs, places

    def _filled(self, rows: list[list[int]], prefix: str) -> dict[str, Tensor]:
        arrays = [np.asarray(row, np.int64) for row in rows]
        filling = self.model.config.pad_token_id or 0  # the mask hides it
        both = {f"{prefix}input_ids": pad(arrays, filling), f"{prefix}attention_mask": mask_of(arrays)}
        return {name: torch.from_numpy(array).to(self.model.device) for name, array in both.items()}

    @torch.no_grad()
    def states(self, inputs: dict[str, Tensor], keys: Iterable[Key]) -> dict[Key, Tensor]:
        """What the host computes in spaces, (texts * positions, size) each."""
        heard: dict[Key, Tensor] = {}
        hooks = []
        for key in keys:
            if key[0] == EMBEDDING:
                ids = inputs[self.argument(key[1].stack)]
                heard[key] = self.model.get_input_embeddings()(ids).double().flatten(0, -2)
                continue
            place = tap(self.end, self.model, *key)
            hooks.append(place.listen(lambda state, key=key: heard.update({key: state.flatten(0, -2)})))
        try:
            cache = {"use_cache": False} if "decoder" in self.stacks else {}
            self.model.base_model(**inputs, **cache)
        finally:
            for hook in hooks:
                hook.remove()
        return heard
