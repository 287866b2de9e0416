"""(IA)3: Liu et al., *Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning*,
NeurIPS 2022 (arXiv 2205.05638); peft's own.

Formula: keys, values and the inner activations of the feed-forward sub-layer are multiplied, element by element, by
learned vectors that start at one: ``l_k * (W_k x)``, ``l_v * (W_v x)``, ``W_o (l_ff * f(W_i x))``.

Parameters: outputs of each projection whose output is scaled; inputs of each whose input is scaled (``wo``, ``o``).

Where we differ from peft's defaults: its BERT targets also scale the attention's output projection, which the paper
does not; here the projections are named by kind, and ``wo`` means the feed-forward sub-layer's only.
"""

from collections.abc import Mapping

from peft import IA3Config

from peftport.hosts.shape import projection_size, site_counts
from peftport.hosts.sites import Family
from peftport.techniques.output import ADDED, Output
from peftport.techniques.settings import Ia3Settings

SCALED_AT_INPUT = ("wo", "o")
# (l - 1) times what the site computes is added
OUTPUT = Output(ADDED, lambda layer, adapter: [layer.ia3_l[adapter]], neutral=1.0)


def peft_config(settings: Ia3Settings, family: Family) -> IA3Config:
    """peft's config for these settings in hosts of this family.

    Raises:
        ValueError: the family has no such projections.
    """
    targets = settings.targets
    inputs = [kind for kind in targets if kind in SCALED_AT_INPUT]
    return IA3Config(
        target_modules=family.pattern(targets),
        # a pattern that matches nothing, where no input is scaled: peft takes None for "look it up"
        feedforward_modules=family.pattern(inputs) if inputs else "(?!)",
        fan_in_fan_out=family.transposed,
    )


def site_kinds(settings: Ia3Settings, family: Family) -> list[str]:
    """The kinds of sites wrapped."""
    return list(settings.targets)


def expected_sites(settings: Ia3Settings, shape: Mapping[str, int]) -> int:
    """Number of projections wrapped in a host of this shape."""
    counts = site_counts(shape)
    return sum(counts[kind] for kind in settings.targets)


def parameter_count(settings: Ia3Settings, shape: Mapping[str, int]) -> int:
    """Exact number of trainable parameters.

    Raises:
        ValueError: a target is no projection.
    """
    counts, total = site_counts(shape), 0
    for kind in settings.targets:
        inputs, outputs = projection_size(kind, shape)
        total += counts[kind] * (inputs if kind in SCALED_AT_INPUT else outputs)
    return total
