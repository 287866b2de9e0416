"""Loading a host: nothing tied, nothing missing, safetensors only; and the hub's own format with the real tokenizer."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM

from peftport.adapters.host_files import read_host
from peftport.hosts.identify import identify_host
from peftport.hosts.load import is_tied, load_model, load_tokenizer, tensor_names, weight_files
from peftport.hosts.settings import HostSettings
from peftport.prompting.label_words import label_tokens
from tests import hosts, hub_hosts
from tests.hosts import batch


def save(folder, host, **config):
    """As transformers 4 wrote it, and the hub has it: what it says of tying is what was, and of scaling nothing."""
    host.save_pretrained(folder)
    path = folder / "config.json"
    said = json.loads(path.read_text()) | config
    del said["scale_decoder_outputs"]
    path.write_text(json.dumps(said))
    return folder


@pytest.fixture
def untied(tmp_path):
    """A v1.1-like host: its output layer is no copy of its embeddings."""
    host = hosts.host("t5_gated_untied")
    host.config.scale_decoder_outputs = False
    assert not torch.equal(host.lm_head.weight, host.shared.weight)
    return save(tmp_path / "untied", host, tie_word_embeddings=False), host


@pytest.fixture
def tied(tmp_path):
    return save(tmp_path / "tied", hosts.host("t5_relu_tied")), hosts.host("t5_relu_tied")


@pytest.mark.parametrize("kind", ["untied", "tied"])
def test_every_weight_comes_back(kind, request):
    folder, host = request.getfixturevalue(kind)
    model = load_model(folder)
    assert is_tied(model) == (kind == "tied")
    state = model.state_dict()
    assert list(state) == list(host.state_dict())
    assert all(torch.equal(state[name], tensor) for name, tensor in host.state_dict().items())
    with torch.inference_mode():
        assert torch.equal(model(**batch()).logits, host(**batch()).logits)


def test_the_host_is_frozen_and_in_inference_mode(untied):
    model = load_model(untied[0])
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not any(part.training for part in model.modules())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert {p.dtype for p in load_model(untied[0], torch.bfloat16).parameters()} >= {torch.bfloat16}


def test_a_reload_that_ties_is_refused(untied, monkeypatch):
    """The trap: transformers 5 ties T5's output layer wherever it builds a model from its config."""
    real = AutoModelForSeq2SeqLM.from_pretrained

    def tying(*arguments, **options):
        model, report = real(*arguments, **options)
        model.lm_head.weight = model.shared.weight
        return model, report

    monkeypatch.setattr(AutoModelForSeq2SeqLM, "from_pretrained", tying)
    with pytest.raises(ValueError, match=r"untied: its separate output layer \(lm_head.weight\) was lost"):
        load_model(untied[0])


def test_transformers_still_sets_the_trap(untied):
    """When this fails, building from a config no longer ties, and what works around it can go."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(untied[0])
    assert is_tied(AutoModelForSeq2SeqLM.from_config(config))


def change(folder, edit):
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def test_missing_tensors_are_named(untied):
    name = "decoder.block.1.layer.1.EncDecAttention.k.weight"
    change(untied[0], lambda tensors: tensors.pop(name))
    with pytest.raises(ValueError, match=rf"do not fit config.json; missing .*{name}"):
        load_model(untied[0])


def test_a_missing_output_layer_is_no_silent_tie(untied):
    """A config that says untied, and no output layer in the file."""
    change(untied[0], lambda tensors: tensors.pop("lm_head.weight"))
    with pytest.raises(ValueError, match=r"says that the output layer is separate, but there is no lm_head\.weight"):
        load_model(untied[0])


def test_a_separate_output_layer_that_the_config_denies_is_refused(untied):
    """Transformers 5 would scale what goes into it."""
    save(*untied, tie_word_embeddings=True)
    with pytest.raises(ValueError, match=r"does not say so.*scaled.*Set tie_word_embeddings to false"):
        load_model(untied[0])


def test_a_host_that_transformers_5_saved_again_is_the_same(untied, tmp_path):
    """Its config then says that it is tied, which it is not, and that nothing is scaled, which counts."""
    again = tmp_path / "again"
    load_model(untied[0]).save_pretrained(again)
    assert json.loads((again / "config.json").read_text())["tie_word_embeddings"] is True
    model = load_model(again)
    assert not is_tied(model)
    with torch.inference_mode():
        assert torch.equal(model(**batch()).logits, untied[1](**batch()).logits)
    change(again, lambda tensors: tensors.pop("lm_head.weight"))
    with pytest.raises(ValueError, match="says that the output layer is separate"):
        load_model(again)


def test_a_tied_host_may_hold_its_embeddings_more_than_once(tied):
    """The first T5 repositories have copies of them, and one bias that no T5 uses."""
    folder, host = tied
    shared, bias = host.shared.weight.detach(), "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    copies = ("lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
    change(folder, lambda t: t.update({name: shared.clone() for name in copies} | {bias: torch.ones(8, 4)}))
    model = load_model(folder)
    assert is_tied(model)
    with torch.inference_mode():
        assert torch.equal(model(**batch()).logits, host(**batch()).logits)


def test_mis_shaped_tensors_are_refused(untied):
    name = "encoder.block.0.layer.0.SelfAttention.q.weight"
    change(untied[0], lambda tensors: tensors.update({name: torch.zeros(4, 4)}))
    with pytest.raises(ValueError, match=rf"do not fit config.json; of another shape: .*{name}"):
        load_model(untied[0])


def test_tensors_that_the_config_has_no_place_for_are_refused(untied):
    name = "encoder.block.7.layer.0.SelfAttention.q.weight"
    change(untied[0], lambda tensors: tensors.update({name: torch.zeros(16, 16)}))
    with pytest.raises(ValueError, match=rf"do not fit config.json; no place .*{name}"):
        load_model(untied[0])


def test_pickled_weights_are_not_read(tmp_path):
    folder = save(tmp_path / "pickled", hosts.host("t5_gated_untied"), tie_word_embeddings=False)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"no \*\.safetensors \(other weight files: pytorch_model\.bin\)"):
        load_model(folder)


def test_an_empty_folder_is_no_host(tmp_path):
    with pytest.raises(FileNotFoundError, match="other weight files: none"):
        weight_files(tmp_path)


@pytest.mark.parametrize("model_type", ["pegasus", "made-up"])
def test_unknown_families_are_refused(untied, model_type):
    path = untied[0] / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": model_type}))
    with pytest.raises(ValueError, match=model_type):
        load_model(untied[0])


def test_no_code_from_outside_is_run(untied):
    """``auto_map`` names code in the folder; it is never imported."""
    folder = untied[0]
    (folder / "theirs.py").write_text("raise SystemExit('their code ran')\n")
    path = folder / "config.json"
    theirs = {"AutoConfig": "theirs.C", "AutoModelForSeq2SeqLM": "theirs.M"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": theirs}))
    assert load_model(folder).config.model_type == "t5"


def test_shards_are_read_together(untied, tmp_path):
    folder, host = untied
    sharded = tmp_path / "sharded"
    host.save_pretrained(sharded, max_shard_size="10KB")
    config = json.loads((folder / "config.json").read_text())
    (sharded / "config.json").write_text(json.dumps(config))
    assert len(weight_files(sharded)) > 2
    assert tensor_names(sharded) == tensor_names(folder)
    assert torch.equal(load_model(sharded).lm_head.weight, host.lm_head.weight)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: "../elsewhere.safetensors", "names '../elsewhere.safetensors'; expected names of"),
        (lambda name: f"/{name}", "expected names of .* files beside it"),
        (lambda _: "pytorch_model.bin", "names 'pytorch_model.bin'; expected names of"),
        (lambda _: "model-00009.safetensors", "has no model-00009.safetensors, which model.safetensors.index.json"),
    ],
)
def test_an_index_names_only_files_beside_it(change, said, untied, tmp_path):
    """transformers would load a file from anywhere that an index names."""
    untied[1].save_pretrained(tmp_path / "host", max_shard_size="10KB")
    index = tmp_path / "host" / "model.safetensors.index.json"
    named = json.loads(index.read_text())
    first, *_ = named["weight_map"]
    named["weight_map"][first] = change(named["weight_map"][first])
    index.write_text(json.dumps(named))
    for read in (load_model, read_host):
        with pytest.raises(ValueError, match=said):
            read(tmp_path / "host")


def test_files_that_are_no_tokenizer_are_refused(untied):
    with pytest.raises(ValueError, match=r"untied: expected tokenizer files \(tokenizer.json or spiece.model\)"):
        load_tokenizer(untied[0])


def test_the_real_tokenizer(tmp_path):
    """T5's own sentencepiece file, alone as it comes: label words, the end of sequence, the sentinels."""
    hub_hosts.copy_tokenizer(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    tokenizer = load_tokenizer(tmp_path)
    assert len(tokenizer) == 32_100
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
    assert label_tokens(tokenizer, ["positive", "negative"]) == {"positive": [1465], "negative": [2841]}
    ids = tokenizer("sentiment: a film to see")["input_ids"]
    assert ids[-1] == 1 and 2 not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "sentiment: a film to see"


@pytest.mark.parametrize(
    ("name", "parameters", "shape"),
    [
        ("t5-small", 60_506_624, {"d_ff": 2048, "heads": 8, "encoder_layers": 6, "decoder_layers": 6}),
        ("t5-v1_1-small", 76_961_152, {"d_ff": 1024, "heads": 6, "encoder_layers": 8, "decoder_layers": 8}),
    ],
)
def test_a_host_as_the_hub_has_it(tmp_path, name, parameters, shape):
    """Published sizes, random weights, the real tokenizer: a card comes out, and the output layer stays what it is."""
    folder = hub_hosts.write_host(tmp_path / "host", name, seed=0)
    card = identify_host("small", HostSettings(path="host"), folder)
    shutil.rmtree(folder)
    assert card["parameters"] == parameters
    assert card["separate_output_layer"] == card["gated_feed_forward"] == (name == "t5-v1_1-small")
    assert (shape | {"d_model": 512, "d_kv": 64, "vocabulary": 32_128}).items() <= card["shape"].items()
