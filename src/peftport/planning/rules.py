"""What the workflow's rules say of their stages, in Snakemake's words: inputs, outputs, logs and parameters."""

import inspect
from collections.abc import Callable
from typing import Any

from snakemake.io import ancient, directory

from peftport.planning.graph import Graph
from peftport.stages.stage import Output, Stage
from peftport.stages.table import STAGES

OF_WILDCARDS = Callable[[Any], Any]  # a function that Snakemake calls with a job's wildcards


def with_signature(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which now holds its signature: Snakemake asks for it whenever it calls a function of a rule.

    To find it anew each time takes a twentieth of the time that a plan takes.
    """
    function.__signature__ = inspect.signature(function)
    return function


class Rules:
    """The stages of a study as Snakemake's rules take them, each by the name of its rule.

    Args:
        graph: the stages of the study.
        first: what is called with them before Snakemake learns what its first job reads.
    """

    def __init__(self, graph: Graph, first: Callable[[Graph], None] = lambda graph: None) -> None:
        self.graph, self.first = graph, first

    def stage(self, rule: str, wildcards: Any) -> Stage:
        """The stage that a job is, by its wildcards."""
        return STAGES[rule](**{name: getattr(wildcards, name) for name in STAGES[rule].wildcards()})

    def inputs(self, rule: str) -> OF_WILDCARDS:
        """What a job reads, by name; for ``unpack``. Files from outside the study count by content and not by age."""

        def of(wildcards: Any) -> dict[str, str | list[str]]:
            self.first(self.graph)
            stage = self.stage(rule, wildcards)
            files = [ancient(str(path)) for path in stage.files(self.graph.study)]
            named = {name: self.paths(need) for name, need in self.graph.needs(stage).items()}
            return named | ({"files": files} if files else {})

        return with_signature(of)

    def paths(self, need: Output | list[Output]) -> str | list[str]:
        """The path of what is needed under one name, or the paths if it is a list."""
        return list(map(self.graph.path, need)) if isinstance(need, list) else self.graph.path(need)

    def outputs(self, rule: str) -> dict[str, str]:
        """What a job makes, by name."""
        stage = STAGES[rule]
        files = {name: self.graph.below_results(stage.pattern(name)) for name in stage.FILES}
        return files | {name: directory(self.graph.below_results(stage.pattern(name))) for name in stage.FOLDERS}

    def constraints(self, rule: str) -> dict[str, str]:
        """Regular expressions of wildcards that take fewer values here than elsewhere."""
        return STAGES[rule].CONSTRAINTS

    def log(self, rule: str) -> str:
        """Where a job logs: a path that names all its wildcards."""
        return self.graph.below_results(log_pattern(rule))

    def params(self, rule: str) -> dict[str, OF_WILDCARDS]:
        """The stage's settings by name, its key, and what a job holds against it.

        That is the keys of the files that it reads, the stamp of its code, and the digests of files from outside.
        """
        asked = self.graph.stages[rule]
        names = self.graph.settings(asked[0]) if asked else ()
        settings = {name: self._setting(rule, name) for name in names}
        every = settings | {
            "key": lambda wildcards: self.graph.key(self.stage(rule, wildcards)),
            "expects": lambda wildcards: self.graph.expected(self.stage(rule, wildcards)),
            "code": lambda wildcards: self.graph.code(self.stage(rule, wildcards)),
            "files": lambda wildcards: self.graph.files(self.stage(rule, wildcards)),
        }
        return {name: with_signature(function) for name, function in every.items()}

    def _setting(self, rule: str, name: str) -> OF_WILDCARDS:
        return lambda wildcards: self.graph.settings(self.stage(rule, wildcards))[name]

    def asked(self, *rules: str) -> list[str]:
        """Every file of these stages that the study asks for."""
        return [
            path for rule in rules for stage in self.graph.stages[rule] for path in self.graph.outputs(stage).values()
        ]

    def logs(self) -> list[str]:
        """The logs of all jobs that the study asks for, below its results."""
        return [
            log_pattern(rule).format(**stage.names) for rule, stages in self.graph.stages.items() for stage in stages
        ]


def log_pattern(rule: str) -> str:
    """The path of a job's log below the study's results, with its wildcards in braces."""
    return "/".join(("logs", rule, *(f"{{{name}}}" for name in STAGES[rule].wildcards()))) + ".log"
