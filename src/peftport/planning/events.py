"""The jobs of a dry run as Snakemake's logger tells them, written to a file for who asked for the run.

The logger hands every event on as a record of Python's logging, with the job's facts as attributes
(``snakemake_interface_logger_plugins``), so nothing that is printed needs to be read.
"""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from snakemake_interface_logger_plugins.common import LogEvent

ASKED = "PEFTPORT_EVENTS"  # the environment variable that names the file


@dataclass(frozen=True)
class JobFacts:
    """What Snakemake tells of a job, by its own names."""

    rule_name: str
    wildcards: dict[str, str]
    reason: str
    input: list[str]
    output: list[str]


NAMES = [field.name for field in fields(JobFacts)]


class Events(logging.Handler):
    """Writes one line of JSON for each job that starts, or in a dry run would start.

    Args:
        path: the file; it is made anew.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(logging.INFO)
        self.stream = open(path, "w", encoding="utf-8")  # noqa: SIM115 - open as long as the run

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, if it is about a job."""
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            facts = {name: getattr(record, name) for name in NAMES}
            self.stream.write(json.dumps(facts, default=list) + "\n")

    def close(self) -> None:
        """Close the file."""
        self.stream.close()
        super().close()


def write_events(logger: logging.Logger) -> None:
    """Write the jobs of this run to the file that the environment names; nothing if it names none."""
    if path := os.environ.get(ASKED):
        logger.addHandler(Events(Path(path)))


def read_events(path: Path) -> Iterator[JobFacts]:
    """The jobs in a file that ``write_events`` wrote, in order."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield JobFacts(**json.loads(line))
