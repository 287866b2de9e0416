"""Likelihood scoring against brute force: one example at a time, whole label sequences, no padding."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from peftport.evaluation import likelihood
from peftport.evaluation.lm_types import encoder_decoder
from peftport.injection.attach import attach
from tests import encoded, hosts
from tests.techniques import SETTINGS

LABELS = {
    "one token each": [[3], [4], [9]],
    "unequal lengths": [[3], [4, 9], [9, 10, 11], [9, 3]],
}
DATA = encoded.examples(11)


def models():
    yield "bare", lambda: hosts.host("t5_gated_untied")
    yield "tied", lambda: hosts.host("t5_relu_tied")
    for name in ("lora", "adapters", "prefix_tuning", "prompt_tuning"):
        yield (
            name,
            lambda name=name: hosts.spread_module(attach(hosts.host("t5_gated_untied"), name, SETTINGS[name], seed=0)),
        )


MODELS = dict(models())
# further families, by one length of labels
FURTHER = {
    "bart": lambda: hosts.host("bart"),
    "bart, prompt_tuning": lambda: attach(hosts.host("bart"), "prompt_tuning", SETTINGS["prompt_tuning"], seed=0),
    "umt5": lambda: hosts.host("umt5"),
    "umt5, prefix_tuning": lambda: hosts.spread_module(
        attach(hosts.host("umt5_tied"), "prefix_tuning", SETTINGS["prefix_tuning"], seed=0)
    ),
}
CASES = [(make, tokens) for make in MODELS.values() for tokens in LABELS.values()]
CASES += [(make, LABELS["unequal lengths"]) for make in FURTHER.values()]
CASE_NAMES = [f"{name}-{labels}" for name in MODELS for labels in LABELS] + list(FURTHER)


def tokenizer_of(model):
    return encoded.Opening() if model.config.model_type == "bart" else encoded.Tokenizer()


def log_likelihoods(model, data, tokens, batch_size):
    task = replace(encoded.TASK, tokens=tokens, tokenizer=tokenizer_of(model))
    return likelihood.log_likelihoods(model, data, task, batch_size)


@pytest.fixture
def many_path(monkeypatch):
    monkeypatch.setattr(encoder_decoder, "_single_token", encoder_decoder._many_tokens)


@torch.inference_mode()
def brute_force(model, data, tokens):
    """The log-softmax written out; each label after what begins an answer, each token given those before it."""
    begun = [model.config.decoder_start_token_id, *tokenizer_of(model).opening]
    scores = np.zeros((len(data), len(tokens)))
    for row, prompt in enumerate(data.prompts):
        for column, label in enumerate(tokens):
            written = [*begun, *label[:-1]]
            ids, decoder = torch.as_tensor(prompt)[None], torch.as_tensor(written)[None]
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), decoder_input_ids=decoder).logits[0]
            for place, token in enumerate(label):
                line = logits[len(begun) - 1 + place].double().numpy()
                scores[row, column] += line[token] - np.log(np.exp(line - line.max()).sum()) - line.max()
    return scores


@pytest.mark.parametrize(("make", "tokens"), CASES, ids=CASE_NAMES)
def test_it_is_the_brute_force(make, tokens):
    model = make().double()
    expected = brute_force(model, DATA, tokens)
    assert expected.std(0).min() > 1e-3  # the prompt matters
    np.testing.assert_allclose(log_likelihoods(model, DATA, tokens, 4), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("name", [*MODELS, "bart"])
def test_both_paths_agree_on_single_tokens(name, request):
    model, tokens = (MODELS | FURTHER)[name](), LABELS["one token each"]
    single = log_likelihoods(model, DATA, tokens, 4)
    request.getfixturevalue("many_path")
    np.testing.assert_allclose(log_likelihoods(model, DATA, tokens, 4), single, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["one token each", "unequal lengths"])
def test_the_path_is_chosen_by_the_labels(name, monkeypatch):
    taken = []
    for path in ("_single_token", "_many_tokens"):
        real = getattr(encoder_decoder, path)
        monkeypatch.setattr(encoder_decoder, path, lambda *args, p=path, r=real: taken.append(p) or r(*args))
    log_likelihoods(MODELS["bare"](), DATA, LABELS[name], 128)
    assert taken == ["_single_token" if name == "one token each" else "_many_tokens"]


@pytest.mark.parametrize("tokens", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("name", ["bare", "prefix_tuning"])
def test_batch_size_and_padding_change_nothing(name, tokens):
    model = MODELS[name]()
    alone = log_likelihoods(model, DATA, tokens, 1)
    for batch_size in (2, 5, 128):
        np.testing.assert_allclose(log_likelihoods(model, DATA, tokens, batch_size), alone, rtol=1e-5, atol=1e-5)


def test_other_labels_change_nothing():
    """A label is read for itself: neither longer ones beside it nor their order move its score."""
    model, tokens = MODELS["bare"](), LABELS["unequal lengths"]
    together = log_likelihoods(model, DATA, tokens, 4)
    for column, label in enumerate(tokens):
        np.testing.assert_allclose(log_likelihoods(model, DATA, [label], 4)[:, 0], together[:, column], rtol=1e-5)


def test_likelihoods_of_all_single_tokens_sum_to_one():
    everything = [[token] for token in range(hosts.VOCABULARY)]
    scores = log_likelihoods(MODELS["bare"](), DATA, everything, 4)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(np.exp(scores).sum(1), 1, atol=1e-5)


def test_nothing_asks_for_gradients():
    model = MODELS["lora"]()
    log_likelihoods(model, DATA, LABELS["unequal lengths"], 4)
    assert all(parameter.grad is None for parameter in model.parameters())
