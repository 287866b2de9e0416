"""``peftport port``: what it writes is the adapter in its new host, and nothing is written where it would not work."""

import hashlib
import types

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM

from peftport.adapters.port import scaled
from peftport.adapters.port_command import port_command
from peftport.storage.files import read_json, write_json
from peftport.storage.modules import read_module
from tests.adapters import copied
from tests.hosts import spread_module
from tests.once import once

TOKENS = torch.arange(8).reshape(2, 4)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory, hosts):
    """A LoRA in bfloat16 of the host ``raw``, by plain peft."""

    def fill(folder):
        torch.manual_seed(3)
        model = AutoModelForSeq2SeqLM.from_pretrained(hosts / "raw")
        config = LoraConfig(target_modules=["q", "v"], r=2, lora_alpha=6, alpha_pattern={"v": 3})
        spread_module(get_peft_model(model, config)).save_pretrained(folder)
        weights = folder / "adapter_model.safetensors"
        save_file({name: tensor.bfloat16() for name, tensor in load_file(weights).items()}, weights)

    return once(tmp_path_factory, "bfloat16-of-raw", fill)


@pytest.fixture
def port(hosts, adapter, tmp_path):
    """Ports the adapter to ``out`` with these arguments behind; returns the exit status."""

    def port(*more, adapter=adapter, new=None):
        places = ["--from", str(hosts / "raw"), "--to", str(new or hosts / "instruct"), "--out", str(tmp_path / "out")]
        return port_command([str(adapter), *places, *more])

    return port


def logits(host, folder):
    model = PeftModel.from_pretrained(AutoModelForSeq2SeqLM.from_pretrained(host), folder).eval()
    with torch.no_grad():
        return model(input_ids=TOKENS, labels=TOKENS).logits


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_plain_peft_reads_it_and_answers_as_with_the_original(port, hosts, adapter, tmp_path, capsys):
    before, out = digests(adapter), tmp_path / "out"
    assert port() == 0
    assert digests(adapter) == before
    assert digests(out)["adapter_model.safetensors"] == before["adapter_model.safetensors"]
    assert torch.equal(logits(hosts / "instruct", out), logits(hosts / "instruct", adapter))
    said = read_json(out / "adapter_config.json")
    assert said == read_json(adapter / "adapter_config.json") | {
        "base_model_name_or_path": str(hosts / "instruct"),
        "revision": None,
    }
    card, readme = read_json(out / "card.json"), (out / "README.md").read_text()
    assert card["ported"]["verdict"] == "copy" and card["ported"]["from"] == {
        name: before[name] for name in ("adapter_config.json", "adapter_model.safetensors")
    }
    assert str(hosts / "raw") in readme and f"base_model: {hosts / 'instruct'}" in readme
    assert len(readme.split("---\n")[2].splitlines()) == 5
    assert f"\nWritten: {out}\n" in capsys.readouterr().out
    with pytest.raises(ValueError, match="BF16"):  # whole, by its card; a study reads it as a module that exists
        read_module(out)


@pytest.mark.parametrize("projection", ["q", "v"])  # of which one has an alpha of its own
def test_what_it_adds_is_scaled(projection, port, hosts, adapter, tmp_path):
    assert port("--scale", "0.5") == 0
    host = AutoModelForSeq2SeqLM.from_pretrained(hosts / "instruct")
    name = f"encoder.block.0.layer.0.SelfAttention.{projection}.weight"
    bare = host.state_dict()[name].clone()
    added = [
        PeftModel.from_pretrained(AutoModelForSeq2SeqLM.from_pretrained(hosts / "instruct"), folder)
        .merge_and_unload()
        .state_dict()[name]
        - bare
        for folder in (adapter, tmp_path / "out")
    ]
    assert added[0].abs().max() > 0
    np.testing.assert_allclose(added[1], added[0] / 2, rtol=1e-4, atol=1e-6)


def test_the_alpha_that_a_map_gave_is_the_one_that_is_scaled():
    """Three ranks joined make one of three times the rank and alpha; so they do when what is added is doubled."""
    case = types.SimpleNamespace(config=types.SimpleNamespace(peft_type="LORA", use_dora=False, alpha=8))
    carried = {"r": 12, "lora_alpha": 24, "alpha_pattern": {"qkv_proj": 12}}
    assert scaled(case, carried, 2) == {"r": 12, "lora_alpha": 48, "alpha_pattern": {"qkv_proj": 24}}
    assert scaled(case, {"r": 4}, 2) == {"r": 4, "lora_alpha": 16}


@pytest.mark.parametrize("factor", ["0", "-1", "nan", "inf", "half"])
def test_a_scale_is_a_number_above_nothing(port, factor, capsys):
    with pytest.raises(SystemExit):
        port("--scale", factor)
    assert "expected a number above 0" in capsys.readouterr().err


def test_nothing_is_written_over_what_is_there(port, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")
    assert port() == 2
    assert "holds something" in capsys.readouterr().err
    assert digests(tmp_path / "out").keys() == {"notes.txt"}


def test_nothing_is_written_where_the_check_refuses(port, hosts, adapter, tmp_path, capsys):
    odd = tmp_path / "odd"
    odd.mkdir()
    write_json(odd / "adapter_config.json", read_json(adapter / "adapter_config.json") | {"bias": "all"})
    (odd / "adapter_model.safetensors").write_bytes((adapter / "adapter_model.safetensors").read_bytes())
    assert port(adapter=odd) not in (0, 2)
    said = capsys.readouterr()
    assert "bias is all" in said.out and "Nothing is written" in said.err
    assert not (tmp_path / "out").exists()


def test_dora_is_not_scaled(port, hosts, tmp_path, capsys):
    model = AutoModelForSeq2SeqLM.from_pretrained(hosts / "raw")
    get_peft_model(model, LoraConfig(target_modules=["q"], r=2, use_dora=True)).save_pretrained(tmp_path / "dora")
    assert port("--scale", "2", adapter=tmp_path / "dora") == 2
    assert "expected a LoRA, whose alpha says how large it is; this adapter is of DoRA" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert port(adapter=tmp_path / "dora") == 0


def test_carried_into_its_own_host_it_stays_what_it_is(port, hosts, adapter, tmp_path):
    """Between equal hosts a map is the identity, so answers stay; tensors are those of another basis of the rank."""
    out = tmp_path / "out"
    before = digests(adapter)
    plain = copied(adapter, tmp_path / "plain", alpha_pattern={})
    assert port("--map", "weight_match", "--scale", "0.5", adapter=plain, new=hosts / "raw") == 0
    assert digests(adapter) == before
    halved = copied(plain, tmp_path / "halved", lora_alpha=3)
    torch.testing.assert_close(logits(hosts / "raw", out), logits(hosts / "raw", halved), rtol=1e-4, atol=1e-4)
    assert read_module(out).config["lora_alpha"] == 3
    ported, readme = read_json(out / "card.json")["ported"], (out / "README.md").read_text()
    assert (ported["map"], ported["scale"], ported["carried"]["sites"]) == ("weight_match", 0.5, 12)
    assert "by a map, `weight_match`: " in readme and len(readme.split("---\n")[2].splitlines()) == 5


def test_a_map_from_texts_takes_them_from_a_file(port, hosts, adapter, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"the film number {number} was a good one of its kind\n\n" for number in range(60)))
    plain = copied(adapter, tmp_path / "plain", alpha_pattern={})
    assert port("--map", "activations", "--texts", str(texts), adapter=plain) == 0
    card = read_json(tmp_path / "out" / "card.json")["ported"]
    assert card["map"] == "activations" and card["map_facts"]["method"] == "activations"
    assert torch.isfinite(logits(hosts / "instruct", tmp_path / "out")).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--map", "activations"], "compares what both hosts compute on texts: expected --texts FILE"),
        (["--map", "weight_match", "--texts", "{adapter}/README.md"], "weight_match reads no texts"),
        (["--texts", "{adapter}/README.md"], "no texts are read where an adapter is copied"),
        (["--map", "weight_match"], "only plain LoRAs of one rank are carried; this one has alpha_pattern"),
    ],
)
def test_what_a_map_cannot_take_is_refused(arguments, said, port, adapter, tmp_path, capsys):
    assert port(*(argument.format(adapter=adapter) for argument in arguments)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
