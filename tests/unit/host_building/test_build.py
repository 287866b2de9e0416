"""Building hosts: files the hub's readers load, the separate head kept, the same bits for the same recipe."""

import copy

import pandas as pd
import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from peftport.host_building.build import FILES, build_host
from peftport.hosts.recipe_settings import read_recipe
from tests.ground import in_pieces

RAW = {
    "corpus": {"generated": {"domains": ["film", "hotel"], "documents": 400}},
    "shape": {"d_model": 16, "d_ff": 32, "layers": 1, "heads": 2, "vocabulary": 300},
    "pretraining": {"steps": 60, "batch_size": 16, "learning_rate": 0.003, "warmup_steps": 10},
    "words": ["negative", "positive"],
    "seed": 5,
}
INSTRUCT = {
    "base": "raw",
    "instructions": {"generated": {"domains": ["film"], "examples": 200}},
    "training": {"steps": 30, "batch_size": 16, "learning_rate": 0.003, "warmup_steps": 5},
    "seed": 5,
}


def build(recipe, *arguments, **more):
    return build_host(read_recipe(recipe), *arguments, **more)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts") / "raw"
    return folder, build(RAW, folder)


@pytest.fixture(scope="module")
def instruct(raw):
    folder = raw[0].parent / "instruct"
    return folder, build(INSTRUCT, folder, raw[0])


@pytest.fixture(scope="module")
def again(raw):
    """The same two built once more, and what was reported of the first."""
    torch.manual_seed(99)  # the state of the global generator must not matter
    folder, seen = raw[0].parent / "again", []
    build(RAW, folder / "raw", report=lambda *values: seen.append(values))
    build(INSTRUCT, folder / "instruct", raw[0])
    return folder, seen


def test_loss_falls_and_is_reported(raw, again):
    _, curve = raw
    assert list(curve.columns) == ["phase", "step", "loss", "learning_rate", "elapsed_seconds"]
    assert curve.step.iloc[-1] == 60 and curve.loss.iloc[-5:].mean() < curve.loss.iloc[:5].mean() - 0.5
    _, seen = again
    assert seen[-1][0] == 60 and seen[-1][1] < seen[0][1]


def test_the_folder_holds_whole_files_only_and_the_hubs_readers_keep_the_head(raw):
    folder, _ = raw
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    assert model.lm_head.weight is not model.shared.weight
    assert not torch.equal(model.lm_head.weight, model.shared.weight)
    assert not model.config.scale_decoder_outputs
    tokenizer = AutoTokenizer.from_pretrained(folder)
    batch = tokenizer(["Sentiment: The plot was good.", "No."], padding=True, return_tensors="pt")
    assert set(batch) == {"input_ids", "attention_mask"}
    assert batch["input_ids"][0, -1] == tokenizer.eos_token_id == 1 and batch["input_ids"][1, -1] == 0
    assert model.generate(**batch, max_new_tokens=3).shape[0] == 2
    assert tokenizer.decode(batch["input_ids"][0], skip_special_tokens=True) == "sentiment: the plot was good."


def test_label_words_are_single_pieces(raw):
    tokenizer = AutoTokenizer.from_pretrained(raw[0])
    assert [len(tokenizer(word, add_special_tokens=False)["input_ids"]) for word in RAW["words"]] == [1, 1]
    small = copy.deepcopy(RAW) | {"words": ["incomprehensibilities"]}
    small["shape"] = {**RAW["shape"], "vocabulary": 60}
    with pytest.raises(ValueError, match="incomprehensibilities"):
        build(small, raw[0].parent / "small")
    assert not (raw[0].parent / "small").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "offers", "stops"), [(RAW, 23, 2), (RAW | {"family": "bert"}, 17, 3), (INSTRUCT, 11, 2)]
)
def test_a_build_that_is_stopped_goes_on_and_gives_the_same_bits(raw, instruct, tmp_path, recipe, offers, stops):
    base = raw[0] if "base" in recipe else None
    if "family" in recipe:
        whole = tmp_path / "whole"
        curve = build(recipe, whole)
    else:
        whole, curve = instruct if base else raw
    path, folder = tmp_path / "checkpoint.safetensors", tmp_path / "model"
    again, times = in_pieces(path, offers, lambda checkpoint: build(recipe, folder, base, checkpoint=checkpoint))
    assert times == stops
    pd.testing.assert_frame_equal(*(one.drop(columns="elapsed_seconds") for one in (curve, again)), check_exact=True)
    for name in FILES:
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize("recipe", [RAW, INSTRUCT], ids=["raw", "instruct"])
def test_same_recipe_same_bits_and_another_seed_other_bits(raw, instruct, again, tmp_path, recipe):
    first, base = (instruct[0], raw[0]) if "base" in recipe else (raw[0], None)
    build({**recipe, "seed": 6}, tmp_path / "other", base)
    for name in FILES:
        assert (first / name).read_bytes() == (again[0] / first.name / name).read_bytes()
    assert (first / "model.safetensors").read_bytes() != (tmp_path / "other/model.safetensors").read_bytes()


def test_instruction_tuning_moves_the_base_and_keeps_its_tokenizer(raw, instruct):
    folder, curve = instruct
    assert set(curve.phase) == {"instructions"} and curve.loss.iloc[-5:].mean() < curve.loss.iloc[:5].mean()
    assert (folder / "tokenizer.json").read_bytes() == (raw[0] / "tokenizer.json").read_bytes()
    before, after = (AutoModelForSeq2SeqLM.from_pretrained(made).state_dict() for made in (raw[0], folder))
    assert all(before[name].shape == after[name].shape for name in before)
    assert not torch.equal(before["shared.weight"], after["shared.weight"])


def test_plain_text_files_serve_as_corpus_and_instructions(tmp_path):
    lines, paragraphs = tmp_path / "lines.txt", tmp_path / "paragraphs.txt"
    lines.write_bytes(
        "\n".join(f"The caf\xe9 number {i} was open on that day for us" for i in range(200)).encode("latin-1")
    )
    paragraphs.write_text("\n\n".join(f"One line of text number {i}\nand its other line." for i in range(200)))
    files = [str(lines), str(paragraphs)]
    shape = {**RAW["shape"], "vocabulary": 200}
    build({**RAW, "corpus": {"files": files}, "shape": shape}, tmp_path / "raw")
    recipe = {**INSTRUCT, "instructions": {"files": files, "examples": 200}}
    build(recipe, tmp_path / "instruct", tmp_path / "raw")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "instruct")
    text = tokenizer.decode(tokenizer("The café and its other line")["input_ids"], skip_special_tokens=True)
    assert text == "the café and its other line"


def test_recipe_and_base_must_fit(raw, tmp_path):
    with pytest.raises(ValueError, match="base"):
        build(INSTRUCT, tmp_path / "host")
    with pytest.raises(ValueError, match="base"):
        build(RAW, tmp_path / "host", raw[0])
