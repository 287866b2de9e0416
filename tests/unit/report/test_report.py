"""The page and its sentences, on tables designed to have one right answer."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peftport.figures import learning_curves, paired_differences, portability_matrix, style
from peftport.report.page import duration, inline_svg, write_report
from peftport.report.phrases import listing
from peftport.report.recommendation import recommendations
from peftport.report.verdict import verdict
from peftport.statistics.asymmetry import asymmetry
from peftport.statistics.contrasts import contrasts
from peftport.statistics.portability import portability
from tests.simulated import Design, Study, failing, study

ONE = (("raw", "instruct"),)


def summary(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Table `portability` with these values and harmless others."""
    usual = {
        "study": "designed",
        "technique": "lora",
        "source_host": "raw",
        "target_host": "instruct",
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
        "bare_accuracy": 0.5,
        "native_accuracy": 0.9,
        "recovered_gap": 0.75,
        "steps_saved": 50.0,
    }
    return pd.DataFrame([usual | row for row in rows])


def compared(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Table `contrasts` with these values and harmless others."""
    usual = {
        "study": "designed",
        "technique": "lora",
        "source_host": "raw",
        "target_host": "instruct",
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


def simulated(design: Design) -> dict[str, pd.DataFrame]:
    return computed(study(design))


def computed(made: Study) -> dict[str, pd.DataFrame]:
    frames = (made.runs, made.references, made.predictions)
    table = portability(*frames, draws=100)
    both = {"contrasts": contrasts(*frames, draws=100), "asymmetry": asymmetry(table, made.predictions, draws=100)}
    return {"portability": table, "runs": made.runs, "references": made.references} | both


def drawn(tables: dict[str, pd.DataFrame], folder: Path) -> dict[str, Path]:
    paths = {}
    for module in (learning_curves, portability_matrix, paired_differences):
        name = module.__name__.rsplit(".", 1)[1]
        style.save(module.draw(tables), folder / f"{name}.svg")
        paths[name] = folder / f"{name}.svg"
    return paths


def test_answer_when_ported_wins() -> None:
    answer = verdict({"portability": summary([{}]), "contrasts": compared(BOTH)}).answer
    assert answer[0] == (
        "Task knowledge survives the move: without any training in the target host, ported modules beat sampled "
        "modules and modules from scratch in the one move tested."
    )


def test_answer_on_a_tie() -> None:
    found = verdict({"portability": summary([{}]), "contrasts": compared([row | TIE for row in BOTH])})
    assert found.answer[0].startswith("There is no sign that task knowledge survives the move")
    assert (
        "not told apart from modules from scratch by this data (+0.0 [\N{MINUS SIGN}2.0, +2.0])"
        in found.techniques[0][1][0]
    )


def test_answer_when_ported_beats_one_alternative_only() -> None:
    table = compared([BOTH[0] | WORSE, BOTH[1]])
    found = verdict({"portability": summary([{}]), "contrasts": table})
    assert "no sign" in found.answer[0]
    assert found.answer[0].endswith("In 1 it is worse than one of these.")
    assert "worse than sampled modules (\N{MINUS SIGN}10.0" in found.techniques[0][1][0]


def test_answer_counts_moves() -> None:
    back = {"source_host": "instruct", "target_host": "raw"}
    table = compared([*BOTH, *(row | back | TIE for row in BOTH)])
    found = verdict({"portability": summary([{}, back]), "contrasts": table})
    assert "in 1 of 2 moves" in found.answer[0]


def test_answer_after_training() -> None:
    later = {"budget_steps": 200}
    table = compared([*BOTH, *(row | later | TIE for row in BOTH)])
    found = verdict({"portability": summary([{}, later]), "contrasts": table})
    assert found.answer[1] == "After 200 steps they are not ahead."


def test_answer_after_training_counts_moves() -> None:
    back, later = {"source_host": "instruct", "target_host": "raw"}, {"budget_steps": 200}
    rows = [start | where for start in BOTH for where in ({}, back, later, later | back | TIE)]
    found = verdict({"portability": summary([{}, back, later, later | back]), "contrasts": compared(rows)})
    assert found.answer[1] == "After 200 steps they are still ahead in 1 of 2."


def test_without_alternatives_ported_or_contrasts() -> None:
    assert "nothing to compare" in verdict({"portability": summary([{}])}).answer[0]
    table = compared([{"baseline": "bare"}])
    assert "beat the bare host in the one move" in verdict({"portability": summary([{}]), "contrasts": table}).answer[0]
    only = verdict({"portability": summary([{"initialisation": "scratch"}])})
    assert "nothing to judge" in only.answer[0]


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
    answer = verdict({"portability": withheld}).answer
    assert any("In 1 of 1 move the study cannot tell" in sentence for sentence in answer), answer
    assert not any("cannot tell" in sentence for sentence in verdict({"portability": summary([{}])}).answer)
    fewer = summary([{}, {"initialisation": "scratch", "seeds": 2}])
    assert any("1 cell of 2 has fewer seeds" in sentence for sentence in verdict({"portability": fewer}).caveats)


@pytest.mark.parametrize(
    "row, contrast, advice",
    [
        ({"recovered_gap": 0.95}, [{"baseline": "bare"}, {"baseline": "scratch"}], "copy"),
        ({"recovered_gap": 0.95}, [{"baseline": "bare"} | TIE, {"baseline": "scratch"}], "copy and train a little"),
        ({"recovered_gap": 0.5}, [{"baseline": "scratch"}], "copy and train a little"),
        ({"recovered_gap": 0.5}, [{"baseline": "scratch"} | TIE], "start again"),
        ({"recovered_gap": 0.5}, [{"baseline": "scratch"} | WORSE], "start again"),
        ({"recovered_gap": 0.5}, [{"baseline": "scratch", "p_value_holm": 0.2}], "no verdict"),
        ({"recovered_gap": 0.5}, [{"baseline": "bare"}], "no verdict"),
        ({"recovered_gap": np.nan, "native_accuracy": 0.52}, [{"baseline": "scratch"}], "no verdict"),
        ({"recovered_gap": np.nan, "native_accuracy": np.nan}, [{"baseline": "scratch"}], "copy and train a little"),
    ],
)
def test_recommendation_follows_its_rule(row: dict, contrast: list[dict], advice: str) -> None:
    (found,) = recommendations({"portability": summary([row]), "contrasts": compared(contrast)})
    assert found["advice"] == advice


def test_recommendation_says_what_is_saved() -> None:
    later = {"budget_steps": 50, "steps_saved": np.nan}
    tables = {
        "portability": summary([{"recovered_gap": 0.4}, later, {"budget_steps": 200}]),
        "contrasts": compared([{}, {"budget_steps": 50}, {"budget_steps": 200} | TIE]),
    }
    (found,) = recommendations(tables)
    assert "better than scratch at 0 and 50 steps" in found["reason"]
    assert "at 50 it has what scratch did not reach in 200" in found["reason"]


def test_page_is_self_contained_and_escaped(tmp_path: Path) -> None:
    tables = simulated(Design(examples=60))
    nasty = "<script>alert('x')</script> & co"
    study_facts = {
        "name": nasty,
        "description": nasty,
        "rules": {nasty: nasty},
        "reconstructions": [nasty],
        "hosts": {nasty: {nasty: nasty}},
        "datasets": {"reviews": {"labels": [nasty, "bad"]}},
        "config": {"key": nasty},
    }
    cost = {"wall_seconds": 65, "optimiser_steps": 1200, "versions": {"torch": nasty}, "failed": [nasty]}
    columns = ["left_dataset", "left_split", "right_dataset", "right_split"]
    shared = dict.fromkeys(columns, nasty) | {"left_examples": 200, "right_examples": 9, "exact": 1, "normalised": 3}
    tables["overlap"] = pd.DataFrame([shared | {"example_ids": "[]"}])
    write_report(tmp_path / "report.html", study_facts, tables, drawn(tables, tmp_path), cost)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page and "alert(&#39;x&#39;)" in page
    for load in ('src="', "@import", "<link", "url(http", 'href="http', "//cdn"):
        assert load not in page
    for expected in ("1 min 5 s", "1,200", "1.5%", "Leak audit", "What is reconstruction", "Failed", "<svg"):
        assert expected in page
    ids = [part.split('"')[0] for part in page.split(' id="')[1:]]
    assert ids and len(ids) == len(set(ids))


@pytest.mark.parametrize(
    "design",
    [
        Design(("lora",), ONE, seeds=(0,), budgets=(0,), examples=40),
        Design(references=(), examples=40),
        Design(references=("bare",), initialisations=("ported",), examples=40),
        Design(initialisations=("ported", "sampled", "permuted"), native=0.51, examples=40),
        Design(budgets=(20, 50), pairs=(("a", "a"), ("b", "a")), examples=40),
    ],
    ids=["smallest", "no references", "ported only", "no scratch, no gap", "no zero-shot, two pairs"],
)
def test_page_of_studies_that_lack_something(design: Design, tmp_path: Path) -> None:
    tables = simulated(design)
    write_report(tmp_path / "report.html", {"name": "small"}, tables, drawn(tables, tmp_path), {})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "nan" not in page.split("<svg")[0] and "None" not in page and "Leak audit" not in page


def test_page_needs_only_the_summary(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", {"name": "small"}, {"portability": summary([{}])}, {}, {})
    assert "LoRA" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="needs the table 'portability'"):
        write_report(tmp_path / "other.html", {"name": "small"}, {}, {}, {})
    assert not (tmp_path / "other.html").exists()


def test_same_input_same_page(tmp_path: Path) -> None:
    tables = simulated(Design(("lora",), ONE, examples=40))
    for name in ("first", "second"):
        write_report(tmp_path / name, {"name": "small"}, tables, drawn(tables, tmp_path), {})
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_generated_accuracy_is_shown_where_there_is_any(tmp_path: Path) -> None:
    tables = simulated(Design(("lora",), ONE, examples=40))
    tables["runs"] = tables["runs"].assign(generated_accuracy=0.625, invalid_rate=0.25)
    write_report(tmp_path / "report.html", {"name": "small"}, tables, {}, {})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Free generation" in page and "0.625" in page and "25%" in page


def test_an_svg_without_svg_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.svg").write_text("nothing")
    with pytest.raises(ValueError, match=r"broken\.svg holds no SVG"):
        inline_svg(tmp_path / "broken.svg", "broken")


def test_durations_and_listings() -> None:
    assert [duration(seconds) for seconds in (4.4, 65, 12000)] == ["4 s", "1 min 5 s", "3 h 20 min"]
    assert [listing("a"), listing("ab"), listing("abc")] == ["a", "a and b", "a, b and c"]


def test_failed_runs_are_shown_in_words_and_in_a_table(tmp_path: Path) -> None:
    made = study(Design(examples=40))
    tables = computed(made)
    write_report(tmp_path / "whole.html", {"name": "small"}, tables, {}, {})
    assert "Failed runs" not in (tmp_path / "whole.html").read_text(encoding="utf-8")
    broken = failing(made, technique=["lora"], target_host=["raw"], seed=[1], budget_steps=[50, 200])
    tables = computed(failing(broken, initialisation=["native"], technique=["adapters"], seed=[2]))
    write_report(tmp_path / "report.html", {"name": "small"}, tables, drawn(tables, tmp_path), {})
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
    tables = computed(failing(made, technique=["lora"]))
    write_report(tmp_path / "report.html", {"name": "small"}, tables, drawn(tables, tmp_path), {})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Failed runs" in page and "nothing to judge" in page
