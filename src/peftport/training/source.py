"""Train the source modules of one technique in one host on one dataset, for one block of seeds.

Where a technique has several learning rates, every seed is trained with each of them, and the module with the lowest
validation loss is taken. A training whose loss is no finite number has failed; if all of a seed have, its module holds
no numbers (NaN), and its card says at which step. What starts from it has then failed as well, at step 0; the other
seeds go on.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from peft import PeftModel
from safetensors.numpy import save_file

from peftport.compute.device import load_host
from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.injection.attach import attach, config_dict, detach, module_tensors
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.progress import Progress
from peftport.prompting.encoded import Encoded, read_encoded
from peftport.prompting.task import Task
from peftport.storage.cards import read_card, write_card
from peftport.storage.files import atomic_write, file_digest
from peftport.storage.parquet import write_table
from peftport.study.learning_rates import best_rate, learning_rates
from peftport.training.groups import begin, in_groups, members_together
from peftport.training.loop import Recipe, Training
from peftport.training.resume import Ongoing

# of a training: the module's tensors (``state``), their validation ``loss`` (None if it failed), the step at which it
# ``failed`` and its loss ``curve``
Trained = dict[str, Any]


class Trial(NamedTuple):
    """A seed that is trained with a learning rate."""

    seed: int
    rate: float


def train_source(
    data: dict[str, Path],
    recipe: dict[str, dict[str, Any]],
    task: dict[str, Any],
    seeds: list[int],
    outputs: dict[str, Path],
    provenance: dict[str, Any],
    checkpoint: Checkpoint,
) -> None:
    """Train one module per seed and write the loss curve, the trained state and what is needed to extract modules.

    Of several learning rates the loss curve is that of the one taken.

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
    steps, ongoing = technique["source_steps"] or training["source_steps"], Ongoing(checkpoint)
    trials = [Trial(seed, rate) for seed in seeds for rate in learning_rates(technique)]

    def train(group: list[int]) -> list[Trained]:
        own, rate = [trials[index].seed for index in group], trials[group[0]].rate
        settings = Recipe.from_config(training, technique | {"learning_rate": rate})
        told = f"{technique['method']} in {card['host']}, seed {', '.join(map(str, own))}, learning rate {rate:g}"
        first = [(seed, starts[seed]) for seed in own]
        run = begin(model, task_, splits["train"], settings, first, Progress(told, steps))
        try:
            return _train_keeping(run, group, splits["validation"], steps, training, ongoing)
        finally:
            run.release()

    together = members_together(training["members_together"], model, len(trials))
    done = in_groups(range(len(trials)), together, train, ongoing, lambda index: trials[index].rate)
    provenance = provenance | {"members_together": max(len(group) for group, _ in done)}
    taken = _taken(done, trials)
    write_table(
        outputs["curve"], pd.concat([one["curve"] for one in taken.values()], ignore_index=True), "curve", provenance
    )
    with atomic_write(outputs["state"]) as partial:
        state = {f"{trial.seed}/{name}": own for trial, one in taken.items() for name, own in one["state"].items()}
        save_file(state, partial)
        digest = file_digest(partial)
    facts = {name: card[name] for name in ("host", "model_type", "weights_sha256", "shape")}
    said = {"adapter_config": config_dict(model), "host": facts, "technique": technique, "state_sha256": digest}
    failed = {str(trial.seed): one["failed"] for trial, one in taken.items() if one["failed"] is not None}
    rates = {str(trial.seed): trial.rate for trial in taken}
    write_card(outputs["config"], said | {"failed_at_step": failed, "learning_rate": rates} | provenance)


def _taken(done: list[tuple[list[int], list[Trained]]], trials: list[Trial]) -> dict[Trial, Trained]:
    """Of every seed the training with the lowest validation loss."""
    trained = {trials[index]: one for group, results in done for index, one in zip(group, results, strict=True)}
    losses: dict[int, dict[float, float | None]] = {}
    for trial in trials:
        losses.setdefault(trial.seed, {})[trial.rate] = trained[trial]["loss"]
    best = [
        Trial(seed, best_rate({rate: None if one is None else -one for rate, one in own.items()}))
        for seed, own in losses.items()
    ]
    return {trial: trained[trial] for trial in best}


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
    run: Training, group: list[int], validation: Encoded, steps: int, training: dict[str, Any], ongoing: Ongoing
) -> list[Trained]:
    """Each member's state after ``steps``, or with its lowest validation loss if the config says ``keep: best``.

    That of a member that failed is NaN.
    """
    members, every = len(run.seeds), training["validate_every"] if training["keep"] == "best" else steps
    kept = ongoing.take_up(group, run, {"validated": 0, "lowest": [float("inf")] * members, "best": [{}] * members})
    for step in [*range(every, steps, every), steps]:
        if step <= kept["validated"]:
            continue
        run.advance(step)
        for place, loss in enumerate(run.validate_members(validation)):
            if training["keep"] == "last" or loss < kept["lowest"][place]:
                kept["lowest"][place], kept["best"][place] = loss, _state(run, place)
        kept["validated"] = step
    for place in run.failed:
        kept["lowest"][place] = None
        kept["best"][place] = {name: np.full_like(own, np.nan) for name, own in _state(run, place).items()}
    return [
        {"state": state, "loss": loss, "failed": run.failed.get(place), "curve": run.curve(place)}
        for place, (state, loss) in enumerate(zip(kept["best"], kept["lowest"], strict=True))
    ]


def _state(run: Training, place: int) -> dict[str, np.ndarray]:
    with run.only(place) as model:
        return module_tensors(model)
