"""Who may import whom: rooms meet through files, and what sees only tables loads no torch."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import peftport
from peftport.adapters.checks.table import CHECKS
from peftport.figures.table import FIGURES
from peftport.host_building.objectives.table import OBJECTIVES
from peftport.host_building.recipes.table import RECIPES
from peftport.hosts.families.table import FAMILIES
from peftport.maps.laws.table import LAWS
from peftport.paths import CHECKOUT, pipeline_root
from peftport.porting.table import INITIALISATIONS
from peftport.prompting.lm_types.table import LM_TYPES
from peftport.statistics.table import STATISTICS
from peftport.storage.code_stamp import import_closure
from peftport.tasks.table import PROMPTS, ROWS, SCORES
from peftport.techniques.table import METHODS

LIBRARY = Path(peftport.__file__).parent
ROOMS = sorted(path.name for path in LIBRARY.iterdir() if (path / "__init__.py").is_file())
MODULES = sorted(
    ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in LIBRARY.rglob("*.py")
)

# Files at the top that any room may import; `storage` is open to all as well, and imports no room.
BASE = {"paths", "registry", "seeds", "settings", "storage"}
MAY_IMPORT = {
    "storage": set(),
    "data": {"tasks.table"},
    "tasks": {"data", "prompting", "evaluation"},
    "jobs": set(),
    "typology": set(),
    "figures": set(),
    "porting": set(),
    "maps": {
        "hosts",
        "adapters.host_files",
        "adapters.host_modules",
        "techniques.table",
        "prompting.batches",
        "porting",
    },
    "adapters": {
        "hosts",
        "injection",
        "maps",
        "porting.sampled_product",
        "porting.start",
        "techniques.table",
        "distances.weights",
        "prediction",
        "commands.help",
    },
    "distances": {"hosts", "adapters.bases", "adapters.overlap", "maps", "study.entries"},
    "prediction": {
        "distances.measures",
        "statistics",
        "typology",
        "study.derived_datasets",
        "adapters.terminal",
        "commands.help",
    },
    "prompting": {"data", "tasks.table"},
    "hosts": {"prompting", "data.settings", "data.generated.settings"},
    "techniques": {"hosts"},
    "injection": {"techniques", "hosts"},
    "compute": {"hosts", "prompting"},
    "study": {"data", "tasks.table", "prompting", "hosts", "techniques", "adapters", "maps", "porting.compatibility"},
    "host_building": {
        "data",
        "prompting",
        "hosts",
        "compute",
        "jobs",
        "maps.correspondence",
        "maps.linear",
        "maps.spaces",
    },
    "training": {"prompting", "hosts", "techniques", "injection", "compute", "jobs", "study", "porting.scratch"},
    "matching": {"prompting", "hosts", "techniques", "injection", "porting"},
    "evaluation": {"tasks.table", "prompting", "hosts", "injection", "compute", "jobs", "study", "training"},
    "distillation": {
        "prompting",
        "compute",
        "injection",
        "jobs",
        "study",
        "training",
        "evaluation",
        "porting.distilled",
    },
    "costs": {"prompting", "hosts", "techniques", "injection", "compute", "training"},
    "statistics": {"typology"},
    "report": {
        "study",
        "data.settings",
        "prompting.lengths",
        "statistics",
        "figures",
        "porting.table",
        "maps.table",
        "jobs.cost",
        "jobs.duration",
    },
    "stages": {
        "study",
        "hosts",
        "data.lm_eval_files",
        "data.sources.table",
        "tasks.table",
        "prompting.lm_types.table",
        "host_building.objectives.table",
        "host_building.recipes.table",
        "techniques.table",
        "porting.table",
        "maps.table",
        "maps.admissible",
        "maps.starts",
        "maps.laws.table",
        "statistics.table",
        "figures.table",
    },
    "assess": {
        "study",
        "data",
        "adapters",
        "techniques.table",
        "prompting",
        "hosts",
        "injection",
        "compute",
        "evaluation",
        "statistics",
        "figures.style",
        "report",
        "stages",
        "prediction",
        "commands",
    },
    "commands": {
        "study",
        "planning",
        "techniques.table",
        "techniques.settings",
        "adapters",
        "assess",
        "report",
        "stages",
    },
    "planning": {
        "study",
        "stages",
        "data.settings",
        "prompting.chat",
        "prompting.lengths",
        "hosts.settings",
        "hosts.chat_templates",
        "hosts.locate",
        "jobs.duration",
        "jobs.inputs",
        "jobs.controlling_run",
        "jobs.address_space",
        "evaluation.agreement",
        "evaluation.gather",
    },
}
# around every job, and tables of names: they make no results, and a new line in them must rerun nothing
FRAME = {"jobs", "storage.tables", "statistics.table", "figures.table"}
WITH_TORCH = {
    "adapters",
    "hosts",
    "prompting",
    "tasks",
    "techniques",
    "injection",
    "compute",
    "host_building",
    "maps",
    "matching",
    "training",
    "evaluation",
    "distillation",
    "costs",
    "assess",
}
WITHOUT_TORCH = [
    "adapters",
    "adapters.case",
    "adapters.check",
    "adapters.checks",
    *sorted(reasons.__module__.removeprefix("peftport.") for reasons in CHECKS.values()),
    "adapters.command",
    "adapters.port_command",
    "adapters.weights",
    "hosts.chat_templates",
    "hosts.sites",
    "hosts.locate",
    "hosts.shape",
    "hosts.families",
    "hosts.families.table",
    *(inside for inside in sorted({path.removeprefix("peftport.") for path in FAMILIES.values()})),
    "prompting",
    "prompting.chat",
    "prompting.chat_sandbox",
    "prompting.template",
    "tasks",
    "tasks.table",
    *(inside.removeprefix("peftport.").removesuffix(".rows") for inside in sorted(ROWS.values())),
    *(inside.removeprefix("peftport.") for inside in sorted(ROWS.values())),
    "prompting.lm_types",
    "prompting.lm_types.table",
    "host_building.objectives",
    "host_building.objectives.table",
    "host_building.recipes",
    "host_building.recipes.table",
    "techniques.table",
    "techniques.output",
    *(
        name
        for name in (module.removeprefix("peftport.") for module in MODULES)
        if re.match(r"maps\b(?!\.moments)", name)
    ),
    "training.extract",
    "evaluation.agreement",
    "evaluation.gather",
    "evaluation.metrics",
    *(f"assess.{name}" for name in ("columns", "command", "config", "flips", "gate", "origins", "results", "verdict")),
]


def inside(module):
    """The name within the library: `hosts.sites` for `peftport.hosts.sites`."""
    return module.partition(".")[2]


def room(module):
    """The room of a library module; empty for the base files."""
    name = inside(module).split(".")[0]
    return name if name in ROOMS else ""


def imports(path, module=""):
    """Library modules that a file imports itself, wherever in its code."""
    found, package = set(), module.split(".")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + (path.name == "__init__.py")] if node.level else []
            name = ".".join([*base, *filter(None, [node.module])])
            found |= {name, *(f"{name}.{alias.name}" for alias in node.names)}
    return found & set(MODULES)


def file_of(module):
    base = LIBRARY.parent.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def test_every_room_has_its_rule():
    assert set(MAY_IMPORT) == set(ROOMS)


def test_the_page_for_contributors_says_the_same():
    rows = re.findall(
        r"^\| `(\w+)/` \| (.*?) \|", (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    said = {name: set(re.findall(r"`([\w.]+)`", names)) for name, names in rows if name in ROOMS}
    assert said == MAY_IMPORT


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(name):
    strange = {
        f"{module} imports {other}"
        for module in MODULES
        if room(module) == name
        for other in imports(file_of(module), module)
        if room(other) != name and inside(other) and not allowed(other, MAY_IMPORT[name] | BASE)
    }
    assert not strange


def allowed(module, names):
    """Whether a module, or its room, is among the names; a room itself is imported with any part of it."""
    name = inside(module)
    return name in names or room(module) in names or any(one.startswith(f"{name}.") for one in names)


def test_files_at_the_top_are_few_and_import_no_room():
    top = {module: imports(file_of(module), module) for module in MODULES if inside(module) and not room(module)}
    assert len(top) <= 5  # beside `__init__`
    assert {module: names for module, names in top.items() if module != "peftport.cli" and any(map(room, names))} == {}


def test_stages_and_plans_are_of_the_workflow_and_the_command_line():
    """Were a script to reach them, an edit of one stage would move the keys of all."""
    for path in (pipeline_root() / "workflow" / "scripts").glob("*.py"):
        closure = import_closure(*sorted(imports(path) - {"peftport"}))
        assert [module for module in closure if room(module) in ("stages", "planning")] == [], path.name


def test_training_never_reaches_evaluation():
    training = [module for module in MODULES if room(module) == "training"]
    assert [module for module in import_closure(*training) if room(module) == "evaluation"] == []


def test_techniques_are_reached_lazily():
    """Else editing one would rerun the cells of all."""
    scripts = (pipeline_root() / "workflow" / "scripts").glob("*.py")
    reached = sorted({name for script in scripts for name in imports(script) if name in MODULES})
    for entry in ("peftport.techniques", "peftport.techniques.table", *reached):
        assert not set(import_closure(entry)) & set(METHODS.values()), entry


@pytest.mark.parametrize(
    ("entry", "others"),
    [
        ("peftport.porting.start", INITIALISATIONS.values()),
        ("peftport.maps.carry", LAWS.values()),
        ("peftport.matching.starts", [INITIALISATIONS["matched"], *METHODS.values()]),
        ("peftport.evaluation.gather", [f"peftport.statistics.{name}" for name in STATISTICS]),
        ("peftport.figures.style", [f"peftport.figures.{name}" for name in FIGURES]),
        ("peftport.evaluation.cell", [*FAMILIES.values(), *LM_TYPES.values()]),
        ("peftport.evaluation.cell", [f"peftport.evaluation.lm_types.{name}" for name in LM_TYPES]),
        ("peftport.evaluation.cell", [*PROMPTS.values(), *SCORES.values(), *ROWS.values()]),
        ("peftport.data.prepare", ROWS.values()),
        ("peftport.host_building.build", [*RECIPES.values(), *FAMILIES.values()]),
        ("peftport.host_building.further", [*OBJECTIVES.values(), *FAMILIES.values(), *LM_TYPES.values()]),
    ],
    ids=[
        "initialisations",
        "laws",
        "fitted",
        "statistics",
        "figures",
        "families",
        "answers",
        "kinds",
        "rows",
        "recipes",
        "objectives",
    ],
)
def test_what_has_a_table_is_reached_lazily(entry, others):
    assert not set(import_closure(entry)) & set(others)


def test_what_sees_only_tables_loads_no_torch():
    """Really imported, in a process of its own: rooms without models, the base files, the command, what the Snakefile
    reads; and nothing that needs torch or is as slow to import."""
    names = [
        module
        for module in MODULES
        if (room(module) not in WITH_TORCH or inside(module) in WITHOUT_TORCH) and inside(module) != "hosts.bundled"
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        "    assert not {'torch', 'transformers', 'peft', 'datasets'} & set(sys.modules), name\n"
    )
    assert {"peftport.cli", "peftport.storage.modules", "peftport.porting.start", "peftport.training.extract"} <= {
        *names
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=LIBRARY.parent, check=False)
    assert done.returncode == 0, done.stderr
