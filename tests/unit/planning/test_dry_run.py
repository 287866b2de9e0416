"""What Snakemake prints in a dry run, read back: jobs, why they would start, their order, its messages."""

import pytest

from peftport.planning.dry_run import Job, depths, error_message, jobs, reason_in

PRINTED = """\
Building DAG of jobs...
Job stats:
job                count
---------------  -------
evaluate_cell          1
make_starts_0-2        1
all                    1
total                  3

[Fri Nov 20 17:29:51 2026]
rule evaluate_cell:
    input: starts/a.json, datasets/film.parquet
    output: scores.parquet, predictions.parquet
    jobid: 4
    reason: Missing output files: scores.parquet; Input files updated by another job: starts/a.json
    wildcards: technique=lora, source_host=any, block=0-2
    resources: tmpdir=/tmp
[Fri Nov 20 17:29:51 2026]
rule make_starts_0-2:
    output: starts/a.json
    reason: Params have changed since last execution: before: 'a; b' now: 'c'
[Fri Nov 20 17:29:51 2026]
rule all:
    input: scores.parquet
"""

REFUSED = """\
Using workflow specific profile profiles/default for setting default command line arguments.
WorkflowError in file "workflow/rules/common.smk", line 15:
config key `grid.seeds`: wrong
"""

FAILED = """\
Building DAG of jobs...
InputFunctionException in rule describe_host in file "hosts.smk", line 33:
Error:
  FileNotFoundError: no bundled host `rwa`
Wildcards:
    host=raw
Traceback:
  File "hosts.smk", line 51, in <lambda>
"""


def test_jobs_are_read_without_the_target_and_without_blocks_in_their_stage():
    cell, start = jobs(PRINTED)
    assert cell.stage == "evaluate_cell"
    assert cell.names == {"technique": "lora", "source_host": "any", "block": "0-2"}
    assert cell.inputs == ("starts/a.json", "datasets/film.parquet")
    assert (cell.reason, start.reason) == ("not made yet", "settings or code changed")
    assert start == Job("make_starts", {}, "settings or code changed", (), ("starts/a.json",))


def test_nothing_to_be_done_is_no_job():
    assert jobs("Building DAG of jobs...\nNothing to be done (all requested files are present and up to date).\n") == []


def test_stages_are_ordered_by_what_they_read():
    order = depths(jobs(PRINTED))
    assert sorted(order, key=order.get) == ["make_starts", "evaluate_cell"]


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("Updated input files: a.parquet", "reads a newer file"),
        ("Input files updated by another job: a, b", "reads what is made again"),
        ("Updated input files: a; Params have changed since last execution: b", "settings or code changed"),
        ("Something new in Snakemake", "Something new in Snakemake"),
    ],
)
def test_reasons(text, ours):
    assert reason_in(text) == ours


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (REFUSED, "config key `grid.seeds`: wrong"),
        (FAILED, "no bundled host `rwa`"),
        ("killed", "killed"),
        ("", ""),
    ],
)
def test_the_message_of_an_error(text, message):
    assert error_message(text) == message
