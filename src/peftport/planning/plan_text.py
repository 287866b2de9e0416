"""A plan as aligned plain text."""

import importlib.util
from collections.abc import Iterable, Sequence

from peftport.planning.plan import Download, JobNumbers, MadeAgain, OptimiserSteps, Plan, StageJobs, TrainingsByKind
from peftport.storage.hub import is_offline

SHOWN = 12  # jobs listed one by one


def plan_text(plan: Plan) -> str:
    """The plan of ``peftport.planning.plan.make_plan``, for people."""
    parts = [
        [f"study {plan.study} -> {plan.results}/"],
        size(plan),
        trainings(plan.trainings, plan.optimiser_steps),
        jobs(plan.stages, plan.jobs),
        made_again(plan.made_again),
        downloads(plan.downloads),
        chat_templates(plan.chat_templates),
        precisions(plan.precisions),
        [f"warning: {one}" for one in plan.warnings],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def size(plan: Plan) -> list[str]:
    """Rows of the tables."""
    lines = [
        ("runs", f"{plan.runs:,}", "rows of tables/runs.parquet"),
        ("references", f"{plan.references:,}", "rows of tables/references.parquet, not counted as runs"),
    ]
    return aligned(lines, "<><")


def trainings(numbers: TrainingsByKind, steps: OptimiserSteps) -> list[str]:
    """Trainings as jobs and as modules, and optimiser steps."""
    source, target = numbers.source, numbers.target
    total, left = steps.modules, steps.modules_to_do
    lines = [
        ("trainings", "jobs", "modules", ""),
        ("  source modules", f"{source.jobs:,}", f"{source.modules:,}", "one per seed"),
        (
            "  in target hosts",
            f"{target.jobs:,}",
            f"{target.modules:,}",
            "all budgets of a seed are one training",
        ),
    ]
    counted = [
        ("optimiser steps", "all", "to do"),
        ("  of modules", f"{total:,}", f"{left:,}"),
    ]
    if numbers.host.jobs:
        lines.append(("  hosts built", f"{numbers.host.jobs:,}", "", ""))
        counted.append(("  of hosts", f"{steps.hosts:,}", f"{steps.hosts_to_do:,}"))
    return [*aligned(lines, "<>><"), "", *aligned(counted, "<>>")]


def jobs(stages: list[StageJobs], total: JobNumbers) -> list[str]:
    """Jobs by stage: all, up to date, to do and why."""
    lines = [("jobs by stage", "all", "up to date", "to do", "")]
    for one in stages:
        why = ", ".join(
            reason if number == one.to_do else f"{number:,} {reason}" for reason, number in one.reasons.items()
        )
        lines.append((f"  {one.stage}", f"{one.jobs:,}", f"{one.up_to_date:,}", f"{one.to_do:,}", why))
    last = "" if total.to_do else "nothing to be done"
    lines.append(("  total", f"{total.all:,}", f"{total.up_to_date:,}", f"{total.to_do:,}", last))
    return aligned(lines, "<>>><")


def made_again(listed: list[MadeAgain]) -> list[str]:
    """Jobs whose files are there and out of date, the causes before what follows from them."""
    if not listed:
        return []
    lines = [(f"  {one.stage}", " ".join(one.names.values()), one.reason) for one in listed[:SHOWN]]
    more = [f"  and {len(listed) - SHOWN:,} more (--json lists all)"] if len(listed) > SHOWN else []
    return ["made again", *aligned(lines, "<<<"), *more]


def downloads(needed: list[Download]) -> list[str]:
    """What comes from a hub, and whether it is in the local cache."""
    if not needed:
        return ["nothing to download"]
    lines = [(f"  {one.kind} {one.name}", f"{one.id}, revision {one.revision}", state(one)) for one in needed]
    lacking = sum(one.in_cache is None for one in needed)
    notes = []
    if any(one.kind == "dataset" for one in needed) and importlib.util.find_spec("datasets") is None:
        notes.append("  datasets of a hub need: pip install 'peftport[hub]'")
    if lacking and is_offline():
        notes.append("  HF_HUB_OFFLINE is set: what is not in the cache cannot be had")
    return [f"from the hub, {lacking} of {len(needed)} to download", *aligned(lines, "<<<"), *notes]


def chat_templates(used: dict[str, str | None]) -> list[str]:
    """Which host is asked by which chat template."""
    if not used:
        return []
    lines = [(f"  {host}", digest[:12] if digest else "known once its files are here") for host, digest in used.items()]
    return ["chat templates, by their SHA-256", *aligned(lines, "<<")]


def precisions(used: dict[str, str]) -> list[str]:
    """In which numbers each host computes."""
    if not used:
        return []
    return ["precision of the hosts", *aligned([(f"  {host}", precision) for host, precision in used.items()], "<<")]


def state(one: Download) -> str:
    """Where a hub's files are, and of which commit."""
    if one.in_cache is not None:
        return f"in the cache, commit {one.in_cache[:12]}"
    return "to download" + (f", commit {one.commit[:12]}" if one.commit and one.commit != one.revision else "")


def aligned(lines: Sequence[Sequence[str]], sides: str) -> list[str]:
    """Columns two blanks apart; ``<`` is left, ``>`` right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def cells(line: Sequence[str]) -> Iterable[str]:
        for text, width, side in zip(line, widths, sides, strict=True):
            yield f"{text:{side}{width}}"

    return ["  ".join(cells(line)).rstrip() for line in lines]
