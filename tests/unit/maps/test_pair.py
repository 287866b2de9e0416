"""Weights of a pair are read from files one at a time, by the family's names, as (outputs, inputs)."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from peftport.adapters.host_files import HostFiles, read_host
from peftport.maps import pair
from peftport.maps.pair import End
from peftport.maps.spaces import Place
from tests.graded import end_of, pair_of
from tests.tiny import SIZES, build, card, host, tensors

SELF = {"t5": Place("decoder", 1, "self"), "llama": Place("decoder", 1, "self"), "bert": Place("encoder", 1, "self")}
QUERY = {
    "t5": "decoder.block.1.layer.0.SelfAttention.q",
    "llama": "layers.1.self_attn.q_proj",
    "bert": "encoder.layer.1.attention.self.query",
}


@pytest.mark.parametrize("kind", SELF)
def test_a_weight_is_the_tensor_of_its_site(kind):
    end = pair_of("same", kind).source
    expected = tensors(host(kind))[f"{QUERY[kind]}.weight"]
    np.testing.assert_allclose(end.weight(SELF[kind], "q"), expected, rtol=1e-6)
    assert end.weight(SELF[kind], "q").dtype == np.float64


def test_a_fused_and_transposed_projection_is_cut_into_its_parts():
    end, place = pair_of("same", "gpt2").source, Place("decoder", 2, "self")
    fused = tensors(host("gpt2"))["h.2.attn.c_attn.weight"].T
    for kind, rows in zip("qkv", np.split(fused, 3), strict=True):
        np.testing.assert_allclose(end.weight(place, kind), rows, rtol=1e-6)
        assert end.has(place, kind)
        assert not end.stored(place, kind)
    assert end.stored(place, "qkv")
    np.testing.assert_allclose(end.weight(place, "o"), tensors(host("gpt2"))["h.2.attn.c_proj.weight"].T, rtol=1e-6)


def test_grouped_heads_and_gates_have_the_sizes_of_their_parts(tmp_path):
    """As phi3 keeps them: queries, keys and values in one matrix, and both inner projections in another."""
    end = pair_of("same", "llama").source
    stored, names = load_file(end.files.folder / "model.safetensors"), ("q_proj", "k_proj", "v_proj")
    for layer in range(3):
        at = f"model.layers.{layer}"
        fused = [stored.pop(f"{at}.self_attn.{name}.weight") for name in names]
        stored[f"{at}.self_attn.qkv_proj.weight"] = np.concatenate(fused)
        gated = [stored.pop(f"{at}.mlp.{name}.weight") for name in ("gate_proj", "up_proj")]
        stored[f"{at}.mlp.gate_up_proj.weight"] = np.concatenate(gated)
    other = End(end.card | {"model_type": "phi3"}, _files(tmp_path, {"model_type": "phi3"}, {"model": stored}))
    for kind, place in (
        ("q", "self"),
        ("k", "self"),
        ("v", "self"),
        ("wi_0", "feed_forward"),
        ("wi_1", "feed_forward"),
    ):
        at = Place("decoder", 0, place)
        np.testing.assert_array_equal(other.weight(at, kind), end.weight(at, kind))


def test_what_is_not_there_is_no_weight():
    end = pair_of("same", "t5_relu").source
    place = Place("encoder", 0, "feed_forward")
    assert end.has(place, "wi")
    assert not end.has(place, "wi_0")
    with pytest.raises(KeyError, match="wi_0 at Place"):
        end.weight(place, "wi_0")


def test_files_without_the_prefix_and_in_several_pieces_are_the_same_host(tmp_path):
    """As hubs keep GPT-2: the model below its head, which is tied."""
    end = pair_of("same", "gpt2").source
    stored = load_file(end.files.folder / "model.safetensors")
    bare = {name.removeprefix("transformer."): tensor for name, tensor in stored.items() if "lm_head" not in name}
    first = {name: tensor for name, tensor in bare.items() if name.startswith("h.0")}
    rest = {name: tensor for name, tensor in bare.items() if name not in first}
    other = End(end.card, _files(tmp_path, {"model_type": "gpt2"}, {"model-1": first, "model-2": rest}))
    for layer in (0, 1):
        place = Place("decoder", layer, "feed_forward")
        np.testing.assert_array_equal(other.weight(place, "wi"), end.weight(place, "wi"))
        np.testing.assert_array_equal(other.gain(place), end.gain(place))
    np.testing.assert_array_equal(other.embedding(), end.embedding())
    assert other.head_name is None
    assert end.head_name == "lm_head.weight"


def test_keys_of_a_cross_attention_read_behind_another_norm():
    end, place = pair_of("same", "t5").source, Place("decoder", 1, "cross")
    values = tensors(host("t5"))
    np.testing.assert_allclose(end.gain(place), values["decoder.block.1.layer.1.layer_norm.weight"], rtol=1e-6)
    np.testing.assert_allclose(end.gain(place, memory=True), values["encoder.final_layer_norm.weight"], rtol=1e-6)
    assert pair_of("same", "bert").source.gain(SELF["bert"]) is None


def test_rows_of_a_table_come_in_the_order_asked_for_and_few_are_read(monkeypatch):
    end, spans = pair_of("same", "llama").source, []
    whole = end.embedding()
    monkeypatch.setattr(pair, "BLOCK", 16)
    real = HostFiles.rows
    monkeypatch.setattr(HostFiles, "rows", lambda self, *span: spans.append(span[1:]) or real(self, *span))
    ids = np.array([119, 3, 17, 3])
    np.testing.assert_array_equal(end.rows("embed_tokens.weight", ids), whole[ids].astype(np.float32))
    assert spans == [(0, 16), (16, 32), (112, 120)]


def test_a_layer_is_read_when_it_is_asked_for_and_not_kept(monkeypatch):
    end, read = end_of(build("llama", SIZES["llama"]), "host"), []
    real = HostFiles.weights
    monkeypatch.setattr(HostFiles, "weights", lambda self, names: read.extend(names) or real(self, names))
    first = end.weight(Place("decoder", 2, "self"), "o")
    assert read == ["model.layers.2.self_attn.o_proj.weight"]
    assert end.weight(Place("decoder", 2, "self"), "o") is not first


def _files(folder: Path, config: dict, files: dict[str, dict[str, np.ndarray]]) -> HostFiles:
    (folder / "config.json").write_text(json.dumps(config))
    for name, stored in files.items():
        save_file({key: np.ascontiguousarray(value) for key, value in stored.items()}, folder / f"{name}.safetensors")
    return read_host(folder)


def test_the_card_says_how_many_layers_there_are():
    assert End(card(host("t5"), "host"), pair_of("same", "t5").source.files).layers("encoder") == 3
