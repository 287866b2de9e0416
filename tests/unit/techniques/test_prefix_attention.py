"""Several modules at once through one host give what each gives alone."""

import pytest
import torch
from torch.func import functional_call, grad_and_value, vmap

from peftport.injection.attach import attach, load_tensors, module_tensors, trainable_parameters
from peftport.techniques.prefix_attention import use_fused_attention, use_plain_attention
from tests.hosts import batch, host
from tests.techniques import SETTINGS


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", SETTINGS)
def test_stacked_modules_with_their_own_batches(name, attention):
    bare = host("t5_gated_untied", attention=attention)
    use_fused_attention(bare)
    model = attach(bare, name, SETTINGS[name], seed=0).eval()
    start = module_tensors(model)
    copies, batches, alone = [], [batch(seed=0), batch(seed=1)], []
    for copy, inputs in enumerate(batches):
        load_tensors(model, {key: tensor + 0.1 * (copy + 1) for key, tensor in start.items()})
        model.zero_grad()
        loss = model(**inputs, use_cache=False).loss
        loss.backward()
        parameters = trainable_parameters(model)
        copies.append({key: parameter.detach().clone() for key, parameter in parameters.items()})
        alone.append((loss.detach(), {key: parameter.grad.clone() for key, parameter in parameters.items()}))

    def loss_of(parameters, inputs):
        return functional_call(model, parameters, (), kwargs={**inputs, "use_cache": False}).loss

    stacked = {key: torch.stack([one[key] for one in copies]) for key in copies[0]}
    inputs = {key: torch.stack([one[key] for one in batches]) for key in batches[0]}
    gradients, losses = vmap(grad_and_value(loss_of), randomness="different")(stacked, inputs)
    for copy, (loss, gradient) in enumerate(alone):
        torch.testing.assert_close(losses[copy], loss, atol=1e-5, rtol=1e-5)
        for key in gradient:
            torch.testing.assert_close(gradients[key][copy], gradient[key], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["t5_gated_untied", "bert", "gpt2", "llama"])
def test_it_computes_what_the_host_computes(name):
    bare, inputs = host(name), batch(encoder_decoder=name.startswith("t5"))
    with torch.no_grad():
        wanted = bare(**inputs).logits
        use_fused_attention(bare)
        use_fused_attention(bare)
        assert bare.config._attn_implementation == "peftport_fused_sdpa"
        torch.testing.assert_close(bare(**inputs).logits, wanted, atol=1e-5, rtol=1e-4)
        use_plain_attention(bare)
        assert bare.config._attn_implementation == "sdpa"
        assert torch.equal(bare(**inputs).logits, wanted)
