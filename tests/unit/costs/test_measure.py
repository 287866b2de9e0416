"""The table of costs on a tiny host: counts are exact and repeat, hosts stay as they were, times are optional."""

import numpy as np
import pandas as pd
import pytest
import torch

from peftport.compute.host_inputs import HostInputs, HostWithTask
from peftport.costs.measure import Bench, in_layers, machine, measure_costs
from peftport.costs.uses import uses
from peftport.injection.attach import attach, module_tensors
from peftport.settings import CostSettings, TrainingSettings
from peftport.storage.cards import read_card, write_card
from peftport.storage.parquet import schema, write_table
from peftport.storage.tables import TABLES
from tests.ground import TASK, TECHNIQUE, TRAINING, prompts
from tests.hosts import batch, host
from tests.techniques import HYBRIDS, PARTS, SETTINGS

TECHNIQUES = {
    "lora": TECHNIQUE,
    "small": TECHNIQUE | {"rank": 1},
    "prefix": {"method": "prefix_tuning"} | SETTINGS["prefix_tuning"],
    "prompt": {"method": "prompt_tuning"} | SETTINGS["prompt_tuning"],
    "two": {"method": "hybrid"} | HYBRIDS["hybrid, prefix in LoRA"],
}
TIMES = [name for name in TABLES["costs"] if name.endswith("_seconds") or "_over_" in name]


def measured(folder, card=None, techniques=TECHNIQUES, **settings):
    inputs = HostInputs(card or folder / "raw.json", train=prompts(folder, "raw")["train"])
    costs = CostSettings(**{"repetitions": 2} | settings)
    return measure_costs(inputs, techniques, TrainingSettings(**TRAINING), TASK, costs)


@pytest.fixture(scope="module")
def table(ground):
    """The costs of all techniques, each timed twice."""
    return measured(ground)


def test_the_table(table, ground, tmp_path):
    write_table(tmp_path / "costs.parquet", table, "costs")
    assert list(table["technique"]) == list(TECHNIQUES) and set(table["target_host"]) == {"raw"}
    assert (table[TIMES] > 0).all(axis=None)
    assert (table["machine"] == machine()).all()
    rows = table.set_index("technique")
    assert rows.loc["lora", "parameters"] == 2 * rows.loc["small", "parameters"]
    assert (table["host_parameters"] == read_card(ground / "raw.json")["parameters"]).all()
    assert (table["bare_forward_bytes"] < table["step_bytes"]).all()
    weights = 4 * table["host_parameters"]
    assert (table["full_step_bytes"] > 4 * weights).all()  # weights, gradients and two moments
    assert (table["bare_forward_bytes"] > weights).all()


def test_all_but_the_times_repeats(table, ground):
    again = measured(ground, repetitions=1)
    pd.testing.assert_frame_equal(again.drop(columns=TIMES), table.drop(columns=TIMES), check_exact=True)


def test_without_times_and_without_full_finetuning(ground, tmp_path):
    table = measured(ground, repetitions=0, full_finetuning=False)
    assert table[[*TIMES, "full_step_bytes"]].isna().all(axis=None)
    write_table(tmp_path / "costs.parquet", table, "costs")
    assert schema("costs").names == list(table)


def test_a_quantised_host_is_not_finetuned_in_full(ground, tmp_path, monkeypatch):
    """Loading one needs a GPU; so a plain host stands in for it."""
    write_card(tmp_path / "raw.json", read_card(ground / "raw.json") | {"precision": "nf4"})
    loaded, load = [], HostWithTask.load
    monkeypatch.setattr(HostWithTask, "load", lambda self, numbers: loaded.append(numbers) or load(self, "float32"))
    table = measured(ground, tmp_path / "raw.json", {"lora": TECHNIQUE}, repetitions=0)
    assert table["full_step_bytes"].isna().all() and table["step_bytes"].notna().all()
    assert loaded == ["nf4"]


def test_a_module_is_left_as_it_was():
    bare = host("t5_gated_untied")
    before = {name: tensor.clone() for name, tensor in bare.named_parameters()}
    bench = Bench(bare, batch(), 1.0, CostSettings(repetitions=1))
    model = attach(bare, "lora", SETTINGS["lora"], seed=0)
    tensors = module_tensors(model)
    bench.costs(model)
    assert all(np.array_equal(tensors[name], tensor) for name, tensor in module_tensors(model).items())
    host_now = {name.replace(".base_layer", ""): one for name, one in model.get_base_model().named_parameters()}
    assert all(torch.equal(tensor, host_now[name]) for name, tensor in before.items())
    assert all(torch.equal(tensor, bench.other.get_parameter(name)) for name, tensor in before.items())


def test_layers_are_added_up_by_stack():
    sizes = {"m.encoder.block.0.x": 2, "m.encoder.block.0.y": 3, "m.encoder.block.1.x": 4, "m.decoder.block.0.x": 7}
    assert in_layers(sizes, "encoder") == {"encoder": 5, "decoder": 7}
    assert in_layers({"model.layers.0.x": 2, "elsewhere": 9}, "decoder") == {"encoder": 0, "decoder": 2}


def test_of_two_techniques_each_tensor_counts_where_its_own_part_uses_it():
    """A prefix stands around the projections of a LoRA, and is no use of their tensors."""
    inputs = batch(encoder_decoder=True)
    for variant in ("hybrid, prefix in LoRA", "hybrid, shared rule", "hybrid, one projection"):
        model = attach(host("t5_gated_untied"), "hybrid", HYBRIDS[variant], seed=0)
        wanted: dict[str, set[str]] = {}
        for part in PARTS[variant]:
            alone = attach(host("t5_gated_untied"), part, SETTINGS[part], seed=0)
            for site, used in uses(alone, inputs).items():
                wanted[site] = wanted.get(site, set()) | used
        found = {site: {name.replace(".base_layer", "") for name in used} for site, used in uses(model, inputs).items()}
        assert found == wanted, variant
