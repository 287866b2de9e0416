"""Every technique on every family of encoders with a classification head, on tiny hosts."""

import functools
import tempfile
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification

from peftport.hosts.classification_head import load_classifier
from peftport.injection.attach import attach, attach_module, config_dict, detach, module_tensors, trainable_parameters
from peftport.injection.head import Head
from peftport.storage.modules import Module, read_module, write_module
from tests.copies import Copies
from tests.hosts import batch, host, spread_module
from tests.techniques import SETTINGS, fused, of_name

LABELS = 3
# what of the head belongs to modules: these files have no pooler, and that of ModernBERT has the layer before the last
PARTS = {
    "bert": ("pooler", "classifier"),
    "roberta": ("classifier",),
    "xlm-roberta": ("classifier",),
    "distilbert": ("pre_classifier", "classifier"),
    "electra": ("classifier",),
    "deberta-v2_new_head": ("pooler", "classifier"),
    "modernbert": ("classifier",),
}
REFUSED = {(name, "tiny_attention"): "the layer itself adds the residual" for name in ("distilbert", "modernbert")}
REFUSED["deberta-v2_new_head", "prefix_tuning"] = "disentangled attention scores a key by its place"
REFUSED["electra", "prompt_tuning"] = "its embeddings are 8 wide and its layers 16"
REFUSED["distilbert", "prompt_tuning"] = "prompt_tuning cannot be put into this host: .*token_dim"
CASES = [(name, technique) for name in PARTS for technique in SETTINGS if (name, technique) not in REFUSED]
CASES += [("bert", "ln_tuning"), ("roberta", "dora")]


@functools.cache
def saved(name):
    folder = Path(tempfile.mkdtemp())
    host(name).save_pretrained(folder)
    return folder


@functools.cache
def loaded(name):
    return load_classifier(saved(name), LABELS)


@functools.cache
def copies(name):
    return Copies(loaded(name).model)


def fresh(name):
    return copies(name).take()


def examples():
    return batch(encoder_decoder=False) | {"labels": torch.arange(LABELS)}


def with_module(name, technique):
    method, settings = of_name(technique)
    settings = fused(settings) if name == "modernbert" else settings
    return attach(fresh(name), method, settings, seed=1, head=Head(PARTS[name], "source"))


@torch.no_grad()
def logits(model):
    return model(**examples()).logits


@pytest.mark.parametrize("name", PARTS)
def test_what_the_files_lack_of_the_head_belongs_to_modules(name):
    assert loaded(name).parts == PARTS[name]
    assert not logits(loaded(name).model).any()


@pytest.mark.parametrize(("name", "technique"), REFUSED)
def test_what_does_not_apply_is_refused_with_the_reason(name, technique):
    with pytest.raises(ValueError, match=REFUSED[name, technique]):
        with_module(name, technique)


@pytest.mark.parametrize(("name", "technique"), CASES)
def test_a_module_holds_its_head_and_plain_peft_reads_both(name, technique, tmp_path):
    model = with_module(name, technique)
    spread_module(model)
    model(**examples(), use_cache=False).loss.backward()
    parameters = trainable_parameters(model)
    assert [key for key, part in parameters.items() if part.grad is None or not part.grad.any()] == []
    wanted, tensors = logits(model.eval()), module_tensors(model)
    module = Module(config_dict(model), tensors, {"technique": of_name(technique)[0]})
    assert sum(tensor.size for tensor in tensors.values()) == sum(part.numel() for part in parameters.values())
    assert module.config["modules_to_save"] == list(PARTS[name])
    assert len(module.head) == (4 if name not in ("modernbert",) else 2)
    write_module(tmp_path, module)
    read = attach_module(fresh(name), read_module(tmp_path)).eval()
    assert torch.equal(logits(read), wanted)
    implementation = loaded(name).model.config._attn_implementation
    plain = AutoModelForSequenceClassification.from_pretrained(
        saved(name), num_labels=LABELS, attn_implementation=implementation
    )
    assert torch.equal(logits(PeftModel.from_pretrained(plain, tmp_path).eval()), wanted)
    bare = detach(model)
    assert not logits(bare).any()
    assert not [part for part, _ in bare.named_modules() if "modules_to_save" in part]
