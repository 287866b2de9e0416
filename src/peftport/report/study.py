"""What the report says about a study beside its tables: hosts, datasets, rules, and what it cost."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import yaml

from peftport.data.settings import DatasetSettings
from peftport.figures.style import metric_name
from peftport.jobs.cost import COLUMNS
from peftport.porting.table import initialisation
from peftport.prompting.lengths import CAVEAT, cut_notes, read_lengths
from peftport.report.carrying import told_of_maps
from peftport.report.facts import Cost, NamedSettings, StudyFacts
from peftport.storage.cards import read_card
from peftport.storage.parquet import read_provenance
from peftport.storage.provenance import JsonObject, versions
from peftport.study.chats import chatting
from peftport.study.classification import head_notes
from peftport.study.derived_datasets import root
from peftport.study.distillation import distil_notes, taught_in
from peftport.study.existing import module_notes
from peftport.study.maps import instead_notes
from peftport.study.precisions import own_precisions
from peftport.study.study import Study
from peftport.study.training_steps import optimiser_steps, warmup_warnings

LENGTHS = ("prompts", "longest_prompt", "longest_allowed", "cut", "cut_tokens")  # of prompts, in tokens
REMEDY = "what a text said behind that no host read: raise training.max_tokens, if the host has room"
# what is said of a host that was converted, by the format of its files
CONVERTED = {
    "gguf": "quantised (GGUF, most weights {type}) and dequantised to float32",
    "pickle": "pickled weights written as safetensors",
}


def describe_study(
    study: Study, cards: Sequence[str], datasets: Sequence[str], prompts: Sequence[str], maps: Sequence[str] = ()
) -> StudyFacts:
    """What the page tells of a study beside its tables.

    Args:
        study: the study, without definitions that the grid does not pick.
        cards: files of the hosts' cards, in the order of the study's hosts.
        datasets: files of the training splits of the study's datasets, then of those derived from them.
        prompts: files of the prompts that the study's trainings and tests read.
        maps: files of the cards of the study's maps.
    """
    config = study.config
    cards = {name: read_card(file) for name, file in zip(study.hosts, cards, strict=True)}
    lengths, cut = told_of_prompts(prompts)
    splits = dict(zip((*study.datasets, *study.derived), datasets, strict=True))
    return StudyFacts(
        name=study.name,
        description=config.title,
        rules={name: initialisation(name).rule for name in study.grid.initialisations},
        maps=told_of_maps(maps),
        reconstructions=config.reconstructions,
        hosts={name: _host(card) | _precision(study, name) | _chat(study, card) for name, card in cards.items()},
        host_notes=host_notes(list(cards.values())),
        datasets={name: _dataset(file, config.datasets[root(name)]) for name, file in splits.items()}
        | {name: {"mixture": _weights(config.datasets[name])} for name in study.mixtures},
        prompts=lengths,
        config=yaml.safe_dump(config.as_json(), sort_keys=False),
        settings=NamedSettings(
            margin=config.statistics.margin,
            source_steps=config.training.source_steps,
            distil_steps=config.distil.steps if taught_in(study) else None,
            warnings=[
                *warmup_warnings(study.budgets, config.training.warmup_steps),
                *head_notes(study),
                *distil_notes(study),
                *module_notes(study),
                *instead_notes(study),
                *cut,
                *template_notes(study, cards),
            ],
        ),
    )


def host_notes(cards: Sequence[JsonObject]) -> list[str]:
    """Sentences on hosts, from their cards: how a recipe was chosen, what became of one that was trained further, in
    which coordinates one was written."""
    chosen = dict.fromkeys(card["choice"] for card in cards if card["choice"])
    further = [_further(card) for card in cards if card.get("further")]
    return [*chosen, *further, *(_rewritten(card) for card in cards if card.get("rewritten"))]


def told_of_prompts(files: Sequence[str]) -> tuple[dict[str, JsonObject], list[str]]:
    """Lengths of prompts by dataset, split and host; and a sentence for every split of which too much was cut."""
    read = read_lengths(files)
    lengths = {
        f"{row['dataset']}, {row['split']}, in host {row['host']}": {name: row[name] for name in LENGTHS}
        | ({"drawn": row["drawn"]} if "drawn" in row else {})
        for row in read
    }
    return lengths, [f"{note}; {REMEDY}" for note in cut_notes(read, CAVEAT)]


def describe_cost(study: Study, benchmarks: Path) -> Cost:
    """What the study's files cost: jobs, their wall time, optimiser steps, the largest memory, on which machine.

    Args:
        benchmarks: folder of what the jobs cost (``peftport.jobs.cost``); the last run of every job counts.
    """
    jobs = [pd.read_csv(file, sep="\t") for file in sorted(benchmarks.rglob("*.tsv"))]
    table = pd.concat(jobs, ignore_index=True) if jobs else pd.DataFrame(columns=list(COLUMNS))
    return Cost(
        jobs=len(table),
        wall_seconds=float(table["wall_seconds"].sum()),
        largest_job_mebibytes=round(float(table["peak_mebibytes"].max())) if len(table) else 0,
        optimiser_steps=optimiser_steps(study),
        machine=f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        versions=versions() | {"python": platform.python_version()},
    )


def _host(card: JsonObject) -> JsonObject:
    shape = card["shape"]
    return {
        "origin": _origin(card),
        "commit": card["commit"] or "none",
        "family": card["model_type"],
        "parameters": card["parameters"],
        "width": shape["d_model"],
        "layers": f"{shape['encoder_layers']} + {shape['decoder_layers']}",
        "vocabulary": shape["vocabulary"],
        "separate output layer": card["separate_output_layer"],
        "weights (SHA-256)": card["weights_sha256"][:16],
    } | ({"head": f"classification; {', '.join(card['head_parts'])} of the module"} if "head" in card else {})


def _precision(study: Study, host: str) -> JsonObject:
    """The numbers of a host's weights, in a study where a host has a precision of its own."""
    precisions = own_precisions(study)
    return {"precision": precisions[host]} if host in precisions else {}


def _chat(study: Study, card: JsonObject) -> JsonObject:
    """The chat template of a host, in a study whose prompts go through it."""
    return {"chat template (SHA-256)": card["chat_template_sha256"][:12]} if chatting(study) else {}


def template_notes(study: Study, cards: Mapping[str, JsonObject]) -> list[str]:
    """A sentence for every transfer between hosts of different chat templates, in a study that uses them."""
    notes = []
    for transfer in study.grid.transfers if chatting(study) else []:
        source, target = (cards[host]["chat_template_sha256"][:12] for host in (transfer.source, transfer.target))
        if source != target:
            notes.append(
                f"the hosts {transfer.source} and {transfer.target} have different chat templates ({source} and "
                f"{target}), so that between them prompts change as well as weights"
            )
    return notes


def _origin(card: JsonObject) -> str:
    """Where a host comes from, and from what it was converted."""
    said = [
        f"{kind} {value}" for kind, value in card["origin"].items() if kind not in ("build", "convert", "precision")
    ]
    if (converted := card.get("converted")) is not None:
        said.append(CONVERTED[converted["format"]].format(**converted))
    if (further := card.get("further")) is not None:
        said.append(f"trained further from {further['base']}")
    if (rewritten := card.get("rewritten")) is not None:
        said.append(f"{rewritten['base']} in other coordinates")
    return ", ".join(said) or "built by the study"


def _further(card: JsonObject) -> str:
    """What became of a host that was trained further: one sentence."""
    said = card["further"]
    before, after = said["perplexity"]["before"], said["perplexity"]["after"]
    windows, tokens = said["held_out"]["windows"], said["held_out"]["tokens"]
    layers = "" if (kept := said["kept_layers"]) is None else f" with its layers {', '.join(map(str, kept))} alone,"
    return (
        f"{card['host']} is {said['base']}{layers} after {said['steps']:,} further steps ({said['objective']}): "
        f"its weights have moved by {said['drift']['total']:.2%} of their size (relative Frobenius norm), and its "
        f"perplexity on text that was held out ({windows} windows of {tokens} tokens) went from {before:.2f} to "
        f"{after:.2f}."
    )


def _rewritten(card: JsonObject) -> str:
    """What was changed of a host that was written in other coordinates, and that it computes the same: one sentence."""
    said = card["rewritten"]
    changes = ", ".join(f"{part} by a {how}" for part, how in said["coordinates"].items())
    return (
        f"{card['host']} is {said['base']} in other coordinates ({changes}) and computes the same: its answers to "
        f"{said['asked']['texts']} rows of random tokens differ by at most {said['logits_difference']:.1e} of the "
        "largest."
    )


def _dataset(file: str, definition: DatasetSettings) -> JsonObject:
    facts = read_provenance(file)["facts"]
    counts = {split: sum(labels.values()) for split, labels in facts["examples"].items()}
    removed, changed = facts.get("removed", {}), facts.get("labels_changed", {})
    return {
        "source": definition.source.kind,
        **{f"{split} examples": number for split, number in counts.items()},
        "duplicates dropped": facts["duplicates_dropped"],
        **({"faulty rows left out": facts["left_out"]} if "left_out" in facts else {}),
        **{f"{split} texts that stand in the target's test set, removed": count for split, count in removed.items()},
        **{f"{split} labels exchanged": count for split, count in facts.get("labels_exchanged", {}).items()},
        **{f"{split} labels changed by shuffling": count for split, count in changed.items()},
        **_answered(definition),
        "prompt": definition.template if definition.source.lm_eval is None else "that of the task",
        **_conversation(definition),
    }


def _weights(definition: DatasetSettings) -> str:
    """The members of a mixture with their weights."""
    return ", ".join(f"{name} {weight:g}" for name, weight in (definition.mixture or {}).items())


def _conversation(definition: DatasetSettings) -> JsonObject:
    """What is said of a prompt that is a message of a chat."""
    if not definition.chat:
        return {}
    system = definition.system
    return {
        "asked by": "the host's chat template" + ("" if system is None else f", after the system message: {system}")
    }


def _answered(definition: DatasetSettings) -> JsonObject:
    """What a host answers, and how that is scored where it is not by accuracy."""
    if definition.words:
        return {"label words": ", ".join(definition.words)}
    return {"kind": definition.kind.replace("_", " "), "score": metric_name(definition.metric)}
