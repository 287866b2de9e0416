"""Decoders of LLaMA's layout with mixtures of experts as feed-forward sub-layers: sites in attention and norms alone.

A router sends each token to some of several experts, and transformers keeps the weights of all experts in one tensor,
which no technique here wraps.
"""

from peftport.hosts.families.llama import LAYER, NORMS_BEFORE, reads_normed
from peftport.hosts.families.one_stack import Below, decoder
from peftport.hosts.sites import Family

ATTENTION: Below = {
    "attention": "self_attn.o_proj",
    "decoder_self": "self_attn",
    **{kind: f"self_attn.{kind}_proj" for kind in ("q", "k", "v", "o")},
}
EXPERTS = "a router takes some of several experts for each token, and their weights are one tensor that nothing wraps"
LACKS = dict.fromkeys(("feed_forward", "wi", "wi_0", "wi_1", "wo"), EXPERTS)


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    below = ATTENTION | NORMS_BEFORE
    return decoder(name, LAYER, below, lacks=LACKS, reads_normed=reads_normed(below))
