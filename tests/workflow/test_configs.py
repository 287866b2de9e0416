"""Every shipped config plans; every wrong one gets one clear message before any job."""

import os
from pathlib import Path

import pytest

from tests import studies
from tests.hosts import host
from tests.other_formats import llama, write_gguf

COUNTED = ["portability-2024", "portability-2024-tiny"]  # test_plan.py counts their jobs, and plans the default study
SHIPPED = sorted(path for path in (studies.ROOT / "config/studies").glob("*.yaml") if path.stem not in COUNTED)


@pytest.mark.slow
@pytest.mark.parametrize("config", SHIPPED, ids=lambda path: path.stem)
def test_shipped_config_plans(tmp_path, config, monkeypatch):
    """Without a network: what a hub has is then known by its name alone."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "study.yaml").write_text(config.read_text())
    if config.read_text().startswith("# needs-data"):
        real = Path(os.environ.get("PEFTPORT_SHARED_DATA", studies.ROOT / "../shared/data")).resolve()
        if not real.is_dir():
            pytest.skip("the real texts that this study reads are not here")
        gather_data(real, tmp_path / "data")
    jobs = studies.planned(tmp_path)
    assert jobs["write_report"] == 1


def gather_data(real, folder):
    """The real texts, those that a config's comment makes of them, and tiny hosts in the places of real ones."""
    folder.mkdir()
    for path in real.iterdir():
        (folder / path.name).symlink_to(path)
    for split in ("train", "dev", "test"):
        lines = (real / f"sst_kim/stsa.binary.{split}").read_text().splitlines()
        short = [line for line in lines if 5 <= len(line.split()) <= 13]
        (folder / f"sst2-short.{split}").write_text("\n".join(short))
    write_gguf(folder / "SmolLM2-135M-Instruct.Q4_1.gguf", llama(layers=30))
    host("bert").bert.save_pretrained(folder / "minilm")
    (folder / "minilm/tokenizer.json").write_text("{}")


def test_wrong_config_gets_one_message_and_no_job(tmp_path, hosts):
    config = studies.smoke_config(hosts)
    config["techniques"]["lora"]["rnak"] = 4
    studies.write_config(tmp_path, config)
    out = studies.run(tmp_path)
    assert out.returncode != 0
    assert "config key `techniques.lora.rnak`" in out.stdout and "Did you mean `rank`?" in out.stdout
    assert "Traceback" not in out.stdout
    assert not (tmp_path / "results").exists()


def test_checkout_runs_its_own_library(tmp_path, hosts):
    """Even when another copy of the library is on the path."""
    checkout = studies.copy_checkout(tmp_path / "checkout")
    studies.edit(
        checkout / "src/peftport/study/study.py", "class Study", "raise RuntimeError('the copy')\n\n\nclass Study"
    )
    studies.write_config(tmp_path / "run", studies.smoke_config(hosts))
    assert "the copy" in studies.run(tmp_path / "run", "--dry-run", checkout=checkout).stdout
    assert studies.run(tmp_path / "run", "--dry-run").returncode == 0
