"""The training of one module in one frozen host.

The learning rate rises linearly in a warm-up and is constant then. It does not decay towards an end, so the state after
*b* steps of a longer training is exactly the state of a training of *b* steps. That is what makes the budgets of a cell
nested. The loop itself is ``peftport.compute.optimisation``.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from peftport.compute.optimisation import Method, Optimisation, Report
from peftport.jobs.checkpoints import State
from peftport.prompting.batches import IGNORED, training_order
from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from peftport.seeds import derive, generator
from peftport.settings import TrainingSettings
from peftport.storage.tables import TABLES

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
    def of(cls, training: TrainingSettings, learning_rate: float) -> "Recipe":
        """The study's training section with one learning rate of the technique."""
        names = ("warmup_steps", "batch_size", "weight_decay", "gradient_clip")
        return cls(learning_rate, **{name: getattr(training, name) for name in names})

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
        report: called with (step, loss) of every step.
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
        self.model, self.task, self.data, self.recipe, self.seed = model, task, data, recipe, seed
        lengths = np.asarray([len(prompt) for prompt in data.prompts])
        self.order = training_order(lengths, recipe.batch_size, generator(seed, "order", "train"))
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        method = Method(
            groups=[{"params": parameters, "weight_decay": recipe.weight_decay}],
            rate=recipe.rate,
            gradient_clip=recipe.gradient_clip,
            reads=lambda step: step == 1 or step % KEEP_EVERY == 0,
        )
        self.optimisation = Optimisation(parameters, method, self._next_loss, f"seed {seed}", report)

    @property
    def step(self) -> int:
        """Optimiser steps taken."""
        return self.optimisation.step

    @property
    def failed(self) -> int | None:
        """The step at which the loss was no finite number; None if there is none."""
        return self.optimisation.failed

    def advance(self, steps: int) -> None:
        """Train until ``steps`` optimiser steps have been taken in all, or until the training has failed."""
        train_module_only(self.model)
        try:
            self.optimisation.advance(steps)
        finally:
            self.model.eval()

    def fail(self) -> None:
        """Note that the module as it is now gives a loss that is no finite number."""
        self.optimisation.fail(self.step)

    def state(self) -> State:
        """All that the next step depends on, and the curve so far; see ``peftport.jobs.checkpoints.State``.

        The order of the data and what the module draws are functions of the seed and the step.
        """
        return self.optimisation.state()

    def load_state(self, state: State) -> None:
        """Go on from what ``state`` gave, in a training that was begun with the same arguments."""
        self.optimisation.load_state(state)
        for _ in range(self.step):
            next(self.order)

    def validate(self, data: Encoded, batch_size: int | None = None) -> float:
        """Mean cross-entropy per label token on ``data``; noted in the curve.

        Args:
            batch_size: examples in a pass; as many as in a step where answers are long, else 128.
        """
        batch_size = batch_size or (self.recipe.batch_size if data.answers else 128)
        total, tokens = 0.0, 0
        self.model.eval()
        with torch.inference_mode():
            for begin in range(0, len(data), batch_size):
                indices = np.arange(begin, min(begin + batch_size, len(data)))
                batch = self.task.batch(data, indices, self.model.device)
                counted = int((batch["labels"] != IGNORED).sum())
                total, tokens = total + self._loss(batch).double().item() * counted, tokens + counted
        loss = total / tokens
        self.optimisation.note("validation", loss)
        return loss

    def curve(self) -> pd.DataFrame:
        """The loss curve so far, the table ``curve``."""
        return pd.DataFrame(
            [{"seed": self.seed} | row for row in self.optimisation.rows], columns=list(TABLES["curve"])
        )

    def loss_of(self, indices: np.ndarray) -> torch.Tensor:
        """What a step makes smaller, of the examples at these places: a tensor without axes."""
        return self._loss(self.task.batch(self.data, indices, self.model.device))

    def _next_loss(self) -> torch.Tensor:
        indices = next(self.order)
        # not only for dropout: some of peft's techniques (PVeRA) draw what they add
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(derive(self.seed, "dropout", self.step + 1))
            return self.loss_of(indices)

    def _loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.model(**batch, use_cache=False).loss
