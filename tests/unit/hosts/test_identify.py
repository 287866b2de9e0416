"""What a host's identity says, and what its fingerprints see."""

import re
import shutil

import pytest
import torch

from peftport.hosts.identify import combined_digest, identify_host
from peftport.hosts.load import load_model
from peftport.hosts.settings import HostSettings
from peftport.storage.files import file_digest
from tests import studies


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts")
    studies.save_hosts(folder)
    return folder


@pytest.fixture(scope="module")
def card(saved):
    return identify_host("raw", HostSettings(path="somewhere"), saved / "raw")


def test_it_says_what_the_host_is(saved, card):
    assert (card["host"], card["origin"], card["folder"]) == ("raw", {"path": "somewhere"}, str(saved / "raw"))
    assert card["commit"] is None
    assert (card["model_type"], card["gated_feed_forward"], card["separate_output_layer"]) == ("t5", True, True)
    shape = {"d_model": 16, "d_kv": 8, "d_ff": 32, "heads": 2, "encoder_layers": 2, "decoder_layers": 2}
    shape |= {"vocabulary": 400, "key_value_heads": 2, "norm_tensors": 1, "norms": 10, "embedding": 16}
    assert card["shape"] == shape
    assert card["parameters"] == sum(tensor.numel() for tensor in load_model(saved / "raw").state_dict().values()) - (
        2 * 400 * 16  # the embeddings appear three times in the state, and once in the count
    )
    assert re.fullmatch("[0-9a-f]{64}", card["weights_sha256"])


def test_fingerprints_see_weights_and_tokenizer_apart(saved, card):
    other = identify_host("raw", HostSettings(path="somewhere"), saved / "instruct")
    assert other["weights_sha256"] != card["weights_sha256"]
    assert other["tokenizer_sha256"] == card["tokenizer_sha256"]


def test_a_chat_template_is_a_file_of_the_host_and_its_fingerprint_is_in_the_card(saved, card, tmp_path):
    shutil.copytree(saved / "raw", tmp_path / "raw")
    (tmp_path / "raw" / "chat_template.jinja").write_text("{{ messages[0].content }}:")
    other = identify_host("raw", HostSettings(path="somewhere"), tmp_path / "raw")
    assert other["chat_template_sha256"] == file_digest(tmp_path / "raw" / "chat_template.jinja")
    assert other["files"].keys() - card["files"].keys() == {"chat_template.jinja"}
    assert other["tokenizer_sha256"] == card["tokenizer_sha256"] and card["chat_template_sha256"] is None


def test_a_card_is_the_same_every_time(saved, card):
    torch.manual_seed(1)
    assert identify_host("raw", HostSettings(path="somewhere"), saved / "raw") == card


def test_digests_see_names_contents_and_order(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("x")
    two.write_text("y")
    digests = {combined_digest(files) for files in ([one], [two], [one, two], [two, one])}
    two.write_text("x")
    assert len(digests | {combined_digest([one, two]), combined_digest([two])}) == 6
