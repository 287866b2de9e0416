"""A host with some of its layers: what it answers, what its files say, and what is refused."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModel

from peftport.host_building.fewer_layers import with_layers
from peftport.hosts.families.table import family
from peftport.hosts.recipe_settings import read_recipe
from peftport.hosts.settings import HostSettings
from peftport.hosts.shape import declared, host_shape
from tests import hosts

LAYERS = 4
KEPT = [0, 2, 3]


def deep(name):
    """A random host of a family, of four layers a stack."""
    config = hosts.host(name).config
    changed = dict.fromkeys(family(config.model_type).layers.values(), LAYERS)
    said = {key: value for key, value in config.to_dict().items() if key not in ("layer_types", *changed)}
    torch.manual_seed(0)
    return type(hosts.host(name))(type(config)(**said | changed)).eval()


@pytest.mark.parametrize(
    "name", ["llama", "gemma2", "gpt2", "gpt_neox", "bert", "modernbert", "t5_gated_untied", "bart"]
)
def test_it_answers_as_the_base_does_when_its_other_layers_are_passed_over(tmp_path, name):
    model, parts = deep(name), name == "llama"  # one of them in several files
    model.save_pretrained(tmp_path, max_shard_size="8KB" if parts else "5GB")
    files = sorted(tmp_path.glob("*.safetensors"))
    assert (len(files) > 1) == parts
    before = [file.read_bytes() for file in files]
    with with_layers(tmp_path, KEPT) as folder:
        shallow = type(model).from_pretrained(folder).eval()
        file = load_file(folder / "model.safetensors")
    assert not folder.exists() and [file.read_bytes() for file in files] == before
    assert not any(re.search(rf"\.{LAYERS - 1}\.", tensor) for tensor in file if "layer" in tensor or "block" in tensor)
    sizes = {stack: size for stack, size in host_shape(shallow.config).items() if stack.endswith("_layers") and size}
    assert sizes == {f"{stack}_layers": len(KEPT) for stack in family(model.config.model_type).layers}
    for module in list(model.modules()):
        for child, layers in module.named_children():
            if isinstance(layers, nn.ModuleList) and len(layers) == LAYERS:
                setattr(module, child, nn.ModuleList(layers[layer] for layer in KEPT))
    if (types := getattr(model.config, "layer_types", None)) is not None:
        model.config.layer_types = [types[layer] for layer in KEPT]
    ids = torch.tensor([[5, 9, 11, 30, 2]])
    more = {"decoder_input_ids": ids, "use_cache": False} if model.config.is_encoder_decoder else {"use_cache": False}
    for one in (model, shallow):
        one.config.use_cache = False
    assert torch.equal(model(ids, **more).logits, shallow(ids, **more).logits)


def test_all_layers_are_the_base_itself(tmp_path):
    with with_layers(tmp_path, None) as folder:
        assert folder == tmp_path


def test_kinds_of_layers_follow_their_layers(tmp_path):
    model = deep("modernbert")
    model.save_pretrained(tmp_path)
    with with_layers(tmp_path, [0, 2]) as folder:
        types = json.loads((folder / "config.json").read_text())["layer_types"]
        assert types == [model.config.layer_types[layer] for layer in (0, 2)]
        assert AutoModel.from_pretrained(folder).config.layer_types == types


def test_a_layer_that_is_not_there_is_named(tmp_path):
    deep("llama").save_pretrained(tmp_path)
    with (
        pytest.raises(ValueError, match="keep_layers: the host's decoder has no layer 4; its layers are 0 to 3"),
        with_layers(tmp_path, [0, 4]),
    ):
        pass


def test_before_it_is_made_its_shape_is_known_and_a_missing_layer_is_refused():
    corpus = {"files": ["a.txt"]}
    known = {"raw": HostSettings(bundled="reviews-raw")}
    for layers in ([0], [0, 2]):
        build = read_recipe({"base": "raw", "corpus": corpus, "keep_layers": layers})
        known[f"of {len(layers)}"] = HostSettings(build=build)
    shape = declared("of 1", known, None)["shape"]
    assert (shape["layers"], shape["decoder_layers"]) == (1, 1)
    with pytest.raises(ValueError, match=r"`build\.keep_layers`: .* 'raw' has no layer 2; its layers are 0 to 1"):
        declared("of 2", known, None)


@pytest.mark.parametrize("layers", [[1, 2], [0, 2, 1], [0, 1, 1], []])
def test_numbers_rise_from_0(layers):
    with pytest.raises(ValueError, match="keep_layers"):
        read_recipe({"base": "raw", "corpus": {"files": ["a.txt"]}, "keep_layers": layers})
