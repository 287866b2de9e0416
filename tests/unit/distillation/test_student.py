"""Laws of the student's loss: zero where it answers as the teacher, a gradient that is the difference of answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from peftport.distillation.answers import Taught, answer_rows, taught
from peftport.distillation.student import Student, divergence
from peftport.distillation.teacher import among
from peftport.evaluation.likelihood import log_likelihoods
from peftport.injection.attach import attach, module_tensors
from peftport.training.loop import Recipe, Training
from tests import hosts
from tests.encoded import asked
from tests.techniques import SETTINGS

RECIPE = Recipe(learning_rate=0.02, warmup_steps=1, batch_size=8, weight_decay=0.0, gradient_clip=1.0)
# hosts of each language model type; label words of one token, and of several
ASKED = {"t5_gated_untied": "encoder_decoder", "gpt2": "causal", "bert": "masked"}
TOKENS = {"words of one token": [[3], [4]], "words of more tokens": [[3, 9], [4, 10, 3]]}


def spread(name, seed=0):
    """A host with a module that changes it."""
    targets = {"gpt2": ["qkv"]}.get(name, ["q", "v"])
    return hosts.spread_module(attach(hosts.host(name), "lora", SETTINGS["lora"] | {"targets": targets}, seed=seed))


def fresh():
    """A host with a fresh module."""
    return attach(hosts.host("t5_gated_untied"), "lora", SETTINGS["lora"], seed=3)


def gradients(model, task, lesson):
    model.zero_grad()
    loss = divergence(model, task, lesson, np.arange(len(lesson)))
    loss.backward()
    own = [parameter.grad for parameter in model.parameters() if parameter.requires_grad]
    return loss.item(), torch.cat([part.ravel() for part in own])


@pytest.mark.parametrize("tokens", TOKENS)
@pytest.mark.parametrize("name", ASKED)
def test_where_the_student_answers_as_the_teacher_there_is_nothing_to_learn(name, tokens):
    task, data = asked(ASKED[name], TOKENS[tokens], count=6)
    model = spread(name).eval()
    answers = among(log_likelihoods(model, data, task, 6))
    loss, none = gradients(model, task, Taught(data, answers))
    other, some = gradients(model, task, Taught(data, answers[:, ::-1].copy()))
    assert abs(loss) < 1e-6 and other > 1e-4
    assert none.norm() < 1e-4 * some.norm()


def test_the_divergence_and_its_gradient_by_hand():
    """With respect to the log-likelihoods of the label words the gradient is q - p, whatever else is likely."""
    task, data = asked("causal", count=4)
    teachers = np.log(np.asarray([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.999, 0.001]]))
    logits = torch.tensor([[1.0, 0.3], [0.2, -0.4], [0.0, 0.0], [-1.0, 2.0]], requires_grad=True)
    vocabulary = torch.full((4, hosts.VOCABULARY), 0.7)

    class Host(torch.nn.Module):
        device = torch.device("cpu")

        def forward(self, input_ids, attention_mask, use_cache, logits_to_keep):
            every = vocabulary.clone()
            every[:, 3:5] = logits
            places = every[:, None].expand(-1, len(logits_to_keep), -1)
            return type("Read", (), {"logits": places})

    loss = divergence(Host(), task, Taught(data, teachers), np.arange(4))
    loss.backward()
    own = logits.detach().double().log_softmax(1).numpy()
    by_hand = (np.exp(teachers) * (teachers - own)).sum(1).mean()
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)
    np.testing.assert_allclose(logits.grad.numpy(), (np.exp(own) - np.exp(teachers)) / 4, atol=1e-6)


def test_a_student_comes_nearer_to_its_teacher_and_sees_the_batches_of_a_training_with_labels(monkeypatch):
    task, data = asked("encoder_decoder", count=24)
    answers = among(log_likelihoods(spread("t5_gated_untied").eval(), data, task, 8))
    seen = {}

    def noting(kind, name, place):
        method = getattr(kind, name)

        def noted(run, own):
            seen.setdefault(place, []).append(own.tolist())
            return method(run, own)

        monkeypatch.setattr(kind, name, noted)

    noting(Student, "loss_of", "student")
    noting(Training, "loss_of", "with labels")
    lesson = Taught(data, answers)
    student = Student(fresh(), task, lesson, RECIPE, 3)
    before = student.validate(lesson)
    student.advance(12)
    assert student.validate(lesson, batch_size=5) < 0.8 * before
    Training(fresh(), task, data, RECIPE, 3).advance(12)
    assert seen["student"] == seen["with labels"] and len(seen["student"]) == 12
    assert list(student.curve()["phase"]) == ["validation", "train", "train", "train", "validation"]


def test_labels_are_not_read():
    task, data = asked("encoder_decoder")
    answers = among(log_likelihoods(spread("t5_gated_untied").eval(), data, task, 8))
    found = []
    for labels in (data.labels, 1 - data.labels, np.zeros_like(data.labels)):
        model = fresh()
        Student(model, task, Taught(replace(data, labels=labels), answers), RECIPE, 3).advance(2)
        found.append({name: tensor.tobytes() for name, tensor in module_tensors(model).items()})
    assert found[0] == found[1] == found[2]


def test_answers_to_other_texts_or_with_other_words_are_refused():
    _, data = asked("causal", count=6)
    answers = np.log(np.full((6, 2), 0.5))
    rows = answer_rows(0, "train", data, answers)
    assert len(taught(rows, 0, "train", data)) == 6
    first = taught(answer_rows(0, "train", data.first(4), answers[:4]), 0, "train", data)
    assert first.texts.example_ids == data.example_ids[:4] and first.log_probabilities.shape == (4, 2)
    others = (replace(data, words=["good", "bad"]), replace(data, example_ids=data.example_ids[::-1]))
    for texts in (*others, replace(data, words=["one", "two", "three"])):
        with pytest.raises(ValueError, match="the teacher of seed 0 has answered other texts of the split 'train'"):
            taught(rows, 0, "train", texts)
    with pytest.raises(ValueError, match="seed 1 has answered other texts"):
        taught(rows, 1, "train", data)
