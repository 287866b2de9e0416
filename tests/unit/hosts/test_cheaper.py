"""A host as jobs compute it: which layers are exchanged, and that it answers the same."""

import pytest
import torch

from peftport.hosts import gelu, products, short_attention
from peftport.hosts.cheaper import cheaper
from tests import hosts


@pytest.mark.parametrize("name", [*hosts.T5_HOSTS, *hosts.OTHER_HOSTS])
@pytest.mark.parametrize("onednn", [False, True])
def test_layers_and_attention_are_exchanged_and_answers_stay(monkeypatch, name, onednn):
    monkeypatch.setattr(products, "onednn_pays", lambda: onednn)
    plain, host = (hosts.host(name).eval().requires_grad_(False) for _ in range(2))
    wanted = gelu.LAYERS | (products.LAYERS if onednn else {})
    assert cheaper(host) is host
    kinds = [(type(before), type(after)) for before, after in zip(plain.modules(), host.modules(), strict=True)]
    assert all(after is wanted.get(before, before) for before, after in kinds)
    assert host.config._attn_implementation == short_attention.NAME
    batch = {"input_ids": torch.arange(400 * 24).view(400, 24) % 50 + 3}
    if host.config.is_encoder_decoder:
        batch["decoder_input_ids"] = torch.zeros(400, 2, dtype=torch.long)
    with torch.inference_mode():
        torch.testing.assert_close(host(**batch).logits, plain(**batch).logits, rtol=1e-4, atol=1e-5)
