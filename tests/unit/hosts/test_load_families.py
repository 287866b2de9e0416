"""Loading hosts of every family: the same guards, and no part of a head made up."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from peftport.host_building.recipes.table import recipe_of
from peftport.host_building.tokenizer import train_tokenizer
from peftport.hosts.identify import identify_host
from peftport.hosts.load import is_tied, load_model, load_tokenizer
from peftport.hosts.settings import HostSettings
from peftport.injection.attach import attach
from tests import hosts

WORDS = ["negative", "positive"]
HEADS = {"bert": "cls.predictions.transform.dense.weight", "roberta": "lm_head.dense.weight", "llama": "lm_head.weight"}
KINDS = {
    **{"bert": ("masked", True), "roberta": ("masked", True), "gpt2": ("causal", True), "llama": ("causal", False)},
    "opt": ("causal", True),
}


def save(folder, name, **edits):
    hosts.host(name).save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(json.loads((folder / "config.json").read_text()) | edits))
    return folder


def rewrite(folder, drop=(), **add):
    file = folder / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(file).items() if name not in drop}
    save_file(kept | add, file, metadata={"format": "pt"})


@pytest.mark.parametrize("name", hosts.OTHER_HOSTS + hosts.DECODERS)
def test_every_weight_comes_back_and_is_frozen(name, tmp_path):
    model, host = load_model(save(tmp_path, name)), hosts.host(name)
    assert type(model) is type(host) and not model.training
    assert all(torch.equal(model.state_dict()[key], tensor) for key, tensor in host.state_dict().items())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert is_tied(model) == (KINDS[name][1] if name in KINDS else host.config.tie_word_embeddings)
    assert model.config._attn_implementation == host.config._attn_implementation
    inputs = hosts.batch(encoder_decoder=False)
    assert torch.equal(model(**inputs).logits, host(**inputs).logits)


@pytest.mark.parametrize("name", HEADS)
def test_a_head_that_is_not_all_there_is_refused(name, tmp_path):
    rewrite(save(tmp_path, name), drop=[HEADS[name]])
    with pytest.raises(ValueError, match=rf"missing from the weight files: .*{HEADS[name]}"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_an_encoder_without_a_head_is_refused(name, tmp_path):
    getattr(hosts.host(name), name).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"missing from the weight files: .*predictions|lm_head"):
        load_model(tmp_path)


def test_what_published_checkpoints_carry_beside_the_host_is_passed_over(tmp_path):
    save(tmp_path, "bert")
    rewrite(tmp_path, **{"bert.pooler.dense.weight": torch.zeros(16, 16), "cls.seq_relationship.bias": torch.zeros(2)})
    load_model(tmp_path)
    rewrite(tmp_path, **{"classifier.weight": torch.zeros(2, 16)})
    with pytest.raises(ValueError, match=r"no place for them in such a host: classifier\.weight"):
        load_model(tmp_path)


def test_a_module_beside_a_host_is_not_loaded_into_it(tmp_path):
    """transformers alone would: the host's logits would be the module's, without a word."""
    save(tmp_path, "llama")
    model = hosts.spread_module(attach(hosts.host("llama"), "lora", {"rank": 2}, seed=0))
    model.save_pretrained(tmp_path)
    inputs = hosts.batch(encoder_decoder=False)
    unasked = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert not torch.equal(unasked(**inputs).logits, hosts.host("llama")(**inputs).logits)
    with pytest.raises(ValueError, match=r"also holds files of a PEFT module \(adapter_config\.json, adapter_model"):
        load_model(tmp_path)


def test_a_head_of_its_own_is_kept_or_the_host_refused(tmp_path):
    """A file with an output layer beside its embeddings: what is loaded is what the file says."""
    save(tmp_path, "gpt2")
    own = torch.randn(hosts.VOCABULARY, 16, generator=torch.Generator().manual_seed(0))
    rewrite(tmp_path, **{"lm_head.weight": own})
    try:
        model = load_model(tmp_path)
    except ValueError as error:
        assert "was lost while loading" in str(error)
    else:
        assert torch.equal(model.lm_head.weight, own)


def test_a_head_under_its_published_name_is_found(tmp_path):
    """transformers 5 calls GPT-NeoX's head lm_head; the files of Pythia say embed_out."""
    save(tmp_path, "gpt_neox")
    head = torch.randn(hosts.VOCABULARY, 16, generator=torch.Generator().manual_seed(0))
    names = load_file(tmp_path / "model.safetensors").keys() & {"embed_out.weight", "lm_head.weight"}
    rewrite(tmp_path, drop=names, **{"embed_out.weight": head})
    assert torch.equal(load_model(tmp_path).lm_head.weight, head)
    rewrite(tmp_path, drop=["embed_out.weight"])
    with pytest.raises(ValueError, match=r"missing from the weight files: (lm_head|embed_out)\.weight"):
        load_model(tmp_path)


def with_tokenizer(folder, name, **roles):
    texts = ["the plot was good .", "the plot was bad ."] * 20
    tokenizer = train_tokenizer(
        texts, 60, WORDS, recipe_of(name if name == "bert" else {"roberta": "bert"}.get(name, "llama")).LAYOUT
    )
    for role, token in roles.items():
        setattr(tokenizer, role, token)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", [*hosts.OTHER_HOSTS, "opt"])
def test_a_card_says_how_a_host_is_read(name, tmp_path):
    card = identify_host("one", HostSettings(path="somewhere"), with_tokenizer(save(tmp_path, name), name))
    assert (card["model_type"], card["lm_type"]) == (name, KINDS[name][0])
    assert card["separate_output_layer"] != KINDS[name][1]
    assert card["positions"] == 32  # RoBERTa's table has 34 rows, and OPT's 34 though its config says 32


@pytest.mark.parametrize(
    ("name", "config", "roles", "reason"),
    [
        ("bert", {"is_decoder": True}, {}, "is_decoder: such a host reads no mask"),
        ("bert", {}, {"mask_token": None}, "needs a mask token"),
        ("roberta", {"pad_token_id": 5}, {}, "padding token is 0 in the tokenizer and 5 in config.json"),
        ("gpt2", {}, {"eos_token": None}, "needs an end-of-sequence token"),
        ("gemma3_text", {"use_bidirectional_attention": True}, {}, "such a host reads a text, it writes none"),
    ],
)
def test_a_host_that_cannot_be_read_is_refused(name, config, roles, reason, tmp_path):
    folder = with_tokenizer(save(tmp_path, name, **config), name, **roles)
    with pytest.raises(ValueError, match=reason):
        identify_host("one", HostSettings(path="somewhere"), folder)


def test_a_tokenizer_that_cannot_say_where_its_tokens_stand_is_refused(tmp_path, monkeypatch):
    with_tokenizer(save(tmp_path, "bert"), "bert")
    monkeypatch.setattr("transformers.PreTrainedTokenizerFast.is_fast", False)
    with pytest.raises(ValueError, match="does not say where in a text its tokens stand"):
        load_tokenizer(tmp_path)
