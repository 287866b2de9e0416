"""Layer maps: the rules, and what they must have in common."""

from itertools import pairwise

import numpy as np
import pytest

from peftport.maps.layers import RULES, by_rule, layer_maps, rising
from peftport.maps.pair import Pair
from peftport.maps.settings import MapSettings
from tests.graded import pair_of

SIZES = [(4, 6), (6, 4), (12, 6), (6, 12), (1, 3), (3, 1), (7, 5), (5, 7), (30, 20)]


def sources(rows):
    return [[source for source, _ in row] for row in rows]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_as_many_layers_are_mapped_to_themselves(rule, count):
    assert by_rule(rule, count, count) == tuple(((layer, 1.0),) for layer in range(count))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("n_s", "n_t"), SIZES)
def test_layers_rise_and_weights_add_up_to_one(rule, n_s, n_t):
    rows = by_rule(rule, n_s, n_t)
    assert len(rows) == n_t
    for row in rows:
        assert sum(weight for _, weight in row) == pytest.approx(1)
        assert all(0 <= source < n_s and weight > 0 for source, weight in row)
    for lower, upper in pairwise(rows):
        assert sources([lower])[0][0] <= sources([upper])[0][0]
        assert sources([lower])[0][-1] <= sources([upper])[0][-1]


def test_relative_depth():
    """uag's rule, as prototypes/porting/layers.py printed it."""
    assert sources(by_rule("depth", 4, 6)) == [[0], [1], [1], [2], [2], [3]]
    assert sources(by_rule("depth", 6, 3)) == [[0], [2], [5]]
    assert sources(by_rule("depth", 5, 1)) == [[2]]


def test_every_so_many_layers():
    assert sources(by_rule("skip", 12, 6)) == [[0], [2], [4], [6], [8], [10]]
    assert sources(by_rule("skip", 4, 6)) == [[0], [0], [1], [2], [2], [3]]


def test_the_two_around_a_depth():
    assert by_rule("linear", 4, 3) == (((0, 1.0),), ((1, 0.5), (2, 0.5)), ((3, 1.0),))


def test_every_layer_of_a_group_counts():
    """The published branch leaves the last one of a group out and divides by all."""
    assert by_rule("avg", 4, 2) == (((0, 0.5), (1, 0.5)), ((2, 0.5), (3, 0.5)))
    assert sources(by_rule("avg", 7, 3)) == [[0, 1], [2, 3], [4, 5, 6]]
    assert sources(by_rule("avg", 2, 4)) == [[0], [0], [1], [1]]


def test_layers_are_assigned_to_the_most_alike_in_rising_order():
    similarity = np.full((6, 4), 0.1)
    for target, source in ((0, 0), (2, 1), (3, 2), (5, 3)):
        similarity[target, source] = 0.9
    similarity[4, 0] = 1.0  # alone it is the largest, and nothing rises around it
    assert rising(similarity, nearest=False) == (((0, 1.0),), (), ((1, 1.0),), ((2, 1.0),), (), ((3, 1.0),))
    assert sources(rising(similarity, nearest=True)) == [[0], [0], [1], [2], [2], [3]]
    assert sources(rising(similarity.T, nearest=False)) == [[0], [2], [3], [5]]


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (6, 1), (1, 6)])
def test_no_rising_assignment_is_better(shape):
    similarity = np.random.default_rng(0).random(shape)
    found = sources(rising(similarity, nearest=False))
    pairs = [(target, row[0]) for target, row in enumerate(found) if row]
    assert len(pairs) == min(shape)
    assert [source for _, source in pairs] == sorted({source for _, source in pairs})
    assert sum(similarity[pair] for pair in pairs) == pytest.approx(_best(similarity))


def _best(similarity):
    """The largest sum over rising pairs that use up the shorter side, by trying all."""
    if similarity.shape[0] > similarity.shape[1]:
        return _best(similarity.T)
    if not len(similarity):
        return 0.0
    return max(
        similarity[0, column] + _best(similarity[1:, column + 1 :])
        for column in range(similarity.shape[1] - len(similarity) + 1)
    )


class _Alike:
    def similarity(self, stack):
        return {"encoder": np.eye(4, 3), "decoder": np.eye(4, 3, -1)}[stack]


def test_each_stack_has_its_map():
    pair = pair_of("deeper", "t5")
    assert sources(layer_maps(pair, MapSettings(method="weight_match"))["decoder"]) == [[0], [1], [1], [2]]
    with pytest.raises(ValueError, match="`layers: cka` compares what layers write on texts"):
        layer_maps(pair, MapSettings(method="weight_match", layers="cka"))
    read = Pair(pair.source, pair.target, pair.shared_tokens, lambda: _Alike())
    maps = layer_maps(read, MapSettings(method="weight_match", layers="cka"))
    assert sources(maps["encoder"]) == [[0], [1], [2], []]
    assert sources(maps["decoder"]) == [[], [0], [1], [2]]
    filled = layer_maps(read, MapSettings(method="weight_match", layers="cka", fill="nearest"))
    assert sources(filled["decoder"]) == [[0], [0], [1], [2]]


def test_equal_stacks_need_no_texts():
    maps = layer_maps(pair_of("same", "gpt2"), MapSettings(method="weight_match", layers="cka"))
    assert maps == {"decoder": (((0, 1.0),), ((1, 1.0),), ((2, 1.0),))}


def test_a_stack_that_the_source_lacks_is_refused():
    decoder, both = pair_of("same", "llama").source, pair_of("same", "t5").source
    with pytest.raises(ValueError, match="the source host 'source' has no encoder for the target's"):
        layer_maps(Pair(decoder, both, lambda: None), MapSettings(method="weight_match"))
