"""`peftport assess` up to the run: the config that it writes, and what it refuses."""

import pytest
import yaml

from peftport.assess.command import assess_command
from peftport.study.read import read_study
from tests.adapters import lora_of_raw

LABELS = ["--labels", "0=negative,1=positive"]


@pytest.fixture(scope="module")
def adapter(tmp_path_factory, hosts):
    return lora_of_raw(tmp_path_factory, hosts)


@pytest.fixture
def assess(hosts, adapter, tmp_path, monkeypatch):
    """Runs the command with further arguments in a folder with a file of 40 examples; no workflow is run."""
    monkeypatch.chdir(tmp_path)
    words = ("bad", "good")
    rows = [f"{n},a {words[n % 2]} film of the year before number {n},{n % 2}" for n in range(40)]
    (tmp_path / "rows.csv").write_text("\n".join(["id,comment,stars", *rows]) + "\n")
    ran = []

    def assess(*more, **replaced):
        given = {"--from": hosts / "raw", "--to": hosts / "instruct", "--data": "rows.csv", "--out": "here"} | replaced
        arguments = [str(part) for pair in given.items() for part in pair]
        return assess_command([str(adapter), *arguments, *more], lambda told: ran.append(told) or 7)

    assess.ran = ran
    return assess


def test_the_config_is_a_study_that_a_person_can_edit(assess, tmp_path, capsys):
    assert assess(*LABELS, "--config-only") == 0 and assess.ran == []
    file = tmp_path / "here/study.yaml"
    text, study = file.read_text(), read_study(file, tmp_path)
    assert "Config: here/study.yaml" in capsys.readouterr().out
    assert "must be the prompt that the adapter was trained with" in text
    assert study.grid.initialisations == ["ported", "sampled", "matched", "scratch"]
    assert (study.grid.references, study.blocks) == (["bare", "native", "source"], {"0-2": [0, 1, 2]})
    assert study.config.datasets["task"].split.test == 0.5
    assert study.budgets == [0, 10, 40]
    file.write_text(text.replace("10, 40]", "10, 80]"))
    assert assess(*LABELS) == 2 and assess.ran == []
    assert "says something else" in capsys.readouterr().err and "10, 80]" in file.read_text()
    assert assess("--keep-config") == 1  # the run, which is none here, ends with 7
    assert assess.ran == [["--configfile", str(file), "--directory", "here", "--cores", "all"]]
    assert "did not run to its end (exit status 7)" in capsys.readouterr().err


def test_a_file_of_its_own_to_test_on_leaves_the_other_to_training(assess, tmp_path):
    (tmp_path / "test.csv").write_text((tmp_path / "rows.csv").read_text())
    more = ("--test-data", "test.csv", "--budgets", "0,5", "--seeds", "1", "--learning-rate", "0.01", "--config-only")
    assert assess(*LABELS, *more) == 0
    config = yaml.safe_load((tmp_path / "here/study.yaml").read_text())
    files = config["datasets"]["task"]["source"]["files"]
    assert [file.get("split") for file in files] == [None, "test"] and "test" not in config["datasets"]["task"]["split"]
    assert config["grid"]["budgets"] == [0, 5] and config["grid"]["seeds"] == [[0]]
    assert next(iter(config["modules"].values()))["learning_rate"] == 0.01


def test_a_probe_is_a_dataset_that_is_only_tested_on(assess, tmp_path):
    rows = [f"is this one {('true', 'false')[n % 2]} or not, number {n};{n % 2}" for n in range(20)]
    (tmp_path / "probe.tsv").write_text("\n".join(["question;answer", *rows]).replace(";", "\t") + "\n")
    more = ["--probe", "probe.tsv", "--probe-labels", "0=yes,1=no", "--probe-template", "{text} Answer:"]
    assert assess(*LABELS, *more, "--config-only") == 0
    study = read_study(tmp_path / "here/study.yaml", tmp_path)
    probe = study.config.datasets["probe"]
    assert study.grid.probes == ["probe"] and study.config.datasets["task"].template == "{text}"
    (file,) = probe.source.files
    assert (file.columns.text, file.columns.label, file.split) == ("question", "answer", "test")
    assert (probe.labels, probe.template) == ({"0": "yes", "1": "no"}, "{text} Answer:")
    assert len(study.probed) == 5 and "&id" not in (tmp_path / "here/study.yaml").read_text()


@pytest.mark.parametrize(
    ("more", "replaced", "said"),
    [
        (["--labels", "0=negative"], {}, "'1' has none"),
        ([*LABELS, "--probe-text", "comment"], {}, "--probe-text: expected --probe FILE beside it"),
        ([*LABELS, "--probe", "rows.csv", "--probe-label", "star"], {}, "no column for --probe-label star"),
        ([*LABELS, "--probe", "rows.csv", "--probe-labels", "0=no"], {}, "--probe-labels: expected a word for each"),
        ([*LABELS, "--probe", "nothing.csv"], {}, "nothing.csv: no such file"),
        (["--labels", "0=negative,1=positive,2=odd"], {}, "'2' is no value of the column 'stars'"),
        (LABELS, {"--to": "nowhere"}, "--to nowhere: expected a host's folder"),
        (LABELS, {"--to": "a/b@main"}, "a branch or a tag moves and is not followed: its page lists commits"),
        (LABELS, {"--data": "rows.tsv"}, "rows.tsv: no such file"),
        ([*LABELS, "--label", "star"], {}, "Did you mean `stars`"),
        ([*LABELS, "--template", "no text"], {}, "`datasets.task.template`"),
        ([*LABELS, "--after", "7"], {}, "--after 7: expected one of the budgets 0, 10, 40"),
        (["--keep-config"], {}, "there is none"),
    ],
)
def test_what_does_not_fit_is_refused_with_one_message(assess, capsys, more, replaced, said):
    assert assess(*more, **replaced) == 2 and assess.ran == []
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "more", [["--budgets", "5,10"], ["--budgets", "0,9,3"], ["--max-drop", "2"], ["--labels", "a"], ["--seeds", "0"]]
)
def test_arguments_that_mean_nothing_are_refused(assess, more):
    with pytest.raises(SystemExit, match="2"):
        assess(*LABELS, *more)
