"""A module with a classification head from its source to scores in another host, with its head and without."""

import numpy as np
import pytest

from peftport.compute.host_inputs import HostInputs
from peftport.distillation.starts import StudentOutputs, StudentSettings, distil_starts
from peftport.distillation.teacher import TeacherSettings, ask_teachers
from peftport.host_building.build import build_host
from peftport.hosts.classification_head import fresh_head, load_classifier
from peftport.hosts.identify import identify_host
from peftport.hosts.recipe_settings import read_recipe
from peftport.hosts.settings import HostSettings
from peftport.injection.complete import completed
from peftport.jobs.checkpoints import Checkpoint
from peftport.porting.start import make_starts
from peftport.seeds import derive
from peftport.settings import TrainingSettings
from peftport.storage.cards import write_card
from peftport.storage.modules import read_module
from peftport.storage.parquet import read_table, write_table
from peftport.training.extract import extract_modules
from peftport.training.fresh_start import initialise_scratch
from tests import ground as stages
from tests.unit.evaluation.test_cell_families import FURTHER, RECIPE

KINDS = ("ported", "ported_fresh_head", "head_only", "sampled")
WORDS = stages.TASK["words"]


@pytest.fixture(scope="module")
def moved(ground, tmp_path_factory):
    """Two BERTs, modules trained in the first, and what starts in the second."""
    folder = tmp_path_factory.mktemp("heads")
    build_host(read_recipe(RECIPE | {"family": "bert"}), folder / "raw")
    build_host(read_recipe(FURTHER), folder / "instruct", folder / "raw")
    for name in ("raw", "instruct"):
        card = identify_host(name, HostSettings(path="somewhere", head="classification"), folder / name)
        write_card(folder / f"{name}.json", card)
        stages.encode(folder, name, ground)
    trained = stages.train(folder, "raw", folder / "state")
    extract_modules(trained["state"], trained["config"], stages.modules(folder, "raw"), stages.MADE)
    cards = {"source": folder / "raw.json", "target": folder / "instruct.json"}
    for kind in KINDS:
        make_starts(kind, stages.modules(folder, "raw"), {}, cards, starts(folder, kind), {})
    initialise_scratch(cards["target"], stages.TECHNIQUE, starts(folder, "scratch"), {})
    return folder


def starts(folder, kind):
    return {seed: folder / "starts" / kind / f"seed-{seed}" for seed in stages.SEEDS}


@pytest.fixture(scope="module")
def whole(moved):
    """Of every kind what seed 0 begins with in the second host."""
    host = load_classifier(moved / "instruct", len(WORDS)).model
    of = (stages.TECHNIQUE, ("pooler", "classifier"), WORDS, 0)
    return {k: completed(host, read_module(starts(moved, k)[0]), *of) for k in (*KINDS, "scratch")}


def bits(module, names):
    return {name: module.tensors[name].tobytes() for name in names}


def test_a_module_says_its_labels_and_its_starts_whether_the_head_moved(moved):
    module = read_module(stages.modules(moved, "raw")[0])
    assert module.card["labels"] == WORDS and len(module.head) == 4
    said = {kind: read_module(starts(moved, kind)[0]) for kind in KINDS}
    assert {kind: start.card["head"] for kind, start in said.items()} == {
        "ported": "moved", "ported_fresh_head": "fresh", "head_only": "moved", "sampled": "moved",
    }  # fmt: skip
    assert said["ported_fresh_head"].config["modules_to_save"] is None
    assert list(said["head_only"].tensors) == module.head


def test_what_moves_is_the_sources_and_what_is_fresh_is_that_of_scratch(moved, whole):
    module, head = read_module(stages.modules(moved, "raw")[0]), whole["scratch"].head
    body = [name for name in module.tensors if name not in head]
    assert len({tuple(start.tensors) for start in whole.values()}) == 1 and len(body) + len(head) == len(module.tensors)
    wanted = {"ported": (module, module), "ported_fresh_head": (module, whole["scratch"])}
    wanted |= {"head_only": (whole["scratch"], module)}
    for kind, (of_body, of_head) in wanted.items():
        assert bits(whole[kind], body) == bits(of_body, body), kind
        assert bits(whole[kind], head) == bits(of_head, head), kind
    drawn = whole["sampled"].tensors["base_model.model.classifier.weight"]
    trained = module.tensors["base_model.model.classifier.weight"]
    assert (drawn != trained).all() and drawn.std() == pytest.approx(trained.std(), rel=0.5)


def test_a_fresh_head_is_not_the_one_near_which_the_source_was_trained(moved, whole):
    host, parts = load_classifier(moved / "raw", 2).model, ("pooler", "classifier")
    first, target = (fresh_head(host, parts, derive(0, "head", role)) for role in ("source", "target"))
    name = "classifier.weight"
    trained = read_module(stages.modules(moved, "raw")[0]).tensors[f"base_model.model.{name}"]
    assert np.array_equal(whole["ported_fresh_head"].tensors[f"base_model.model.{name}"], target[name])

    def likeness(drawn):
        return np.corrcoef(drawn[name].ravel(), trained.ravel())[0, 1]

    assert likeness(first) - likeness(target) > 0.1


def test_between_other_labels_the_module_moves_alone(moved, whole, capsys):
    host = load_classifier(moved / "instruct", 3).model
    module = read_module(starts(moved, "ported")[0])
    parts = ("pooler", "classifier")
    alone = completed(host, module, stages.TECHNIQUE, parts, ["a", "b", "c"], 0)
    assert (
        "a fresh head, because the module's was trained on other labels (negative, positive)" in capsys.readouterr().out
    )
    assert alone.tensors["base_model.model.classifier.weight"].shape[0] == 3
    body = [name for name in module.tensors if name not in module.head]
    assert bits(alone, body) == bits(module, body)
    two = completed(load_classifier(moved / "instruct", 2).model, module, stages.TECHNIQUE, parts, ["bad", "good"], 0)
    assert bits(two, module.head) == bits(whole["scratch"], module.head)


def test_scores_are_those_of_the_head_and_a_bare_host_is_at_chance(moved):
    tables = stages.evaluate(moved, "instruct", starts(moved, "ported"), [0, 2])
    assert tables["scores"]["accuracy"].between(0, 1).all() and tables["scores"]["failed_at_step"].isna().all()
    # the outputs of a head are all there is, so the likelihood of a label is its likelihood among the labels
    answers = tables["predictions"]
    np.testing.assert_allclose(answers["log_likelihood"], answers["choice_log_likelihood"], atol=1e-6)
    bare = stages.evaluate(moved, "instruct", {0: None}, [0], cell=stages.NAMES | {"initialisation": "bare"})
    assert bare["scores"]["loss"].item() == pytest.approx(np.log(2))
    assert bare["predictions"]["prediction"].tolist() == [WORDS[row % 2] for row in range(len(bare["predictions"]))]
    fresh = stages.evaluate(moved, "instruct", starts(moved, "ported_fresh_head"), [0])["scores"]["loss"]
    scratch = stages.evaluate(moved, "instruct", starts(moved, "scratch"), [0])["scores"]["loss"]
    assert (fresh - scratch).abs().max() > 0 and (fresh - np.log(2)).abs().max() < 0.2


def test_a_student_has_a_head_of_its_own_that_has_learned_from_a_teachers(moved, whole, tmp_path):
    def inputs(host):
        splits = stages.prompts(moved, host)
        return HostInputs(moved / f"{host}.json", splits["train"], splits["validation"])

    def ask(task):
        return ask_teachers(inputs("raw"), {0: stages.modules(moved, "raw")[0]}, TeacherSettings(task, "float32", 16))

    answers, teachers = ask(stages.TASK)
    write_table(tmp_path / "answers.parquet", answers, "teacher_answers", {"teachers": teachers})
    training = TrainingSettings(**stages.TRAINING)
    settings = StudentSettings(stages.TECHNIQUE, training, stages.TASK, 4)
    outputs = StudentOutputs({0: tmp_path / "student"}, tmp_path / "curve.parquet")
    scratch = {0: starts(moved, "scratch")[0]}
    given = (tmp_path / "answers.parquet", scratch, settings, outputs, {}, Checkpoint(None))
    distil_starts(inputs("instruct"), *given)
    student = read_module(tmp_path / "student")
    assert student.card["labels"] == WORDS and student.head == whole["scratch"].head
    assert bits(student, student.head) != bits(whole["scratch"], student.head)
    tables = stages.evaluate(moved, "instruct", outputs.folders, [0])
    assert tables["scores"]["failed_at_step"].isna().all()
    curve = read_table(outputs.curve, "curve")
    assert curve["loss"].iloc[-1] == student.card["divergence"] < curve["loss"].iloc[0]
    with pytest.raises(ValueError, match="head answers negative, positive, and cannot teach a dataset with the label"):
        ask(stages.TASK | {"words": ["bad", "good"]})


def test_a_head_does_not_move_to_a_host_that_answers_with_words(moved):
    card = identify_host("words", HostSettings(path="somewhere"), moved / "instruct")
    write_card(moved / "words.json", card)
    cards = {"source": moved / "raw.json", "target": moved / "words.json"}
    with pytest.raises(
        ValueError, match=r"raw -> words: the hosts differ in\n  head: classification in raw, language_model in"
    ):
        make_starts("ported", stages.modules(moved, "raw"), {}, cards, {0: moved / "never"}, {})
    assert not (moved / "never").exists()
