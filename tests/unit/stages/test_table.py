"""Every stage is told once: its rule, its script and its file agree."""

import ast
import re

import numpy as np
import pytest
from safetensors.numpy import save_file

from peftport.paths import CHECKOUT
from peftport.planning.graph import Graph, listed
from peftport.stages.table import STAGES
from peftport.storage.files import write_json
from peftport.study.config import read_settings
from peftport.study.grid import Grid
from peftport.study.grid_settings import GridSettings
from peftport.study.study import Study
from tests.unit.planning.test_graph import CONFIG, GENERATED

SCRIPTS = CHECKOUT / "workflow/scripts"
RULES = CHECKOUT / "workflow/rules"
OURS = {"key", "expects", "code", "files"}  # parameters that every rule has


@pytest.fixture(scope="module")
def graph():
    """A study in which every stage is asked for."""
    config = CONFIG | {"decontaminate": True, "distil": {"steps": 2}}
    raw = {"corpus": {"generated": {"domains": ["film"]}}}
    hosts = {"raw": {"build": raw}, "instruct": {"build": {"base": "raw", "instructions": GENERATED}}}
    further = {"base": "raw", "corpus": {"generated": {"domains": ["film"]}}}
    hosts |= {"further": {"build": further}}
    hosts |= {"turned": {"build": {"base": "raw", "coordinates": {"heads": "permutation"}}}}
    hosts |= {"pickled": {"hub": {"id": "a/b", "revision": "0" * 40}, "convert": True}}
    transfers = [*CONFIG["grid"]["transfers"], {"source": "raw", "target": "pickled"}]
    transfers.append({"source": "raw", "target": "further"})
    transfers.append({"source": "raw", "target": "turned"})
    transfers.append({"source": "raw", "target": "instruct", "map": "weight_match"})
    grid = CONFIG["grid"] | {
        "transfers": transfers,
        "initialisations": [
            "ported",
            "scratch",
            "matched",
            "target_mean",
            "random_target",
            "distilled",
            "shuffled_map",
            "random_basis",
        ],
    }
    grid["dataset_pairs"] = [*grid["dataset_pairs"], {"source": "all", "target": "film"}]
    datasets = CONFIG["datasets"] | {"all": {"mixture": {"film": 1, "book": 2}}}
    made = {"hosts": hosts, "datasets": datasets, "grid": grid, "maps": {"weight_match": {}}}
    return Graph(Study(read_settings(config | made)))


@pytest.fixture(scope="module")
def with_module(tmp_path_factory):
    """A study with a module that exists already, which no study can have that cleans its sources."""
    folder = tmp_path_factory.mktemp("adapter")
    write_json(folder / "adapter_config.json", {"peft_type": "LORA", "r": 2, "lora_alpha": 2})
    site = "base_model.model.encoder.block.0.layer.0.SelfAttention.q"
    save_file(
        {f"{site}.lora_A.weight": np.ones((2, 4)), f"{site}.lora_B.weight": np.ones((4, 2))},
        folder / "adapter_model.safetensors",
    )
    modules = {"mine": {"path": str(folder), "host": "raw", "dataset": "film"}}
    return Graph(Study(read_settings(CONFIG | {"modules": modules, "grid": CONFIG["grid"] | {"modules": ["mine"]}})))


@pytest.fixture(scope="module")
def graph_of(graph, with_module):
    """Of a rule a study that asks for its stage."""
    return lambda rule: graph if graph.stages[rule] else with_module


def read_by(script, field):
    """Names that a script takes from a field of the snakemake object, also where it gave that a name of its own."""
    text = (SCRIPTS / f"{script}.py").read_text()
    names = {f"snakemake.{field}"}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                targets = target.elts if isinstance(target, ast.Tuple) else [target]
                values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                for name, value in zip(targets, values, strict=False):
                    if isinstance(name, ast.Name) and ast.unparse(value) == f"snakemake.{field}":
                        names.add(name.id)
    every = "|".join(map(re.escape, names))
    return set(re.findall(rf"\b(?:{every})\.(?!get\b|items\b)([a-z_]+)", text))


def test_every_stage_has_its_rule_and_its_script_and_no_other_has():
    rules = set()
    for file in RULES.glob("*.smk"):
        rules |= set(re.findall(r'STAGES\.params\("(\w+)"\)', file.read_text()))
    assert rules == set(STAGES) == {path.stem for path in SCRIPTS.glob("*.py")}


def test_every_stage_is_asked_for(graph, with_module):
    assert [rule for rule in STAGES if not graph.stages[rule] and not with_module.stages[rule]] == []


@pytest.mark.parametrize("rule", STAGES)
def test_a_script_reads_what_its_stage_tells(graph_of, rule):
    """What a script reads is in the stage, and so in the key; a setting that nobody reads would move it for nothing."""
    graph = graph_of(rule)
    stage = graph.stages[rule][0]
    assert read_by(rule, "params") <= set(stage.settings(graph.study)) | OURS
    assert read_by(rule, "input") <= set(stage.needs(graph.study))
    assert read_by(rule, "output") <= {*stage.FILES, *stage.FOLDERS}
    text = (SCRIPTS / f"{rule}.py").read_text()
    for name in stage.settings(graph.study):
        assert re.search(rf"\b{name}\b", text), f"{rule} does not read the setting {name}"


@pytest.mark.parametrize("rule", STAGES)
def test_stages_of_a_rule_have_the_same_settings_and_needs(graph_of, rule):
    """Snakemake wants to know the names of parameters and inputs before it knows a job."""
    graph = graph_of(rule)
    stages = graph.stages[rule]
    assert len({tuple(stage.settings(graph.study)) for stage in stages}) == 1
    assert len({tuple(stage.needs(graph.study)) for stage in stages}) == 1


def test_no_two_stages_make_one_file(graph):
    files = [
        graph.path(stage.output(name))
        for stages in graph.stages.values()
        for stage in stages
        for name in (*stage.FILES, *stage.FOLDERS)
    ]
    assert len(files) == len(set(files))


def test_a_path_fits_the_pattern_of_one_rule_only(graph):
    """Snakemake would else find two rules for a file."""
    patterns = {}
    for rule, stage in STAGES.items():
        for name in (*stage.FILES, *stage.FOLDERS):
            free = {wildcard: r"[^/]+?" for wildcard in stage.wildcards()} | {"block": r"[0-9.-]+|any"}
            text = re.escape(stage.pattern(name)).replace(r"\{", "{").replace(r"\}", "}")
            for wildcard, expression in (free | stage.CONSTRAINTS).items():
                text = text.replace(f"{{{wildcard}}}", f"(?P<{wildcard}>{expression})", 1)
            patterns[rule, name] = re.compile(text)
    for rule, stages in graph.stages.items():
        for stage in stages:
            for name in (*stage.FILES, *stage.FOLDERS):
                fitting = [entry for entry, pattern in patterns.items() if pattern.fullmatch(stage.path(name))]
                assert fitting == [(rule, name)]


def test_needs_are_outputs_that_their_stages_make(graph):
    for stages in graph.stages.values():
        for stage in stages:
            for need in stage.needs(graph.study).values():
                for output in listed(need):
                    assert output.name in {*output.stage.FILES, *output.stage.FOLDERS}


def test_the_table_of_techniques_gathers_the_curves_that_it_is_given():
    """Curves come without names: the script's grid must name the same trainings, in the same order, as the stage."""
    both = {
        "transfers": [{"source": "raw", "target": "instruct"}, {"source": "instruct", "target": "raw"}],
        "dataset_pairs": [{"source": "film", "target": "book"}, {"source": "book", "target": "film"}],
    }
    graph = Graph(Study(read_settings(CONFIG | {"decontaminate": True, "grid": CONFIG["grid"] | both})))
    (stage,) = graph.stages["describe_techniques"]
    given = stage.settings(graph.study)
    grid = Grid(given["study"], GridSettings.model_validate(given["grid"]), given["decontaminate"])
    assert grid.fresh == graph.study.fresh
    assert Grid(grid.name, grid.grid).fresh != graph.study.fresh


def test_the_report_hears_of_every_prompt_that_a_job_reads(graph):
    """Those of a teacher too, which reads the target dataset in the source host: what is cut is said of each."""
    (report,) = graph.stages["write_report"]
    told = {output.stage for output in report.needs(graph.study)["prompts"]}
    assert told == {*graph.stages["encode_dataset"], *graph.stages["mix_prompts"]}
    for teacher in graph.stages["ask_teacher"]:
        needs = teacher.needs(graph.study)
        assert {needs[split].stage for split in ("train", "validation")} <= told
