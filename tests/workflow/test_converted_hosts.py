"""Hosts whose weights torch has pickled, from a hub's cache and from a folder, through the workflow."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from peftport.hosts.locate import BUNDLED
from peftport.planning.verify import read_graph
from peftport.planning.wholeness import stage_faults
from peftport.storage.hub import cached_commit
from tests import studies
from tests.hub_cache import COMMIT
from tests.other_formats import pickle_weights


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the hub as far as is known of the published study's hosts: T5 v1.1 has ``pytorch_model.bin`` alone."""
    folder = tmp_path / "hub"
    weights = {"t5-v1_1": "pytorch_model.bin", "flan-t5": "model.safetensors"}
    for name, file in ((f"{name}-{size}", file) for name, file in weights.items() for size in ("base", "large")):
        repository = folder / f"models--google--{name}"
        for path in (repository / "refs/main", repository / "snapshots" / COMMIT / file):
            path.parent.mkdir(parents=True)
            path.write_text(COMMIT)
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    return folder


def test_the_published_study_plans_from_pickled_hosts_to_its_report(cache, tmp_path):
    """Its hosts and datasets, with one technique, pair of datasets and seed."""
    config = yaml.safe_load((studies.ROOT / "config/studies/portability-2024.yaml").read_text())
    config["grid"] |= {"techniques": ["lora"], "seeds": [0], "budgets": [0], "initialisations": ["ported"]}
    config["grid"]["dataset_pairs"] = [{"source": "sst2", "target": "sst2"}]
    studies.write_config(tmp_path / "run", config)
    jobs = studies.planned(tmp_path / "run")
    assert jobs["convert_host"] == 2 and jobs["identify_host"] == 4 and jobs["write_report"] == 1
    assert cached_commit("host", "google/t5-v1_1-base", "main") == COMMIT


@pytest.mark.slow  # half a minute
def test_pickled_hosts_run_to_their_cards_and_are_verified(tmp_path, monkeypatch):
    for name, parts in (("raw", 1), ("instruct", 2)):
        pickle_weights(shutil.copytree(BUNDLED / f"reviews-{name}", tmp_path / "hosts" / name), parts)
    config = studies.smoke_config(tmp_path / "hosts")
    for host in config["hosts"].values():
        host["convert"] = True
    studies.write_config(tmp_path, config)
    out = studies.run(tmp_path, "hosts")
    assert out.returncode == 0, out.stdout
    for name in ("raw", "instruct"):
        folder = tmp_path / "results/smoke/hosts" / name
        card = json.loads((folder / "card.json").read_text())
        assert card["folder"].endswith(f"hosts/{name}/converted") and card["converted"]["format"] == "pickle"
        assert (folder / "converted/config.json").is_file()
    assert "Nothing to be done" in studies.run(tmp_path, "hosts").stdout
    monkeypatch.chdir(tmp_path)
    graph = read_graph([tmp_path / "study.yaml"])
    assert [fault for stage in graph.stages["identify_host"] for fault in stage_faults(graph, stage)] == []
    (tmp_path / "results/smoke/hosts/raw/converted/config.json").unlink()
    wrong = [fault.path for stage in graph.stages["identify_host"] for fault in stage_faults(graph, stage)]
    assert wrong == [Path("results/smoke/hosts/raw/converted/config.json")]
