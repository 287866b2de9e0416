"""The training that makes a host, or a new version of one.

The loop itself is ``peftport.compute.optimisation``.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from peftport.compute.optimisation import Method, Optimisation, Report
from peftport.host_building.recipes.example import Example
from peftport.hosts.recipe_settings import HostTrainingSettings, PretrainingSettings
from peftport.jobs.checkpoints import Checkpoint, State
from peftport.jobs.signals import STOPS
from peftport.prompting.batches import IGNORED, mask_of, pad
from peftport.seeds import generator

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

    @classmethod
    def of_seed(cls, seed: int) -> "Random":
        """What a training of this seed draws from, from its beginning."""
        return cls(generator(seed, "order"), generator(seed, "corruption"))


def rate(settings: HostTrainingSettings, step: int) -> float:
    """The learning rate of a step, by its number, counted from 1; before multipliers.

    It rises linearly in the warm-up, and a cosine takes it to a tenth.
    """
    warm = min(1.0, step / max(1, settings.warmup_steps))
    return settings.learning_rate * warm * (0.1 + 0.45 * (1 + math.cos(math.pi * (step - 1) / settings.steps)))


def optimise(
    model: nn.Module,
    loss: Callable[[np.ndarray], torch.Tensor],
    lengths: np.ndarray,
    settings: HostTrainingSettings,
    random: Random,
    report: Report,
    checkpoint: Checkpoint,
) -> pd.DataFrame:
    """Train every parameter of `model` that has a gradient, in place.

    Args:
        model: the host; dropout as its config says.
        loss: of a batch of indices, a tensor without axes; may draw anew from ``random.examples`` at each call.
        lengths: length of each item in tokens, used to batch items of similar length.
        settings: steps, rates, size of a batch.
        random: what is drawn from.
        report: called with (step, loss) of every step, when losses are read: about a hundred times.
        checkpoint: what a job that was stopped left.

    Returns:
        columns step, loss (mean over the steps since the row before, nats a token), learning_rate,
        elapsed_seconds (since the start).

    Raises:
        FloatingPointError: the loss is no longer finite.
        Stopped: the job was told to stop.
    """
    model.train()
    parameters, every = trained(model), max(1, settings.steps // _LOG_ROWS)
    in_order = isinstance(settings, PretrainingSettings) and settings.in_order
    order = batches(lengths, settings.batch_size, random.order, in_order)
    method = Method(
        groups=_groups(model, settings),
        rate=lambda step: rate(settings, step),
        gradient_clip=1.0,
        reads=lambda step: step % every == 0,
        betas=(0.9, 0.98),
    )
    run = Optimisation(parameters, method, lambda: loss(next(order)), "host", report)
    _go_on(run, random, checkpoint)
    for _ in range(run.step):
        next(order)

    def state() -> State:
        drawn = {"examples": random.examples.bit_generator.state, "dropout": torch.get_rng_state().numpy()}
        return drawn | {"run": run.state()}

    run.between = lambda: checkpoint.offer(state)
    with STOPS.after_a_step():
        run.advance(settings.steps)
    if run.failed is not None:
        raise FloatingPointError(f"the loss is no finite number at step {run.failed}; try a smaller learning_rate")
    model.eval()
    return pd.DataFrame(run.rows)[["step", "loss", "learning_rate", "elapsed_seconds"]]


def _go_on(run: Optimisation, random: Random, checkpoint: Checkpoint) -> None:
    """Take up the training where a checkpoint left it; what the checkpoint holds is kept no longer than that."""
    if (left := checkpoint.restore()) is not None:
        run.load_state(left["run"])
        random.examples.bit_generator.state = left["examples"]
        torch.set_rng_state(torch.tensor(left["dropout"]))


def trained(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that have a gradient."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def collate(examples: Sequence[Example], padding: int = 0) -> dict[str, torch.Tensor]:
    """Padded batch: `input_ids`, `attention_mask` (examples, longest input), `labels` (examples, longest target)."""
    inputs = [example.inputs for example in examples]
    arrays = {
        "input_ids": pad(inputs, padding),
        "attention_mask": mask_of(inputs),
        "labels": pad([example.targets for example in examples], IGNORED),
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


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


def _groups(model: nn.Module, settings: HostTrainingSettings) -> list[dict]:
    groups: dict[str, list] = {"relative_position_bias": [], "embeddings": [], "head": [], "norms": [], "matrices": []}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
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
