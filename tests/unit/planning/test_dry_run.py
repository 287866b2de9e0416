"""What Snakemake tells of a dry run: jobs, their order, its messages."""

import pytest

from peftport.planning.dry_run import Job, depths, error_message, job_of
from peftport.planning.events import JobFacts

FACTS = [
    {
        "rule_name": "evaluate_cell",
        "wildcards": {"technique": "lora", "source_host": "any", "block": "0-2"},
        "reason": "Missing output files: scores.parquet; Input files updated by another job: starts/a.json",
        "input": ["starts/a.json", "datasets/film.parquet"],
        "output": ["scores.parquet", "predictions.parquet"],
    },
    {
        "rule_name": "make_starts",
        "wildcards": {},
        "reason": "Params have changed since last execution: before: 'a; b' now: 'c'",
        "input": [],
        "output": ["starts/a.json"],
    },
]

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


def test_a_job_is_what_snakemake_tells_of_it():
    cell, start = (job_of(JobFacts(**facts)) for facts in FACTS)
    assert cell.stage == "evaluate_cell"
    assert cell.names == {"technique": "lora", "source_host": "any", "block": "0-2"}
    assert cell.inputs == ("starts/a.json", "datasets/film.parquet")
    assert (cell.reason, start.reason) == ("not made yet", "settings or code changed")
    assert start == Job("make_starts", {}, "settings or code changed", (), ("starts/a.json",))


def test_stages_are_ordered_by_what_they_read():
    order = depths([job_of(JobFacts(**facts)) for facts in FACTS])
    assert sorted(order, key=order.get) == ["make_starts", "evaluate_cell"]


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
