"""A map made from the files of two hosts of unequal width and depth, and what modules start from along it."""

import json
import shutil

import numpy as np
import pytest

from peftport.hosts.families.table import family
from peftport.maps.controls.random_basis import leading
from peftport.maps.correspondence import read_correspondence
from peftport.maps.ends import end_of
from peftport.maps.make import make_map
from peftport.maps.spaces import locate
from peftport.maps.starts import carrying, placing
from peftport.porting.sampled_product import pairs, update_norm
from peftport.porting.start import Beside, make_starts
from peftport.porting.table import initialisation
from peftport.seeds import generator
from peftport.storage.cards import read_card, write_card
from peftport.storage.modules import Module, read_module, write_module
from tests.tiny import Sizes, build, card, write_known_host

ENDS = {"source": Sizes(layers=2), "target": Sizes(width=48, inner=64, layers=4)}
RANK, BOTTLENECK = 3, 5
KINDS = ["ported", "sampled", "ported_half", "wrong_layers", "shuffled_map", "random_basis"]


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """Cards ``source.json`` and ``target.json`` of two hosts, ``map/`` between them, a module of each technique."""
    folder = tmp_path_factory.mktemp("maps")
    for seed, (name, sizes) in enumerate(ENDS.items()):
        host = build("t5", sizes, seed)
        write_known_host(host, name, folder)
        shape = card(host, name)["shape"]
        for technique in ("lora", "adapters"):
            write_module(folder / name / technique, module(technique, shape, name))
    make_map({"method": "weight_match"}, cards(folder), [], ("source", "target", "wm"), folder / "map", {"key": "k"})
    return folder


def cards(folder):
    return {end: folder / f"{end}.json" for end in ENDS}


def module(technique, shape, name):
    """A module as peft would save it in a T5 host of this shape, its entries random."""
    rng, kind, width = np.random.default_rng(3), family("t5"), shape["d_model"]
    if technique == "lora":
        sites, config = kind.names(["q", "wo"], shape), {"peft_type": "LORA", "r": RANK, "lora_alpha": 6}
    else:
        sites, config = (
            kind.names(["attention", "feed_forward"], shape),
            {"peft_type": "HOULSBY", "reduction_factor": 6},
        )
    tensors = {}
    for site in sites:
        front = f"base_model.model.{site}."
        if technique == "lora":
            inner = shape["d_ff"] if site.endswith("wo") else width
            outer = width if site.endswith("wo") else shape["heads"] * shape["d_kv"]
            parts = {"lora_A.weight": (RANK, inner), "lora_B.weight": (outer, RANK)}
        else:
            parts = {"down_weight": (BOTTLENECK, width), "down_bias": (BOTTLENECK,)}
            parts |= {"up_weight": (width, BOTTLENECK), "up_bias": (width,)}
            parts = {f"houlsby_{part}": size for part, size in parts.items()}
        tensors |= {front + part: rng.normal(0, 0.1, size).astype(np.float32) for part, size in parts.items()}
    card = {"technique": technique, "host": name, "dataset": "film", "seed": 0, "key": "k"}
    return Module(config | {"base_model_name_or_path": name}, dict(sorted(tensors.items())), card)


def started(ground, tmp_path, technique, kind, folder=None):
    """The start of one module along the map, or along that of another folder."""
    files = [str((folder or ground / "map") / name) for name in ("card.json", "map.safetensors")]
    make_starts(
        kind,
        folders={0: ground / "source" / technique},
        siblings={},
        cards=cards(ground),
        outputs={0: tmp_path / kind},
        provenance={},
        beside=Beside(
            fit=placing(ground / "target.json", "weights" in initialisation(kind).needs),
            carry=carrying("wm", files, cards(ground), technique),
        ),
    )
    return read_module(tmp_path / kind)


@pytest.mark.parametrize("technique", ["lora", "adapters"])
def test_every_start_is_of_the_targets_shape_and_of_the_sources_width(ground, tmp_path, technique):
    own = read_module(ground / "target" / technique)
    made = {kind: started(ground, tmp_path, technique, kind) for kind in KINDS}
    for start in made.values():
        assert start.shapes() == own.shapes()
        assert (start.card["map"], start.card["target_host"], start.card["source_host"]) == ("wm", "target", "source")
        assert start.card["carried"]["sites"] == len(
            family("t5").names([*SITES[technique]], read_card(cards(ground)["target"])["shape"])
        )
        assert start.config.get("bottleneck") == (BOTTLENECK if technique == "adapters" else None)
    entries = {kind: {name: tensor.tobytes() for name, tensor in start.tensors.items()} for kind, start in made.items()}
    assert len({json.dumps(sorted(map(str, entry.items()))) for entry in entries.values()}) == len(KINDS)
    sizes = {kind: size(start) for kind, start in made.items()}
    assert sizes["ported"] > 0
    assert sizes["ported_half"] == pytest.approx(sizes["ported"] / 2, rel=1e-5)
    assert sizes["random_basis"] == pytest.approx(sizes["ported"], rel=1e-5)
    assert sizes["wrong_layers"] == pytest.approx(sizes["ported"], rel=0.5)


SITES = {"lora": ("q", "wo"), "adapters": ("attention", "feed_forward")}


def products(module):
    """Names of what goes down and of what goes up at every site."""
    downs = [name for name in module.tensors if name.endswith("houlsby_down_weight")]
    return [*pairs(module), *((name, name.replace("down_weight", "up_weight")) for name in downs)]


def size(module):
    return float(np.sqrt(sum(update_norm(module.tensors[a], module.tensors[b]) ** 2 for a, b in products(module))))


def test_the_layers_of_wrong_layers_are_those_of_ported_in_reverse(ground, tmp_path):
    right, wrong = (started(ground, tmp_path, "lora", kind) for kind in ("ported", "wrong_layers"))
    layers = ENDS["target"].layers
    for name, tensor in right.tensors.items():
        for layer in range(layers):
            if f"encoder.block.{layer}." in name:
                other = name.replace(f"encoder.block.{layer}.", f"encoder.block.{layers - 1 - layer}.")
                assert np.array_equal(wrong.tensors[other], tensor)


@pytest.mark.parametrize("technique", ["lora", "adapters"])
def test_a_random_module_lies_in_the_targets_own_basis(ground, tmp_path, technique):
    made, host = started(ground, tmp_path, technique, "random_basis"), end_of(ground / "target.json")
    for down, up in products(made):
        name = down.partition(".lora_")[0] if technique == "lora" else down.rpartition(".")[0]
        sited = locate(host.family, name, SITES[technique])
        kind = sited.kind if technique == "lora" else {"attention": "o", "feed_forward": "wo"}[sited.kind]
        gain = host.gain(sited.place) if kind == "q" else 1.0
        u, _, v = np.linalg.svd(host.weight(sited.place, kind) * gain, full_matrices=False)
        rank = made.tensors[down].shape[0]
        reads = v[:rank].T if technique == "lora" else u[:, :rank]
        for basis, columns in ((u[:, :rank], made.tensors[up]), (reads, (made.tensors[down] * gain).T)):
            outside = columns - basis @ (basis.T @ columns)
            assert np.linalg.norm(outside) < 1e-4 * np.linalg.norm(columns)


@pytest.mark.parametrize("shape", [(7, 12), (12, 7)])
def test_leading_vectors_are_those_of_the_decomposition(shape):
    weight = np.random.default_rng(0).normal(size=shape)
    u, _, v = np.linalg.svd(weight, full_matrices=False)
    for own, known in zip(leading(weight, 3), (u[:, :3], v[:3].T), strict=True):
        assert np.allclose(own @ own.T, known @ known.T)


def test_a_setting_of_the_map_says_whether_layers_share_what_is_added(ground, tmp_path):
    shutil.copytree(ground / "map", tmp_path / "map")
    made = read_card(tmp_path / "map/card.json")
    assert made["settings"]["duplicate"] == "split"
    write_card(tmp_path / "map/card.json", made | {"settings": made["settings"] | {"duplicate": "full"}})
    shares = started(ground, tmp_path, "lora", "ported")
    whole = started(ground, tmp_path, "lora", "ported", tmp_path / "map")
    assert size(whole) == pytest.approx(2 * size(shares))  # every source layer stands for two
    assert whole.card["carried"]["duplicate"] == "full"


def test_the_card_says_what_was_made_and_the_map_is_read_again(ground):
    made = read_card(ground / "map/card.json")
    assert (made["method"], made["settings"]["layers"], made["key"]) == ("weight_match", "depth", "k")
    assert len(read_correspondence(ground / "map").layers["decoder"]) == ENDS["target"].layers


def test_shuffling_a_map_changes_where_and_not_how_much(ground):
    from peftport.maps.controls.shuffled_map import change

    correspondence = read_correspondence(ground / "map")
    shuffled = change(correspondence, generator(0, "test"))
    for space, linear in correspondence.maps.items():
        own, other = linear.shape, shuffled.maps[space].shape
        assert own == other
    read = next(space for space in correspondence.maps if space.name == "read")
    linear, wrong = correspondence.maps[read], shuffled.maps[read]
    one = np.eye(linear.shape[1])
    gain = linear.source_gain
    before, after = linear.forward(one * gain), wrong.forward(one * gain)
    assert not np.allclose(before, after)
    assert np.allclose(np.sort(np.linalg.norm(before, axis=0)), np.sort(np.linalg.norm(after, axis=0)))
    assert np.allclose(wrong.back(one) @ wrong.forward(one), one, atol=1e-4)
