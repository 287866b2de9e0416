"""Answers of masked language models against brute force: one example at a time, nothing filled up."""

import numpy as np
import pytest
import torch

from peftport.evaluation.generation import generate_answers
from peftport.evaluation.likelihood import log_likelihoods
from peftport.evaluation.lm_types import masked
from peftport.injection.attach import attach
from tests import encoded, hosts
from tests.techniques import SETTINGS

LABELS = {
    "one token each": [[3], [4], [9]],
    "two and three tokens": [[3, 4], [4, 9, 10], [9, 3, 3]],
    "unequal lengths": [[3], [4, 9], [9, 10, 11], [9, 3]],
}
MODELS = [
    (host, technique) for host in ("bert", "roberta") for technique in (None, "lora", "adapters", "prefix_tuning")
]
# further families, by one length of labels; near-sighted layers and a prefix meet in ModernBERT
FURTHER = [(host, technique) for host in hosts.ENCODERS for technique in (None, "adapters")]
FURTHER += [("modernbert", "prefix_tuning")]
CASES = [(*model, labels) for model in MODELS for labels in LABELS]
CASES += [(*model, "unequal lengths") for model in FURTHER]


def make(host, technique):
    bare = hosts.host(host, seed=3)
    return bare if technique is None else hosts.spread_module(attach(bare, technique, SETTINGS[technique], seed=0))


@torch.inference_mode()
def lines(model, prompt):
    """Log-probabilities at each mask of one prompt alone."""
    ids = torch.as_tensor(prompt)[None]
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].double().numpy()
    logits = logits[prompt == encoded.MASK]
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


@pytest.mark.parametrize(("host", "technique", "labels"), CASES)
def test_it_is_the_brute_force(host, technique, labels):
    model, (task, data) = make(host, technique).double(), encoded.asked("masked", LABELS[labels], 9)
    expected = np.asarray(
        [
            [sum(found[place, token] for place, token in enumerate(word)) for word in task.tokens]
            for found in (lines(model, prompt) for prompt in data.prompts)
        ]
    )
    assert expected.std(0).min() > 1e-3  # the prompt matters
    np.testing.assert_allclose(log_likelihoods(model, data, task, 4), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize(("host", "technique"), [("bert", None), ("roberta", None), ("bert", "lora")])
def test_batch_size_and_padding_change_nothing(host, technique, labels):
    model, (task, data) = make(host, technique), encoded.asked("masked", LABELS[labels], 9)
    alone = log_likelihoods(model, data, task, 1)
    for batch_size in (2, 5, 128):
        np.testing.assert_allclose(log_likelihoods(model, data, task, batch_size), alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("host", "technique"), MODELS + FURTHER)
def test_what_it_writes_is_the_likeliest_token_at_each_mask(host, technique):
    model, (task, data) = make(host, technique), encoded.asked("masked", LABELS["unequal lengths"], 9)
    filled = [lines(model, prompt).argmax(1).tolist() for prompt in data.prompts]
    filled = [row[: [*row, hosts.END].index(hosts.END)] for row in filled]
    read = encoded.Tokenizer().batch_decode
    for batch_size in (1, 4, 128):
        assert generate_answers(model, data, task, batch_size) == read(filled, skip_special_tokens=True)


def test_an_answer_ends_at_the_first_separator(monkeypatch):
    task, data = encoded.asked("masked", LABELS["unequal lengths"], 3)
    at_masks = torch.nn.functional.one_hot(torch.as_tensor([[9, 1, 4], [9, 3, 5], [1, 9, 9]]), hosts.VOCABULARY)
    monkeypatch.setattr(masked, "_at_masks", lambda *_: at_masks)
    assert masked.write(None, data.prompts, task) == [[9], [9, 3, 5], []]
