"""Loading further encoders and encoder-decoders: heads, copies and leftovers that their published files have."""

import json

import pytest
import torch

from peftport.hosts.families.table import family
from peftport.hosts.identify import identify_host
from peftport.hosts.load import load_model
from peftport.hosts.settings import HostSettings
from tests import hosts
from tests.unit.hosts.test_load_families import rewrite, save, with_tokenizer

HOSTS = hosts.ENCODERS + hosts.ENCODER_DECODERS
OLD = torch.arange(32)[None]  # positions, as old checkpoints carry them
# what files of the family carry beside the host
LEFT_OVER = {
    "distilbert": ["distilbert.embeddings.position_ids"],
    "electra": ["electra.embeddings.position_ids"],
    "deberta-v2_new_head": [
        *("deberta.embeddings.position_ids", "deberta.embeddings.position_embeddings.weight"),
        *("mask_predictions.dense.weight", "mask_predictions.classifier.bias"),
    ],
    "xlm-roberta": ["roberta.pooler.dense.weight", "roberta.embeddings.position_ids"],
    "bart": ["model.encoder.version", "model.decoder.version"],
}


def same(model, host, name):
    inputs = hosts.batch(encoder_decoder=name in hosts.ENCODER_DECODERS)
    with torch.inference_mode():
        return torch.equal(model(**inputs).logits, host(**inputs).logits)


@pytest.mark.parametrize("name", HOSTS)
def test_every_weight_comes_back_and_the_card_says_how_it_is_read(name, tmp_path):
    host, beside = hosts.host(name), "t5" if name in hosts.ENCODER_DECODERS else "bert"
    with_tokenizer(save(tmp_path, name), beside)
    rewrite(tmp_path, **{key: OLD.clone() for key in LEFT_OVER.get(name, [])})
    model = load_model(tmp_path)
    assert type(model) is type(host) and not model.training
    assert all(torch.equal(model.state_dict()[key], tensor) for key, tensor in host.state_dict().items())
    assert same(model, host, name)
    card, kind = identify_host("one", HostSettings(path="somewhere"), tmp_path), family(host.config.model_type)
    assert (card["model_type"], card["lm_type"]) == (kind.name, kind.lm_type)
    assert card["separate_output_layer"] == (name == "umt5")
    assert card["gated_feed_forward"] == (name in ("modernbert", "umt5", "umt5_tied"))
    # tables of XLM-RoBERTa and BART have 34 rows
    assert card["positions"] == (None if name.startswith("umt5") else 32)


@pytest.mark.parametrize("name", [name for name in HOSTS if name != "deberta-v2_new_head"])
def test_a_tiny_host_has_the_output_layer_that_its_family_names(name):
    host = hosts.host(name)
    named = set(dict(host.named_parameters(remove_duplicate=False)))
    assert [host.get_parameter(head) for head in family(host.config.model_type).head if head in named] == [
        host.get_output_embeddings().weight
    ]


@pytest.mark.parametrize(
    ("name", "edits", "more", "told"),
    [
        ("deberta-v2_new_head", {"legacy": True}, [], r"lm_predictions.*newer head; set legacy to false"),
        ("electra", {}, ["discriminator_predictions.dense.weight"], r"a discriminator .*take the generator"),
        ("xlm-roberta", {}, ["classifier.out_proj.weight"], r"no place for them in such a host: classifier\.out_proj"),
    ],
)
def test_another_head_is_refused_and_the_message_says_what_helps(name, edits, more, told, tmp_path):
    rewrite(save(tmp_path, name, **edits), **dict.fromkeys(more, OLD))
    with pytest.raises(ValueError, match=told):
        load_model(tmp_path)


def test_bart_may_lack_its_bias_and_hold_its_embeddings_more_than_once(tmp_path):
    """A bias of zeros is not always in the file, and old files have every copy of the embeddings."""
    save(tmp_path, "bart")
    host = hosts.host("bart")
    copies = ("lm_head", "model.encoder.embed_tokens", "model.decoder.embed_tokens")
    embeddings = host.model.shared.weight.detach()
    rewrite(tmp_path, drop=["final_logits_bias"], **{f"{name}.weight": embeddings.clone() for name in copies})
    host.final_logits_bias.zero_()
    assert same(load_model(tmp_path), host, "bart")


def test_the_scale_before_umt5_s_output_layer_is_what_its_config_says(tmp_path):
    """transformers 5 scales it always, though a host with an output layer of its own was trained without."""
    from transformers import AutoModelForSeq2SeqLM

    host = hosts.host("umt5")
    save(tmp_path, "umt5")
    assert not same(AutoModelForSeq2SeqLM.from_pretrained(tmp_path), host, "umt5")  # the trap is still set
    model = load_model(tmp_path)
    assert same(model, host, "umt5")
    again = tmp_path / "again"
    model.save_pretrained(again)
    assert same(load_model(again), host, "umt5")
    save(tmp_path, "umt5", tie_word_embeddings=True)
    with pytest.raises(ValueError, match=r"does not say so.*scaled.*Set tie_word_embeddings to false"):
        load_model(tmp_path)
    config = json.loads((again / "config.json").read_text())
    rewrite(again, drop=["lm_head.weight"])
    assert config["tie_word_embeddings"] is False
    with pytest.raises(ValueError, match="says that the output layer is separate"):
        load_model(again)
