"""A small study on real sentences (Rotten Tomatoes, ISO-8859-1, one file per label) in hosts built from real text."""

import json

import pytest

from peftport.storage.parquet import read_provenance, read_table
from tests import hub_hosts, studies

REVIEWS = hub_hosts.SHARED / "rt-polarity"
TEXT = hub_hosts.SHARED / "wikitext2" / "valid.txt"


def real_config():
    lines = {"format": "lines", "encoding": "iso-8859-1"}
    shape = {"d_model": 16, "d_ff": 32, "heads": 2, "layers": 1, "vocabulary": 600}
    few = {"steps": 30, "batch_size": 16, "learning_rate": 0.003, "warmup_steps": 5}
    words = ["negative", "positive"]
    return {
        "study": "real",
        "hosts": {
            "raw": {"build": {"corpus": {"files": [str(TEXT)]}, "shape": shape, "words": words, "pretraining": few}},
            "instruct": {
                "build": {
                    "base": "raw",
                    "instructions": {"files": [str(TEXT)], "examples": 400},
                    "training": few | {"steps": 10},
                }
            },
        },
        "datasets": {
            "rotten_tomatoes": {
                "source": {
                    "files": [
                        {"path": str(REVIEWS / "rt-polarity.neg"), "label": "0", **lines},
                        {"path": str(REVIEWS / "rt-polarity.pos"), "label": "1", **lines},
                    ]
                },
                "labels": {"0": "negative", "1": "positive"},
                "examples": {"train": 200, "validation": 40, "test": 100},
            }
        },
        "techniques": {"lora": {"learning_rate": 0.005}},
        "training": {"source_steps": 6, "warmup_steps": 2, "batch_size": 16, "max_tokens": 48},
        "grid": {
            "techniques": ["lora"],
            "transfers": [{"source": "raw", "target": "instruct"}],
            "dataset_pairs": [{"source": "rotten_tomatoes", "target": "rotten_tomatoes"}],
            "initialisations": ["ported", "scratch"],
            "budgets": [0, 4],
            "seeds": [0, 1],
        },
    }


@pytest.mark.slow  # one to three minutes
def test_a_study_of_real_sentences_ends_with_its_report(tmp_path):
    if not REVIEWS.is_dir() or not TEXT.is_file():
        pytest.skip(f"no real data at {hub_hosts.SHARED}; PEFTPORT_SHARED_DATA says where they are")
    studies.write_config(tmp_path, real_config())
    out = studies.run(tmp_path)
    assert out.returncode == 0, out.stdout
    results = tmp_path / "results/real"
    splits = {
        name: read_table(results / f"datasets/rotten_tomatoes/{name}.parquet", "examples")
        for name in ("train", "validation", "test")
    }
    assert {name: len(split) for name, split in splits.items()} == {"train": 200, "validation": 40, "test": 100}
    for split in splits.values():
        assert split["label"].value_counts(normalize=True).between(0.45, 0.55).all()
    texts = set().union(*(split["text"] for split in splits.values()))
    assert len(texts) == 340
    assert any(any("\u00c0" <= letter <= "\u00ff" for letter in text) for text in texts)  # é, ñ read as what they are
    assert not any("\ufffd" in text for text in texts)
    assert read_provenance(results / "datasets/rotten_tomatoes/train.parquet")["facts"]
    for name in ("raw", "instruct"):
        card = json.loads((results / f"hosts/{name}/card.json").read_text())
        assert [len(ids) for ids in card["label_tokens"].values()] == [1, 1]
        assert card["separate_output_layer"]
    runs = read_table(results / "tables/runs.parquet", "runs")
    assert len(runs) == 1 * 1 * 1 * 2 * 2 * 2  # technique, transfer, pair, initialisations, budgets, seeds
    assert runs["accuracy"].between(0, 1).all() and (runs["test_examples"] == 100).all()
    page = (results / "report.html").read_text()
    assert page.count("<svg") >= 3 and "rotten_tomatoes" in page
