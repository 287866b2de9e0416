"""The two hosts that come with the package: whole, small, loadable, and blind to the task without a module."""

import json
from pathlib import Path

import pytest
import torch

from peftport.data.generated.settings import GeneratedReviews
from peftport.data.generated.tasks import labelled
from peftport.host_building.build import FILES, load_host
from peftport.hosts import bundled
from peftport.storage.files import file_digest

FOLDER = Path(bundled.__file__).parent
HOSTS = ("reviews-raw", "reviews-instruct")


def test_checksums_name_every_file_and_agree():
    sums = json.loads((FOLDER / "checksums.json").read_text())
    assert sorted(sums) == sorted(f"{host}/{name}" for host in HOSTS for name in FILES)
    assert all(file_digest(FOLDER / name) == digest for name, digest in sums.items())


def test_both_hosts_stay_small():
    size_bytes = sum((FOLDER / host / name).stat().st_size for host in HOSTS for name in FILES)
    assert size_bytes < 10_000_000


@pytest.mark.parametrize("host", HOSTS)
def test_host_loads_untied_with_whole_label_words_and_does_not_know_the_task(host):
    tokenizer, model = load_host(FOLDER / host)
    words = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in ("negative", "positive")]
    assert [len(pieces) for pieces in words] == [1, 1]
    texts, labels = zip(*labelled(GeneratedReviews(domain="film", seed=9), 200), strict=True)
    batch = tokenizer([f"sentiment: {text}" for text in texts], padding=True, return_tensors="pt")
    with torch.no_grad():
        start = torch.zeros(len(texts), 1, dtype=torch.long)
        logits = model(**batch, decoder_input_ids=start).logits[:, 0, [ids[0] for ids in words]]
    positive = torch.tensor([label == "positive" for label in labels])
    assert (logits.argmax(-1).bool() == positive).float().mean() < 0.7


def test_the_hosts_share_tokenizer_and_shape_but_not_weights():
    raw, instruct = (FOLDER / host for host in HOSTS)
    for name in ("tokenizer.json", "config.json"):
        assert (raw / name).read_bytes() == (instruct / name).read_bytes()
    assert file_digest(raw / "model.safetensors") != file_digest(instruct / "model.safetensors")
