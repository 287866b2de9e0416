"""Bad input gets one clear message each, before anything is trained on it, and nothing that was made is lost."""

import json
import shutil

import pytest

from tests import studies

GOOD = [("a fine book", "positive"), ("a dull book", "negative"), ("a great read", "positive"), ("a bore", "negative")]
ROWS = "".join(f"{text} {number},{label}\n" for number in range(10) for text, label in GOOD)
LABELS = {"negative": "negative", "positive": "positive"}

# a file of texts, and what is said of it
DATA = {
    "one-class": ("text,label\n" + ROWS.replace("negative", "positive"), "no example of label negative in the whole"),
    "empty-text": (f"text,label\n{ROWS} ,positive\n", "line 42: the text is empty"),
    "no-column": (
        f"text,lable\n{ROWS}",
        "no column 'label' for the label; did you mean 'lable'?",
    ),
    "strange-label": (
        f"text,label\n{ROWS}so so,mixed\n",
        "line 42: label 'mixed' is not in the label map; allowed: 'negative' (negative), 'positive' (positive)",
    ),
    "latin-1": (f"text,label\n{ROWS}caf\xe9,positive\n", "line 42, byte 4: 0xe9 is not utf-8; if the file has another"),
}


def made(folder, stage):
    """Files below one folder of the results."""
    return [path for path in (folder / "results/smoke" / stage).rglob("*") if path.is_file()]


def test_bad_datasets(tmp_path, hosts):
    """Five at once: each has its message, nothing is trained or tested on them, and the good one's runs are kept."""
    pairs = [{"source": "film", "target": name} for name in ("film", *DATA)]
    config = studies.smoke_config(hosts, techniques=["lora"], dataset_pairs=pairs)
    for name, (content, _) in DATA.items():
        (tmp_path / f"{name}.csv").write_bytes(content.encode("latin-1"))
        config["datasets"][name] = {"source": {"files": [{"path": f"{name}.csv"}]}, "labels": LABELS}
    studies.write_config(tmp_path, config)
    out = studies.run(tmp_path)
    assert out.returncode != 0
    for name, (_, message) in DATA.items():
        said = [line for line in out.stdout.splitlines() if f"error (prepare_dataset, dataset {name})" in line]
        assert said and message in said[0], name
    assert "Traceback" not in out.stdout
    assert {path.parent.name for path in made(tmp_path, "datasets")} == {"film"}
    assert {path.parts[-3] for path in made(tmp_path, "sources")} == {"film"}
    tested = {part for path in made(tmp_path, "evaluations") for part in path.parts if "--" in part}
    assert tested == {"any--instruct", "raw--instruct", "any--film", "film--film"}
    assert not (tmp_path / "results/smoke/report.html").exists()


def test_a_host_that_cannot_write_the_label_words(tmp_path, hosts):
    config = studies.smoke_config(hosts, techniques=["lora"])
    config["datasets"]["film"]["labels"] = {"negative": "\u2639", "positive": "\u263a"}
    studies.write_config(tmp_path, config)
    out = studies.run(tmp_path)
    assert out.returncode != 0
    assert "error (describe_host, host raw): " in out.stdout
    assert "the tokenizer cannot write the label word" in out.stdout
    assert "Traceback" not in out.stdout
    assert not made(tmp_path, "sources") and not made(tmp_path, "evaluations")
    assert len(made(tmp_path, "datasets")) >= 3


@pytest.mark.parametrize("kind", ["no weights", "another shape", "unknown bundled"])
def test_a_host_that_is_refused_before_any_job(tmp_path, hosts, kind):
    shutil.copytree(hosts / "raw", tmp_path / "host")
    config = studies.smoke_config(hosts)
    config["hosts"]["raw"] = {"path": "host"}
    if kind == "no weights":
        (tmp_path / "host/model.safetensors").rename(tmp_path / "host/pytorch_model.bin")
        message = "config key `hosts.raw.path`: expected a host directory with config.json, *.safetensors"
    elif kind == "another shape":
        shape = json.loads((tmp_path / "host/config.json").read_text())
        (tmp_path / "host/config.json").write_text(json.dumps(shape | {"d_model": 32}))
        message = "config key `grid.transfers.0`: a module cannot be copied raw -> instruct"
    else:
        config["hosts"]["raw"] = {"bundled": "review-raw"}
        message = "no bundled host `review-raw`. Did you mean `reviews-raw`?"
    studies.write_config(tmp_path, config)
    out = studies.run(tmp_path)
    assert out.returncode != 0
    assert message in out.stdout
    assert "Traceback" not in out.stdout
    assert not (tmp_path / "results").exists()
