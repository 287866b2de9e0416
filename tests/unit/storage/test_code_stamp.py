"""A stage's stamp moves with the code that it reaches by import, and with nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from peftport.storage import code_stamp
from peftport.storage.provenance import digest

ROOT = Path(code_stamp.__file__).parents[1]
STAMP = "from peftport.storage import code_stamp as c; print(*map(c.code_stamp, {modules!r})); c.keep_parsed()"
MODULES = [
    "peftport.training.source",
    "peftport.evaluation.gather",
    "peftport.porting.start",
    "peftport.figures.table",
    "peftport.report.page",
]


@pytest.fixture
def copy(tmp_path):
    """A copy of the library that a test may edit."""
    shutil.copytree(ROOT, tmp_path / "peftport", ignore=shutil.ignore_patterns("bundled", "__pycache__"))
    return tmp_path / "peftport"


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """The stamps of a library that nobody has edited; they do not depend on where it lies."""
    folder = tmp_path_factory.mktemp("unedited") / "peftport"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns("bundled", "__pycache__"))
    return stamps(folder)


def stamps(copy):
    """The stamps of the modules above by a process of its own, which parses what no other has parsed before."""
    run = [sys.executable, "-c", STAMP.format(modules=MODULES)]
    environment = {"PYTHONPATH": str(copy.parent), code_stamp.PARSED: os.environ[code_stamp.PARSED]}
    out = subprocess.run(run, cwd=copy.parent, env=environment, capture_output=True, check=True)
    return dict(zip(MODULES, out.stdout.decode().split(), strict=True))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_comment_and_docstring_move_nothing(copy, before):
    edit(copy / "training/loop.py", '"""The training of', '# a comment\n"""Another training of')
    edit(copy / "porting/start.py", "def make_start(", "\n\n# why\ndef make_start(")
    assert stamps(copy) == before


def test_training_loop_moves_training_only(copy, before):
    edit(copy / "training/loop.py", "KEEP_EVERY = 10", "KEEP_EVERY = 11")
    moved = {name for name, stamp in stamps(copy).items() if stamp != before[name]}
    assert moved == {"peftport.training.source"}


def test_base_file_moves_all_that_import_it(copy, before):
    edit(copy / "seeds.py", "digest()[:8]", "digest()[:7]")
    moved = {name for name, stamp in stamps(copy).items() if stamp != before[name]}
    assert moved == {"peftport.training.source", "peftport.porting.start", "peftport.report.page"}


def test_techniques_are_not_reached_by_import():
    closure = code_stamp.import_closure("peftport.training.source", "peftport.evaluation.cell")
    assert "peftport.injection.attach" in closure
    assert "peftport.techniques.lora" not in closure


def test_a_data_file_beside_the_code_moves_it(copy, before):
    edit(copy / "report/template.html.j2", "<html", "<html data-spare")
    assert {name for name, stamp in stamps(copy).items() if stamp != before[name]} == {"peftport.report.page"}


def test_an_entry_of_a_table_moves_nothing_and_its_code_does(copy, before):
    edit(copy / "figures/table.py", '"learning_curves":', '"spare": ["runs"],\n    "learning_curves":')
    assert stamps(copy) == before
    edit(copy / "figures/table.py", "def draw(", "SPARE = 0\n\n\ndef draw(")
    moved = {name for name, stamp in stamps(copy).items() if stamp != before[name]}
    assert moved == {"peftport.figures.table", "peftport.report.page"}  # the page asks it for captions


@pytest.mark.parametrize(
    ("file", "description"),
    [("settings.py", "examples per optimiser step"), ("study/grid_settings.py", "ordered pairs of hosts")],
)
def test_settings_move_nothing(copy, before, file, description):
    """Their values are in the keys; what they import counts."""
    name = f"peftport.{file.removesuffix('.py').replace('/', '.')}"
    assert name in code_stamp.import_closure("peftport.training.source", "peftport.evaluation.gather")
    edit(copy / file, description, f"told anew: {description}")
    assert stamps(copy) == before
    (copy / "spare.py").write_text("SPARE = 0\n")
    edit(copy / file, "from typing", "import peftport.spare\nfrom typing")
    with_import = stamps(copy)
    assert with_import != before
    edit(copy / "spare.py", "0", "1")
    assert stamps(copy) != with_import


def test_the_index_of_the_package_moves_nothing(copy, before):
    (copy / "__init__.py").write_text((copy / "__init__.py").read_text() + "\nSPARE = 0\n")
    assert stamps(copy) == before


@pytest.mark.parametrize("name", ["numpy", "tokenizers", "jinja2", "matplotlib", "yaml"])
def test_the_version_of_a_library_moves_what_imports_it(name, monkeypatch):
    closures = {
        "numpy": "peftport.porting.start",
        "tokenizers": "peftport.training.source",  # transformers brings it along
        "jinja2": "peftport.report.page",
        "matplotlib": "peftport.figures.style",
        "yaml": "peftport.typology.read",  # its distribution has another name
    }
    before = {module: code_stamp.code_stamp(module) for module in (*closures.values(), "peftport.seeds")}
    found = code_stamp.version
    monkeypatch.setattr(code_stamp, "version", lambda asked: "0.0" if asked == name else found(asked))
    code_stamp.code_stamp.cache_clear()
    after = {module: code_stamp.code_stamp(module) for module in before}
    code_stamp.code_stamp.cache_clear()
    assert before[closures[name]] != after[closures[name]]
    assert name == "numpy" or before["peftport.seeds"] == after["peftport.seeds"]


def test_what_is_no_distribution_has_no_version():
    assert code_stamp.version("json") is None and code_stamp.version("no_such_library") is None
    assert code_stamp.version("torch") and code_stamp.version("yaml")


KEPT = (
    "import sys; from peftport.storage import code_stamp as c; "
    "c._parse = c._parse if sys.argv[1] == 'parse' else None; "
    "print(c.code_stamp('peftport.report.page')); c.keep_parsed()"
)


def kept(copy, tmp_path, may):
    """The stamp by a process that keeps what it parsed, and may parse or must not."""
    environment = {"PYTHONPATH": str(copy.parent), code_stamp.PARSED: str(tmp_path / "parsed.json")}
    command = [sys.executable, "-c", KEPT, may]
    return subprocess.run(command, cwd=copy.parent, env=environment, capture_output=True, text=True)


def test_what_was_parsed_once_is_parsed_no_more(copy, tmp_path):
    first = kept(copy, tmp_path, "parse")
    again = kept(copy, tmp_path, "must not")
    assert again.returncode == 0 and again.stdout == first.stdout != ""
    edit(copy / "report/page.py", "LONG = 30", "LONG = 31")
    assert "TypeError" in kept(copy, tmp_path, "must not").stderr
    edited = kept(copy, tmp_path, "parse").stdout
    assert edited not in ("", first.stdout)
    assert kept(copy, tmp_path, "must not").stdout == edited


def test_a_damaged_file_of_what_was_parsed_is_not_used(copy, tmp_path):
    first = kept(copy, tmp_path, "parse").stdout
    path = tmp_path / "parsed.json"
    path.write_text(path.read_text().replace("peftport.storage.cards", "peftport.storage.carts", 1))
    assert kept(copy, tmp_path, "parse").stdout == first


def test_unknown_module_is_named():
    with pytest.raises(ModuleNotFoundError, match=r"peftport\.nowhere"):
        code_stamp.code_stamp("peftport.nowhere")


def test_digest_ignores_the_order_of_keys():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest([1, 2]) != digest([2, 1])
