"""The loop of every training, of modules and of hosts: AdamW steps (Loshchilov & Hutter, 2019) and their loss curve."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from peftport.compute.optimiser_state import load_optimiser_state, optimiser_state

Report = Callable[[int, float], None]


@dataclass(frozen=True)
class Method:
    """How parameters are optimised.

    Attributes:
        groups: AdamW's parameter groups; ``multiplier`` is a factor on a group's learning rate, 1 if it is not there.
        rate: learning rate of a step, by its number, counted from 1.
        gradient_clip: largest Euclidean norm of the gradient of all parameters together.
        reads: whether losses are read after the step of this number. Reading makes a GPU wait. They are also read after
            the last step.
        betas: AdamW's decay of its two moments.
    """

    groups: list[dict[str, Any]]
    rate: Callable[[int], float]
    gradient_clip: float
    reads: Callable[[int], bool]
    betas: tuple[float, float] = (0.9, 0.999)


class CurveRow(TypedDict):
    """A row of a loss curve: ``phase`` is ``train`` or ``validation``, ``loss`` a mean since the row before."""

    phase: str
    step: int
    loss: float
    learning_rate: float
    elapsed_seconds: float


class Optimisation:
    """One training, which ``advance`` takes to a number of steps, from where it can be taken further.

    Args:
        parameters: all that is trained, in the order in which their gradients are clipped.
        method: schedule, clipping and the like.
        loss: gives the loss of the next batch, a tensor without axes.
        label: what is trained, for a message in the log.
        report: called with (step, loss) of every step, when the losses are read.

    Attributes:
        step: steps taken.
        failed: the step at which the loss was no finite number; None if there is none. No step is taken after it.
        rows: the loss curve.
        between: called between two steps; it may ask for ``state``, and end the training.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        method: Method,
        loss: Callable[[], Tensor],
        label: str,
        report: Report = lambda step, loss: None,
    ) -> None:
        self.parameters, self.method, self.loss, self.label, self.report = parameters, method, loss, label, report
        self.optimiser = torch.optim.AdamW(
            [{"multiplier": 1.0} | group for group in method.groups], lr=0.0, betas=method.betas, fused=True
        )
        self.step, self.began = 0, time.monotonic()
        self.failed: int | None = None
        self.rows: list[CurveRow] = []
        self.unread: list[Tensor] = []
        self.between: Callable[[], None] = lambda: None

    def advance(self, steps: int) -> None:
        """Train until ``steps`` steps have been taken in all, or until the loss is no finite number."""
        while self.step < steps and self.failed is None:
            self.unread.append(self._take_step())
            if self.step == steps or self.method.reads(self.step):
                self._read()
            self.between()

    def note(self, phase: str, loss: float) -> None:
        """Add a row to the curve; the training fails here if the loss is no finite number."""
        if not np.isfinite(loss):
            self.fail(self.step)
        if self.failed is None:
            rate, seconds = self.method.rate(max(self.step, 1)), time.monotonic() - self.began
            self.rows.append(
                CurveRow(phase=phase, step=self.step, loss=loss, learning_rate=rate, elapsed_seconds=seconds)
            )

    def state(self) -> dict[str, Any]:
        """All that the next step takes from here, and the curve so far; see ``peftport.jobs.checkpoints.State``."""
        return {
            "step": self.step,
            "optimiser": optimiser_state(self.optimiser),
            "rows": self.rows,
            "failed": self.failed,
            "unread": self._losses(),
            "elapsed_seconds": time.monotonic() - self.began,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` gave, in a training that was begun with the same arguments."""
        self.step, self.rows, self.failed = state["step"], list(state["rows"]), state["failed"]
        load_optimiser_state(self.optimiser, state["optimiser"])
        self.unread = [torch.tensor(loss, device=self.parameters[0].device) for loss in state["unread"]]
        self.began = time.monotonic() - state["elapsed_seconds"]

    def _take_step(self) -> Tensor:
        for group in self.optimiser.param_groups:
            group["lr"] = self.method.rate(self.step + 1) * group["multiplier"]
        loss = self.loss()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.method.gradient_clip)
        self.optimiser.step()
        self.step += 1
        return loss.detach()

    def _losses(self) -> np.ndarray:
        """The losses of the steps since the last row of the curve, (steps,), in float64."""
        return torch.stack([loss.double() for loss in self.unread]).cpu().numpy() if self.unread else np.empty(0)

    def _read(self) -> None:
        """Note the mean of the losses since the last row, or the first of these steps whose loss is no number."""
        losses, first = self._losses(), self.step - len(self.unread) + 1
        self.unread.clear()
        if not np.isfinite(losses).all():
            self.fail(first + int(np.argmin(np.isfinite(losses))))
            return
        self.note("train", float(losses.mean()))
        for step, loss in enumerate(losses, first):
            self.report(step, float(loss))

    def fail(self, step: int) -> None:
        """Note that the loss was no finite number at a step, if no earlier step is noted; the training ends there."""
        if self.failed is None:
            self.failed = step
            print(f"{self.label}: the loss is no finite number at step {step}", flush=True)
