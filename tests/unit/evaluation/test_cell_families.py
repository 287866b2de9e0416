"""From a built host to scores in the families beside T5: every stage, once, on tiny hosts."""

import pytest

from peftport.host_building.build import build_host
from peftport.hosts.identify import identify_host
from peftport.hosts.recipe_settings import read_recipe
from peftport.hosts.settings import HostSettings
from peftport.porting.start import make_starts
from peftport.storage.cards import write_card
from peftport.storage.parquet import read_table, write_table
from peftport.training.extract import extract_modules
from peftport.training.fresh_start import initialise_scratch
from tests import ground as stages

TRAINING = {"steps": 2, "batch_size": 8, "learning_rate": 0.001}
RECIPE = {
    "corpus": {"generated": {"domains": ["film"], "documents": 200}},
    "shape": {"d_model": 16, "d_ff": 32, "heads": 2, "layers": 1, "vocabulary": 300},
    "words": ["positive", "negative"],
    "pretraining": TRAINING,
    "seed": 0,
}
FURTHER = {
    "base": "raw",
    "instructions": {"generated": {"domains": ["film"], "examples": 60}},
    "training": TRAINING,
    "seed": 0,
}


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_a_module_goes_from_a_raw_host_to_an_instructed_one(ground, tmp_path, family):
    build_host(read_recipe(RECIPE | {"family": family}), tmp_path / "raw")
    build_host(read_recipe(FURTHER), tmp_path / "instruct", tmp_path / "raw")
    for name in ("raw", "instruct"):
        write_card(tmp_path / f"{name}.json", identify_host(name, HostSettings(path="somewhere"), tmp_path / name))
        stages.encode(tmp_path, name, ground)
    trained = stages.train(tmp_path, "raw", tmp_path / "state")
    extract_modules(trained["state"], trained["config"], stages.modules(tmp_path, "raw"), stages.MADE)
    tensors = read_table(tmp_path / "modules/raw/seed-0/tensors.parquet", "tensors")
    assert set(tensors["stack"]) == {"encoder" if family == "bert" else "decoder"}
    cards = {"source": tmp_path / "raw.json", "target": tmp_path / "instruct.json"}
    starts = {seed: tmp_path / f"ported-{seed}" for seed in stages.SEEDS}
    make_starts("ported", stages.modules(tmp_path, "raw"), {}, cards, starts, {})
    fresh = {0: tmp_path / "scratch"}
    initialise_scratch(tmp_path / "instruct.json", stages.TECHNIQUE, fresh, {})
    tables = stages.evaluate(tmp_path, "instruct", starts, [0, 2], generate=True)
    for name, table in tables.items():
        write_table(tmp_path / f"{name}.parquet", table, name)
    assert tables["scores"]["accuracy"].between(0, 1).all() and tables["scores"]["invalid_rate"].notna().all()
    bare, scratch = (
        stages.evaluate(tmp_path, "instruct", start, [0], generate=True)["scores"]["loss"].item()
        for start in ({0: None}, fresh)
    )
    assert scratch == pytest.approx(bare, abs=1e-5)  # LoRA's B starts at zero
    assert abs(tables["scores"]["loss"][0] - bare) > 1e-4
