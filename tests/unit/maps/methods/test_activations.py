"""Grades of ``activations`` on the exactness ladder, repaired and as published; what it takes; what its card says."""

import copy

import numpy as np
import pytest

from peftport.hosts.load import load_model, load_tokenizer
from peftport.hosts.sites import PROJECTIONS
from peftport.maps import procrustes
from peftport.maps.correspondence import Space
from peftport.maps.linear import Selection
from peftport.maps.methods import activations
from peftport.maps.moments import Gathered
from peftport.maps.moments_reader import Reader
from peftport.maps.pair import Pair
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import Place
from peftport.maps.sublayers import SMALLEST_GAIN, clipped_gain
from tests.graded import ATTENTION, fitted, grade, step_of
from tests.shipped import INSTRUCT, RAW, in_turned, shipped, turned, updates
from tests.unit.maps.reading import pair_of

FEED_FORWARD = ("wi_0", "wi_1", "wo")
EXACT = [
    *(("t5", name) for name in ("same", "permuted", "turned", "padded", "scaled_stream")),
    *(("llama", "ungrouped"), ("llama", "turned"), ("gpt2", "turned"), ("gpt2", "negated"), ("bert_plain", "turned")),
]


@pytest.mark.parametrize(("kind", "name"), EXACT)
def test_what_a_lora_does_arrives_exactly(kind, name):
    assert grade(step_of(name, kind), fitted("activations", pair_of(name, kind)), PROJECTIONS) < 1e-5


def test_what_no_isometry_is_it_does_not_find():
    """Heads changed inside by any matrix, and heads that the source has not."""
    for name in ("values", "more_heads"):
        assert 0.3 < grade(step_of(name, "t5"), fitted("activations", pair_of(name, "t5")), ATTENTION) < 3


def test_noise_costs_more_than_matching_weights_does():
    grades = [
        grade(step_of(name, "t5"), fitted("activations", pair_of(name, "t5")), ATTENTION)
        for name in ("noise_2_turned", "noise_20_turned")
    ]
    assert 0.03 < grades[0] < grades[1] < 1.5


def test_as_published_it_is_exact_only_where_the_scales_of_norms_agree():
    def published(name, kinds=ATTENTION):
        return grade(step_of(name, "t5"), fitted("activations", pair_of(name, "t5"), published=True), kinds)

    assert published("same") < 1e-5
    assert 0.3 < published("folded") < 1.5
    assert 0.3 < published("turned") < 1.5
    assert 0.3 < published("same", FEED_FORWARD) < 1.5  # units are not spanned


def test_a_prior_leads_to_a_plain_copy():
    """Which is the truth where weights drifted and coordinates did not."""
    pair, step = pair_of("drift_20", "t5"), step_of("drift_20", "t5")
    grades = [grade(step, fitted("activations", pair, prior=prior), ATTENTION) for prior in (0.0, 1000.0)]
    assert 0.1 < grades[0] < 2
    assert grades[1] < 0.2 * grades[0]


def test_rows_are_asked_for():
    with pytest.raises(ValueError, match=r"texts give \d+ rows in the decoders .* a map of a stream of 32 coordinates"):
        fitted("activations", pair_of("turned", "t5", 5))
    few = fitted("activations", pair_of("turned", "t5", 12))
    assert few.facts["rows"] == {"embedding": 120, "encoder": 120, "decoder": 60}
    assert any(said.startswith("60 rows for the space 'units' of the decoders: 192") for said in few.facts["warnings"])
    assert fitted("activations", pair_of("turned", "t5")).facts["warnings"] == []
    with pytest.raises(ValueError, match="was given none"):
        pair = pair_of("turned", "t5")
        fitted("activations", Pair(pair.source, pair.target, pair.shared_tokens))


def test_the_card_says_how_far_maps_are_off():
    facts = fitted("activations", pair_of("turned", "t5")).facts
    assert facts["residuals"].keys() == {"embedding", "read", "memory", "write", "q", "k", "v", "units"}
    for name, off in facts["residuals"].items():
        assert off["map"] < 1e-5, name
        assert off["identity"] > 0.5, name
        assert off["shuffled"] > 0.5, name
    assert fitted("activations", pair_of("padded", "t5")).facts["residuals"]["read"]["identity"] is None


def test_the_driver_of_the_decomposition_changes_nothing(monkeypatch):
    """Not even beyond the span of few rows."""
    maps = []
    for driver in ("gesdd", "gesvd"):
        monkeypatch.setattr(procrustes, "DRIVER", driver)
        maps.append(fitted("activations", pair_of("turned", "t5", 12)).maps)
    for space, linear in maps[0].items():
        eye = np.eye(linear.shape[1])
        np.testing.assert_allclose(linear.forward(eye), maps[1][space].forward(eye), atol=1e-7, err_msg=str(space))


def test_many_units_are_matched_one_to_one(monkeypatch):
    monkeypatch.setattr(activations, "LARGEST_TURN", 8)
    found, step = fitted("activations", pair_of("heads_and_units", "t5")), step_of("heads_and_units", "t5")
    space = Space("units", "encoder", "feed_forward", 1, 1)
    assert isinstance(found.maps[space], Selection)
    np.testing.assert_array_equal(found.maps[space].indices, step.truth.maps[space].indices)
    assert len(found.facts["warnings"]) == 1


def test_gains_near_zero_are_clipped():
    end, place = copy.copy(pair_of("same", "t5").source), Place("encoder", 0, "self")
    gain = end.gain(place)
    least = SMALLEST_GAIN * np.median(np.abs(gain))
    gain[:2] = 0.0, -least / 2
    object.__setattr__(end, "gain", lambda *_: gain)
    clipped, count = clipped_gain(end, place)
    assert count == 2
    np.testing.assert_allclose(clipped[:2], [least, -least])
    np.testing.assert_array_equal(clipped[2:], gain[2:])


@pytest.mark.slow
def test_the_shipped_hosts_in_other_coordinates_get_the_same_module():
    """Into the instructed host, and into the same host with its scales folded and its stream rotated."""
    (there, basis), tokenizer = turned(INSTRUCT), load_tokenizer(shipped(RAW).files.folder)
    drawn = np.random.default_rng(4).integers(5, len(tokenizer), (200, 12))  # few words would not span the stream
    texts = tokenizer.batch_decode(drawn)

    def ported(target):
        source = shipped(RAW)
        readers = [Reader(end, load_model(end.files.folder), tokenizer) for end in (source, target)]
        made = Gathered(*readers, texts, 2000)
        return updates(target, fitted("activations", Pair(source, target, lambda: None, lambda: made)))

    first, second = in_turned(shipped(INSTRUCT), ported(shipped(INSTRUCT)), basis), ported(there)
    off = sum(np.linalg.norm(first[name] - second[name]) ** 2 for name in first)
    assert np.sqrt(off / sum(np.linalg.norm(delta) ** 2 for delta in second.values())) < 1e-3


def test_hosts_that_cannot_be_compared_are_refused():
    def card(model_type="t5", **shape):
        sizes = {"d_model": 32, "d_kv": 8, "d_ff": 48, "heads": 4, "key_value_heads": 4}
        sizes |= {"encoder_layers": 3, "decoder_layers": 3}
        return {"host": "h", "model_type": model_type, "shape": sizes | shape}

    def refused(source, target, **settings):
        return activations.refusals(source, target, MapSettings(method="activations", **settings))

    assert refused(card(), card(d_model=48)) == []
    assert "the source host has none" in refused(card(encoder_layers=0), card())[0]
    assert "is not described" in refused(card("qwen3"), card())[0]
    assert "d_model 32 and 48" in refused(card(), card(d_model=48), prior=0.5)[0]
    assert "`prior` is no part" in refused(card(), card(), prior=0.5, published=True)[0]
