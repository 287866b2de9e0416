"""The one loop: its schedule by group, its clipping, its curve, its failure, and where it goes on from."""

import copy

import numpy as np
import pytest
import torch

from peftport.compute.optimisation import Method, Optimisation


def begin(groups=None, clip=1e9, reads=lambda step: step % 4 == 0, losses=None, report=lambda step, loss: None):
    """A training of two numbers, whose loss is the sum of their squares, or what is given."""
    first, second = (torch.nn.Parameter(torch.tensor([value])) for value in (3.0, -2.0))
    groups = groups or [{}, {}]
    method = Method(
        [{"params": [part], "weight_decay": 0.0} | group for part, group in zip((first, second), groups, strict=True)],
        rate=lambda step: 0.1 * step,
        gradient_clip=clip,
        reads=reads,
    )
    given = iter(losses or [])

    def loss():
        value = (first**2 + second**2).sum()
        return value + (torch.tensor(next(given)) - value.detach() if losses else 0.0)

    return Optimisation([first, second], method, loss, "a label", report)


def test_every_step_has_the_rate_of_its_number_times_the_multiplier():
    run, used = begin([{}, {"multiplier": 5.0}]), []
    run.between = lambda: used.append([group["lr"] for group in run.optimiser.param_groups])
    run.advance(3)
    assert used == [pytest.approx([0.1 * step, 0.5 * step]) for step in (1, 2, 3)]


def test_the_gradient_is_clipped_over_all_parameters():
    run = begin(clip=0.5)
    run.advance(1)
    gradient = torch.cat([parameter.grad for parameter in run.parameters])
    assert gradient.norm().item() == pytest.approx(0.5, rel=1e-4)
    assert (gradient[0] / gradient[1]).item() == pytest.approx(3 / -2)


def test_the_curve_has_means_since_the_row_before_and_the_report_has_every_loss():
    seen = []
    run = begin(losses=[4.0, 2.0, 1.0, 1.0, 8.0, 6.0], report=lambda step, loss: seen.append((step, loss)))
    run.advance(6)
    run.note("validation", 0.5)
    rows = [(row["phase"], row["step"], row["loss"]) for row in run.rows]
    assert rows == [("train", 4, 2.0), ("train", 6, 7.0), ("validation", 6, 0.5)]
    assert [row["learning_rate"] for row in run.rows] == pytest.approx([0.4, 0.6, 0.6])
    assert seen == list(enumerate([4.0, 2.0, 1.0, 1.0, 8.0, 6.0], 1))


def test_a_loss_that_is_no_number_ends_it_and_its_step_is_noted(capsys):
    run = begin(losses=[4.0, 2.0, 1.0, 1.0, 8.0, float("inf"), 1.0, 1.0, 1.0])
    run.advance(9)
    assert (run.failed, run.step, len(run.rows)) == (6, 8, 1)
    run.advance(20)
    run.note("validation", float("nan"))
    assert (run.failed, run.step, len(run.rows)) == (6, 8, 1)
    assert capsys.readouterr().out == "a label: the loss is no finite number at step 6\n"


@pytest.mark.parametrize("stop", [1, 3, 4, 6])
def test_it_goes_on_from_its_state(stop):
    whole, first, second = begin(), begin(), begin()
    whole.advance(9)
    states = []
    first.between = lambda: states.append(copy.deepcopy(first.state())) if first.step == stop else None
    first.advance(9)
    second.load_state(states[0])
    second.advance(9)
    for left, right in zip(whole.parameters, second.parameters, strict=True):
        assert torch.equal(left, right)
    assert [row["loss"] for row in second.rows] == [row["loss"] for row in whole.rows]
    assert [row["step"] for row in second.rows] == [4, 8, 9]
    assert np.all(np.diff([row["elapsed_seconds"] for row in second.rows]) >= 0)
