"""Starts that are fitted to their target host: a host, texts of the target dataset, and modules to fit in it."""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel

from peftport.hosts.classification_head import load_with_head
from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.injection.attach import attach_module, load_tensors
from peftport.matching.added import Batch
from peftport.matching.fit import fit
from peftport.prompting.batches import test_order
from peftport.prompting.encoded import read_encoded
from peftport.prompting.lm_types.table import CLASSIFIER
from peftport.prompting.task import Task
from peftport.prompting.template import TaskSettings
from peftport.storage.cards import read_card
from peftport.storage.modules import Module
from peftport.storage.provenance import JsonObject
from peftport.techniques.table import method_of_type

TEXTS = 128  # of the training split, its first ones: what sizes are measured on
TOGETHER = 32  # texts in a pass


class Fitting:
    """Fits drawn modules in one target host; the host and the texts are read when the first of them needs them.

    The host computes on the CPU in float32, whatever the study trains on and in, so that a start depends on neither. No
    label is used: where a host of this kind reads an answer behind its prompt, the texts are answered by the label
    words in turn.

    Args:
        card: the target host's card file.
        prompts: the prompts of the target dataset's training split, as the host reads them.
        task: template and label words of the target dataset.
    """

    def __init__(self, card: Path, prompts: Path, task: TaskSettings) -> None:
        self.card, self.prompts, self.task = read_card(card), prompts, task
        self._model: PeftModel | None = None

    def __call__(self, module: Module, drawn: Module) -> tuple[Module, JsonObject]:
        """The drawn module as large as the ported one, and what its card says about that.

        Raises:
            ValueError: the technique does not say what its modules add, or as ``fit`` says.
        """
        name = module.config["peft_type"]
        if (output := getattr(method_of_type(name), "OUTPUT", None)) is None:
            raise ValueError(f"the technique {name!r} does not say what its modules add to a host")
        return fit(module, drawn, output, self.put, lambda: self.batches)

    def put(self, module: Module) -> PeftModel:
        """The host with this module in it, in the place of the one before."""
        if self._model is None:
            labels = len(module.card["labels"]) if module.head else None
            host = load_with_head(known_folder(self.card), labels)
            self._model = attach_module(host, module, trainable=False).eval()
        else:
            load_tensors(self._model, module.tensors)
        return self._model

    @cached_property
    def batches(self) -> list[Batch]:
        """The texts as the host's arguments."""
        task = Task.for_host(self.task, load_tokenizer(known_folder(self.card)), self.card)
        batches = unlabelled(task, self.prompts)
        if self.card["lm_type"] == CLASSIFIER:  # the head may be of a dataset with other labels
            batches = [{name: own for name, own in batch.items() if name != "labels"} for batch in batches]
        return batches


def unlabelled(task: Task, prompts: Path) -> list[Batch]:
    """The first texts of a split as a host's arguments, with answers that tell nothing of the right ones."""
    data = task.in_turn(read_encoded(prompts, task.words).first(TEXTS))
    return [
        task.batch(data, indices, torch.device("cpu"))
        for indices in test_order(np.asarray([*map(len, data.prompts)]), TOGETHER)
    ]
