"""Datasets of other kinds than label words in a config: what is refused before any job, and what a key depends on."""

import copy
import json

import pytest
import yaml

from peftport.paths import pipeline_root
from peftport.stages.sections import prepared_by, scored_task, task
from peftport.study.config import ConfigError, check_config, read_settings
from peftport.study.study import Study

DEFAULT = yaml.safe_load((pipeline_root() / "config" / "config.yaml").read_text(encoding="utf-8"))
MASKED = {"build": {"family": "bert", "corpus": {"generated": {"domains": ["film"]}}}}
ROW = {"text": "the sky is", "choices": ["green", "blue"], "answer": 1, "completion": "blue and wide"}


def config(kind, rows=(ROW,), folder=None, masked=False, **keys):
    """The default study with one dataset of a kind, from a file of these rows."""
    (folder / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made = copy.deepcopy(DEFAULT)
    made["datasets"] = {"own": {"template": "{text}", "source": {"files": [{"path": "data.jsonl"}]}, **kind} | keys}
    made["grid"]["dataset_pairs"] = [{"source": "own", "target": "own"}]
    if masked:
        made["hosts"] = {"a": MASKED, "b": MASKED}
        made["grid"]["transfers"] = [{"source": "a", "target": "b"}]
    return made


CHOOSING, WRITING = {"multiple_choice": {}}, {"generation": {"max_new_tokens": 4}}
GENERATED = {"generated": {"domain": "film"}}
WRONG = {
    "no kind": ({}, {}, "config key `datasets.own`: expected one of `labels`, `multiple_choice`, `generation`"),
    "two kinds": ({**CHOOSING, **WRITING}, {}, "config key `datasets.own`: expected only one of `labels`"),
    "choices of generated reviews": (CHOOSING, {"source": GENERATED}, "`datasets.own.source`: generated reviews have"),
    "a metric of another kind": (
        {"generation": {"metric": "accuracy"}},
        {},
        "`datasets.own.generation.metric`: got",
    ),
    "labels of another task": (
        {"labels": {"negative": "bad", "positive": "good"}},
        {"source": {"generated": {"domain": "film", "task": "negation"}}},
        "`datasets.own.labels`: expected a word for each of `without` and `with`, the values of generated data, got",
    ),
    "fewer labels than topics": (
        {"labels": {"film": "film", "book": "book"}},
        {"source": {"generated": {"domain": ["film", "book", "game"], "task": "topic"}}},
        "`datasets.own.labels`: expected a word for each of `film`, `book` and `game`, the values of generated data",
    ),
    "a label near a topic": (
        {"labels": {"film": "film", "boks": "book"}},
        {"source": {"generated": {"domain": ["film", "book"], "task": "topic"}}},
        "got `film`, `boks`. Did you mean `book`?",
    ),
    "an unknown topic": (
        {"labels": {"film": "film", "boks": "book"}},
        {"source": {"generated": {"domain": ["film", "boks"], "task": "topic"}}},
        '`datasets.own.source.generated.domain.1`: got "boks", allowed are',
    ),
    "topics of one domain": (
        {"labels": {"film": "film", "book": "book"}},
        {"source": {"generated": {"domain": "film", "task": "topic"}}},
        "`datasets.own.source.generated.domain`: expected a list of domains for `task: topic`, got film.",
    ),
    "hard sentences where labels say which": (
        {"labels": {"with": "good", "without": "bad"}},
        {"source": {"generated": {"domain": "film", "task": "contrast", "hard_share": 0.1}}},
        "`datasets.own.source.generated.hard_share`: expected none for `task: contrast`",
    ),
    "more facts than there are": (
        {"labels": {"fact": "bad", "opinion": "good"}},
        {"source": {"generated": {"domain": "hotel", "task": "subjectivity"}}},
        "`datasets.own.source.generated`: expected at most 388 examples in all splits together, as `hotel` has 194",
    ),
    "noise of choices": (
        CHOOSING,
        {"label_noise": 0.1},
        "`datasets.own.label_noise`: expected it only beside `labels`",
    ),
    "too much noise": (
        {"labels": {"a": "bad", "b": "good"}},
        {"label_noise": 1.1},
        "`datasets.own.label_noise`: expected at most 1, got 1.1",
    ),
    "noise without training": (
        {"labels": {"a": "bad", "b": "good"}},
        {"label_noise": 0.1, "source": {"files": [{"path": "data.jsonl", "split": "test"}]}},
        "`datasets.own.label_noise`: expected it only beside `labels` and where the source has examples to train on.",
    ),
    "an answer elsewhere": (CHOOSING, {"template": "{answer} {text}"}, "expected {answer} at the end"),
    "equal choices": (
        CHOOSING,
        {"rows": [ROW | {"choices": ["a", "a"]}]},
        "line 1: the choices 0 and 1 are equal",
    ),
    "an answer out of range": (
        CHOOSING,
        {"rows": [ROW, ROW | {"answer": 2}]},
        "line 2: expected as answer",
    ),
    "a long completion": (
        WRITING,
        {"rows": [ROW | {"completion": "one two three four"}]},
        "line 1: the completion has 4 words",
    ),
    "a masked host that chooses": (CHOOSING, {"masked": True}, "`datasets.own.multiple_choice`: the host `a` (bert)"),
    "a masked host that writes": (WRITING, {"masked": True}, "fills gaps and writes no text. Expected a causal or an"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_dataset_gets_one_message(tmp_path, name):
    kind, keys, said = WRONG[name]
    with pytest.raises(ConfigError) as error:
        check_config(config(kind, folder=tmp_path, **keys), tmp_path)
    assert said in str(error.value)


def test_other_kinds_have_no_template_by_default(tmp_path):
    made = config(CHOOSING, folder=tmp_path)
    del made["datasets"]["own"]["template"]
    with pytest.raises(ConfigError, match=r"`datasets.own.template`: expected one, such as"):
        check_config(made, tmp_path)


def study(tmp_path, **settings):
    return Study(read_settings(config({"generation": {"max_new_tokens": 9} | settings}, folder=tmp_path), tmp_path))


def test_a_score_prepares_and_trains_nothing_anew(tmp_path):
    one, other = study(tmp_path), study(tmp_path, metric="exact_match", stop=["."])
    longer = study(tmp_path, max_new_tokens=12)
    assert prepared_by(one, "own") == prepared_by(other, "own") != prepared_by(longer, "own")
    assert task(one, "own") == task(other, "own") != task(longer, "own")
    assert scored_task(one, "own") != scored_task(other, "own")
    labels = Study(read_settings(copy.deepcopy(DEFAULT), tmp_path))
    dataset = labels.datasets[0]
    assert set(prepared_by(labels, dataset)) == {"source", "labels", "split", "examples"}
    assert scored_task(labels, dataset)["scoring"] == {"metric": "accuracy"}
