"""Train the source modules of one technique in one host on one dataset, for one block of seeds.

A member whose loss is no finite number has failed: its module holds no numbers (NaN), and its card says at which step.
What starts from it has then failed as well, at step 0; the other seeds go on.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from peft import PeftModel
from safetensors.numpy import save_file

from peftport.checkpoints import Checkpoint
from peftport.data.encoded import Encoded, read_encoded
from peftport.files import file_digest, read_card, whole, write_card
from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.progress import Progress
from peftport.tables import write_table
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
        data: ``card`` of the host; the prompts of ``train`` and ``validation`` for this host.
        recipe: ``technique`` (method, settings and learning rate) and ``training``, the study's section.
        task: template and label words.
        outputs: ``curve``, ``state`` (tensors named ``<seed>/<name>``) and ``config`` (peft's, with the card's facts).
        checkpoint: what a job that was stopped left.

    Raises:
        Stopped: the job was told to stop.
    """
    technique, training = recipe["technique"], recipe["training"]
    card = read_card(data["card"])
    folder = known_folder(card)
    task_ = Task.for_host(task, training["max_tokens"], load_tokenizer(folder), card)
    splits = {name: read_encoded(data[name], task_.words) for name in ("train", "validation")}
    model, starts = _fresh(load_host(folder, training["host_precision"]), technique, seeds)
    settings, steps = Recipe.from_config(training, technique), technique["source_steps"] or training["source_steps"]
    ongoing = Ongoing(checkpoint)

    def train(group: list[int]) -> tuple[pd.DataFrame, dict[str, np.ndarray], dict[str, int]]:
        progress = Progress(f"{technique['method']} in {card['host']}, seed {', '.join(map(str, group))}", steps)
        run = begin(model, task_, splits["train"], settings, [(seed, starts[seed]) for seed in group], progress)
        try:
            best = _train_keeping(run, splits["validation"], steps, training, ongoing)
        finally:
            run.release()
        state = {
            f"{seed}/{name}": own for seed, module in zip(group, best, strict=True) for name, own in module.items()
        }
        return run.curve(), state, {str(group[place]): step for place, step in run.failed.items()}

    together = members_together(training["members_together"], model, len(seeds))
    done = in_groups(seeds, together, train, ongoing)
    made = made | {"members_together": max(len(group) for group, _ in done)}
    write_table(outputs["curve"], pd.concat([curve for _, (curve, *_) in done], ignore_index=True), "curve", made)
    with whole(outputs["state"]) as partial:
        save_file({name: tensor for _, (_, state, _) in done for name, tensor in state.items()}, partial)
        digest = file_digest(partial)
    facts = {name: card[name] for name in ("host", "model_type", "weights_sha256", "shape")}
    said = {"adapter_config": config_dict(model), "host": facts, "technique": technique, "state_sha256": digest}
    failed = {seed: step for _, (*_, failed) in done for seed, step in failed.items()}
    write_card(outputs["config"], said | {"failed_at_step": failed} | made)


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

    That of a member that failed is NaN.
    """
    members, every = len(run.seeds), training["validate_every"] if training["keep"] == "best" else steps
    kept = ongoing.take_up(run.seeds, run, {"validated": 0, "lowest": [float("inf")] * members, "best": [{}] * members})
    for step in [*range(every, steps, every), steps]:
        if step <= kept["validated"]:
            continue
        run.advance(step)
        for place, loss in enumerate(run.validate_members(validation)):
            if training["keep"] == "last" or loss < kept["lowest"][place]:
                kept["lowest"][place], kept["best"][place] = loss, _state(run, place)
        kept["validated"] = step
    for place in run.failed:
        kept["best"][place] = {name: np.full_like(own, np.nan) for name, own in _state(run, place).items()}
    return kept["best"]


def _state(run: Training, place: int) -> dict[str, np.ndarray]:
    with run.only(place) as model:
        return module_tensors(model)
