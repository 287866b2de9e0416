"""Sites of an adapter are found in its host by name, for every family, and are those that peft wrapped."""

import re
import shutil

import numpy as np
import pytest

from peftport.adapters.config import normalised
from peftport.adapters.folder import read_adapter
from peftport.adapters.host_files import HostFilesError, read_host
from peftport.adapters.host_modules import host_modules
from peftport.adapters.sites import renaming, sites_of
from peftport.adapters.targets import ByPattern, wrapped_modules
from tests.adapters import copied, host_on_disk, lora_on_disk
from tests.hosts import DECODERS, ENCODER_DECODERS, ENCODERS, OTHER_HOSTS, T5_HOSTS, host

RENAMED = re.compile(r"[.]experts|block_sparse_moe|^embed_out")  # by transformers when it loads a file
HOSTS = [*T5_HOSTS, *OTHER_HOSTS, *ENCODERS, *ENCODER_DECODERS, *DECODERS]


@pytest.mark.parametrize("name", HOSTS)
def test_every_site_of_every_family_is_found_and_is_what_peft_wrapped(name, tmp_path_factory):
    modules = host_modules(read_host(host_on_disk(tmp_path_factory, name)))
    adapter = read_adapter(lora_on_disk(tmp_path_factory, name))
    config = normalised(adapter)
    sites = sites_of(adapter, config)
    assert (sites.whole, sites.unplaced, config.refused, config.ignored) == ({}, (), (), ())
    assert wrapped_modules(config, modules.names) == set(sites.tensors)
    for site, parts in sites.tensors.items():
        outputs, inputs = modules.weights[site]
        assert adapter.tensors[parts["lora_A.weight"]].shape == (2, inputs)
        assert adapter.tensors[parts["lora_B.weight"]].shape == (outputs, 2)


@pytest.mark.parametrize("name", HOSTS)
def test_submodules_are_named_as_in_the_model(name, tmp_path_factory):
    modules = host_modules(read_host(host_on_disk(tmp_path_factory, name)))
    model = {path for path, _ in host(name).named_modules() if path}
    renamed = {
        path for path in modules.names if ".experts" in path or "block_sparse_moe" in path or path == "embed_out"
    }
    assert modules.names - renamed <= model


@pytest.mark.parametrize("name", ["gpt2", "bert", "llama"])
def test_files_without_the_name_of_the_model_below_the_head(name, tmp_path, tmp_path_factory):
    """As GPT-2's own, and as encoders that were saved without a head."""
    model = host(name)
    getattr(model, model.base_model_prefix).save_pretrained(tmp_path)
    whole = host_modules(read_host(host_on_disk(tmp_path_factory, name)))
    assert set(host_modules(read_host(tmp_path)).weights) <= whole.names


def test_other_names_in_front_are_told(tmp_path_factory):
    modules = host_modules(read_host(host_on_disk(tmp_path_factory, "llama")))
    strange = [f"language_model.model.layers.{layer}.self_attn.q_proj" for layer in (0, 1)]
    assert renaming(strange, modules) == ("language_model.model", "model", 2)
    assert renaming(["layers.0.self_attn.q_proj"], modules) == ("", "model", 1)
    assert renaming(["model.layers.7.self_attn.q_proj"], modules) is None


def test_names_that_do_not_begin_as_peft_writes_them(tmp_path, tmp_path_factory):
    folder = copied(
        lora_on_disk(tmp_path_factory, "llama"),
        tmp_path,
        lambda tensors: {name.removeprefix("base_model."): tensor for name, tensor in tensors.items()},
    )
    adapter = read_adapter(folder)
    sites = sites_of(adapter, normalised(adapter))
    assert sites.tensors == {} and sorted(sites.unplaced) == sorted(adapter.tensors)


@pytest.mark.parametrize(
    ("peft_type", "own", "shared"),
    [("VERA", "vera_lambda_b", "vera_A"), ("COMPACTER", "compacter_down_left", "compacter_rule")],
)
def test_what_all_sites_share_has_its_place_beside_them(peft_type, own, shared, tmp_path, tmp_path_factory):
    site, one = "model.layers.0.self_attn.q_proj", np.ones(2, np.float32)
    names = (f"base_model.model.{site}.{own}", f"base_model.{shared}", "base_model.other")
    adapter = read_adapter(
        copied(
            lora_on_disk(tmp_path_factory, "llama"), tmp_path, lambda _: dict.fromkeys(names, one), peft_type=peft_type
        )
    )
    sites = sites_of(adapter, normalised(adapter))
    assert list(sites.tensors) == [site] and sites.unplaced == ("base_model.other",) and not sites.whole


def test_layers_and_exclusions_count_as_in_peft(tmp_path_factory, tmp_path):
    names = host_modules(read_host(host_on_disk(tmp_path_factory, "llama"))).names

    def wrapped(**fields):
        folder = copied(lora_on_disk(tmp_path_factory, "llama"), tmp_path, **fields)
        return wrapped_modules(normalised(read_adapter(folder)), names)

    both = {"target_modules": ["q_proj", "lm_head"]}
    first = "model.layers.0.self_attn.q_proj"
    assert wrapped(**both) == {first, first.replace("0", "1"), "lm_head"}
    assert wrapped(**both, layers_to_transform=[0]) == {first, "lm_head"}
    assert wrapped(**both, layers_to_transform=[0], layers_pattern="layers") == {first, "lm_head"}
    assert wrapped(**both, layers_to_transform=[0], layers_pattern="h") == {"lm_head"}
    assert wrapped(**both, exclude_modules=r".*\.1\..*") == {first, "lm_head"}
    assert wrapped(**both, modules_to_save=["lm_head"]) == {first, first.replace("0", "1")}
    assert wrapped(target_modules="all-linear") is None


def test_the_first_pattern_that_fits_counts():
    table = ByPattern({r"layers\.[01]\..*q_proj": 4, "q_proj": 8, "0.q_proj": 16})
    assert table.key("model.layers.0.q_proj") == r"layers\.[01]\..*q_proj"
    assert table.key("model.layers.2.q_proj") == "q_proj"
    assert table.key("model.layers.2.xq_proj") is None


def test_a_folder_that_is_no_host(tmp_path, tmp_path_factory):
    with pytest.raises(HostFilesError, match=r"someone/host is not there; .*nothing is fetched"):
        read_host("someone/host")
    with pytest.raises(HostFilesError, match=r"has no config.json"):
        read_host(tmp_path)
    shutil.copytree(host_on_disk(tmp_path_factory, "llama"), tmp_path / "host")
    shutil.copytree(lora_on_disk(tmp_path_factory, "llama"), tmp_path / "host", dirs_exist_ok=True)
    with pytest.raises(HostFilesError, match=r"also holds files of a PEFT module"):
        read_host(tmp_path / "host")
