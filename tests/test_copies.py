"""Copies of a model compute what it does, are nobody else's, and keep its ties."""

import torch

from tests.copies import Copies


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
        self.second.weight = self.first.weight


def test_copies_are_equal_and_apart_and_keep_ties():
    model = Tied().eval()
    copies = Copies(model)
    one, other = copies.take(), copies.take()
    assert not one.training and one.second.weight is one.first.weight
    with torch.no_grad():
        one.first.weight.zero_()
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in other.state_dict().items())
    assert model.first.weight.any() and not one.second.weight.any()
