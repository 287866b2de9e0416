"""What the terminal shows of a run: one line for each job, an error with the end of its log, and last the verdict.

Snakemake tells its logger every event, and ``snakemake_interface_logger_plugins`` names them. The logger is one of
Python's: its handler for the terminal has a formatter and filters, and gets others here. The handler of Snakemake's log
file (``.snakemake/log/``) stays as it is.
"""

import copy
import logging
import os
import re
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

from snakemake_interface_logger_plugins.common import LogEvent

from peftport.jobs.duration import duration
from peftport.planning.reasons import NEW, reason_in

IN_FULL = {"PEFTPORT_CONSOLE": "full"}  # the environment in which the terminal shows every job with its files
WIDTH = 200  # characters of a line that is no warning and no error
TAIL = 40  # lines of a failed job's log
LEFT_OUT = (LogEvent.WORKFLOW_STARTED, LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED, LogEvent.PROGRESS)
# how lines begin that say nothing about the study, and those that matter after an error only
IDLE = (
    "Select jobs to execute...",
    "Using shell: ",
    "Rules claiming more threads will be scaled down.",
    "Conda environments: ignored",
    "Some jobs were triggered by provenance information",
)
AFTER_ERRORS = ("Complete log(s): ", "Elapsed time: ")
INTERRUPTED, FAILED = "Terminating processes on user request", "At least one job did not complete successfully"
STOPPING = "Stopping: what is finished stays, and the same command goes on from there."
ERROR = re.compile(r"error(?: \([^)]*\))?: ")  # how a job's log says why it failed
MOST_REPEATED = 5  # failed jobs that the last lines name
# what rules' messages say of a cell without technique, source or seeds, like a bare host
WITHOUT = re.compile(r"^none, |, seeds any| \(from any, any\)")


class Full(logging.Formatter):
    """Every job as Snakemake shows a rule without a message.

    Args:
        usual: Snakemake's formatter.
    """

    def __init__(self, usual: logging.Formatter) -> None:
        super().__init__()
        self.usual = usual

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record."""
        if event_of(record) == LogEvent.JOB_INFO:
            record = copy.copy(record)
            record.rule_msg = None
        return self.usual.format(record)


class Brief(logging.Formatter):
    """One line for each job; of what Snakemake says besides, what helps. It is a filter as well.

    Args:
        usual: Snakemake's formatter.
    """

    def __init__(self, usual: logging.Formatter) -> None:
        super().__init__()
        self.usual = usual
        self.messages: dict[int, str] = {}  # of jobs, by their number
        self.done = self.total = 0
        self.failures: list[tuple[str, list[str]]] = []  # messages of failed jobs, and their logs
        self.running = self.failed = self.interrupted = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Note what a record tells; whether the terminal shows it."""
        event, text = event_of(record), str(record.msg)
        if self.interrupted:  # jobs that were told to stop are no errors
            return False
        self.interrupted = INTERRUPTED in text
        if event == LogEvent.RUN_INFO:
            self.total = record.stats["total"]
        elif event == LogEvent.PROGRESS:
            self.done, self.total = record.done, record.total
        self.running = self.running or event == LogEvent.JOB_STARTED
        self.failed = self.failed or record.levelno >= logging.ERROR
        if record.levelno >= logging.WARNING:
            return True
        return event not in LEFT_OUT and not text.startswith(IDLE if self.failed else IDLE + AFTER_ERRORS)

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record."""
        event = event_of(record)
        if event == LogEvent.JOB_INFO:
            return self._job(record)
        if event == LogEvent.JOB_ERROR:
            return self._error(record)
        if self.interrupted:
            return STOPPING
        if self.failures and FAILED in str(record.msg):
            return "\n".join(self._last_words())
        text = self.usual.format(record) or ""
        if record.levelno >= logging.WARNING:
            return text
        return "\n".join(cut(line) for line in text.splitlines())

    def _job(self, record: logging.LogRecord) -> str:
        """A job that starts: the time, how many are done, its message. In a dry run the reason, if it is not new."""
        message = self.messages[record.jobid] = WITHOUT.sub("", record.rule_msg or record.rule_name)
        if self.running:
            done = f"{self.done:>{len(str(self.total))}}/{self.total}  " if self.total else ""
            return cut(f"{clock()}  {done}{message}")
        reason = reason_in(record.reason)
        return cut(message if reason == NEW or not record.output else f"{message} ({reason})")

    def _error(self, record: logging.LogRecord) -> str:
        """A failed job: its rule and message, what its executor says, its logs and how they end."""
        message = self.messages.get(record.jobid, "")
        self.failures.append((message or record.rule_name, list(record.log)))
        lines = [f"{clock()}  Error in rule {record.rule_name}: {message}"]
        lines += [f"    {record.rule_msg}"] if record.rule_msg else []
        lines += [f"    {name}: {value}" for name, value in record.aux.items()]
        lines += [f"    log: {file}" for file in record.log]
        if getattr(self.usual, "show_failed_logs", True):
            lines += [line for file in record.log for line in end_of(Path(file))]
        return "\n".join(lines)

    def _last_words(self) -> Iterator[str]:
        """Which jobs failed, what each said last, and where its log is."""
        for message, logs in self.failures[:MOST_REPEATED]:
            yield f"Failed: {message}"
            for log in logs:
                yield f"    {what_it_said(Path(log))}"
                yield f"    log: {log}"
        if (more := len(self.failures) - MOST_REPEATED) > 0:
            yield f"Failed: {more} more"


def event_of(record: logging.LogRecord) -> str | None:
    """What a record is about, by Snakemake's names; None for a sentence."""
    return getattr(record, "event", None)


def clock() -> str:
    """The time of day."""
    return time.strftime("%H:%M:%S")


def cut(line: str) -> str:
    """A line that is not too long."""
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."


def end_of(log: Path) -> list[str]:
    """The last lines of a log; of a progress bar its last state."""
    try:
        text = log.read_bytes().decode(errors="replace")
    except OSError as error:
        return [f"Logfile {log}: {error.strerror}"]
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.rstrip("\n").split("\n")]
    which = f" (its last {TAIL} of {len(lines):,} lines)" if len(lines) > TAIL else ""
    return [f"Logfile {log}{which}:", "=" * 80, *lines[-TAIL:], "=" * 80]


def what_it_said(log: Path) -> str:
    """The error of a failed job's log, in one line: from where it says so, or else its last line."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        return f"{error.strerror}"
    lines = [line.rpartition("\r")[2].strip() for line in lines if line.strip()]
    begins = [number for number, line in enumerate(lines) if ERROR.match(line)]
    return ERROR.sub("", " ".join(lines[begins[-1] :] if begins else lines[-1:]))


def set_terminal(logger: logging.Logger) -> None:
    """Let the terminal show a run briefly, or in full with ``--verbose`` or ``PEFTPORT_CONSOLE=full``."""
    kind = Full if logger.isEnabledFor(logging.DEBUG) or IN_FULL.items() <= os.environ.items() else Brief
    for handler in logger.handlers:
        to_a_stream = isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)
        if not to_a_stream or handler.formatter is None or isinstance(handler.formatter, Full | Brief):
            continue
        shown = kind(handler.formatter)
        handler.setFormatter(shown)
        if isinstance(shown, Brief):
            handler.addFilter(shown)


def closing(results: Path, seconds: float) -> list[str]:
    """The last lines of a run: the verdict of the report, where the report is, and how long the run took.

    Args:
        results: the folder of the study's results.
        seconds: how long the run took.
    """
    verdict = (results / "verdict.txt").read_text(encoding="utf-8")
    return [*textwrap.wrap(verdict, WIDTH), f"Report: {results / 'report.html'}", f"Time: {duration(seconds)}"]
