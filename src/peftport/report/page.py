"""The page: verdict, figures and tables in one HTML file that needs no network."""

import re
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from peftport.figures import (
    cross_task,
    dials,
    learning_curves,
    paired_differences,
    portability_matrix,
    technique_properties,
    what_survives,
)
from peftport.figures.style import score_name
from peftport.figures.table import caption
from peftport.jobs.duration import duration
from peftport.report import numbers
from peftport.report.carrying import fits
from peftport.report.cross_task import from_task_to_task
from peftport.report.dials import along_dials
from peftport.report.distillation import distillation, named
from peftport.report.facts import Cost, StudyFacts
from peftport.report.merging import merging
from peftport.report.phrases import count
from peftport.report.properties import structure
from peftport.report.recommendation import RULE, recommendations
from peftport.report.verdict import verdict
from peftport.storage.files import write_text

CAPTIONS = {
    "dials": ("Along the dials", dials.CAPTION),
    "cross_task": ("From task to task", cross_task.CAPTION),
    "what_survives": ("What survives in other coordinates", what_survives.CAPTION),
    "portability_matrix": ("Portability matrix", portability_matrix.CAPTION),
    "learning_curves": ("Learning curves", learning_curves.CAPTION),
    "paired_differences": ("Paired differences", paired_differences.CAPTION),
    "technique_properties": ("Portability and structure", technique_properties.CAPTION),
}
QUESTION = (
    "Parameter-efficient finetuning puts a task into a small module beside a frozen language model, its host. "
    "When the module is moved to another host, how much of the task goes with it? A module that carries the task must "
    "do better there than a module trained from scratch for as long, better than numbers drawn from its own "
    "distribution, and better than such numbers scaled until they change the host as much as the module does."
)
LONG = 30  # rows above which a table is folded away


def write_report(
    path: str | Path,
    study: StudyFacts,
    tables: dict[str, pd.DataFrame],
    figures: dict[str, Path],
    cost: Cost,
) -> None:
    """Write the report of a study, and the first sentence of its verdict to ``verdict.txt`` beside it.

    Args:
        path: the HTML file.
        study: what is told of it beside its tables.
        tables: `portability`, and where there are any `contrasts`, `carried`, `advice`, `asymmetry`, `techniques`,
            `runs`, `references`, `overlap`.
        figures: SVG files by the name of their figure.
        cost: what it took.

    Raises:
        ValueError: table `portability` is missing, or a figure is no SVG; the message says which.
    """
    if "portability" not in tables:
        raise ValueError(f"the report needs the table 'portability'; it was given {sorted(tables)}")
    source = resources.files("peftport.report").joinpath("template.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["code"] = as_code
    content = _content(study, tables, figures, cost)
    write_text(Path(path).with_name("verdict.txt"), f"{content['verdict'].answer[0]}\n")
    write_text(path, environment.from_string(source).render(**content))


def _content(
    study: StudyFacts, tables: dict[str, pd.DataFrame], figures: dict[str, Path], cost: Cost
) -> dict[str, Any]:
    """Everything that the template shows."""
    summary, runs = (named(tables.get(name, pd.DataFrame()), study.settings) for name in ("portability", "runs"))
    contrasts, advice, overlap = (tables.get(name, pd.DataFrame()) for name in ("contrasts", "advice", "overlap"))
    ordered = [name for name in CAPTIONS if name in figures] + [name for name in figures if name not in CAPTIONS]
    references = tables.get("references", runs.head(0))
    return {
        "name": study.name,
        "description": study.description,
        "question": QUESTION,
        "size": _size(summary, runs),
        "verdict": verdict(tables, study.settings),
        "dials": along_dials(tables),
        "cross_task": from_task_to_task(tables),
        "advice": recommendations(advice),
        "rule": RULE.format(margin=f"{100 * study.settings.margin:g}"),
        "ways": numbers.ways(advice) if len(advice) else None,
        "figures": [
            {"name": name, "title": title, "caption": text, "svg": inline_svg(figures[name], name)}
            for name in ordered
            for title, text in [CAPTIONS.get(name) or (name.replace("_", " ").capitalize(), caption(name))]
        ],
        "structure": structure(tables),
        "accuracies": numbers.accuracies(summary),
        "differences": numbers.differences(contrasts) if len(contrasts) else None,
        "second_yardstick": numbers.second_yardstick(summary),
        "rates": numbers.rates(pd.concat([runs, references])),
        "failed_runs": numbers.failures(pd.concat([runs, references])),
        "generated": numbers.generated(runs),
        "merging": merging(runs),
        "distillation": distillation(tables, study.settings),
        "further_scores": numbers.further_scores(pd.concat([runs, references])),
        "score": score_name(summary),
        "hosts": numbers.facts(study.hosts),
        "host_notes": study.host_notes,
        "datasets": numbers.facts(study.datasets),
        "prompts": numbers.facts(study.prompts),
        "rules": study.rules,
        "maps": study.maps,
        "fits": fits(study.maps),
        "overlap": numbers.overlaps(overlap) if "overlap" in tables else None,
        "reconstructions": study.reconstructions,
        "cost": _cost(cost),
        "versions": cost.versions,
        "failed": cost.failed,
        "config": study.config,
        "long": LONG,
    }


def as_code(sentence: str) -> Markup:
    """A sentence as HTML, with what stands in backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))


def _size(summary: pd.DataFrame, runs: pd.DataFrame) -> str:
    """How large the study is, in one line."""
    total = len(runs) if len(runs) else int(summary["seeds"].sum())
    moves = len(summary[["source_host", "target_host", "map"]].drop_duplicates())
    parts = [(total, "run"), (summary["technique"].nunique(), "technique"), (moves, "transfer")]
    parts.append((int(summary["seeds"].max()) if len(summary) else 0, "seed"))
    line = ", ".join(f"{number:,} {thing}{'' if number == 1 else 's'}" for number, thing in parts)
    if len(runs):
        tested = sorted({int(number) for number in runs["test_examples"]})
        line += f", {' or '.join(f'{number:,}' for number in tested)} test examples"
    if len(runs) and (failed := int(runs["score"].isna().sum())):
        line += f"; {count(failed, 'run')} failed"
    return line


def _cost(cost: Cost) -> dict[str, str]:
    """What the study took, by name."""
    names = {"wall_seconds": "wall time", "optimiser_steps": "optimiser steps"}
    named = {}
    for key, value in vars(cost).items():
        if key in ("versions", "failed") or value is None:
            continue
        named[names.get(key, key.replace("_", " "))] = (
            duration(value) if key == "wall_seconds" else numbers.written(value)
        )
    return named


def inline_svg(path: str | Path, name: str) -> Markup:
    """The `svg` element of a file, with ids of its own, so that several fit on one page.

    Raises:
        ValueError: the file holds no SVG.
    """
    text = Path(path).read_text(encoding="utf-8")
    element = re.search(r"<svg\b.*</svg>", text, flags=re.DOTALL)
    if not element:
        raise ValueError(f"{path} holds no SVG")
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<script\b.*?</script>", "", element.group(), flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    return Markup(re.sub(r"url\(#", f"url(#{name}-", svg))
