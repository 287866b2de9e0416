"""The page and its sentences, on tables designed to have one right answer."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peftport.figures import learning_curves, paired_differences, portability_matrix, style
from peftport.report.facts import Cost, NamedSettings, StudyFacts
from peftport.report.numbers import rates
from peftport.report.page import as_code, duration, inline_svg, write_report
from peftport.report.phrases import MOVE, listing
from peftport.report.recommendation import recommendations
from peftport.report.verdict import verdict
from peftport.study.training_steps import warmup_warnings
from tests.simulated import Design, failing, statistics, study

ONE = (("raw", "instruct"),)
SMALL = StudyFacts("small")

Rows = list[dict[str, Any]]  # of a table, with what differs from its usual row


def summary(rows: Rows) -> pd.DataFrame:
    """Table `portability` with these values and harmless others."""
    usual = {
        "study": "designed",
        "technique": "lora",
        "source_host": "raw",
        "target_host": "instruct",
        "map": "copy",
        "source_dataset": "reviews",
        "target_dataset": "reviews",
        "initialisation": "ported",
        "budget_steps": 0,
        "seeds": 3,
        "accuracy_mean": 0.8,
        "accuracy_standard_deviation": 0.01,
        "accuracy_low": 0.77,
        "accuracy_high": 0.83,
        "macro_f1_mean": 0.8,
        "calibrated_accuracy_mean": 0.82,
        "log_likelihood_mean": -0.5,
        "log_likelihood_low": -0.6,
        "log_likelihood_high": -0.4,
        "majority_share": 0.5,
        "bare_accuracy": 0.5,
        "native_accuracy": 0.9,
        "bare_calibrated_accuracy": 0.55,
        "native_calibrated_accuracy": 0.9,
        "bare_log_likelihood": -1.2,
        "native_log_likelihood": -0.2,
        "gap_low": 0.37,
        "gap_high": 0.43,
        "recovered_gap": 0.75,
        "recovered_gap_low": 0.7,
        "recovered_gap_high": 0.8,
        "steps_saved": 50.0,
        "steps_saved_low": 20.0,
        "steps_saved_high": 80.0,
        "at_ceiling": False,
    }
    return pd.DataFrame([usual | row for row in rows])


def compared(rows: Rows) -> pd.DataFrame:
    """Table `contrasts` with these values and harmless others."""
    usual = {
        "study": "designed",
        "technique": "lora",
        "source_host": "raw",
        "target_host": "instruct",
        "map": "copy",
        "source_dataset": "reviews",
        "target_dataset": "reviews",
        "budget_steps": 0,
        "initialisation": "ported",
        "baseline": "scratch",
        "seeds": 3,
        "difference": 0.2,
        "low": 0.15,
        "high": 0.25,
        "p_value": 0.001,
        "p_value_holm": 0.01,
        "win_rate": 1.0,
    }
    return pd.DataFrame([usual | row for row in rows])


BOTH = [{"baseline": "sampled"}, {"baseline": "scratch"}]
TIE = {"difference": 0.0, "low": -0.02, "high": 0.02, "p_value_holm": 1.0}
WORSE = {"difference": -0.1, "low": -0.15, "high": -0.05}
BACK, LATER = {"source_host": "instruct", "target_host": "raw"}, {"budget_steps": 200}


def moves(rows: Rows) -> pd.DataFrame:
    """Table `carried` with these values and harmless others."""
    place = compared([{}]).iloc[0][["study", *MOVE, "budget_steps", "seeds", "difference", "low", "high"]].to_dict()
    usual = {"controls": "sampled,scratch", "closest_control": "scratch", "p_value": 0.001, "p_value_holm": 0.01}
    usual |= {"outcome": "carried", "seeds_needed": np.nan, "examples_needed": np.nan}
    return pd.DataFrame([place | usual | row for row in rows])


def answer(rows: Rows, summaries: Rows | None = None, **settings: Any) -> list[str]:
    """The short answer on these rows of table `carried`."""
    tables = {"portability": summary(summaries or [{}]), "carried": moves(rows)}
    return verdict(tables, NamedSettings(**settings)).answer


def simulated(design: Design) -> dict[str, pd.DataFrame]:
    return statistics(study(design))


def drawn(tables: dict[str, pd.DataFrame], folder: Path) -> dict[str, Path]:
    paths = {}
    for module in (learning_curves, portability_matrix, paired_differences):
        name = module.__name__.rsplit(".", 1)[1]
        style.save(module.draw(tables), folder / f"{name}.svg")
        paths[name] = folder / f"{name}.svg"
    return paths


def test_answer_when_ported_wins() -> None:
    assert answer([{}])[0] == (
        "Task knowledge survives the move: without any training in the target host, ported modules beat sampled "
        "modules and modules from scratch in the one move tested."
    )
    assert "in all 2 moves." in answer([{}, BACK])[0]


def test_answer_says_first_that_the_study_cannot_tell() -> None:
    """No "there is no sign" where nothing was learnt or too little was run: it says why, and what to change."""
    mute = {"outcome": "cannot_tell", "p_value_holm": 1.0}
    said = answer([mute, BACK | {"outcome": "open"}], [{"native_accuracy": 0.52}], source_steps=30)
    assert said[0].startswith("This study cannot tell whether task knowledge survives the move")
    assert "`training.source_steps` (now 30)" in said[1] and "native .52, bare .50" in said[1]
    assert said[2].startswith("In 1 of 2 moves the data show neither") and "`grid.seeds`, now 3" in said[2]
    single = answer([mute | {"seeds": 1}])
    assert single[0].startswith("This study cannot tell") and "give `grid.seeds` at least three" in single[1]


def test_what_would_tell_is_named() -> None:
    row = {"outcome": "open", "seeds_needed": 8.0, "examples_needed": 2000.0}
    assert "8 seeds (now 3) and 2,000 test examples would tell in 1 move" in answer([row])[1]
    assert "8 seeds" not in answer([row | {"difference": -0.01}])[1]


def test_answer_when_it_is_shown_not_to_carry_and_when_moves_differ() -> None:
    lost = {"outcome": "not_carried", "p_value_holm": 1.0}
    said = answer([lost, BACK | lost], margin=0.05)[0]
    assert said.startswith("Task knowledge does not survive the move:")
    assert "shown not to beat them by more than 5.0 points in all 2 moves" in said
    mixed = answer([{}, BACK | lost])[0]
    assert mixed.startswith("Task knowledge survives some moves and not others:") and "in 1 of 2 moves" in mixed
    partly = answer([{}, BACK | {"outcome": "open"}])
    assert partly[0].startswith("Task knowledge survives some moves:") and "cannot tell" in partly[0]
    assert answer([lost, BACK | {"outcome": "open"}])[0].endswith("Of the others this study cannot tell.")


def test_answer_after_training() -> None:
    assert answer([{}, LATER | {"outcome": "open"}])[-2] == "After 200 steps they are not shown to be ahead."
    rows = [{}, BACK, LATER, LATER | BACK | {"outcome": "open"}]
    assert answer(rows)[-2] == "After 200 steps they are still ahead in 1 of 2."


def test_scratch_at_chance_says_that_budgets_are_too_small() -> None:
    fresh = {"initialisation": "scratch", "accuracy_mean": 0.493, "accuracy_low": 0.46, **LATER}
    said = answer([{}, LATER], [{}, LATER, fresh])[-2]
    assert "not shown to be above a constant answer (accuracy .49, a constant answer .50)" in said
    assert "budgets are too small" in said
    assert "too small" not in " ".join(answer([{}, LATER], [{}, LATER, fresh | {"accuracy_low": 0.6}]))


def test_the_family_of_the_sentence_is_said() -> None:
    assert answer([{}])[-1].endswith("each: the largest of the p-values counts, at 5%.")
    assert answer([{}, BACK])[-1].endswith("after Holm's correction for the 2 moves of the sentence.")


def test_without_alternatives_or_ported() -> None:
    assert "nothing to compare" in verdict({"portability": summary([{}])}).answer[0]
    bare = answer([{"controls": "bare", "closest_control": "bare"}])
    assert "beat the bare host in the one move" in bare[0]
    only = verdict({"portability": summary([{"initialisation": "scratch"}])})
    assert "nothing to judge" in only.answer[0]


def technique(rows: Rows, compared_rows: Rows) -> list[str]:
    """What is said of LoRA."""
    tables = {"portability": summary(rows), "contrasts": compared(compared_rows), "carried": moves([{}])}
    ((_, sentences),) = verdict(tables).techniques
    return sentences


def test_a_technique_is_compared_with_each_control() -> None:
    said = technique([{}], [BOTH[0] | WORSE, BOTH[1] | TIE])[0]
    assert "worse than sampled modules (\N{MINUS SIGN}10.0" in said
    assert "not told apart from modules from scratch by this data (+0.0 [\N{MINUS SIGN}2.0, +2.0])" in said


def test_the_second_yardstick_and_the_gap_with_its_interval_are_said() -> None:
    said = " ".join(technique([{}], BOTH))
    assert "log-likelihood of the right answer: \N{MINUS SIGN}0.50 (bare host \N{MINUS SIGN}1.20" in said
    assert "calibrated thresholds 0.82 (bare host 0.55, native modules 0.90)" in said
    assert "Recovered gap: 75% [70%, 80%]" in said


def test_budgets_inside_the_warm_up_are_a_caveat() -> None:
    tables, settings = {"portability": summary([{}])}, NamedSettings(warnings=warmup_warnings([0, 25, 100], 30))
    found = verdict(tables, settings).caveats
    assert any(sentence.startswith("Budget 25 lies inside the warm-up of 30 steps") for sentence in found)
    assert not any("warm-up" in sentence for sentence in verdict(tables).caveats)


@pytest.mark.parametrize(
    "row, said",
    [
        ({}, "50 [20, 80] ("),
        ({"steps_saved_low": 0.0}, "none seen ("),
        ({"steps_saved_low": -5.0, "steps_saved": -2.0}, "none seen ("),
        ({"at_ceiling": True, "steps_saved": np.nan}, "not counted, at the ceiling of native modules ("),
        ({"steps_saved": np.nan, "steps_saved_high": np.nan}, "more than 200 [20, no end seen] ("),
        ({"steps_saved": np.nan, "steps_saved_low": np.nan, "steps_saved_high": np.nan}, "more than 200 [200, no end"),
    ],
)
def test_steps_saved_are_said_with_their_interval(row: dict, said: str) -> None:
    (sentence,) = [line for line in technique([row, LATER], BOTH) if line.startswith("Training steps saved")]
    assert sentence.startswith(f"Training steps saved by starting from the ported module: {said}")


def test_no_steps_saved_are_printed_where_nothing_was_learnt() -> None:
    mute = {"recovered_gap": np.nan, "steps_saved": 0.0, "steps_saved_low": 0.0}
    assert not any("steps saved" in line.lower() for line in technique([mute, LATER], BOTH))


def test_ranking_names_the_most_portable_and_ties() -> None:
    rows = [{"technique": name, "recovered_gap": gap} for name, gap in (("lora", 0.5), ("adapters", 0.7), ("ia3", 0.2))]
    (sentence,) = verdict({"portability": summary(rows)}).across
    assert sentence.startswith("By the mean recovered gap zero-shot, Adapters (70%) carries most, then LoRA (50%)")
    rows[0]["recovered_gap"] = 0.699
    (sentence,) = verdict({"portability": summary(rows)}).across
    assert "Adapters and LoRA (70%) carry equally much" in sentence


def test_a_single_technique_is_not_ranked() -> None:
    assert verdict({"portability": summary([{}])}).across == []


def test_ranking_falls_back_where_native_is_missing() -> None:
    missing = {"native_accuracy": np.nan, "recovered_gap": np.nan}
    rows = [missing | {"technique": "lora"}, missing | {"technique": "adapters", "accuracy_mean": 0.7}]
    found = verdict({"portability": summary(rows)})
    assert "LoRA (+30.0 points) carries most" in found.across[0]
    assert any("no reference `native modules`" in sentence for sentence in found.caveats)


def test_caveats() -> None:
    one_seed = summary([{"seeds": 1}])
    assert any("one seed" in sentence for sentence in verdict({"portability": one_seed}).caveats)
    withheld = summary([{"recovered_gap": np.nan, "native_accuracy": 0.51}])
    assert any("withheld in 1 of 1" in sentence for sentence in verdict({"portability": withheld}).caveats)
    fewer = summary([{}, {"initialisation": "scratch", "seeds": 2}])
    assert any("1 cell of 2 has fewer seeds" in sentence for sentence in verdict({"portability": fewer}).caveats)


def test_a_constant_answer_is_named_where_it_is_one_of_the_controls() -> None:
    labelled = {"controls": "sampled,scratch,constant"}
    assert "modules from scratch and a constant answer each" in answer([labelled])[-1]
    assert "and a constant answer (where answers are labels) each" in answer([labelled, BACK])[-1]


def test_a_bare_host_that_is_worse_than_a_constant_answer_is_said_to_be() -> None:
    """.12 of the .58 points between bare and native are those of an answer that is always the same label."""
    rows = [{"bare_accuracy": 0.38, "native_accuracy": 0.96, "majority_share": 0.5}, BACK | {"bare_accuracy": 0.49}]
    said = " ".join(verdict({"portability": summary(rows)}).caveats)
    assert "In 1 of 2 moves the bare host is right less often" in said and "recovers 21% of the gap" in said
    assert "(accuracy 0.38 against 0.50)" in said
    assert "less often" not in " ".join(verdict({"portability": summary(rows[1:])}).caveats)


def ways(rows: Rows) -> pd.DataFrame:
    """Table `advice` with these values and harmless others."""
    usual = compared([{}]).iloc[0][["study", *MOVE, "seeds"]].to_dict()
    usual |= {"way": "copy", "steps": 0, "accuracy": 0.8, "low": 0.78, "high": 0.82, "ruled_out": False}
    usual |= {"native_difference": -0.01, "native_low": -0.03, "native_high": 0.01, "good_enough": False}
    usual |= {"advised": False, "better_way": None, "better_steps": np.nan}
    usual |= {"seeds_needed": np.nan, "examples_needed": np.nan}
    return pd.DataFrame([usual | row for row in rows])


AGAIN = {"way": "start again", "steps": 100, "accuracy": 0.95, "low": 0.94, "high": 0.96}
TAKEN, OUT = {"good_enough": True, "advised": True}, {"ruled_out": True}


def test_advice_has_its_numbers_and_what_is_ruled_out() -> None:
    rows = [OUT, {"steps": 25} | OUT, {"steps": 100} | OUT, AGAIN | TAKEN | {"native_low": -0.04, "native_high": -0.01}]
    (found,) = recommendations(ways(rows))
    assert found["advice"] == "start again and train 100 steps" and found["accuracy"] == "0.950 [0.94, 0.96]"
    assert "ruled out: copy, copy and train 25 and 100 steps" in found["reason"]
    assert "even the best way (start again and train 100 steps) stays below native modules" in found["reason"]
    (copied,) = recommendations(ways([TAKEN, AGAIN]))
    assert copied["advice"] == "copy" and "no way is ruled out" in copied["reason"]
    assert "below native" not in copied["reason"]


def test_where_nothing_can_be_advised_it_is_said_what_would_tell() -> None:
    need = {"seeds_needed": 9.0, "examples_needed": 1000.0}
    (found,) = recommendations(ways([need | OUT, AGAIN | need]))
    assert found["advice"] == "cannot tell"
    assert "ruled out: copy; the rest cannot be told apart; about 9 seeds and 1,000 test examples" in found["reason"]
    (single,) = recommendations(ways([{"seeds": 1}, AGAIN | {"seeds": 1}]))
    assert "a single seed says nothing" in single["reason"]
    (hopeless,) = recommendations(ways([{}, AGAIN]))
    assert "no reasonable number of seeds" in hopeless["reason"]


def test_learning_rates_are_shown_where_there_was_a_choice() -> None:
    runs = study(Design(("lora",), ONE, examples=40)).runs
    assert rates(runs) is None and rates(runs.assign(learning_rate=0.01)) is None
    told = rates(runs.assign(learning_rate=np.where(runs["seed"] == 0, 0.01, 0.003)))
    assert ["LoRA", "ported", "After 50 steps", "0.003 (2), 0.01 (1)"] in told.rows


def test_what_stands_in_backticks_is_shown_as_code() -> None:
    assert as_code("give `grid.seeds` at least <3>") == "give <code>grid.seeds</code> at least &lt;3&gt;"


def test_page_is_self_contained_and_escaped(tmp_path: Path) -> None:
    tables = simulated(Design(transfers=ONE, examples=60))
    nasty = "<script>alert('x')</script> & co"
    study_facts = StudyFacts(
        name=nasty,
        description=nasty,
        rules={nasty: nasty},
        reconstructions=[nasty],
        hosts={nasty: {nasty: nasty}},
        host_notes=[nasty],
        datasets={"reviews": {"labels": [nasty, "bad"]}},
        prompts={"reviews, test, in host raw": {"prompts": 2345, "cut": 17}},
        config=nasty,
    )
    cost = Cost(wall_seconds=65, optimiser_steps=1200, versions={"torch": nasty}, failed=[nasty])
    columns = ["left_dataset", "left_split", "right_dataset", "right_split"]
    shared = dict.fromkeys(columns, nasty) | {"left_examples": 200, "right_examples": 9, "exact": 1, "normalised": 3}
    tables["overlap"] = pd.DataFrame([shared | {"example_ids": "[]"}])
    write_report(tmp_path / "report.html", study_facts, tables, drawn(tables, tmp_path), cost)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page and "alert(&#39;x&#39;)" in page
    for load in ('src="', "@import", "<link", "url(http", 'href="http', "//cdn"):
        assert load not in page
    for expected in ("1 min 5 s", "1,200", "1.5%", "Leak audit", "What is reconstruction", "Failed", "<svg", "2,345"):
        assert expected in page
    ids = [part.split('"')[0] for part in page.split(' id="')[1:]]
    assert ids and len(ids) == len(set(ids))
    (answer,) = (tmp_path / "verdict.txt").read_text(encoding="utf-8").splitlines()
    assert answer.startswith(("Task knowledge ", "This study cannot tell ")) and answer[:60] in page


@pytest.mark.parametrize(
    "design",
    [
        Design(("lora",), ONE, seeds=(0,), budgets=(0,), examples=40),
        Design(("lora",), references=(), examples=40),
        Design(("lora",), references=("bare",), initialisations=("ported",), examples=40),
        Design(("lora",), initialisations=("ported", "sampled", "permuted"), native=0.51, examples=40),
        Design(("lora",), budgets=(20, 50), pairs=(("a", "a"), ("b", "a")), examples=40),
    ],
    ids=["smallest", "no references", "ported only", "no scratch, no gap", "no zero-shot, two pairs"],
)
def test_page_of_studies_that_lack_something(design: Design, tmp_path: Path) -> None:
    tables = simulated(design)
    write_report(tmp_path / "report.html", SMALL, tables, {}, Cost())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"\bnan\b", page) and "None" not in page and "Leak audit" not in page


def test_page_needs_only_the_summary(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", SMALL, {"portability": summary([{}])}, {}, Cost())
    assert "LoRA" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="needs the table 'portability'"):
        write_report(tmp_path / "other.html", SMALL, {}, {}, Cost())
    assert not (tmp_path / "other.html").exists()


def test_same_input_same_page(tmp_path: Path) -> None:
    tables = simulated(Design(("lora",), ONE, examples=40))
    figures = drawn(tables, tmp_path)
    for name in ("first", "second"):
        write_report(tmp_path / name, SMALL, tables, figures, Cost())
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_generated_accuracy_is_shown_where_there_is_any(tmp_path: Path) -> None:
    tables = simulated(Design(("lora",), ONE, examples=40))
    tables["runs"] = tables["runs"].assign(generated_accuracy=0.625, invalid_rate=0.25)
    write_report(tmp_path / "report.html", SMALL, tables, {}, Cost())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Free generation" in page and "0.625" in page and "25%" in page


def test_merged_modules_have_a_line_for_each_technique_that_can_be_merged(tmp_path: Path) -> None:
    """And none where the study does not merge."""
    tables = simulated(Design(("adapters", "lora"), ONE, examples=40))
    write_report(tmp_path / "report.html", SMALL, tables, {}, Cost())
    assert "Merged into the host" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    numbers = {"merged_score": 0.5, "merged_changed": 0.0125, "merged_difference": 0.03}
    lora = tables["runs"]["technique"] == "lora"
    tables["runs"] = tables["runs"].assign(**numbers).where(lora, tables["runs"])
    write_report(tmp_path / "report.html", SMALL, tables, {}, Cost())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    said = "lora: merged into the host's float32 weights, modules give another answer to 1.25% of test examples"
    assert said in unescape(page)
    assert "0.500 merged" in page and "at most 0.03 nats" in page and "adapters: merged" not in page


def test_an_svg_without_svg_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.svg").write_text("nothing")
    with pytest.raises(ValueError, match=r"broken\.svg holds no SVG"):
        inline_svg(tmp_path / "broken.svg", "broken")


def test_durations_and_listings() -> None:
    assert [duration(seconds) for seconds in (4.4, 65, 12000)] == ["4 s", "1 min 5 s", "3 h 20 min"]
    assert [listing("a"), listing("ab"), listing("abc")] == ["a", "a and b", "a, b and c"]


def test_failed_runs_are_shown_in_words_and_in_a_table(tmp_path: Path) -> None:
    made = study(Design(examples=40))
    tables = statistics(made)
    write_report(tmp_path / "whole.html", SMALL, tables, {}, Cost())
    assert "Failed runs" not in (tmp_path / "whole.html").read_text(encoding="utf-8")
    broken = failing(made, technique=["lora"], target_host=["raw"], seed=[1], budget_steps=[50, 200])
    tables = statistics(failing(broken, initialisation=["native"], technique=["adapters"], seed=[2]))
    write_report(tmp_path / "report.html", SMALL, tables, {}, Cost())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "108 runs" in page and "6 runs failed" in page
    part = page.split("<h3>Failed runs</h3>")[1].split("</div>")[0]
    assert "The loss of 5 trainings was no finite number at some step;" in part
    assert all(start in part for start in ("ported", "sampled", "scratch"))
    assert (
        part.count(">7</td>") == 5 and part.count("native") == 2 and part.count("after 50 steps, after 200 steps") == 3
    )


def test_a_page_of_a_study_in_which_everything_failed(tmp_path: Path) -> None:
    made = study(Design(("lora",), ONE, seeds=(0,), budgets=(0, 50), examples=40))
    tables = statistics(failing(made, technique=["lora"]))
    write_report(tmp_path / "report.html", SMALL, tables, drawn(tables, tmp_path), Cost())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Failed runs" in page and "nothing to judge" in page


def test_scores_that_were_computed_in_several_ways_are_a_caveat() -> None:
    made = study(Design(transfers=ONE, budgets=(0, 50), examples=20))
    tables = {"portability": summary([{}]), "runs": made.runs, "references": made.references}
    assert not any("ways" in sentence for sentence in verdict(tables).caveats)
    here = made.references.assign(device="some GPU", dtype="bfloat16", kernels="sm_90", threads=2)
    (sentence,) = (one for one in verdict(tables | {"references": here}).caveats if "computed in 2 ways" in one)
    assert f"{len(made.runs)} by cpu (float32, AVX2, 1 thread)" in sentence
    assert f"{len(here)} by some GPU (bfloat16, sm_90, 2 threads)" in sentence
    assert any(
        "2 ways" in one
        for one in verdict(tables | {"runs": made.runs.assign(threads=[2, *[1] * (len(made.runs) - 1)])}).caveats
    )


def test_hosts_of_different_precisions_are_no_accident_and_one_host_in_two_is() -> None:
    made = study(Design(budgets=(0, 50), examples=20))
    tables = {"portability": summary([{}]), "runs": made.runs, "references": made.references}
    hosts = sorted(set(made.runs["target_host"]))
    assert len(hosts) == 2

    def told(**edits: np.ndarray) -> list[str]:
        frames = {"runs": made.runs.assign(**edits)}
        variant = np.where(made.references["target_host"] == hosts[0], "bfloat16", "float32")
        frames["references"] = made.references.assign(dtype=variant)
        return [one for one in verdict(tables | frames).caveats if "computed in" in one]

    variant = np.where(made.runs["target_host"] == hosts[0], "bfloat16", "float32")
    assert told(dtype=variant) == []
    (sentence,) = told(dtype=variant, device=np.where(np.arange(len(variant)) == 0, "some GPU", "cpu"))
    assert "2 ways" in sentence and "1 by some GPU (AVX2, 1 thread)" in sentence
    assert "2 ways" in told(dtype=np.where(np.arange(len(variant)) == 0, "float32", "bfloat16"))[0]
