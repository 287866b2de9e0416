"""From the measured slice to the whole study, with the arithmetic shown."""

from pathlib import Path
from statistics import mean, median

import pandas as pd

from benchmarks.jobs import tests
from benchmarks.measured import Cost
from peftport.study.study import Study
from peftport.study.training_steps import optimiser_steps


def extrapolated(
    part: Study,
    whole: Study,
    ours: list[Cost],
    rival: list[Cost],
    kinds: list[dict[str, Cost]],
    folder: Path,
) -> str:
    """Markdown: the slice by repetition, where the workflow's time goes, and both sides for the whole study.

    The rival's cost grows with its scripts (sources and runs), ours with its jobs, but for what Snakemake takes once.
    """
    lines = ["## Time\n", "| repetition | ours, wall s | rival, wall s | ratio | ours, CPU s | rival, CPU s | ratio |"]
    lines.append("|---|---|---|---|---|---|---|")
    for number, (us, them) in enumerate(zip(ours, rival, strict=True)):
        lines.append(
            f"| {number} | {us.wall:.1f} | {them.wall:.1f} | {them.wall / us.wall:.2f} "
            f"| {us.cpu:.1f} | {them.cpu:.1f} | {them.cpu / us.cpu:.2f} |"
        )
    ratios = {
        name: [getattr(b, name) / getattr(a, name) for a, b in zip(ours, rival, strict=True)]
        for name in ("wall", "cpu")
    }
    for name, words in (("wall", "wall time"), ("cpu", "CPU time")):
        lines.append(
            f"\nRatio of {words}, median (range): **{median(ratios[name]):.2f}** "
            f"({min(ratios[name]):.2f}-{max(ratios[name]):.2f})."
        )
    lines += ["\n### Where the workflow's CPU time goes (slice, first repetition)\n", *stages(part, ours[0], folder)]
    lines += ["\n### The whole study\n", *arithmetic(part, whole, ours, kinds)]
    return "\n".join(lines) + "\n"


def stages(study: Study, cost: Cost, folder: Path) -> list[str]:
    """Jobs, CPU seconds and largest memory by rule, and what no job accounts for."""
    rows = []
    benchmarks = folder / "results" / study.name / "benchmarks"
    for file in benchmarks.rglob("*.tsv"):
        rule = file.relative_to(benchmarks).parts[0].removesuffix(".tsv")
        rows.append(pd.read_csv(file, sep="\t").assign(rule=rule))
    table = (
        pd.concat(rows)
        .groupby("rule")
        .agg(jobs=("cpu_seconds", "size"), cpu=("cpu_seconds", "sum"), peak=("peak_mebibytes", "max"))
    )
    lines = ["| rule | jobs | CPU s | largest memory, MiB |", "|---|---|---|---|"]
    lines += [f"| {row.Index} | {row.jobs} | {row.cpu:.1f} | {row.peak:.0f} |" for row in table.itertuples()]
    rest = cost.cpu - table["cpu"].sum()
    return [*lines, f"| Snakemake, the fork server and the jobs' waiting processes | | {rest:.1f} | |"]


def counts(study: Study) -> dict[str, int]:
    """How many scripts the rival runs for a study, by kind."""
    cells = [counted for counted, _ in study.expanded_runs()] + [cell for cell in study.cells if cell.is_reference]
    modules = sum(len(study.blocks[source.block]) for source in study.sources)
    return {"source": modules, "run": sum(len(tests(study, cell)) for cell in cells)}


def arithmetic(part: Study, whole: Study, ours: list[Cost], kinds: list[dict[str, Cost]]) -> list[str]:
    """The rival by its scripts, ours by optimiser steps (training is what it mostly does)."""
    lines, some, every = [], counts(part), counts(whole)
    totals = {}
    for name, words in (("wall", "wall"), ("cpu", "CPU")):
        parts = {kind: mean(getattr(one[kind], name) for one in kinds) / some[kind] for kind in some}
        totals[name] = sum(parts[kind] * every[kind] for kind in every)
        shown = " + ".join(f"{every[kind]} {kind} scripts x {parts[kind]:.2f} s" for kind in every)
        lines.append(f"Rival, {words} time: {shown} = {totals[name]:.0f} s.\n")
    steps = optimiser_steps(part), optimiser_steps(whole)
    for name, words in (("wall", "wall"), ("cpu", "CPU")):
        measured = median(getattr(one, name) for one in ours)
        total = measured * steps[1] / steps[0]
        lines.append(
            f"Ours, {words} time: {measured:.1f} s x {steps[1]:,} / {steps[0]:,} optimiser steps = {total:.0f} s; "
            f"**ratio {totals[name] / total:.2f}**.\n"
        )
    return lines
