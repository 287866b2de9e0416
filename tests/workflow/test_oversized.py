"""Files of data that are far too large: refused in one message, in memory that does not grow with them."""

import os
import subprocess
import sys

import pytest

from tests import studies

pytestmark = pytest.mark.slow

READ = """
import resource, sys
from pathlib import Path
from peftport.data.readers import read_file
from peftport.data.settings import DataFile
from peftport.tasks.labels.rows import LabelledTexts
try:
    read_file(DataFile(path=sys.argv[1]), LabelledTexts({"0": "negative", "1": "positive"}), Path())
    print("read")
except ValueError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
HALF = 500_000_000


def sparse(path):
    """2 GB of zeros, of which the disk holds nothing."""
    path.write_text("text,label\n")
    os.truncate(path, 2_000_000_000)


def long_lines(path):
    """Lines of a million characters and more, half a GB of them."""
    with open(path, "w") as stream:
        stream.write("text,label\n")
        for _ in range(HALF // 1_000_000):
            stream.write("a" * 1_000_000 + ",1\n")


def one_line(path):
    """Half a GB without an end of a line."""
    with open(path, "w") as stream:
        for _ in range(HALF // 1_000_000):
            stream.write("a" * 1_000_000)


def many_rows(path):
    """More rows than are read."""
    with open(path, "w") as stream:
        stream.write("text,label\n" + "good,1\n" * 2_100_000)


def read(path):
    """What is said of a file, and the largest memory that this took, MiB."""
    environment = os.environ | {"PYTHONPATH": str(studies.ROOT / "src")}
    out = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, env=environment)
    assert out.returncode == 0, out.stderr
    said, memory = out.stdout.splitlines()
    return said, int(memory)


@pytest.fixture(scope="module")
def least(tmp_path_factory):
    """What reading one row takes."""
    path = tmp_path_factory.mktemp("small") / "small.csv"
    path.write_text("text,label\ngood,1\n")
    said, memory = read(path)
    assert said == "read"
    return memory


@pytest.mark.parametrize(
    ("make", "ending", "message", "beyond"),
    [
        (sparse, "csv", "2,000,000,000 bytes; at most 1,000,000,000 are read", 20),
        (long_lines, "csv", "line 2: longer than 1,000,000 bytes", 20),
        (one_line, "jsonl", "line 1: longer than 1,000,000 bytes", 20),
        (one_line, "tsv", "line 1: longer than 1,000,000 bytes", 20),
        (many_rows, "csv", "line 2000002: at most 2,000,000 examples", 400),
    ],
)
def test_it_is_refused_in_bounded_memory(make, ending, message, beyond, least, tmp_path):
    path = tmp_path / f"large.{ending}"
    make(path)
    said, memory = read(path)
    path.unlink()
    print(f"{make.__name__}.{ending}: {memory} MiB, one row {least} MiB")
    assert message in said
    assert memory < least + beyond


def test_a_study_with_such_a_file_says_so_before_any_job(hosts, tmp_path):
    sparse(tmp_path / "large.csv")
    config = studies.smoke_config(hosts)
    config["datasets"]["film"]["source"] = {"files": [{"path": "large.csv"}]}
    studies.write_config(tmp_path, config)
    out = studies.run(tmp_path)
    (tmp_path / "large.csv").unlink()
    assert out.returncode != 0 and "Traceback" not in out.stdout
    message = f"config key `datasets.film.source.files.0`: {tmp_path}/large.csv: 2,000,000,000 bytes; at most"
    assert out.stdout.count(message) == 1 and "Job stats" not in out.stdout, out.stdout
