"""How many modules train together, and their training in groups of so many.

On a CPU it is always one: what a seed gives does not depend on its company, to the bit. On a GPU several share the pass
through the host, which changes the rounding.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from peft import PeftModel

from peftport.injection.attach import load_tensors
from peftport.injection.stacked_modules import can_share
from peftport.jobs.signals import STOPS
from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from peftport.training.fused import FusedTraining
from peftport.training.loop import Recipe, Report, Training
from peftport.training.resume import Ongoing

Result = TypeVar("Result")


def members_together(setting: str | int, model: PeftModel, members: int) -> int:
    """How many of a block's modules train at once: one on a CPU, and where the technique cannot share a host.

    Args:
        setting: for GPUs, a number or ``auto``, all.
        model: the host with a module of the technique.
        members: how many there are.
    """
    if model.device.type == "cpu" or not can_share(model):
        return 1
    return members if setting == "auto" else min(int(setting), members)


def in_groups(
    members: Sequence[int],
    together: int,
    work: Callable[[list[int]], Result],
    ongoing: Ongoing,
    kind: Callable[[int], Any] = lambda member: None,
) -> list[tuple[list[int], Result]]:
    """Do ``work`` on groups of at most ``together`` members; where memory runs out, on groups half as large.

    Args:
        work: called with the members of a group, a second time if memory ran out in the first, so that it must not
            leave anything behind. What it gives can stand in a checkpoint.
        ongoing: what was done before.
        kind: only members of one kind, a learning rate for example, are in a group.

    Returns:
        Each group with what ``work`` gave for it.

    Raises:
        torch.OutOfMemoryError: memory runs out with one member alone.
        Stopped: the job was told to stop.
    """
    with STOPS.after_a_step():
        while left := [member for member in members if not any(member in group for group, _ in ongoing.done)]:
            alike = [member for member in left if kind(member) == kind(left[0])]
            group = ongoing.group(alike[:together])
            try:
                ongoing.finish(group, work(group))
                continue
            except torch.OutOfMemoryError:
                if len(group) == 1:
                    raise
            together = len(group) // 2  # behind the handler, which holds on to what filled the memory
            ongoing.left = None  # no smaller group can take it up
            torch.cuda.empty_cache()
            print(f"memory ran out with {len(group)} modules at once; going on with {together}", flush=True)
    return ongoing.done


def begin(
    model: PeftModel,
    task: Task,
    data: Encoded,
    recipe: Recipe,
    starts: Sequence[tuple[int, Mapping[str, np.ndarray]]],
    report: Report = lambda step, loss: None,
) -> Training:
    """The training of one module, or of several together.

    Args:
        model: the host with a module of the technique.
        starts: of every module its seed, and the tensors that it starts from.

    Raises:
        ValueError: the tensors do not fit, or there are several and the technique cannot share a host.
    """
    seeds, states = [seed for seed, _ in starts], [state for _, state in starts]
    if len(seeds) > 1:
        return FusedTraining(model, task, data, recipe, seeds, states, report)
    load_tensors(model, states[0])
    return Training(model, task, data, recipe, seeds[0], report)
