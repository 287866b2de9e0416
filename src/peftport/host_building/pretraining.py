"""The training loop that makes a host: all of its parameters, on token id pairs, on CPU threads."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from peftport.compute.optimiser_state import load_optimiser_state, optimiser_state
from peftport.host_building.recipes.example import Example
from peftport.hosts.recipe_settings import HostTrainingSettings, PretrainingSettings
from peftport.jobs.checkpoints import Checkpoint, State
from peftport.jobs.signals import STOPS
from peftport.prompting.batches import IGNORED

Report = Callable[[int, float], None]
_POOL = 32  # batches sorted by length together
_LOG_ROWS = 100


@dataclass
class Random:
    """What a training draws from.

    Attributes:
        order: decides the order of the items.
        examples: what making an example of an item draws from.
    """

    order: np.random.Generator
    examples: np.random.Generator


def optimise(
    model: nn.Module,
    examples: Callable[[np.ndarray], list[Example]],
    lengths: np.ndarray,
    settings: HostTrainingSettings,
    random: Random,
    report: Report,
    checkpoint: Checkpoint,
) -> pd.DataFrame:
    """Train every parameter of `model` in place.

    Args:
        model: the host; dropout as its config says.
        examples: gives the examples of a batch of indices; may draw anew from ``random.examples`` at each call.
        lengths: length of each item in tokens, used to batch items of similar length.
        settings: steps, rates, size of a batch.
        random: what is drawn from.
        report: called as (step, mean loss) about a hundred times.
        checkpoint: what a job that was stopped left.

    Returns:
        columns step, loss (mean over the steps since the row before, nats a token), learning_rate, seconds (since
        the start).

    Raises:
        FloatingPointError: the loss is no longer finite.
        Stopped: the job was told to stop.
    """
    model.train()
    optimiser = torch.optim.AdamW(_groups(model, settings), lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)
    parameters = list(model.parameters())
    in_order = isinstance(settings, PretrainingSettings) and settings.in_order
    order = batches(lengths, settings.batch_size, random.order, in_order)
    run = _Run(optimiser, random.examples, checkpoint.restore())
    for _ in range(run.step):
        next(order)
    every = max(1, settings.steps // _LOG_ROWS)
    with STOPS.after_a_step():
        for step in range(run.step, settings.steps):
            for group in optimiser.param_groups:
                group["lr"] = _rate(settings, step) * group["multiplier"]
            loss = model(**collate(examples(next(order)))).loss
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
            optimiser.step()
            run.losses.append(loss.detach())
            run.step = step + 1
            if run.step % every == 0 or run.step == settings.steps:
                report(run.step, run.note(_rate(settings, step)))
            checkpoint.offer(run.state)
    model.eval()
    return pd.DataFrame(run.rows, columns=["step", "loss", "learning_rate", "elapsed_seconds"])


class _Run:
    """Where a training stands; the order of the items follows from the step.

    Args:
        left: what ``state`` gave in a run that was stopped.
    """

    def __init__(self, optimiser: torch.optim.Optimizer, examples: np.random.Generator, left: State | None) -> None:
        self.optimiser, self.examples, self.step = optimiser, examples, 0
        self.rows: list[tuple[float, ...]] = []
        self.losses: list[torch.Tensor] = []
        self.began = time.perf_counter()
        if left is not None:
            self.step, self.rows = left["step"], left["rows"]
            self.losses = [torch.tensor(loss) for loss in left["losses"]]
            self.began -= left["elapsed_seconds"]
            load_optimiser_state(optimiser, left["optimiser"])
            examples.bit_generator.state = left["examples"]
            torch.set_rng_state(torch.tensor(left["dropout"]))

    def note(self, rate: float) -> float:
        """The mean loss since the row before, now a row.

        Raises:
            FloatingPointError: it is not finite.
        """
        mean = torch.stack(self.losses).mean().item()
        if not math.isfinite(mean):
            raise FloatingPointError(f"loss {mean} at step {self.step}; try a smaller learning_rate")
        self.rows.append((self.step, mean, rate, time.perf_counter() - self.began))
        self.losses = []
        return mean

    def state(self) -> State:
        """All that the next step depends on, and the curve so far."""
        return {
            "step": self.step,
            "rows": self.rows,
            "losses": [loss.numpy() for loss in self.losses],
            "elapsed_seconds": time.perf_counter() - self.began,
            "optimiser": optimiser_state(self.optimiser),
            "examples": self.examples.bit_generator.state,
            "dropout": torch.get_rng_state().numpy(),
        }


def collate(examples: Sequence[Example]) -> dict[str, torch.Tensor]:
    """Padded batch: `input_ids`, `attention_mask` (examples, longest input), `labels` (examples, longest target)."""
    inputs = _pad([e.inputs for e in examples], 0)
    labels = _pad([e.targets for e in examples], IGNORED)
    return {"input_ids": inputs, "attention_mask": (inputs != 0).long(), "labels": labels}


def _pad(rows: Sequence[Sequence[int]], filler: int) -> torch.Tensor:
    out = np.full((len(rows), max(map(len, rows))), filler, np.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return torch.from_numpy(out)


def batches(
    lengths: np.ndarray, size: int, random: np.random.Generator, in_order: bool = False
) -> Iterator[np.ndarray]:
    """Endless batches of indices, of similar length within a batch; the batches of a pool come in random order."""
    size = min(size, len(lengths))
    while True:
        order = np.arange(len(lengths)) if in_order else random.permutation(len(lengths))
        for at in range(0, len(order) - size + 1, size * _POOL):
            pool = random.permutation(order[at : at + size * _POOL])
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            for batch in random.permutation(len(pool) // size):
                yield pool[batch * size : (batch + 1) * size]


def _rate(settings: HostTrainingSettings, step: int) -> float:
    """The learning rate of a step, before multipliers: linear warm-up, then cosine decay to a tenth."""
    warm = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    return settings.learning_rate * warm * (0.1 + 0.45 * (1 + math.cos(math.pi * step / settings.steps)))


def _groups(model: nn.Module, settings: HostTrainingSettings) -> list[dict]:
    groups: dict[str, list] = {"relative_position_bias": [], "embeddings": [], "head": [], "norms": [], "matrices": []}
    for name, parameter in model.named_parameters():
        if "relative_attention_bias" in name:
            kind = "relative_position_bias"
        elif name.startswith("shared") or "embeddings" in name or "embed_tokens" in name:
            kind = "embeddings" if parameter.ndim > 1 else "norms"
        elif name.startswith(("lm_head", "cls.")):
            kind = "head" if parameter.ndim > 1 else "norms"
        else:
            kind = "norms" if parameter.ndim == 1 else "matrices"
        groups[kind].append(parameter)
    multipliers = settings.rate_multipliers.model_dump()
    decay = {"head": settings.weight_decay, "matrices": settings.weight_decay}
    return [
        {"params": p, "multiplier": multipliers.get(k, 1.0), "weight_decay": decay.get(k, 0.0)}
        for k, p in groups.items()
    ]
