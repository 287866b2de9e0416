"""A stage's stamp moves with the code that it reaches by import, and with nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from peftport.planning import code_stamp
from peftport.storage.provenance import digest

ROOT = Path(code_stamp.__file__).parents[1]
STAMP = "from peftport.planning.code_stamp import code_stamp; print(*map(code_stamp, {modules!r}))"
MODULES = ["peftport.training.source", "peftport.porting.start", "peftport.figures.table"]


@pytest.fixture
def copy(tmp_path):
    """A copy of the library that a test may edit."""
    shutil.copytree(ROOT, tmp_path / "peftport", ignore=shutil.ignore_patterns("bundled", "__pycache__"))
    return tmp_path / "peftport"


def stamps(copy):
    run = [sys.executable, "-c", STAMP.format(modules=MODULES)]
    out = subprocess.run(run, cwd=copy.parent, env={"PYTHONPATH": str(copy.parent)}, capture_output=True, check=True)
    return dict(zip(MODULES, out.stdout.decode().split(), strict=True))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_comment_and_docstring_move_nothing(copy):
    before = stamps(copy)
    edit(copy / "training/loop.py", '"""The loop that', '# a comment\n"""Another loop that')
    edit(copy / "porting/start.py", "def make_start(", "\n\n# why\ndef make_start(")
    assert stamps(copy) == before


def test_training_loop_moves_training_only(copy):
    before = stamps(copy)
    edit(copy / "training/loop.py", "KEEP_EVERY = 10", "KEEP_EVERY = 11")
    moved = {name for name, stamp in stamps(copy).items() if stamp != before[name]}
    assert moved == {"peftport.training.source"}


def test_base_file_moves_all_that_import_it(copy):
    before = stamps(copy)
    edit(copy / "seeds.py", "digest()[:8]", "digest()[:7]")
    moved = {name for name, stamp in stamps(copy).items() if stamp != before[name]}
    assert moved == {"peftport.training.source", "peftport.porting.start"}


def test_techniques_are_not_reached_by_import():
    closure = code_stamp.import_closure("peftport.training.source", "peftport.evaluation.cell")
    assert "peftport.injection.attach" in closure
    assert "peftport.techniques.lora" not in closure


def test_unknown_module_is_named():
    with pytest.raises(ModuleNotFoundError, match=r"peftport\.nowhere"):
        code_stamp.code_stamp("peftport.nowhere")


def test_digest_ignores_the_order_of_keys():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest([1, 2]) != digest([2, 1])
