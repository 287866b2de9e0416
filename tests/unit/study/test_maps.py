"""What a config says of maps: what must go together, and what the grid and the keys make of it."""

import copy
import json

import pytest

from peftport.planning.graph import Graph
from peftport.planning.plan import downloads
from peftport.study.config import ConfigError, read_settings
from peftport.study.maps import instead_notes
from peftport.study.study import Study
from tests.unit.planning.test_graph import CONFIG

CORPUS = {"generated": {"domains": ["film"]}}
HOSTS = {
    "raw": {"build": {"corpus": CORPUS, "shape": {"d_model": 32, "d_ff": 64, "heads": 4, "layers": 2}}},
    "wide": {"build": {"corpus": CORPUS, "shape": {"d_model": 48, "d_ff": 64, "heads": 4, "layers": 3}}},
    "cloze": {"build": {"corpus": CORPUS, "family": "bert", "shape": {"d_model": 48, "d_ff": 64, "heads": 4}}},
}
TO_WIDE = {"source": "raw", "target": "wide"}


def config(transfers, maps, kinds=("ported", "scratch"), **techniques):
    made = copy.deepcopy(CONFIG) | {"hosts": HOSTS, "maps": maps}
    made["techniques"] |= {"adapters": {"bottleneck": 4}} | techniques
    made["grid"] |= {
        "transfers": transfers,
        "initialisations": list(kinds),
        "dataset_pairs": [{"source": "film", "target": "film"}],
    }
    made["grid"]["techniques"] = list(dict.fromkeys(["lora", "adapters", *techniques]))
    return made


def between(name, **grid):
    """A study whose transfers are by a map of this method, or as the grid says."""
    made = config([TO_WIDE | {"map": name}], {name: {}})
    return Study(read_settings(made | {"grid": made["grid"] | grid}))


def refusal(*arguments, **techniques):
    with pytest.raises(ConfigError) as caught:
        read_settings(config(*arguments, **techniques))
    return str(caught.value)


def test_what_may_arrive_as_another_technique_is_said():
    study = Study(read_settings(config([MAPPED], BY, compacter={"bottleneck": 8})))
    (said,) = instead_notes(study)
    assert said.startswith("modules of compacter that a map cannot carry as such are carried as adapters")
    assert instead_notes(between("weight_match")) == instead_notes(Study(read_settings(CONFIG))) == []


BY = {"weight_match": {}}
MAPPED = TO_WIDE | {"map": "weight_match"}


@pytest.mark.parametrize(
    ("transfers", "maps", "said"),
    [
        (
            [TO_WIDE | {"map": "wieght_match"}],
            BY,
            "`grid.transfers.0.map`: no map `wieght_match`. Did you mean `weight_match`?",
        ),
        (
            [MAPPED],
            {"weight_match": {"method": "weight_macth"}},
            "`maps.weight_match.method`: no method `weight_macth`. Did you mean `weight_match`?",
        ),
        ([MAPPED], {"weight_match": {"layer": "depth"}}, "no such key `layer`. Did you mean `layers`?"),
        ([MAPPED], {"weight_match": {"layers": "deep"}}, "allowed are `depth`, `skip`"),
        (
            [MAPPED],
            BY | {"other": {"method": "weight_match"}},
            "`maps.other`: expected a transfer in `grid.transfers` with `map: other`, there is none",
        ),
        ([MAPPED], BY | {"copy": {"method": "weight_match"}}, "`maps.copy`: expected another name"),
        (
            [MAPPED],
            {"weight_match": {"texts": "fim"}},
            "`maps.weight_match.texts`: no dataset `fim`. Did you mean `film`?",
        ),
        ([MAPPED], {"weight_match": {"texts": "film"}}, "with `layers: depth` reads no texts; expected no such key"),
        ([MAPPED], {"weight_match": {"layers": "cka"}}, "`maps.weight_match.texts`: expected the name of a dataset"),
        ([MAPPED, MAPPED], BY, "`grid.transfers`: expected each entry once"),
        (
            [TO_WIDE, MAPPED],
            BY,
            "Such hosts need a `map` beside `source` and `target`, of one of the methods weight_match",
        ),
        (
            [{"source": "raw", "target": "cloze", "map": "weight_match"}],
            BY,
            "the map `weight_match` cannot carry modules raw -> cloze:",
        ),
        (
            [MAPPED],
            {"weight_match": {"method": "core"}},
            "technique `adapters`: maps of the method `core` carry lora only",
        ),
    ],
)
def test_what_does_not_go_together_gets_one_message(transfers, maps, said):
    assert said in refusal(transfers, maps)


def test_between_hosts_of_one_shape_a_map_stands_beside_a_copy(monkeypatch):
    twin = {"source": "raw", "target": "twin"}
    monkeypatch.setitem(HOSTS, "twin", {"build": HOSTS["raw"]["build"] | {"seed": 1}})
    said = refusal([twin | {"map": "weight_match"}], BY)
    assert "`grid.transfers.0`: expected {source: raw, target: twin} without a map in `grid.transfers` too" in said
    read_settings(config([twin | {"map": "weight_match"}, twin], BY))


def test_techniques_and_controls_that_a_map_does_not_suit_are_refused():
    assert "modules of `ln_tuning` are not carried" in refusal(
        [MAPPED], BY, norms={"method": "peft", "peft_type": "LN_TUNING"}
    )
    said = refusal([MAPPED], BY, adapters={"reduction_factor": 8})
    assert "`techniques.adapters.bottleneck`: expected a number: a carried module keeps the width" in said
    said = refusal([{"source": "raw", "target": "raw"}], {}, ("ported", "shuffled_map"))
    assert "`shuffled_map` is about a map, and every transfer copies" in said
    said = refusal([MAPPED], BY, ("ported", "random_basis"), ia3={})
    assert "`random_basis` cannot be made for the technique `ia3`: it is known for lora and adapters only" in said
    said = refusal([MAPPED], BY, ("ported", "ported_half"), prefix_tuning={"reparameterisation": None})
    assert "`ported_half` cannot be made for the technique `prefix_tuning`" in said


QWEN = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 64, "head_dim": 8}


def test_controls_and_layers_that_could_not_be_made_are_refused_before_anything_is_trained(tmp_path):
    linear = {"weight_match": {"layers": "linear"}}
    said = refusal([MAPPED], linear, tiny={"method": "tiny_attention"})
    assert "technique `tiny`: `layers: linear` puts several source layers in the place of one" in said
    said = refusal([MAPPED], {"weight_match": {"layers": "cka", "texts": "film"}}, prefix_tuning={})
    assert "technique `prefix_tuning`: `layers: cka` leaves layers of a deeper target without a module" in said
    said = refusal([MAPPED], linear, ("ported", "target_mean"))
    assert "`target_mean` cannot be made for the technique `adapters`: with `layers` of linear or avg" in said
    same = {"source": "raw", "target": "raw", "map": "weight_match"}
    said = refusal([same], BY, ("ported", "target_mean"), compacter={"bottleneck": 8})
    assert "`target_mean` cannot be made for the technique `compacter`: a map may carry its modules as adapters" in said
    (tmp_path / "qwen").mkdir()
    (tmp_path / "qwen/config.json").write_text(json.dumps(QWEN | {"model_type": "qwen3"}))
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / "qwen" / name).touch()
    made = config([{"source": "raw", "target": "raw"}], {}, ("ported", "random_basis"))
    made["hosts"] = HOSTS | {"raw": {"path": str(tmp_path / "qwen")}}
    with pytest.raises(ConfigError, match="`random_basis` cannot be made for the host `raw`: how hosts of the family"):
        read_settings(made)


def test_a_plan_refuses_inner_projections_that_the_target_does_not_have(tmp_path):
    (tmp_path / "old").mkdir()
    shape = {"d_model": 32, "d_ff": 64, "num_heads": 4, "num_layers": 2}
    (tmp_path / "old/config.json").write_text(json.dumps(shape | {"model_type": "t5", "feed_forward_proj": "relu"}))
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / "old" / name).touch()
    made = config([MAPPED], BY, lora={"targets": ["q", "wi_0"]})
    made["hosts"] = HOSTS | {"wide": {"path": str(tmp_path / "old")}}
    with pytest.raises(
        ConfigError, match=r"technique `lora`: sites `wi_0`: the feed-forward sub-layers of wide are not"
    ):
        read_settings(made)


def test_a_map_reads_a_dataset_that_has_training_texts(tmp_path):
    made = config([MAPPED], {"weight_match": {"method": "activations", "texts": "other"}})
    (tmp_path / "test.csv").write_text("text,label\ngood,positive\nbad,negative\n")
    made["datasets"]["other"] = made["datasets"]["film"] | {
        "source": {"files": [{"path": str(tmp_path / "test.csv"), "split": "test"}]}
    }
    with pytest.raises(ConfigError, match=r"`maps\.weight_match\.texts`: expected a dataset with training texts"):
        read_settings(made)


def test_what_only_a_map_or_a_host_reads_is_audited_pinned_and_planned():
    made = config([MAPPED], {"weight_match": {"method": "activations", "texts": "other"}})
    fields = {name: made["datasets"]["film"][name] for name in ("labels",)}
    made["datasets"] |= {name: fields | {"source": {"hub": {"id": f"some/{name}"}}} for name in ("other", "corpus")}
    made["hosts"] = made["hosts"] | {"further": {"build": {"base": "wide", "corpus": {"dataset": "corpus"}}}}
    made["grid"]["transfers"] = [{**MAPPED, "target": "further"}]
    study = Study(read_settings(made))
    (audit,) = Graph(study).stages["audit_overlap"]
    assert audit.settings(study)["datasets"] == ["film", "corpus", "other"]
    assert {output.stage.dataset for output in audit.needs(study)["splits"]} == {"film", "corpus", "other"}
    assert [(entry.kind, entry.id) for entry in downloads(study, {})] == [
        ("dataset", "some/corpus"),
        ("dataset", "some/other"),
    ]
    assert list(study.used().datasets) == ["film", "corpus", "other"]


def test_one_pair_of_hosts_may_stand_with_several_maps_and_a_copy():
    same = {"source": "raw", "target": "raw"}
    maps = {"weight_match": {}, "skip": {"method": "weight_match", "layers": "skip"}}
    kinds = ("ported", "wrong_layers", "scratch")
    transfers = [same, *(same | {"map": name} for name in maps)]
    study = Study(read_settings(config(transfers, maps, kinds)))
    runs = [cell for cell in study.cells if not cell.is_reference]
    asked = {(cell.map, cell.initialisation) for cell in runs}
    carried = {(name, kind) for name in maps for kind in ("ported", "wrong_layers")}
    assert asked == {("copy", "ported"), ("any", "scratch"), *carried}  # no wrong layers where nothing is mapped
    counted = {(cell.map, cell.initialisation) for cell, _ in study.expanded_runs()}
    assert counted == {("copy", "ported"), *carried, *((name, "scratch") for name in ("copy", *maps))}
    assert {cell.map for cell in study.cells if cell.is_reference} == {"any"}
    graph = Graph(study)
    assert [stage.map for stage in graph.stages["make_map"]] == list(maps)
    assert {start.map for start in study.starts} == {"copy", "any", *maps}
    keys = [graph.key(stage) for stage in graph.every_stage]
    assert len(keys) == len(set(keys))


def test_only_what_is_copied_and_asks_no_weights_starts_beside_snakemake():
    """`make_starts` is a rule whose jobs run on a cluster's first node, in seconds and 1 GB."""
    same = {"source": "raw", "target": "raw"}
    study = Study(read_settings(config([same, MAPPED], BY, ("ported", "random_basis", "scratch"))))
    stages = {rule: Graph(study).stages[rule] for rule in ("make_starts", "carry_starts")}
    assert {stage.initialisation for stage in stages["make_starts"]} == {"ported"}
    assert not any({"map", "model"} & stage.needs(study).keys() for stage in stages["make_starts"])
    carried = {("copy", "random_basis"), ("weight_match", "ported"), ("weight_match", "random_basis")}
    assert {(stage.map, stage.initialisation) for stage in stages["carry_starts"]} == carried


def keyed(maps, transfers=None, **techniques):
    moves = transfers or [{"source": "raw", "target": "raw"}, MAPPED]
    study = Study(read_settings(config(moves, maps, ("ported", "sampled", "scratch"), **techniques)))
    graph = Graph(study)
    return {(rule, *stage.names.values()): graph.key(stage) for rule, of in graph.stages.items() for stage in of}


def test_another_setting_of_a_map_makes_again_what_follows_from_it_and_nothing_else():
    before, after = keyed(BY), keyed({"weight_match": {"layers": "skip"}})
    moved = {name for name, key in before.items() if after[name] != key}
    assert {name[0] for name in moved} == {
        *("check_transfer", "check_carrying", "make_map", "carry_starts", "evaluate_cell"),
        *("gather_runs", "compute_statistics", "describe_techniques", "draw_figure", "write_report"),
    }
    of_cells = {
        name for name in moved if name[0] in ("carry_starts", "evaluate_cell", "check_transfer", "check_carrying")
    }
    assert of_cells and all("weight_match" in name for name in of_cells)
    assert {name for name in before if "weight_match" in name} <= moved


def test_a_further_technique_makes_no_map_again_and_no_start_of_the_others():
    before, after = keyed(BY), keyed(BY, ia3={"learning_rate": 0.01})
    for rule in ("check_transfer", "check_carrying", "make_map", "carry_starts", "evaluate_cell"):
        of_rule = {name: key for name, key in before.items() if name[0] == rule}
        assert of_rule and of_rule.items() <= after.items(), rule


def test_what_is_copied_does_not_depend_on_maps_beside_it():
    without = keyed({}, [{"source": "raw", "target": "raw"}])
    beside = keyed(BY)
    for rule in ("make_starts", "evaluate_cell", "train_source", "initialise_scratch", "check_transfer"):
        assert all(beside[name] == key for name, key in without.items() if name[0] == rule), rule
