"""The journey of an adapter made by plain peft: assessed, and the same as in plain peft at both ends."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from peftport.assess.results import Results
from peftport.compute.host_inputs import HostWithTask
from peftport.evaluation.score import score
from peftport.prompting.encoded import read_encoded
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.stages.prepare_dataset import PrepareDataset
from peftport.storage.cards import read_card
from peftport.storage.modules import WEIGHTS
from peftport.storage.parquet import read_table
from peftport.study.read import read_study
from tests import studies
from tests.hosts import spread_module
from tests.unit.adapters.test_admit_head import classifier, save_hosts

HEAD_BIAS = "base_model.model.classifier.bias"
WORDS = (("bad", "awful", "poor", "dull"), ("good", "great", "fine", "lovely"))


def save_adapter(host, folder):
    """A LoRA with entries that matter, saved in bfloat16 by plain peft."""
    torch.manual_seed(0)
    model = AutoModelForSeq2SeqLM.from_pretrained(host)
    lora = LoraConfig(target_modules=["q", "v"], r=2, lora_alpha=6, init_lora_weights=False)
    get_peft_model(model, lora).to(torch.bfloat16).save_pretrained(folder)


def save_examples(path):
    """120 examples with columns that are called as people call them."""
    drawn = random.Random(0)
    rows = [f"{n},a {drawn.choice(WORDS[n % 2])} film and the number {n} of the list,{n % 2}" for n in range(120)]
    path.write_text("\n".join(["id,comment,verdict", *rows]) + "\n")


def save_probe(path):
    """40 examples of something else, with other label words."""
    rows = [f"is {n} {('even', 'odd')[n % 2]} or is it not so,{('yes', 'no')[n // 2 % 2]}" for n in range(40)]
    path.write_text("\n".join(["text,label", *rows]) + "\n")


def answers_in_plain_peft(results, host, adapter, cell=None):
    """Example id to what the host with the adapter answers, both loaded by transformers and peft alone."""
    stage = EvaluateCell(**vars(cell or results.ported))
    needs, asked = stage.needs(results.study), stage.settings(results.study)
    task = HostWithTask.read(results.path(needs["card"]), asked["task"]).task
    model = PeftModel.from_pretrained(AutoModelForSeq2SeqLM.from_pretrained(host), adapter).eval()
    test = read_encoded(results.path(needs["test"]), task.words)
    return as_mapping(score(model, test, task, results.study.config.evaluation, None).answers)


def as_mapping(answers):
    return dict(zip(answers["example_id"], answers["prediction"], strict=True))


def save_adapter_with_a_head(hosts, texts, folder):
    """A LoRA in bfloat16 and a head by plain peft; in the new host each of its two outputs is the answer to half."""
    torch.manual_seed(4)
    config = LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"], r=2, lora_alpha=4)
    spread_module(get_peft_model(classifier(hosts / "raw"), config)).to(torch.bfloat16).save_pretrained(folder)
    ahead = np.sort([first - second for first, second in outputs(hosts / "instruct", folder, texts)])
    tensors = load_file(folder / WEIGHTS)
    tensors[HEAD_BIAS] -= torch.tensor([np.median(ahead), 0], dtype=torch.bfloat16)
    save_file(tensors, folder / WEIGHTS)


@torch.no_grad()
def outputs(host, adapter, texts):
    """The two outputs of the head for each text, by transformers and peft alone."""
    model, tokenizer = PeftModel.from_pretrained(classifier(host), adapter).eval(), AutoTokenizer.from_pretrained(host)
    return [model(**tokenizer(text, return_tensors="pt")).logits[0].tolist() for text in texts]


@pytest.mark.slow(seconds=60)
def test_the_journey_of_an_adapter_with_a_head(tmp_path):
    """Checked, ported and assessed: predictions are those of plain peft in both hosts, and the study verifies."""
    hosts, words = tmp_path / "hosts", ["positive", "negative"]
    save_hosts(hosts)
    texts = [f"a {random.Random(n).choice(WORDS[n % 2])} film, number {n}" for n in range(40)]
    save_adapter_with_a_head(hosts, texts, tmp_path / "adapter")
    (tmp_path / "rows.csv").write_text("\n".join(["comment,verdict", *(f'"{t}",{n % 2}' for n, t in enumerate(texts))]))
    old, new = hosts / "raw", hosts / "instruct"

    checked = studies.peftport("check", "adapter", "--trained-in", old, "--onto", new, folder=tmp_path)
    assert checked.returncode == 0 and "a head of its own" in checked.stdout, checked.stdout
    ported = studies.peftport("port", "adapter", "--from", old, "--to", new, "--out", "ported", folder=tmp_path)
    assert ported.returncode == 0, ported.stdout
    given = ["--from", old, "--to", new, "--data", "rows.csv", "--labels", "1=positive,0=negative"]
    given += ["--budgets", "0,2", "--seeds", "1", "--cores", "1"]
    done = studies.peftport("assess", "adapter", *given, folder=tmp_path)
    assert done.returncode == 0 and "What to do: " in done.stdout, done.stdout

    folder = tmp_path / "assess-adapter"
    results = Results.of(read_study(folder / "study.yaml", folder), folder)
    rows = read_table(results.path(PrepareDataset("task").output("test")), "examples")
    asked = dict(zip(rows["example_id"], rows["text"], strict=True))
    for entry, budget, host, adapter in (
        (results.ported, 0, new, "ported"),
        (results.ported, read_card(folder / "module/card.json")["steps_in_host"], new, folder / "module"),
        (results.in_old, 0, old, "adapter"),
    ):
        found = outputs(host, tmp_path / adapter, asked.values())
        order = words if adapter in ("ported", "adapter") else sorted(words)
        plain = {example: order[np.argmax(each)] for example, each in zip(asked, found, strict=True)}
        assert as_mapping(results.answers(entry, budget)) == plain
    assert set(as_mapping(results.answers(results.ported, 0)).values()) == set(words)
    verified = studies.peftport("verify", "study.yaml", folder=folder)
    assert verified.returncode == 0, verified.stdout


@pytest.mark.slow(seconds=60)
def test_from_an_adapter_to_a_verdict(hosts, tmp_path):
    save_adapter(hosts / "raw", tmp_path / "my-lora")
    save_examples(tmp_path / "rows.csv")
    moved = ["--trained-in", hosts / "raw", "--onto", hosts / "instruct"]
    checked = studies.peftport("check", "my-lora", *moved, folder=tmp_path)
    assert checked.returncode == 0, checked.stdout
    given = ["my-lora", "--from", hosts / "raw", "--to", hosts / "instruct", "--data", "rows.csv"]
    save_probe(tmp_path / "probe.csv")
    given += ["--labels", "0=negative,1=positive", "--budgets", "0,4", "--seeds", "2", "--cores", "1"]
    given += ["--probe", "probe.csv", "--probe-template", "question: {text}"]
    done = studies.peftport("assess", *given, "--max-drop", "0.9", "--max-flips", "0.9", folder=tmp_path)
    assert done.returncode == 0, done.stdout
    for said in (
        "Config: ",
        "copied into the new host",
        "In the old host",
        "Flips: ",
        "What to do: ",
        "Forgetting, ",
        "Report: ",
    ):
        assert f"\n{said}" in done.stdout or said in done.stdout, said
    assert done.stdout.count(": passed [") == 2

    folder = tmp_path / "assess-my-lora"
    results = Results.of(read_study(folder / "study.yaml", folder), folder)
    assert results.report.is_file()
    (given_folder,) = folder.glob("results/*/admitted/*/*/*/*/as-given")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (given_folder / name).read_bytes() == (tmp_path / "my-lora" / name).read_bytes()
    plain = answers_in_plain_peft(results, hosts / "instruct", tmp_path / "my-lora")
    assert as_mapping(results.answers(results.ported, 0)) == plain and len(plain) == 60
    steps = read_card(folder / "module/card.json")["steps_in_host"]
    further = answers_in_plain_peft(results, hosts / "instruct", folder / "module")
    assert as_mapping(results.answers(results.ported, steps)) == further

    probe = replace(results.ported, target_dataset="probe")
    copied = answers_in_plain_peft(results, hosts / "instruct", tmp_path / "my-lora", probe)
    assert as_mapping(results.answers(probe, 0)) == copied and len(copied) == 40
    trained = answers_in_plain_peft(results, hosts / "instruct", folder / "module", probe)
    assert as_mapping(results.answers(probe, steps)) == trained
    old = answers_in_plain_peft(
        results, hosts / "raw", tmp_path / "my-lora", replace(results.in_old, target_dataset="probe")
    )
    assert as_mapping(results.answers(replace(results.in_old, target_dataset="probe"), 0)) == old
    seen = results.forgotten(results.ported, 0)
    assert f"with the copy {seen.after:.3f}, " in done.stdout and seen.total == 40

    verified = studies.peftport("verify", "study.yaml", folder=folder)
    assert verified.returncode == 0, verified.stdout
    again = studies.peftport("assess", *given, "--max-drop", "0", "--after", "4", folder=tmp_path)
    assert again.returncode in (1, 3) and "Gate, drop at most 0.0%, after 4 steps: " in again.stdout
