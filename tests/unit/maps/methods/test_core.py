"""Grades of ``core`` on the exactness ladder, its failures among them."""

import numpy as np
import pytest

from peftport.maps import procrustes
from peftport.maps.correspondence import read_correspondence, write_correspondence
from peftport.maps.methods.core import leading, projections_of, refusals
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import Place
from tests.graded import ATTENTION, fitted, grade, pair_of, step_of
from tests.shipped import INSTRUCT, RAW, in_turned, pair, shipped, turned, updates

# T5's projections of attentions are square; grade with published signs, grade with anchored ones
GRADES = {
    "same": ((0, 1e-5), (0, 1e-5)),
    "permuted": ((0, 1e-5), (0, 1e-5)),
    "folded": ((0.3, 3), (0, 1e-4)),
    "rotated": ((0.3, 3), (0, 1e-4)),
    "padded": ((0, 1e-4), (0, 1e-4)),
    "wider_turned": ((0.3, 3), (0.3, 3)),  # heads that the source has not bring singular vectors of their own
    "drift_20": ((0.3, 3), (0.3, 3)),
}


@pytest.mark.parametrize("name", GRADES)
@pytest.mark.parametrize("signs", ["published", "anchored"])
def test_grades_on_square_weights(name, signs):
    low, high = GRADES[name][signs == "anchored"]
    assert low <= grade(step_of(name, "t5"), fitted("core", pair_of(name, "t5"), signs=signs), ATTENTION) < high


def test_a_weight_that_is_not_square_loses_what_its_range_leaves_out():
    """Even where source and target are one host."""
    assert 0.3 < grade(step_of("same", "t5"), fitted("core", pair_of("same", "t5"))) < 1


def test_fewer_singular_vectors_keep_less():
    all_, few = (
        grade(step_of("same", "t5"), fitted("core", pair_of("same", "t5"), rank=n), ATTENTION) for n in (32, 8)
    )
    assert all_ < 1e-5
    assert 0.3 < few < 1.2


def test_a_random_range_holds_the_leading_vectors():
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((size, 60)))[0] for size in (90, 70))
    weight = left * 0.7 ** np.arange(60) @ right.T
    found, exact = leading(weight, 10, rng), np.linalg.svd(weight)
    for vectors, truth in zip(found, (exact[0], exact[2].T), strict=True):
        assert vectors.shape == (len(truth), 10)
        np.testing.assert_allclose(abs(np.sum(vectors * truth[:, :10], axis=0)), 1, atol=1e-6)


def test_a_fused_projection_is_one():
    place = Place("decoder", 0, "self")
    assert list(projections_of(pair_of("same", "gpt2"), (place, place))) == ["qkv", "o"]
    assert list(projections_of(pair_of("same", "llama"), (place, place))) == ["q", "k", "v", "o"]


def test_what_it_found_is_the_same_after_it_was_written(tmp_path):
    found = fitted("core", pair_of("rotated", "t5"))
    write_correspondence(tmp_path, found, {})
    assert grade(step_of("rotated", "t5"), read_correspondence(tmp_path), ATTENTION) < 1e-4


def test_signs_are_those_of_the_streams_and_not_of_the_driver(monkeypatch):
    found = []
    for driver in ("gesdd", "gesvd"):
        monkeypatch.setattr(procrustes, "DRIVER", driver)
        found.append(grade(step_of("rotated", "t5"), fitted("core", pair_of("rotated", "t5")), ATTENTION))
    assert max(found) < 1e-4


def test_published_signs_are_not_those_of_a_turned_target():
    raw, instruct, (other, basis) = shipped(RAW), shipped(INSTRUCT), turned(INSTRUCT)
    into, into_turned = (fitted("core", pair(raw, target), signs="published") for target in (instruct, other))
    made, expected = updates(raw, into_turned), in_turned(instruct, updates(raw, into), basis)
    off = sum(np.linalg.norm(made[name] - delta) ** 2 for name, delta in expected.items())
    assert off / sum(np.linalg.norm(delta) ** 2 for delta in expected.values()) > 0.25


def test_small_vocabularies_matter_only_to_anchored_signs():
    card = pair_of("same", "t5").source.card
    few = card | {"shape": card["shape"] | {"vocabulary": 20}}
    assert refusals(card, few, MapSettings(method="core", signs="published")) == []
    assert "at least 32" in refusals(card, few, MapSettings(method="core"))[0]
