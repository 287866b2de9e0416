"""The hosts of every exact rung compute the same, and those of the others do not."""

import numpy as np
import pytest
import torch

from peftport.adapters.host_files import read_host
from peftport.maps.pair import End
from peftport.maps.spaces import template_of
from tests.ladder import ids, ladder, rung
from tests.reshaped import places
from tests.tiny import KINDS, card, host, logits, tensors, write_host


def difference(step):
    """How far the logits of the two hosts differ, relative to the largest; for tokens that both have."""
    asked, known = ids(), step.tokens >= 0
    before = logits(step.source, asked)
    after = logits(step.target, torch.from_numpy(step.tokens.clip(0))[asked])
    before, after = before[..., known], after[..., step.tokens[known]]
    return ((after - before).abs().max() / before.abs().max()).item()


@pytest.mark.parametrize(("name", "kind"), ladder(exact=True))
def test_the_target_of_an_exact_rung_computes_what_the_source_does(name, kind):
    step = rung(name, kind)
    assert difference(step) < step.tolerance


@pytest.mark.parametrize(("name", "kind"), ladder(exact=False))
def test_noise_and_foreign_tokens_change_what_the_target_computes(name, kind):
    assert difference(rung(name, kind)) > 10 * rung(name, kind).tolerance


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_on_disk_is_read_as_a_pair_reads_it(kind, tmp_path):
    """Weights of every place, the norm in front and the embedding, as the host in memory has them."""
    end = End(card(host(kind), kind), read_host(write_host(host(kind), tmp_path)))
    here = tensors(host(kind))
    for place in places(host(kind)):
        writer = "wo" if place.sublayer == "feed_forward" else "o"
        weight = end.weight(place, writer)
        name = template_of(end.family, writer, place.stack, place.sublayer).format(layer=place.layer)
        expected = here[f"{name}.weight"]
        np.testing.assert_allclose(weight, expected.T if end.family.transposed else expected, atol=1e-6)
        assert (end.gain(place) is None) == (kind == "bert")
    np.testing.assert_allclose(end.embedding(), here[f"{end.family.stream.embedding}.weight"], atol=1e-6)
