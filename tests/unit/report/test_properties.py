"""What the report says about structure and portability: what it must say, and what it must not."""

import numpy as np
import pandas as pd
import pytest

from peftport.figures.technique_properties import draw
from peftport.report.facts import Cost, StudyFacts
from peftport.report.page import write_report
from peftport.report.properties import PROPERTIES, findings, structure
from peftport.statistics.portability import portability
from tests.simulated import MADE_OF, MARGIN, Design, described, study

FOUR = ("adapters", "compacter", "lora", "prefix_tuning")


def tables(design, methods=None):
    made = study(design)
    summary = portability(made.runs, made.references, made.predictions, MARGIN)
    return {"portability": summary, "runs": made.runs, "techniques": described(made, summary, methods)}


def said(design, methods=None):
    found = tables(design, methods)
    return findings(found["techniques"], found["runs"])


def test_four_techniques_cannot_tell_properties_apart():
    text = said(Design(FOUR, examples=40))
    assert "All techniques here have the same inter-connectivity (fixed)" in " ".join(text)
    together = next(line for line in text if line.startswith("Insertion form and workspace"))
    assert "These vary together here" in together and "no p-value under 0.33 is possible" in together
    assert any(
        line.startswith("Adapters and Compacters differ in parameter sharing alone of the nine")
        and "two methods" in line
        for line in text
    )
    assert text[-1].startswith("What this study can speak to is parameter sharing, varied alone; intra-connectivity,")


def test_without_a_clean_pair_nothing_is_put_down_to_a_property():
    text = said(Design(("adapters", "lora", "prefix_tuning"), examples=40))
    assert text[-1].startswith("No two techniques here differ in one property alone")


def test_variants_of_one_technique_speak_to_what_was_varied():
    variants = {"qv": "lora", "ff": "lora"}
    found = tables(Design(tuple(variants), examples=2000, seeds=(0, 1, 2, 3), accuracy=_better("qv")), variants)
    table = found["techniques"]
    table.loc[table["technique"] == "ff", "workspace"] = "feed forward"
    text = findings(table, found["runs"])
    (line,) = [line for line in text if "differ in" in line]
    assert line.startswith("ff and qv differ in workspace alone of the nine: \N{MINUS SIGN}") and "4 seeds" in line
    assert "two methods" not in line
    assert text[-1] == "What this study can speak to is workspace, varied alone."
    assert any("All techniques have 9,000 parameters" in line for line in text)


def _better(best):
    return lambda technique, *rest: 0.9 if technique == best and "ported" in rest else 0.5


def test_one_technique_and_none_ported():
    assert said(Design(("lora",), examples=40))[-1].startswith("With one technique")
    assert said(Design(FOUR[:2], initialisations=("scratch",), examples=40)) == [
        "No module was ported, so nothing can be said about structure and portability."
    ]


def test_same_settings_support_nothing():
    text = said(Design(("first", "second"), examples=40), {"first": "lora", "second": "lora"})
    assert text[-1] == "No property varies in this study, so it supports no statement about any."


def test_unknown_techniques_are_left_out_by_name():
    text = said(
        Design(("lora", "adapters", "mine"), examples=40), {"lora": "lora", "adapters": "adapters", "mine": "new"}
    )
    assert "Left out, since the typology or the measurement is missing: mine." in text


def test_a_study_of_unknown_techniques_alone_is_left_out_and_drawn():
    found = tables(Design(("mine",), examples=40), {"mine": "new"})
    (line,) = findings(found["techniques"], found["runs"])
    assert line == "The typology or the measurement is missing for mine: nothing can be said here."
    assert len(draw(found).axes) == 3


@pytest.mark.slow
def test_a_true_effect_of_seven_is_found_only_after_correction():
    low = {"attention": 0.6, "attention + feed forward": 0.62, "embedding": 0.64}
    text = said(
        Design(tuple(MADE_OF), examples=400, accuracy=lambda technique, *rest: low[MADE_OF[technique][1]]), None
    )
    assert not any("more than chance" in line for line in text)
    assert sum("not told from chance (p = 1.000)" in line for line in text) >= 4


def test_the_page_has_the_section(tmp_path):
    found = tables(Design(FOUR, examples=40))
    write_report(tmp_path / "report.html", StudyFacts("small"), found, {}, Cost())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for expected in ("Structure and portability", "a reconstruction from each technique", "a machine", "20,000"):
        assert expected in page
    assert "nan" not in page and "None" not in page
    write_report(tmp_path / "other.html", StudyFacts("small"), {"portability": found["portability"]}, {}, Cost())
    assert "Structure and portability" not in (tmp_path / "other.html").read_text(encoding="utf-8")


def test_the_grids_hold_every_technique_and_host():
    found = structure(tables(Design(FOUR, examples=40)))
    assert [len(row) for row in found.typology.rows] == [1 + len(PROPERTIES)] * 4
    for grid in (found.added, found.taken):
        assert len(grid.rows) == 4 * 2 and {len(row) for row in grid.rows} == {len(grid.heads)}
    assert structure({"portability": pd.DataFrame()}) is None


def test_what_was_not_timed_is_a_dash():
    found = tables(Design(FOUR, examples=40))
    found["techniques"]["step_over_full"] = np.nan
    assert {row[2] for row in structure(found).taken.rows} == {"\N{EN DASH}"}
