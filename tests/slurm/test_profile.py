"""The profile that ships: it is found by its name, and says what docs/cluster.md says."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.studies import ROOT
from tests.studies import profile_settings as settings

PROFILE = ROOT / "profiles/slurm/profile.yaml"


def test_three_lines_are_to_be_edited_and_the_page_shows_them():
    lines = re.findall(r"^.*# EDIT:.*$", PROFILE.read_text(), re.MULTILINE)
    assert len(lines) == 3
    assert "```yaml\n" + "\n".join(lines) + "\n```" in (ROOT / "docs/cluster.md").read_text()


def test_what_holds_everywhere_is_the_same_as_on_a_laptop():
    shared = {name: value for name, value in settings("default").items() if name != "cores"}
    assert shared.items() <= settings("slurm").items()


def queued():
    """Rules whose jobs go to the queue: name, megabytes, minutes."""
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for text in re.split(r"^rule\b", path.read_text(), flags=re.MULTILINE)[1:]:
            if "script:" in text and "localrule: True" not in text:
                asked = [int(re.search(rf"{resource}=growing\((\d+)\)", text)[1]) for resource in ("mem_mb", "runtime")]
                yield re.match(r" (\w+):", text)[1], *asked


def test_the_page_has_what_each_rule_asks_for():
    """Memory and time as the rules say, and a GPU where the profile gives one."""
    rules, page = list(queued()), (ROOT / "docs/cluster.md").read_text()
    rows = re.findall(r"^\|.*\| queue \|$", page, re.MULTILINE)
    assert {name for name, _, _ in rules} == {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    for name, megabytes, minutes in rules:
        (row,) = (row for row in rows if f"`{name}`" in row)
        _, gpus, memory, time, where = (cell.strip() for cell in row.strip("|").split("|"))
        assert (memory, where) == (f"{megabytes // 1000} GB", "queue")
        assert time == (f"{minutes // 60} h" if minutes >= 60 else f"{minutes} min")
        assert gpus == str(settings("slurm")["set-resources"].get(name, {}).get("gpu", ""))


@pytest.mark.slurm
@pytest.mark.skipif(find_spec("snakemake_executor_plugin_slurm") is None, reason="the SLURM plugin is not installed")
def test_it_is_found_by_name_in_any_folder_and_a_copy_there_comes_first(tmp_path):
    command = [sys.executable, "-c", "from peftport.cli import main; main()", "--workflow-profile", "slurm"]
    command = [*command, "--dry-run", "--until", "prepare_dataset"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    for expected in (str(PROFILE.parent), "profiles/slurm"):
        out = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert out.returncode == 0, out.stderr
        assert f"Using workflow specific profile {expected} " in out.stderr
        shutil.copytree(PROFILE.parent, tmp_path / "profiles/slurm", dirs_exist_ok=True)
