"""Scores of choices and written answers: against numbers by hand, one host pass per answer, and label words."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from peftport.compute.host_inputs import HostInputs
from peftport.evaluation import generation
from peftport.evaluation.cell import CellSettings, evaluate_cell
from peftport.evaluation.generation import Written, write_texts
from peftport.evaluation.likelihood import answer_log_likelihoods
from peftport.evaluation.lm_types import causal
from peftport.evaluation.score import score, validate
from peftport.hosts.load import load_tokenizer
from peftport.injection.attach import attach
from peftport.jobs.checkpoints import Checkpoint
from peftport.prompting.encoded import Answers, Encoded, read_encoded
from peftport.prompting.task import Task
from peftport.settings import EvaluationSettings, TrainingSettings
from peftport.storage.cards import read_card
from peftport.storage.parquet import read_table, write_table
from peftport.tasks.generation import scores as written_scores
from peftport.tasks.multiple_choice import scores as choice_scores
from tests import encoded, hosts
from tests import ground as stages
from tests.ground import NAMES, TASK, TECHNIQUE, TRAINING, modules
from tests.techniques import SETTINGS

SIZES = EvaluationSettings(batch_size=4)
HOSTS = {"causal": "llama", "encoder_decoder": "t5_gated_untied"}


class Host:
    """A host in name only."""

    def eval(self):
        pass


def asked(lm_type, several=3, kind="multiple_choice", scoring=None):
    """Examples with answers of their own, of one to four tokens."""
    task, data = encoded.asked(lm_type, count=7)
    random = np.random.default_rng(0)
    own = [
        Answers(
            [f"{n}" for n in range(several)], [random.integers(8, 20, random.integers(1, 5)) for _ in range(several)]
        )
        for _ in range(len(data))
    ]
    data = replace(data, words=[], labels=np.arange(len(data)) % several, answers=own)
    return replace(task, words=[], tokens=[], kind=kind, longest_answer=6, scoring=scoring or {}), data


@torch.inference_mode()
def by_hand(model, prompt, answer, lm_type):
    """Log-likelihood of an answer: one pass for every token."""
    total = 0.0
    for at, token in enumerate(answer):
        before = torch.as_tensor(answer[:at], dtype=torch.long)
        if lm_type == "causal":
            logits = model(input_ids=torch.cat([torch.as_tensor(prompt), before])[None]).logits
        else:
            start = torch.cat([torch.tensor([model.config.decoder_start_token_id]), before])[None]
            logits = model(input_ids=torch.as_tensor(prompt)[None], decoder_input_ids=start).logits
        total += float(logits[0, -1].double().log_softmax(-1)[token])
    return total


@pytest.mark.parametrize("lm_type", HOSTS)
@pytest.mark.parametrize("name", ["bare", "lora", "prompt_tuning"])
def test_likelihoods_of_answers_are_those_of_one_pass_for_every_token(lm_type, name):
    model = hosts.host(HOSTS[lm_type], seed=3)
    if name != "bare":
        model = hosts.spread_module(attach(model, name, SETTINGS[name], seed=0))
    model.eval()
    task, data = asked(lm_type)
    expected = [
        [by_hand(model, p, ids, lm_type) for ids in own.tokens]
        for p, own in zip(data.prompts, data.answers, strict=True)
    ]
    for batch_size in (1, 5, 64):
        np.testing.assert_allclose(
            answer_log_likelihoods(model, data, task, batch_size), expected, rtol=1e-5, atol=1e-5
        )
    right = np.concatenate(answer_log_likelihoods(model, data, task, 5, right_only=True))
    np.testing.assert_allclose(
        right, [own[at] for own, at in zip(expected, data.labels, strict=True)], rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("name", ["bare", "lora", "prefix_tuning", "prompt_tuning"])
def test_a_long_answer_of_a_causal_host_is_argmax_decoding(name):
    """By transformers with its cache, and behind a soft prompt without it."""
    model = hosts.host("llama", seed=3)
    if name != "bare":
        model = hosts.spread_module(attach(model, name, SETTINGS[name], seed=0))
    model.eval()
    task, data = asked("causal")
    alone = []
    with torch.inference_mode():
        for prompt in data.prompts:
            row = list(prompt)
            for _ in range(8):
                row.append(int(model(input_ids=torch.as_tensor(row)[None], use_cache=False).logits[0, -1].argmax()))
                if row[-1] == hosts.END:
                    break
            alone.append(row[len(prompt) :])
        together = causal.write(model, data.prompts, task, 8)
    cut = [[int(token) for token in row] for row in together]
    assert [row[: row.index(hosts.END) + 1] if hosts.END in row else row for row in cut] == alone
    assert name != "bare" or len({tuple(row) for row in alone}) > 1


class Letters:
    """A tokenizer whose tokens are letters; 0 is the end."""

    eos_token_id = 0

    def decode(self, ids, skip_special_tokens):
        return "".join(chr(token) for token in ids)


@pytest.mark.parametrize(
    ("said", "stop", "expected"),
    [
        ("yes\0more", [], Written("yes", True)),
        ("yes", [], Written("yes", False)),
        ("\n yes\nno", ["\n"], Written("yes", True)),
        ("yes. no\0", ["\n", ". "], Written("yes", True)),
        ("\0", ["\n"], Written("", True)),
    ],
)
def test_an_answer_ends_at_the_end_or_at_a_text(monkeypatch, said, stop, expected):
    data = encoded.examples(1)
    task = replace(encoded.TASK, tokenizer=Letters(), longest_answer=9)

    def write(model, prompts, task, most, stop):
        row = [ord(letter) for letter in said]
        shorter = [row[:at] for at in range(1, len(row) + 1)]
        assert most == 9
        return [next((part for part in shorter if stop and stop(part)), row)]

    monkeypatch.setattr(generation, "answering", lambda name: SimpleNamespace(write=write))
    assert write_texts(None, data, task, 4, stop) == [expected]


def test_the_likeliest_choice_and_the_likeliest_per_character_by_hand(monkeypatch):
    """Sums -2, -3 of 2 and 6 characters: the first has the larger sum, the second more per character."""
    own = [Answers(["ab", "abcdef"], [np.asarray([3]), np.asarray([4])])] * 4
    data = replace(encoded.examples(4), words=[], labels=np.asarray([0, 0, 1, 1]), answers=own)
    sums = [np.asarray(row) for row in ([-2.0, -3.0], [-3.0, -2.0], [-2.0, -3.0], [-1.0, -9.0])]
    monkeypatch.setattr(choice_scores, "answer_log_likelihoods", lambda *_, **__: sums)
    task = replace(encoded.TASK, kind="multiple_choice", scoring={"metric": "accuracy_normalised"})
    tested = score(Host(), data, task, SIZES)
    row, answers = tested.row, tested.answers
    assert (row["accuracy"], row["accuracy_normalised"]) == (0.25, 0.25)
    assert answers["prediction"].tolist() == ["abcdef", "abcdef", "abcdef", "ab"]
    assert answers["score"].tolist() == [0, 0, 1, 0] and row["score"] == 0.25
    assert (row["metric"], row["macro_f1"], row["calibrated_accuracy"]) == ("accuracy_normalised", None, None)
    assert row["loss"] == pytest.approx((2 + 3 + 3 + 9) / 4)
    shares = [
        -2 - np.logaddexp(-2, -3),
        -3 - np.logaddexp(-3, -2),
        -3 - np.logaddexp(-2, -3),
        -9 - np.logaddexp(-1, -9),
    ]
    np.testing.assert_allclose(answers["choice_log_likelihood"], shares)
    assert validate(Host(), data, task, SIZES) == pytest.approx(np.mean(shares)) == row["choice_log_likelihood"]
    by_sums = score(Host(), data, replace(task, scoring={"metric": "accuracy"}), SIZES)
    assert by_sums.answers["prediction"].tolist() == ["ab", "abcdef", "ab", "ab"] and by_sums.row["score"] == 0.25
    sums[0][1] = np.nan
    assert np.isnan(score(Host(), data, task, SIZES).row["loss"]) and validate(Host(), data, task, SIZES) is None


def test_written_answers_by_hand(monkeypatch):
    own = [Answers(["the cat sat", "a dog"], [np.asarray([3])] * 2)] * 4
    data = replace(encoded.examples(4), words=[], labels=np.zeros(4, int), answers=own)
    said = [Written("the cat sat", True), Written("A dog.", True), Written("", True), Written("the cat sat on", False)]
    monkeypatch.setattr(written_scores, "write_texts", lambda *_: said)
    monkeypatch.setattr(
        written_scores, "answer_log_likelihoods", lambda *_, **__: [np.asarray([-float(n)]) for n in range(4)]
    )
    task = replace(encoded.TASK, kind="generation", scoring={"metric": "token_f1", "stop": []})
    row, answers = score(Host(), data, task, SIZES).row, score(Host(), data, task, SIZES).answers
    assert (row["exact_match"], row["invalid_rate"], row["loss"]) == (0.5, 0.5, 1.5)
    assert answers["score"].tolist() == [1, 1, 0, pytest.approx(2 * 2 / (2 + 3))]  # articles are no words
    assert row["score"] == row["token_f1"] == pytest.approx(answers["score"].mean())
    assert row["rouge_l"] == pytest.approx((1 + 1 + 0 + 6 / 7) / 4)
    assert row["accuracy"] is None and answers["choice_log_likelihood"].isna().all()
    assert answers["generated"].tolist() == [one.text for one in said] and validate(Host(), data, task, SIZES) == -1.5


LONGEST = 2  # tokens of a label word of these hosts, with the end
KINDS = {
    "labels": TASK,
    "multiple_choice": TASK | {"words": [], "kind": "multiple_choice", "scoring": {"metric": "accuracy"}},
    "generation": TASK
    | {"words": [], "kind": "generation", "longest_answer": LONGEST}
    | {"scoring": {"metric": "exact_match", "stop": []}},
}


@pytest.fixture(scope="module")
def told(ground, tmp_path_factory):
    """The tables of a cell with the same dataset put as label words, as choices between these, and as completions."""
    made = {}
    for kind, task in KINDS.items():
        folder = tmp_path_factory.mktemp(kind)
        card = read_card(ground / "instruct.json")
        asked = Task.for_host(task, load_tokenizer(stages.Path(card["folder"])), card, TRAINING["max_tokens"])
        for split in ("train", "validation", "test"):
            frame = read_table(ground / f"{split}.parquet", "examples")
            own = {"multiple_choice": lambda label: ["negative", "positive"], "generation": lambda label: [label]}
            if kind != "labels":
                frame = frame.assign(answers=frame["label"].map(own[kind]))
            prompts = asked.encode(frame, split)
            write_table(folder / f"{split}.parquet", prompts.table(), "prompts")
            read = read_encoded(folder / f"{split}.parquet", asked.words)
            assert read.labels.tolist() == prompts.labels.tolist() and read.right() == prompts.right()
        evaluation = EvaluationSettings(batch_size=16, generate=True, calibration_texts=8)
        settings = CellSettings(TECHNIQUE, TrainingSettings(**TRAINING), evaluation, task, [0, 3])
        inputs = HostInputs(
            ground / "instruct.json", *(folder / f"{name}.parquet" for name in ("train", "validation", "test"))
        )
        made[kind] = evaluate_cell(inputs, modules(ground, "raw"), settings, NAMES, Checkpoint(None))
        for name, table in made[kind].items():
            write_table(folder / f"{name}-table.parquet", table, name)
    return made


def test_choices_between_label_words_are_label_words(told):
    """Trained alike to the last bit, and scored alike."""
    labels, choices = told["labels"], told["multiple_choice"]
    columns = ["phase", "step", "loss", "learning_rate"]
    pd.testing.assert_frame_equal(labels["curve"][columns], choices["curve"][columns], check_exact=True)
    assert labels["scores"]["accuracy"].tolist() == choices["scores"]["accuracy"].tolist()
    assert labels["predictions"]["prediction"].tolist() == choices["predictions"]["prediction"].tolist()
    for column in ("loss", "choice_log_likelihood"):
        np.testing.assert_allclose(labels["scores"][column], choices["scores"][column], rtol=1e-5)
    assert choices["scores"]["calibrated_accuracy"].isna().all() and choices["scores"]["macro_f1"].isna().all()


def test_completions_that_are_label_words_are_free_generation(told):
    labels, written = told["labels"], told["generation"]
    columns = ["phase", "step", "loss", "learning_rate"]
    pd.testing.assert_frame_equal(labels["curve"][columns], written["curve"][columns], check_exact=True)
    assert labels["scores"]["generated_accuracy"].tolist() == written["scores"]["exact_match"].tolist()
    assert written["scores"]["score"].tolist() == written["scores"]["exact_match"].tolist()
    assert labels["predictions"]["score"].tolist() == labels["predictions"]["correct"].astype(float).tolist()
    np.testing.assert_allclose(labels["scores"]["loss"], written["scores"]["loss"], rtol=1e-5)
    assert set(labels["scores"]["metric"]) == {"accuracy"} and labels["scores"]["rouge_l"].isna().all()


def test_what_an_answer_may_be_is_checked_where_the_tokenizer_is_known(ground):
    card = read_card(ground / "instruct.json")
    tokenizer = load_tokenizer(stages.Path(card["folder"]))
    frame = read_table(ground / "test.parquet", "examples").head(2)
    choosing = Task.for_host(KINDS["multiple_choice"], tokenizer, card, 32)
    with pytest.raises(ValueError, match=r"example \w+: the tokenizer cannot tell the choices '好', '坏' apart"):
        choosing.encode(frame.assign(answers=[["好", "坏"]] * 2, label="好"))
    writing = Task.for_host(KINDS["generation"], tokenizer, card, 32)
    with pytest.raises(ValueError, match=rf"example \w+: the completion 'good .* allows {LONGEST}"):
        writing.encode(frame.assign(answers=[["good film " * 9]] * 2))
    several = frame.assign(answers=[["good", "bad"], ["film"]])
    assert writing.encode(several, "train").right() == ["good", "bad", "film"]
    assert len(writing.encode(several, "test")) == 2
    with pytest.raises(
        ValueError, match="`generation` cannot be put to a host of the type `masked`: a masked language"
    ):
        Task.for_host(KINDS["generation"], tokenizer, card | {"lm_type": "masked"})


def test_answers_in_turn_tell_nothing_of_the_right_ones():
    task, data = asked("causal", several=2)
    assert task.in_turn(data).labels.tolist() == [0, 1, 0, 1, 0, 1, 0]
    moved = replace(task, kind="generation").in_turn(data)
    assert moved.answers == [data.answers[-1], *data.answers[:-1]]


def test_a_cut_prompt_leaves_room_for_the_longest_answer():
    """Of a causal host the answer stands behind the prompt, within what the host can read."""
    task, data = asked("causal")
    task = replace(task, max_tokens=None)
    assert replace(task, positions=10).longest_prompt() == 10 - 6
    assert replace(task, positions=10).with_room(data.answers).longest_answer == 6
    long = [Answers(["a"], [np.arange(8)])]
    assert replace(task, positions=20).with_room(long).longest_prompt() == 20 - 9
    assert isinstance(data, Encoded) and len(data.first(3).answers) == 3
