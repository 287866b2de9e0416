"""The attention that takes a prefix computes what the host's own computes where there is none."""

import pytest
import torch

from peftport.techniques.prefix_attention import use_plain_attention, use_prefix_attention
from tests.hosts import batch, host


@pytest.mark.parametrize("name", ["t5_gated_untied", "bert", "gpt2", "llama"])
def test_it_computes_what_the_host_computes(name):
    bare, inputs = host(name), batch(encoder_decoder=name.startswith("t5"))
    with torch.no_grad():
        wanted = bare(**inputs).logits
        use_prefix_attention(bare)
        use_prefix_attention(bare)
        assert bare.config._attn_implementation == "peftport_prefix_sdpa"
        torch.testing.assert_close(bare(**inputs).logits, wanted, atol=1e-5, rtol=1e-4)
        use_plain_attention(bare)
        assert bare.config._attn_implementation == "sdpa"
        assert torch.equal(bare(**inputs).logits, wanted)
