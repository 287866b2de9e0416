import numpy as np
import pytest

from peftport.porting.compatibility import differences, module_fits, notes, refuse_unless_compatible

SHAPE = {
    "d_model": 64,
    "d_kv": 16,
    "d_ff": 128,
    "heads": 4,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "vocabulary": 500,
}


def card(host, family="t5", model_type="t5", tokenizer="a", **shape):
    return {
        "host": host,
        "family": family,
        "model_type": model_type,
        "tokenizer_sha256": tokenizer,
        "weights_sha256": host,
        "shape": SHAPE | shape,
    }


def test_hosts_of_one_shape_fit():
    assert differences(card("raw"), card("instruct")) == []
    assert notes(card("raw"), card("instruct")) == []
    refuse_unless_compatible(card("raw"), card("instruct"))


def test_another_vocabulary_or_tokenizer_is_no_obstacle():
    pair = card("raw"), card("instruct", vocabulary=510, tokenizer="b")
    assert differences(*pair) == []
    assert notes(*pair) == [
        "vocabulary: 500 against 510 entries; no tensor of a module has this size",
        "tokenizer: the hosts do not cut text into the same tokens",
    ]
    refuse_unless_compatible(*pair)


@pytest.mark.parametrize("size", [name for name in SHAPE if name != "vocabulary"])
def test_every_other_size_is_an_obstacle(size):
    assert differences(card("base"), card("large", **{size: 99})) == [f"{size}: {SHAPE[size]} in base, 99 in large"]


def test_all_differences_are_listed_one_per_line():
    with pytest.raises(ValueError) as refusal:
        refuse_unless_compatible(card("base"), card("gpt", "gpt2", "gpt2", d_model=99, heads=9))
    assert str(refusal.value).splitlines() == [
        "a module cannot be copied base -> gpt: the hosts differ in",
        "  family: t5 in base, gpt2 in gpt",
        "  model_type: t5 in base, gpt2 in gpt",
        "  d_model: 64 in base, 99 in gpt",
        "  heads: 4 in base, 9 in gpt",
    ]


def test_a_size_that_one_card_lacks_is_a_difference():
    other = card("b")
    del other["shape"]["d_kv"]
    assert differences(card("a"), other) == ["d_kv: 16 in a, none in b"]
    assert differences(other, card("a")) == ["d_kv: none in b, 16 in a"]


def test_tensors_that_are_missing_extra_or_of_other_shape(module):
    expected = module.shapes()
    assert module_fits(module, expected) == []
    assert module_fits(module, {name: list(shape) for name, shape in expected.items()}) == []
    module.tensors["extra"] = np.zeros((2, 3), np.float32)
    module.tensors["base_model.scale"] = np.zeros((), np.float32)
    assert module_fits(module, expected | {"gone": (4,)}) == [
        "base_model.scale: expected 1, found one number",
        "extra: not expected, found 2x3",
        "gone: missing, expected 4",
    ]
