"""``tokens``: embeddings carried by shared tokens, exactly where one linear map does."""

import numpy as np
import pytest

from peftport.maps.correspondence import Space
from peftport.maps.methods import tokens
from peftport.maps.pair import Pair
from peftport.maps.spaces import EMBEDDING
from tests.graded import fitted, step_of
from tests.tiny import tensors
from tests.unit.maps.reading import pair_of


@pytest.mark.parametrize("name", ["scaled_stream", "rotated", "replaced"])
@pytest.mark.parametrize("solved", ["procrustes", "least_squares"])
def test_a_prompt_arrives_exactly(name, solved):
    if (name, solved) == ("replaced", "least_squares"):
        name = "renumbered"
    step, found = step_of(name, "t5"), fitted("tokens", pair_of(name, "t5"), map=solved)
    prompt = tensors(step.source)["shared.weight"][:7]
    expected = step.truth.embedding().forward(prompt.T)
    np.testing.assert_allclose(found.embedding().forward(prompt.T), expected, atol=2e-5)
    np.testing.assert_allclose(found.embedding().back(np.eye(32)) @ expected, prompt.T, atol=2e-5)
    assert set(found.maps) == {Space(EMBEDDING)}


def test_any_matrix_is_found_by_least_squares_alone():
    rng = np.random.default_rng(0)
    source, matrix = rng.standard_normal((100, 8)), rng.standard_normal((12, 8))
    solved = tokens._matrix(source, source @ matrix.T)
    np.testing.assert_allclose(solved.matrix, matrix, atol=1e-10)
    np.testing.assert_allclose(solved.back(np.eye(8)) @ solved.forward(source.T), source.T, atol=1e-9)
    turn = tokens._turn(source, source @ matrix.T)
    assert np.linalg.norm(turn.forward(source.T) - matrix @ source.T) > 0.1 * np.linalg.norm(matrix @ source.T)


def test_a_turn_takes_fewer_tokens_under_noise():
    """40 tokens of 32 coordinates, and a noise of 5 %."""
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.standard_normal((32, 32)))[0]
    source = rng.standard_normal((40, 32))
    target = source @ basis.T + 0.05 * rng.standard_normal((40, 32))
    off = [
        np.linalg.norm(solve(source, target).forward(np.eye(32)) - basis) for solve in (tokens._turn, tokens._matrix)
    ]
    assert off[0] < 0.5 < off[1]


def test_the_card_says_how_far_held_tokens_are_off():
    facts = fitted("tokens", pair_of("rotated", "t5")).facts
    assert facts["shared_tokens"] == 120
    assert facts["warnings"] == ["the hosts share 120 tokens: 128 would be good"]
    off = facts["residuals"][EMBEDDING]
    assert off["map"] < 1e-5
    assert min(off["identity"], off["shuffled"]) > 1
    assert fitted("tokens", pair_of("padded", "t5")).facts["residuals"][EMBEDDING]["identity"] is None


def test_too_few_shared_tokens_are_refused():
    pair = pair_of("rotated", "t5")
    few = Pair(pair.source, pair.target, lambda: tuple(ids[:20] for ids in pair.shared_tokens()))
    with pytest.raises(ValueError, match="share 20 tokens, 12 too few"):
        fitted("tokens", few)
