"""What a study would take on the device, from the time of its steps: the arithmetic, shown."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.steps import Steps, table
from peftport.study.grid import Study
from peftport.study.training_steps import cell_steps, source_steps

TEST_EXAMPLES = 1000  # SST-2's validation split has 872, Rotten Tomatoes' test split 1,066


@dataclass(frozen=True)
class Costs:
    """Steps by technique and number of members (None: out of memory), and test examples per second."""

    steps: Mapping[str, Mapping[int, Steps | None]]
    tests_per_second: float

    def per_member(self, technique: str, most: int) -> float | None:
        """Seconds of one module's step, with as many members as pay and at most ``most``; None if not measured."""
        found = [one.seconds / number for number, one in self.steps[technique].items() if one and number <= most]
        return min(found, default=None)


def extrapolated(config: dict[str, Any], costs: Mapping[str, Costs]) -> str:
    """Device time of all trainings and tests of a study whose hosts' names begin with a shape's name."""
    study = Study(config)
    steps, tests = counts(study)
    if missing := {shape for shape, _ in steps} - set(costs):
        return f"The study of {study.runs:,} runs is not extrapolated: not measured are {', '.join(sorted(missing))}."
    testing = sum(count * TEST_EXAMPLES / costs[shape].tests_per_second for shape, count in tests.items())
    lines = []
    for label, most in (("alone", 1), ("the seeds of a block (5)", 5), ("and `ported` with `sampled` (10)", 10)):
        seconds = {key: costs[key[0]].per_member(key[1], most) for key in steps}
        lacking = [" ".join(key) for key, value in seconds.items() if value is None]
        training = sum(count * (seconds[key] or 0) for key, count in steps.items())
        total = f"{(training + testing) / 3600:.2f}"
        row = {"together": label, "training, hours": f"{training / 3600:.2f}"}
        row |= {"testing, hours": f"{testing / 3600:.2f}"}
        said = f"not known: not measured are {', '.join(lacking)}" if lacking else total
        lines.append(row | {"in all, hours": said})
    amounts = f"{sum(steps.values()):,} optimiser steps of single modules and {sum(tests.values()):,} tests"
    return (
        f"## The study of {study.runs:,} runs\n\n{amounts} of {TEST_EXAMPLES:,} examples, each times the measured time "
        "of its technique and shape with at most so many members; no start-up, no idle device.\n\n" + table(lines)
    )


def counts(study: Study) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Optimiser steps by (shape, technique), and tests by shape."""
    steps: Counter[tuple[str, str]] = Counter()
    tests: Counter[str] = Counter()
    for source in study.sources:
        steps[source.host.split("-")[0], source.technique] += source_steps(study, source)
    for cell in study.cells:
        shape = cell.target_host.split("-")[0]
        tests[shape] += len(study.blocks[cell.block]) * (1 if cell.is_reference else len(study.budgets))
        if not cell.is_reference:
            steps[shape, cell.technique] += cell_steps(study, cell)
    return steps, tests
