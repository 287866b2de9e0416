"""The measurement of controls runs on modules of tiny hosts and says what it measured."""

import shutil

import pytest
import yaml

from benchmarks import controls
from tests import studies
from tests.ground import SEEDS, modules, prompts


@pytest.fixture(scope="module")
def results(ground, tmp_path_factory):
    """What a finished study holds of the files that are read, for LoRA from ``raw`` to ``instruct``."""
    folder = tmp_path_factory.mktemp("results")
    host = folder / "hosts/instruct"
    (host / "prompts/film").mkdir(parents=True)
    shutil.copy(ground / "instruct.json", host / "host.json")
    shutil.copy(prompts(ground, "instruct")["train"], host / "prompts/film/train.parquet")
    for seed, module in modules(ground, "raw").items():
        shutil.copytree(module, folder / f"modules/lora/raw/film/seeds-{seed}/seed-{seed}")
    config = studies.smoke_config(ground / "hosts", techniques=["lora"], seeds=list(SEEDS))
    (folder / "study.yaml").write_text(yaml.safe_dump(config))
    return folder


def test_the_page_has_a_row_per_start(results, tmp_path):
    controls.main([str(results), "--config", str(results / "study.yaml"), "--results", str(tmp_path)])
    (page,) = tmp_path.iterdir()
    rows = [line.strip("| ").split(" | ") for line in page.read_text().splitlines() if line.startswith("| lora")]
    assert [row[:3] for row in rows[1:]] == [["lora", "raw -> instruct", str(seed)] for seed in SEEDS]
    assert all(float(row[3]) > 0 and float(row[6]) > 0 for row in rows[1:])
