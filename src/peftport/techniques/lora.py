"""LoRA: Hu et al., *LoRA: Low-Rank Adaptation of Large Language Models*, ICLR 2022 (arXiv 2106.09685); peft's own.

Formula: ``W x + (alpha / rank) B A x`` for each chosen projection W; ``A`` is (rank, inputs), Kaiming uniform at the
start, ``B`` is (outputs, rank), zero at the start.

Parameters: rank * (inputs + outputs) per projection.

Where we differ from peft: the projections are named by kind (``q``, ``v``, ``wo`` ...) and become a regular
expression, because peft's list is a set and its JSON changes from process to process.
"""

from collections.abc import Mapping

from peft import LoraConfig

from peftport.hosts.shape import projection_size, site_counts
from peftport.hosts.sites import Family
from peftport.techniques.output import PRODUCT, Output
from peftport.techniques.settings import LoraSettings

OUTPUT = Output(PRODUCT)


def peft_config(settings: LoraSettings, family: Family) -> LoraConfig:
    """peft's config for these settings in hosts of this family.

    Raises:
        ValueError: the family has no such projections.
    """
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=family.pattern(settings.targets),
        fan_in_fan_out=family.transposed,
    )


def site_kinds(settings: LoraSettings, family: Family) -> list[str]:
    """The kinds of sites wrapped."""
    return list(settings.targets)


def expected_sites(settings: LoraSettings, shape: Mapping[str, int]) -> int:
    """Number of projections wrapped in a host of this shape."""
    counts = site_counts(shape)
    return sum(counts[kind] for kind in settings.targets)


def parameter_count(settings: LoraSettings, shape: Mapping[str, int]) -> int:
    """Exact number of trainable parameters.

    Raises:
        ValueError: a target is no projection.
    """
    counts = site_counts(shape)
    return sum(counts[kind] * settings.rank * sum(projection_size(kind, shape)) for kind in settings.targets)
