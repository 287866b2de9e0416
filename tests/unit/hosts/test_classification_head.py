"""Hosts with a classification head: which files are read, what of the head is the host's, what a fresh one is."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, BertModel

from peftport.hosts.classification_head import fresh_head, load_classifier
from peftport.hosts.identify import identify_host
from peftport.hosts.settings import HostSettings
from tests import hosts
from tests.unit.hosts.test_load_families import rewrite, save, with_tokenizer


@pytest.fixture
def minilm(tmp_path):
    """A BERT as MiniLM's files have it: names without `bert.`, a pooler, no language-model head, old positions."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        BertModel(hosts.host("bert").config).save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    named = {name.removeprefix("bert."): tensor for name, tensor in load_file(file).items()}
    save_file(named | {"embeddings.position_ids": torch.arange(32)[None]}, file, metadata={"format": "pt"})
    return with_tokenizer(tmp_path, "bert")


def test_a_pooler_in_the_files_is_the_hosts_and_stays(minilm):
    model, parts, passed_over = load_classifier(minilm, 3)
    assert (parts, passed_over) == (("classifier",), ())
    assert torch.equal(model.bert.pooler.dense.weight, load_file(minilm / "model.safetensors")["pooler.dense.weight"])
    assert not any(parameter.requires_grad for parameter in model.parameters()) and not model.training
    card = identify_host("v1", HostSettings(path="v1", head="classification"), minilm)
    assert (card["lm_type"], card["head"], card["head_parts"]) == ("classifier", "classification", ["classifier"])
    assert not card["separate_output_layer"]
    assert card["parameters"] == sum(tensor.numel() for tensor in model.bert.parameters())


def test_logits_are_those_of_transformers_with_the_same_head(minilm):
    model, inputs = load_classifier(minilm, 3).model, hosts.batch(encoder_decoder=False)
    theirs = AutoModelForSequenceClassification.from_pretrained(minilm, num_labels=3).eval()
    model.classifier.load_state_dict(theirs.classifier.state_dict())
    del inputs["labels"]
    with torch.inference_mode():
        assert torch.equal(model(**inputs).logits, theirs(**inputs).logits)


def test_a_classifier_and_other_heads_in_the_files_are_passed_over_and_named(tmp_path, capsys):
    """Finetuned on five labels, with its masked language model's head left in the file."""
    with_tokenizer(save(tmp_path, "bert"), "bert")
    rewrite(tmp_path, **{"classifier.weight": torch.ones(5, 16), "classifier.bias": torch.ones(5)})
    model, parts, passed_over = load_classifier(tmp_path, 2)
    assert parts == ("pooler", "classifier") and not model.classifier.weight.any()
    assert {"classifier.weight", "classifier.bias", "cls.predictions.bias"} <= set(passed_over)
    identify_host("v1", HostSettings(path="v1", head="classification"), tmp_path)
    assert "passed over, of other heads: classifier.bias" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "drop", "add", "said"),
    [
        ("bert", ["bert.encoder.layer.1.output.dense.weight"], [], r"missing from the weight files: bert\.encoder"),
        ("bert", [], ["bert.encoder.layer.2.output.dense.bias"], r"no place for them in such a host: bert\.encoder"),
        ("electra", [], ["adapter.weight"], r"no place for them in such a host: adapter\.weight"),
        ("llama", [], [], r"hosts of the type `llama` have no classification head here: only encoders have one"),
    ],
)
def test_what_is_no_such_host_is_refused(name, drop, add, said, tmp_path):
    rewrite(save(tmp_path, name), drop, **dict.fromkeys(add, torch.ones(2)))
    with pytest.raises(ValueError, match=said):
        load_classifier(tmp_path, 2)


@pytest.mark.parametrize("name", ["bert", "modernbert"])
def test_a_fresh_head_is_its_seeds_and_nothing_else_is_drawn(name, tmp_path):
    before = torch.random.get_rng_state()
    model, parts, _ = load_classifier(save(tmp_path, name), 3)
    first, again, other = (fresh_head(model, parts, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert {key: tensor.tobytes() for key, tensor in first.items()} == {k: t.tobytes() for k, t in again.items()}
    assert (first["classifier.weight"] != other["classifier.weight"]).all()
    assert not first["classifier.bias"].any()
    deviation = {"bert": 0.02, "modernbert": 0.25}[name]  # as transformers: initializer_range; 1 / sqrt(width)
    assert first["classifier.weight"].std() == pytest.approx(deviation, rel=0.3)
    assert not model.classifier.weight.any()
