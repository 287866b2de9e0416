"""A module that exists already, made by whomever with peft: taken into a study as its own modules are.

It is put into its host once, so that whatever does not fit is known before anything is trained. What the study goes on
with is a float32 copy under the names and in the form that its own modules have; the files lie beside it as they came.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from transformers import PreTrainedModel

from peftport.adapters.config import normalised
from peftport.adapters.declared import KnownHost, declared
from peftport.adapters.folder import Adapter, file_inside, not_finite, read_adapter
from peftport.adapters.form import tensors_of
from peftport.hosts.classification_head import load_with_head
from peftport.hosts.locate import known_folder
from peftport.injection.attach import attach, config_dict, load_tensors, module_tensors
from peftport.injection.head import Head
from peftport.storage.cards import read_card
from peftport.storage.files import atomic_write, file_digest
from peftport.storage.modules import CONFIG, WEIGHTS, Module, write_module
from peftport.storage.parquet import write_table
from peftport.storage.provenance import JsonObject
from peftport.storage.tensor_table import describe
from peftport.techniques.table import note

AS_GIVEN = "as-given"  # beside the seeds' folders
ADAPTER = "default"  # peft's name of the one adapter in a model


@dataclass(frozen=True)
class Existing:
    """What is known of a module that exists already.

    Attributes:
        folder: where it lies; only read.
        initial: where the initial state of a LoRA by PiSSA or OLoRA lies, if it has one.
        technique: its form, as settings of a technique.
        origin: its entry in the config.
        dataset: dataset of the task that it was trained for.
        labels: that dataset's label words in the study's order, where the host has a classification head; else None.
        outputs: the same words in the order of the outputs of the module's head.
    """

    folder: Path
    initial: Path | None
    technique: JsonObject
    origin: JsonObject
    dataset: str
    labels: Sequence[str] | None = None
    outputs: Sequence[str] = ()


def admit_module(card_file: Path, existing: Existing, folders: dict[int, Path], provenance: JsonObject) -> None:
    """Write the module once for each seed, and beside the seeds' folders its files as they came.

    Args:
        card_file: of the host that it was trained in.
        folders: seed to directory to write.

    Raises:
        ValueError: it does not fit the host, or has entries that are no finite numbers.
    """
    card, adapter = read_card(card_file), read_adapter(existing.folder)
    tensors = tensors_of(adapter, None if existing.initial is None else read_adapter(existing.initial))
    if wrong := not_finite(tensors):
        raise ValueError(f"{adapter.folder / WEIGHTS}: {wrong[0]} has entries that are NaN or infinite")
    labels, parts = existing.labels, tuple(card.get("head_parts", ()))
    host = load_with_head(known_folder(card), None if labels is None else len(labels))
    if parts:
        tensors = in_order(tensors, parts[-1], [existing.outputs.index(word) for word in labels])
    try:
        module = as_own(host, existing.technique, tensors, Head(parts, "source") if parts else None)
    except ValueError as error:
        raise ValueError(f"{existing.folder} in host `{card['host']}`: {error}") from error
    given = {name: file_digest(adapter.folder / name) for name in (CONFIG, WEIGHTS)}
    facts = {
        "technique": existing.technique["method"],
        "settings": existing.technique,
        "note": note(existing.technique),
        "host": card["host"],
        "host_model_type": card["model_type"],
        "host_shape": card["shape"],
        "host_sha256": card["weights_sha256"],
        "dataset": existing.dataset,
        "existing": {"origin": existing.origin, "files": given, **says(adapter, card)},
        **({} if existing.labels is None else {"labels": list(existing.labels)}),
    }
    for line in told(facts["existing"]):
        print(line)
    for seed, folder in folders.items():
        written = replace(module, card=facts | {"seed": seed} | provenance)
        write_module(folder, written)
        write_table(Path(folder) / "tensors.parquet", describe(written), "tensors", provenance)
    for name in given:
        _keep(file_inside(adapter.folder, name), next(iter(folders.values())).parent / AS_GIVEN / name)


def says(adapter: Adapter, card: JsonObject) -> JsonObject:
    """What an adapter says that it is, and how its base compares with the host."""
    config, origin = normalised(adapter), card["origin"]
    names = [origin.get("hub", {}).get("id") or Path(origin.get("path") or card["host"]).name, card["host"]]
    host = KnownHost(f"the host `{card['host']}`", known_folder(card), names, card.get("commit"))
    return {
        "base": config.base,
        "revision": config.revision,
        "base_found": "; ".join(compared.text for compared in declared(config, host)),
        "peft_version": config.peft_version,
        "number_types": sorted({fact.dtype for fact in adapter.tensors.values()}),
    }


def told(existing: JsonObject) -> list[str]:
    """What a log says of it, one sentence a line."""
    return [
        f"note: {existing['base_found']}",
        f"note: kept as {', '.join(existing['number_types'])}; the study computes with float32 copies",
    ]


def in_order(tensors: dict[str, np.ndarray], part: str, order: Sequence[int]) -> dict[str, np.ndarray]:
    """The tensors with the outputs of a classification head in another order.

    Args:
        part: the submodule that makes the answers; the tensors of its last layer have one row per output.
        order: the places of the outputs now, in the order that is wanted.
    """
    rows = {name for name, tensor in tensors.items() if f".{part}." in name and len(tensor) == len(order)}
    return {name: tensor[list(order)] if name in rows else tensor for name, tensor in tensors.items()}


def as_own(host: PreTrainedModel, technique: JsonObject, tensors: dict[str, np.ndarray], head: Head | None) -> Module:
    """The module as the study's own are: put into its host and read from there.

    Args:
        technique: its form, as settings of a technique.

    Raises:
        ValueError: it does not fit the host; the message lists missing, extra and mis-shaped tensors.
    """
    model = attach(host, technique["method"], technique, trainable=False, head=head)
    load_tensors(model, without_drawn(model, tensors))
    return Module(config_dict(model), module_tensors(model), {})


def without_drawn(model: PeftModel, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors without frozen ones that all sites share, which the technique draws again from its seed.

    Raises:
        ValueError: what was drawn here are other numbers.
    """
    there = dict(model.named_buffers(remove_duplicate=False))
    drawn = {name: there[f"{name}.{ADAPTER}"] for name in tensors if f"{name}.{ADAPTER}" in there}
    for name, tensor in drawn.items():
        if not np.array_equal(tensor.float().numpy(), tensors[name]):
            raise ValueError(
                f"{name} is frozen and drawn from a seed, and torch {torch.__version__} draws other numbers than the "
                "file holds (or it holds them in fewer bits): what was trained beside it means nothing here"
            )
    return {name: tensor for name, tensor in tensors.items() if name not in drawn}


def _keep(source: Path, target: Path) -> None:
    """A copy of a file as it came."""
    with atomic_write(target) as partial:
        shutil.copyfile(source, partial)
