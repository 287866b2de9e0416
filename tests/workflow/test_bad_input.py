"""Bad input gets one clear message before training starts, and what was made before stays as it was.

Every case is a change to a study that has run to its end. What can be known is refused when the study is read, and two
cases show that Snakemake then starts no job. The rest is refused by the job that reads it, which runs before any
training: one run makes all these changes, and its jobs refuse each.
"""

import re
import shutil
from pathlib import Path

import pytest
from transformers import T5Config, T5ForConditionalGeneration

from peftport.storage.files import file_digest
from peftport.study.config import ConfigError
from peftport.study.read import read_study
from tests import studies
from tests.once import once

GOOD = [("a fine book", "positive"), ("a dull book", "negative"), ("a great read", "positive"), ("a bore", "negative")]
ROWS = "".join(f"{text} {number},{label}\n" for number in range(10) for text, label in GOOD)
LABELS = {"negative": "negative", "positive": "positive"}
CHECKED_AGAIN = ("hosts/raw/card.json", "hosts/instruct/card.json", "datasets/overlap.parquet")
TESTED, SPLITS = ("instruct", "other"), ("train", "validation", "test")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "no-column.csv": f"text,lable\n{ROWS}",
    "strange-label.csv": f"text,label\n{ROWS}so so,mixed\n",
    "empty-text.csv": f"text,label\n{ROWS} ,positive\n",
    "latin-1.csv": f"text,label\n{ROWS}caf\xe9,positive\n",
    "few.csv": "text,label\n" + "".join(ROWS.splitlines(True)[:4]),
    "one-class.csv": "text,label\n" + ROWS.replace("negative", "positive"),
}


def grid(**entries):
    return lambda config: config["grid"].update(entries)


def pairs(*names):
    return [{"source": "film", "target": name} for name in ("film", *names)]


def also_tested_on(name, config):
    """A further pair of the grid."""
    config["grid"]["dataset_pairs"].append({"source": "film", "target": name})


def transfers(target):
    return [{"source": "raw", "target": "instruct"}, {"source": "raw", "target": target}]


def dataset(name):
    """A further dataset of one local file; the grid uses it."""

    def edit(config):
        source = {"files": [{"path": f"{name}.csv"}]}
        config["datasets"][name] = {"source": source, "labels": LABELS}
        also_tested_on(name, config)

    return edit


def host(definition):
    """A further host; the grid moves modules to it."""

    def edit(config):
        config["hosts"]["other"] = definition
        config["grid"]["transfers"] = transfers("other")

    return edit


def label_words(name, negative, positive):
    """A further dataset whose label words are these."""

    def edit(config):
        source = config["datasets"]["film"]["source"]
        config["datasets"][name] = {"source": source, "labels": {"negative": negative, "positive": positive}}
        also_tested_on(name, config)

    return edit


def crowded(config):
    """A further dataset whose template is longer than a prompt may be."""
    config["datasets"]["crowded"] = config["datasets"]["film"] | {"template": "so " * 600 + "{text}"}
    also_tested_on("crowded", config)


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
        "got 'pickled', which has no *.safetensors (files that are not read: pytorch_model.bin; "
        "`convert: true` beside `path` reads pytorch_model.bin once).",
    ),
    "a study whose name is a path": (
        lambda config: config.update(study="../../x"),
        f"config key `study`: {NO_PATH}",
    ),
    "a technique whose name is a path": (
        outside("techniques", {"techniques": ["../../x"]}),
        f"config key `techniques`: {NO_PATH}",
    ),
    "a dataset with one class": (
        dataset("one-class"),
        "config key `datasets.one-class.labels`: no example of label negative in the whole dataset; labels found: ",
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
# what is changed, all in one run -> the jobs that refuse it, and what they say
BY_A_JOB = {
    "a dataset with too few texts": (
        dataset("few"),
        ["prepare_dataset, dataset few"],
        "too few examples: split 'validation' has ",
    ),
    "a tokenizer that cannot write a label": (
        label_words("faces", "\u2639", "\u263a"),
        [f"encode_labels, host {name}, dataset faces" for name in ("raw", *TESTED)],
        "the tokenizer cannot write the label word '\u2639'",
    ),
    "a tokenizer that cannot tell the labels apart": (
        label_words("twins", "positive", "positive positive"),
        [f"encode_labels, host {name}, dataset twins" for name in ("raw", *TESTED)],
        "the tokenizer cannot tell the label words 'positive'",
    ),
    "a template that leaves no room for a text": (
        crowded,
        [f"encode_dataset, host {name}, dataset crowded, split {split}" for name in TESTED for split in SPLITS],
        "tokens, and 511 have room: raise max_tokens",
    ),
    "a transfer between unequal shapes, from a hub": (
        host({"hub": {"id": "some/wide"}}),
        ["check_transfer, source_host raw, target_host other, map copy"],
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


def prepare(folder, edits, hosts, wide):
    """A config with the changes of these cases, and the files that some case names, in a folder."""
    for name, content in FILES.items():
        (folder / name).write_bytes(content.encode("latin-1"))
    shutil.copytree(wide / "hub/models--some--wide/snapshots" / COMMIT, folder / "wide")
    shutil.copytree(hosts / "raw", folder / "pickled")
    (folder / "pickled/model.safetensors").rename(folder / "pickled/pytorch_model.bin")
    config = studies.smoke_config(hosts)
    for edit in edits:
        edit(config)
    studies.write_config(folder, config)


@pytest.fixture
def offline(wide, monkeypatch):
    """No network, and a cache of the hub that holds one host."""
    set_offline(wide, monkeypatch)


def set_offline(wide, patch):
    patch.setenv("HF_HOME", str(wide))
    patch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def refused(tmp_path_factory, finished, hosts, wide):
    """The folder of the finished study after a run in which jobs refuse all cases of ``BY_A_JOB``."""

    def fill(folder):
        shutil.copytree(finished, folder, symlinks=True, dirs_exist_ok=True)
        # nothing is trained in a host to which no module moves
        few = grid(initialisations=["ported"], references=[])
        prepare(folder, [few, *(edit for edit, *_ in BY_A_JOB.values())], hosts, wide)
        with pytest.MonkeyPatch.context() as patch:
            set_offline(wide, patch)
            out = studies.run(folder)
        assert out.returncode != 0, out.stdout
        (folder / "printed.txt").write_text(out.stdout)

    return once(tmp_path_factory, "refused", fill)


def made(folder):
    """Every file of the results with its digest and age, but for what is written anew about each try, and for the
    small files that jobs of the changed study read and check again."""
    results, but = folder / "results/smoke", ("logs/", "benchmarks/", *CHECKED_AGAIN)
    files = {str(path.relative_to(results)): path for path in results.rglob("*") if path.is_file()}
    return {name: (file_digest(path), path.stat().st_mtime) for name, path in files.items() if not name.startswith(but)}


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("case", AT_ONCE)
def test_it_is_refused_in_one_message(case, hosts, wide, tmp_path):
    edit, message = AT_ONCE[case]
    prepare(tmp_path, [edit], hosts, wide)
    with pytest.raises(ConfigError) as refusal:
        read_study(tmp_path / "study.yaml", tmp_path)
    assert message in str(refusal.value) and str(refusal.value).count("config key `") == 1


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("case", ["an unknown technique", "a label outside the map"])
def test_it_is_refused_before_any_job(case, finished, hosts, wide, tmp_path):
    edit, message = AT_ONCE[case]
    (tmp_path / "results").symlink_to(finished / "results")
    prepare(tmp_path, [edit], hosts, wide)
    out = studies.run(tmp_path)
    said = out.stdout
    assert out.returncode != 0
    assert said.count(message) == said.count("config key `") == 1, said
    assert not {"Traceback", "Job stats", "rule "} & set(re.findall("Traceback|Job stats|rule ", said)), said
    assert len(made(finished)) > 50


def errors(folder):
    """Job and message of every error that the run in ``folder`` printed."""
    parts = [part.partition("): ") for part in (folder / "printed.txt").read_text().split("error (")[1:]]
    return [(job, text.partition("=====")[0]) for job, _, text in parts]


@pytest.mark.slow
@pytest.mark.parametrize("case", BY_A_JOB)
def test_it_is_refused_before_training(case, refused):
    _, jobs, message = BY_A_JOB[case]
    said = {job: text for job, text in errors(refused) if job in jobs}
    assert said and all(message in text for text in said.values()), (refused / "printed.txt").read_text()


@pytest.mark.slow
def test_every_job_that_refuses_says_so_once_and_nothing_made_is_lost(finished, refused):
    printed, jobs = (refused / "printed.txt").read_text(), [job for job, _ in errors(refused)]
    assert len(set(jobs)) == len(jobs) and "Traceback" not in printed, printed
    assert set(jobs) <= {job for _, expected, _ in BY_A_JOB.values() for job in expected}, printed
    before, after = made(finished), made(refused)
    assert {name: after.get(name) for name in before} == before
    assert not [name for name in after.keys() - before if name.startswith(("sources/", "modules/", "evaluations/"))]


@pytest.mark.slow
def test_after_a_refusal_the_good_config_trains_nothing_again(refused, hosts, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(refused, folder, symlinks=True)
    studies.write_config(folder, studies.smoke_config(hosts))
    assert set(studies.planned(folder)) <= {"describe_host", "audit_overlap", "write_report", "all"}


@pytest.mark.slow
def test_in_a_new_study_all_datasets_are_prepared_before_anything_is_trained(hosts, wide, tmp_path):
    edit, (job,), message = BY_A_JOB["a dataset with too few texts"]
    few = grid(techniques=["lora"], initialisations=["ported"], references=[])
    prepare(tmp_path, [edit, few], hosts, wide)
    out = studies.run(tmp_path, "datasets", "modules")
    assert out.returncode != 0
    assert out.stdout.count("error (") == 1 and f"error ({job}): {message}" in out.stdout
    # with `keep-going`, the good dataset is trained on all the same, but later
    assert out.stdout.index("error (") < out.stdout.index("lora: train modules in host raw on film")


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.mkdir [pwned]", "!!python/object/new:os.mkdir [[pwned]]"])
def test_a_config_that_would_build_objects_builds_none(hosts, tmp_path, tag):
    path = studies.write_config(tmp_path, studies.smoke_config(hosts))
    studies.edit(path, "study: smoke", f"study: {tag}")
    out = studies.run(tmp_path)
    assert out.returncode != 0 and "Traceback" not in out.stdout and "Job stats" not in out.stdout
    assert "Config file is not valid JSON or YAML" in out.stdout
    assert not (tmp_path / "pwned").exists() and not Path("pwned").exists()
