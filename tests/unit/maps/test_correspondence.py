"""Correspondences: which map belongs to what, and how they lie on disk."""

import json

import numpy as np
import pytest
from safetensors import safe_open

from peftport.maps.correspondence import CARD, MAP, Correspondence, Space, read_correspondence, write_correspondence
from peftport.maps.linear import Blocks, Dense, Isometry, Joined, Selection
from peftport.storage.files import DamagedFile

LAYERS = {"decoder": (((0, 0.5), (1, 0.5)), ())}


def isometry(size, seed=0):
    return Isometry(np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0], 2.0)


def written(folder, maps):
    write_correspondence(folder, Correspondence(LAYERS, maps, {"matched": 0.5}), {"key": "abc"})
    return read_correspondence(folder)


def of_many(count=30):
    """Maps of every form, of which several have one basis in common, as those of a host's layers have."""
    rng, maps, basis = np.random.default_rng(1), {}, isometry(4)
    for layer in range(count):
        at = ("decoder", "self", layer, layer)
        maps[Space("read", *at)] = Isometry(basis.basis, 1.0 + layer, rng.random(4) + 0.5, rng.random(4) + 0.5)
        maps[Space("write", *at)] = Isometry(basis.basis, 2.0 + layer)
        maps[Space("units", *at)] = Selection(rng.permutation(6), 6)
        parts = rng.standard_normal((2, 3, 2)), rng.standard_normal((2, 2, 3))
        maps[Space("q", *at)] = Blocks((2, 2), np.array([[0, 1], [1, 0]]), *parts)
        maps[Space("wo.in", *at)] = Dense(rng.standard_normal((4, 3)), rng.standard_normal((3, 4)))
    return maps | {Space("embedding"): basis}


def test_every_map_is_read_back_as_it_was_to_the_precision_of_the_file(tmp_path):
    maps = of_many()
    again = written(tmp_path, maps)
    assert again.layers == LAYERS
    assert again.facts == {"matched": 0.5}
    assert again.maps.keys() == maps.keys()
    for space, linear in maps.items():
        eye = np.eye(linear.shape[1])
        assert type(again.maps[space]) is type(linear)
        np.testing.assert_allclose(again.maps[space].forward(eye), linear.forward(eye), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(again.maps[space].back(eye), linear.back(eye), rtol=1e-6, atol=1e-6)


def test_what_maps_have_in_common_is_kept_once(tmp_path):
    written(tmp_path, of_many())
    with safe_open(tmp_path / MAP, "np") as file:
        assert sum(name.endswith(".basis") for name in file.keys()) == 1  # noqa: SIM118


def test_a_damaged_map_is_named(tmp_path):
    written(tmp_path, {Space("embedding"): isometry(4)})
    data = bytearray((tmp_path / MAP).read_bytes())
    data[-1] ^= 1
    (tmp_path / MAP).write_bytes(data)
    with pytest.raises(DamagedFile, match=MAP):
        read_correspondence(tmp_path)


def test_a_changed_card_is_named(tmp_path):
    written(tmp_path, {Space("embedding"): isometry(4)})
    said = json.loads((tmp_path / CARD).read_text())
    said["layers"]["decoder"][0] = [[1, 1.0]]
    (tmp_path / CARD).write_text(json.dumps(said))
    with pytest.raises(DamagedFile, match=CARD):
        read_correspondence(tmp_path)


def test_which_map_a_projection_reads_and_writes():
    at = ("decoder", "cross", 0, 0)
    maps = {Space(name, *at): isometry(2, seed) for seed, name in enumerate(("read", "memory", "write", "q", "k", "v"))}
    spaces = Correspondence(LAYERS, maps)
    where = ("decoder", "cross", (0, 0))
    assert spaces.reading("q", *where) is maps[Space("read", *at)]
    assert spaces.reading("k", *where) is maps[Space("memory", *at)]
    assert spaces.writing("o", *where) is maps[Space("write", *at)]
    joined = spaces.writing("qkv", *where)
    assert isinstance(joined, Joined)
    assert joined.parts == [maps[Space(name, *at)] for name in ("q", "k", "v")]
    own = Correspondence(LAYERS, maps | {Space("q.in", *at): isometry(2, 9)})
    assert own.reading("q", *where) is own.maps[Space("q.in", *at)]
    with pytest.raises(KeyError, match="mix"):
        spaces.reading("o", *where)


def test_without_a_memory_of_its_own_keys_read_what_queries_read():
    at = ("encoder", "self", 0, 0)
    maps = {Space("read", *at): isometry(2)}
    assert Correspondence(LAYERS, maps).reading("k", "encoder", "self", (0, 0)) is maps[Space("read", *at)]
