"""Evaluate cells: test what a block of modules starts from, then train in the target host, testing at each budget.

Where a technique has several learning rates, each module is trained with each of them, and ``choice`` takes one.
A run whose loss is no finite number has failed. From that step on it has no predictions, and its rows of scores say
the step and no score; the other runs go on.
"""

import math
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from peftport.compute.device import load_host
from peftport.evaluation.choice import Member, Tested, tables_by_cell
from peftport.evaluation.score import score, validate
from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.injection.attach import attach_module, load_tensors
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.progress import Progress
from peftport.prompting.encoded import Encoded, read_encoded
from peftport.prompting.task import Task
from peftport.storage.cards import read_card
from peftport.storage.modules import Module, read_module
from peftport.storage.tables import SCORES, TABLES
from peftport.study.learning_rates import learning_rates
from peftport.training.groups import begin, in_groups, members_together
from peftport.training.loop import Recipe, Training
from peftport.training.resume import Ongoing

# of a test that is left out
NOTHING = {"scores": None, "answers": None, "validated": None}


class Texts(NamedTuple):
    """The encoded splits of the target dataset that a job reads.

    Attributes:
        train: None where nothing is trained.
        validation: None where there is no choice among learning rates.
        unlabelled: what answers are calibrated on; None where they are not.
    """

    test: Encoded
    train: Encoded | None
    validation: Encoded | None
    unlabelled: Encoded | None


@dataclass(frozen=True)
class Job:
    """What the trainings and tests of a job share.

    Attributes:
        model: the host, with a module in it unless it is bare.
        modules: what is started from, by folder.
        recipe: ``technique``, ``training`` and ``evaluation`` sections.
        names: what names the cells but for the initialisation.
    """

    model: Any
    modules: dict[Path, Module]
    task: Task
    texts: Texts
    recipe: dict[str, Any]
    budgets: list[int]
    names: dict[str, str]

    def begin(self, members: list[Member]) -> Training | None:
        """The training of a group of members, all of one learning rate; None where nothing is trained."""
        if self.texts.train is None:
            if self.modules:
                load_tensors(self.model, self.modules[members[0].start].tensors)
            return None
        settings = Recipe.from_config(
            self.recipe["training"], self.recipe["technique"] | {"learning_rate": members[0].rate}
        )
        first = [(member.seed, self.modules[member.start].tensors) for member in members]
        told = f"{self.names['technique']} in {self.names['target_host']}, {_told(members)}"
        report = Progress(told, self.budgets[-1])
        return begin(self.model, self.task, self.texts.train, settings, first, report)

    def test(self, run: Training | None, place: int, member: Member, budget: int) -> dict[str, Any]:
        """A row of scores, the answers and what was reached in validation, of one member at a budget.

        Of a member that failed there are no scores, no answers and no validation.
        """
        if run is not None:
            run.advance(budget)
        row, answers, validated = self._scored(run, place, budget)
        where = {"initialisation": member.initialisation, "budget_steps": budget, "seed": member.seed}
        row = {"learning_rate": self._rate(member, budget), "test_examples": len(self.texts.test)} | row
        if answers is not None:
            answers = answers.assign(budget_steps=budget, seed=member.seed)
        print(f"{_told([member])}, budget {budget}: {_said(row)}", flush=True)
        return {"scores": self.names | where | row, "answers": answers, "validated": validated}

    def _scored(
        self, run: Training | None, place: int, budget: int
    ) -> tuple[dict[str, Any], pd.DataFrame | None, float | None]:
        failed, validated = {} if run is None else run.failed, None
        if place not in failed:
            with nullcontext(self.model) if run is None else run.only(place) as host:
                evaluation = self.recipe["evaluation"]
                row, answers = score(host, self.texts.test, self.task, evaluation, self.texts.unlabelled)
                if self.texts.validation is not None and budget:
                    validated = validate(host, self.texts.validation, self.task, evaluation)
            if math.isfinite(row["loss"]):
                return row, answers, validated
            failed[place] = budget
        return dict.fromkeys(SCORES.keys() - {"test_examples"}) | {"failed_at_step": failed[place]}, None, None

    def _rate(self, member: Member, budget: int) -> float | None:
        """The learning rate of the training before a test: of `native`, that of its source."""
        if member.initialisation == "native":
            return self.modules[member.start].card.get("learning_rate")
        return member.rate if budget else None


def evaluate_cells(
    data: dict[str, Path],
    starts: dict[str, dict[int, Path | None]],
    budgets: list[int],
    recipe: dict[str, Any],
    task: dict[str, Any],
    names: dict[str, str],
    checkpoint: Checkpoint,
) -> dict[str, dict[str, pd.DataFrame]]:
    """Scores, predictions and loss curves of all seeds and budgets of a cell, or of cells that share a job.

    Args:
        data: ``card`` of the target host; the prompts of ``train``, ``validation`` and ``test`` of the target dataset
            for it.
        starts: initialisation to seed to module directory; None is the bare host. On a GPU all may train at once.
        budgets: rising numbers of optimiser steps; one training passes them all.
        recipe: ``technique``, ``training`` and ``evaluation`` sections.
        task: template and label words.
        names: what names the cells but for the initialisation; it comes first in every row of their scores.
        checkpoint: what a job that was stopped left.

    Returns:
        The tables ``scores``, ``predictions`` and ``curve`` of every initialisation. Of several learning rates they
        hold, for each seed and budget, the best by validation, and the curve of the one taken at the last budget.

    Raises:
        Stopped: the job was told to stop.
    """
    card = read_card(data["card"])
    folder = known_folder(card)
    task_ = Task.for_host(task, recipe["training"]["max_tokens"], load_tokenizer(folder), card)
    rates: list[float | None] = [*learning_rates(recipe["technique"])] if budgets[-1] else [None]
    members = [
        Member(kind, seed, start, rate) for kind, own in starts.items() for seed, start in own.items() for rate in rates
    ]
    texts = _read(data, task_.words, recipe["evaluation"]["calibration_texts"], rates)
    model, modules = _attached(load_host(folder, recipe["training"]["host_precision"]), members)
    job, ongoing = Job(model, modules, task_, texts, recipe, budgets, names), Ongoing(checkpoint)

    def evaluate(group: list[int]) -> list[Tested]:
        own = [members[index] for index in group]
        run = job.begin(own)
        tests = ongoing.take_up(group, run, {"tests": []})["tests"]
        try:
            for budget, place in list(product(budgets, range(len(group))))[len(tests) :]:
                again = not budget and own[place].rate != rates[0]  # at budget 0 all rates are one
                tests.append(NOTHING if again else job.test(run, place, own[place], budget))
                ongoing.offer()
        finally:
            if run is not None:
                run.release()
        return [_of_member(tests, place, len(group)) | {"curve": _curve(run, place)} for place in range(len(group))]

    together = members_together(recipe["training"]["members_together"], model, len(members)) if budgets[-1] else 1
    done = in_groups(range(len(members)), together, evaluate, ongoing, lambda index: members[index].rate)
    return tables_by_cell(done, members, budgets)


def _read(data: dict[str, Path], words: list[str], calibration_texts: int, rates: list[float | None]) -> Texts:
    """The splits that a job reads; with no rate, nothing is trained."""
    trained, chosen = rates != [None], len(rates) > 1
    train = read_encoded(data["train"], words) if trained or calibration_texts else None
    return Texts(
        test=read_encoded(data["test"], words),
        train=train if trained else None,
        validation=read_encoded(data["validation"], words) if chosen else None,
        unlabelled=train.first(calibration_texts) if train is not None and calibration_texts else None,
    )


def _of_member(tests: list[dict[str, Any]], place: int, members: int) -> dict[str, list[Any]]:
    """What the tests of a member gave, by budget, out of those of all members by budget."""
    return {name: [test[name] for test in tests[place::members]] for name in NOTHING}


def _curve(run: Training | None, place: int) -> pd.DataFrame:
    return pd.DataFrame(columns=list(TABLES["curve"])) if run is None else run.curve(place)


def _told(members: list[Member]) -> str:
    """``ported, seed 0, 1; sampled, seed 0, 1``, and the learning rate where there is one."""
    seeds: dict[str, list[str]] = {}
    for member in members:
        seeds.setdefault(member.initialisation, []).append(str(member.seed))
    told = "; ".join(f"{kind}, seed {', '.join(own)}" for kind, own in seeds.items())
    return told if members[0].rate is None else f"{told}, learning rate {members[0].rate:g}"


def _said(row: dict[str, Any]) -> str:
    if row["failed_at_step"] is None:
        return f"accuracy {row['accuracy']:.4f}"
    return f"failed, the loss is no finite number at step {row['failed_at_step']}"


def _attached(host: Any, members: list[Member]) -> tuple[Any, dict[Path, Module]]:
    """The host with a module in it, and the modules that members start from; nothing for the bare host."""
    modules = {member.start: read_module(member.start) for member in members if member.start is not None}
    if not modules:
        return host, {}
    return attach_module(host, next(iter(modules.values()))), modules
