"""The documentation says what is there: the tree of architecture.md, every file, column and key; no machine's paths."""

import ast
import inspect
import itertools
import re
import subprocess
from fnmatch import fnmatch

import pytest
import yaml

from docs.generate_tables import KINDS_OF_ENTRIES, columns, keys, refresh
from peftport.hosts import identify as card
from peftport.jobs import job as jobs
from peftport.matching import fit
from peftport.paths import CHECKOUT
from peftport.porting import start
from peftport.stages.module_folders import ModuleFolders
from peftport.stages.table import STAGES
from peftport.storage.modules import CARD, CONFIG, WEIGHTS
from peftport.storage.tables import TABLES
from peftport.study.config import check_config
from peftport.study.schema import SCHEMA_FILE, alternatives, config_schema, schema_text
from peftport.training import extract, source
from peftport.training import fresh_start as scratch

PAGES = ("config/README.md", "docs/output.md")
MODULE_FILES = tuple(f"seed-*/{name}" for name in (CONFIG, WEIGHTS, CARD))
HOST_FILES = ("config.json", "model.safetensors", "tokenizer.json")
HEADING = re.compile(r"^### `([^`]+)/`\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
MACHINE = re.compile(r"(?:^|[^\w.])/(?:work|farm|tmp|home|root)/")


def page(name):
    return (CHECKOUT / name).read_text(encoding="utf-8")


def tracked():
    """Paths that git knows, or would take."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(asked, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return sorted(path for path in done.stdout.splitlines() if (CHECKOUT / path).exists())


def tree():
    """Paths named by the tree of docs/architecture.md; two blanks are one level."""
    text = re.search(r"^```\n(.*?)```", page("docs/architecture.md"), re.DOTALL | re.MULTILINE)[1]
    folders, found = [], []
    for line in text.splitlines():
        indent, name = re.match(r"( *)(\S+)", line).groups()
        assert re.match(r" *\S+  +\S", line) or name.endswith("/"), f"what is it for? {line}"
        folders[len(indent) // 2 :] = [name.rstrip("/")]
        found.append("/".join(folders))
    return found


def test_every_path_in_the_tree_exists():
    assert [path for path in tree() if not (CHECKOUT / path).exists()] == []


def test_the_tree_names_what_is_there():
    files = tracked()
    expected = {path.split("/")[0] for path in files}
    expected |= {path for path in files if path.startswith("workflow/rules/")}
    expected |= {"/".join(path.split("/")[:3]) for path in files if re.match(r"src/peftport/\w+/", path)}
    for folder in ("workflow", "tests", "config", "docs", "envs", "profiles", ".ci"):
        expected |= {"/".join(path.split("/")[:2]) for path in files if path.startswith(f"{folder}/")}
    assert sorted(expected - set(tree())) == []


@pytest.mark.parametrize("name", PAGES)
def test_generated_parts_are_up_to_date(name):
    assert page(name) == refresh(page(name)), f"run: python -m docs.generate_tables {' '.join(PAGES)}"


def test_the_schema_is_up_to_date():
    assert page(SCHEMA_FILE) == schema_text(), f"run: python -m peftport.study.schema {SCHEMA_FILE}"


def test_every_section_of_the_config_is_in_its_readme():
    marks = re.findall(r"<!-- keys of (.+) -->", page("config/README.md"))
    schema = config_schema()
    properties = schema["properties"].items()
    maps = {name for name, part in properties if "object" in {kind.get("type") for kind in alternatives(part)}}
    kinds = [f"{group} {kind}" for group in KINDS_OF_ENTRIES for kind in KINDS_OF_ENTRIES[group]]
    assert sorted(marks) == sorted(["the top level", *maps - {"techniques"}, *kinds])


def test_every_key_says_what_it_means():
    for section in re.findall(r"<!-- keys of (.+) -->", page("config/README.md")):
        for row in keys(section).splitlines()[2:]:
            assert not row.endswith("|  |"), row


def test_every_table_and_column_is_documented():
    marked = [
        name for names in re.findall(r"<!-- columns of (.+) -->", page("docs/output.md")) for name in names.split()
    ]
    assert sorted(marked) == sorted(TABLES)


def test_tables_with_different_columns_do_not_share_a_block():
    with pytest.raises(ValueError, match="runs scores have different columns"):
        columns("runs scores")


def outputs():
    """Every file that a stage makes, as (folder, file) below the study's results, with `*` for each name in a path."""
    for stage in STAGES.values():
        for path in map(stage.pattern, stage.FILES):
            yield from expanded(path, stage)
        for path in map(stage.pattern, stage.FOLDERS):
            for file in MODULE_FILES if issubclass(stage, ModuleFolders) else HOST_FILES:
                yield from expanded(f"{path}/{file}", stage)


def expanded(path, stage):
    """The files of one output: a wildcard that takes a few names is each of them, any other is `*`."""
    few = {name: texts.split("|") for name, texts in stage.CONSTRAINTS.items() if re.fullmatch(r"[\w|]+", texts)}
    chosen = {name: few.get(name, ["*"]) for name in stage.wildcards()}
    for values in itertools.product(*chosen.values()):
        folder, _, file = path.format(**dict(zip(chosen, values, strict=True))).rpartition("/")
        yield folder or ".", file


def alike(folder, documented):
    """Whether a folder of a stage is one that the page describes, name by name."""
    names, patterns = folder.split("/"), documented.split("/")
    return len(names) == len(patterns) and all(map(fnmatch, names, patterns))


def test_every_output_of_the_stages_is_documented():
    named = re.sub(r"<[^>!\n]+>", "*", page("docs/output.md"))
    sections = dict(HEADING.findall(named))
    made = sorted(set(outputs()))
    assert len(made) > 30
    lacking = [
        f"{folder}/{file}"
        for folder, file in made
        if not any(f"`{file}`" in text for documented, text in sections.items() if alike(folder, documented))
    ]
    assert lacking == []


@pytest.mark.parametrize(
    "function",
    [
        jobs.job,
        card.identify_host,
        source.train_source,
        extract.extract_modules,
        start.make_start,
        fit._said,
        scratch.initialise_scratch,
    ],
    ids=lambda function: function.__name__,
)
def test_every_field_of_a_card_is_documented(function):
    """Keys of the mappings that a function writes, and of nothing else that it touches."""
    code = ast.parse(inspect.getsource(inspect.unwrap(function)))
    written = [node for node in ast.walk(code) if isinstance(node, ast.Dict)]
    fields = {key.value for node in written for key in node.keys if isinstance(key, ast.Constant)}
    assert len(fields) >= 3
    assert sorted(field for field in fields if f"`{field}`" not in page("docs/output.md")) == []


def test_the_example_study_is_a_valid_config(tmp_path):
    host, comments = tmp_path / "models/my-t5-v1", tmp_path / "data/comments.csv"
    for file in (host / "config.json", host / "model.safetensors", host / "tokenizer.json", comments):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    (host / "config.json").write_text('{"model_type": "t5"}')
    comments.write_text("stars,comment\n5,fine\n1,dull\n")
    (example,) = re.findall(r"```yaml\n(.*?)```", page("README.md"), re.DOTALL)
    assert check_config(yaml.safe_load(example), tmp_path)["study"] == "mine"


def test_the_example_overlay_fits_the_default_study():
    (example,) = re.findall(r"```yaml\n(.*?)```", page("config/README.md"), re.DOTALL)
    overlay, default = yaml.safe_load(example), yaml.safe_load(page("config/config.yaml"))
    merged = default | overlay | {"grid": default["grid"] | overlay["grid"]}
    assert check_config(merged)["grid"]["seeds"] == [0]


def test_no_text_names_a_path_of_a_machine():
    texts = [path for path in tracked() if not path.endswith((".safetensors", ".svg", ".png", ".parquet"))]
    this = "tests/contract/test_docs.py"
    found = {path: MACHINE.search(page(path)) for path in texts if path != this and not path.endswith("tokenizer.json")}
    assert {path: match[0] for path, match in found.items() if match} == {}


def test_links_between_pages_lead_somewhere():
    for path in (path for path in tracked() if path.endswith(".md")):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page(path)):
            assert ((CHECKOUT / path).parent / target).exists(), f"{path}: {target}"
