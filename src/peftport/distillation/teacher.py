"""Ask teachers: the answers of a source host with its modules to the texts of the target dataset, without labels.

A host answers by the likelihood of each label word, however its tokenizer writes the word and wherever in its prompt it
stands. So the answers are the same thing in every host: a distribution over the label words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from peftport.compute.host_inputs import HostInputs, HostWithTask
from peftport.distillation.answers import SPLITS, answer_rows
from peftport.evaluation.likelihood import log_likelihoods
from peftport.injection.attach import attach_module, load_tensors
from peftport.prompting.encoded import read_encoded
from peftport.prompting.template import TaskSettings
from peftport.storage.modules import Module, read_members
from peftport.storage.provenance import JsonObject
from peftport.storage.tables import TABLES


@dataclass(frozen=True)
class TeacherSettings:
    """How teachers are asked.

    Attributes:
        task: template and label words of the target dataset.
        precision: numbers of the source host's weights.
        batch_size: texts that are read at a time.
        texts: of each split the first so many are answered; None for all.
    """

    task: TaskSettings
    precision: str
    batch_size: int
    texts: int | None = None


def ask_teachers(
    inputs: HostInputs, folders: Mapping[int, Path], settings: TeacherSettings
) -> tuple[pd.DataFrame, JsonObject]:
    """The answers of the source modules of a block of seeds, and facts about them.

    A teacher that failed in its own training, or whose answers are no finite numbers, gives no rows.

    Args:
        inputs: the source host's card; prompts of ``train`` and ``validation`` of the target dataset for that host.
        folders: seed to directory of the source module.

    Returns:
        The table ``teacher_answers``; and by seed, as text, where the teacher comes from and ``failed_at_step``, None
        where it has answers.

    Raises:
        ValueError: the module brings a classification head for other labels than those of the target dataset.
    """
    host, modules = HostWithTask.read(inputs.card, settings.task), read_members(folders)
    for module in modules.values():
        _check_head(module, host.task.words)
    splits = {split: read_encoded(getattr(inputs, split), host.task.words) for split in SPLITS}
    texts = {split: host.task.in_turn(own.first(settings.texts or len(own))) for split, own in splits.items()}
    model = attach_module(host.load(settings.precision), next(iter(modules.values())), trainable=False).eval()
    rows, facts = [pd.DataFrame(columns=list(TABLES["teacher_answers"]))], {}
    for seed, module in modules.items():
        failed = module.failed_at_step
        if failed is None:
            load_tensors(model, module.tensors)
            found = {split: log_likelihoods(model, own, host.task, settings.batch_size) for split, own in texts.items()}
            if all(np.isfinite(likelihoods).all() for likelihoods in found.values()):
                rows += [answer_rows(seed, split, texts[split], among(found[split])) for split in SPLITS]
            else:
                failed = 0
        if failed is not None:
            print(f"seed {seed}: this teacher has failed, and answers nothing", flush=True)
        facts[str(seed)] = _facts(module) | {"failed_at_step": failed}
    return pd.concat(rows[1:] or rows, ignore_index=True), facts


def among(likelihoods: np.ndarray) -> np.ndarray:
    """Log-probabilities of the label words among the label words, nats, of their log-likelihoods, (texts, words)."""
    return likelihoods - np.logaddexp.reduce(likelihoods, axis=1, keepdims=True)


def _facts(module: Module) -> JsonObject:
    card = module.card
    return {
        "host": card.get("host"),
        "host_sha256": card.get("host_sha256"),
        "dataset": card.get("dataset"),
        "module": {key: card.get(key) for key in ("seed", "key", "weights_sha256")},
    }


def _check_head(module: Module, words: list[str]) -> None:
    if module.head and module.card["labels"] != words:
        raise ValueError(
            f"the source module's classification head answers {', '.join(module.card['labels'])}, and cannot teach a "
            f"dataset with the label words {', '.join(words)}"
        )
