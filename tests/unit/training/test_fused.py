"""A member in company is what it is alone."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from peftport.injection.attach import attach, load_tensors, module_tensors
from peftport.prompting.batches import IGNORED, pad
from peftport.training.fused import FusedTraining
from peftport.training.loop import Recipe, Training
from tests import encoded, hosts
from tests.techniques import VARIANTS

RECIPE = Recipe(learning_rate=0.01, warmup_steps=3, batch_size=4, weight_decay=0.01, gradient_clip=0.5)
DATA, VALIDATION, SEEDS, STEPS = encoded.examples(), encoded.examples(8, seed=1), (3, 0, 7), 6


@dataclass
class Reading:
    """A host that reads only: the answer stands behind the prompt."""

    answers: list[Any] = field(default_factory=lambda: encoded.ANSWERS)

    def batch(self, data, indices, device):
        rows = [np.concatenate([data.prompts[index], self.answers[data.labels[index]]]) for index in indices]
        lengths = [len(data.prompts[index]) for index in indices]
        hidden = [np.where(np.arange(len(row)) < at, IGNORED, row) for row, at in zip(rows, lengths, strict=True)]
        mask = pad([np.ones(len(row), np.int64) for row in rows], 0)
        arrays = {"input_ids": pad(rows, hosts.PAD), "attention_mask": mask, "labels": pad(hidden, IGNORED)}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def task_of(host_name):
    return encoded.TASK if host_name.startswith("t5") else Reading()


def start(technique, host_name="t5_gated_untied", kind=torch.float32):
    """The host with a module, and what each member starts from."""
    settings = VARIANTS[technique][1]
    if host_name == "gpt2" and "targets" in settings:
        settings = settings | {"targets": ["qkv", "wo"]}
    if "dropout" in settings:
        settings = settings | {"dropout": 0.0}
    model = attach(hosts.host(host_name), VARIANTS[technique][0], settings, seed=0).to(kind)
    random, fresh = np.random.default_rng(0), module_tensors(model)
    states = [
        {name: tensor + random.normal(0, 0.05, tensor.shape).astype(np.float32) for name, tensor in fresh.items()}
        for _ in SEEDS
    ]
    return model, states


def fused(technique="lora", host_name="t5_gated_untied", kind=torch.float32, recipe=RECIPE):
    model, states = start(technique, host_name, kind)
    return FusedTraining(model, task_of(host_name), DATA, recipe, SEEDS, states)


def alone(technique, place, host_name="t5_gated_untied", kind=torch.float32):
    model, states = start(technique, host_name, kind)
    load_tensors(model, states[place])
    return Training(model, task_of(host_name), DATA, RECIPE, SEEDS[place])


def tensors(run, place=0):
    with run.only(place) as model:
        return module_tensors(model)


SEVEN = ("adapters", "compacter", "lora", "prefix_tuning", "prompt_tuning", "ia3", "tiny_attention")
CASES = [("t5_gated_untied", name) for name, (technique, _) in VARIANTS.items() if technique in SEVEN] + [
    (host_name, name)
    for host_name in ("bert", "gpt2")
    for name in ("lora", "prefix_tuning", "prompt_tuning", "tiny_attention")
    if (host_name, name) not in [("bert", "prompt_tuning"), ("gpt2", "tiny_attention")]  # hosts without such sites
]


def agree(technique, host_name, kind, close):
    """Loss curve, validation curve and every parameter, at a budget and after it."""
    together = fused(technique, host_name, kind)
    single = [alone(technique, place, host_name, kind) for place in range(3)]
    for steps in (2, STEPS):
        together.advance(steps)
        validated = together.validate_members(VALIDATION, 4)
        for place, run in enumerate(single):
            run.advance(steps)
            assert validated[place] == pytest.approx(run.validate(VALIDATION), rel=close)
            for name, tensor in tensors(run).items():
                np.testing.assert_allclose(tensors(together, place)[name], tensor, atol=close, rtol=0, err_msg=name)
    curve = together.curve()
    assert (curve["members"] == 3).all()
    for place, run in enumerate(single):
        own, expected = curve[curve["seed"] == SEEDS[place]], run.curve()
        assert own[["phase", "step"]].values.tolist() == expected[["phase", "step"]].values.tolist()
        np.testing.assert_allclose(own["loss"], expected["loss"], rtol=close)
        assert own["learning_rate"].tolist() == expected["learning_rate"].tolist()


@pytest.mark.parametrize(("host_name", "technique"), CASES)
def test_a_member_in_company_is_the_member_alone(host_name, technique):
    """In double precision, where float noise is far below any fault; the tensors are compared as float32."""
    agree(technique, host_name, torch.float64, 1e-6)


@pytest.mark.parametrize("technique", ["lora", "adapters"])
def test_in_single_precision_float_noise_is_all_that_differs(technique):
    agree(technique, "t5_gated_untied", torch.float32, 1e-3)


def test_the_same_members_again_are_equal_to_the_bit():
    one, other = fused("adapters"), fused("adapters")
    one.advance(6)
    for steps in (2, 4, 6):  # with tests in between
        other.advance(steps)
        other.validate_members(VALIDATION)
        for place in range(3):
            tensors(other, place)
    for place in range(3):
        assert all(
            tensors(one, place)[name].tobytes() == tensor.tobytes() for name, tensor in tensors(other, place).items()
        )


def test_the_order_of_members_does_not_matter():
    _, states = start("lora")
    forward, model = fused("lora"), start("lora")[0]
    backward = FusedTraining(model, encoded.TASK, DATA, RECIPE, SEEDS[::-1], states[::-1])
    for run in (forward, backward):
        run.advance(STEPS)
    for place in range(3):
        for name, tensor in tensors(forward, place).items():
            np.testing.assert_allclose(tensors(backward, 2 - place)[name], tensor, atol=1e-3, rtol=0, err_msg=name)


def test_gradients_are_clipped_member_by_member():
    free = fused("lora", recipe=Recipe(0.01, 3, 4, 0.01, 1e9))
    free.advance(1)
    norms = free.stack.rows.grad.norm(dim=1)
    between = float((norms.min() + norms.max()) / 2)
    run = fused("lora", recipe=Recipe(0.01, 3, 4, 0.01, between))
    run.advance(1)
    torch.testing.assert_close(run.stack.rows.grad.norm(dim=1), norms.clamp(max=between), rtol=1e-4, atol=1e-6)


def test_a_member_that_fails_fails_alone():
    broken, fine = fused("adapters"), fused("adapters")
    for run in (broken, fine):
        run.advance(4)
        if run is broken:
            with torch.no_grad():
                run.stack.rows[1, 0] = float("nan")
        run.advance(STEPS)
    assert broken.failed == {1: 5} and fine.failed == {}
    for place in (0, 2):
        assert all(tensors(broken, place)[name].tobytes() == t.tobytes() for name, t in tensors(fine, place).items())
    curve = broken.curve()
    assert curve.groupby("seed")["step"].max().to_dict() == {3: STEPS, 0: 4, 7: STEPS}
    assert np.isfinite(curve["loss"]).all()


def test_it_ends_when_every_member_has_failed():
    run = fused("lora")
    with torch.no_grad():
        run.stack.rows.fill_(float("nan"))
    run.advance(5)
    assert run.step == 1 and run.failed == {0: 1, 1: 1, 2: 1}


def test_the_host_is_untouched_and_given_back():
    run = fused("lora")
    before = {name: tensor.clone() for name, tensor in hosts.host("t5_gated_untied").state_dict().items()}
    run.advance(3)
    run.release()
    left = run.model.unload().state_dict()
    assert list(left) == list(before)
    assert all(torch.equal(left[name], tensor) for name, tensor in before.items())
