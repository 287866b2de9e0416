"""Mixtures in a config: what is refused before any job, and which datasets and jobs they ask for."""

import pytest

from peftport.planning.graph import Graph
from peftport.stages.mix_prompts import MixPrompts
from peftport.stages.train_source import TrainSource
from peftport.study.config import ConfigError, read_settings
from peftport.study.derived_datasets import of_member, randomised, without
from peftport.study.entries import Source
from peftport.study.study import Study
from tests.unit.planning.test_graph import CONFIG, LABELS

ALL = {"mixture": {"film": 1, "book": 2}}
PAIRS = [{"source": "all", "target": name} for name in ("film", "book", "hotel")]
HOTEL = {"source": {"generated": {"domain": "hotel", "train": 64}}, "labels": LABELS}


def config(mixture=ALL, datasets=None, **grid):
    """A study with a mixture of films and books, tested on both and on hotels."""
    known = CONFIG["datasets"] | {"hotel": HOTEL, "all": mixture} | (datasets or {})
    return CONFIG | {"datasets": known, "grid": CONFIG["grid"] | {"dataset_pairs": PAIRS} | grid}


def study(more=None, **given):
    return Study(read_settings(config(**given) | (more or {})))


TESTED = {"source": {"files": [{"path": "other.csv", "split": "test"}]}, "labels": {"0": "no", "1": "yes"}}
FURTHER = {"base": "raw", "corpus": {"dataset": "all"}, "steps": 1}
HEAD = {"path": "bert", "head": "classification"}
WRONG = {
    "an unknown member": (
        {"mixture": {"mixture": {"film": 1, "bok": 1}}},
        {},
        "`datasets.all.mixture.bok`: no dataset `bok`. Did you mean `book`?",
    ),
    "one member": ({"mixture": {"mixture": {"film": 1}}}, {}, "`datasets.all.mixture`: expected at least 2 entries"),
    "a weight of nothing": (
        {"mixture": {"mixture": {"film": 0, "book": 1}}},
        {},
        "`datasets.all.mixture.film`: expected more than 0",
    ),
    "a mixture of mixtures": (
        {"datasets": {"more": {"mixture": {"film": 1, "all": 1}}}},
        {},
        "`datasets.more.mixture.all`: `all` is a mixture itself; expected datasets with a `source`: `film`, `book`,",
    ),
    "a member that is only tested": (
        {"mixture": {"mixture": {"film": 1, "other": 1}}, "datasets": {"other": TESTED}},
        {},
        "`datasets.all.mixture.other`: expected training examples, every file of `other` is to test",
    ),
    "prompts of its own": (
        {"mixture": ALL | {"template": "say: {text}"}},
        {},
        "`datasets.all`: expected no `template` beside `mixture`, whose datasets say what is asked",
    ),
    "a source of its own": (
        {"mixture": ALL | {"source": HOTEL["source"]}},
        {},
        "expected no `source` beside `mixture`",
    ),
    "labels of its own": ({"mixture": ALL | {"labels": LABELS}}, {}, "expected no `labels` beside `mixture`"),
    "neither source nor mixture": (
        {"mixture": {"labels": LABELS}},
        {},
        "`datasets.all`: expected a `source`, which says where the examples come from",
    ),
    "a test of it": (
        {"dataset_pairs": [{"source": "film", "target": "all"}]},
        {},
        "`grid.dataset_pairs.0.target`: `all` is a mixture, which source modules are trained on and nothing",
    ),
    "test examples": (
        {"mixture": ALL | {"examples": {"test": 5}}},
        {},
        "`datasets.all.examples.test`: expected no such key",
    ),
    "a probe": ({"probes": ["all"]}, {}, "`grid.probes.0`: `all` is a mixture"),
    "a member as a probe": (
        {"dataset_pairs": PAIRS[:1], "probes": ["book"]},
        {},
        "`grid.probes.0`: expected a dataset that is only tested on, `book` is a member of a mixture",
    ),
    "a map's texts": (
        {},
        {"maps": {"activations": {"texts": "all"}}},
        "`maps.activations.texts`: `all` is a mixture",
    ),
    "a host's texts": (
        {},
        {"hosts": CONFIG["hosts"] | {"more": {"build": FURTHER}}},
        "`hosts.more.build.corpus.dataset`: `all` is a mixture",
    ),
    "a classification head": (
        {},
        {"hosts": {"raw": HEAD, "instruct": HEAD}},
        "`grid.dataset_pairs.0.source`: the host `raw` has a classification head with one output",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_no_mixture_can_be_is_refused_before_any_job(wrong):
    given, more, said = WRONG[wrong]
    with pytest.raises(ConfigError) as refusal:
        study(more, **given)
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


def test_its_members_are_datasets_of_the_study_whether_they_are_tested_or_not():
    made = study(dataset_pairs=PAIRS[2:])
    assert made.datasets == made.read_datasets == ["film", "book", "hotel"] and made.mixtures == ["all"]
    assert list(made.used().datasets) == ["film", "book", "hotel", "all"]
    plain = study(dataset_pairs=[{"source": "film", "target": "film"}])
    assert plain.datasets == ["film"] and plain.mixtures == [] and list(plain.used().datasets) == ["film"]


def test_what_is_derived_from_it_is_derived_from_each_member():
    cleaned = randomised(without("all", "film"))
    assert of_member(cleaned, "film") == "film@random"
    assert of_member(cleaned, "book") == "book@without-film@random"
    made = study({"decontaminate": True}, initialisations=["ported", "random_target"], references=[])
    assert made.parts(cleaned) == {"film": "film@random", "book": "book@without-film@random"}
    assert made.parts("film@random") == {}
    assert {name for name in made.derived if "film" in name.partition("@")[2]} == {
        "book@without-film",
        "book@without-film@random",
    }
    for target in ("film", "book", "hotel"):  # what is trained on shares no text with what is tested on
        parts = made.parts(without("all", target))
        assert all(part in (target, without(member, target)) for member, part in parts.items())


def test_source_modules_read_the_draw_of_their_members_prompts():
    made = study({"decontaminate": True})
    graph = Graph(made)
    trained = TrainSource("lora", "raw", "all@without-film", "0-1")
    assert trained in graph.stages["train_source"]
    reads = graph.needs(trained)
    drawn = MixPrompts("raw", "all@without-film", "validation")
    assert reads["validation"].stage == drawn and reads["train"].stage.split == "train"
    assert [one.stage.dataset for one in drawn.needs(made)["members"]] == ["film", "book@without-film"]
    asked = drawn.settings(made)
    assert asked["weights"] == {"film": 1, "book": 2} and list(asked["tasks"]) == ["film", "book"]
    tested = {stage.dataset for stage in graph.stages["encode_dataset"] if stage.split == "test"}
    assert tested == {"film", "book", "hotel"} and {one.split for one in graph.stages["mix_prompts"]} == {
        "train",
        "validation",
    }


def test_a_mean_of_other_modules_takes_none_of_the_members():
    made = study(initialisations=["ported", "target_mean"])
    start = next(one for one in made.starts if one.initialisation == "target_mean")
    assert made.siblings_of(start) == [Source("lora", "instruct", "hotel", "0-1")]
    alone = study(initialisations=["ported", "target_mean"], dataset_pairs=PAIRS[:1])
    start = next(one for one in alone.starts if one.initialisation == "target_mean")
    assert alone.siblings_of(start) == [Source("lora", "instruct", "all", "0-1")]


def test_weights_and_seed_move_the_training_and_a_members_prompt_moves_it_too():
    def keys(**given):
        graph = Graph(study(**given))
        return {
            stage: graph.key(stage)
            for stage in graph.stages["train_source"]
            if stage.host == "raw" and stage.technique == "lora"
        }

    both = [*PAIRS, {"source": "hotel", "target": "hotel"}]
    usual = keys(dataset_pairs=both)
    for mixture in (
        {"mixture": {"film": 2, "book": 2}},
        ALL | {"split": {"seed": 1}},
        ALL | {"examples": {"train": 9}},
    ):
        changed = keys(dataset_pairs=both, mixture=mixture)
        assert {stage.dataset for stage in usual if usual[stage] != changed[stage]} == {"all"}
    asked = keys(dataset_pairs=both, datasets={"book": CONFIG["datasets"]["book"] | {"template": "say: {text}"}})
    assert {stage.dataset for stage in usual if usual[stage] != asked[stage]} == {"all"}
