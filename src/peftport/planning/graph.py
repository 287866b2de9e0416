"""The stages of one study: what each needs, its key, and everything that the study asks for.

A key names the whole past of a file: the settings that the stage's script gets, the code that the script reaches and
the versions of the libraries that it imports, the content of files from outside, and the keys of the stages it needs.
Rules carry it as a parameter and files carry it, so an edit makes again what depends on it and nothing else.
"""

import functools
from pathlib import Path

from peftport.paths import script_file
from peftport.stages.stage import Needs, Output, Stage
from peftport.stages.table import STAGES
from peftport.storage.code_stamp import script_stamp
from peftport.storage.files import file_digest
from peftport.storage.provenance import JsonObject, digest
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
        self._settings: dict[Stage, JsonObject] = {}
        self._keys: dict[Stage, str] = {}
        self._files: dict[Stage, dict[str, str]] = {}

    def needs(self, stage: Stage) -> Needs:
        """The outputs of other stages that a stage reads, by the name of the rule's input."""
        if stage not in self._needs:
            self._needs[stage] = stage.needs(self.study)
        return self._needs[stage]

    def read(self, stage: Stage) -> list[Output]:
        """The same outputs in one list."""
        return [output for need in self.needs(stage).values() for output in listed(need)]

    def settings(self, stage: Stage) -> JsonObject:
        """What a stage's script is given, as JSON values."""
        if stage not in self._settings:
            self._settings[stage] = stage.settings(self.study)
        return self._settings[stage]

    def files(self, stage: Stage) -> dict[str, str]:
        """The files from outside the study that a stage reads, by their paths as it names them, to their SHA-256.

        Raises:
            FileNotFoundError: one is absent.
        """
        if stage not in self._files:
            paths = stage.files(self.study)
            self._files[stage] = {str(path): file_digest(self.study.folder / path) for path in paths}
        return self._files[stage]

    def code(self, stage: Stage) -> list[str]:
        """The stamp of the code that a stage's script reaches, then the modules among it that it reaches by name."""
        modules = stage.code(self.study)
        return [script_stamp(script_file(RULES[type(stage)]), *modules), *modules]

    def key(self, stage: Stage) -> str:
        """The key of a stage's files.

        Raises:
            FileNotFoundError: a file from outside the study is absent.
        """
        if stage not in self._keys:
            files = [[Path(path).name, content] for path, content in self.files(stage).items()]
            needed = {
                name: [[self.key(output.stage), output.name] for output in listed(need)]
                for name, need in self.needs(stage).items()
            }
            self._keys[stage] = digest([self.code(stage)[0], stage.names, self.settings(stage), files, needed])
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

    @property
    def every_stage(self) -> list[Stage]:
        """The same in one list, in the order of the workflow."""
        return [stage for stages in self.stages.values() for stage in stages]

    def path(self, output: Output) -> str:
        """The path of an output, from where the study runs."""
        return self.below_results(output.stage.path(output.name))

    def outputs(self, stage: Stage) -> dict[str, str]:
        """The paths of all outputs of a stage by their names, from where the study runs."""
        return {name: self.path(stage.output(name)) for name in (*stage.FILES, *stage.FOLDERS)}

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
