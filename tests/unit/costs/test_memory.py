"""Memory: exact on computations whose tensors are known."""

import torch

from peftport.costs.memory import Allocated, peak_bytes

MEGA = 1000 * 1000 * 4  # bytes of a float32 matrix, 1000 x 1000


def test_a_chain_of_products():
    matrix = torch.ones(1000, 1000)
    assert peak_bytes("cpu", lambda: matrix + 1) == MEGA
    assert peak_bytes("cpu", lambda: (matrix + 1) + 1) == 2 * MEGA  # the first lives until the second is there
    assert peak_bytes("cpu", lambda: ((matrix + 1) + 1) + 1) == 2 * MEGA
    assert peak_bytes("cpu", lambda: matrix + 1, lambda: matrix + 2) == MEGA


def test_views_and_changes_in_place_take_nothing():
    matrix = torch.ones(1000, 1000)
    assert peak_bytes("cpu", lambda: matrix.t().reshape(-1, 1000)[:5].add_(1)) <= MEGA
    assert peak_bytes("cpu", lambda: matrix.t()[:5].add_(1)) == 0


def test_what_is_kept_stays_counted():
    matrix, kept = torch.ones(1000, 1000), []
    with Allocated("cpu") as allocated:
        kept.append(matrix + 1)
        matrix + 1
    assert (allocated.live, allocated.peak) == (MEGA, 2 * MEGA)
    kept.clear()
    assert allocated.live == 0


def test_gradients_and_the_optimisers_state_count():
    weight = torch.ones(1000, 1000, requires_grad=True)
    optimiser = torch.optim.AdamW([weight], lr=0.0, foreach=False)

    def step():
        optimiser.zero_grad(set_to_none=True)
        weight.sum().backward()
        optimiser.step()

    assert peak_bytes("cpu", step, step) >= 3 * MEGA  # gradient, first and second moment


def test_other_devices_are_not_counted():
    assert peak_bytes("meta", lambda: torch.ones(10)) == 0
