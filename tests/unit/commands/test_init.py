"""``peftport init``: the config that it writes, its questions, and what it refuses."""

import io

import pytest

from peftport.commands.init import OFFERED, QUESTIONS, init
from peftport.study.read import read_study

OURS = ["--source", "bundled:reviews-raw", "--target", "bundled:reviews-instruct"]
TAKEN = [*OURS, "--data", "generated", "--techniques", "lora"]


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch):
    """A folder with a file of 40 examples, and nobody at a terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    rows = [f"a {('bad', 'good')[n % 2]} film of the year before number {n},{n % 2}" for n in range(40)]
    (tmp_path / "rows.csv").write_text("\n".join(["comment,stars", *rows]) + "\n")


@pytest.mark.parametrize("technique", OFFERED)
def test_what_is_written_is_a_study_for_every_technique(technique, tmp_path):
    assert init([*OURS, "--data", "generated", "--techniques", technique, "mine.yaml"]) == 0
    study = read_study("mine.yaml", tmp_path)
    assert (study.name, study.grid.techniques) == ("mine", [technique])
    assert study.grid.initialisations[0] == "ported" and "scratch" in study.grid.initialisations


def test_own_examples_get_their_columns_words_and_splits(tmp_path):
    assert init([*OURS, "--data", "rows.csv", "--labels", "0=negative,1=positive", "--techniques", "lora,ia3"]) == 0
    study = read_study("study.yaml", tmp_path)
    task = study.config.datasets["task"]
    assert {"text": "comment", "label": "stars"}.items() <= task.source.files[0].columns.as_json().items()
    assert task.labels == {"0": "negative", "1": "positive"}
    assert (task.split.validation, task.split.test) == (0.1, 0.5)


def test_comments_say_what_to_edit_and_the_next_command_is_printed(tmp_path, capsys):
    assert init(TAKEN) == 0
    text = (tmp_path / "study.yaml").read_text()
    assert "peftport --configfile study.yaml" in text and "# Results land in" in text
    assert "peftport plan study.yaml" in capsys.readouterr().out


def test_questions_are_asked_for_what_no_flag_says(tmp_path, monkeypatch, capsys):
    """Enter takes what stands in brackets."""
    asked = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers = {"Techniques, joined by commas": "ia3"}
    monkeypatch.setattr("builtins.input", lambda said: asked.append(said) or answers.get(said.partition(" [")[0], ""))
    assert init(["--data", "generated"]) == 0
    assert len(asked) == len(QUESTIONS) - 1 and all("[" in question for question in asked)
    study = read_study("study.yaml", tmp_path)
    assert study.grid.techniques == ["ia3"]
    assert study.config.hosts["old"].bundled == "reviews-raw"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (OURS, "expected --data, --techniques: nobody can be asked"),
        ([*OURS, "--data", "generated", "--techniques", "lroa"], "Did you mean `lora`?"),
        ([*TAKEN, "--source", "nowhere"], "--source nowhere: expected a host's folder"),
        ([*TAKEN, "--data", "nothing.csv"], "nothing.csv: no such file"),
        ([*TAKEN, "--data", "rows.csv", "--label", "star"], "Did you mean `stars`?"),
        ([*TAKEN, "--data", "rows.csv", "--labels", "0=no"], "expected a word for each value of the column 'stars'"),
        ([*TAKEN, "--template", "no text"], "template"),
        ([*TAKEN, "--learning-rate", "-1"], "learning_rate"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(arguments, said, tmp_path, capsys):
    assert init(arguments) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "study.yaml").exists()


@pytest.mark.parametrize("name", ["study.txt", "a b.yaml", "any.yaml"])
def test_a_name_that_no_study_can_have_is_refused(name, capsys):
    with pytest.raises(SystemExit, match="2"):
        init([*TAKEN, name])
    assert "in the name" in capsys.readouterr().err


def test_a_file_that_is_there_stays(tmp_path, capsys):
    (tmp_path / "study.yaml").write_text("mine")
    assert init(TAKEN) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "study.yaml").read_text() == "mine"
