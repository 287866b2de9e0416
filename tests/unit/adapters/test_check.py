"""Planted faults are caught, each by name; a sound adapter passes on every family of hosts. No weights are run here."""

import copy
import json
import os
import re
import shutil
import struct

import numpy as np
import pytest
from transformers import T5ForConditionalGeneration

from peftport.adapters.check import check
from peftport.adapters.command import check_command
from peftport.adapters.host_files import HostFilesError
from peftport.storage.modules import CONFIG, WEIGHTS
from tests.adapters import copied, host_on_disk, lora_on_disk
from tests.hosts import host
from tests.unit.adapters.test_sites import HOSTS

EMBEDDING = "base_model.model.model.embed_tokens"
ENDLESS = r"(([a-z_.0-9]+)+)+_proj"


@pytest.fixture
def folders(tmp_path_factory):
    """A LoRA of plain peft's and its host, which tests only read."""
    return lora_on_disk(tmp_path_factory, "llama"), host_on_disk(tmp_path_factory, "llama")


def renamed(front, instead):
    return lambda tensors: {name.replace(front, instead, 1): tensor for name, tensor in tensors.items()}


def without(part):
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if part not in name}


def also(**more):
    return lambda tensors: tensors | {name.replace("__", "."): tensor for name, tensor in more.items()}


def zeroed(tensors):
    return {name: tensor * ("lora_B" not in name) for name, tensor in tensors.items()}


def spoilt(tensors):
    first = min(tensors)
    return tensors | {first: np.full_like(tensors[first], np.nan)}


NAMED = {"target_modules": ["q_proj", "v_proj"]}
TABLE = np.ones((64, 16), np.float32)
# fault: change of the tensors, fields of the config; verdict, check and text of the reason
FAULTS = {
    "zeroed B": (zeroed, {}, "impossible", "change", "it does nothing: .* zero at all of its sites"),
    "no numbers": (spoilt, {}, "impossible", "tensors", "infinite or no numbers: base_model.model.model.layers.0"),
    "wrong prefix of names": (
        *(renamed("base_model.model.", "base_model.model.language_model."), NAMED, "impossible", "sites"),
        "none of its 4 sites is in the host .4 would be with `model` in place of `language_model.model` in front.",
    ),
    "names as in a model": (
        renamed("base_model.", ""),
        {},
        "impossible",
        "names",
        "do not begin with base_model.model",
    ),
    "a missing layer": (
        without(".layers.0."),
        {},
        "partial",
        "missing",
        "has no tensors for.*: model.layers.0",
    ),
    "a missing site": (without("1.self_attn.q_proj"), {}, "partial", "missing", "model.layers.1.self_attn.q_proj$"),
    "fewer layers": (without(".layers.1."), {}, "map", "layers", "which go to layer 0; a map of layers is needed"),
    "more layers": (
        *(lambda tensors: tensors | renamed("layers.1", "layers.7")(tensors), NAMED, "map", "sites"),
        "sites in layers that the host does not have .it has 2.; a map of layers",
    ),
    "sites that the config does not name": (None, {"target_modules": ["q_proj"]}, "partial", "targets", "pass over"),
    "ranks of another model": (None, {"rank_pattern": {"q_proj": 4}}, "impossible", "ranks", "2x16 .rank 4 said"),
    "another rank": (None, {"r": 8}, "impossible", "ranks", "another rank than its config says"),
    "a rank pattern of other names": (
        None,
        {"rank_pattern": {"h.0.c_attn": 4}},
        "copy",
        "ranks",
        "rank_pattern that mean",
    ),
    "an alpha pattern of other names": (
        None,
        {"alpha_pattern": {"c_attn": 4}},
        "copy",
        "ranks",
        "alpha_pattern that mean",
    ),
    "weights of a host": (also(**{f"{EMBEDDING}.weight": TABLE}), {}, "impossible", "weights", "embed_tokens.weight"),
    "weights of a host's layer": (
        also(**{"base_model.model.model.layers.0.mlp.up_proj.base_layer.weight": np.ones((32, 16), np.float32)}),
        *({}, "impossible", "weights", "stand in place of this host's: .*up_proj.base_layer.weight"),
    ),
    "a host's output layer to save": (
        also(**{"base_model.model.lm_head.weight": TABLE}),
        *({"modules_to_save": ["lm_head"]}, "impossible", "weights", "lm_head.weight"),
    ),
    "a head to save": (
        also(**{"base_model.model.score.weight": TABLE[:2]}),
        *({"modules_to_save": ["score"]}, "copy", "head", "a head of its own"),
    ),
    "a head that is not there": (None, {"modules_to_save": ["score"]}, "copy", "head", "no tensors for"),
    "a tensor of nothing": (
        also(**{"base_model.model.what": TABLE}),
        {},
        "unknown",
        "weights",
        "not known what they",
    ),
    "an endless pattern": (
        None,
        {"target_modules": ENDLESS},
        "impossible",
        "patterns",
        "target_modules .* may never",
    ),
    "an endless rank": (
        None,
        {"rank_pattern": {ENDLESS: 2}},
        "impossible",
        "patterns",
        "rank_pattern .* may never",
    ),
    "an endless exclusion": (None, {"exclude_modules": ENDLESS + "x"}, "impossible", "patterns", "exclude_modules has"),
    "a pattern that is none": (None, {"target_modules": "("}, "unknown", "patterns", "is no regular expression"),
    "biases": (None, {"bias": "all"}, "impossible", "fields", "bias is all"),
    "a changed host": (None, {"init_lora_weights": "pissa"}, "impossible", "fields", "changed the weights of its host"),
    "a field of tomorrow": (None, {"use_tomorrow": True}, "impossible", "fields", "use_tomorrow is 'True'"),
    "a field of tomorrow that is off": (None, {"use_tomorrow": False}, "copy", "fields", "over.*: use_tomorrow"),
    "another base": (
        None,
        {"base_model_name_or_path": "someone/other"},
        "copy",
        "base",
        "the base someone/other",
    ),
    "a revision": (
        None,
        {"revision": "abc"},
        "copy",
        "revision",
        "revision abc, and the folder of --onto",
    ),
    "a type of nobody": (None, {"peft_type": "LORRA"}, "impossible", "fields", "has such a type"),
}


def reason(report, name, text):
    """The lines of one check that say this."""
    lines = [one.line for one in report.reasons if one.check == name]
    matching = [line for line in lines if re.search(text, line)]
    assert matching, lines
    return matching[0]


@pytest.mark.parametrize(("tensors", "fields", "verdict", "name", "text"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_caught_by_name(tensors, fields, verdict, name, text, folders, tmp_path):
    adapter, host = folders
    planted = copied(adapter, tmp_path, tensors, **fields)
    report = check(planted, host, weights=name in ("change", "tensors"))
    reason(report, name, text)
    assert report.verdict == verdict, [(one.level, one.line) for one in report.reasons]


def with_header(said):
    text = json.dumps(said).encode()
    return struct.pack("<Q", len(text)) + text + b"12345678"


DAMAGED = {
    "cut short": (lambda whole: whole[:-3], "was cut short: its header declares"),
    "cut in its header": (lambda whole: whole[:20], "was cut short or is no safetensors file"),
    "huge shapes": (
        lambda _: with_header({"a": {"dtype": "F32", "shape": [2**50], "data_offsets": [0, 8]}}),
        "declares shape 1125899906842624 of F32",
    ),
    "names that are paths": (
        lambda _: with_header({"../a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}),
        "'../a' is no name of a tensor",
    ),
    "pickled": (lambda _: b"PK\3\4" + b"\0" * 60, "is not read|cut short"),
}


@pytest.mark.parametrize(("change", "text"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_named(change, text, folders, tmp_path):
    adapter, host = folders
    path = copied(adapter, tmp_path) / WEIGHTS
    path.write_bytes(change(path.read_bytes()))
    report = check(tmp_path, host)
    assert report.verdict == "impossible"
    assert WEIGHTS in reason(report, "file", text)


@pytest.mark.parametrize(("change", "text"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_of_a_host_is_named(change, text, folders, tmp_path):
    adapter, host = folders
    shutil.copytree(host, tmp_path / "host")
    path = tmp_path / "host" / "model.safetensors"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(HostFilesError, match=rf"model.safetensors.*({text})"):
        check(adapter, tmp_path / "host")


def test_a_link_out_of_the_folder(folders, tmp_path):
    adapter, host = folders
    copied(adapter, tmp_path / "adapter")
    (tmp_path / "adapter" / CONFIG).unlink()
    os.symlink(adapter / CONFIG, tmp_path / "adapter" / CONFIG)
    reason(check(tmp_path / "adapter", host), "file", "is a link out of its folder")


@pytest.mark.parametrize("name", HOSTS)
def test_a_sound_adapter_passes_on_every_family(name, tmp_path_factory):
    adapter, host = lora_on_disk(tmp_path_factory, name), host_on_disk(tmp_path_factory, name)
    report = check(adapter, host, host)
    assert report.verdict == "same", [(one.level, one.line) for one in report.reasons]
    assert check(adapter, host).verdict == "copy"


def test_a_swapped_base(folders, tmp_path, tmp_path_factory):
    """The same shapes and other weights: only weights tell, and they do."""
    adapter, host = folders
    os.symlink(host, tmp_path / "old")
    os.symlink(host_on_disk(tmp_path_factory, "llama", 1), tmp_path / "new")
    old, new = tmp_path / "old", tmp_path / "new"
    planted = copied(adapter, tmp_path / "adapter", base_model_name_or_path="somewhere/old")
    report = check(planted, new, old)
    assert report.verdict == "copy"
    reason(report, "weights", "the weights of the hosts are not the same")
    reason(report, "base", "it declares the base somewhere/old, and --trained-in goes by that name")
    swapped = check(planted, new, old, weights=True)
    assert swapped.verdict == "map"
    reason(swapped, "drift", "another model, or the same in another basis")
    assert swapped.measured["drift"]["total"] == pytest.approx(np.sqrt(2), abs=0.2)


def test_the_commit_of_a_hub_cache_is_the_revision(folders, tmp_path):
    adapter, host = folders
    commit = "0123456789" * 4
    snapshot = tmp_path / "models--someone--host" / "snapshots" / commit
    shutil.copytree(host, snapshot)
    right = copied(adapter, tmp_path / "right", revision=commit[:8], base_model_name_or_path="someone/host")
    report = check(right, snapshot)
    reason(report, "revision", "the commit of --onto is the revision that it declares")
    reason(report, "base", "--onto goes by that name")
    other = copied(adapter, tmp_path / "other", revision="f" * 40)
    reason(
        check(other, snapshot), "revision", f"declares the revision {'f' * 40}, and --onto is of the commit {commit}"
    )


def test_other_shapes_say_which_map_they_need(tmp_path_factory, tmp_path):
    t5 = lora_on_disk(tmp_path_factory, "t5_gated_untied")
    before, wider = host_on_disk(tmp_path_factory, "t5_gated_untied"), tmp_path / "wider"
    config = copy.deepcopy(host("t5_gated_untied").config)
    config.d_model = 32
    T5ForConditionalGeneration(config).save_pretrained(wider)
    report = check(t5, wider, before)
    assert report.verdict == "map"
    reason(report, "shapes", "16 in the adapter and 32 in the host at .* sites: a map of the model's width is needed")
    reason(report, "sizes", "d_model 16 and 32")
    said = "map needed: weight_match, core, lorasuite, activations .with texts., assignment .with texts. would do for"
    reason(report, "maps", said)
    assert check(lora_on_disk(tmp_path_factory, "bert"), wider).verdict == "impossible"
    reason(check(t5, wider), "maps", "give --trained-in")


def test_maps_are_named_by_technique_and_families(folders, tmp_path, tmp_path_factory):
    """What would do is what a study of such a transfer takes: ``peftport.maps.admissible``."""
    adapter, host = folders
    report = check(adapter, host_on_disk(tmp_path_factory, "gpt2"), host)
    assert report.verdict == "map"
    reason(report, "sites", "none of its 4 sites is in the host, which is of another type; a map is needed")
    reason(report, "maps", "map needed: activations .with texts., assignment .with texts. would do for this technique")
    forms = {
        "rank_pattern": ({"rank_pattern": {"layers.0.self_attn.q_proj": 1}}, one_rank_less, "plain LoRAs of one rank"),
        "a head": ({"modules_to_save": ["score"]}, None, "with a classification head are not carried"),
        "a fault": ({"r": 8}, None, "does not fit the host that it was trained in either"),
    }
    for name, (fields, tensors, text) in forms.items():
        planted = copied(adapter, tmp_path / name, tensors, **fields)
        reason(check(planted, host_on_disk(tmp_path_factory, "gpt2"), host), "maps", text)


def one_rank_less(tensors):
    """A LoRA whose rank at one site is 1."""
    site = "model.layers.0.self_attn.q_proj"
    return {
        name: tensor if site not in name else tensor[:1] if "lora_A" in name else tensor[:, :1]
        for name, tensor in tensors.items()
    }


def test_hosts_that_compute_something_else_are_told(folders, tmp_path):
    adapter, host = folders
    shutil.copytree(host, tmp_path / "new")
    config = json.loads((host / "config.json").read_text())
    (tmp_path / "new" / "config.json").write_text(json.dumps(config | {"rope_parameters": {"rope_theta": 5e5}}))
    report = check(adapter, tmp_path / "new", host)
    assert report.verdict == "copy"
    reason(report, "positions", "queries and keys fit only roughly .*rope_parameters")


SITE = "base_model.model.model.layers.0.self_attn.q_proj"
# fields, change of the tensors, what is said; each as vLLM's own loader did on such an adapter (LOG, 2026-11-30)
SERVED = {
    "sound": ({}, None, "would serve it as it is .rank 2.$"),
    "DoRA": ({"use_dora": True}, None, "would not serve it: use_dora$"),
    "biases and a head": (
        {"bias": "all", "modules_to_save": ["score"]},
        None,
        "would not serve it: modules_to_save .score.; bias is all$",
    ),
    "another type": ({"peft_type": "LOHA"}, None, "of the type LOHA, and only LORA is served"),
    "a larger rank": ({"r": 40}, None, "would serve it with max_lora_rank 64 .rank 40."),
    "too large a rank": ({"r": 513}, None, "rank 513 is above 512"),
    "patterns": ({"alpha_pattern": {"q_proj": 2}}, None, "does not read rank_pattern and alpha_pattern"),
    "biases of its own": (
        {"lora_bias": True},
        also(**{f"{SITE}.lora_B.bias": np.ones(16, np.float32)}),
        "would not serve it: tensors that it cannot read .*lora_B.bias.$",
    ),
    "fields that peft fills in": ({"lora_alpha": ...}, None, "would not serve it: its config lacks lora_alpha$"),
    "a host's table": (
        {},
        also(**{f"{EMBEDDING}.weight": TABLE}),
        "would not serve it: tensors that it cannot read .*embed_tokens.weight.$",
    ),
    "a host's table under a LoRA": (
        {},
        also(**{f"{EMBEDDING}.base_layer.weight": TABLE}),
        "would serve it as it is .rank 2.; but it passes over .*embed_tokens.base_layer.weight$",
    ),
    "names of another family": (
        {},
        renamed("q_proj", "wq"),
        "would not serve it: sites by a name that nothing in the host has .model.layers.0.self_attn.wq, ",
    ),
    "layers that are not there": (
        {},
        renamed("layers.1", "layers.7"),
        "would serve it as it is .rank 2.; but it looks at the last part of a name alone",
    ),
    "layers twice": ({"layer_replication": [[0, 2]]}, None, "but it does not look at what else its config asks for"),
}


@pytest.mark.parametrize(("fields", "change", "text"), SERVED.values(), ids=SERVED)
def test_what_vllm_would_say(fields, change, text, folders, tmp_path):
    adapter, host = folders

    def of_rank(tensors):
        rank = fields.get("r", 2)
        ranked = {
            name: np.ones((rank, tensor.shape[1]) if "lora_A" in name else (tensor.shape[0], rank), np.float32)
            for name, tensor in tensors.items()
        }
        return ranked if change is None else change(ranked)

    reason(check(copied(adapter, tmp_path, of_rank, **fields), host), "vllm", text)


@pytest.mark.parametrize(
    ("name", "table", "text"),
    [
        ("llama", True, "would serve it as it is"),
        ("qwen3", False, "would serve it as it is"),
        ("qwen3", True, "hosts of the type qwen3 take no LoRA there .lm_head."),
        ("gpt2", False, "its class for hosts of the type gpt2 takes no adapters"),
        ("bert", False, "it generates with decoders"),
    ],
)
def test_what_vllm_would_say_of_a_type_of_hosts(name, table, text, tmp_path, tmp_path_factory):
    adapter, host = lora_on_disk(tmp_path_factory, name), host_on_disk(tmp_path_factory, name)
    if table:
        head = "base_model.model.lm_head.lora_"
        ones = {f"{head}A.weight": np.ones((2, 16), np.float32), f"{head}B.weight": np.ones((64, 2), np.float32)}
        adapter = copied(adapter, tmp_path, also(**ones))
    reason(check(adapter, host), "vllm", text)


def test_the_command(folders, tmp_path, capsys):
    adapter, host = folders
    assert check_command([str(adapter), "--onto", str(host), "--trained-in", str(host)]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("same: ") and any(line.split()[0] == "vllm" for line in lines)
    partial = copied(adapter, tmp_path, without("q_proj"))
    assert check_command([str(partial), "--onto", str(host), "--json"]) == 4
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["exit_code"], said["trained_in"]) == ("partial", 4, None)
    missing = next(one for one in said["reasons"] if one["check"] == "missing")
    assert missing["names"] == [f"model.layers.{layer}.self_attn.q_proj" for layer in (0, 1)]
    assert check_command([str(adapter), "--onto", "nowhere"]) == 2
    assert "nowhere is not there" in capsys.readouterr().err
