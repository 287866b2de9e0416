"""What `distilled` starts from: a block of fresh modules in a target host, each taught by the teacher of its seed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from peftport.compute.host_inputs import HostInputs, HostWithTask
from peftport.distillation.answers import SPLITS, taught
from peftport.distillation.student import Student
from peftport.injection.attach import attach_module, load_tensors
from peftport.injection.complete import completed
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.progress import Progress
from peftport.porting.distilled import RULE
from peftport.prompting.encoded import read_encoded
from peftport.prompting.template import TaskSettings
from peftport.settings import TrainingSettings
from peftport.storage.modules import Module, read_members, write_module
from peftport.storage.parquet import read_provenance, read_table, write_table
from peftport.storage.provenance import JsonObject
from peftport.storage.tables import TABLES
from peftport.study.learning_rates import learning_rates
from peftport.training.loop import Recipe
from peftport.training.resume import Ongoing
from peftport.training.source import Trained, Trial, best_of_each_seed, train_keeping


@dataclass(frozen=True)
class StudentSettings:
    """What students are asked to do.

    Attributes:
        technique: the technique's entry of the config.
        training: the study's section.
        task: template and label words of the target dataset.
        steps: optimiser steps without labels.
    """

    technique: JsonObject
    training: TrainingSettings
    task: TaskSettings
    steps: int


@dataclass(frozen=True)
class StudentOutputs:
    """What is written.

    Attributes:
        folders: seed to module directory.
        curve: the loss curve: the divergence from the teacher.
    """

    folders: Mapping[int, Path]
    curve: Path


def distil_starts(
    inputs: HostInputs,
    answers: Path,
    fresh: Mapping[int, Path],
    settings: StudentSettings,
    outputs: StudentOutputs,
    provenance: JsonObject,
    checkpoint: Checkpoint,
) -> None:
    """Train a block of students and write them as module directories.

    Of several learning rates the one is taken that ends nearest to the teacher on validation texts. From a teacher that
    failed comes no student: its module holds no numbers (NaN), as one of a training that failed.

    Args:
        inputs: the target host's card; prompts of ``train`` and ``validation`` of the target dataset for that host.
        answers: the table ``teacher_answers``, with facts about the teachers in its provenance.
        fresh: seed to directory of the technique's fresh initialisation in the target host.
        checkpoint: what a job that was stopped left.

    Raises:
        ValueError: the teacher has answered other texts, or with other words.
        Stopped: the job was told to stop.
    """
    host, teachers = HostWithTask.read(inputs.card, settings.task), read_provenance(answers)["teachers"]
    said = read_table(answers, "teacher_answers")
    texts = {split: host.task.in_turn(read_encoded(getattr(inputs, split), host.task.words)) for split in SPLITS}
    model, starts = _students(host, fresh, settings)
    ongoing = Ongoing(checkpoint, Trained)

    def work(trial: Trial) -> Trained:
        label = f"{settings.technique['method']} in {host.card['host']}, distilled, seed {trial.seed}, "
        report = Progress(f"{label}learning rate {trial.rate:g}", settings.steps)
        load_tensors(model, starts[trial.seed].tensors)
        lesson, validation = (taught(said, trial.seed, split, texts[split]) for split in SPLITS)
        recipe = Recipe.of(settings.training, trial.rate)
        run = Student(model, host.task, lesson, recipe, trial.seed, report)
        return train_keeping(run, validation, settings.steps, settings.training, ongoing)

    answering = [seed for seed in starts if teachers[str(seed)]["failed_at_step"] is None]
    trials = [Trial(seed, rate) for seed in answering for rate in learning_rates(settings.technique["learning_rate"])]
    trained = dict(zip(trials, ongoing.each(trials, work), strict=True))
    taken = {trial.seed: (trial, trained[trial]) for trial in best_of_each_seed(trained)}
    for seed, start in starts.items():
        facts = _facts(host, settings, seed, teachers[str(seed)]) | _result(start, taken.get(seed))
        tensors = taken[seed][1].state if seed in taken else _nothing(start)
        write_module(outputs.folders[seed], replace(start, tensors=tensors, card=facts | provenance))
    curves = [result.curve for _, result in taken.values()] or [pd.DataFrame(columns=list(TABLES["curve"]))]
    write_table(outputs.curve, pd.concat(curves, ignore_index=True), "curve", provenance)


def _students(
    host: HostWithTask, fresh: Mapping[int, Path], settings: StudentSettings
) -> tuple[Any, dict[int, Module]]:
    """The target host with a module in it, and what each student starts from, a fresh classification head included."""
    model, starts = host.load(settings.training.host_precision), read_members(fresh)
    if host.parts:
        wanted = (settings.technique, host.parts, host.task.words)
        starts = {seed: completed(model, start, *wanted, seed) for seed, start in starts.items()}
    return attach_module(model, next(iter(starts.values()))), starts


def _facts(host: HostWithTask, settings: StudentSettings, seed: int, teacher: JsonObject) -> JsonObject:
    """What the card says of where a student comes from."""
    return {
        "initialisation": "distilled",
        "rule": RULE,
        "seed": seed,
        "dataset": teacher["dataset"],
        "source_host": teacher["host"],
        "source_host_sha256": teacher["host_sha256"],
        "source_module": teacher["module"],
        "target_host": host.card["host"],
        "target_host_sha256": host.card["weights_sha256"],
        "steps_without_labels": settings.steps,
        "failed_at_step": teacher["failed_at_step"],
        **({"labels": host.task.words} if host.parts else {}),
    }


def _result(start: Module, taken: tuple[Trial, Trained] | None) -> JsonObject:
    """What the card says of the module, and of its training where it had a teacher."""
    said = {name: start.card.get(name) for name in ("technique", "note")}
    if taken is None:
        return said
    trial, result = taken
    return said | {"learning_rate": trial.rate, "divergence": result.loss, "failed_at_step": result.failed}


def _nothing(start: Module) -> dict[str, np.ndarray]:
    """Tensors of the module's shapes that hold no numbers."""
    return {name: np.full_like(tensor, np.nan) for name, tensor in start.tensors.items()}
