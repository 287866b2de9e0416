"""The loop that trains one module in one frozen host.

AdamW (Loshchilov & Hutter, 2019), linear warm-up and then a constant learning rate: with no decay towards an end,
the state after *b* steps of a longer training is exactly the state of a training of *b* steps. That is what makes
the budgets of a cell nested.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from peftport.data.batches import IGNORED, Encoded, training_order
from peftport.seeds import derive, generator
from peftport.techniques.members import has_dropout
from peftport.training.task import Task

KEEP_EVERY = 10
Report = Callable[[int, float], None]


@dataclass(frozen=True)
class Recipe:
    """How a module is trained.

    Attributes:
        learning_rate: after warm-up.
        warmup_steps: steps of linear warm-up from 0.
        batch_size: examples per step.
        weight_decay: AdamW's decoupled decay.
        gradient_clip: largest Euclidean norm of the gradient.
    """

    learning_rate: float
    warmup_steps: int
    batch_size: int
    weight_decay: float
    gradient_clip: float

    @classmethod
    def from_config(cls, training: dict[str, Any], technique: dict[str, Any]) -> "Recipe":
        """The study's training section with the technique's own learning rate."""
        names = ("warmup_steps", "batch_size", "weight_decay", "gradient_clip")
        return cls(technique["learning_rate"], **{name: training[name] for name in names})

    def rate(self, step: int) -> float:
        """The learning rate of the step with this number, counted from 1."""
        return self.learning_rate * min(1.0, step / max(self.warmup_steps, 1))


def train_module_only(model: nn.Module) -> None:
    """Switch the module to training (its dropout is on) and the host around it to inference (its dropout is off)."""
    model.eval()
    for layer in model.modules():
        if isinstance(layer, BaseTunerLayer):
            layer.train()
            layer.get_base_layer().eval()


class Training:
    """The training of one module; ``advance`` takes it to a number of steps, from where it can be taken further.

    Args:
        model: the host with its module; only the module's parameters require gradients.
        task: makes batches, as a host of this family reads them.
        data: the training split.
        recipe: learning rate and the like.
        seed: decides the order of the data, and what a module's dropout hides.
        report: called with (step, loss) after every step.

    Attributes:
        seeds: of the members, the modules that train together: here of the only one.
        failed: members whose loss was no finite number, by their place in ``seeds``, and the step of it.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        data: Encoded,
        recipe: Recipe,
        seed: int,
        report: Report = lambda step, loss: None,
    ) -> None:
        self._begin(model, task, data, recipe, [seed])
        self.report = report
        self.dropout = has_dropout(model)
        self._optimise([tensor for tensor in model.parameters() if tensor.requires_grad])

    def _begin(self, model: nn.Module, task: Task, data: Encoded, recipe: Recipe, seeds: Sequence[int]) -> None:
        self.model, self.task, self.data, self.recipe, self.seeds = model, task, data, recipe, list(seeds)
        lengths = np.asarray([len(prompt) for prompt in data.prompts])
        self.orders = [
            training_order(lengths, recipe.batch_size, generator(seed, "order", "train")) for seed in self.seeds
        ]
        self.failed: dict[int, int] = {}
        self.step, self.began = 0, time.monotonic()
        self.rows: list[dict[str, Any]] = []

    def _optimise(self, parameters: list[nn.Parameter]) -> None:
        self.parameters = parameters
        self.optimiser = torch.optim.AdamW(
            parameters, lr=self.recipe.learning_rate, weight_decay=self.recipe.weight_decay, fused=True
        )

    def advance(self, steps: int) -> None:
        """Train until ``steps`` optimiser steps have been taken in all.

        Raises:
            FloatingPointError: no member has a finite loss any more; seed and step of the first are named.
        """
        train_module_only(self.model)
        try:
            while self.step < steps:
                stop = min(steps, self.step - self.step % KEEP_EVERY + KEEP_EVERY if self.step else 1)
                # read in one go, because reading a loss makes a GPU wait
                losses = [self._take_step() for _ in range(stop - self.step)]
                self._keep(torch.stack(losses).double().cpu().numpy())
        finally:
            self.model.eval()

    def validate(self, data: Encoded, batch_size: int = 128) -> float:
        """Mean cross-entropy per label token on ``data``; noted in the curve."""
        return self.validate_members(data, batch_size)[0]

    def validate_members(self, data: Encoded, batch_size: int = 128) -> list[float]:
        """Mean cross-entropy per label token on ``data``, of each member; noted in the curve."""
        total, tokens, members = np.zeros(len(self.seeds)), 0, len(self.seeds)
        self.model.eval()
        with torch.inference_mode():
            for begin in range(0, len(data), batch_size):
                indices = np.arange(begin, min(begin + batch_size, len(data)))
                batch = self.task.batch(data, np.tile(indices, members), self.model.device)
                counted = int((batch["labels"] != IGNORED).sum()) // members
                total, tokens = total + self._losses(batch).double().cpu().numpy() * counted, tokens + counted
        for place, loss in enumerate(total / tokens):
            self._note(place, "validation", float(loss))
        return [float(loss) for loss in total / tokens]

    def curve(self) -> pd.DataFrame:
        """The loss curve so far, the table ``curve``, one member after the other."""
        names = ["seed", "phase", "step", "loss", "learning_rate", "elapsed_seconds", "members"]
        rows = sorted(self.rows, key=lambda row: row["place"])
        return pd.DataFrame(rows, columns=names)

    @contextlib.contextmanager
    def only(self, place: int) -> Iterator[nn.Module]:
        """The host with the module of one member."""
        yield self.model

    def release(self) -> None:
        """Leave the host as it was found; the module of ``Training`` stays."""

    def check(self) -> None:
        """Raise FloatingPointError if a member failed; its seed and step are named."""
        for place, step in self.failed.items():
            raise FloatingPointError(
                f"seed {self.seeds[place]}: the loss is no finite number at step {step}; "
                "lower the technique's learning_rate"
            )

    def _take_step(self) -> torch.Tensor:
        """One step of every member; their losses, (members,)."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate(self.step + 1)
        indices = np.concatenate([next(order) for order in self.orders])
        losses = self._losses(self.task.batch(self.data, indices, self.model.device))
        self.optimiser.zero_grad(set_to_none=True)
        losses.sum().backward()
        self._clip()
        self.optimiser.step()
        self.step += 1
        return losses.detach()

    def _losses(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        if not (self.dropout and torch.is_grad_enabled()):
            return self.model(**batch, use_cache=False).loss[None]
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(derive(self.seeds[0], "dropout", self.step + 1))
            return self.model(**batch, use_cache=False).loss[None]

    def _clip(self) -> None:
        nn.utils.clip_grad_norm_(self.parameters, self.recipe.gradient_clip)

    def _keep(self, losses: np.ndarray) -> None:
        """Note the mean of the last losses, (steps, members), and who failed."""
        first = self.step - len(losses) + 1
        for place, own in enumerate(losses.T):
            if place in self.failed:
                continue
            if np.isfinite(own).all():
                self._note(place, "train", float(own.mean()))
            else:
                self.failed[place] = first + int(np.argmin(np.isfinite(own)))
        if len(self.failed) == len(self.seeds):
            self.check()
        for step, own in enumerate(losses, first):
            self.report(step, float(np.mean([loss for place, loss in enumerate(own) if place not in self.failed])))

    def _note(self, place: int, phase: str, loss: float) -> None:
        self.rows.append(
            {
                "place": place,
                "seed": self.seeds[place],
                "phase": phase,
                "step": self.step,
                "loss": loss,
                "learning_rate": self.recipe.rate(max(self.step, 1)),
                "elapsed_seconds": time.monotonic() - self.began,
                "members": len(self.seeds),
            }
        )
