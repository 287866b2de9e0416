"""An adapter with a classification head, by plain peft: taken in, moved and tested as in plain peft, in both hosts."""

import shutil

import numpy as np
import pytest
import torch
import yaml
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from peftport.adapters.admit import Existing, admit_module
from peftport.adapters.check import check
from peftport.adapters.folder import read_adapter
from peftport.adapters.form import form_of
from peftport.adapters.port_command import port_command
from peftport.assess.command import assess_command
from peftport.host_building.build import build_host
from peftport.hosts.identify import identify_host
from peftport.hosts.recipe_settings import read_recipe
from peftport.hosts.settings import HostSettings
from peftport.porting.start import make_starts
from peftport.prompting.encoded import read_encoded
from peftport.storage.cards import write_card
from peftport.study.read import read_study
from tests import ground as stages
from tests.adapters import copied
from tests.hosts import spread_module
from tests.once import once
from tests.unit.evaluation.test_cell_families import FURTHER, RECIPE
from tests.unit.hosts.test_load_families import rewrite

WORDS, OUTPUTS = stages.TASK["words"], ["positive", "negative"]  # the study's order, and the adapter's


@pytest.fixture(scope="module")
def place(ground, tmp_path_factory):
    """Two BERTs with a pooler, prompts for them, and an adapter of the first by plain peft; tests only read it."""

    def fill(folder):
        save_hosts(folder)
        for name in ("raw", "instruct"):
            card = identify_host(name, HostSettings(path="somewhere", head="classification"), folder / name)
            write_card(folder / f"{name}.json", card)
            stages.encode(folder, name, ground)
        config = LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"], r=2, lora_alpha=4)
        spread_module(get_peft_model(classifier(folder / "raw"), config)).save_pretrained(folder / "adapter")
        even_out(folder)

    return once(tmp_path_factory, "hosts-and-adapter-with-a-head", fill)


def save_hosts(folder):
    """Two BERTs with one pooler, ``raw`` and ``instruct``, and nothing of a head."""
    build_host(read_recipe(RECIPE | {"family": "bert"}), folder / "raw")
    build_host(read_recipe(FURTHER), folder / "instruct", folder / "raw")
    torch.manual_seed(4)
    pooler = {"bert.pooler.dense.weight": torch.randn(16, 16), "bert.pooler.dense.bias": torch.randn(16)}
    for name in ("raw", "instruct"):
        rewrite(folder / name, **pooler)


def classifier(folder):
    return AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(OUTPUTS))


def even_out(place):
    """Shift an output of the adapter's head so that either is the largest for many of the examples, and no two tie."""
    logits = np.stack([one.numpy() for one in outputs(place, "instruct", place / "adapter").values()])
    ahead = np.sort(logits[:, 0] - logits[:, 1])[6:18]
    widest = np.diff(ahead).argmax()

    def shift(tensors):
        name = "base_model.model.classifier.bias"
        return tensors | {name: tensors[name] - np.float32([ahead[widest : widest + 2].mean(), 0])}

    copied(place / "adapter", place / "adapter", shift)


@torch.no_grad()
def outputs(place, name, adapter):
    """Example id to the outputs of the head, by transformers and peft alone."""
    prompts = read_encoded(stages.prompts(place, name)["test"], WORDS)
    tokenizer = AutoTokenizer.from_pretrained(place / name)
    inputs = tokenizer.pad({"input_ids": [list(map(int, one)) for one in prompts.prompts]}, return_tensors="pt")
    logits = PeftModel.from_pretrained(classifier(place / name), adapter).eval()(**inputs).logits
    return dict(zip(prompts.example_ids, logits, strict=True))


def in_plain_peft(place, name, adapter):
    """Example id to the label of the largest output."""
    return {example: OUTPUTS[logits.argmax()] for example, logits in outputs(place, name, adapter).items()}


def admitted(place, folder, adapter=None):
    """Where the adapter lies, taken in for seeds 0 and 1."""
    adapter = adapter or place / "adapter"
    technique = form_of(read_adapter(adapter)) | {"learning_rate": 0.001, "source_steps": None}
    existing = Existing(adapter, None, technique, {"path": "adapter"}, "film", WORDS, OUTPUTS)
    folders = {seed: folder / f"seed-{seed}" for seed in stages.SEEDS}
    admit_module(place / "raw.json", existing, folders, {})
    return folders, technique


def answers(place, name, starts, technique):
    table = stages.evaluate(place, name, starts, [0], technique=technique)["predictions"]
    return {seed: dict(zip(one["example_id"], one["prediction"], strict=True)) for seed, one in table.groupby("seed")}


def test_its_answers_are_those_of_plain_peft_to_the_last_example_in_both_hosts(place, tmp_path):
    folders, technique = admitted(place, tmp_path / "admitted")
    starts = {seed: tmp_path / f"start-{seed}" for seed in stages.SEEDS}
    make_starts("ported", folders, {}, {"source": place / "raw.json", "target": place / "instruct.json"}, starts, {})
    for name, modules in (("raw", folders), ("instruct", starts)):
        wanted = in_plain_peft(place, name, place / "adapter")
        assert answers(place, name, modules, technique) == dict.fromkeys(stages.SEEDS, wanted) and len(wanted) == 24
    assert set(wanted.values()) == set(WORDS)


def test_what_is_no_part_of_the_head_does_not_enter_with_it(place, tmp_path):
    """The host's own pooler, and a tensor that stands in place of one of the host's."""
    size = np.ones((16, 16), np.float32)
    for name in ("bert.pooler.dense.weight", "bert.encoder.layer.0.output.dense.weight"):
        odd = copied(
            place / "adapter",
            tmp_path / name,
            lambda tensors, name=name: tensors | {f"base_model.model.{name}": size},
            modules_to_save=["classifier", "pooler", "dense"],
        )
        with pytest.raises(ValueError, match=rf"in host `raw`: .*extra 1: base_model.model.{name}"):
            admitted(place, tmp_path, odd)


def test_check_says_how_many_outputs_it_has_and_tries_it_with_its_head(place):
    report = check(place / "adapter", place / "instruct", place / "raw", weights=True)
    (said,) = [reason.line for reason in report.reasons if reason.check == "head" and "of its own" in reason.line]
    assert "with 2 outputs" in said and "no file says which output is which label" in said
    assert report.verdict == "copy" and {"flips_now", "flips_before"} <= report.measured["canary"].keys()


def test_check_names_a_layer_that_neither_adapter_nor_host_has(place, tmp_path):
    shutil.copytree(place / "instruct", tmp_path / "host")
    rewrite(tmp_path / "host", drop=("bert.pooler.dense.weight", "bert.pooler.dense.bias"))
    report = check(place / "adapter", tmp_path / "host", place / "raw")
    (said,) = [reason.line for reason in report.reasons if reason.level == "impossible"]
    assert said.startswith("its head reads what bert.pooler computes") and report.verdict == "impossible"


def test_port_writes_it_with_its_head(place, tmp_path):
    places = ["--from", place / "raw", "--to", place / "instruct", "--out", tmp_path / "out"]
    assert port_command([str(part) for part in (place / "adapter", *places)]) == 0
    assert in_plain_peft(place, "instruct", tmp_path / "out") == in_plain_peft(place, "instruct", place / "adapter")


def test_assess_asks_for_the_order_of_the_outputs_and_keeps_it(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [f"a {('bad', 'good')[n % 2]} film of the year before number {n},{n % 2}" for n in range(40)]
    (tmp_path / "rows.csv").write_text("\n".join(["comment,stars", *rows]) + "\n")
    given = [place / "adapter", "--from", place / "raw", "--to", place / "instruct", "--data", "rows.csv"]
    given = [*map(str, given), "--config-only", "--out", "here"]
    assert assess_command(given, None) == 2
    assert "--labels: expected value=word for each label in the order of the outputs" in capsys.readouterr().err
    assert assess_command([*given, "--labels", "1=positive,0=negative"], None) == 0
    config = yaml.safe_load((tmp_path / "here/study.yaml").read_text())
    assert [host["head"] for host in config["hosts"].values()] == ["classification"] * 2
    study = read_study(tmp_path / "here/study.yaml", tmp_path)
    (module,) = study.config.modules.values()
    assert module.labels == OUTPUTS and study.config.datasets["task"].words == WORDS
