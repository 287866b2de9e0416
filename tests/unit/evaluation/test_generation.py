"""Free generation against argmax decoding by hand, and the two scores computed from what was written."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from peftport.evaluation.generation import generate_answers
from peftport.evaluation.score import score
from peftport.injection.attach import attach
from peftport.prompting.template import normalise_answer
from peftport.settings import EvaluationSettings
from peftport.tasks.labels import scores as scoring
from tests import encoded, hosts
from tests.techniques import SETTINGS

DATA = encoded.examples(9)
TASK = replace(encoded.TASK, tokens=[[3], [4, 9, 10, 11]])  # at most five tokens: the longest word, and the end
NAMES = ["bare", "lora", "prefix_tuning", "prompt_tuning", "compacter"]


def make(name, host="t5_gated_untied"):
    host = hosts.host(host, seed=3)
    if name == "bare":
        return host
    return hosts.spread_module(attach(host, name, SETTINGS[name], seed=0))


@torch.inference_mode()
def by_hand(model, prompt, longest, opening=()):
    """The likeliest token, again and again, until the end or ``longest``; everything read anew each time."""
    begun = written = [model.config.decoder_start_token_id, *opening]
    for _ in range(longest):
        ids = torch.as_tensor(prompt)[None]
        logits = model(input_ids=ids, decoder_input_ids=torch.as_tensor(written)[None], use_cache=False).logits
        written = [*written, int(logits[0, -1].argmax())]
        if written[-1] == hosts.END:
            break
    return normalise_answer(encoded.Tokenizer().batch_decode([written[len(begun) :]], skip_special_tokens=True)[0])


@pytest.mark.parametrize("name", NAMES)
def test_it_is_argmax_decoding(name):
    model = make(name)
    expected = [by_hand(model, prompt, 5) for prompt in DATA.prompts]
    assert len(set(expected)) > 1
    for batch_size in (1, 4, 128):
        assert generate_answers(model, DATA, TASK, batch_size) == expected


@pytest.mark.parametrize("name", ["bare", "prefix_tuning", "prompt_tuning"])
@pytest.mark.parametrize("host", ["bart", "umt5"])
def test_further_families_write_so_too(host, name):
    """BART's own settings force its first token and the end, forbid repetitions and short answers; none of it holds."""
    model, tokenizer = make(name, host), encoded.Opening() if host == "bart" else encoded.Tokenizer()
    expected = [by_hand(model, prompt, 5, tokenizer.opening) for prompt in DATA.prompts]
    assert len(set(expected)) > 1
    assert generate_answers(model, DATA, replace(TASK, tokenizer=tokenizer), 4) == expected


def test_settings_of_the_hosts_own_are_overruled():
    """A hub's generation_config may ask for samples or beams."""
    model = make("bare")
    expected = generate_answers(model, DATA, TASK, 4)
    model.generation_config.update(do_sample=True, num_beams=3, temperature=5.0, max_new_tokens=2)
    torch.manual_seed(0)
    assert generate_answers(model, DATA, TASK, 4) == expected


def scores_of(monkeypatch, written, generate=True):
    monkeypatch.setattr(scoring, "generate_answers", lambda *_: written)
    task = replace(encoded.TASK, words=["Very good", "bad"], tokens=[[4, 9], [3]])
    data = encoded.examples(4)
    data.labels[:] = [0, 0, 1, 1]
    tested = score(make("bare"), data, task, EvaluationSettings(batch_size=4, generate=generate))
    return tested.row, tested.answers


@pytest.mark.parametrize(
    ("written", "accuracy", "invalid"),
    [
        (["very good", "very good", "bad", "bad"], 1.0, 0.0),
        (["bad", "bad", "very good", "very good"], 0.0, 0.0),
        (["very good", "good", "bad", ""], 0.5, 0.5),
        (["very good", "bad", "very good", "very good bad"], 0.25, 0.25),
    ],
)
def test_generated_accuracy_and_invalid_rate_by_hand(monkeypatch, written, accuracy, invalid):
    row, answers = scores_of(monkeypatch, written)
    assert (row["generated_accuracy"], row["invalid_rate"]) == (accuracy, invalid)
    assert answers["generated"].tolist() == written


def test_nothing_is_generated_unless_the_study_says_so(monkeypatch):
    row, answers = scores_of(monkeypatch, None, generate=False)
    assert row["generated_accuracy"] is None and row["invalid_rate"] is None
    assert answers["generated"].isna().all()


def test_likelihood_scores_are_computed_from_the_likelihoods(monkeypatch):
    monkeypatch.setattr(
        scoring, "log_likelihoods", lambda *_: np.log([[0.6, 0.3], [0.2, 0.5], [0.1, 0.8], [0.25, 0.5]])
    )
    row, answers = scores_of(monkeypatch, None, generate=False)
    assert row["accuracy"] == 0.75
    assert row["macro_f1"] == pytest.approx((2 / 3 + 0.8) / 2)
    assert row["loss"] == pytest.approx(-np.log([0.6, 0.2, 0.8, 0.5]).mean())
    assert row["test_examples"] == 4
    assert answers["prediction"].tolist() == ["Very good", "bad", "bad", "bad"]
    assert answers["label"].tolist() == ["Very good", "Very good", "bad", "bad"]
    assert answers["correct"].tolist() == [True, False, True, True]
    assert np.exp(answers["log_likelihood"]).tolist() == pytest.approx([0.6, 0.2, 0.8, 0.5])
