"""Several modules train together through one frozen host: on GPUs, which one module leaves idle.

Each member has its own order of the data, gradient clipping and optimiser state; what they share is the pass through
the host, in which the rows of all members' batches are one batch (``injection.stacked_modules``). It is padded to
the longest prompt of all. AdamW goes element by element, so torch's own on the stacked parameters is each member's.

A member in company agrees with the member alone to float tolerance, not to the bit: a matrix product of more rows adds
up in another order. The same members together again are equal to the bit on a CPU.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from peft import PeftModel
from torch import Tensor, nn

from peftport.hosts.families.table import family
from peftport.injection.stacked_modules import Stack
from peftport.prompting.batches import IGNORED
from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from peftport.training.loop import Recipe, Report, Training


class FusedTraining(Training):
    """The training of several modules of one technique at once; otherwise as ``Training``.

    Args:
        model: the host with a trainable module of the technique.
        task: makes batches, as a host of this family reads them.
        data: the training split of all members.
        recipe: learning rate and the like, of all members.
        seeds: one per member.
        states: the tensors each member starts from.
        report: called with (step, mean loss) after every step.

    Raises:
        ValueError: modules of this technique cannot share a host, or a member's tensors do not fit.
    """

    def __init__(
        self,
        model: PeftModel,
        task: Task,
        data: Encoded,
        recipe: Recipe,
        seeds: Sequence[int],
        states: Sequence[Mapping[str, np.ndarray]],
        report: Report = lambda step, loss: None,
    ) -> None:
        self._begin(model, task, data, recipe, seeds)
        self.report, self.stack = report, Stack(model, states)
        self._optimise([self.stack.rows])

    @contextmanager
    def only(self, place: int) -> Iterator[nn.Module]:
        with self.stack.only(place) as model:
            yield model

    def release(self) -> None:
        """Take the members out of the host."""
        self.stack.release()

    def _losses(self, batch: dict[str, Tensor]) -> Tensor:
        self.stack.spread()
        labels, inputs = batch["labels"], dict(batch)
        if self.model.config.is_encoder_decoder:  # the loss of all rows together is not wanted
            host = self.model.get_base_model()
            inputs["decoder_input_ids"] = host.prepare_decoder_input_ids_from_labels(inputs.pop("labels"))
        logits = self.model(**inputs, use_cache=False).logits[:, -labels.shape[1] :]
        if family(self.model.config.model_type).lm_type == "causal":  # the next token's
            logits, labels = logits[:, :-1], labels[:, 1:]
        kind = torch.promote_types(logits.dtype, torch.float32)
        each = nn.functional.cross_entropy(
            logits.to(kind).flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none"
        )
        members = len(self.seeds)
        return each.view(members, -1).sum(1) / (labels != IGNORED).view(members, -1).sum(1)

    def _clip(self) -> None:
        gradient = self.stack.rows.grad
        norms = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        gradient.mul_((self.recipe.gradient_clip / (norms + 1e-6)).clamp(max=1.0))
