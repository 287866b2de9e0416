"""Evaluate a cell: test what a block of modules starts from, then train in the target host, testing at each budget.

Where a technique has several learning rates, each module is trained with each of them, and ``choice`` takes one.
A run whose loss is no finite number has failed. From that step on it has no predictions, and its rows of scores say
the step and no score; the other runs go on.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from peftport.compute.computed_by import computed_by
from peftport.compute.host_inputs import HostInputs, HostWithTask
from peftport.evaluation.choice import Tested, Trial, tables_of_cell
from peftport.evaluation.score import Scored, score, validate
from peftport.injection.attach import attach_module, load_tensors
from peftport.injection.complete import completed
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.progress import Progress
from peftport.prompting.encoded import Encoded, read_encoded
from peftport.prompting.task import Task
from peftport.prompting.template import TaskSettings
from peftport.settings import EvaluationSettings, TrainingSettings
from peftport.storage.module_parts import lacks_a_part
from peftport.storage.modules import Module, read_members
from peftport.storage.provenance import JsonObject
from peftport.storage.tables import SCORES, Row
from peftport.study.learning_rates import learning_rates
from peftport.training.loop import Recipe, Training
from peftport.training.resume import Ongoing


@dataclass(frozen=True)
class CellSettings:
    """What an evaluation is asked to do.

    Attributes:
        technique: the technique's entry of the config; empty where nothing is trained.
        training: the study's section.
        evaluation: the study's section.
        task: template and label words.
        budgets: rising numbers of optimiser steps; one training passes them all.
        taught: template and label words of the dataset that is trained on; empty where that is the one tested on.
    """

    technique: JsonObject
    training: TrainingSettings
    evaluation: EvaluationSettings
    task: TaskSettings
    budgets: list[int]
    taught: TaskSettings | JsonObject = field(default_factory=dict)

    @property
    def rates(self) -> list[float | None]:
        """The learning rates of the trainings, rising; one None where nothing is trained."""
        return [*learning_rates(self.technique["learning_rate"])] if self.budgets[-1] else [None]


@dataclass(frozen=True)
class Texts:
    """The encoded splits that a cell reads, of the dataset that it is tested on and of the one it is trained on.

    Attributes:
        test: what is tested on.
        train: None where nothing is trained.
        validation: None where there is no choice among learning rates.
        unlabelled: what answers are calibrated on; None where they are not, as where nothing of the dataset that is
            tested on is for training.
    """

    test: Encoded
    train: Encoded | None
    validation: Encoded | None
    unlabelled: Encoded | None

    @classmethod
    def read(cls, inputs: HostInputs, task: Task, taught: Task, settings: CellSettings) -> "Texts":
        """Read the splits that these settings ask for."""
        rates = settings.rates
        calibrating = settings.evaluation.calibration_texts if task.words and not settings.taught else 0
        trained = rates != [None]
        train = read_encoded(inputs.train, taught.words) if trained or calibrating else None
        return cls(
            test=read_encoded(inputs.test, task.words),
            train=train if trained else None,
            validation=read_encoded(inputs.validation, taught.words) if len(rates) > 1 else None,
            unlabelled=train.first(calibrating) if train is not None and calibrating else None,
        )


def evaluate_cell(
    inputs: HostInputs,
    starts: Mapping[int, Path | None],
    settings: CellSettings,
    names: dict[str, str],
    checkpoint: Checkpoint,
) -> dict[str, pd.DataFrame]:
    """Scores, predictions and loss curves of all seeds and budgets of a cell.

    Args:
        inputs: the target host's card; prompts of ``train`` and ``validation`` of the dataset that is trained on, and
            of ``test`` of the target dataset.
        starts: seed to module directory; None is the bare host.
        names: what names the cell; it comes first in every row of its scores.
        checkpoint: what a job that was stopped left.

    Returns:
        The tables ``scores``, ``predictions`` and ``curve``. Of several learning rates they hold, for each seed and
        budget, the best by validation, and the curve of the one taken at the last budget.

    Raises:
        Stopped: the job was told to stop.
    """
    cell = open_cell(inputs, starts, settings, names)
    trials = [Trial(seed, start, rate) for seed, start in starts.items() for rate in settings.rates]
    ongoing = Ongoing(checkpoint, Tested)
    results = ongoing.each(trials, lambda trial: cell.evaluate(trial, ongoing))
    return tables_of_cell(dict(zip(trials, results, strict=True)), settings.budgets)


def open_cell(
    inputs: HostInputs, starts: Mapping[int, Path | None], settings: CellSettings, names: dict[str, str]
) -> "Cell":
    """A cell with its host and modules in memory, before any test; arguments as of ``evaluate_cell``."""
    host = HostWithTask.read(inputs.card, settings.task)
    taught = HostWithTask.read(inputs.card, settings.taught).task if settings.taught else host.task
    texts = Texts.read(inputs, host.task, taught, settings)
    modules = read_members({seed: start for seed, start in starts.items() if start is not None})
    model = host.load(settings.training.host_precision)
    lacking = host.parts or any(map(lacks_a_part, modules.values()))
    if lacking and settings.technique:  # modules of the host itself lack nothing
        wanted = (settings.technique, host.parts, host.task.words)
        modules = {seed: completed(model, module, *wanted, seed) for seed, module in modules.items()}
    if modules:
        model = attach_module(model, next(iter(modules.values())))
    return Cell(model, modules, host.task, taught, texts, settings, names)


@dataclass(frozen=True)
class Cell:
    """What the trainings and tests of a cell share.

    Attributes:
        model: the target host, with a module in it unless it is bare.
        modules: what is started from, by seed; empty for the bare host.
        task: the target dataset as the host sees it.
        taught: the dataset that is trained on, as the host sees it; as a rule the same.
        texts: their splits.
        settings: what is asked for.
        names: what names the cell.
    """

    model: Any
    modules: dict[int, Module]
    task: Task
    taught: Task
    texts: Texts
    settings: CellSettings
    names: dict[str, str]

    def evaluate(self, trial: Trial, ongoing: Ongoing[Tested]) -> Tested:
        """Test a trial at every budget, and train it in between."""
        run = self.begin(trial)
        tested = ongoing.take_up(run, Tested())
        for budget in self.settings.budgets[len(tested.scores) :]:
            if not budget and trial.rate != self.settings.rates[0]:  # at budget 0 all rates are one
                tested.add(None, None, None)
            else:
                if run is not None:
                    run.advance(budget)
                self._test(run, trial, budget, tested)
            ongoing.offer()
        if run is not None:
            tested.curve = run.curve()
        return tested

    def begin(self, trial: Trial) -> Training | None:
        """The training of a trial, whose module is put into the host; None where nothing is trained."""
        if trial.start is not None:
            load_tensors(self.model, self.modules[trial.seed].tensors)
        if self.texts.train is None:
            return None
        label = f"{self.names['technique']} in {self.names['target_host']}, {self._told(trial)}"
        report = Progress(label, self.settings.budgets[-1])
        recipe = Recipe.of(self.settings.training, trial.rate)
        return Training(self.model, self.taught, self.texts.train, recipe, trial.seed, report)

    def _test(self, run: Training | None, trial: Trial, budget: int, tested: Tested) -> None:
        """Test a trial at a budget; where it has failed there are no scores, no answers and no validation."""
        failed = None if run is None else run.failed
        scored = None if failed is not None else self._scored()
        if scored is not None and not math.isfinite(scored.row["loss"]):
            failed, scored = budget, None
            if run is not None:
                run.fail()
        if scored is None:
            row = dict.fromkeys(SCORES.keys() - {"test_examples"}) | {"failed_at_step": failed, "metric": self.metric}
            answers = validated = None
        else:
            row = scored.row
            answers = scored.answers.assign(budget_steps=budget, seed=trial.seed)
            validated = self._validated(budget)
        common = {"budget_steps": budget, "seed": trial.seed, "learning_rate": self._rate(trial, budget)}
        common |= {"test_examples": len(self.texts.test)} | computed_by(self.settings.training.host_precision)
        print(f"{self._told(trial)}, budget {budget}: {_said(row)}", flush=True)
        tested.add(self.names | common | row, answers, validated)

    @property
    def metric(self) -> str:
        """The name of the score."""
        return self.task.scoring.get("metric", "accuracy")

    def _scored(self) -> Scored:
        return score(self.model, self.texts.test, self.task, self.settings.evaluation, self.texts.unlabelled)

    def _validated(self, budget: int) -> float | None:
        if self.texts.validation is None or not budget:
            return None
        return validate(self.model, self.texts.validation, self.taught, self.settings.evaluation)

    def _rate(self, trial: Trial, budget: int) -> float | None:
        """The learning rate of the training before a test: of `native`, that of its source."""
        if self.names["initialisation"] == "native":
            return self.modules[trial.seed].card.get("learning_rate")
        return trial.rate if budget else None

    def _told(self, trial: Trial) -> str:
        """``ported, seed 0``, and the learning rate where there is one."""
        label = f"{self.names['initialisation']}, seed {trial.seed}"
        return label if trial.rate is None else f"{label}, learning rate {trial.rate:g}"


def _said(row: Row) -> str:
    if row["failed_at_step"] is None:
        return f"{str(row['metric']).replace('_', ' ')} {row['score']:.4f}"
    return f"failed, the loss is no finite number at step {row['failed_at_step']}"
