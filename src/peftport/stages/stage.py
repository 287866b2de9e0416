"""What a stage is: one kind of job, whose fields are the wildcards of its rule.

A stage tells its folder and files, what it needs of other stages, the settings that its script gets, the library's
modules that the script reaches by name, and the files from outside the study that it reads. From that are computed
(``peftport.planning``) the rule's inputs, outputs, log and parameters, the key, what a job checks of the files that it
reads, and everything that a study asks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


class Output(NamedTuple):
    """One output of a stage.

    Attributes:
        stage: the stage that makes it.
        name: its name among the stage's files or folders.
    """

    stage: "Stage"
    name: str


Needs = dict[str, Output | list[Output]]


@dataclass(frozen=True)
class Stage:
    """A job of the workflow, by the values of its rule's wildcards.

    Attributes:
        FOLDER: where its outputs lie, below ``results/<study>``; wildcards stand in braces.
        FILES: the name of an output to the name of its file in the folder.
        FOLDERS: the name of an output that is a folder to its name in ``FOLDER``; its files may vary in number.
        WITHOUT_KEY: outputs in which no key stands (pictures, pages, weights).
        CONSTRAINTS: regular expressions of wildcards that this stage takes fewer values of than others.
    """

    FOLDER: ClassVar[str]
    FILES: ClassVar[dict[str, str]] = {}
    FOLDERS: ClassVar[dict[str, str]] = {}
    WITHOUT_KEY: ClassVar[frozenset[str]] = frozenset()
    CONSTRAINTS: ClassVar[dict[str, str]] = {}

    @classmethod
    @cache
    def wildcards(cls) -> list[str]:
        """The names of the wildcards, in order."""
        return [field.name for field in fields(cls)]

    @classmethod
    def pattern(cls, name: str) -> str:
        """The path of an output below ``results/<study>``, with its wildcards in braces."""
        return "/".join(part for part in (cls.FOLDER, (cls.FILES | cls.FOLDERS)[name]) if part)

    @classmethod
    def asked(cls, study: Study) -> Sequence["Stage"]:
        """The jobs of this stage that a study asks for though no other stage needs them."""
        return ()

    @cached_property
    def names(self) -> dict[str, str]:
        """Wildcards to their values."""
        return {name: getattr(self, name) for name in self.wildcards()}

    def path(self, name: str) -> str:
        """The path of an output below ``results/<study>``."""
        return self.pattern(name).format(**self.names)

    def output(self, name: str) -> Output:
        """One of the outputs, for a stage that needs it."""
        return Output(self, name)

    def with_key(self, name: str, study: Study) -> list[str]:
        """The files of an output in which the stage's key stands, below ``results/<study>``."""
        return [] if name in self.WITHOUT_KEY else [self.path(name)]

    def needs(self, study: Study) -> Needs:
        """The outputs of other stages that it reads, by the name of the rule's input."""
        return {}

    def settings(self, study: Study) -> JsonObject:
        """What the script is given, as JSON values: exactly this is in the key."""
        return {}

    def code(self, study: Study) -> Sequence[str]:
        """The library's modules that the script reaches by name, and so not by an import that can be seen."""
        return ()

    def files(self, study: Study) -> Sequence[Path]:
        """The files from outside the study that it reads; their content is in the key, and their age is not."""
        return ()
