"""Answers of causal language models against brute force: one example at a time, nothing filled up."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from peftport.evaluation.generation import generate_answers
from peftport.evaluation.likelihood import log_likelihoods
from peftport.hosts.families.table import family
from peftport.injection.attach import attach, trainable_parameters
from peftport.prompting.batches import mask_of, pad
from peftport.prompting.template import normalise_answer
from tests import encoded, hosts
from tests.techniques import SETTINGS

LABELS = {
    "one token each": [[3], [4], [9]],
    "unequal lengths": [[3], [4, 9], [9, 10, 11], [9, 3]],
}
MODELS = [
    (host, technique)
    for host in ("gpt2", "llama")
    for technique in (None, "lora", "adapters", "prefix_tuning", "prompt_tuning")
]


def make(host, technique):
    bare = hosts.host(host, seed=3)
    if technique is None:
        return bare
    settings = SETTINGS[technique]
    if technique == "lora" and "q" not in family(bare.config.model_type).sites:
        settings = settings | {"targets": ["qkv"]}
    model = hosts.spread_module(attach(bare, technique, settings, seed=0))
    with torch.no_grad():
        for parameter in trainable_parameters(model).values():
            parameter.mul_(0.1)  # larger ones drown the prompt
    return model


@torch.inference_mode()
def brute_force(model, data, tokens):
    """The log-softmax written out; each token of a label given the prompt and the label's tokens before it."""
    scores = np.zeros((len(data), len(tokens)))
    for row, prompt in enumerate(data.prompts):
        for column, label in enumerate(tokens):
            for place, token in enumerate(label):
                ids = torch.as_tensor([*prompt, *label[:place]])[None]
                line = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, -1].double().numpy()
                scores[row, column] += line[token] - np.log(np.exp(line - line.max()).sum()) - line.max()
    return scores


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize(("host", "technique"), MODELS)
def test_it_is_the_brute_force(host, technique, labels):
    model = make(host, technique).double()
    task, data = encoded.asked("causal", LABELS[labels], 9)
    expected = brute_force(model, data, task.tokens)
    assert expected.std(0).min() > 1e-3  # the prompt matters
    np.testing.assert_allclose(log_likelihoods(model, data, task, 4), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("host", hosts.DECODERS)
def test_every_decoder_scores_and_writes_as_the_brute_force(host):
    model = make(host, "prefix_tuning")
    task, data = encoded.asked("causal", [[3], [4, 9, 10]], 5)
    assert generate_answers(model, data, task, 4) == [by_hand(model, prompt, 4) for prompt in data.prompts]
    expected = brute_force(model, data, task.tokens)
    assert expected.std(0).min() > 1e-3
    # not in float64, where Gemma 2's eager attention makes NaN of what fills a row up
    np.testing.assert_allclose(log_likelihoods(model, data, task, 4), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("technique", [None, "prompt_tuning"])
def test_batch_size_and_padding_change_nothing(technique, labels):
    model = make("gpt2", technique)
    task, data = encoded.asked("causal", LABELS[labels], 9)
    alone = log_likelihoods(model, data, task, 1)
    for batch_size in (2, 5, 128):
        np.testing.assert_allclose(log_likelihoods(model, data, task, batch_size), alone, rtol=1e-5, atol=1e-5)


class Unpadded(encoded.Tokenizer):
    """As GPT-2's: no token for padding."""

    pad_token_id = None


@pytest.mark.parametrize("host", ["gpt2", "llama"])
def test_a_host_without_a_padding_token_answers_alike(host):
    model = make(host, None)
    task, data = encoded.asked("causal", LABELS["unequal lengths"], 9)
    other = replace(task, tokenizer=Unpadded())
    assert (task.padding(), other.padding()) == (hosts.PAD, hosts.END)
    assert np.array_equal(log_likelihoods(model, data, other, 4), log_likelihoods(model, data, task, 4))
    assert generate_answers(model, data, other, 4) == generate_answers(model, data, task, 4)


@torch.inference_mode()
def by_hand(model, prompt, longest):
    """The likeliest token, again and again, until the end or ``longest``; everything read anew each time."""
    written = []
    for _ in range(longest):
        ids = torch.as_tensor([*prompt, *written])[None]
        written.append(int(model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, -1].argmax()))
        if written[-1] == hosts.END:
            break
    return normalise_answer(encoded.Tokenizer().batch_decode([written], skip_special_tokens=True)[0])


@pytest.mark.parametrize(("host", "technique"), MODELS)
def test_what_it_writes_is_argmax_decoding(host, technique):
    model = make(host, technique)
    task, data = encoded.asked("causal", [[3], [4, 9, 10, 11]], 9)
    expected = [by_hand(model, prompt, 5) for prompt in data.prompts]
    assert len(set(expected)) > 1
    for batch_size in (1, 4, 128):
        assert generate_answers(model, data, task, batch_size) == expected


@pytest.mark.parametrize(("host", "technique"), [("gpt2", None), ("gpt2", "lora"), ("llama", "lora")])
def test_it_agrees_with_generate_on_rows_filled_up_on_the_left(host, technique):
    model, (task, data) = make(host, technique), encoded.asked("causal", [[3], [4, 9, 10, 11]], 9)
    ids, mask = (torch.from_numpy(part) for part in (pad(data.prompts, 0, left=True), mask_of(data.prompts, left=True)))
    theirs = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=5, do_sample=False)[:, ids.shape[1] :]
    ours = generate_answers(model, data, task, 4)
    assert ours == encoded.Tokenizer().batch_decode(theirs, skip_special_tokens=True)


def test_it_stops_at_the_end():
    model = make("gpt2", None)
    with torch.no_grad():
        model.lm_head.weight[hosts.END] = 100 * model.lm_head.weight[3]  # tied: the end is likely wherever 3 is
    task, data = encoded.asked("causal", [[3], [4, 9, 10, 11]], 24)
    written = generate_answers(model, data, task, 8)
    assert written == [by_hand(model, prompt, 5) for prompt in data.prompts]
    assert len({len(text.split()) for text in written}) > 1
