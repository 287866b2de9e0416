"""A study with a technique, an initialisation and a figure of the package of docs/extend.md, run to its end."""

import subprocess
import sys
import venv

import pytest

from peftport.storage.parquet import read_table
from tests.extension import install
from tests.studies import RESULTS, arguments, environment, smoke_config, write_config

pytestmark = pytest.mark.slow(seconds=60)


def test_a_study_with_what_a_package_adds(hosts, tmp_path):
    """In a virtual environment that has the package, and beside it what this one has."""
    venv.create(tmp_path / "venv", symlinks=True)
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    install(site)
    (site / "others.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    config = smoke_config(hosts, techniques=["adapter_bias"], initialisations=["ported", "half_noise", "scratch"])
    config["techniques"]["adapter_bias"] = {"learning_rate": 0.01}
    write_config(tmp_path, config)
    run = [str(tmp_path / "venv/bin/python"), "-m", "snakemake", *arguments(tmp_path)]
    done = subprocess.run(run, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    runs = read_table(tmp_path / RESULTS / "tables/runs.parquet")
    assert set(runs["technique"]) == {"adapter_bias"} and set(runs["initialisation"]) == {
        "ported",
        "half_noise",
        "scratch",
    }
    page = (tmp_path / RESULTS / "report.html").read_text()
    assert "Standard deviation of the score over seeds" in page and "the mean of the source module" in page
    again = subprocess.run([*run, "--dry-run"], env=environment(), capture_output=True, text=True, check=False)
    assert "Nothing to be done" in again.stdout + again.stderr
