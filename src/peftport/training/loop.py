"""The loop that trains one module in one frozen host.

AdamW (Loshchilov & Hutter, 2019), linear warm-up and then a constant learning rate: with no decay towards an end,
the state after *b* steps of a longer training is exactly the state of a training of *b* steps. That is what makes
the budgets of a cell nested.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from peftport.compute.optimiser_state import load_optimiser_state, optimiser_state
from peftport.prompting.batches import IGNORED, training_order
from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from peftport.seeds import derive, generator

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
        seed: decides the order of the data, and whatever a module draws, such as what its dropout hides.
        report: called with (step, loss) after every step.

    Attributes:
        seeds: of the members, the modules that train together: here of the only one.
        failed: members whose loss was no finite number, by their place in ``seeds``, and the step of it.
        between: called between two steps; it may ask for ``state``, and end the training.
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
        self.unread: list[torch.Tensor] = []
        self.between: Callable[[], None] = lambda: None

    def _optimise(self, parameters: list[nn.Parameter]) -> None:
        self.parameters = parameters
        self.optimiser = torch.optim.AdamW(
            parameters, lr=self.recipe.learning_rate, weight_decay=self.recipe.weight_decay, fused=True
        )

    def advance(self, steps: int) -> None:
        """Train until ``steps`` optimiser steps have been taken in all, or until every member has failed."""
        train_module_only(self.model)
        try:
            while self.step < steps and len(self.failed) < len(self.seeds):
                self.unread.append(self._take_step())
                # losses are read ten at a time, because reading makes a GPU wait
                if self.step in (1, steps) or self.step % KEEP_EVERY == 0:
                    self._keep(self._read())
                    self.unread.clear()
                self.between()
        finally:
            self.model.eval()

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, and the curve so far; see ``peftport.jobs.checkpoints.State``.

        The order of the data and what the module draws are functions of the seed and the step.
        """
        return {
            "step": self.step,
            "optimiser": optimiser_state(self.optimiser),
            "rows": self.rows,
            "failed": sorted(self.failed.items()),
            "unread": self._read(),
            "elapsed_seconds": time.monotonic() - self.began,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` gave, in a training that was begun with the same arguments."""
        self.step, self.rows, self.failed = state["step"], list(state["rows"]), dict(state["failed"])
        load_optimiser_state(self.optimiser, state["optimiser"])
        for order in self.orders:
            for _ in range(self.step):
                next(order)
        self.unread = [torch.tensor(losses, device=self.model.device) for losses in state["unread"]]
        self.began = time.monotonic() - state["elapsed_seconds"]

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
        losses = [float(loss) for loss in total / tokens]
        for place, loss in enumerate(losses):
            if self._counts(place, loss):
                self._note(place, "validation", loss)
        return losses

    def curve(self, place: int | None = None) -> pd.DataFrame:
        """The loss curve so far, the table ``curve``, of one member or of one after the other."""
        names = ["seed", "phase", "step", "loss", "learning_rate", "elapsed_seconds", "members"]
        rows = [row for row in self.rows if place in (None, row["place"])]
        return pd.DataFrame(sorted(rows, key=lambda row: row["place"]), columns=names)

    @contextlib.contextmanager
    def only(self, place: int) -> Iterator[nn.Module]:
        """The host with the module of one member."""
        yield self.model

    def release(self) -> None:
        """Leave the host as it was found; the module of ``Training`` stays."""

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
        if not torch.is_grad_enabled():
            return self.model(**batch, use_cache=False).loss[None]
        # not only for dropout: some of peft's techniques (PVeRA) draw what they add
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(derive(self.seeds[0], "dropout", self.step + 1))
            return self.model(**batch, use_cache=False).loss[None]

    def _clip(self) -> None:
        nn.utils.clip_grad_norm_(self.parameters, self.recipe.gradient_clip)

    def _keep(self, losses: np.ndarray) -> None:
        """Note the mean of the last losses, (steps, members), and who failed."""
        first = self.step - len(losses) + 1
        for place, own in enumerate(losses.T):
            if self._counts(place, float(own.sum()), first + int(np.argmin(np.isfinite(own)))):
                self._note(place, "train", float(own.mean()))
        left = [place for place in range(len(self.seeds)) if place not in self.failed]
        for step, own in enumerate(losses, first) if left else ():
            self.report(step, float(np.mean(own[left])))

    def _read(self) -> np.ndarray:
        """The losses of the steps since the last row of the curve, (steps, members)."""
        losses = [one.double() for one in self.unread]
        return torch.stack(losses).cpu().numpy() if losses else np.empty((0, len(self.seeds)))

    def _counts(self, place: int, loss: float, step: int | None = None) -> bool:
        """Whether this member has not failed; it fails here if its loss, at ``step`` or now, is no finite number."""
        if place not in self.failed and not math.isfinite(loss):
            self.failed[place] = self.step if step is None else step
            print(f"seed {self.seeds[place]}: the loss is no finite number at step {self.failed[place]}", flush=True)
        return place not in self.failed

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
