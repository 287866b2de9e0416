"""Teachers and students from files: teachers are T5 modules of ``tests.ground``, students are in a LLaMA-shaped host.

The two hosts have other tokenizers, depths, widths and families.
"""

from dataclasses import replace

import numpy as np
import pytest

from peftport.compute.host_inputs import HostInputs
from peftport.distillation.starts import StudentOutputs, StudentSettings, distil_starts
from peftport.distillation.teacher import TeacherSettings, ask_teachers
from peftport.host_building.build import build_host
from peftport.hosts.identify import identify_host
from peftport.hosts.recipe_settings import read_recipe
from peftport.hosts.settings import HostSettings
from peftport.jobs.checkpoints import Checkpoint
from peftport.settings import TrainingSettings
from peftport.storage.cards import read_card, write_card
from peftport.storage.modules import fingerprint, read_module, write_module
from peftport.storage.parquet import read_table, write_table
from peftport.training.fresh_start import initialise_scratch
from tests import ground as stages
from tests.ground import MADE, SEEDS, TASK, TECHNIQUE, TRAINING, in_pieces, modules, prompts
from tests.studies import RAW

SHAPE = {"d_model": 24, "d_ff": 48, "heads": 2, "layers": 1, "vocabulary": 300}
STEPS = 6


@pytest.fixture(scope="module")
def there(ground, tmp_path_factory):
    """A folder with a LLaMA-shaped host, its card, its prompts of the ground's texts, and fresh modules."""
    folder = tmp_path_factory.mktemp("there")
    build_host(read_recipe(RAW | {"family": "llama", "shape": SHAPE}), folder / "llama")
    write_card(
        folder / "llama.json", identify_host("llama", HostSettings(path=str(folder / "llama")), folder / "llama")
    )
    stages.encode(folder, "llama", ground)
    initialise_scratch(folder / "llama.json", TECHNIQUE, fresh(folder), MADE)
    return folder


def fresh(there):
    return {seed: there / "fresh" / f"seed-{seed}" for seed in SEEDS}


def inputs(card, splits):
    return HostInputs(card, splits["train"], splits["validation"])


def ask(ground, into, folders=None, splits=None, texts=None, task=TASK):
    """Write the answers of teachers in the T5 host ``raw``, and give their file."""
    given = inputs(ground / "raw.json", splits or prompts(ground, "raw"))
    answers, facts = ask_teachers(given, folders or modules(ground, "raw"), TeacherSettings(task, "float32", 16, texts))
    write_table(into / "answers.parquet", answers, "teacher_answers", MADE | {"teachers": facts})
    return into / "answers.parquet"


def distil(there, answers, into, splits=None, checkpoint=None, rate=TECHNIQUE["learning_rate"], seeds=SEEDS):
    """Train students; the directories of their modules and the curve."""
    outputs = StudentOutputs({seed: into / f"seed-{seed}" for seed in seeds}, into / "curve.parquet")
    training = TrainingSettings(**TRAINING)
    settings = StudentSettings(TECHNIQUE | {"learning_rate": rate}, training, TASK, STEPS)
    given = inputs(there / "llama.json", splits or prompts(there, "llama"))
    starts = {seed: fresh(there)[seed] for seed in seeds}
    distil_starts(given, answers, starts, settings, outputs, MADE, checkpoint or Checkpoint(None))
    return outputs


@pytest.fixture(scope="module")
def answers(ground, tmp_path_factory):
    return ask(ground, tmp_path_factory.mktemp("teachers"))


@pytest.fixture(scope="module")
def students(there, answers, tmp_path_factory):
    return distil(there, answers, tmp_path_factory.mktemp("students"))


def prints(outputs):
    return {seed: fingerprint(read_module(folder).tensors) for seed, folder in outputs.folders.items()}


def test_the_answers_of_a_teacher_are_a_distribution_over_the_label_words(ground, answers, tmp_path):
    table = read_table(answers, "teacher_answers")
    assert set(table["word"]) == set(TASK["words"]) and set(table["seed"]) == set(SEEDS)
    sums = np.exp(table["log_probability"]).groupby([table["seed"], table["split"], table["example_id"]]).sum()
    assert len(sums) == 2 * (40 + 16) and np.allclose(sums, 1)
    first = read_table(ask(ground, tmp_path, texts=5), "teacher_answers")
    assert first.groupby("split")["example_id"].nunique().to_dict() == {"train": 5, "validation": 5}


def test_students_in_a_host_of_another_family_come_nearer_to_their_teachers(ground, there, students):
    teachers = modules(ground, "raw")
    curve = read_table(students.curve, "curve")
    assert curve.groupby("seed")["step"].agg(list).to_dict() == {seed: [1, STEPS, STEPS] for seed in SEEDS}
    for seed, folder in students.folders.items():
        student, own = read_module(folder), curve[curve["seed"] == seed]
        start, teacher = read_module(fresh(there)[seed]), read_card(teachers[seed] / "card.json")
        assert student.shapes() == start.shapes() and student.config == start.config
        assert fingerprint(student.tensors) != fingerprint(start.tensors)
        said = student.card
        assert (said["initialisation"], said["steps_without_labels"], said["seed"]) == ("distilled", STEPS, seed)
        assert (said["source_host"], said["target_host"], said["dataset"]) == ("raw", "llama", "film")
        assert said["source_module"]["weights_sha256"] == teacher["weights_sha256"]
        assert said["failed_at_step"] is None and said["divergence"] == own["loss"].iloc[-1] < own["loss"].iloc[0]


def test_labels_of_the_dataset_change_nothing(ground, there, students, tmp_path):
    turned = {}
    for folder, host in ((ground, "raw"), (there, "llama")):
        turned[host] = {name: tmp_path / host / path.name for name, path in prompts(folder, host).items()}
        for name, path in prompts(folder, host).items():
            table = read_table(path, "prompts")
            labels = table["label"].map({"positive": "negative", "negative": "positive"})
            write_table(turned[host][name], table.assign(label=labels), "prompts")
    found = distil(there, ask(ground, tmp_path, splits=turned["raw"]), tmp_path, turned["llama"])
    assert prints(found) == prints(students)


def test_a_seed_alone_is_the_same_seed_among_others(there, answers, students, tmp_path):
    alone = distil(there, answers, tmp_path, seeds=[1])
    assert prints(alone) == {1: prints(students)[1]}


def test_from_a_teacher_that_failed_comes_no_student(ground, there, students, tmp_path):
    folders = dict(modules(ground, "raw"))
    lost = read_module(folders[1])
    folders[1] = tmp_path / "lost"
    nothing = {name: np.full_like(tensor, np.nan) for name, tensor in lost.tensors.items()}
    write_module(folders[1], replace(lost, tensors=nothing, card=lost.card | {"failed_at_step": 3}))
    answers = ask(ground, tmp_path, folders)
    assert set(read_table(answers, "teacher_answers")["seed"]) == {0}
    found = distil(there, answers, tmp_path)
    assert prints(found)[0] == prints(students)[0]
    failed = read_module(found.folders[1])
    assert failed.failed_at_step == 3 and failed.shapes() == read_module(found.folders[0]).shapes()
    assert all(np.isnan(tensor).all() for tensor in failed.tensors.values())
    assert set(read_table(found.curve, "curve")["seed"]) == {0}
    # a teacher that ended well, and answers nothing all the same
    write_module(folders[1], replace(lost, tensors=nothing))
    found = distil(there, ask(ground, tmp_path, {1: folders[1]}), tmp_path, seeds=[1])
    assert read_module(found.folders[1]).failed_at_step == 0 and read_table(found.curve, "curve").empty
    tables = stages.evaluate(there, "llama", found.folders, [0])
    assert tables["scores"]["failed_at_step"].tolist() == [0] and tables["scores"]["score"].isna().all()


def test_a_cell_goes_on_from_a_student(there, students):
    names = stages.NAMES | {"initialisation": "distilled", "target_host": "llama"}
    tables = stages.evaluate(there, "llama", students.folders, [0, 2], names)
    assert tables["scores"]["score"].between(0, 1).all() and len(tables["scores"]) == 4


def test_stopped_anywhere_it_goes_on_and_ends_as_if_nothing_had_been(there, answers, students, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    found, times = in_pieces(
        path, 4, lambda checkpoint: distil(there, answers, tmp_path / "out", checkpoint=checkpoint)
    )
    assert times == 3 and prints(found) == prints(students)
    curves = [read_table(outputs.curve, "curve").drop(columns="elapsed_seconds") for outputs in (found, students)]
    assert curves[0].equals(curves[1])


def test_of_several_rates_the_one_nearest_to_the_teacher_is_taken(there, answers, students, tmp_path):
    rates = [1e-6, TECHNIQUE["learning_rate"]]
    found = distil(there, answers, tmp_path, rate=rates)
    assert [read_module(folder).card["learning_rate"] for folder in found.folders.values()] == [rates[1]] * 2
    assert prints(found) == prints(students)


def test_a_student_of_other_label_words_is_refused(ground, there, tmp_path):
    answers = ask(ground, tmp_path)
    table = read_table(answers, "teacher_answers")
    facts = MADE | {"teachers": {str(seed): {"failed_at_step": None} for seed in SEEDS}}
    write_table(answers, table.assign(word=table["word"].replace("positive", "great")), "teacher_answers", facts)
    with pytest.raises(ValueError, match="with other words; expected 40 texts, each with negative, positive"):
        distil(there, answers, tmp_path)
