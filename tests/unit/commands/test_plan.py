"""``peftport plan``."""

import json
from dataclasses import asdict

import pytest

from peftport.commands import plan
from peftport.planning.dry_run import DryRunError
from peftport.study.config import ConfigError
from tests.unit.planning.test_plan import PLAN


def test_a_plan_for_people_and_for_machines(monkeypatch, capsys, tmp_path):
    asked = []
    monkeypatch.setattr(plan, "make_plan", lambda *given: asked.append(given) or PLAN)
    monkeypatch.setattr(plan, "plan_text", lambda told: f"study {told.study}\n")
    assert plan.plan(["a.yaml", "b.yaml", "--directory", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "study s\n"
    assert plan.plan(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == asdict(PLAN)
    assert [[str(path) for path in configs] for configs, _ in asked] == [["a.yaml", "b.yaml"], []]
    assert asked[0][1] == tmp_path


@pytest.mark.parametrize("error", [ConfigError, DryRunError])
def test_an_error_is_one_line_and_status_2(monkeypatch, capsys, error):
    def wrong(configs, directory):
        raise error("config key `study`:\n  wrong")

    monkeypatch.setattr(plan, "make_plan", wrong)
    assert plan.plan([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: config key `study`: wrong\n"
