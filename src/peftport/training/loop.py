"""The loop that trains one module in one frozen host.

AdamW (Loshchilov & Hutter, 2019), linear warm-up and then a constant learning rate: with no decay towards an end,
the state after *b* steps of a longer training is exactly the state of a training of *b* steps. That is what makes
the budgets of a cell nested.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from peftport.data.batches import IGNORED, Encoded, training_order
from peftport.seeds import derive, generator
from peftport.training.task import Task

KEEP_EVERY = 10


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
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        data: Encoded,
        recipe: Recipe,
        seed: int,
        report: Callable[[int, float], None] = lambda step, loss: None,
    ) -> None:
        self.model, self.task, self.data, self.recipe, self.report = model, task, data, recipe, report
        self.parameters = [tensor for tensor in model.parameters() if tensor.requires_grad]
        self.optimiser = torch.optim.AdamW(
            self.parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, foreach=True
        )
        lengths = np.asarray([len(prompt) for prompt in data.prompts])
        self.order = training_order(lengths, recipe.batch_size, generator(seed, "order", "train"))
        self.seed, self.step, self.began = seed, 0, time.monotonic()
        self.rows: list[dict[str, Any]] = []

    def advance(self, steps: int) -> None:
        """Train until ``steps`` optimiser steps have been taken in all.

        Raises:
            FloatingPointError: the loss is no finite number; seed and step are named.
        """
        losses: list[float] = []
        train_module_only(self.model)
        try:
            while self.step < steps:
                losses.append(self._take_step())
                if self.step % KEEP_EVERY == 0 or self.step == 1 or self.step == steps:
                    self._note("train", float(np.mean(losses)))
                    losses = []
        finally:
            self.model.eval()

    def validate(self, data: Encoded, batch_size: int = 128) -> float:
        """Mean cross-entropy per label token on ``data``; noted in the curve."""
        total, tokens = 0.0, 0
        self.model.eval()
        with torch.inference_mode():
            for begin in range(0, len(data), batch_size):
                batch = self.task.batch(data, np.arange(begin, min(begin + batch_size, len(data))), self.model.device)
                counted = int((batch["labels"] != IGNORED).sum())
                total, tokens = total + self.model(**batch).loss.item() * counted, tokens + counted
        self._note("validation", total / tokens)
        return total / tokens

    def curve(self) -> pd.DataFrame:
        """The loss curve so far, the table ``curve``."""
        names = ["seed", "phase", "step", "loss", "learning_rate", "elapsed_seconds"]
        return pd.DataFrame(self.rows, columns=names)

    def learning_rate(self, step: int) -> float:
        """Of the step with this number, counted from 1."""
        return self.recipe.learning_rate * min(1.0, step / max(self.recipe.warmup_steps, 1))

    def _take_step(self) -> float:
        rate = self.learning_rate(self.step + 1)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        batch = self.task.batch(self.data, next(self.order), self.model.device)
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(derive(self.seed, "dropout", self.step + 1))
            loss = self.model(**batch).loss
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.recipe.gradient_clip)
        self.optimiser.step()
        self.step += 1
        value = loss.item()
        if not np.isfinite(value):
            raise FloatingPointError(
                f"seed {self.seed}: the loss is {value} at step {self.step}; lower the technique's learning_rate"
            )
        self.report(self.step, value)
        return value

    def _note(self, phase: str, loss: float) -> None:
        seconds, rate = time.monotonic() - self.began, self.learning_rate(max(self.step, 1))
        self.rows.append(
            {
                "seed": self.seed,
                "phase": phase,
                "step": self.step,
                "loss": loss,
                "learning_rate": rate,
                "elapsed_seconds": seconds,
            }
        )
