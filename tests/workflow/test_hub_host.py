"""Hosts as the hub has them, of T5-small shape and with T5's real tokenizer, through every stage of the workflow."""

import json
import math
import shutil

import pytest

from peftport.storage.parquet import read_table
from tests import hub_hosts, studies

SHAPE = "t5-small, gated and untied"


@pytest.fixture
def two_hosts(tmp_path_factory):
    """0.7 GB, gone after the test."""
    folder = tmp_path_factory.mktemp("hub")
    for seed, name in enumerate(("raw", "instruct")):
        hub_hosts.write_host(folder / name, SHAPE, seed)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow  # one to three minutes
def test_every_stage_runs_on_hosts_in_the_hubs_format(two_hosts, tmp_path):
    config = studies.smoke_config(
        two_hosts, techniques=["lora"], initialisations=["ported", "scratch"], budgets=[0, 1], seeds=[0]
    )
    config["datasets"]["film"]["source"]["generated"] |= {"train": 16, "validation": 8, "test": 8}
    config["training"] = {"source_steps": 1, "warmup_steps": 0, "batch_size": 8}
    studies.write_config(tmp_path, config)
    out = studies.run(tmp_path)
    assert out.returncode == 0, out.stdout
    results = tmp_path / "results/smoke"
    cards = {name: json.loads((results / f"hosts/{name}/card.json").read_text()) for name in ("raw", "instruct")}
    for card in cards.values():
        assert card["separate_output_layer"] and card["gated_feed_forward"]
        assert card["label_tokens"] == {"negative": [2841], "positive": [1465]}
        assert card["shape"]["vocabulary"] == 32_128 and card["parameters"] == 89_539_072
    assert cards["raw"]["weights_sha256"] != cards["instruct"]["weights_sha256"]
    runs = read_table(results / "tables/runs.parquet", "runs")
    assert sorted(zip(runs["initialisation"], runs["budget_steps"], strict=True)) == [
        ("ported", 0), ("ported", 1), ("scratch", 0), ("scratch", 1),
    ]  # fmt: skip
    assert runs["loss"].map(math.isfinite).all() and (runs["test_examples"] == 8).all()
    losses = runs.set_index(["initialisation", "budget_steps"])["loss"]
    references = read_table(results / "tables/references.parquet", "references").set_index("initialisation")["loss"]
    assert losses["scratch", 0] == pytest.approx(references["bare"], abs=1e-5)
    assert losses["scratch", 1] == references["native"]  # both are one step from the same initialisation
    assert len({round(loss, 6) for loss in losses}) == 4
    tensors = read_table(results / studies.module_folder("lora", "raw", "film") / "tensors.parquet", "tensors")
    assert tensors["entries"].sum() == 36 * 8 * (512 + 512)  # rank 8 on q and v of 18 attentions
    assert (results / "report.html").stat().st_size > 10_000
