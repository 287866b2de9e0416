"""The example of docs/add-a-stage.md is put where the page says, and run."""

import re

import pytest

from peftport.storage.cards import read_card
from tests import studies

PAGE = studies.ROOT / "docs" / "add-a-stage.md"
IMPORT = "from peftport.stages.measure_prompts import MeasurePrompts\n"


@pytest.fixture
def checkout(tmp_path):
    """A copy of the workflow with the page's stage in it."""
    stage, line, rule, script = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    checkout = studies.copy_checkout(tmp_path / "checkout")
    (checkout / "src/peftport/stages/measure_prompts.py").write_text(stage)
    (checkout / "workflow/scripts/measure_prompts.py").write_text(script)
    table, rules = checkout / "src/peftport/stages/table.py", checkout / "workflow/rules/hosts.smk"
    studies.edit(table, "from peftport.stages.prepare_dataset", f"{IMPORT}from peftport.stages.prepare_dataset")
    studies.edit(table, '    "check_transfer":', f'{line}    "check_transfer":')
    studies.edit(rules, "rule check_transfer:", f"{rule}\n\nrule check_transfer:")
    studies.edit(rules, '"describe_host",', '"describe_host",\n            "measure_prompts",')
    return checkout


@pytest.mark.slow
def test_a_stage_is_one_file_a_line_a_rule_and_a_script(checkout, hosts, tmp_path):
    folder = tmp_path / "study"
    config = studies.smoke_config(hosts) | {"training": {"max_tokens": 64}}
    studies.write_config(folder, config)
    file = "results/smoke/hosts/instruct/lengths/film.json"
    out = studies.run(folder, file, checkout=checkout)
    assert out.returncode == 0, out.stdout
    card = read_card(folder / file)
    assert 0 < card["mean"] <= card["longest"] <= card["most"] == 64
    assert card["stage"] == "measure_prompts" and card["names"] == {"host": "instruct", "dataset": "film"}
    # it is part of the study, and an edit of its script makes it again, and nothing else
    before = studies.planned(folder, "hosts", checkout=checkout)
    (checkout / "workflow/scripts/measure_prompts.py").write_text(
        (checkout / "workflow/scripts/measure_prompts.py").read_text().replace('"longest"', '"most_tokens"')
    )
    assert studies.planned(folder, "hosts", checkout=checkout) == before | {"measure_prompts": 1} != before
