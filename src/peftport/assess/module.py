"""The copy, trained further in the new host, as a plain PEFT folder that other trainers can go on from.

No stage of a study keeps modules that were trained in the target host. A training is a function of its start, its
settings and its seed, so it is done again, up to the budget that is wanted.
"""

from contextlib import chdir
from pathlib import Path

import numpy as np

from peftport.assess.results import Results
from peftport.compute.device import take_threads
from peftport.compute.host_inputs import HostInputs
from peftport.evaluation.cell import CellSettings, open_cell
from peftport.evaluation.choice import Trial
from peftport.hosts.locate import known_folder
from peftport.injection.attach import module_tensors
from peftport.prompting.encoded import read_encoded
from peftport.settings import EvaluationSettings, TrainingSettings
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.storage.cards import read_card
from peftport.storage.modules import LABEL_WORDS, Module, read_module, write_module
from peftport.storage.names import seed_folder
from peftport.storage.provenance import JsonObject

THREADS = 1  # of a cell's job in the workflow


def write_trained(results: Results, folder: Path) -> int:
    """Write the copy after the steps that the study advises, or where it advises none those of the best validation.

    Args:
        folder: to write.

    Returns:
        The steps that it was trained in the new host.
    """
    stage = EvaluateCell(**vars(results.ported))
    needs = stage.needs(results.study)
    files = {name: results.path(needs[name]).absolute() for name in ("card", "train", "validation", "test")}
    start = seed_folder(results.path(needs["starts"][0]).absolute(), results.seed)
    with chdir(results.folder):  # as the jobs of the study; a host's card may name a folder below it
        card, module = read_card(files["card"]), read_module(start)
        steps, tensors = results.advised_steps, module.tensors
        if steps != 0:
            steps, tensors = _trained(results, HostInputs(**files), start, stage, steps)
        base = _base(results, card)
    facts = {name: module.card[name] for name in ("technique", "settings", "labels") if name in module.card}
    words = results.study.config.datasets[results.ported.target_dataset].words
    facts |= {} if "labels" in facts else {LABEL_WORDS: words}  # a head writes no words
    said = facts | {"host": card["host"], "host_sha256": card["weights_sha256"], "seed": results.seed}
    write_module(folder, Module(module.config | base, tensors, said | {"steps_in_host": steps, "start": "ported"}))
    return steps


def _trained(
    results: Results, inputs: HostInputs, start: Path, stage: EvaluateCell, steps: int | None
) -> tuple[int, dict[str, np.ndarray]]:
    """Steps and tensors: after ``steps``, or for None at the budget with the lowest validation loss."""
    take_threads(THREADS)
    asked = stage.settings(results.study)
    names = {name: value for name, value in stage.names.items() if name != "block"}
    settings = CellSettings(
        asked["technique"],
        TrainingSettings(**asked["training"]),
        EvaluationSettings(**asked["evaluation"]),
        asked["task"],
        asked["budgets"],
    )
    cell = open_cell(inputs, {results.seed: start}, settings, names)
    validation = read_encoded(inputs.validation, cell.task.words)
    run = cell.begin(Trial(results.seed, start, _rate(results, settings, steps)))
    best, lowest = (0, cell.modules[results.seed].tensors), np.inf
    for budget in settings.budgets if steps is None else [steps]:
        run.advance(budget)
        if run.failed is not None:
            break
        loss = run.validate(validation)
        if steps is not None or loss < lowest:
            best, lowest = (budget, module_tensors(run.model)), loss
    return best


def _rate(results: Results, settings: CellSettings, steps: int | None) -> float | None:
    """The learning rate that the study took: of several that at the budget, or at its last."""
    rows = results.table("runs")
    budget = settings.budgets[-1] if steps is None else steps
    here = (rows["initialisation"] == "ported") & (rows["budget_steps"] == budget) & (rows["seed"] == results.seed)
    taken = rows[here & (rows["target_host"] == results.hosts[1])]["learning_rate"].dropna()
    return settings.rates[0] if taken.empty else float(taken.iloc[0])


def _base(results: Results, card: JsonObject) -> JsonObject:
    """What the config of the written module says of its host: what peft loads it by."""
    hub = results.study.config.hosts[results.hosts[1]].hub
    if hub is not None:
        return {"base_model_name_or_path": hub.id, "revision": hub.revision}
    return {"base_model_name_or_path": str(known_folder(card).absolute()), "revision": None}
