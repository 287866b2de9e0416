"""A disk that fills up during every stage: a clear message, nothing damaged, and on it goes when there is space."""

import re
import subprocess

import pandas as pd
import pytest

from peftport.storage.parquet import read_table
from tests import studies

pytestmark = pytest.mark.slow(seconds=100)

FAILED = re.compile(r"^error \((\w+?)(?:_[0-9][0-9.-]*)?[,)].*No space left on device", re.MULTILINE)


def mount(folder, size, *options):
    """A file system of ``size`` KiB in memory, at ``folder``."""
    options = ",".join([*options, f"size={size}k"])
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True)


@pytest.fixture
def small_disk(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    if (made := mount(results, 64)).returncode:
        pytest.skip(f"no small file system can be mounted here: {made.stderr.strip()}")
    yield results
    subprocess.run(["umount", str(results)], check=True)


def test_a_study_survives_a_full_disk_in_stage_after_stage(finished, hosts, tmp_path, small_disk):
    studies.write_config(tmp_path, studies.smoke_config(hosts, techniques=["lora"], initialisations=["ported"]))
    stages, size = set(), 64
    for _ in range(20):
        out = studies.run(tmp_path)
        if out.returncode == 0:
            break
        failed = set(FAILED.findall(out.stdout))
        assert failed, out.stdout
        assert "Traceback" not in out.stdout, out.stdout
        assert not [path for path in small_disk.rglob("*") if "partial" in path.name]
        stages |= failed
        size = 2 * size + 16
        assert mount(small_disk, size, "remount").returncode == 0
    assert out.returncode == 0, out.stdout
    print(f"disk full in: {', '.join(sorted(stages))}; done with {size} KiB")
    assert len(stages) >= 4, stages
    for name in ("runs", "references"):
        files = [folder / f"results/smoke/tables/{name}.parquet" for folder in (finished, tmp_path)]
        whole, here = (read_table(file, name) for file in files)
        same = whole["technique"].isin(["lora", "none"]) & whole["initialisation"].isin(["ported", "bare", "native"])
        pd.testing.assert_frame_equal(whole[same].reset_index(drop=True), here, check_exact=True)
