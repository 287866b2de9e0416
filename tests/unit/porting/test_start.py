import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from peftport.porting.start import make_start, make_starts, sibling_folders
from peftport.porting.table import INITIALISATIONS, initialisation
from peftport.storage.cards import write_card
from peftport.storage.modules import read_module, write_module
from peftport.study import entries as study

TARGET = {"host": "instruct", "weights_sha256": "t", "shape": {}}
FITTED = [name for name in INITIALISATIONS if "texts" in initialisation(name).needs]
PLACED = [name for name in INITIALISATIONS if "weights" in initialisation(name).needs]
MAPPED = [name for name in INITIALISATIONS if "map" in initialisation(name).needs]
# starts of one part have their laws in test_parts.py: a module of one technique has none
MADE = [name for name in INITIALISATIONS if initialisation(name).start and name not in study.PARTED]


def fit(name):
    """What stands for the target host: doubles what is drawn."""
    if name in (*FITTED, *PLACED):
        return lambda module, drawn: (doubled(drawn), {"matching": {"factor": 2}})
    return None


class Halving:
    """What stands for a map: halves what it carries."""

    name = "half"

    def __init__(self):
        self.changes = []

    def __call__(self, module, change, rng):
        self.changes.append((change, rng.random()))
        return replace(module, tensors={name: tensor / 2 for name, tensor in module.tensors.items()})


def carry(name):
    """What carries modules, for initialisations that need a map."""
    return Halving() if name in MAPPED else None


def doubled(module):
    return replace(module, tensors={name: 2 * tensor for name, tensor in module.tensors.items()})


@pytest.mark.parametrize("name", MADE)
def test_a_start_can_be_written_and_says_what_it_is(tmp_path, make_module, name):
    made = make_start(name, make_module(), TARGET, 7, [make_module(1), make_module(2)], fit(name), carry(name))
    write_module(tmp_path, made)
    card = read_module(tmp_path).card
    assert card["initialisation"] == name
    assert card["rule"] == initialisation(name).rule
    assert (card["technique"], card["dataset"], card["seed"]) == ("lora", "films", 7)
    assert (card["source_host"], card["target_host"], card["target_host_sha256"]) == ("raw", "instruct", "t")
    assert card["source_module"] == {"seed": 0, "key": "k", "weights_sha256": "w0"}
    assert card["siblings"] == (["w1", "w2"] if name == "target_mean" else [])
    assert [tensor.rsplit(".", 1)[-1] for tensor in card["constant_tensors"]] == ["bias", "ia3_l", "scale"]


def test_what_a_map_carries_is_carried_first_and_then_the_rule_is_about_that(module):
    copied, along = make_start("permuted", module, TARGET, 3), Halving()
    made = make_start("permuted", module, TARGET, 3, carry=along)
    assert (copied.card["map"], made.card["map"]) == ("copy", "half")
    for name, tensor in module.tensors.items():
        assert np.sort(made.tensors[name], axis=None).tobytes() == np.sort(tensor / 2, axis=None).tobytes()
    assert any((2 * made.tensors[name] != tensor).any() for name, tensor in copied.tensors.items())  # its own draw
    assert along.changes[0][0] is None
    assert made.card["source_module"] == copied.card["source_module"]


def test_what_a_control_changes_of_a_map_is_drawn_apart_from_what_it_draws_itself(module):
    along = Halving()
    for seed in (0, 0, 1):
        make_start("shuffled_map", module, TARGET, seed, carry=along)
    assert {change for change, _ in along.changes} == {initialisation("shuffled_map").change}
    assert [drawn == along.changes[0][1] for _, drawn in along.changes] == [True, True, False]


def test_the_names_of_what_is_about_a_head_or_a_map_are_those_of_the_grid():
    assert list(study.MAPPED) == MAPPED
    assert list(study.PLACED) == PLACED
    assert [name for name in MADE if "head" in initialisation(name).needs] == list(study.HEADED)


def test_the_names_of_what_learns_from_a_teacher_are_those_of_the_grid_and_nothing_else_makes_them(module):
    assert [name for name in INITIALISATIONS if "teacher" in initialisation(name).needs] == list(study.TAUGHT)
    with pytest.raises(ValueError, match="'distilled' is made in the target host"):
        make_start("distilled", module, TARGET, 0)


def test_the_config_names_the_target_host_and_the_source_module_stays(module):
    before = json.dumps(module.config)
    made = make_start("ported", module, TARGET, 0)
    assert made.config == module.config | {"base_model_name_or_path": "instruct"}
    assert json.dumps(module.config) == before
    assert all((made.tensors[name] == tensor).all() for name, tensor in module.tensors.items())


def draw(module, name="sampled", target="instruct", seed=0, **card):
    changed = type(module)(module.config, module.tensors, module.card | card)
    made = make_start(name, changed, TARGET | {"host": target}, seed)
    return next(tensor for tensor_name, tensor in made.tensors.items() if tensor_name.endswith("down_weight")).tobytes()


def test_same_arguments_same_bits_and_each_start_has_its_own_draw(module):
    changes = [
        {},
        {"name": "norm_matched"},
        {"target": "other"},
        {"seed": 1},
        {"technique": "adapters"},
        {"host": "x"},
        {"dataset": "x"},
    ]
    assert len({draw(module, **change) for change in changes}) == len(changes)
    assert draw(module) == draw(module)


def test_what_cannot_be_made_is_refused(module):
    with pytest.raises(ValueError, match="'scratch' is made in the target host"):
        make_start("scratch", module, TARGET, 0)
    with pytest.raises(ValueError, match="'target_mean' needs other modules"):
        make_start("target_mean", module, TARGET, 0)
    with pytest.raises(ValueError, match="'matched' is fitted in the target host, to its weights or to texts"):
        make_start("matched", module, TARGET, 0)
    with pytest.raises(ValueError, match="'shuffled_map' is about a map, and modules are copied here"):
        make_start("shuffled_map", module, TARGET, 0)
    with pytest.raises(ValueError, match="'head_only' is about a classification head, and the module has none"):
        make_start("head_only", module.without_head(), TARGET, 0)
    with pytest.raises(ValueError, match="Did you mean `permuted`"):
        make_start("permutated", module, TARGET, 0)


def test_a_fitted_start_is_what_the_fit_makes_of_the_draw(module):
    seen = []

    def record(ported, drawn):
        seen.append((ported, drawn))
        return doubled(drawn), {"matching": {"factor": 2}}

    made = make_start("matched", module, TARGET, 0, fit=record)
    ((ported, drawn),) = seen
    assert list(study.FITTED) == FITTED
    assert ported is module and made.card["matching"] == {"factor": 2}
    assert all((made.tensors[name] == 2 * tensor).all() for name, tensor in drawn.tensors.items())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_diverged_module_is_refused(module, value):
    next(tensor for name, tensor in module.tensors.items() if "lora_B" in name)[0, 0] = value
    with pytest.raises(ValueError, match=r"\(lora, raw, films, 0\).*lora_B.*diverged"):
        make_start("sampled", module, TARGET, 0)


def lost(module, step):
    """The module of a source training that failed."""
    tensors = {name: np.full_like(tensor, np.nan) for name, tensor in module.tensors.items()}
    return type(module)(module.config, tensors, module.card | {"failed_at_step": step})


@pytest.mark.parametrize("name", MADE)
def test_from_a_module_whose_training_failed_comes_no_start(make_module, name):
    made = make_start(name, lost(make_module(), 5), TARGET, 0, [make_module(1), make_module(2)], fit(name), carry(name))
    assert made.failed_at_step == 5
    assert all(np.isnan(tensor).all() for tensor in made.tensors.values())


def test_siblings_whose_training_failed_are_left_out(make_module):
    one, other, bad = make_module(1), make_module(2), lost(make_module(3), 4)
    made = make_start("target_mean", make_module(), TARGET, 0, [one, bad, other])
    alone = make_start("target_mean", make_module(), TARGET, 0, [one, other])
    assert made.failed_at_step is None and made.card["siblings"] == ["w1", "w2"]
    assert all((made.tensors[name] == tensor).all() for name, tensor in alone.tensors.items())
    assert make_start("target_mean", make_module(), TARGET, 0, [bad]).failed_at_step == 4


def block(tmp_path, make_module, **target_shape):
    """Module directories of two seeds, and the cards of two hosts."""
    for seed in (0, 1):
        write_module(tmp_path / f"source-{seed}", make_module(seed))
        write_module(tmp_path / f"sibling-{seed}", make_module(seed + 10))
    write_card(tmp_path / "raw.json", {"host": "raw", "shape": {"d_model": 64}})
    write_card(tmp_path / "instruct.json", TARGET | {"shape": {"d_model": 64} | target_shape})
    return {
        "folders": {seed: tmp_path / f"source-{seed}" for seed in (0, 1)},
        "siblings": {seed: [tmp_path / f"sibling-{seed}"] for seed in (0, 1)},
        "cards": {"source": tmp_path / "raw.json", "target": tmp_path / "instruct.json"},
        "outputs": {seed: tmp_path / "starts" / f"seed-{seed}" for seed in (0, 1)},
        "provenance": {"key": "new"},
    }


def test_a_block_of_starts(tmp_path, make_module):
    files = block(tmp_path, make_module)
    make_starts("target_mean", **files)
    for seed, folder in files["outputs"].items():
        found, sibling = read_module(folder), make_module(seed + 10)
        assert all((found.tensors[name] == tensor).all() for name, tensor in sibling.tensors.items())
        assert (found.card["seed"], found.card["key"], found.card["source_module"]["key"]) == (seed, "new", "k")


def test_hosts_of_different_shape_are_refused_before_anything_is_written(tmp_path, make_module):
    files = block(tmp_path, make_module, d_model=128)
    with pytest.raises(
        ValueError, match=r"raw -> instruct: the hosts differ in\n  d_model: 64 in raw, 128 in instruct"
    ):
        make_starts("ported", **files)
    assert not (tmp_path / "starts").exists()


def test_siblings_lie_in_the_folders_of_their_blocks():
    found = sibling_folders(["a/seeds-0", "b/seeds-1-2"], {"3": [[0, 0], [1, 2]], "4": []})
    assert found == {3: [Path("a/seeds-0/seed-0"), Path("b/seeds-1-2/seed-2")], 4: []}
