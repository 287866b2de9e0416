"""The jobs of a run, written by its logger and read back."""

import logging

from snakemake_interface_logger_plugins.common import LogEvent

from peftport.planning.events import ASKED, NAMES, JobFacts, read_events, write_events

JOB = {
    "rule_name": "train_source",
    "wildcards": {"technique": "lora"},
    "reason": "Missing output files: a, b",
    "input": ["in, with a comma.parquet"],
    "output": ["a", "b"],
}


def logged(extra):
    logger = logging.Logger("of a test")
    write_events(logger)
    logger.info("a job", extra=extra)
    logger.info("a sentence")
    for handler in logger.handlers:
        handler.close()
    return logger


def test_jobs_come_back_as_they_were_told(tmp_path, monkeypatch):
    monkeypatch.setenv(ASKED, str(tmp_path / "events"))
    logged(JOB | {"event": LogEvent.JOB_INFO, "threads": 1})
    assert list(read_events(tmp_path / "events")) == [JobFacts(**JOB)]
    assert set(JOB) == set(NAMES)


def test_other_events_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv(ASKED, str(tmp_path / "events"))
    logged({"event": LogEvent.JOB_FINISHED})
    assert list(read_events(tmp_path / "events")) == []


def test_a_usual_run_writes_none(monkeypatch):
    monkeypatch.delenv(ASKED, raising=False)
    assert logged({}).handlers == []
