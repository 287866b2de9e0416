"""The stages of one study: what each needs, its key, and everything that the study asks for.

A key names the whole past of a file: the settings that the stage's script gets, the code that the script reaches and
the versions of the libraries that it imports, the content of files from outside, and the keys of the stages it needs.
Rules carry it as a parameter and files carry it, so an edit makes again what depends on it and nothing else.
"""

import functools
from pathlib import Path

from peftport.paths import pipeline_root
from peftport.planning.code_stamp import script_stamp
from peftport.stages.stage import Needs, Output, Stage
from peftport.stages.table import STAGES
from peftport.storage.files import file_digest
from peftport.storage.provenance import digest
from peftport.study.study import Study

RULES = {stage: rule for rule, stage in STAGES.items()}


class Graph:
    """The stages of one study; what is found once is kept.

    Args:
        study: the grid.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._needs: dict[Stage, Needs] = {}
        self._keys: dict[Stage, str] = {}

    def needs(self, stage: Stage) -> Needs:
        """The outputs of other stages that a stage reads, by the name of the rule's input."""
        if stage not in self._needs:
            self._needs[stage] = stage.needs(self.study)
        return self._needs[stage]

    def read(self, stage: Stage) -> list[Output]:
        """The same outputs in one list."""
        return [output for need in self.needs(stage).values() for output in listed(need)]

    def key(self, stage: Stage) -> str:
        """The key of a stage's files.

        Raises:
            FileNotFoundError: a file from outside the study is absent.
        """
        if stage not in self._keys:
            files = [[path.name, file_digest(self.study.folder / path)] for path in stage.files(self.study)]
            script = pipeline_root() / "workflow" / "scripts" / f"{RULES[type(stage)]}.py"
            code = script_stamp(script, *stage.code(self.study))
            needed = {
                name: [[self.key(output.stage), output.name] for output in listed(need)]
                for name, need in self.needs(stage).items()
            }
            self._keys[stage] = digest([code, stage.names, stage.settings(self.study), files, needed])
        return self._keys[stage]

    @functools.cached_property
    def stages(self) -> dict[str, list[Stage]]:
        """Everything that the study asks for, by rule: what its stages say, and all that this needs by any way."""
        asked: dict[Stage, None] = {}
        queue = [stage for kind in STAGES.values() for stage in kind.asked(self.study)]
        while queue:
            stage = queue.pop()
            if stage not in asked:
                asked[stage] = None
                queue += [output.stage for output in reversed(self.read(stage))]
        by_rule: dict[str, list[Stage]] = {rule: [] for rule in STAGES}
        for stage in asked:
            by_rule[RULES[type(stage)]].append(stage)
        return by_rule

    def path(self, output: Output) -> str:
        """The path of an output, from where the study runs."""
        return self.below_results(output.stage.path(output.name))

    def below_results(self, path: str | Path) -> str:
        """A path below the study's results, from where the study runs."""
        return f"results/{self.study.name}/{path}"

    def expected(self, stage: Stage) -> dict[str, str]:
        """The files that a stage reads and in which a key stands, to that key."""
        return {
            self.below_results(file): self.key(output.stage)
            for output in self.read(stage)
            for file in output.stage.with_key(output.name, self.study)
        }


def listed(need: Output | list[Output]) -> list[Output]:
    """What is needed under one name, as a list."""
    return need if isinstance(need, list) else [need]
