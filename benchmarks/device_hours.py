"""What a study would take on the device, from the time of its steps: the arithmetic, shown."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.steps import Steps, table
from peftport.storage.provenance import JsonObject
from peftport.study.settings import StudySettings
from peftport.study.study import Study
from peftport.study.training_steps import cell_steps, source_steps

TEST_EXAMPLES = 1000  # SST-2's validation split has 872, Rotten Tomatoes' test split 1,066


@dataclass(frozen=True)
class Costs:
    """Steps by technique (None: out of memory, or not measured), and test examples per second."""

    steps: Mapping[str, Steps | None]
    tests_per_second: float


def extrapolated(config: JsonObject, costs: Mapping[str, Costs]) -> str:
    """Device time of all trainings and tests of a study whose hosts' names begin with a shape's name."""
    study = Study(StudySettings.model_validate(config))
    steps, tests = counts(study)
    if missing := {shape for shape, _ in steps} - set(costs):
        return f"The study of {study.runs:,} runs is not extrapolated: not measured are {', '.join(sorted(missing))}."
    testing = sum(count * TEST_EXAMPLES / costs[shape].tests_per_second for shape, count in tests.items())
    measured = {key: costs[key[0]].steps.get(key[1]) for key in steps}
    if lacking := [" ".join(key) for key, found in measured.items() if found is None]:
        return f"The study of {study.runs:,} runs is not extrapolated: not measured are {', '.join(lacking)}."
    training = sum(count * measured[key].seconds for key, count in steps.items())
    hours = {"training, hours": training, "testing, hours": testing, "in all, hours": training + testing}
    row = {name: f"{seconds / 3600:.2f}" for name, seconds in hours.items()}
    amounts = f"{sum(steps.values()):,} optimiser steps and {sum(tests.values()):,} tests"
    return (
        f"## The study of {study.runs:,} runs\n\n{amounts} of {TEST_EXAMPLES:,} examples, each times the measured time "
        "of its technique and shape; no start-up, no idle device.\n\n" + table([row])
    )


def counts(study: Study) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Optimiser steps by (shape, technique), and tests by shape."""
    steps: Counter[tuple[str, str]] = Counter()
    tests: Counter[str] = Counter()
    for source in study.sources:
        steps[source.host.split("-")[0], source.technique] += source_steps(study, source)
    for cell in study.cells:
        shape = cell.target_host.split("-")[0]
        tests[shape] += len(study.seeds_of(cell.block)) * (1 if cell.is_reference else len(study.budgets))
        if not cell.is_reference:
            steps[shape, cell.technique] += cell_steps(study, cell)
    return steps, tests
