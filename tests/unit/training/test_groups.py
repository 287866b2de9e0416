"""How many train together, and what happens when memory runs out."""

import pytest
import torch

from peftport.injection.attach import attach
from peftport.jobs.checkpoints import Checkpoint
from peftport.training.groups import in_groups, members_together
from peftport.training.resume import Ongoing
from tests import hosts
from tests.techniques import SETTINGS


def model(technique="lora", **settings):
    return attach(hosts.host("t5_gated_untied"), technique, SETTINGS[technique] | settings, seed=0)


@pytest.mark.parametrize("setting", ["auto", 1, 4, 40])
def test_on_a_cpu_every_module_trains_alone(setting):
    assert members_together(setting, model(), 5) == 1


@pytest.mark.parametrize(("setting", "members", "together"), [("auto", 50, 50), (1, 5, 1), (4, 5, 4), (40, 5, 5)])
def test_elsewhere_as_many_as_the_config_says(setting, members, together):
    assert members_together(setting, model().to("meta"), members) == together


def test_with_dropout_every_module_trains_alone():
    assert members_together(8, model(dropout=0.1).to("meta"), 5) == 1


def nothing():
    """No checkpoint to go on from."""
    return Ongoing(Checkpoint(None))


def memory_for(most, calls):
    def work(group):
        calls.append(group)
        if len(group) > most:
            raise torch.OutOfMemoryError("simulated")
        return sum(group)

    return work


@pytest.mark.parametrize(
    ("most", "groups"),
    [(9, [[0, 1, 2, 3, 4]]), (4, [[0, 1], [2, 3], [4]]), (1, [[0], [1], [2], [3], [4]])],
)
def test_groups_are_halved_when_memory_runs_out(most, groups, capsys):
    calls = []
    done = in_groups(range(5), 5, memory_for(most, calls), nothing())
    assert done == [(group, sum(group)) for group in groups]
    tried = [group for group in calls if len(group) > most]
    assert capsys.readouterr().out.count("memory ran out") == len(tried)


def test_a_later_group_may_be_the_one_that_is_too_large():
    calls = []

    def work(group):
        calls.append(list(group))
        if len(group) > 1 and 4 in group:
            raise torch.OutOfMemoryError("simulated")
        return len(group)

    assert in_groups(range(6), 3, work, nothing()) == [([0, 1, 2], 3), ([3], 1), ([4], 1), ([5], 1)]
    assert calls[1] == [3, 4, 5]


def test_a_group_holds_members_of_one_kind():
    calls = []
    done = in_groups(range(6), 2, memory_for(9, calls), nothing(), lambda member: member % 2)
    assert calls == [[0, 2], [1, 3], [4], [5]] and [group for group, _ in done] == calls


def test_one_alone_that_is_too_large_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        in_groups(range(3), 3, memory_for(0, []), nothing())


def test_memory_that_runs_out_in_a_group_that_is_gone_on_with():
    """Its state fits no smaller group: these begin anew."""
    ongoing, calls = nothing(), []
    ongoing.done, ongoing.left = [([0], 0)], {"group": [1, 2], "notes": {}, "run": {}}
    assert in_groups(range(4), 4, memory_for(1, calls), ongoing) == [([0], 0), ([1], 1), ([2], 2), ([3], 3)]
    assert calls == [[1, 2], [1], [2], [3]] and ongoing.left is None
