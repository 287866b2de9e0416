"""Train the source modules of one technique in one host on one dataset, for one block of seeds.

Where a technique has several learning rates, every seed is trained with each of them, and the module with the lowest
validation loss is taken. A training whose loss is no finite number has failed; if all of a seed have, its module holds
no numbers (NaN), and its card says at which step. What starts from it has then failed as well, at step 0; the other
seeds go on.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from peft import PeftModel
from safetensors.numpy import save_file

from peftport.compute.host_inputs import HostInputs, HostWithTask
from peftport.injection.attach import attach, config_dict, detach, load_tensors, module_tensors
from peftport.injection.head import Head
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.progress import Progress
from peftport.prompting.encoded import Encoded, read_encoded
from peftport.prompting.template import TaskSettings
from peftport.settings import TrainingSettings
from peftport.storage.cards import write_card
from peftport.storage.files import atomic_write, file_digest
from peftport.storage.parquet import write_table
from peftport.storage.provenance import JsonObject
from peftport.study.learning_rates import best_rate, learning_rates
from peftport.training.loop import Recipe, Training
from peftport.training.resume import Ongoing

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class SourceSettings:
    """What a source training is asked to do.

    Attributes:
        technique: the technique's entry of the config: method, settings and learning rate.
        training: the study's section.
        task: template and label words.
        seeds: one module is trained for each.
    """

    technique: JsonObject
    training: TrainingSettings
    task: TaskSettings
    seeds: list[int]

    @property
    def steps(self) -> int:
        """Optimiser steps of a training."""
        return self.technique["source_steps"] or self.training.source_steps


@dataclass(frozen=True)
class SourceOutputs:
    """Files that a source training writes.

    Attributes:
        curve: the loss curve.
        state: the modules' tensors, named ``<seed>/<name>``.
        config: a card with peft's config, and what else the modules' cards say.
    """

    curve: Path
    state: Path
    config: Path


@dataclass(frozen=True)
class Trial:
    """A seed that is trained with a learning rate."""

    seed: int
    rate: float


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Attributes:
        state: the module's tensors; NaN if it failed.
        loss: their validation loss; None if it failed.
        failed: the step at which it failed.
        curve: its loss curve.
    """

    state: Tensors
    loss: float | None
    failed: int | None
    curve: pd.DataFrame


@dataclass
class Kept:
    """What a training has kept so far.

    Attributes:
        validated: the step of the last validation.
        lowest: the validation loss of what is kept.
        best: its tensors.
    """

    validated: int = 0
    lowest: float = float("inf")
    best: Tensors = field(default_factory=dict)


def train_source(
    inputs: HostInputs,
    settings: SourceSettings,
    outputs: SourceOutputs,
    provenance: JsonObject,
    checkpoint: Checkpoint,
) -> None:
    """Train one module per seed and write the loss curve, the trained state and what is needed to extract modules.

    Of several learning rates the loss curve is that of the one taken.

    Args:
        inputs: the host's card; prompts of ``train`` and ``validation``.
        checkpoint: what a job that was stopped left.

    Raises:
        Stopped: the job was told to stop.
    """
    technique, training = settings.technique, settings.training
    host = HostWithTask.read(inputs.card, settings.task)
    train, validation = (read_encoded(path, host.task.words) for path in (inputs.train, inputs.validation))
    head = Head(host.parts, "source") if host.parts else None
    model, starts = _fresh(host.load(training.host_precision), technique, settings.seeds, head)
    trials = [Trial(seed, rate) for seed in settings.seeds for rate in learning_rates(technique["learning_rate"])]
    ongoing = Ongoing(checkpoint, Trained)

    def work(trial: Trial) -> Trained:
        label = f"{technique['method']} in {host.card['host']}, seed {trial.seed}, learning rate {trial.rate:g}"
        load_tensors(model, starts[trial.seed])
        recipe, report = Recipe.of(training, trial.rate), Progress(label, settings.steps)
        run = Training(model, host.task, train, recipe, trial.seed, report)
        return train_keeping(run, validation, settings.steps, training, ongoing)

    trained = dict(zip(trials, ongoing.each(trials, work), strict=True))
    taken = {trial: trained[trial] for trial in best_of_each_seed(trained)}
    curves = pd.concat([result.curve for result in taken.values()], ignore_index=True)
    write_table(outputs.curve, curves, "curve", provenance)
    with atomic_write(outputs.state) as partial:
        save_file(
            {f"{trial.seed}/{name}": own for trial, result in taken.items() for name, own in result.state.items()},
            partial,
        )
        digest = file_digest(partial)
    facts = {name: host.card[name] for name in ("host", "model_type", "weights_sha256", "shape")}
    card = {"adapter_config": config_dict(model), "host": facts, "technique": technique, "state_sha256": digest}
    card["failed_at_step"] = {
        str(trial.seed): result.failed for trial, result in taken.items() if result.failed is not None
    }
    card["learning_rate"] = {str(trial.seed): trial.rate for trial in taken}
    if head is not None:
        card["labels"] = host.task.words
    write_card(outputs.config, card | provenance)


def best_of_each_seed(trained: dict[Trial, Trained]) -> list[Trial]:
    """Of every seed the trial with the lowest validation loss."""
    reached: dict[int, dict[float, float | None]] = {}
    for trial, result in trained.items():
        reached.setdefault(trial.seed, {})[trial.rate] = None if result.loss is None else -result.loss
    return [Trial(seed, best_rate(by_rate)) for seed, by_rate in reached.items()]


def _fresh(
    host: Any, technique: JsonObject, seeds: list[int], head: Head | None
) -> tuple[PeftModel, dict[int, Tensors]]:
    """The host with a module in it, and the technique's fresh initialisation of every seed, with a fresh head."""
    starts: dict[int, Tensors] = {}
    for seed in seeds:
        model = attach(host, technique["method"], technique, seed=seed, head=head)
        starts[seed] = module_tensors(model)
        if seed != seeds[-1]:
            host = detach(model)
    return model, starts


def train_keeping(
    run: Training, validation: Encoded, steps: int, training: TrainingSettings, ongoing: Ongoing[Trained]
) -> Trained:
    """The state after ``steps``, or with its lowest validation loss if the config says ``keep: best``.

    That of a training that failed is NaN.

    Args:
        validation: what ``run`` is validated on.
    """
    every = training.validate_every if training.keep == "best" else steps
    kept = ongoing.take_up(run, Kept())
    for step in [*range(every, steps, every), steps]:
        if step <= kept.validated:
            continue
        run.advance(step)
        loss = run.validate(validation)
        if training.keep == "last" or loss < kept.lowest:
            kept.lowest, kept.best = loss, module_tensors(run.model)
        kept.validated = step
    if run.failed is None:
        return Trained(kept.best, kept.lowest, None, run.curve())
    nothing = {name: np.full_like(tensor, np.nan) for name, tensor in module_tensors(run.model).items()}
    return Trained(nothing, None, run.failed, run.curve())
