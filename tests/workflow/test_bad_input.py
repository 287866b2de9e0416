"""Bad input gets one clear message before training starts, and what was made before stays as it was.

Every case is a change to a study that has run to its end. What can be known is refused before any job starts; the rest
by the job that reads it, which runs before any training.
"""

import re
import shutil
from pathlib import Path

import pytest
from transformers import T5Config, T5ForConditionalGeneration

from peftport.storage.files import file_digest
from tests import studies
from tests.once import once

GOOD = [("a fine book", "positive"), ("a dull book", "negative"), ("a great read", "positive"), ("a bore", "negative")]
ROWS = "".join(f"{text} {number},{label}\n" for number in range(10) for text, label in GOOD)
MANY = "".join(f"{text} {number},{label}\n" for number in range(300) for text, label in GOOD)
LABELS = {"negative": "negative", "positive": "positive"}
CHECKED_AGAIN = ("hosts/raw/card.json", "hosts/instruct/card.json", "datasets/overlap.parquet")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "no-column.csv": f"text,lable\n{ROWS}",
    "strange-label.csv": f"text,label\n{ROWS}so so,mixed\n",
    "empty-text.csv": f"text,label\n{ROWS} ,positive\n",
    "latin-1.csv": f"text,label\n{ROWS}caf\xe9,positive\n",
    "one-class.csv": "text,label\n" + ROWS.replace("negative", "positive"),
    "late.csv": f"text,label\n{MANY}so so,mixed\n",
}


def grid(**entries):
    return lambda config: config["grid"].update(entries)


def pairs(*names):
    return [{"source": "film", "target": name} for name in ("film", *names)]


def transfers(target):
    return [{"source": "raw", "target": "instruct"}, {"source": "raw", "target": target}]


def dataset(name):
    """A further dataset of one local file; the grid uses it."""

    def edit(config):
        source = {"files": [{"path": f"{name}.csv"}]}
        config["datasets"][name] = {"source": source, "labels": LABELS}
        config["grid"]["dataset_pairs"] = pairs(name)

    return edit


def host(definition):
    """A further host; the grid moves modules to it."""

    def edit(config):
        config["hosts"]["other"] = definition
        config["grid"]["transfers"] = transfers("other")

    return edit


def label_words(negative, positive):
    """A further dataset whose label words are these."""

    def edit(config):
        source = config["datasets"]["film"]["source"]
        config["datasets"]["faces"] = {"source": source, "labels": {"negative": negative, "positive": positive}}
        config["grid"]["dataset_pairs"] = pairs("faces")

    return edit


def crowded(config):
    """A further dataset whose template is longer than a prompt may be."""
    config["datasets"]["crowded"] = config["datasets"]["film"] | {"template": "so " * 300 + "{text}"}
    config["grid"]["dataset_pairs"] = pairs("crowded")


def outside(section, user):
    """An entry of a section, used by the grid, whose name is a path out of the study's folder."""

    def edit(config):
        config[section]["../../x"] = next(iter(config[section].values()))
        config["grid"].update(user)

    return edit


NO_PATH = 'expected text that matches ^(?!(any|none)$)[A-Za-z0-9]+([._+-][A-Za-z0-9]+)*$(?!\\n), got "../../x"'
# what is changed in the config -> what is said, before any job starts
AT_ONCE = {
    "an unknown technique": (
        grid(techniques=["lora", "adpaters"]),
        "config key `grid.techniques.1`: no technique `adpaters`. Did you mean `adapters`? Known: `lora`, `adapters`.",
    ),
    "an unknown host": (
        grid(transfers=transfers("instruckt")),
        "config key `grid.transfers.1.target`: no host `instruckt`. Did you mean `instruct`? Known: `raw`, `instruct`.",
    ),
    "an unknown dataset": (
        grid(dataset_pairs=pairs("films")),
        "config key `grid.dataset_pairs.1.target`: no dataset `films`. Did you mean `film`? Known: `film`.",
    ),
    "an unknown bundled host": (
        host({"bundled": "review-raw"}),
        "config key `hosts.other.bundled`: no bundled host `review-raw`. Did you mean `reviews-raw`? Known: ",
    ),
    "a missing column": (
        dataset("no-column"),
        "no-column.csv, line 1: no column 'label' for the label. Did you mean `lable`? Columns there: 'text', 'lable'.",
    ),
    "a label outside the map": (
        dataset("strange-label"),
        "line 42: label 'mixed' is not in the label map; allowed: 'negative' (negative), 'positive' (positive)",
    ),
    "an empty text": (dataset("empty-text"), "empty-text.csv, line 42: the text is empty"),
    "bytes that are no UTF-8": (dataset("latin-1"), "latin-1.csv, line 42, byte 4: 0xe9 is not utf-8"),
    "a host without weights": (
        host({"path": "pickled"}),
        "config key `hosts.other.path`: expected a host directory with config.json, *.safetensors and tokenizer files, "
        "got 'pickled', which has no *.safetensors (files that are not read: pytorch_model.bin).",
    ),
    "a study whose name is a path": (
        lambda config: config.update(study="../../x"),
        f"config key `study`: {NO_PATH}",
    ),
    "a technique whose name is a path": (
        outside("techniques", {"techniques": ["../../x"]}),
        f"config key `techniques`: {NO_PATH}",
    ),
    "a host whose name is a path": (
        outside("hosts", {"transfers": [{"source": "raw", "target": "../../x"}]}),
        f"config key `hosts`: {NO_PATH}",
    ),
    "a dataset whose name is a path": (
        outside("datasets", {"dataset_pairs": [{"source": "film", "target": "../../x"}]}),
        f"config key `datasets`: {NO_PATH}",
    ),
    "a transfer between unequal shapes": (
        host({"path": "wide"}),
        "config key `grid.transfers.1`: a module cannot be copied raw -> other: expected hosts of one shape",
    ),
}
# what is changed -> the jobs that refuse it, and what they say
BY_A_JOB = {
    "a dataset with one class": (
        dataset("one-class"),
        ["prepare_dataset, dataset one-class"],
        "no example of label negative in the whole dataset; labels found: positive",
    ),
    "a label outside the map, far down": (
        dataset("late"),
        ["prepare_dataset, dataset late"],
        "late.csv, line 1202: label 'mixed' is not in the label map",
    ),
    "a tokenizer that cannot write a label": (
        label_words("\u2639", "\u263a"),
        ["encode_labels, host raw, dataset faces", "encode_labels, host instruct, dataset faces"],
        "the tokenizer cannot write the label word '\u2639'",
    ),
    "a tokenizer that cannot tell the labels apart": (
        label_words("positive", "positive positive"),
        ["encode_labels, host raw, dataset faces", "encode_labels, host instruct, dataset faces"],
        "the tokenizer cannot tell the label words 'positive'",
    ),
    "a template that leaves no room for a text": (
        crowded,
        ["encode_dataset, host instruct, dataset crowded"],
        "tokens, and 127 have room: raise max_tokens",
    ),
    "a transfer between unequal shapes, from a hub": (
        host({"hub": {"id": "some/wide"}}),
        ["check_transfer, source_host raw, target_host other"],
        "a module cannot be copied raw -> other: the hosts differ in\n  d_model: 16 in raw, 32 in other",
    ),
}


@pytest.fixture(scope="session")
def wide(tmp_path_factory, hosts):
    """A host twice as wide, in a hub's cache as the hub's library lays it out; returns the cache's home."""

    def fill(home):
        repository = home / "hub/models--some--wide"
        snapshot = repository / "snapshots" / COMMIT
        shutil.copytree(hosts / "raw", snapshot)
        shape = T5Config.from_pretrained(snapshot, d_model=32, tie_word_embeddings=True, scale_decoder_outputs=True)
        T5ForConditionalGeneration(shape).save_pretrained(snapshot)
        (repository / "refs").mkdir()
        (repository / "refs/main").write_text(COMMIT)

    return once(tmp_path_factory, "wide", fill)


def prepare(folder, edit, hosts, wide):
    """The config of a case, and the files that some case names, in a folder."""
    for name, content in FILES.items():
        (folder / name).write_bytes(content.encode("latin-1"))
    shutil.copytree(wide / "hub/models--some--wide/snapshots" / COMMIT, folder / "wide")
    shutil.copytree(hosts / "raw", folder / "pickled")
    (folder / "pickled/model.safetensors").rename(folder / "pickled/pytorch_model.bin")
    config = studies.smoke_config(hosts)
    edit(config)
    studies.write_config(folder, config)


@pytest.fixture
def offline(wide, monkeypatch):
    """No network, and a cache of the hub that holds one host."""
    monkeypatch.setenv("HF_HOME", str(wide))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def made(folder):
    """Every file of the results with its digest and age, but for what is written anew about each try, and for the
    small files that jobs of the changed study read and check again."""
    results, but = folder / "results/smoke", ("logs/", "benchmarks/", *CHECKED_AGAIN)
    files = {str(path.relative_to(results)): path for path in results.rglob("*") if path.is_file()}
    return {name: (file_digest(path), path.stat().st_mtime) for name, path in files.items() if not name.startswith(but)}


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("case", AT_ONCE)
def test_it_is_refused_before_any_job(case, finished, hosts, wide, tmp_path):
    edit, message = AT_ONCE[case]
    (tmp_path / "results").symlink_to(finished / "results")
    prepare(tmp_path, edit, hosts, wide)
    out = studies.run_forked(tmp_path)
    said = out.stdout
    assert out.returncode != 0
    assert said.count(message) == said.count("config key `") == 1, said
    assert not {"Traceback", "Job stats", "rule "} & set(re.findall("Traceback|Job stats|rule ", said)), said
    assert len(made(finished)) > 50


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("case", BY_A_JOB)
def test_it_is_refused_before_training(case, finished, copy, hosts, wide):
    edit, jobs, message = BY_A_JOB[case]
    prepare(copy, edit, hosts, wide)
    out = studies.run(copy)
    said = out.stdout
    assert out.returncode != 0 and "Traceback" not in said, said
    errors = [part.partition("): ") for part in said.split("error (")[1:]]
    names = [job for job, _, _ in errors]
    assert names and set(names) <= set(jobs) and len(set(names)) == len(names), said
    assert all(message in text.partition("=====")[0] for _, _, text in errors), said
    before, after = made(finished), made(copy)
    assert {name: after.get(name) for name in before} == before
    new = [name for name in after.keys() - before if name.startswith(("sources/", "modules/", "evaluations/"))]
    # beside a refused transfer, the new host's own modules are trained: they do not move
    assert not [name for name in new if "transfer" not in case or "raw--other" in name], said
    if case == "a tokenizer that cannot write a label":
        # after a refusal, the good config trains nothing again
        studies.write_config(copy, studies.smoke_config(hosts))
        assert set(studies.planned(copy)) <= {"describe_host", "audit_overlap", "write_report", "all"}


def test_in_a_new_study_all_datasets_are_prepared_before_anything_is_trained(hosts, wide, tmp_path):
    edit, (job,), message = BY_A_JOB["a dataset with one class"]
    prepare(tmp_path, edit, hosts, wide)
    out = studies.run(tmp_path)
    assert out.returncode != 0
    assert out.stdout.count("error (") == 1 and f"error ({job}): {message}" in out.stdout
    # with `keep-going`, the good dataset is trained on all the same, but later
    assert out.stdout.index("error (") < out.stdout.index("lora: train modules in host raw on film")


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.mkdir [pwned]", "!!python/object/new:os.mkdir [[pwned]]"])
def test_a_config_that_would_build_objects_builds_none(hosts, tmp_path, tag):
    path = studies.write_config(tmp_path, studies.smoke_config(hosts))
    studies.edit(path, "study: smoke", f"study: {tag}")
    out = studies.run_forked(tmp_path)
    assert out.returncode != 0 and "Traceback" not in out.stdout and "Job stats" not in out.stdout
    assert "Config file is not valid JSON or YAML" in out.stdout
    assert not (tmp_path / "pwned").exists() and not Path("pwned").exists()
