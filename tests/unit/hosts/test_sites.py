"""The table of sites against real (tiny) hosts."""

import re

import pytest

from peftport.hosts.families.table import family
from peftport.hosts.shape import expected_sites, host_shape, projection_size, site_counts
from tests.hosts import DECODERS, ENCODER_DECODERS, ENCODERS, OTHER_HOSTS, T5_HOSTS, host

HOSTS = T5_HOSTS + OTHER_HOSTS + ENCODERS + ENCODER_DECODERS + DECODERS
HAS_NOT = {"umt5": {"wi"}, "umt5_tied": {"wi"}} | {
    "t5_gated_untied": {"wi"},
    "t5_narrow_heads": {"wi"},
    "t5_relu_tied": {"wi_0", "wi_1"},
}


@pytest.mark.parametrize("name", HOSTS)
def test_every_kind_is_found_as_often_as_expected(name):
    bare = host(name)
    kind, shape = family(bare.config.model_type), host_shape(bare.config)
    modules = dict(bare.named_modules())
    for sites, number in expected_sites(kind, shape).items():
        found = [module for module in modules if re.fullmatch(kind.pattern([sites]), module)]
        assert len(found) == (0 if sites in HAS_NOT.get(name, ()) else number), sites
        assert site_counts(shape)[sites] == number
        assert all(kind.kind(module, [sites]) == sites for module in found)
        wanted = kind.names([sites], shape)
        assert all(any(module == want or module.endswith(f".{want}") for want in wanted) for module in found)


@pytest.mark.parametrize("name", HOSTS)
def test_projection_sizes_are_those_of_the_weights(name):
    bare = host(name)
    kind, shape, modules = family(bare.config.model_type), host_shape(bare.config), dict(bare.named_modules())
    for projection in set(kind.sites) & {"q", "k", "v", "qkv", "o", "wi", "wi_0", "wi_1", "wi_01", "wo"}:
        for module in modules:
            if re.fullmatch(kind.pattern([projection]), module):
                size = tuple(modules[module].weight.shape)
                assert projection_size(projection, shape) == (size if kind.transposed else size[::-1])


def test_the_shape_of_a_host_with_narrow_heads():
    assert host_shape(host("t5_narrow_heads").config) == {
        "d_model": 16,
        "d_kv": 4,
        "d_ff": 32,
        "heads": 6,
        "key_value_heads": 6,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "norms": 5,
        "norm_tensors": 1,
        "embedding": 16,
        "vocabulary": 64,
    }
    assert host_shape(host("bert").config)["norm_tensors"] == 2
    assert host_shape(host("llama").config)["key_value_heads"] == 1


def test_mt5_and_umt5_are_t5():
    assert family("mt5").sites == family("umt5").sites == family("t5").sites


def test_a_site_that_the_first_layer_has_not_is_none():
    """ModernBERT's first layer has no norm before its attention."""
    kind, shape = family("modernbert"), host_shape(host("modernbert").config)
    assert kind.names(["norm"], shape) == ["layers.1.attn_norm", "layers.0.mlp_norm", "layers.1.mlp_norm"]
    assert re.fullmatch(kind.pattern(["norm"]), "model.layers.10.attn_norm")
    assert not re.fullmatch(kind.pattern(["norm"]), "model.layers.0.attn_norm")
    assert site_counts(shape)["norm"] == 3


def test_stacks_of_unlike_layers_are_refused():
    """A module's tensors have one size in both stacks."""
    config = host("bart").config
    config.decoder_ffn_dim = 48
    with pytest.raises(ValueError, match=r"encoder_ffn_dim and decoder_ffn_dim of a bart host .* 32 and 48"):
        host_shape(config)


def test_unknown_names_are_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"no family of hosts `t5x`. Did you mean `t5`\? Known: `t5`, `mt5`"):
        family("t5x")
    with pytest.raises(ValueError, match=r"`gpt_oss` are refused: it is a mixture of experts.* known in `mixtral`"):
        family("gpt_oss")
    with pytest.raises(ValueError, match=r"`gemma3` are refused: it reads images too, .*`gemma3_text`"):
        family("gemma3")
    with pytest.raises(ValueError, match=r"'bert' have no sites cross_attention; they have attention, feed_forward"):
        family("bert").pattern(["attention", "cross_attention"])
    with pytest.raises(ValueError, match="is no site of the kinds attention"):
        family("t5").kind("lm_head", ["attention"])
    with pytest.raises(ValueError, match="'attention' is no projection"):
        projection_size("attention", host_shape(host("bert").config))
