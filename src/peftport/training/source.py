"""Train the source modules of one technique in one host on one dataset, for one block of seeds."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from peftport.files import file_digest, read_card, whole, write_card
from peftport.hosts.load import load_model, load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.progress import Progress
from peftport.tables import read_table, write_table
from peftport.techniques.attach import attach, config_dict, module_tensors
from peftport.training.device import job_device
from peftport.training.loop import Recipe, Training
from peftport.training.task import Task


def train_source(
    data: dict[str, Path],
    technique: dict[str, Any],
    training: dict[str, Any],
    task: dict[str, Any],
    seeds: list[int],
    outputs: dict[str, Path],
    made: dict[str, Any],
) -> None:
    """Train one module per seed and write the loss curve, the trained state and what is needed to extract modules.

    Args:
        data: ``card`` of the host, ``train`` and ``validation`` splits.
        technique: method, settings and learning rate.
        training: the study's training section.
        task: template and label words.
        outputs: ``curve``, ``state`` (tensors named ``<seed>/<name>``) and ``config`` (peft's, with the card's facts).
    """
    card = read_card(data["card"])
    folder = known_folder(card)
    task_ = Task.for_host(task, training["max_tokens"], load_tokenizer(folder), card)
    splits = {name: task_.encode(read_table(data[name], "examples")) for name in ("train", "validation")}
    curves: list[pd.DataFrame] = []
    state: dict[str, np.ndarray] = {}
    for seed in seeds:
        model = attach(load_model(folder).to(job_device()), technique["method"], technique, seed=seed)
        steps = technique["source_steps"] or training["source_steps"]
        progress = Progress(f"{technique['method']} in {card['host']}, seed {seed}", steps)
        recipe = Recipe.from_config(training, technique)
        run = Training(model, task_, splits["train"], recipe, seed, progress)
        best = _train_keeping(run, splits["validation"], steps, training)
        state |= {f"{seed}/{name}": tensor for name, tensor in best.items()}
        curves.append(run.curve())
    write_table(outputs["curve"], pd.concat(curves, ignore_index=True), "curve", made)
    with whole(outputs["state"]) as partial:
        save_file(state, partial)
        digest = file_digest(partial)
    facts = {name: card[name] for name in ("host", "model_type", "weights_sha256", "shape")}
    said = {"adapter_config": config_dict(model), "host": facts, "technique": technique, "state_sha256": digest}
    write_card(outputs["config"], said | made)


def _train_keeping(run: Training, validation: Any, steps: int, training: dict[str, Any]) -> dict[str, np.ndarray]:
    """The state after ``steps``, or the one with the lowest validation loss if the config says ``keep: best``.

    Raises:
        FloatingPointError: no validation loss is a finite number.
    """
    if training["keep"] == "last":
        run.advance(steps)
        run.validate(validation)
        return module_tensors(run.model)
    lowest, best = float("inf"), {}
    for step in [*range(training["validate_every"], steps, training["validate_every"]), steps]:
        run.advance(step)
        if (loss := run.validate(validation)) < lowest:
            lowest, best = loss, module_tensors(run.model)
    if not best:
        raise FloatingPointError(f"seed {run.seed}: no validation loss is a number; lower its learning_rate")
    return best
