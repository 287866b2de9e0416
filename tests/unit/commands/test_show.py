"""``peftport show``, of a study that ran to its end."""

import json
import re
import shutil
from pathlib import Path

import pytest

from peftport.commands.show import show
from tests.studies import RESULTS


def text_of(page):
    """The words of a report, without its marks."""
    text = re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))
    return re.sub(r"\s+", "", text.replace("&#39;", "'").replace("&gt;", ">").replace("&lt;", "<"))


def asked(folder: Path, *more: str) -> list[str]:
    return [str(folder / "study.yaml"), "--directory", str(folder), *more]


def test_its_answer_and_advice_are_those_of_the_report(finished, capsys):
    assert show(asked(finished, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    page = text_of(finished / RESULTS / "report.html")
    for sentence in (*told["answer"], *(row["advice"] for row in told["advice"])):
        assert re.sub(r"[\s`]+", "", sentence) in page
    assert (finished / RESULTS / "verdict.txt").read_text().strip() == told["answer"][0]
    assert show(asked(finished)) == 0
    text = capsys.readouterr().out
    assert told["answer"][0] in text and told["advice"][0]["reason"] in text
    assert text.rstrip().endswith(f"Report: {finished / RESULTS / 'report.html'}")


def test_a_study_that_has_not_run_is_said(finished, tmp_path, capsys):
    shutil.copy(finished / "study.yaml", tmp_path)
    assert show(asked(tmp_path)) == 1
    assert "study smoke has not run to its end" in capsys.readouterr().err


def test_a_damaged_table_is_said(finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    table = tmp_path / RESULTS / "tables/advice.parquet"
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    assert show(asked(tmp_path)) == 1
    assert "advice.parquet" in capsys.readouterr().err


@pytest.mark.parametrize("given", [["nope.yaml"], ["--directory", "nowhere"]])
def test_a_wrong_command_line_is_one_line(given, capsys):
    assert show(given) == 2
    assert capsys.readouterr().err.count("\n") == 1
