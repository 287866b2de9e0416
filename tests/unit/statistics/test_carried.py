"""What a move carries: one test per move, one family per sentence, outcomes by what can be said."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from peftport.statistics.carried import carried, constant_answers, shown_not
from peftport.statistics.contrasts import contrasts
from peftport.statistics.families import ALPHA, holm
from peftport.statistics.intervals import Estimate
from tests.simulated import MARGIN, Design, Study, study

MOVE = ["technique", "source_host", "target_host", "budget_steps"]
FOUR = ("ported", "sampled", "matched", "scratch")


def of(made: Study) -> pd.DataFrame:
    return carried(made.runs, made.references, made.predictions, MARGIN)


def level(**levels: float):
    """True accuracies by initialisation, whatever the budget."""
    return lambda technique, source, target, start, budget: levels[start]


KNOWN = Design(
    ("lora",), seeds=tuple(range(5)), examples=1000, budgets=(0, 50), seed_deviation=0.005, initialisations=FOUR,
    accuracy=level(ported=0.8, sampled=0.5, matched=0.55, scratch=0.6),
)  # fmt: skip


def test_the_p_value_is_the_largest_and_the_difference_that_to_the_closest_control() -> None:
    made = study(KNOWN)
    table, parts = of(made), contrasts(made.runs, made.references, made.predictions)
    parts = parts[parts["baseline"].isin(["sampled", "matched", "scratch"])].groupby(MOVE)
    assert table.set_index(MOVE)["p_value"].to_dict() == pytest.approx(parts["p_value"].max().to_dict())
    assert table.set_index(MOVE)["difference"].to_dict() == pytest.approx(parts["difference"].min().to_dict())
    assert set(table["controls"]) == {"sampled,matched,scratch,constant"} and set(table["closest_control"]) == {
        "scratch"
    }
    assert set(table["outcome"]) == {"carried"}


def test_the_family_is_the_moves_at_one_budget() -> None:
    table = of(study(dataclasses.replace(KNOWN, techniques=("adapters", "lora"), seeds=(0, 1, 2))))
    for _, rows in table.groupby("budget_steps"):
        assert len(rows) == 4 and rows["p_value_holm"].tolist() == pytest.approx(holm(rows["p_value"]).tolist())


def test_no_other_sentence_changes() -> None:
    """A budget more, a control that the sentence does not use, or comparisons with bare and native: same outcome."""
    small = Design(("lora",), seeds=(0, 1, 2), budgets=(0, 50), examples=120)
    base = of(study(small)).query("budget_steps == 0").reset_index(drop=True)
    for other in (
        dataclasses.replace(small, budgets=(0, 10, 50, 200)),
        dataclasses.replace(small, initialisations=("ported", "sampled", "scratch", "permuted")),
        dataclasses.replace(small, references=("bare",)),
        dataclasses.replace(small, references=()),
    ):
        found = of(study(other)).query("budget_steps == 0").reset_index(drop=True)
        pd.testing.assert_frame_equal(found, base)


def test_a_technique_that_is_compared_with_bare_alone_changes_no_other_sentence() -> None:
    made = study(Design(("lora",), seeds=(0, 1, 2), budgets=(0,), examples=120))
    other = study(Design(("adapters",), seeds=(0, 1, 2), budgets=(0,), examples=120, initialisations=("ported",)))
    both = Study(*(pd.concat(parts, ignore_index=True) for parts in zip(
        (made.runs, made.references, made.predictions),
        (other.runs, other.references[other.references["technique"] != "none"],
         other.predictions[other.predictions["technique"] != "none"]),
        strict=True,
    )))  # fmt: skip
    pd.testing.assert_frame_equal(of(both), of(made))


def test_behind_one_control_is_not_carried_however_far_ahead_of_the_others() -> None:
    behind = dataclasses.replace(KNOWN, accuracy=level(ported=0.8, sampled=0.5, matched=0.5, scratch=0.83))
    table = of(study(behind))
    assert (table["p_value"] == 1).all() and set(table["outcome"]) == {"not_carried"}


def test_little_data_leave_it_open_and_say_how_much_would_tell() -> None:
    wide = dataclasses.replace(
        KNOWN, seeds=(0, 1, 2), seed_deviation=0.12, examples=200, transfers=(("raw", "instruct"),)
    )
    table = of(study(wide))
    row = table.query("budget_steps == 0").iloc[0]
    assert row["outcome"] == "open" and row["p_value"] > ALPHA and row["difference"] > 0
    assert row["seeds_needed"] > 3 and row["examples_needed"] >= 200


def test_a_single_seed_and_a_task_that_nobody_learns_cannot_tell() -> None:
    one = dataclasses.replace(KNOWN, seeds=(0,))
    assert set(of(study(one))["outcome"]) == {"cannot_tell"}
    alike = dict.fromkeys(FOUR, 0.5)
    assert set(of(study(dataclasses.replace(KNOWN, native=0.51, accuracy=level(**alike))))["outcome"]) == {
        "cannot_tell"
    }


def test_ported_modules_that_do_know_the_task_are_evidence_enough_that_it_can_be_learnt() -> None:
    weak = dataclasses.replace(KNOWN, native=0.51)
    assert set(of(study(weak))["outcome"]) == {"carried"}


def test_without_controls_ported_must_beat_the_bare_host() -> None:
    alone = dataclasses.replace(KNOWN, initialisations=("ported",))
    table = of(study(alone))
    assert set(table["controls"]) == {"bare,constant"} and set(table["outcome"]) == {"carried"}
    assert of(study(dataclasses.replace(alone, references=()))).empty


def test_modules_that_only_say_one_label_are_not_carried_where_controls_are_worse_than_that() -> None:
    """The host without a module is right in 38%, and so are its controls; half of the labels are equal."""
    worse = level(ported=0.5, sampled=0.38, matched=0.38, scratch=0.38)
    made = study(dataclasses.replace(KNOWN, bare=0.38, accuracy=worse))
    table = of(made)
    assert set(table["closest_control"]) == {"constant"} and not (table["outcome"] == "carried").any()
    assert table["difference"].abs().max() < 0.03
    made.runs["macro_f1"] = np.nan  # no labels: there is no such answer
    assert set(of(made)["controls"]) == {"sampled,matched,scratch"} and set(of(made)["outcome"]) == {"carried"}


def test_a_constant_answer_is_right_where_the_most_frequent_label_is() -> None:
    rows = [(name, f"e{number}", "ab"[number > 1]) for name in ("film", "notes") for number in (4, 1, 0, 3, 2)]
    predictions = pd.DataFrame(rows, columns=["target_dataset", "example_id", "label"])
    runs = pd.DataFrame({"target_dataset": ["film", "notes"], "macro_f1": [0.5, np.nan]})
    constants = constant_answers(runs, pd.concat([predictions, predictions]))
    assert constants.keys() == {"film"} and constants["film"].values.tolist() == [[0, 0, 1, 1, 1]]


def test_nothing_ported() -> None:
    table = of(study(Design(initialisations=("scratch",), examples=40)))
    assert table.empty and np.isnan(table["p_value_holm"].mean())


def test_not_carried_is_shown_at_5_percent_shared_among_the_controls() -> None:
    """Eight seeds, a standard error of 1 point: 1.9 points above at 5%, and 2.6 at a third of that."""
    one = Estimate(0.0, by_seeds=1e-4, by_examples=0.0, seeds=8, examples=1000)
    far = Estimate(0.5, by_seeds=1e-4, by_examples=0.0, seeds=8, examples=1000)
    assert shown_not({"scratch": one}, 0.020) and not shown_not({"scratch": one}, 0.018)
    three = {"scratch": one, "sampled": far, "matched": far}
    assert shown_not(three, 0.028) and not shown_not(three, 0.020)


def test_what_an_open_move_needs_is_more_than_there_is_however_many_moves_are_corrected_for() -> None:
    """Ahead by itself, and not after Holm's correction: the size that is named would tell beside the other moves."""
    close = level(ported=0.7, sampled=0.5, matched=0.5, scratch=0.5)
    some = dataclasses.replace(KNOWN, seeds=(0, 1, 2), seed_deviation=0.04, examples=300, accuracy=close)
    table = of(study(some))
    opened = table[(table["outcome"] == "open") & (table["difference"] > 0) & table["seeds_needed"].notna()]
    by_itself = opened[opened["p_value"] < ALPHA]
    assert len(by_itself)
    assert ((by_itself["seeds_needed"] > by_itself["seeds"]) | (by_itself["examples_needed"] > 300)).all()
