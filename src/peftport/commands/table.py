"""The commands by name. Each is one function, imported when it is asked for and not before.

The module of a command has the function named here, which takes the arguments behind the command's name and returns the
exit status, and ``parser() -> argparse.ArgumentParser``, from which help, completion and the reference page are made.
"""

import argparse
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Function = Callable[[Sequence[str]], int]


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        function: where it stands, ``module:name``.
        group: the heading under which the help lists it.
        summary: what it does, in a line.
        example: one command line that shows it.
    """

    function: str
    group: str
    summary: str
    example: str

    @property
    def module(self) -> str:
        """The module of the function and of ``parser``."""
        return self.function.partition(":")[0]

    def call(self, arguments: Sequence[str]) -> int:
        """Run the command; returns the exit status."""
        return getattr(importlib.import_module(self.module), self.function.partition(":")[2])(arguments)

    def parser(self) -> argparse.ArgumentParser:
        """What it takes."""
        return importlib.import_module(self.module).parser()


STUDY, ADAPTER, OTHER = "A study", "An adapter that you have", "Beside them"

COMMANDS = {
    "init": Command(
        "peftport.commands.init:init",
        STUDY,
        "write the config of a study of your own, with comments",
        "peftport init --source hosts/v1 --target hosts/v2 --data comments.csv",
    ),
    "plan": Command(
        "peftport.commands.plan:plan",
        STUDY,
        "what a study asks for, what of it is there, what would run; runs nothing",
        "peftport plan study.yaml",
    ),
    "run": Command(
        "peftport.commands.run:run",
        STUDY,
        "run it, or what is missing of it; the word may be left out",
        "peftport --configfile study.yaml --cores 4",
    ),
    "show": Command(
        "peftport.commands.show:show",
        STUDY,
        "the verdict of a study that has run, in the terminal",
        "peftport show study.yaml",
    ),
    "verify": Command(
        "peftport.commands.verify:verify",
        STUDY,
        "whether every file of a study that has run is whole, in its place and up to date",
        "peftport verify study.yaml",
    ),
    "check": Command(
        "peftport.adapters.command:check_command",
        ADAPTER,
        "whether an adapter can be moved into a host, and every reason; runs nothing",
        "peftport check my-lora --trained-in hosts/v1 --onto hosts/v2",
    ),
    "port": Command(
        "peftport.adapters.port_command:port_command",
        ADAPTER,
        "write it for that host, as a new PEFT folder",
        "peftport port my-lora --from hosts/v1 --to hosts/v2 --out my-lora-v2",
    ),
    "assess": Command(
        "peftport.assess.command:assess_command",
        ADAPTER,
        "what it keeps there, measured on labelled examples",
        "peftport assess my-lora --from hosts/v1 --to hosts/v2 --data comments.csv",
    ),
    "predict": Command(
        "peftport.prediction.command:predict_command",
        OTHER,
        "what studies that have run let expect of a move that was not; runs nothing",
        "peftport predict results/*",
    ),
    "completion": Command(
        "peftport.commands.completion:completion",
        OTHER,
        "print what makes your shell complete these commands and their options",
        "peftport completion bash > ~/.local/share/bash-completion/completions/peftport",
    ),
}
