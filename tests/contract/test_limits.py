"""Limits on the tail: sizes of files, functions and signatures, and what every rule must have."""

import ast
import re

import pytest

from peftport.paths import CHECKOUT

SOURCES = sorted((CHECKOUT / "src").rglob("*.py"))
SCRIPTS = sorted((CHECKOUT / "workflow" / "scripts").glob("*.py"))
RULE_FILES = sorted((CHECKOUT / "workflow" / "rules").glob("*.smk"))
DIRECTIVES = ("output", "log", "conda", "threads", "resources", "params", "message", "script")
FORBIDDEN = ("run", "shell", "shadow", "retries", "group", "benchmark")  # jobs write what they cost: peftport.jobs.cost
ENTERING = "from peftport.jobs.fork_client import run_in_fork_server\n\nrun_in_fork_server()\n\n"
RULE = re.compile(r"^(?P<indent> *)rule\b *(?P<name>\w*):\n(?P<body>(?:(?P=indent) +.*\n|\n)+)", re.MULTILINE)


def label(path):
    return str(path.relative_to(CHECKOUT))


def lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def parameters(function):
    listed = function.args
    every = [*listed.posonlyargs, *listed.args, *listed.kwonlyargs, listed.vararg, listed.kwarg]
    return [one.arg for one in every if one is not None and one.arg not in ("self", "cls")]


def rules():
    """Every rule of the workflow: its text, under its name (or its file's, where a rule is made per block of seeds)."""
    return [
        pytest.param(match["body"], id=match["name"] or path.stem)
        for path in RULE_FILES
        for match in RULE.finditer(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_source_files(path):
    assert lines(path) <= 300
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions(path)}
    assert {name: length for name, length in long.items() if length > 60} == {}
    assert {node.name: parameters(node) for node in functions(path) if len(parameters(node)) > 7} == {}


@pytest.mark.parametrize("path", SCRIPTS, ids=label)
def test_scripts_are_thin(path):
    """Read the snakemake object, call the library, write the file; what could decide lives in the library."""
    text = path.read_text(encoding="utf-8")
    assert len(text.replace(ENTERING, "").splitlines()) <= 20
    decisions = ast.If | ast.While | ast.Try | ast.FunctionDef | ast.ClassDef
    tree = ast.parse(text)
    assert [type(node).__name__ for node in ast.walk(tree) if isinstance(node, decisions)] == []


def test_the_snakefile_is_a_table_of_contents():
    snakefile = CHECKOUT / "workflow" / "Snakefile"
    assert lines(snakefile) <= 40
    included = re.findall(r'include: "rules/(.+)"', snakefile.read_text(encoding="utf-8"))
    assert sorted(included) == [path.name for path in RULE_FILES]


@pytest.mark.parametrize("path", RULE_FILES, ids=label)
def test_a_rule_file_begins_with_what_comes_in_and_goes_out(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""') and first.endswith('"""')
    if path.name not in ("common.smk", "inputs.smk"):
        assert first.startswith('"""in: ') and " | out: " in first


def test_every_stage_but_common_has_rules():
    assert len(rules()) >= len(RULE_FILES) - 2


@pytest.mark.parametrize("body", rules())
def test_a_rule_is_complete(body):
    indent = re.match(" *", body)[0]
    assert re.match(rf'{indent}"""[^"]+ -> [^"]+"""\n', body), "a docstring that ends with the files it makes"
    directives = re.findall(rf"^{indent}(\w+):", body, re.MULTILINE)
    assert [name for name in DIRECTIVES if name not in directives] == []
    assert [name for name in FORBIDDEN if name in directives] == []
    assert "directory(" not in body
    settings = {
        name: re.findall(rf"^{indent}    (\w+)=", block(body, indent, name), re.MULTILINE) for name in DIRECTIVES
    }
    assert {"mem_mb", "runtime"} <= set(settings["resources"])
    assert settings["params"][0] == "key"


def block(body, indent, name):
    """The lines below a directive."""
    return re.search(rf"^{indent}{name}:.*\n((?:{indent} .*\n|\n)*)", body, re.MULTILINE)[1]
