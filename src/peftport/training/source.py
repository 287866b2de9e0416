"""Train the source modules of one technique in one host on one dataset, for one block of seeds."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from peft import PeftModel
from safetensors.numpy import save_file

from peftport.checkpoints import Checkpoint
from peftport.data.batches import Encoded
from peftport.files import file_digest, read_card, whole, write_card
from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.progress import Progress
from peftport.tables import read_table, write_table
from peftport.techniques.attach import attach, config_dict, detach, module_tensors
from peftport.training.device import load_host
from peftport.training.loop import Recipe, Training
from peftport.training.ongoing import Ongoing
from peftport.training.task import Task
from peftport.training.together import begin, in_groups, members_together


def train_source(
    data: dict[str, Path],
    recipe: dict[str, dict[str, Any]],
    task: dict[str, Any],
    seeds: list[int],
    outputs: dict[str, Path],
    made: dict[str, Any],
    checkpoint: Checkpoint,
) -> None:
    """Train one module per seed and write the loss curve, the trained state and what is needed to extract modules.

    Args:
        data: ``card`` of the host, ``train`` and ``validation`` splits.
        recipe: ``technique`` (method, settings and learning rate) and ``training``, the study's section.
        task: template and label words.
        outputs: ``curve``, ``state`` (tensors named ``<seed>/<name>``) and ``config`` (peft's, with the card's facts).
        checkpoint: what a job that was stopped left.

    Raises:
        FloatingPointError: the loss of a member is no finite number. No module can be made of it, and what starts from
            that module cannot be made either; seed and step are named.
        Stopped: the job was told to stop.
    """
    technique, training = recipe["technique"], recipe["training"]
    card = read_card(data["card"])
    folder = known_folder(card)
    task_ = Task.for_host(task, training["max_tokens"], load_tokenizer(folder), card)
    splits = {name: task_.encode(read_table(data[name], "examples")) for name in ("train", "validation")}
    model, starts = _fresh(load_host(folder, training["host_precision"]), technique, seeds)
    settings, steps = Recipe.from_config(training, technique), technique["source_steps"] or training["source_steps"]
    ongoing = Ongoing(checkpoint)

    def train(group: list[int]) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
        progress = Progress(f"{technique['method']} in {card['host']}, seed {', '.join(map(str, group))}", steps)
        run = begin(model, task_, splits["train"], settings, {seed: starts[seed] for seed in group}, progress)
        try:
            best = _train_keeping(run, splits["validation"], steps, training, ongoing)
        finally:
            run.release()
        return run.curve(), {
            f"{seed}/{name}": own for seed, module in zip(group, best, strict=True) for name, own in module.items()
        }

    together = members_together(training["members_together"], model, len(seeds))
    done = in_groups(seeds, together, train, ongoing)
    made = made | {"members_together": max(len(group) for group, _ in done)}
    write_table(outputs["curve"], pd.concat([curve for _, (curve, _) in done], ignore_index=True), "curve", made)
    with whole(outputs["state"]) as partial:
        save_file({name: tensor for _, (_, state) in done for name, tensor in state.items()}, partial)
        digest = file_digest(partial)
    facts = {name: card[name] for name in ("host", "model_type", "weights_sha256", "shape")}
    said = {"adapter_config": config_dict(model), "host": facts, "technique": technique, "state_sha256": digest}
    write_card(outputs["config"], said | made)


def _fresh(
    host: Any, technique: dict[str, Any], seeds: list[int]
) -> tuple[PeftModel, dict[int, dict[str, np.ndarray]]]:
    """The host with a module in it, and the technique's fresh initialisation of every seed."""
    starts: dict[int, dict[str, np.ndarray]] = {}
    for seed in seeds:
        model = attach(host, technique["method"], technique, seed=seed)
        starts[seed] = module_tensors(model)
        if seed != seeds[-1]:
            host = detach(model)
    return model, starts


def _train_keeping(
    run: Training, validation: Encoded, steps: int, training: dict[str, Any], ongoing: Ongoing
) -> list[dict[str, np.ndarray]]:
    """Each member's state after ``steps``, or with its lowest validation loss if the config says ``keep: best``.

    Raises:
        FloatingPointError: a loss of a member is no finite number.
    """
    members, every = len(run.seeds), training["validate_every"] if training["keep"] == "best" else steps
    kept = ongoing.take_up(run.seeds, run, {"validated": 0, "lowest": [float("inf")] * members, "best": [{}] * members})
    for step in [*range(every, steps, every), steps]:
        if step <= kept["validated"]:
            continue
        run.advance(step)
        run.check()
        losses = run.validate_members(validation)
        run.check()
        for place, loss in enumerate(losses):
            if training["keep"] == "last" or loss < kept["lowest"][place]:
                kept["lowest"][place], kept["best"][place] = loss, _state(run, place)
        kept["validated"] = step
    return kept["best"]


def _state(run: Training, place: int) -> dict[str, np.ndarray]:
    with run.only(place) as model:
        return module_tensors(model)
