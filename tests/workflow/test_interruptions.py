"""Killed or interrupted at any moment: the next run finishes, and the tables equal an undisturbed study's."""

import os
import signal
import subprocess
import time

import pandas as pd
import pytest

from peftport.tables import read_table
from tests import studies


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "seconds"), [(signal.SIGKILL, 14), (signal.SIGKILL, 25), (signal.SIGINT, 20)])
def test_killed_study_ends_like_an_undisturbed_one(finished, hosts, tmp_path, sent, seconds):
    studies.write_config(tmp_path, studies.smoke_config(hosts))
    process = subprocess.Popen(
        studies.command(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    time.sleep(seconds)
    os.killpg(process.pid, sent)
    process.wait()
    out = studies.run(tmp_path)
    if "--unlock" in out.stdout:  # a killed snakemake leaves its lock; it names the one command that takes it away
        assert studies.run(tmp_path, "--unlock").returncode == 0
        out = studies.run(tmp_path)
    assert out.returncode == 0, out.stdout
    for name in ("runs", "references", "portability", "contrasts"):
        tables = [read_table(folder / f"results/smoke/tables/{name}.parquet", name) for folder in (finished, tmp_path)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert not [path for path in (tmp_path / "results").rglob("*") if "partial" in path.name]
