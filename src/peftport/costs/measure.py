"""Measure every technique of a study in one host: what it adds, and what it takes beside the bare host.

Two models stand side by side in one process: the host that modules enter, and a copy of it that is finetuned in full
and, in inference, is the bare host. Its learning rate is zero, so that it stays that. Times are taken in turns.
"""

import copy
import platform
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from peft import PeftModel
from safetensors.numpy import save
from torch import Tensor, nn
from transformers import PreTrainedModel

from peftport.compute.device import job_device
from peftport.compute.host_inputs import HostInputs, HostWithTask
from peftport.costs.clock import in_turns, middle, ratio
from peftport.costs.memory import peak_bytes
from peftport.costs.uses import shared, uses, workspace
from peftport.hosts.families.table import family
from peftport.hosts.precision import QUANTISED
from peftport.injection.attach import attach, detach, module_tensors, trainable_parameters
from peftport.injection.head import Head
from peftport.prompting.encoded import read_encoded
from peftport.prompting.template import TaskSettings
from peftport.settings import CostSettings, TrainingSettings
from peftport.storage.modules import TENSOR_NAME
from peftport.storage.provenance import JsonObject
from peftport.storage.tables import TABLES, Row
from peftport.techniques.settings import technique_settings
from peftport.techniques.table import method
from peftport.training.loop import train_module_only

Batch = dict[str, Tensor]
TIMED = ("step_over_full", "step_over_bare", "forward_over_bare")


def measure_costs(
    inputs: HostInputs,
    techniques: dict[str, JsonObject],
    training: TrainingSettings,
    task: TaskSettings,
    settings: CostSettings,
) -> pd.DataFrame:
    """The table ``costs`` of one host.

    Args:
        inputs: the host's card, and the prompts of ``train`` for it, whose first are the batch.
        techniques: settings by the techniques' names in the study.
        training: the study's section; of it batch size and clipping count.
        task: template and label words.
        settings: the study's section ``costs``.
    """
    known = HostWithTask.read(inputs.card, task)
    card, host = known.card, known.load(measured_in(known.card))
    if measured_in(card) in QUANTISED:  # whole numbers have no gradient
        settings = settings.model_copy(update={"full_finetuning": False})
    examples = read_encoded(inputs.train, known.task.words)
    batch = known.task.batch(examples, np.arange(min(len(examples), training.batch_size)), job_device())
    bench = Bench(host, batch, training.gradient_clip, settings)
    head = Head(known.parts, "source") if known.parts else None
    rows = []
    for name, technique in techniques.items():
        model = attach(host, technique["method"], technique, seed=0, head=head)
        row = described(model, batch, card, technique) | bench.costs(model)
        rows.append({"technique": name, "target_host": card["host"], "machine": machine()} | row)
        print(f"{name}: " + ", ".join(f"{key} {row[key]}" for key in ("parameters", *TIMED)), flush=True)
        host = detach(model)
    return pd.DataFrame(rows, columns=list(TABLES["costs"]))


def measured_in(card: JsonObject) -> str:
    """The numbers that a host's costs are measured in: the host's own precision, or float32 where its card has none."""
    return card.get("precision", "float32")


def described(model: PeftModel, batch: Batch, card: JsonObject, technique: JsonObject) -> Row:
    """What a module is made of, counted on the host: parameters, insertions, parts touched, tensors shared.

    Args:
        technique: its settings, ``method`` among them.
    """
    settings = technique_settings(technique["method"], technique)
    kinds = method(technique["method"]).site_kinds(settings, family(card["model_type"]))
    sizes = {name: parameter.numel() for name, parameter in trainable_parameters(model).items()}
    sites, tensors = uses(model, batch), module_tensors(model)
    several = shared(sites)
    only = "encoder" if card["shape"]["encoder_layers"] else "decoder"
    per_layer, inserted = in_layers(sizes, only), in_layers(dict.fromkeys(sites, 1), only)
    return {
        "parameters": sum(sizes.values()),
        "encoder_layer_parameters": per_layer["encoder"],
        "decoder_layer_parameters": per_layer["decoder"],
        "other_parameters": sum(size for name, size in sizes.items() if not TENSOR_NAME.search(name)),
        "shared_parameters": sum(sizes[name] for name in several),
        "host_parameters": card["parameters"],
        "storage_bytes": len(save(tensors, metadata={"format": "pt"})),
        "insertions": len(sites),
        "encoder_layer_insertions": inserted["encoder"],
        "decoder_layer_insertions": inserted["decoder"],
        "workspace": " + ".join(workspace(sites, card["model_type"], kinds)).replace("_", " "),
    }


def in_layers(sizes: dict[str, int], only: str) -> dict[str, int]:
    """Sum of sizes in a layer of each stack, by the names' places; of the largest layer where layers differ.

    Args:
        only: the stack of names that say none, in a host that has one stack.
    """
    totals: dict[tuple[str, str], int] = {}
    for name, size in sizes.items():
        if match := TENSOR_NAME.search(name):
            key = (match["stack"] or only, match["layer"])
            totals[key] = totals.get(key, 0) + size
    return {
        stack: max((total for (where, _), total in totals.items() if where == stack), default=0)
        for stack in ("encoder", "decoder")
    }


class Bench:
    """Times and memory of one host with and without a module.

    Args:
        host: frozen; only copied here.
        batch: what every step and forward pass reads.
        clip: largest norm of the gradient.
        settings: the study's section ``costs``.
    """

    def __init__(self, host: PreTrainedModel, batch: Batch, clip: float, settings: CostSettings) -> None:
        self.batch, self.clip, self.rounds, self.device = batch, clip, settings.repetitions, host.device
        self.host_bytes = sum(part.numel() * part.element_size() for part in (*host.parameters(), *host.buffers()))
        self.other = copy.deepcopy(host).eval()
        self.full_step, self.full_bytes = None, None
        self.bare_bytes = self.host_bytes + self._peak(self._forward(self.other))
        if settings.full_finetuning:
            self.other.requires_grad_(True)
            self.full_step = self._step(self.other)
            self.full_bytes = self.host_bytes + self._peak(self.full_step, self.full_step)

    def costs(self, model: PeftModel) -> Row:
        """The columns of the table ``costs`` that say what a module takes. Its values are left as they are."""
        step = self._step(model, lambda: train_module_only(model))
        own = sum(part.numel() * part.element_size() for part in trainable_parameters(model).values())
        step_bytes = self.host_bytes + own + self._peak(step, step)
        forward_bytes = self.host_bytes + own + self._peak(self._forward(model))
        actions = {"bare": self._forward(self.other), "step": step, "forward": self._forward(model)}
        seconds = in_turns(actions | ({"full": self.full_step} if self.full_step else {}), self.rounds, self.device)
        return {
            "bare_forward_seconds": middle(seconds, "bare"),
            "full_step_seconds": middle(seconds, "full"),
            "step_seconds": middle(seconds, "step"),
            "forward_seconds": middle(seconds, "forward"),
            "step_over_full": ratio(seconds, "step", "full"),
            "step_over_bare": ratio(seconds, "step", "bare"),
            "forward_over_bare": ratio(seconds, "forward", "bare"),
            "bare_forward_bytes": self.bare_bytes,
            "full_step_bytes": self.full_bytes,
            "step_bytes": step_bytes,
            "forward_bytes": forward_bytes,
        }

    def _peak(self, *actions: Callable[[], Any]) -> int:
        return peak_bytes(self.device.type, *actions)

    def _forward(self, model: nn.Module) -> Callable[[], None]:
        def forward() -> None:
            model.eval()
            with torch.inference_mode():
                model(**self.batch)

        return forward

    def _step(self, model: nn.Module, prepare: Callable[[], None] = lambda: None) -> Callable[[], None]:
        """A training step as ``peftport.compute.optimisation`` takes it, with a learning rate of zero."""
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimiser = torch.optim.AdamW(parameters, lr=0.0, weight_decay=0.0, foreach=True)

        def step() -> None:
            prepare()
            loss = model(**self.batch).loss
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, self.clip)
            optimiser.step()

        return step


def machine() -> str:
    """What the times are taken on, in words."""
    if job_device().type == "cuda":
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"{platform.machine()} processor, {threads} thread{'' if threads == 1 else 's'}"
