"""Further training of any host: what moves, what is said of it, and that a training that was stopped ends the same."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertModel, PreTrainedTokenizerFast

from peftport.host_building.corpus import MOST_HELD_OUT, read_corpus
from peftport.host_building.further import train_further
from peftport.host_building.objectives.table import objective_of
from peftport.host_building.weight_kinds import weight_kinds
from peftport.hosts.identify import identify_host
from peftport.hosts.load import load_model, load_tokenizer
from peftport.hosts.locate import BUNDLED
from peftport.hosts.recipe_settings import read_recipe
from peftport.hosts.settings import HostSettings
from peftport.porting.compatibility import differences
from peftport.prompting.batches import IGNORED
from tests import hosts
from tests.ground import in_pieces

WORDS = [f"w{number}" for number in range(50)]
SPECIAL = ["<pad>", "</s>", "<s>", "<mask>"]
SENTINELS = [f"<extra_id_{number}>" for number in range(10)]


def tokenizer(*further: str) -> PreTrainedTokenizerFast:
    """One token a word, of the 64 of the tiny hosts; the ids of special tokens are the lowest."""
    names = [*SPECIAL, *further, *WORDS][: hosts.VOCABULARY]
    core = Tokenizer(models.WordLevel({name: index for index, name in enumerate(names)}, unk_token="w0"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    roles = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "mask_token": "<mask>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=core, additional_special_tokens=list(further), **roles)


def save(folder, name, *further):
    """A tiny host as a folder."""
    model = hosts.host(name)
    model.save_pretrained(folder)
    tokenizer(*further).save_pretrained(folder)
    if name == "t5_gated_untied":  # as its makers' files say it
        said = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(said | {"tie_word_embeddings": False}))
    return folder


@pytest.fixture
def corpus(tmp_path):
    """Two files of text in which every word is followed by its neighbour."""
    for name, begin in (("a", 0), ("b", 25)):
        text = "\n".join(" ".join(WORDS[(begin + line + at) % 50] for at in range(10)) for line in range(40))
        (tmp_path / f"{name}.txt").write_text(text)
    return {"files": [str(tmp_path / "*.txt")], "held_out": 0.25}


def recipe(corpus, **more):
    usual = {"steps": 30, "tokens": 20, "batch_size": 4, "learning_rate": 0.01, "seed": 3}
    return read_recipe({"base": "v1", "corpus": corpus, **usual, **more})


@pytest.mark.parametrize(
    ("name", "further", "objective"),
    [
        ("gpt2", (), "next token"),
        ("bert", (), "masked tokens"),
        ("t5_gated_untied", SENTINELS, "hidden spans"),
        ("bart", (), "hidden spans"),
    ],
)
def test_a_host_of_each_kind_learns_its_corpus_and_a_module_fits_both(tmp_path, corpus, name, further, objective):
    base = save(tmp_path / "v1", name, *further)
    curve, said = train_further(recipe(corpus), base, tmp_path / "v2", {})
    facts = said["further"]
    assert set(curve.phase) == {"further"} and curve.step.iloc[-1] == 30
    assert facts["objective"] == objective and facts["perplexity"]["after"] < 0.97 * facts["perplexity"]["before"]
    drift = facts["drift"]
    assert drift["embedding"] == 0.0 < drift["total"] < drift["v" if "v" in drift else "qkv"]
    before, after = (load_model(tmp_path / folder) for folder in ("v1", "v2"))
    changed = {key for key, old in before.state_dict().items() if not torch.equal(old, after.state_dict()[key])}
    kinds = weight_kinds(after)
    assert {kinds[key] for key in changed & kinds.keys()} == {kind for kind, size in drift.items() if size} - {"total"}
    cards = [
        identify_host(name, HostSettings(path="there"), tmp_path / name, *made)
        for name, made in (("v1", ()), ("v2", (said["files"], None, facts)))
    ]
    assert differences(*cards) == [] and cards[0]["tokenizer_sha256"] == cards[1]["tokenizer_sha256"]
    assert cards[0]["weights_sha256"] != cards[1]["weights_sha256"] and cards[1]["further"]["base"] == "v1"
    assert cards[0]["separate_output_layer"] == cards[1]["separate_output_layer"]


def test_drift_and_perplexity_are_those_of_the_files(tmp_path, corpus):
    base = save(tmp_path / "v1", "llama")
    _, said = train_further(recipe(corpus), base, tmp_path / "v2", {})
    old, new = (load_file(tmp_path / name / "model.safetensors") for name in ("v1", "v2"))
    for kind, part in (("q", "q_proj"), ("wo", "down_proj"), ("total", "")):
        moved, size = (
            math.sqrt(sum(float((new[key] * sign + old[key]).double().square().sum()) for key in old if part in key))
            for sign in (-1, 0)
        )
        assert said["further"]["drift"][kind] == pytest.approx(moved / size, rel=1e-5)
    windows = read_corpus(recipe(corpus).corpus, {}, load_tokenizer(base), 20 - 1, 3).held_out
    for name, folder in (("before", "v1"), ("after", "v2")):
        model, loss = load_model(tmp_path / folder), []
        for ids in windows:
            logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
            loss += torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none").tolist()
        assert said["further"]["perplexity"][name] == pytest.approx(math.exp(np.mean(loss)), rel=1e-4)


def test_only_the_weights_that_are_named_train(tmp_path, corpus):
    base = save(tmp_path / "v1", "llama")
    _, said = train_further(recipe(corpus, weights=["v", "embedding"], steps=2), base, tmp_path / "v2", {})
    assert {kind for kind, size in said["further"]["drift"].items() if size} == {"v", "embedding", "total"}
    assert said["further"]["trained_parameters"] == 2 * 8 * 16 + 64 * 16  # two layers, one key-value head of width 8
    with pytest.raises(ValueError, match="weights: the host has none of the kind 'wi'; it has"):
        train_further(recipe(corpus, weights=["wi"]), base, tmp_path / "v3", {})
    assert not (tmp_path / "v3").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "products"), [("llama", "float32"), ("bert", "bfloat16")])
def test_a_training_that_is_stopped_goes_on_and_gives_the_same_bits(tmp_path, corpus, name, products):
    """BERT has dropout here, and draws what it hides."""
    base, settings = save(tmp_path / "v1", name), recipe(corpus, steps=8, products=products)
    torch.manual_seed(1)
    curve, said = train_further(settings, base, tmp_path / "whole", {})
    torch.manual_seed(2)  # the state of the global generator must not matter
    path = tmp_path / "checkpoint.safetensors"
    (again, second), times = in_pieces(
        path, 3, lambda checkpoint: train_further(settings, base, tmp_path / "v2", {}, checkpoint=checkpoint)
    )
    assert times == 2 and second == said
    pd.testing.assert_frame_equal(*(one.drop(columns="elapsed_seconds") for one in (curve, again)), check_exact=True)
    _, other = train_further(settings.model_copy(update={"seed": 4}), base, tmp_path / "other", {})
    assert other["files"]["model.safetensors"] != said["files"]["model.safetensors"]
    assert other["files"]["tokenizer.json"] == said["files"]["tokenizer.json"]


def test_what_is_held_out_is_the_end_of_every_file_and_named(corpus):
    made = read_corpus(recipe(corpus).corpus, {}, tokenizer(), 20, 0)
    folder = corpus["files"][0].removesuffix("*.txt")
    assert list(made.said) == [f"{folder}a.txt", f"{folder}b.txt"]
    assert all(entry == {"windows": 20, "held_out": 5} for entry in made.said.values())
    assert len(made.training) == 30 and len(made.held_out) == 10
    assert all(len(window) == 20 for window in made.training + made.held_out)
    first = tokenizer()(" ".join(WORDS[:10]), add_special_tokens=False)["input_ids"]
    assert made.training[0][:10] == first  # the first line of the first file


def test_a_datasets_validation_texts_are_held_out_and_not_more_than_some_are_measured():
    settings = recipe({"dataset": "film"}).corpus
    texts = {"train": ["w1 w2 w3 w4"] * 20, "validation": ["w5 w6 w7 w8"] * 500}
    made = read_corpus(settings, texts, tokenizer(), 4, 0)
    assert len(made.training) == 20 and 0.5 * MOST_HELD_OUT < len(made.held_out) <= MOST_HELD_OUT
    assert made.said == {"dataset film": {"windows": 520, "held_out": 500}}
    assert {token for window in made.held_out for token in window}.isdisjoint(
        token for window in made.training for token in window
    )
    with pytest.raises(ValueError, match=r"corpus: expected text for a window of 40 tokens .*, got 2 and 0;"):
        read_corpus(settings, texts | {"validation": ["w1"]}, tokenizer(), 40, 0)


def test_a_window_is_no_longer_than_the_host_reads(tmp_path, corpus):
    base = save(tmp_path / "v1", "llama")
    with pytest.raises(ValueError, match="tokens: expected at most 32, what the host v1 can read, got 33"):
        train_further(recipe(corpus, tokens=33), base, tmp_path / "v2", {})


def test_masked_tokens_are_never_replaced_by_special_ones():
    window, settings = list(range(14, 34)), recipe({"dataset": "film"}, corrupted_share=0.9)
    example = objective_of("masked").objective(settings, tokenizer(*SENTINELS))
    random, seen, masked = np.random.default_rng(0), set(), 0
    for _ in range(200):
        read, taught = example(window, random)
        assert read[-1] == 1 and taught[-1] == IGNORED and len(read) == 21
        hidden = [at for at, token in enumerate(taught) if token != IGNORED]
        assert len(hidden) == 18 and all(taught[at] == window[at] for at in hidden)
        masked += sum(read[at] == 3 for at in hidden)
        seen |= {read[at] for at in hidden if read[at] != 3}
    assert min(seen) == 14 and max(seen) == 63
    assert masked / (200 * 18) == pytest.approx(0.8, abs=0.03)


def test_an_encoder_decoder_writes_what_is_hidden_or_the_whole_window():
    window, settings, random = list(range(14, 34)), recipe({"dataset": "film"}), np.random.default_rng(0)
    read, taught = objective_of("encoder_decoder").objective(settings, tokenizer(*SENTINELS))(window, random)
    assert read[-1] == taught[-1] == 1 and 4 in read and taught[0] == 4
    filled = [token for token in read[:-1] if token >= 14] + [token for token in taught[:-1] if token >= 14]
    assert sorted(filled) == window
    settings = recipe({"dataset": "film"}, corrupted_share=0.5)
    read, taught = objective_of("encoder_decoder").objective(settings, tokenizer())(window, random)
    assert taught == [*window, 1] and 3 in read and len(read) < len(taught)


def test_a_bundled_host_keeps_its_separate_output_layer(tmp_path):
    text = {"generated": {"domains": ["film"], "documents": 60}}
    _, said = train_further(recipe(text, steps=2), BUNDLED / "reviews-raw", tmp_path / "v2", {})
    card = identify_host("v2", HostSettings(path="there"), tmp_path / "v2", said["files"])
    assert card["separate_output_layer"] and said["further"]["drift"]["head"] > 0
    assert BUNDLED.joinpath("reviews-raw/config.json").read_bytes() == (tmp_path / "v2/config.json").read_bytes()


def test_an_encoder_without_a_head_gets_one_for_the_training_and_keeps_its_files_names(corpus, tmp_path):
    """As MiniLM: a pooler, names without `bert.`, and no language-model head."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(hosts.host("bert").config).save_pretrained(tmp_path / "v1")
    file = tmp_path / "v1/model.safetensors"
    before = {name.removeprefix("bert."): tensor for name, tensor in load_file(file).items()}
    save_file(before | {"embeddings.position_ids": torch.arange(32)[None]}, file, metadata={"format": "pt"})
    tokenizer().save_pretrained(tmp_path / "v1")
    settings = recipe(corpus, weights="all")
    _, facts = train_further(settings, tmp_path / "v1", tmp_path / "v2", {}, classifies=True)
    after = load_file(tmp_path / "v2/model.safetensors")
    assert set(after) == {*before, "embeddings.position_ids"}
    assert all(torch.equal(after[name], before[name]) == name.startswith("pooler") for name in before)
    said = facts["further"]
    assert (
        said["objective"] == "masked tokens"
        and said["perplexity"]["after"] < said["perplexity"]["before"] < hosts.VOCABULARY
    )
    assert said["trained_parameters"] == sum(before[name].numel() for name in before if not name.startswith("pooler"))
    assert 0 < said["drift"]["total"] < 1
    again = train_further(settings, tmp_path / "v1", tmp_path / "again", {}, classifies=True)[1]
    assert again["files"]["model.safetensors"] == facts["files"]["model.safetensors"]
    card = identify_host("v2", HostSettings(path="v2", head="classification"), tmp_path / "v2")
    assert card["head_parts"] == ["classifier"]
