"""Quantised hosts: the refusals, and what transformers is told. No such host is loaded here: that needs a GPU."""

from pathlib import Path

import pytest
import torch

from peftport.compute import device
from peftport.hosts import precision, quantised
from peftport.hosts.precision import QUANTISED
from peftport.hosts.quantised import NotQuantisable, load_quantised


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(precision, "find_spec", lambda name: name)


@pytest.mark.parametrize("name", QUANTISED)
def test_a_job_without_bitsandbytes_says_what_to_install(name, monkeypatch):
    monkeypatch.setattr(precision, "find_spec", lambda name: None)
    with pytest.raises(NotQuantisable, match=rf"some/host: `{name}` needs bitsandbytes, .*peftport\[quantised\]"):
        load_quantised(Path("some/host"), name, torch.device("cuda"))


@pytest.mark.parametrize("name", QUANTISED)
def test_a_job_without_a_gpu_says_so(name, installed, monkeypatch):
    monkeypatch.setattr(device, "job_device", lambda: device.CPU)
    with pytest.raises(NotQuantisable, match=rf"some/host: `{name}` needs a GPU, and this job computes on the CPU"):
        device.load_host(Path("some/host"), name)


@pytest.mark.parametrize(
    ("name", "bits"), [("int8", {"load_in_8bit": True}), ("nf4", {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"})]
)
def test_transformers_is_told_the_numbers_and_the_device(name, bits, installed, monkeypatch):
    """Nothing is moved afterwards, which transformers refuses of quantised hosts."""
    told = []
    monkeypatch.setattr(quantised, "load_model", lambda *args, **options: told.append((args, options)) or "the host")
    monkeypatch.setattr(device, "job_device", lambda: torch.device("cuda"))
    assert device.load_host(Path("some/host"), name) == "the host"
    (((folder, dtype), options),) = told
    assert (folder, dtype, options["device_map"]) == (Path("some/host"), torch.bfloat16, {"": torch.device("cuda")})
    said = options["quantization_config"]
    assert bits.items() <= said.to_dict().items() and said.load_in_8bit == (name == "int8")
    assert said.load_in_4bit == (name == "nf4") and (name == "int8" or said.bnb_4bit_compute_dtype == torch.bfloat16)


def test_the_other_precisions_are_not_quantised():
    assert set(QUANTISED) == {"int8", "nf4"} and precision.lacking("bfloat16") is None
