"""What a study of one adapter left: its tables, and its answers by cell."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from peftport.assess.flips import Flips, flips
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.stages.report_tables import report_table
from peftport.stages.stage import Output
from peftport.stages.write_report import WriteReport
from peftport.storage.parquet import read_table
from peftport.storage.provenance import RESULTS
from peftport.study.config import ConfigError
from peftport.study.entries import ANY, NONE, PORTED, SHARED, Cell, shared
from peftport.study.study import Study

NATIVE, BARE = "native", "bare"


@dataclass(frozen=True)
class Results:
    """The files of a study that has run, as far as they are about the first move of its first module.

    Attributes:
        study: the study; one with ported modules, and the references of the source host.
        folder: where it ran.
    """

    study: Study
    folder: Path

    @classmethod
    def of(cls, study: Study, folder: Path) -> "Results":
        """Those of a study, which must have what a verdict is made of.

        Raises:
            ConfigError: it has no module that exists already, no ported module, or lacks the source host's references.
        """
        grid = study.grid
        for key, needed, there in (
            ("initialisations", PORTED, grid.initialisations),
            ("references", "source", grid.references),
        ):
            if needed not in there:
                raise ConfigError(f"config key `grid.{key}`: expected `{needed}`, which the verdict is made of.")
        if not grid.modules:
            raise ConfigError("config key `grid.modules`: expected the adapter, which the verdict is about.")
        return cls(study, folder.absolute())

    @property
    def module(self) -> str:
        """The adapter's name in the study."""
        return self.study.grid.modules[0]

    @property
    def hosts(self) -> tuple[str, str]:
        """The old host and the new one."""
        transfer = self.study.grid.transfers[0]
        return transfer.source, transfer.target

    @property
    def block(self) -> str:
        """The first block of seeds."""
        return next(iter(self.study.blocks))

    @property
    def seed(self) -> int:
        """The first seed: that of the one module whose answers are counted, and that is written."""
        return self.study.blocks[self.block][0]

    @property
    def report(self) -> Path:
        """The page that says what came out."""
        return self.path(WriteReport().output("page"))

    def path(self, output: Output) -> Path:
        """The file or folder of a stage's output."""
        return self.folder / RESULTS / self.study.name / output.stage.path(output.name)

    def table(self, name: str) -> pd.DataFrame:
        """The rows of one of the study's tables that are about this module, or about no module, on this dataset."""
        frame = read_table(self.path(report_table(name)), name)
        dataset = self.study.grid.dataset_pairs[0].target
        return frame[frame["technique"].isin([self.module, "none"]) & (frame["target_dataset"] == dataset)]

    @property
    def map(self) -> str:
        """How the module is carried: `copy`, unless the study's config was edited."""
        return self.study.grid.transfers[0].map

    @cached_property
    def ported(self) -> Cell:
        """The cell of the copied module."""
        pair = self.study.grid.dataset_pairs[0]
        return Cell(self.module, *self.hosts, pair.source, pair.target, PORTED, self.block, self.map)

    @cached_property
    def in_old(self) -> Cell:
        """The cell of the module in its old host."""
        pair = self.study.grid.dataset_pairs[0]
        return shared(self.module, self.hosts[0], pair.target, NATIVE, self.block)

    @property
    def probe(self) -> str | None:
        """The first dataset that is only tested on; None where there is none."""
        return next(iter(self.study.grid.probes), None)

    def answers(self, cell: Cell, budget: int) -> pd.DataFrame:
        """The predictions of the first seed of a cell at a budget; the bare host has one."""
        frame = read_table(self.path(EvaluateCell(**vars(cell)).output("predictions")), "predictions")
        seed = self.study.seeds_of(cell.block)[0]
        return frame[(frame["seed"] == seed) & (frame["budget_steps"] == budget)]

    def flips(self, budget: int) -> Flips:
        """Answers of the old host with the module, and of the new host with the copy after so many steps.

        Raises:
            ValueError: that run failed, or was tested on other examples.
        """
        return flips(self.answers(self.in_old, 0), self.answers(self.ported, budget))

    def forgotten(self, cell: Cell, budget: int) -> Flips:
        """Answers to the probe: of a cell's host alone, and with its module after so many steps on the task.

        Raises:
            ValueError: that run failed, or was tested on other examples.
        """
        alone = shared(NONE, cell.target_host, self.probe, BARE, ANY)
        return flips(self.answers(alone, 0), self.answers(replace(cell, target_dataset=self.probe), budget))

    def summary(self, initialisation: str, budget: int) -> pd.Series | None:
        """The row of table `portability` of an initialisation in the new host at a budget; None if there is none."""
        rows = self.table("portability")
        source = [ANY, self.hosts[0]] if initialisation == SHARED else [self.hosts[0]]
        here = (rows["initialisation"] == initialisation) & (rows["budget_steps"] == budget)
        here &= rows["source_host"].isin(source) & (rows["target_host"] == self.hosts[1])
        here &= rows["map"].isin([ANY, self.map])
        return None if rows[here].empty else rows[here].iloc[0]

    def in_old_host(self, reference: str) -> float:
        """The mean score of the old host: with the module (`native`) or without any (`bare`)."""
        rows = self.table("references")
        here = (rows["target_host"] == self.hosts[0]) & (rows["initialisation"] == reference)
        return float(rows[here]["score"].mean())

    @property
    def advised_steps(self) -> int | None:
        """The steps that the study advises to train the copy; None where it advises no copy."""
        rows = self.table("advice")
        here = (rows["target_host"] == self.hosts[1]) & rows["map"].isin([ANY, self.map])
        taken = rows[rows["advised"] & (rows["way"] == "copy") & here]
        return None if taken.empty else int(taken.iloc[0]["steps"])
