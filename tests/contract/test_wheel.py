"""The wheel carries the workflow along, and everything that the library reads."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from peftport.hosts.locate import bundled_names
from peftport.paths import CHECKOUT
from tests.once import once

CARRIED = ("workflow", "config", "envs", "profiles")
LEFT = {"__pycache__", ".ruff_cache"}

pytestmark = pytest.mark.slow  # builds in an environment of its own, with hatchling from the package index


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", str(CHECKOUT), "--wheel-dir"]

    def fill(folder):
        done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    (wheel,) = once(tmp_path_factory, "wheel", fill).glob("peftport-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not LEFT & set(path.parts)]


def test_the_workflow_is_in_the_wheel(names):
    wanted = {f"peftport/pipeline/{path.relative_to(CHECKOUT)}" for name in CARRIED for path in files(CHECKOUT / name)}
    assert sorted({"peftport/pipeline/Snakefile", *wanted} - names) == []


def test_the_library_is_in_the_wheel(names):
    wanted = {str(path.relative_to(CHECKOUT / "src")) for path in files(CHECKOUT / "src" / "peftport")}
    assert "peftport/report/template.html.j2" in wanted
    assert sorted(wanted - names) == []


def test_the_bundled_hosts_are_in_the_wheel(names):
    assert bundled_names()
    for host in bundled_names():
        assert {f"peftport/hosts/bundled/{host}/{file}" for file in ("model.safetensors", "tokenizer.json")} <= names


def test_nothing_else_is_in_the_wheel(names):
    assert {name.split("/")[0].split("-")[0] for name in names} == {"peftport"}
    assert not [name for name in names if "__pycache__" in name or name.startswith("peftport/tests")]


def test_the_command_is_in_the_wheel(names):
    assert any(name.endswith(".dist-info/entry_points.txt") for name in names)
