"""Evaluate cells: test what a block of modules starts from, then train in the target host, testing at each budget.

A run whose loss is no finite number has failed. From that step on it has no predictions, and its rows of scores say
the step and no score; the other runs go on.
"""

import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from peftport.checkpoints import Checkpoint
from peftport.data.encoded import Encoded, read_encoded
from peftport.data.prompts import normalise_answer
from peftport.evaluation.generation import generate_answers
from peftport.evaluation.likelihood import log_likelihoods
from peftport.evaluation.metrics import accuracy, macro_f1
from peftport.files import read_card
from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.modules import read_module
from peftport.progress import Progress
from peftport.tables import SCORES, TABLES
from peftport.techniques.attach import attach_module, load_tensors
from peftport.training.device import load_host
from peftport.training.loop import Recipe, Training
from peftport.training.ongoing import Ongoing
from peftport.training.task import Task
from peftport.training.together import begin, in_groups, members_together

# of a member, by budget: its rows of scores, its answers (None where it has failed), and its loss curve
Tested = tuple[list[dict[str, Any]], list[pd.DataFrame | None], pd.DataFrame]


class Member(NamedTuple):
    """A module that is tested, and trained: its initialisation, its seed, and the folder that it starts from."""

    initialisation: str
    seed: int
    start: Path | None


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
        data: ``card`` of the target host; the prompts of ``train`` and ``test`` of the target dataset for it.
        starts: initialisation to seed to module directory; None is the bare host. All may train at once.
        budgets: rising numbers of optimiser steps; one training passes them all.
        recipe: ``technique``, ``training`` and ``evaluation`` sections.
        task: template and label words.
        names: what names the cells but for the initialisation; it comes first in every row of their scores.
        checkpoint: what a job that was stopped left.

    Returns:
        The tables ``scores``, ``predictions`` and ``curve`` of every initialisation.

    Raises:
        Stopped: the job was told to stop.
    """
    card, evaluation = read_card(data["card"]), recipe["evaluation"]
    folder = known_folder(card)
    task_ = Task.for_host(task, recipe["training"]["max_tokens"], load_tokenizer(folder), card)
    test = read_encoded(data["test"], task_.words)
    train = read_encoded(data["train"], task_.words) if budgets[-1] else None
    members = [Member(kind, seed, start) for kind, own in starts.items() for seed, start in own.items()]
    model, states = _attached(load_host(folder, recipe["training"]["host_precision"]), members)
    ongoing, read = Ongoing(checkpoint), partial(score, test=test, task=task_, evaluation=evaluation)

    def evaluate(group: list[int]) -> list[Tested]:
        run, own = None, [members[index] for index in group]
        if train is not None:
            progress = Progress(f"{names['technique']} in {card['host']}, {_told(own)}", budgets[-1])
            settings = Recipe.from_config(recipe["training"], recipe["technique"])
            first = [(member.seed, states[index]) for index, member in zip(group, own, strict=True)]
            run = begin(model, task_, train, settings, first, progress)
        elif states:
            load_tensors(model, states[group[0]])
        made = ongoing.take_up(group, run, {"scores": [], "predictions": []})
        try:
            for budget, place in list(product(budgets, range(len(group))))[len(made["scores"]) :]:
                row, answers = _tested(run, place, budget, model, read)
                kind, keys = own[place].initialisation, {"budget_steps": budget, "seed": own[place].seed}
                made["scores"].append(names | {"initialisation": kind} | keys | {"test_examples": len(test)} | row)
                made["predictions"].append(None if answers is None else answers.assign(**keys))
                print(f"{kind}, seed {own[place].seed}, budget {budget}: {_said(row)}", flush=True)
                ongoing.offer()
        finally:
            if run is not None:
                run.release()
        return [(*_of_member(made, place, len(group)), _curve(run, place)) for place in range(len(group))]

    together = members_together(recipe["training"]["members_together"], model, len(members)) if train is not None else 1
    return _by_cell(in_groups(range(len(members)), together, evaluate, ongoing), members)


def _of_member(made: dict[str, list[Any]], place: int, members: int) -> tuple[list[Any], list[Any]]:
    """A member's rows of scores and its answers, by budget, out of those of all members by budget."""
    return made["scores"][place::members], made["predictions"][place::members]


def _curve(run: Training | None, place: int) -> pd.DataFrame:
    return pd.DataFrame(columns=list(TABLES["curve"])) if run is None else run.curve(place)


def _told(members: list[Member]) -> str:
    """``ported, seed 0, 1; sampled, seed 0, 1``."""
    seeds: dict[str, list[str]] = {}
    for member in members:
        seeds.setdefault(member.initialisation, []).append(str(member.seed))
    return "; ".join(f"{kind}, seed {', '.join(own)}" for kind, own in seeds.items())


def _tested(
    run: Training | None, place: int, budget: int, model: Any, read: Callable[[Any], tuple[dict, pd.DataFrame]]
) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """A row of scores and the answers of one member at a budget; of one that failed no scores and no answers."""
    if run is not None:
        run.advance(budget)
    failed = {} if run is None else run.failed
    if place not in failed:
        with nullcontext(model) if run is None else run.only(place) as host:
            row, answers = read(host)
        if math.isfinite(row["loss"]):
            return row, answers
        failed[place] = budget
    return {name: None for name in SCORES if name != "test_examples"} | {"failed_at_step": failed[place]}, None


def _said(row: dict[str, Any]) -> str:
    if row["failed_at_step"] is None:
        return f"accuracy {row['accuracy']:.4f}"
    return f"failed, the loss is no finite number at step {row['failed_at_step']}"


def _attached(host: Any, members: list[Member]) -> tuple[Any, list[dict[str, np.ndarray]]]:
    """The host with a module in it, and what the module of every member starts from; nothing for the bare host."""
    modules = [read_module(member.start) for member in members if member.start is not None]
    if not modules:
        return host, []
    return attach_module(host, modules[0]), [module.tensors for module in modules]


def _by_cell(done: list[tuple[list[int], list[Tested]]], members: list[Member]) -> dict[str, dict[str, pd.DataFrame]]:
    """The tables of every initialisation, from what the groups gave."""
    tested = {index: result for group, results in done for index, result in zip(group, results, strict=True)}
    most = max(len(group) for group, _ in done)
    cells: dict[str, list[Tested]] = {member.initialisation: [] for member in members}
    for index, member in enumerate(members):
        cells[member.initialisation].append(tested[index])
    return {kind: _tables(own, most) for kind, own in cells.items()}


def _tables(tested: list[Tested], most: int) -> dict[str, pd.DataFrame]:
    """The tables of a cell, one member after the other, with the most members that trained at once."""
    answers = [frame for _, frames, _ in tested for frame in frames if frame is not None]
    tables = {
        "scores": pd.DataFrame([row for rows, _, _ in tested for row in rows]),
        "predictions": pd.concat(answers or [pd.DataFrame(columns=list(TABLES["predictions"]))], ignore_index=True),
        "curve": pd.concat([curve for _, _, curve in tested], ignore_index=True),
    }
    for table in tables.values():
        table.attrs["members_together"] = most
    return tables


def score(model: Any, test: Encoded, task: Task, evaluation: dict[str, Any]) -> tuple[dict[str, Any], pd.DataFrame]:
    """One row of scores, and one row per test example, for the host as it is now.

    The loss is NaN where any likelihood is no finite number: then nothing in the row counts.
    """
    model.eval()  # peft's LoRA layers come with their dropout on
    likelihoods = log_likelihoods(model, test, task, evaluation["batch_size"])
    predicted, right = likelihoods.argmax(1), likelihoods[range(len(test)), test.labels]
    row: dict[str, Any] = {
        "accuracy": accuracy(test.labels, predicted),
        "macro_f1": macro_f1(test.labels, predicted, len(task.words)),
        "loss": float(-right.mean()) if np.isfinite(likelihoods).all() else math.nan,
        "test_examples": len(test),
        "generated_accuracy": None,
        "invalid_rate": None,
        "failed_at_step": None,
    }
    answers = pd.DataFrame(
        {
            "example_id": test.example_ids,
            "label": [task.words[index] for index in test.labels],
            "prediction": [task.words[index] for index in predicted],
            "correct": predicted == test.labels,
            "log_likelihood": right,
            "generated": None,
        }
    )
    if evaluation["generate"]:
        answers["generated"] = generate_answers(model, test, task, evaluation["batch_size"])
        valid = [normalise_answer(word) for word in task.words]
        right_words = pd.Series([valid[index] for index in test.labels])
        row["generated_accuracy"] = float((answers["generated"] == right_words).mean())
        row["invalid_rate"] = float((~answers["generated"].isin(valid)).mean())
    return row, answers
