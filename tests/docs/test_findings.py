"""Findings: a page from the tables of a finished study, the claims that it tells, and the index of all."""

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from docs.claims import CANNOT_TELL, CLAIMS, CONTRADICTS, MIXED, SUPPORTS
from docs.findings_text import BEGIN, EARLIER, END, merged
from docs.write_findings import main
from peftport.paths import CHECKOUT
from tests.studies import RESULTS

ASKED = "Does a module survive the move? One question, on two lines."
BY_NAME = {claim.name: claim for claim in CLAIMS}


@pytest.fixture
def place(finished, tmp_path):
    """A finished study in a folder of its own, and a repository with its config; returns both."""
    study, checkout = tmp_path / "study", tmp_path / "checkout"
    shutil.copytree(finished, study)
    (checkout / "config/studies").mkdir(parents=True)
    (checkout / "docs/findings").mkdir(parents=True)
    config = (study / "study.yaml").read_text()
    head = "# needs-data: nothing\n#\n# Does a module survive the move?\n# One question, on two lines.\n#\n# More.\n\n"
    (checkout / "config/studies/small.yaml").write_text(head + config)
    identity = ["-c", "user.name=Tests", "-c", "user.email=tests@localhost"]
    for command in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", *command], cwd=checkout, check=True, capture_output=True)
    return study, checkout


def write(place, *more):
    study, checkout = place
    config = checkout / "config/studies/small.yaml"
    return main(["--directory", str(study), "--configfile", str(config), *more], checkout)


def written(place):
    return (place[1] / "docs/findings/small.md").read_text()


def test_the_page_has_question_answer_figures_numbers_cost_and_commit(place):
    assert write(place, "--minutes", "3") == 0
    text, (study, checkout) = written(place), place
    assert f"**Question.** {ASKED}" in text
    assert (study / RESULTS / "verdict.txt").read_text().strip() in text
    commit = subprocess.run(["git", "rev-parse", "--short=8", "HEAD"], cwd=checkout, capture_output=True, text=True)
    assert f"commit {commit.stdout.strip()}" in text and "3 minutes of wall time" in text
    runs = pd.read_parquet(study / RESULTS / "tables/portability.parquet")
    lora = runs.query("technique == 'lora' and initialisation == 'ported' and budget_steps == 0").iloc[0]
    (row,) = re.findall(r"^\| LoRA, .*$", text, re.MULTILINE)
    assert f"{lora['accuracy_mean']:.3f} [" in row and f"{lora['bare_accuracy']:.3f}" in row
    for target in re.findall(r"\]\((\.\./[^)]+)\)", text):
        assert (checkout / "docs/findings" / target).is_file()
    assert "`peftport --configfile config/studies/small.yaml`" in text


def test_once_more_changes_nothing_and_what_stands_around_is_kept(place):
    assert write(place) == 0
    page = place[1] / "docs/findings/small.md"
    before = {path: path.read_bytes() for path in (place[1] / "docs").rglob("*") if path.is_file()}
    assert write(place) == 0
    assert {path: path.read_bytes() for path in (place[1] / "docs").rglob("*") if path.is_file()} == before
    page.write_text(f"Above.\n\n{page.read_text().replace('Answer', 'Old answer')}\nBelow.\n")
    assert write(place) == 0
    text = written(place)
    assert text.startswith("Above.\n") and text.endswith("\nBelow.\n") and "Old answer" not in text


def test_a_page_written_by_hand_stays_below(place):
    (place[1] / "docs/findings/small.md").write_text("# By hand\n\nAll of it.\n")
    assert write(place) == 0 and write(place) == 0
    text = written(place)
    assert text.startswith(BEGIN) and text.partition(END)[2].strip() == f"{EARLIER}\n\n### By hand\n\nAll of it."


def test_the_index_lists_claims_studies_and_other_pages(place):
    (place[1] / "docs/findings/other.md").write_text("# Another one\n")
    assert write(place) == 0
    text = (place[1] / "docs/findings/README.md").read_text()
    first = text.partition("## Studies")[0]
    assert "| claim | where it was seen | interval | what contradicts it |" in first
    assert BY_NAME["copy-beats-scratch"].statement in first and "[small](small.md)" in first
    assert ASKED in text and "* [Another one](other.md)" in text


@pytest.mark.parametrize("file", ["tables/advice.parquet", "modules/*/*/*/*/*/adapter_model.safetensors"])
def test_results_that_are_not_well_are_refused(place, file, capsys):
    """A file that no page is written from counts as well."""
    damaged = next((place[0] / RESULTS).glob(file))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert write(place) == 2
    assert damaged.name in capsys.readouterr().err
    damaged.unlink()
    assert write(place) == 2
    assert not (place[1] / "docs/findings/small.md").exists()


def test_code_that_is_not_committed_is_refused(place, capsys):
    (place[1] / "config/studies/new.yaml").touch()
    assert write(place) == 2
    assert "config/studies/new.yaml: expected no change that is not committed" in capsys.readouterr().err


def contrasts(*rows):
    """Table `contrasts` of these moves at budgets 0: difference, low, high, p-value."""
    names = ["difference", "low", "high", "p_value_holm"]
    table = pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows])
    return {"contrasts": table.assign(initialisation="ported", baseline="scratch", budget_steps=0)}


AHEAD, BEHIND, OPEN = (0.2, 0.1, 0.3, 0.01), (-0.2, -0.3, -0.1, 0.01), (0.1, -0.1, 0.3, 0.2)


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ([AHEAD, OPEN], SUPPORTS),
        ([BEHIND, OPEN], CONTRADICTS),
        ([AHEAD, BEHIND], MIXED),
        ([OPEN], CANNOT_TELL),
    ],
)
def test_a_claim_is_told_by_corrected_tests(rows, outcome):
    found = BY_NAME["copy-beats-scratch"].read(contrasts(*rows))
    assert (found.outcome, found.number) == (outcome, len(rows))
    assert found.low == pytest.approx(100 * min(row[1] for row in rows))
    assert found.estimate == pytest.approx(100 * np.median([row[0] for row in rows]))


def test_a_lead_that_lasts_needs_a_budget_above_the_smallest():
    tables = contrasts(AHEAD)
    assert BY_NAME["lead-lasts"].read(tables) is None
    later = contrasts(BEHIND)["contrasts"].assign(budget_steps=50)
    both = {"contrasts": pd.concat([tables["contrasts"], later])}
    assert BY_NAME["lead-lasts"].read(both).outcome == CONTRADICTS
    assert BY_NAME["copy-beats-scratch"].read(both).outcome == SUPPORTS


@pytest.mark.parametrize(
    ("low", "high", "outcome"), [(0.6, 0.9, SUPPORTS), (0.1, 0.4, CONTRADICTS), (0.4, 0.6, CANNOT_TELL)]
)
def test_most_is_more_than_half_of_the_gap(low, high, outcome):
    row = {"initialisation": "ported", "budget_steps": 0, "recovered_gap": (low + high) / 2}
    table = pd.DataFrame([row | {"recovered_gap_low": low, "recovered_gap_high": high}])
    assert BY_NAME["copy-keeps-most"].read({"portability": table}).outcome == outcome


@pytest.mark.parametrize(("said", "outcome"), [("falls", SUPPORTS), ("rises", CONTRADICTS), ("no_trend", CANNOT_TELL)])
def test_a_trend_is_told_by_the_dials_own_test(said, outcome):
    row = {"dial": "instructions", "map": "copy", "technique": "lora", "initialisation": "ported", "baseline": "none"}
    row |= {"budget_steps": 0, "outcome": said, "slope": -0.03, "slope_low": -0.05, "slope_high": -0.01}
    tables = {"dials": pd.DataFrame([row | {"value": value} for value in (0, 10, 100)])}
    found = BY_NAME["drift-loses"].read(tables)
    assert (found.outcome, found.number) == (outcome, 1)
    assert BY_NAME["size-helps"].read(tables) is None


def test_other_tasks_are_told_at_the_largest_budget_and_never_by_the_diagonal():
    row = {"difference": 0.1, "low": 0.0, "high": 0.2}
    told = [("helps", 0), ("harms", 30), ("cannot_tell", 30), ("own_task", 30)]
    table = pd.DataFrame([row | {"outcome": outcome, "budget_steps": budget} for outcome, budget in told])
    found = BY_NAME["other-tasks-help"].read({"cross_task": table})
    assert (found.outcome, found.number, found.for_it, found.against) == (CONTRADICTS, 2, 0, 1)


def test_nothing_is_said_where_tables_are_absent():
    assert [claim.name for claim in CLAIMS if claim.read({}) is not None] == []


def test_every_page_of_the_checkout_is_in_the_index_and_in_order():
    """What the script would write is what stands there."""
    folder = CHECKOUT / "docs/findings"
    if not (folder / "README.md").is_file():
        pytest.skip("no study has been written up by the script yet")
    text, pages = (folder / "README.md").read_text(), {path.name for path in folder.glob("*.md")} - {"README.md"}
    assert sorted(name for name in pages if f"({name})" not in text) == []


def test_merging_keeps_an_empty_page_empty():
    assert merged("", "new\n") == "new\n"
