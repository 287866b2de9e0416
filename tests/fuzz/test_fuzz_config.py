"""Any document validates and plans, or gets one message; nothing else happens."""

import copy
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as some

from peftport.paths import pipeline_root
from peftport.planning.graph import Graph
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.study.config import ConfigError, read_settings
from peftport.study.read import read_study
from peftport.study.study import Study
from tests.fuzz.cases import cases_of

DEFAULT = yaml.safe_load((pipeline_root() / "config" / "config.yaml").read_text(encoding="utf-8"))
STUDY = (pipeline_root() / "config" / "config.yaml").read_text(encoding="utf-8")
WORDS = some.sampled_from(
    ["raw", "film", "lora", "../../x", "a/b", "", ".", "..", "~", "\0", "x" * 300, "any", "none", "a\nb", "{text}", "@"]
)
LEAVES = some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8) | WORDS
DOCUMENTS = some.recursive(
    LEAVES,
    lambda inner: (
        some.lists(inner, max_size=4)
        | some.dictionaries(
            some.text(max_size=8) | some.sampled_from(sorted(DEFAULT)) | some.integers() | WORDS, inner, max_size=4
        )
    ),
    max_leaves=12,
)
TAGS = ["!!python/object/apply:os.system [x]", "!!python/name:os.system", "!!python/object:os.Popen {}", "!!binary x"]
PIECES = some.sampled_from(
    [
        *STUDY.splitlines(keepends=True),
        "&a [*a]\n",
        "*b",
        "? - x\n",
        "<<: *x\n",
        "2020-01-01\n",
        "0x" + "f" * 5000,
        "1" * 5000,
    ]
    + [f"study: {tag}\n" for tag in TAGS]
) | some.text(max_size=6)
PLACES = [()]


def places(value, path=()):
    """Every place in a document."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from places(below, (*path, key))


def settle(document):
    """Check a document and plan it, or find its message."""
    try:
        settings = read_settings(document, Path("nowhere"))
    except ConfigError as error:
        assert str(error).startswith("config")
        assert len(str(error)) < 5000
        return
    study = Study(settings)
    paths = [EvaluateCell(**vars(cell)).path("scores") for cell in study.cells]
    assert len(set(paths)) == len(paths)
    assert all(len(part) < 250 for path in paths for part in path.split("/"))
    assert not any(part in ("", ".", "..") for path in paths for part in path.split("/"))
    if all(host.kind in ("bundled", "build") for host in settings.hosts.values()):
        graph = Graph(study)
        assert all(graph.key(stage) for stages in graph.stages.values() for stage in stages)


def put(place, value):
    """The default study with something else in one place."""
    document = copy.deepcopy(DEFAULT)
    part = document
    for key in place[:-1]:
        part = part[key]
    if place:
        part[place[-1]] = value
    return document if place else value


def test_any_document(cases):
    @cases_of(60)
    @given(DOCUMENTS)
    def check(document):
        cases["config, any document"] += 1
        settle(document)

    check()


def test_anything_anywhere_in_a_good_config(cases):
    @cases_of(60)
    @given(some.sampled_from(sorted(places(DEFAULT), key=str)), DOCUMENTS)
    def check(place, value):
        cases["config, one place"] += 1
        settle(put(place, value))

    check()


def test_any_text_as_a_config_file(cases, tmp_path):
    """What ``peftport plan`` reads: YAML of any shape, with tags that would build objects among it."""
    path = tmp_path / "study.yaml"

    @cases_of(40)
    @given(some.lists(PIECES, max_size=8), some.integers(0, len(STUDY)))
    def check(pieces, at):
        cases["config, YAML text"] += 1
        path.write_text(STUDY[:at] + "".join(pieces) + STUDY[at:], encoding="utf-8", errors="replace")
        try:
            read_study([path], tmp_path)
        except ConfigError as error:
            assert str(error).startswith("config")

    check()
