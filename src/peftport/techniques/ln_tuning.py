"""LN tuning: Zhao et al., *Tuning LayerNorm in Attention: Towards Efficient Multi-Modal LLM Finetuning*, ICLR 2024
(arXiv 2312.11420); peft's own.

Formula: the layer norms before (BERT, RoBERTa: behind) the sub-layers get weights, and biases where they have them, of
their own, which start as copies of the host's and stand in their place: ``w * normalise(x) + b``, each (d).

Parameters: d per norm, 2 d where norms have a bias.

Where we differ from the paper: the norms at the end of a stack and behind the embeddings stay frozen, as all else that
belongs to no sub-layer. Of all techniques only this one trains what belongs to the host. So a fresh module is the bare
host, a ported one brings the source host's norms along with what was learned, and a sampled one loses both; the
module's card says so. peft makes the copies in the host's number type: load the host in float32 to train them.
"""

from collections.abc import Mapping
from typing import Any

from peft import LNTuningConfig

from peftport.hosts.shape import site_counts
from peftport.hosts.sites import Family


def peft_config(settings: Mapping[str, Any], family: Family) -> LNTuningConfig:
    """peft's config for hosts of this family.

    Raises:
        ValueError: the family has no layer norms in the table of sites.
    """
    return LNTuningConfig(target_modules=family.pattern(site_kinds(settings, family)))


def site_kinds(settings: Mapping[str, Any], family: Family) -> list[str]:
    """The kinds of sites wrapped."""
    return ["norm"]


def expected_sites(settings: Mapping[str, Any], shape: Mapping[str, int]) -> int:
    """Number of layer norms wrapped in a host of this shape."""
    return site_counts(shape)["norm"]


def parameter_count(settings: Mapping[str, Any], shape: Mapping[str, int]) -> int:
    """Exact number of trainable parameters."""
    return expected_sites(settings, shape) * shape["d_model"] * shape.get("norm_tensors", 1)
