"""A task of lm-evaluation-harness as a test: our answers, and no trace in the host or in random numbers."""

import random

import numpy as np
import pytest
import torch

pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed (pip install 'peftport[lm-eval]')")

from peftport.data.prepare import prepare
from peftport.data.settings import DatasetSettings
from peftport.evaluation.score import score, validate
from peftport.hosts.load import load_model, load_tokenizer
from peftport.injection.attach import attach
from peftport.prompting.task import Task
from peftport.settings import EvaluationSettings
from peftport.storage.cards import read_card
from peftport.tasks.lm_eval import harness
from tests.ground import TASK, TECHNIQUE
from tests.lm_eval_tasks import CHOICE, TASKS, WRITING, write_tasks

EVALUATION = EvaluationSettings(batch_size=4, calibration_texts=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tasks, and datasets' cache apart from the user's."""
    place = tmp_path_factory.mktemp("lm_eval")
    write_tasks(place, CHOICE, WRITING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.config.HF_DATASETS_CACHE", str(place / "cache"))
        yield place


@pytest.fixture(scope="module")
def splits(folder):
    return prepare(dataset(folder), folder)[0]


def dataset(folder, task="film_choice", **source):
    said = {"task": task, "include_path": str(folder / TASKS), **source}
    return DatasetSettings.model_validate({"source": {"lm_eval": said}})


def asked(ground, definition):
    """The dataset as the host ``raw`` sees it."""
    settings = {"template": "{text}", "words": [], "kind": definition.kind, "scoring": definition.scoring}
    return Task.for_host(settings, load_tokenizer(ground / "hosts/raw"), read_card(ground / "raw.json"))


@pytest.fixture
def model(ground):
    """A T5 with an output layer of its own, and a module in it."""
    torch.manual_seed(0)
    host = attach(load_model(ground / "hosts/raw"), "lora", TECHNIQUE, seed=0)
    with torch.no_grad():
        for name, parameter in host.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.5)
    return host


def test_documents_are_the_examples(folder, splits):
    assert {name: len(frame) for name, frame in splits.items()} == {"train": 22, "validation": 2, "test": 24}
    row = splits["test"].iloc[0]
    assert row["text"].startswith("sentiment: the plot 1 ") and row["label"] in (" negative", " positive")
    assert list(row["answers"]) == [row["label"]]


def test_it_answers_as_a_dataset_of_labels_does(ground, folder, splits, model):
    """The same prompts, the same words, the same choice, example by example."""
    theirs = asked(ground, dataset(folder))
    scored = score(model, theirs.encode(splits["test"]), theirs, EVALUATION)
    ours = Task.for_host(TASK, theirs.tokenizer, read_card(ground / "raw.json"))
    plain = splits["test"].assign(
        text=splits["test"]["text"].str.removeprefix("sentiment: "), label=splits["test"]["label"].str.strip()
    )
    own = score(model, ours.encode(plain), ours, EVALUATION)
    assert scored.answers["example_id"].tolist() == own.answers["example_id"].tolist()
    for column in ("label", "prediction", "correct"):
        assert scored.answers[column].tolist() == own.answers[column].tolist(), column
    assert np.allclose(scored.answers["log_likelihood"], own.answers["log_likelihood"], atol=1e-4)
    assert 0 < scored.row["score"] < 1 and scored.row["score"] == own.row["accuracy"]
    assert (scored.row["metric"], scored.row["test_examples"]) == ("acc", 24)


def test_the_output_layer_stays_the_hosts_own(ground, folder, splits, model):
    """Without the guard HFLM ties it to the embedding, and every score is of another host."""
    head, theirs = model.get_output_embeddings().weight, asked(ground, dataset(folder))
    kept, data = head.detach().clone(), theirs.encode(splits["test"])
    score(model, data, theirs, EVALUATION)
    assert model.get_output_embeddings().weight is head and torch.equal(head, kept)
    assert head is not model.get_input_embeddings().weight
    assert "tie_weights" not in vars(model)


def test_lm_eval_ties_the_output_layer_of_a_host_that_is_not_guarded(model, ground):
    """If this fails, it does no longer, and the guard may go."""
    from lm_eval.models.huggingface import HFLM

    HFLM(pretrained=model, tokenizer=load_tokenizer(ground / "hosts/raw"), backend="seq2seq", device="cpu")
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_a_changed_output_layer_is_noticed(model):
    with pytest.raises(RuntimeError, match="has changed the output layer"), harness.untied(model), torch.no_grad():
        model.get_output_embeddings().weight[0, 0] += 1


def test_random_numbers_go_on_as_if_nothing_had_been_tested(ground, folder, splits, model):
    theirs = asked(ground, dataset(folder))
    data = theirs.encode(splits["test"])

    def drawn(test):
        random.seed(1), np.random.seed(2), torch.manual_seed(3)
        if test:
            score(model, data, theirs, EVALUATION)
        return random.random(), np.random.rand(), torch.rand(()).item()

    assert drawn(test=True) == drawn(test=False)


def test_a_task_that_is_written(ground, folder, model):
    definition = dataset(folder, "film_writing", metric="exact_match")
    splits, facts = prepare(definition, folder)
    theirs = asked(ground, definition)
    train = theirs.encode(splits["train"], "train")
    assert theirs.tokenizer.decode(train.answers[0].tokens[0]) == splits["train"]["label"].iloc[0].strip()
    scored = score(model, theirs.encode(splits["test"]), theirs, EVALUATION)
    assert scored.row["metric"] == "exact_match" and set(scored.answers["score"]) <= {0.0, 1.0}
    assert facts["source"]["task_version"] == "1.0" and facts["source"]["lm_eval"].startswith("0.4")
    assert np.isfinite(validate(model, theirs.encode(splits["validation"]), theirs, EVALUATION))


def test_what_cannot_be_measured_is_refused_with_the_reason(folder):
    with pytest.raises(ValueError, match="has no metric `f1`; it has `acc`"):
        prepare(dataset(folder, metric="f1"), folder)
    with pytest.raises(ValueError, match="no task of lm-eval `film_choise`"):
        prepare(dataset(folder, "film_choise"), folder)
