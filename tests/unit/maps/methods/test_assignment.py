"""Grades of ``assignment`` on the exactness ladder: exact for orders, useless for rotations."""

import numpy as np
import pytest

from peftport.hosts.sites import PROJECTIONS
from peftport.maps.correspondence import Space
from peftport.maps.methods import assignment
from peftport.maps.settings import MapSettings
from tests.graded import ATTENTION, fitted, grade, step_of
from tests.unit.maps.reading import pair_of


@pytest.mark.parametrize("name", ["permuted", "folded", "heads_and_units", "padded"])
def test_what_a_lora_does_arrives_exactly_where_coordinates_are_in_another_order(name):
    assert grade(step_of(name, "t5"), fitted("assignment", pair_of(name, "t5")), PROJECTIONS) < 1e-5


def test_it_is_useless_for_a_rotation():
    assert 0.5 < grade(step_of("rotated", "t5"), fitted("assignment", pair_of("rotated", "t5")), ATTENTION) < 3


def test_as_published_it_does_not_see_the_scales_of_norms_and_drift_does_not_move_it():
    def published(name):
        return grade(step_of(name, "t5"), fitted("assignment", pair_of(name, "t5"), published=True), ATTENTION)

    assert published("permuted") < 1e-5
    assert published("drift_20") < 1e-5
    assert 0.3 < published("folded") < 1.5


def test_outputs_have_an_assignment_of_their_own():
    found, truth = fitted("assignment", pair_of("heads_and_units", "t5")).maps, step_of("heads_and_units", "t5").truth
    at = ("decoder", "cross", 1, 1)
    assert (found[Space("read", *at)].basis == np.eye(32)).all()
    for name in ("q", "k", "v", "mix"):
        expected = truth.maps[Space(name, *at)].forward(np.eye(32))
        np.testing.assert_array_equal(found[Space(name, *at)].forward(np.eye(32)), expected)
        assert (expected != np.eye(32)).any()


def test_a_wider_target_is_refused_as_published():
    cards = [{"host": "h", "model_type": "t5", "shape": {"d_model": width}} for width in (32, 48)]
    [said] = assignment.refusals(*cards, MapSettings(method="assignment", published=True))
    assert "48 and 32 wide" in said
    assert assignment.refusals(*cards, MapSettings(method="assignment")) == []
    assert assignment.refusals(*cards[::-1], MapSettings(method="assignment", published=True)) == []
