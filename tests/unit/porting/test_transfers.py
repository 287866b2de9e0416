import pytest

from peftport.porting.transfers import check_transfers

SIZES = {"d_model": 64, "vocabulary": 500}


def card(host, **shape):
    return {"host": host, "model_type": "t5", "tokenizer_sha256": "a", "shape": SIZES | shape}


CARDS = {
    one["host"]: one
    for one in (card("raw"), card("tuned", vocabulary=510), card("wide", d_model=128), card("deep", encoder_layers=9))
}


def pairs(*names):
    return [dict(zip(("source", "target"), pair.split(), strict=True)) for pair in names]


def test_transfers_that_are_possible_are_returned_with_notes():
    found = check_transfers(pairs("raw tuned", "raw raw"), CARDS)
    assert [(one["source"], one["target"], len(one["notes"])) for one in found] == [
        ("raw", "tuned", 1),
        ("raw", "raw", 0),
    ]
    assert check_transfers([], {}) == []


def test_one_message_names_every_transfer_that_is_not_and_all_that_differs():
    with pytest.raises(ValueError) as refusal:
        check_transfers(pairs("raw tuned", "raw wide", "wide deep"), CARDS)
    assert str(refusal.value).splitlines() == [
        "a module cannot be copied raw -> wide: the hosts differ in",
        "  d_model: 64 in raw, 128 in wide",
        "a module cannot be copied wide -> deep: the hosts differ in",
        "  d_model: 128 in wide, 64 in deep",
        "  encoder_layers: none in wide, 9 in deep",
    ]
