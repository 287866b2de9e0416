"""What every script does around its call: the log, the keys of its inputs, one clear message, how files were made."""

import contextlib
import errno
import io
import logging
import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from peftport import __version__
from peftport.jobs import job as jobs
from peftport.jobs.job import PLAIN, job
from peftport.storage.parquet import write_table

WHERE = "error (train_source, technique lora, host raw): "
KEY, OTHER = "0123456789abcdef", "fedcba9876543210"


class Params(dict):
    """As Snakemake gives them: by attribute and by ``get``."""

    __getattr__ = dict.__getitem__


@pytest.fixture
def snakemake(tmp_path):
    return SimpleNamespace(
        params=Params(key=KEY),
        input=[],
        log=[str(tmp_path / "results/smoke/logs/deep/job.log")],
        rule="train_source",
        wildcards={"technique": "lora", "host": "raw"},
        threads=2,
    )


@pytest.fixture
def table(tmp_path):
    frame = pd.DataFrame({"example_id": ["a"], "text": ["b"], "label": ["c"], "answers": None})
    write_table(tmp_path / "train.parquet", frame, "examples", {"key": KEY})
    return tmp_path / "train.parquet"


def log_of(snakemake):
    with open(snakemake.log[0], encoding="utf-8") as log:
        return log.read()


def test_a_job_that_ends_well_says_what_it_cost(snakemake, tmp_path):
    with job(snakemake):
        pass
    assert [path.name for path in (tmp_path / "results/smoke/benchmarks/deep").iterdir()] == ["job.tsv"]


def test_a_job_says_how_its_files_are_made(snakemake):
    with job(snakemake) as made:
        pass
    expected = {
        "key": KEY,
        "stage": "train_source",
        "names": {"technique": "lora", "host": "raw"},
        "peftport": __version__,
        "threads": 2,
    }
    assert expected.items() <= made.items()
    assert made["versions"]["python"] == platform.python_version()
    assert {"torch", "transformers", "peft"} <= set(made["versions"])
    assert pd.Timestamp(made["made_at"]).tz is not None


def test_what_a_job_says_is_in_its_log_and_nowhere_else(snakemake, capsys):
    print("before")
    with job(snakemake):
        print("to the log: é")
        print("an error", file=sys.stderr)
    print("after")
    said = log_of(snakemake)
    assert "to the log: é" in said and "an error" in said
    assert said.rstrip().splitlines()[-1].startswith("done in ")
    assert capsys.readouterr().out == "before\nafter\n"


def test_what_libraries_log_on_the_terminal_is_in_the_log(snakemake, capsys):
    """Their handlers hold the stream that was there when they were imported."""
    logger, handler = logging.getLogger("some_library"), logging.StreamHandler()
    logger.addHandler(handler)
    with job(snakemake):
        logger.warning("weights are tied")
    logger.warning("afterwards")
    logger.removeHandler(handler)
    assert "weights are tied" in log_of(snakemake) and "afterwards" not in log_of(snakemake)
    assert "weights are tied" not in capsys.readouterr().err and handler.stream is sys.stderr


def test_pythons_last_resort_may_be_attached_to_a_logger():
    """As datasets' dependencies do; it has no stream of its own, and follows ``sys.stderr``."""
    logger, stream = logging.getLogger("attached"), io.StringIO()
    logger.addHandler(logging.lastResort)
    try:
        with jobs._redirected(stream):
            logger.warning("about to begin")
    finally:
        logger.removeHandler(logging.lastResort)
    assert "about to begin" in stream.getvalue()


@pytest.mark.parametrize("error", PLAIN)
def test_an_expected_error_is_one_message(snakemake, error):
    with pytest.raises(SystemExit) as stop, job(snakemake):
        raise error("the file is damaged")
    assert stop.value.code == 1
    assert log_of(snakemake) == f"{WHERE}the file is damaged\n"


def test_an_expected_error_shows_where_if_asked(snakemake, monkeypatch):
    monkeypatch.setenv("PEFTPORT_TRACEBACK", "1")
    with pytest.raises(SystemExit), job(snakemake):
        raise ValueError("odd")
    assert log_of(snakemake).startswith(f"{WHERE}odd\nTraceback")


def test_a_bug_shows_where_it_is(snakemake):
    with pytest.raises(SystemExit) as stop, job(snakemake):
        {}["no such thing"]
    assert stop.value.code == 1
    said = log_of(snakemake)
    assert "Traceback" in said and "KeyError: 'no such thing'" in said and "done in" not in said


def test_an_interrupted_job_is_no_finished_one(snakemake):
    with pytest.raises(KeyboardInterrupt), job(snakemake):
        raise KeyboardInterrupt
    assert "done in" not in log_of(snakemake)


def test_output_comes_back_after_an_error(snakemake, capsys):
    with pytest.raises(SystemExit), job(snakemake):
        raise ValueError
    print("heard")
    assert capsys.readouterr().out == "heard\n"


def test_a_failed_job_ends_its_script_with_a_failure(tmp_path):
    """In a process, as Snakemake runs it."""
    script = (
        "import sys\nfrom types import SimpleNamespace\nfrom peftport.jobs.job import job\n"
        "class Params(dict):\n    key = 'k'\n"
        "s = SimpleNamespace(params=Params(), log=[sys.argv[1]], rule='r', wildcards={}, threads=1, input=[])\n"
        "with job(s):\n    raise ValueError('odd')\n"
    )
    path = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", script, str(tmp_path / "log")]
    out = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": path})
    assert (out.returncode, out.stdout, out.stderr) == (1, "", "")
    assert (tmp_path / "log").read_text() == "error (r): odd\n"


def test_an_input_made_otherwise_is_refused_before_any_work(tmp_path, snakemake):
    frame = pd.DataFrame({"example_id": ["a"], "text": ["b"], "label": ["c"], "answers": None})
    table = tmp_path / "train.parquet"
    write_table(table, frame, "examples", {"key": KEY})
    snakemake.params["expects"], snakemake.input = {str(table): OTHER}, [str(table)]
    worked = []
    with pytest.raises(SystemExit) as stop, job(snakemake):
        worked.append(1)
    assert not worked and stop.value.code == 1
    assert log_of(snakemake).startswith(f"{WHERE}{table} was made with other settings or other code")
    assert log_of(snakemake).endswith("now lies in train.parquet.damaged; run the same command again to remake it.\n")


def test_data_that_changed_since_the_plan_stop_a_job_before_any_work(tmp_path, snakemake):
    (tmp_path / "film.csv").write_text("text,label\n")
    snakemake.params["files"] = {str(tmp_path / "film.csv"): "0" * 64}
    worked = []
    with pytest.raises(SystemExit), job(snakemake):
        worked.append(1)
    assert not worked and "film.csv changed after this run was planned" in log_of(snakemake)


def test_code_that_is_not_that_of_the_key_stops_a_job_before_any_work(snakemake):
    snakemake.params["code"] = ["0" * 16]
    worked = []
    with pytest.raises(SystemExit), job(snakemake):
        worked.append(1)
    assert not worked
    assert "the library's code changed while this study runs" in log_of(snakemake)


def test_a_full_disk_leaves_no_library_writing_to_the_log(monkeypatch):
    """A library's handler whose last words do not fit goes back to the terminal, and nothing is raised."""
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    handler = logging.StreamHandler(terminal)
    logger = logging.getLogger("a library")
    logger.addHandler(handler)
    try:
        log = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115 - closing it fails
        with jobs._redirected(log):
            assert handler.stream is log
            log.write("does not fit")
        assert handler.stream is terminal
        with contextlib.suppress(OSError):
            log.close()
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_where_nothing_may_be_written_it_is_said_what_helps(snakemake, number):
    with pytest.raises(SystemExit), job(snakemake):
        raise OSError(number, os.strerror(number), "results/smoke/a.parquet")
    said = log_of(snakemake)
    assert os.strerror(number) in said and "results/smoke/a.parquet" in said
    assert said.endswith("Get write permission, or copy the folder of the study and run there (--directory).\n")


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ...")],
    ids=["Python's", "torch's"],
)
def test_where_memory_runs_out_it_is_said_what_helps(snakemake, error):
    with pytest.raises(SystemExit), job(snakemake):
        raise error
    said = log_of(snakemake)
    assert "Traceback" not in said and "Give the job more memory (mem_mb, ulimit -v)" in said


def test_what_is_to_be_said_of_the_hand_over_is_in_the_log(snakemake, monkeypatch):
    monkeypatch.setattr(jobs, "NOTES", ["it did not answer"])
    with job(snakemake):
        pass
    assert log_of(snakemake).startswith("it did not answer\n")
