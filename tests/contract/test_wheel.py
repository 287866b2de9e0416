"""The wheel carries the workflow along, and everything that the library reads; it runs where there is nothing else."""

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from peftport import __version__
from peftport.hosts.locate import bundled_names
from peftport.paths import CHECKOUT
from tests.once import once
from tests.studies import environment

CARRIED = ("workflow", "config", "envs", "profiles")
LEFT = {"__pycache__", ".ruff_cache"}

pytestmark = pytest.mark.slow(seconds=60)  # builds in an environment of its own, with hatchling from the package index


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", str(CHECKOUT), "--wheel-dir"]

    def fill(folder):
        done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    (file,) = once(tmp_path_factory, "wheel", fill).glob("peftport-*.whl")
    return file


@pytest.fixture(scope="module")
def names(wheel):
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


def test_it_runs_a_study_in_an_empty_folder(wheel, tmp_path):
    """In an environment that has what it depends on, and no checkout."""
    venv.create(tmp_path / "venv", symlinks=True, with_pip=True)
    python, peftport = tmp_path / "venv/bin/python", tmp_path / "venv/bin/peftport"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True)
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    (site / "others.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    (folder := tmp_path / "empty").mkdir()

    def run(*arguments):
        done = subprocess.run([peftport, *arguments], cwd=folder, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    hosts = ("--source", "bundled:reviews-raw", "--target", "bundled:reviews-instruct")
    run("init", *hosts, "--data", "generated", "--techniques", "lora")
    config = yaml.safe_load((folder / "study.yaml").read_text())
    config["datasets"]["task"]["source"]["generated"] |= {"train": 60, "validation": 20, "test": 20}
    config["training"]["source_steps"], config["grid"]["budgets"] = 2, [0]
    (folder / "study.yaml").write_text(yaml.safe_dump(config))
    run("--configfile", "study.yaml", "--cores", "2")
    assert "all is well" in run("verify", "study.yaml")
    assert "cannot tell" in run("show", "study.yaml")


def test_the_files_that_say_the_version_agree():
    citation = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    said = re.findall(r"^## \[(\d[^]]*)\] - (\d{4}-\d\d-\d\d)$", (CHECKOUT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert said[:1] in ([], [(__version__, str(citation["date-released"]))])
