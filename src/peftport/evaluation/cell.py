"""Evaluate a cell: test what a block of modules starts from, then train in the target host, testing at each budget.

A run whose loss is no finite number has failed. From that step on it has no predictions, and its rows of scores say
the step and no score; the other runs go on.
"""

import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

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


def evaluate_cell(
    data: dict[str, Path],
    starts: dict[int, Path | None],
    budgets: list[int],
    recipe: dict[str, Any],
    task: dict[str, Any],
    cell: dict[str, str],
    checkpoint: Checkpoint,
) -> dict[str, pd.DataFrame]:
    """Scores, predictions and loss curves of all seeds and budgets of one cell.

    Args:
        data: ``card`` of the target host; the prompts of ``train`` and ``test`` of the target dataset for it.
        starts: seed to module directory; None is the bare host.
        budgets: rising numbers of optimiser steps; one training passes them all.
        recipe: ``technique``, ``training`` and ``evaluation`` sections.
        task: template and label words.
        cell: the names of the cell, which come first in every row of its scores.
        checkpoint: what a job that was stopped left.

    Returns:
        The tables ``scores``, ``predictions`` and ``curve``.

    Raises:
        Stopped: the job was told to stop.
    """
    card, evaluation = read_card(data["card"]), recipe["evaluation"]
    folder = known_folder(card)
    task_ = Task.for_host(task, recipe["training"]["max_tokens"], load_tokenizer(folder), card)
    test = read_encoded(data["test"], task_.words)
    train = read_encoded(data["train"], task_.words) if budgets[-1] else None
    model, states = _attached(load_host(folder, recipe["training"]["host_precision"]), starts)
    ongoing, read = Ongoing(checkpoint), partial(score, test=test, task=task_, evaluation=evaluation)

    def evaluate(group: list[int]) -> tuple[list[dict[str, Any]], list[pd.DataFrame], pd.DataFrame]:
        run = None
        if train is not None:
            label = f"{cell['technique']} {cell['initialisation']} in {card['host']}, seed {', '.join(map(str, group))}"
            settings = Recipe.from_config(recipe["training"], recipe["technique"])
            own = {seed: states[seed] for seed in group}
            run = begin(model, task_, train, settings, own, Progress(label, budgets[-1]))
        elif states:
            load_tensors(model, states[group[0]])
        made = ongoing.take_up(group, run, {"scores": [], "predictions": []})
        try:
            for budget, seed in list(product(budgets, group))[len(made["scores"]) :]:
                row, answers = _tested(run, group.index(seed), budget, model, read)
                keys = {"budget_steps": budget, "seed": seed}
                made["scores"].append(cell | keys | {"test_examples": len(test)} | row)
                made["predictions"] += [frame.assign(**keys) for frame in answers]
                print(f"seed {seed}, budget {budget}: {_said(row)}", flush=True)
                ongoing.offer()
        finally:
            if run is not None:
                run.release()
        curve = pd.DataFrame(columns=list(TABLES["curve"])) if run is None else run.curve()
        return made["scores"], made["predictions"], curve

    together = members_together(recipe["training"]["members_together"], model, len(starts)) if train is not None else 1
    return _tables(in_groups(list(starts), together, evaluate, ongoing), list(starts))


def _tested(
    run: Training | None, place: int, budget: int, model: Any, read: Callable[[Any], tuple[dict, pd.DataFrame]]
) -> tuple[dict[str, Any], list[pd.DataFrame]]:
    """A row of scores and the answers of one member at a budget; of one that failed no scores and no answers."""
    if run is not None:
        run.advance(budget)
    failed = {} if run is None else run.failed
    if place not in failed:
        with nullcontext(model) if run is None else run.only(place) as host:
            row, answers = read(host)
        if math.isfinite(row["loss"]):
            return row, [answers]
        failed[place] = budget
    return {name: None for name in SCORES if name != "test_examples"} | {"failed_at_step": failed[place]}, []


def _said(row: dict[str, Any]) -> str:
    if row["failed_at_step"] is None:
        return f"accuracy {row['accuracy']:.4f}"
    return f"failed, the loss is no finite number at step {row['failed_at_step']}"


def _attached(host: Any, starts: dict[int, Path | None]) -> tuple[Any, dict[int, dict[str, np.ndarray]]]:
    """The host with a module in it, and what the module of every seed starts from; nothing for the bare host."""
    modules = {seed: read_module(start) for seed, start in starts.items() if start is not None}
    if not modules:
        return host, {}
    model = attach_module(host, next(iter(modules.values())))
    return model, {seed: module.tensors for seed, module in modules.items()}


def _tables(groups: list[tuple[list[int], Any]], seeds: list[int]) -> dict[str, pd.DataFrame]:
    """One table of each kind from those of the groups; a seed's rows follow each other."""
    scores = pd.DataFrame([row for _, (rows, _, _) in groups for row in rows])
    answers = [frame for _, (_, frames, _) in groups for frame in frames]
    predictions = pd.concat(answers or [pd.DataFrame(columns=list(TABLES["predictions"]))], ignore_index=True)
    curve = pd.concat([frame for _, (_, _, frame) in groups], ignore_index=True)
    order = {seed: place for place, seed in enumerate(seeds)}
    tables = {"scores": scores, "predictions": predictions, "curve": curve}
    for name, table in tables.items():
        tables[name] = table.sort_values("seed", key=lambda column: column.map(order), kind="stable", ignore_index=True)
        tables[name].attrs["members_together"] = max(len(group) for group, _ in groups)
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
