"""One edit at a time in a finished study: exactly these jobs run again. ``docs/reruns.md`` says it in words."""

import os
import re
import shutil
import time

import pytest
import yaml

from peftport.figures.table import FIGURES
from peftport.planning.graph import Graph
from peftport.statistics.table import STATISTICS
from peftport.storage.parquet import read_table
from peftport.study.read import read_study
from tests import studies
from tests.once import once

pytestmark = pytest.mark.slow

LIBRARY = "src/peftport"
ONE_STEP = {"steps": 1, "batch_size": 8, "learning_rate": 0.001}
RAW = {
    "corpus": {"generated": {"domains": ["film", "book"], "documents": 300}},
    "shape": {"d_model": 16, "d_ff": 32, "heads": 2, "layers": 2, "vocabulary": 400},
    "words": ["positive", "negative"],
    "pretraining": dict(ONE_STEP),
}
INSTRUCT = {
    "base": "raw",
    "instructions": {"generated": {"domains": ["film", "book"], "examples": 100}},
    "training": dict(ONE_STEP),
}

# 2 techniques, 2 blocks of one seed, 2 transfers, book -> film: 8 sources, 8 ported and 8 fresh starts, a cell for each
# start, and 2 bare hosts
REPORT = {"write_report": 1}
DRAWN = {"compute_statistics": len(STATISTICS), "describe_techniques": 1, "draw_figure": len(FIGURES), **REPORT}
TABLES = {"gather_runs": 1, **DRAWN}
EVALUATED = {"evaluate_cell": 18, **TABLES}
APART = {"measure_distances": 2, "gather_distances": 1}  # of both pairs of hosts, with all source modules
TRAINED = {"train_source": 8, "extract_modules": 8, "make_starts": 8, **APART, **EVALUATED}
FRESH = {"initialise_scratch": 8}
ONE_TECHNIQUE = {"train_source": 4, "extract_modules": 4, "make_starts": 4, "evaluate_cell": 8, **APART, **TABLES}
OVERLAP = {"audit_overlap": 1}
COSTS = {"measure_costs": 2}  # one for each target host, all techniques together, on texts of film
PROMPTS = {"encode_dataset": 10}  # in each host: train and validation of book, all three splits of film
LABELS = {"encode_labels": 2, "describe_host": 2}  # of film, in each host


# raw -> instruct by a copy and by a map, one technique, film -> film: a source, a copied, a carried and a fresh start,
# a cell for each start, and the bare host
CARRIED = {"carry_starts": 1, "evaluate_cell": 1, **TABLES}
CHECKED = {"check_transfer": 1, "check_carrying": 1}
APART_ONCE = APART | {"measure_distances": 1}


def book(folder, lines=96, name="book"):
    """The dataset that comes from a file."""
    rows = [f"{name} {n} is {('dull', 'fine')[n % 2]},{('negative', 'positive')[n % 2]}" for n in range(lines)]
    (folder / f"{name}.csv").write_text("\n".join(["text,label", *rows]) + "\n")


def study_config():
    config = studies.smoke_config(studies.ROOT)
    config["hosts"] = {"raw": {"build": RAW}, "instruct": {"build": INSTRUCT}}
    labels = config["datasets"]["film"]["labels"]
    config["datasets"]["book"] = {"source": {"files": [{"path": "book.csv"}]}, "labels": dict(labels)}
    config["techniques"]["ia3"] = {"learning_rate": 0.01}
    config["grid"] |= {
        "transfers": [{"source": "raw", "target": "instruct"}, {"source": "instruct", "target": "raw"}],
        "dataset_pairs": [{"source": "book", "target": "film"}],
        "initialisations": ["ported", "scratch"],
        "references": ["bare"],
        "seeds": [0, 1],
    }
    return config  # no two places share a part: YAML would keep them one, and an edit would touch both


def mapped_config():
    """A study with a map that reads texts of its own."""
    config = study_config()
    notes = {"source": {"files": [{"path": "notes.csv"}]}, "labels": dict(config["datasets"]["film"]["labels"])}
    config["datasets"] = {"film": config["datasets"]["film"], "notes": notes}
    config["maps"] = {"by_texts": {"method": "activations", "texts": "notes"}}
    move = {"source": "raw", "target": "instruct"}
    config["grid"] |= {
        "techniques": ["lora"],
        "transfers": [dict(move), move | {"map": "by_texts"}],
        "dataset_pairs": [{"source": "film", "target": "film"}],
        "seeds": [0],
    }
    return config


def mark_as_made(folder):
    """Write a file of one line, or an empty folder, for every output of the study, and let Snakemake record it as made.

    Whether a job runs again depends on what is recorded and on times, and not on what the files hold.
    """
    graph = Graph(read_study([folder / "study.yaml"], folder))
    for stage in graph.every_stage:
        for name, path in graph.outputs(stage).items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if name in stage.FOLDERS:
                place.mkdir()
            else:
                place.write_text(f"{path}\n")
    touched = studies.run(folder, "--touch", "--forceall")
    assert touched.returncode == 0, touched.stdout


@pytest.fixture(scope="session")
def marked_study(tmp_path_factory):
    """A study whose jobs count as run, to read only."""

    def fill(folder):
        book(folder)
        studies.write_config(folder, study_config())
        mark_as_made(folder)

    return once(tmp_path_factory, "reruns", fill)


@pytest.fixture(scope="session")
def marked_mapped_study(tmp_path_factory):
    """The same of a study with a map."""

    def fill(folder):
        book(folder, name="notes")
        studies.write_config(folder, mapped_config())
        mark_as_made(folder)

    return once(tmp_path_factory, "mapped-reruns", fill)


def code(file, old, new=None):
    """An edit of the library: ``old`` with a line of code before it, unless ``new`` is given."""

    def apply(folder, checkout):
        studies.edit(checkout / LIBRARY / file, old, new or f"SPARE = 0\n\n\n{old}")

    return apply


def setting(path, value):
    """An edit of the config."""

    def apply(folder, checkout):
        config = yaml.safe_load((folder / "study.yaml").read_text())
        *parents, last = path.split(".")
        entry = config
        for name in parents:
            entry = entry[name]
        entry[last] = value
        studies.write_config(folder, config)

    return apply


def touch(folder, checkout):
    later = time.time() + 5
    for name in (
        "study.yaml",
        "book.csv",
        "results/smoke/hosts/raw/card.json",
        "results/smoke/datasets/film/test.parquet",
    ):
        os.utime(folder / name, (later, later))


def figures_of(*tables):
    return sum(bool(set(needs) & set(tables)) for needs in FIGURES.values())


WORDS = {"negative": "bad", "positive": "good"}
TWO = [{"source": "raw", "target": "instruct"}, {"source": "instruct", "target": "raw"}]
EDITS = {
    "nothing": (lambda folder, checkout: None, {}),
    "a comment in the library": (code("training/loop.py", "class Training:", "# a comment\nclass Training:"), {}),
    "a docstring in the library": (code("evaluation/metrics.py", '"""Share of equal', '"""The share of equal'), {}),
    "a newer modification time, the same content": (touch, {}),
    "an entry of the config that the grid does not pick": (setting("techniques.ia3", {"learning_rate": 0.5}), {}),
    "the training loop": (code("training/loop.py", "class Training:"), TRAINED | COSTS),
    "one technique's file": (
        code("techniques/lora.py", "def peft_config("),
        ONE_TECHNIQUE | {"initialise_scratch": 4} | COSTS,
    ),
    "one initialisation's file": (
        code("porting/ported.py", "def start("),
        {"make_starts": 8, "evaluate_cell": 8, **TABLES},
    ),
    "a figure": (code("figures/portability_matrix.py", "NEEDS = ["), {"draw_figure": 1, **REPORT}),
    "a statistic": (
        code("statistics/contrasts.py", "def contrasts("),
        {"compute_statistics": 3, "draw_figure": figures_of("contrasts"), **REPORT},  # with carried and asymmetry
    ),
    "a metric": (code("evaluation/metrics.py", "def accuracy("), EVALUATED),
    "the report": (code("report/verdict.py", "def verdict("), REPORT),
    "the report's template": (code("report/template.html.j2", "<html", "<html data-spare"), REPORT),
    "the typology": (
        code("typology/typology.yaml", "techniques:", "# a line\ntechniques:"),
        {"describe_techniques": 1, "draw_figure": 1, **REPORT},
    ),
    "what costs are measured with": (
        code("costs/clock.py", "def in_turns("),
        COSTS | {"describe_techniques": 1, "draw_figure": 1, **REPORT},
    ),
    "how often costs are timed": (
        setting("costs", {"repetitions": 2}),
        COSTS | {"describe_techniques": 1, "draw_figure": 1, **REPORT},
    ),
    "one host's recipe": (
        setting("hosts.instruct.build.training.steps", 2),
        TRAINED
        | {"build_host": 1, "identify_host": 1, "encode_labels": 2, "encode_dataset": 5}
        | {"describe_host": 1, "check_transfer": 2}
        # what is trained in raw, and tested there from scratch or bare, stays
        | {"train_source": 4, "extract_modules": 4, "initialise_scratch": 4, "evaluate_cell": 13}
        | {"measure_costs": 1},
    ),
    "one dataset's file content": (
        lambda folder, checkout: book(folder, 100),
        TRAINED | {"prepare_dataset": 1, "encode_dataset": 4, **OVERLAP} | {"evaluate_cell": 8},
    ),
    "one dataset's template": (
        setting("datasets.film.template", "review : {text}"),
        EVALUATED | COSTS | LABELS | {"encode_dataset": 6},
    ),
    "the longest prompt": (setting("training.max_tokens", 12), TRAINED | COSTS | PROMPTS),
    "a label word": (
        setting("datasets.film.labels", WORDS),
        EVALUATED | COSTS | {"prepare_dataset": 1, "encode_dataset": 6, **LABELS, **OVERLAP, **APART},
    ),
    "a learning rate of one technique": (setting("techniques.lora.learning_rate", 0.02), ONE_TECHNIQUE),
    "a further seed": (setting("grid.seeds", [0, 1, 2]), ONE_TECHNIQUE | {"initialise_scratch": 4}),
    "a further seed in a list of seeds that share jobs": (
        setting("grid.seeds", [[0], [1, 2]]),
        ONE_TECHNIQUE | {"initialise_scratch": 4},
    ),
    "a further technique": (
        setting("grid.techniques", ["lora", "adapters", "ia3"]),
        ONE_TECHNIQUE | {"initialise_scratch": 4} | COSTS,
    ),
    "a further transfer": (
        setting("grid.transfers", [*TWO, {"source": "raw", "target": "raw"}]),
        {"check_transfer": 1, "make_starts": 4, "evaluate_cell": 4, **APART, "measure_distances": 1, **TABLES},
    ),
    "a further initialisation": (
        setting("grid.initialisations", ["ported", "scratch", "sampled"]),
        {"make_starts": 8, "evaluate_cell": 8, **TABLES},
    ),
    "a further budget": (setting("grid.budgets", [0, 2, 3]), {"evaluate_cell": 16, **TABLES}),
    "a seed less": (setting("grid.seeds", [0]), TABLES | APART),
    "a technique less": (setting("grid.techniques", ["lora"]), TABLES | COSTS | APART),
    "a transfer less": (setting("grid.transfers", TWO[:1]), TABLES | {"gather_distances": 1}),
    "an initialisation less": (setting("grid.initialisations", ["ported"]), TABLES),
    "a budget less": (setting("grid.budgets", [3]), {"evaluate_cell": 16, **TABLES}),
}


EDITS_OF_MAPS = {
    "a setting of a map": (
        setting("maps.by_texts.layers", "skip"),
        CARRIED | CHECKED | {"make_map": 1},
    ),
    "the texts that a map reads": (
        lambda folder, checkout: book(folder, 100, "notes"),
        CARRIED | {"prepare_dataset": 1, "make_map": 1, **OVERLAP},
    ),
    "the file of a map's method": (
        code("maps/methods/activations.py", "def fit("),
        CARRIED | CHECKED | {"make_map": 1},
    ),
    "how two hosts read texts": (code("maps/moments.py", "def _gram("), CARRIED | APART_ONCE | {"make_map": 1}),
    "the law by which a technique's modules are carried": (
        code("maps/laws/lora.py", "def mean("),
        CARRIED | {"check_carrying": 1},
    ),
    "a further technique beside one that a map carries": (
        setting("grid.techniques", ["lora", "ia3"]),
        {"train_source": 1, "extract_modules": 1, "make_starts": 1, "initialise_scratch": 1, "check_carrying": 1}
        | {"measure_costs": 1}
        | CARRIED
        | APART_ONCE
        | {"evaluate_cell": 3},
    ),
    "the recipe of a host that a map leads to": (
        setting("hosts.instruct.build.training.steps", 2),
        {"build_host": 1, "identify_host": 1, "encode_labels": 1, "encode_dataset": 3, "describe_host": 1}
        | {
            "check_transfer": 2,
            "check_carrying": 1,
            "make_map": 1,
            "make_starts": 1,
            "initialise_scratch": 1,
            "measure_costs": 1,
        }
        | CARRIED
        | APART_ONCE
        | {"evaluate_cell": 4},
    ),
}


def check_jobs(marked, tmp_path, edit, expected):
    """Raise unless exactly these jobs run again after an edit of a study whose jobs count as run."""
    folder, checkout = tmp_path / "study", studies.copy_checkout(tmp_path / "checkout")
    shutil.copytree(marked, folder, symlinks=True)
    edit(folder, checkout)
    jobs = studies.planned(folder, checkout=checkout)
    jobs.pop("all", None)
    assert jobs == expected


@pytest.mark.parametrize("edit", EDITS)
def test_exactly_these_jobs_run_again(marked_study, tmp_path, edit):
    check_jobs(marked_study, tmp_path, *EDITS[edit])


@pytest.mark.parametrize("edit", EDITS_OF_MAPS)
def test_exactly_these_jobs_run_again_in_a_study_with_a_map(marked_mapped_study, tmp_path, edit):
    check_jobs(marked_mapped_study, tmp_path, *EDITS_OF_MAPS[edit])


def test_a_budget_less_leaves_the_rows_of_the_other(copy):
    table = studies.RESULTS / "tables/runs.parquet"
    before = read_table(copy / table, "runs")
    setting("grid.budgets", [3])(copy, None)
    out = studies.run(copy, str(table))
    assert out.returncode == 0, out.stdout
    after = read_table(copy / table, "runs")
    kept = before[before["budget_steps"] == 3].reset_index(drop=True)
    assert after.equals(kept)
    assert studies.planned(copy, str(table)) == {}


def test_the_page_for_users_has_the_same_edits():
    page = (studies.ROOT / "docs" / "reruns.md").read_text()
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", page, re.MULTILINE)[1:]
    said = {edit: again for edit, again in rows if set(edit) != {"-"}}
    every = EDITS | EDITS_OF_MAPS
    assert list(said) == list(every)
    assert {edit for edit, again in said.items() if again == "nothing"} == {
        e for e, (_, jobs) in every.items() if not jobs
    }
