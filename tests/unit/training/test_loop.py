"""The laws of training: nested budgets, seeds, an untouched host, the learning rate, the step itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from peftport.evaluation.score import score
from peftport.injection.attach import attach, detach, module_tensors
from peftport.prompting.batches import IGNORED, pad
from peftport.settings import EvaluationSettings, TrainingSettings
from peftport.storage.parquet import write_table
from peftport.storage.tables import TABLES
from peftport.training.loop import Recipe, Training
from tests import encoded, hosts
from tests.techniques import SETTINGS

RECIPE = Recipe(learning_rate=0.02, warmup_steps=3, batch_size=4, weight_decay=0.01, gradient_clip=1.0)
TECHNIQUES = {
    "lora": ("lora", SETTINGS["lora"]),
    "prefix_tuning": ("prefix_tuning", SETTINGS["prefix_tuning"]),
    "lora with dropout": ("lora", SETTINGS["lora"] | {"dropout": 0.5}),
    "tiny_attention with dropout": ("tiny_attention", SETTINGS["tiny_attention"] | {"dropout": 0.5}),
}
TEST = encoded.examples(20, seed=1)


def start(technique="lora", seed=0, recipe=RECIPE, host=None, data=None, report=lambda step, loss: None):
    method, settings = TECHNIQUES[technique]
    host = hosts.host("t5_gated_untied") if host is None else host
    model = attach(host, method, settings, seed=seed)
    return Training(model, encoded.TASK, data or encoded.examples(), recipe, seed, report)


def read_scores(run, generate=True):
    scored = score(run.model, TEST, encoded.TASK, EvaluationSettings(batch_size=8, generate=generate))
    return scored.row, scored.answers["log_likelihood"].to_numpy().tobytes(), list(scored.answers["generated"])


def bits(run):
    return {name: tensor.tobytes() for name, tensor in module_tensors(run.model).items()}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_budget_inside_a_longer_training_is_a_training_of_its_own(technique):
    long, reached = start(technique), {}
    for budget in (0, 2, 6):
        long.advance(budget)
        reached[budget] = bits(long), read_scores(long)
    assert len({str(result) for result in reached.values()}) == 3
    for budget, (tensors, scores) in reached.items():
        alone = start(technique)
        alone.advance(budget)
        assert bits(alone) == tensors
        assert read_scores(alone) == scores


def test_testing_and_validating_in_between_changes_nothing():
    one, other = start("lora with dropout"), start("lora with dropout")
    for step in range(1, 7):
        one.advance(step)
        read_scores(one)
        one.validate(TEST)
    other.advance(6)
    assert bits(one) == bits(other)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_same_seed_same_bits_and_another_seed_other_bits(technique):
    runs = []
    for place, seed in enumerate((0, 0, 1)):
        torch.manual_seed(place)  # the global generator must not matter
        np.random.seed(place)
        runs.append(start(technique, seed))
        runs[-1].advance(4)
    first, again, other = map(bits, runs)
    assert first == again
    assert all(first[name] != other[name] for name in first)


def test_training_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    start("lora with dropout").advance(2)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_the_host_stays_bit_for_bit(technique):
    host = hosts.host("t5_gated_untied")
    before = {name: tensor.clone() for name, tensor in host.state_dict().items()}
    run = start(technique, host=host)
    run.advance(5)
    bare = detach(run.model).state_dict()
    assert list(bare) == list(before)
    assert all(torch.equal(bare[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("technique", ["lora with dropout", "tiny_attention with dropout"])
def test_a_modules_dropout_is_on_in_training_and_off_in_tests(technique):
    def loss_of_second_step(dropout):
        method, settings = TECHNIQUES[technique]
        losses = []
        model = attach(hosts.host("t5_gated_untied"), method, settings | {"dropout": dropout}, seed=0)
        run = Training(
            model, encoded.TASK, encoded.examples(), RECIPE, 0, lambda step, loss: losses.append((step, loss))
        )
        run.advance(3)
        return losses[-1][1], run

    (with_dropout, run), (without, _) = loss_of_second_step(0.5), loss_of_second_step(0.0)
    assert with_dropout != without
    assert read_scores(run) == read_scores(run)
    assert run.validate(TEST) == run.validate(TEST)


def test_the_hosts_own_dropout_is_off_in_training():
    losses = []
    for rate in (0.0, 0.5):
        host = hosts.host("t5_gated_untied")
        for part in host.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = rate
        run = start("lora", host=host, report=lambda step, loss: losses.append(loss))
        run.advance(3)
    assert losses[:3] == losses[3:]


@pytest.mark.parametrize("warmup", [0, 1, 4])
def test_the_rate_warms_up_and_then_stays(warmup):
    used, run = [], start(recipe=replace(RECIPE, warmup_steps=warmup))
    for step in range(1, 8):
        run.advance(step)
        used.append(run.optimisation.optimiser.param_groups[0]["lr"])
    rising = [0.02 * step / warmup for step in range(1, warmup)]
    assert used == pytest.approx([*rising, *[0.02] * (7 - len(rising))])
    assert used == [run.recipe.rate(step) for step in range(1, 8)]


def test_gradients_are_clipped_to_their_norm():
    gradients = {}
    for clip in (1e9, 0.25):
        run = start(recipe=replace(RECIPE, gradient_clip=clip))
        run.advance(1)
        gradients[clip] = torch.cat([parameter.grad.flatten() for parameter in run.optimisation.parameters])
    assert gradients[1e9].norm() > 0.5
    assert gradients[0.25].norm().item() == pytest.approx(0.25, rel=1e-4)
    assert torch.allclose(gradients[0.25] / gradients[0.25].norm(), gradients[1e9] / gradients[1e9].norm(), atol=1e-6)


def test_a_step_is_adamw_on_the_mean_cross_entropy():
    """Three steps against AdamW written out, and the loss from the logits of each example alone."""
    run, twin = start(), start()
    batches = [next(twin.order) for _ in range(3)]
    seen = []
    run.optimisation.report = lambda step, loss: seen.append(loss)
    run.advance(3)
    parameters, moments = (
        twin.optimisation.parameters,
        [[torch.zeros_like(p), torch.zeros_like(p)] for p in twin.optimisation.parameters],
    )
    for step, indices in enumerate(batches, 1):
        losses = []
        for index in indices:
            answer = torch.as_tensor(encoded.ANSWERS[twin.data.labels[index]])[None]
            prompt = torch.as_tensor(twin.data.prompts[index])[None]
            written = torch.cat([torch.zeros_like(answer[:, :1]), answer[:, :-1]], 1)
            logits = twin.model(input_ids=prompt, decoder_input_ids=written).logits.log_softmax(-1)
            losses.append(-logits.gather(-1, answer[..., None]).mean())
        loss = torch.stack(losses).mean()
        assert seen[step - 1] == pytest.approx(loss.item(), rel=1e-5)
        gradients = torch.autograd.grad(loss, parameters)
        scale = min(1.0, RECIPE.gradient_clip / (torch.cat([g.flatten() for g in gradients]).norm().item() + 1e-6))
        rate = RECIPE.learning_rate * min(1, step / 3)
        with torch.no_grad():
            for parameter, gradient, (first, second) in zip(parameters, gradients, moments, strict=True):
                first.mul_(0.9).add_(gradient * scale, alpha=0.1)
                second.mul_(0.999).add_((gradient * scale) ** 2, alpha=0.001)
                parameter.mul_(1 - rate * RECIPE.weight_decay)
                change = (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
                parameter.sub_(rate * change)
    for name, tensor in module_tensors(run.model).items():
        np.testing.assert_allclose(tensor, module_tensors(twin.model)[name], atol=2e-4, err_msg=name)


def test_the_training_learns():
    losses = []
    start(report=lambda step, loss: losses.append(loss)).advance(60)
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])


@pytest.mark.parametrize("broken", [1, 4])
def test_a_loss_that_is_no_number_names_seed_and_step(broken, capsys):
    run = start(seed=7)
    run.advance(broken - 1)
    with torch.no_grad():
        run.optimisation.parameters[0].fill_(float("nan"))
    run.advance(9)
    assert run.failed == broken and run.step < 11
    assert all(row["step"] < broken for row in run.optimisation.rows)
    assert f"seed 7: the loss is no finite number at step {broken}\n" in capsys.readouterr().out


def test_a_validation_loss_that_is_no_number_is_a_failure_too():
    run = start(seed=7)
    run.advance(2)
    with torch.no_grad():
        run.optimisation.parameters[0].fill_(float("nan"))
    assert not np.isfinite(run.validate(TEST))
    assert run.failed == 2 and list(run.curve()["phase"]) == ["train", "train"]


def test_validation_is_the_mean_over_label_tokens():
    """Batches of unequal size, and labels of unequal length, weigh by their tokens."""
    data = encoded.examples(7)
    run = start()
    run.task = replace(encoded.TASK, tokens=[[3], [4, 9, 10]])
    total, tokens = 0.0, 0
    with torch.inference_mode():
        for index in range(7):
            batch = run.task.batch(data, np.asarray([index]), torch.device("cpu"))
            count = len(run.task.answers()[data.labels[index]])
            total, tokens = total + run.model(**batch).loss.item() * count, tokens + count
    for batch_size in (1, 3, 128):
        assert run.validate(data, batch_size) == pytest.approx(total / tokens, rel=1e-5)


def test_a_batch_is_padded_prompts_their_mask_and_ignored_label_places():
    data = encoded.examples(3)
    task = replace(encoded.TASK, tokens=[[3], [4, 9]])
    answers = [[3, hosts.END], [4, 9, hosts.END]]
    batch = task.batch(data, np.asarray([2, 0]), torch.device("cpu"))
    rows = [data.prompts[2], data.prompts[0]]
    assert batch["input_ids"].tolist() == pad(rows, 0).tolist()
    assert batch["attention_mask"].sum(1).tolist() == [len(row) for row in rows]
    for row, index in zip(batch["labels"].tolist(), (2, 0), strict=True):
        assert [token for token in row if token != IGNORED] == answers[data.labels[index]]


def test_the_curve_is_a_table(tmp_path):
    run = start(seed=3)
    run.advance(4)
    run.advance(25)
    run.validate(TEST)
    curve = run.curve()
    write_table(tmp_path / "curve.parquet", curve, "curve")
    assert list(curve.columns) == list(TABLES["curve"])
    assert curve["step"].tolist() == [1, 4, 10, 20, 25, 25]
    assert curve["phase"].tolist() == ["train"] * 5 + ["validation"]
    assert set(curve["seed"]) == {3}
    assert curve["learning_rate"].tolist() == pytest.approx([0.02 / 3, *[0.02] * 5])
    assert curve["elapsed_seconds"].is_monotonic_increasing


def test_rows_of_the_curve_are_means_since_the_row_before():
    losses = []
    run = start(report=lambda step, loss: losses.append(loss))
    run.advance(12)
    assert run.curve()["loss"].tolist() == pytest.approx([losses[0], np.mean(losses[1:10]), np.mean(losses[10:])])


def test_a_recipe_is_the_training_section_with_the_techniques_rate():
    section = TrainingSettings(warmup_steps=3, batch_size=4, weight_decay=0.01, gradient_clip=1.0, source_steps=500)
    assert Recipe.of(section, 0.02) == RECIPE


@pytest.mark.parametrize(("technique", "below"), [("lora", True), ("prefix_tuning", False)])
def test_nothing_is_kept_for_a_backward_pass_below_the_lowest_module(technique, below):
    """A prefix of the cross-attention alone leaves the encoder without a graph, embeddings never have one."""
    settings = SETTINGS[technique] | ({"attentions": ["cross"]} if technique == "prefix_tuning" else {})
    model, kept = attach(hosts.host("t5_gated_untied"), technique, settings, seed=0), {}
    host = model.get_base_model()

    def keep(name):
        def look(part, given, made):
            kept[name] = getattr(made, "last_hidden_state", made).requires_grad

        return look

    host.encoder.register_forward_hook(keep("encoder"))
    host.encoder.get_input_embeddings().register_forward_hook(keep("embeddings"))
    Training(model, encoded.TASK, encoded.examples(), RECIPE, 0).advance(1)
    assert kept == {"embeddings": False, "encoder": below}
    assert all(weight.grad is None for weight in host.parameters() if not weight.requires_grad)
