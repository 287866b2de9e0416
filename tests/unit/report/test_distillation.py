"""What is said of students: their steps, their teachers, modules from scratch after as many steps."""

import pandas as pd
import pytest

from peftport.report.distillation import distillation
from peftport.report.facts import Cost, NamedSettings, StudyFacts
from peftport.report.page import write_report
from peftport.report.verdict import verdict
from tests.simulated import Design, statistics, study

SETTINGS = NamedSettings(distil_steps=50)
LEVELS = ("accuracy_mean", "accuracy_low", "accuracy_high")
ACCURACY = {("distilled", 0): 0.84, ("scratch", 50): 0.7, ("ported", 0): 0.6}
DESIGN = Design(
    techniques=("lora",),
    transfers=(("raw", "instruct"),),
    initialisations=("ported", "distilled", "scratch"),
    accuracy=lambda technique, source, target, start, budget: ACCURACY.get((start, budget), 0.5),
)


@pytest.fixture(scope="module")
def tables():
    made = study(DESIGN)
    found = statistics(made) | {"runs": made.runs}
    route = {"source_host": "raw", "target_host": "raw", "source_dataset": "reviews", "target_dataset": "reviews"}
    teacher = route | {"technique": "lora", "initialisation": "teacher", "budget_steps": 0}
    scores = made.references.iloc[-2:].assign(**teacher, score=[0.9, 0.94])
    return found | {"references": pd.concat([made.references, scores], ignore_index=True)}


def without(tables, name):
    """The tables of a study without an initialisation."""
    return tables | {
        table: tables[table][tables[table]["initialisation"] != name] for table in ("portability", "runs", "references")
    }


def page(tables, settings, folder):
    write_report(folder / "report.html", StudyFacts("small", settings=settings), tables, {}, Cost())
    return (folder / "report.html").read_text(encoding="utf-8")


def test_it_is_beside_its_teacher_and_scratch_after_as_many_steps(tables):
    opening, sentence = distillation(tables, SETTINGS)
    assert "trained for 50 steps without labels" in opening and "none of zero-shot" in opening
    rows = tables["portability"].set_index(["initialisation", "budget_steps"])[[*LEVELS]]
    own, scratch = ("{:.2f} [{:.2f}, {:.2f}]".format(*rows.loc[place]) for place in (("distilled", 0), ("scratch", 50)))
    assert sentence == (
        "LoRA, raw\N{NO-BREAK SPACE}\N{RIGHTWARDS ARROW}\N{NO-BREAK SPACE}instruct: "
        f"accuracy {own}; its teacher 0.92; modules from scratch after 50 steps with labels {scratch}."
    )


def test_students_of_one_transfer_by_several_maps_are_told_once_and_by_none(tables):
    rows = tables["portability"]
    twice = pd.concat([rows.assign(map="weight_match"), rows.assign(map="activations")], ignore_index=True)
    assert distillation(tables | {"portability": twice}, SETTINGS) == distillation(tables, SETTINGS)


def test_where_there_is_no_fair_comparison_it_is_said(tables):
    assert (
        "modules from scratch were not tested after 50 steps." in distillation(without(tables, "scratch"), SETTINGS)[1]
    )
    assert "not tested after 30 steps." in distillation(tables, NamedSettings(distil_steps=30))[1]
    assert "its teacher failed" in distillation(without(tables, "teacher"), SETTINGS)[1]
    assert distillation(without(tables, "distilled"), SETTINGS) == []


def test_it_is_never_called_zero_shot(tables, tmp_path):
    """The table that has a column for zero-shot scores names the steps in the row."""
    text = page(tables, SETTINGS, tmp_path)
    assert "<td>distilled, 50 steps without labels before</td>" in text and "<td>distilled</td>" not in text
    assert "Distilled without labels" in text and "none of zero-shot" in text
    assert "Distilled without labels" not in page(without(tables, "distilled"), NamedSettings(), tmp_path)


def test_the_verdict_does_not_count_it(tables):
    """Nothing that is said or tested of ported modules depends on it, and no steps are said to be saved by it."""
    made = study(DESIGN)
    kept = {name: frame[frame["initialisation"] != "distilled"] for name, frame in vars(made).items()}
    plain = statistics(type(made)(**kept))
    for name in ("contrasts", "carried", "advice"):
        pd.testing.assert_frame_equal(tables[name], plain[name])
    assert "distilled" not in set(tables["contrasts"]["baseline"])
    rows = tables["portability"]
    assert rows[rows["initialisation"] == "distilled"]["steps_saved_low"].isna().all()
    assert rows[rows["initialisation"] == "ported"]["steps_saved_low"].notna().any()
    assert vars(verdict(tables, SETTINGS)) == vars(verdict(plain | {"runs": kept["runs"]}, SETTINGS))
