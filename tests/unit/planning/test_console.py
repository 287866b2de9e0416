"""The lines of the terminal, record by record as Snakemake's logger gives them."""

import logging
import re

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from peftport.planning.console import STOPPING, WIDTH, Brief, Full, closing, end_of, set_terminal

INPUT = ", ".join(f"results/{number}/scores.parquet" for number in range(1000))


class Usual(logging.Formatter):
    """Stands for Snakemake's own: the message of a job, or else its block."""

    def format(self, record):
        if record.event == LogEvent.JOB_INFO:
            return record.rule_msg or f"rule {record.rule_name}:\n    input: {INPUT}"
        return record.msg


def record(event=None, text="", level=logging.INFO, **facts):
    """A record as Snakemake makes it."""
    return logging.makeLogRecord({"msg": text, "levelno": level, "event": event} | facts)


def job_info(number=7, message="lora: train", reason="Missing output files: a", rule="train_source"):
    return record(LogEvent.JOB_INFO, jobid=number, rule_msg=message, rule_name=rule, reason=reason, output=["a"])


def shown(console, *records):
    """What of these records the terminal shows."""
    return [console.format(one) for one in records if console.filter(one)]


def test_a_job_is_one_line_with_how_many_are_done():
    started = record(LogEvent.JOB_STARTED, "Execute 1 jobs...")
    total = record(LogEvent.RUN_INFO, "Job stats:\njob  count\n", stats={"total": 117})
    lines = shown(Brief(Usual()), total, started, job_info(), record(LogEvent.PROGRESS, done=9, total=117), job_info(8))
    assert lines[0] == "Job stats:\njob  count"
    assert [re.sub(r"^\d\d:\d\d:\d\d", "12:00:00", line) for line in lines[1:]] == [
        "12:00:00    0/117  lora: train",
        "12:00:00    9/117  lora: train",
    ]


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("Missing output files: a, b", "lora: train"),
        ("Params have changed since last execution: a", "lora: train (settings or code changed)"),
    ],
)
def test_a_dry_run_says_why_unless_the_job_is_new(reason, line):
    assert shown(Brief(Usual()), job_info(reason=reason)) == [line]


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("none, bare: evaluate in host raw on film, seeds any (from any, any)", "bare: evaluate in host raw on film"),
        (
            "lora, scratch: evaluate in host raw on film, seeds 0-4 (from any, any)",
            "lora, scratch: evaluate in host raw on film, seeds 0-4",
        ),
        ("lora, ported: evaluate in host raw, seeds 0 (from old, any)",) * 2,
    ],
)
def test_what_a_cell_lacks_is_left_out(message, line):
    assert shown(Brief(Usual()), job_info(message=message)) == [line]


def test_a_rule_without_a_message_is_its_name():
    assert shown(Brief(Usual()), job_info(message=None)) == ["train_source"]


def test_no_line_is_too_long_but_a_warning():
    long = "x" * 300
    console = Brief(Usual())
    texts = [record(text=f"Removing\n{long}"), job_info(message=long), job_info(reason=long)]
    lines = [line for text in shown(console, *texts) for line in text.splitlines()]
    assert max(map(len, lines)) == WIDTH and lines[0] == "Removing" and lines[1].endswith("xxx...")
    assert shown(console, record(text=long, level=logging.WARNING)) == [long]


def test_what_says_nothing_is_left_out():
    console = Brief(Usual())
    idle = [record(text=text) for text in ("Select jobs to execute...", "Complete log(s): a", "Elapsed time: 0:01")]
    assert shown(console, *idle, record(LogEvent.JOB_FINISHED, "Finished jobid: 1")) == []
    assert shown(console, record(text="Nothing to be done.")) == ["Nothing to be done."]


def test_an_error_shows_the_job_its_log_and_what_it_said_last(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("".join(f"step {number}\n" for number in range(1000)) + "error (train_source): odd\n")
    error = record(
        LogEvent.JOB_ERROR,
        level=logging.ERROR,
        jobid=7,
        rule_name="train_source",
        rule_msg="SLURM-job '5' failed",
        input=[INPUT],
        output=[INPUT],
        aux={"external_jobid": 5},
        log=[str(log)],
    )
    console = Brief(Usual())
    (_, text) = shown(console, job_info(), error)
    assert text.partition("  ")[2].startswith("Error in rule train_source: lora: train\n    SLURM-job '5' failed\n")
    assert "    external_jobid: 5\n" in text and f"    log: {log}\n" in text
    assert "error (train_source): odd\n====" in text and "step 999" in text and "step 900" not in text
    assert "input" not in text
    assert shown(console, record(text="Complete log(s): a")) == ["Complete log(s): a"]


def test_failed_jobs_are_named_once_more_at_the_end(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("step 1\nerror (train_source): expected labels,\n  found none\ndone\n")
    facts = {"level": logging.ERROR, "rule_name": "train_source", "rule_msg": None, "aux": {}, "log": [str(log)]}
    console, end = Brief(Usual()), record(text="WorkflowError:\nAt least one job did not complete successfully.")
    shown(console, job_info(), *(record(LogEvent.JOB_ERROR, jobid=7, **facts) for _ in range(7)))
    (said,) = shown(console, end)
    failed = f"Failed: lora: train\n    expected labels, found none done\n    log: {log}\n"
    assert said == failed * 5 + "Failed: 2 more"
    assert shown(Brief(Usual()), end) == [end.msg]


def test_after_ctrl_c_one_line_is_shown(tmp_path):
    facts = {"level": logging.ERROR, "rule_name": "train_source", "rule_msg": None, "aux": {}, "log": [str(tmp_path)]}
    told = record(text="Terminating processes on user request, this might take some time.")
    late = [record(LogEvent.JOB_ERROR, jobid=7, **facts), record(text="WorkflowError", level=logging.ERROR)]
    assert shown(Brief(Usual()), job_info(), told, *late)[1:] == [STOPPING]


def test_of_a_bar_the_last_state_counts(tmp_path):
    (tmp_path / "a.log").write_bytes(b"\rLoading: 0%\rLoading: 100%\r\ndone\n")
    assert end_of(tmp_path / "a.log")[2:-1] == ["Loading: 100%", "done"]
    assert "No such file" in end_of(tmp_path / "b.log")[0]


def test_in_full_a_job_is_a_block_with_its_files():
    text = Full(Usual()).format(job_info())
    assert text == f"rule train_source:\n    input: {INPUT}"


@pytest.mark.parametrize(
    ("level", "variable", "kind"),
    [(logging.INFO, "", Brief), (logging.DEBUG, "", Full), (logging.INFO, "full", Full)],
)
def test_the_terminal_is_brief_unless_asked_otherwise(level, variable, kind, monkeypatch, tmp_path):
    monkeypatch.setenv("PEFTPORT_CONSOLE", variable)
    logger, terminal, file = logging.Logger("a", level), logging.StreamHandler(), logging.FileHandler(tmp_path / "log")
    for handler in (terminal, file):
        handler.setFormatter(Usual())
        logger.addHandler(handler)
    for _ in range(2):
        set_terminal(logger)
    file.close()
    assert type(terminal.formatter) is kind and type(terminal.formatter.usual) is Usual
    assert len(terminal.filters) == (kind is Brief)
    assert type(file.formatter) is Usual and not file.filters


def test_a_run_closes_with_the_verdict_the_report_and_its_time(tmp_path):
    (tmp_path / "verdict.txt").write_text(f"Task knowledge survives. {'It is so. ' * 30}\n")
    *verdict, report, took = closing(tmp_path, 125)
    assert " ".join(verdict).startswith("Task knowledge survives. It is so.") and max(map(len, verdict)) <= WIDTH
    assert (report, took) == (f"Report: {tmp_path / 'report.html'}", "Time: 2 min 5 s")
