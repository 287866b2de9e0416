"""Limits on the tail: sizes of files, functions and signatures, and what every rule must have."""

import ast
import re

import pytest

from peftport.paths import CHECKOUT
from peftport.stages.table import STAGES

SOURCES = sorted((CHECKOUT / "src").rglob("*.py"))
SCRIPTS = sorted((CHECKOUT / "workflow" / "scripts").glob("*.py"))
RULE_FILES = sorted((CHECKOUT / "workflow" / "rules").glob("*.smk"))
DIRECTIVES = ("output", "log", "conda", "threads", "resources", "params", "message", "script")
FORBIDDEN = ("run", "shell", "shadow", "retries", "group", "benchmark")  # jobs write what they cost: peftport.jobs.cost
NO_STEP = ('"""', "import ", "from ", "run_in_fork_server(")  # of a script
OF_THE_STAGE = {
    "input": 'unpack(STAGES.inputs("{name}")),',
    "log": 'STAGES.log("{name}"),',
    "params": '**STAGES.params("{name}"),',
}
RULE = re.compile(r"^rule\b *(?P<name>\w+):\n(?P<body>(?: +.*\n|\n)+)", re.MULTILINE)


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
    """Every rule of the workflow by its name: its text."""
    texts = (path.read_text(encoding="utf-8") for path in RULE_FILES)
    return {match["name"]: match["body"] for text in texts for match in RULE.finditer(text)}


def test_source_files_are_short():
    assert len(SOURCES) > 400
    assert [label(path) for path in SOURCES if lines(path) > 300] == []


def test_functions_are_short_and_take_few_parameters():
    every = [(label(path), node) for path in SOURCES for node in functions(path)]
    assert len(every) > 1000
    assert [(path, node.name) for path, node in every if node.end_lineno - node.lineno + 1 > 60] == []
    assert [(path, node.name) for path, node in every if len(parameters(node)) > 7] == []


def test_scripts_are_thin():
    """Read the snakemake object, call the library, write the file; what could decide lives in the library."""
    texts = {label(path): path.read_text(encoding="utf-8") for path in SCRIPTS}
    steps = {
        path: [line for line in text.splitlines() if line.strip() and not line.startswith(NO_STEP)]
        for path, text in texts.items()
    }
    assert [path for path, there in steps.items() if len(there) > 20] == []
    decisions = ast.If | ast.While | ast.Try | ast.FunctionDef | ast.ClassDef
    nodes = [(path, node) for path, text in texts.items() for node in ast.walk(ast.parse(text))]
    assert [(path, type(node).__name__) for path, node in nodes if isinstance(node, decisions)] == []


def test_the_snakefile_is_a_table_of_contents():
    snakefile = CHECKOUT / "workflow" / "Snakefile"
    assert lines(snakefile) <= 50
    included = re.findall(r'include: "rules/(.+)"', snakefile.read_text(encoding="utf-8"))
    assert sorted(included) == [path.name for path in RULE_FILES]


@pytest.mark.parametrize("path", RULE_FILES, ids=label)
def test_a_rule_file_begins_with_what_comes_in_and_goes_out(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""') and first.endswith('"""')
    if path.name != "common.smk":
        assert first.startswith('"""in: ') and " | out: " in first


@pytest.mark.parametrize("name", STAGES)
def test_a_rule_is_complete_and_takes_what_its_stage_tells(name):
    body = rules()[name]
    assert re.match(r' *"""[^"]+ -> [^"]+"""\n', body), "a docstring that ends with the files it makes"
    directives = re.findall(r"^    (\w+):", body, re.MULTILINE)
    assert [directive for directive in DIRECTIVES if directive not in directives] == []
    assert [directive for directive in FORBIDDEN if directive in directives] == []
    for directive, text in OF_THE_STAGE.items():
        assert block(body, directive).strip() == text.format(name=name)
    assert f'STAGES.outputs("{name}")' in block(body, "output")
    assert ("wildcard_constraints" in directives) == bool(STAGES[name].CONSTRAINTS)
    assert {"mem_mb", "runtime"} <= set(re.findall(r"^ +(\w+)=", block(body, "resources"), re.MULTILINE))
    assert f"../scripts/{name}.py" in block(body, "script")


@pytest.mark.parametrize("path", [path for path in RULE_FILES if path.name != "common.smk"], ids=label)
def test_a_rule_file_ends_with_a_target_for_its_stages(path):
    """`snakemake --cores all modules` makes what modules.smk makes, and no rule is left out of all targets."""
    here = [match["name"] for match in RULE.finditer(path.read_text(encoding="utf-8"))]
    targets = [name for name in here if name not in STAGES]
    assert len(targets) == 1
    asked = re.findall(r'"(\w+)"', re.search(r"STAGES\.asked\(([^)]*)\)", rules()[targets[0]])[1])
    assert set(asked) == set(here) & set(STAGES) - {"write_report"}


def test_all_takes_every_target():
    snakefile = (CHECKOUT / "workflow" / "Snakefile").read_text(encoding="utf-8")
    targets = set(rules()) - set(STAGES)
    assert set(re.findall(r"rules\.(\w+)\.input", snakefile)) == targets
    assert 'STAGES.asked("write_report")' in snakefile


def test_rules_hold_no_logic():
    """What a rule needs to know of a study, its stage tells; here is how a resource grows, and no loop."""
    texts = "".join(path.read_text(encoding="utf-8") for path in RULE_FILES)
    assert re.findall(r"^ *def (\w+)", texts, re.MULTILINE) == ["growing"]
    assert texts.count("lambda") == 1
    loops = re.findall(r"^ *for .*:$", texts, re.MULTILINE)
    assert loops == ['        for line in closing(Path("results", STUDY.name), time.monotonic() - BEGAN):']


def block(body, name):
    """The lines below a directive."""
    return re.search(rf"^    {name}:.*\n((?:     .*\n|\n)*)", body, re.MULTILINE)[1]
