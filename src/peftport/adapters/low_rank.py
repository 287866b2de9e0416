"""Rank and alpha of a LoRA at each of its sites, and the fields with which peft gives each site its own.

Ranks are those of the tensors. Alphas are those of the config, whose patterns are matched in bounded time.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from peftport.adapters.config import AdapterConfig
from peftport.adapters.folder import Adapter
from peftport.adapters.sites import Sites
from peftport.adapters.targets import ByPattern
from peftport.storage.provenance import JsonObject

DOWN = ("lora_A.weight", "lora_embedding_A")  # the tensors of a site whose first size is the rank
USUAL_ALPHA = 8  # peft's own, where a config says none


@dataclass(frozen=True)
class LowRank:
    """What a LoRA has at one site."""

    rank: int
    alpha: float


def low_rank(adapter: Adapter, config: AdapterConfig, sites: Sites) -> dict[str, LowRank]:
    """Site to rank and alpha; empty for types other than LORA.

    Raises:
        Unmatchable: which alphas the config means cannot be told.
    """
    if config.peft_type != "LORA":
        return {}
    alphas, usual = ByPattern(config.alpha_pattern), USUAL_ALPHA if config.alpha is None else config.alpha
    shapes = {
        site: adapter.tensors[parts[what]].shape
        for site, parts in sites.tensors.items()
        for what in DOWN
        if what in parts
    }
    return {site: LowRank(shape[0], alphas.value(site, usual)) for site, shape in shapes.items() if shape}


def spelled_out(sites: Mapping[str, LowRank]) -> JsonObject:
    """peft's fields for these ranks and alphas: the most frequent one, and by whole names those that differ."""
    fields: JsonObject = {}
    for field, patterns, what in (("r", "rank_pattern", "rank"), ("lora_alpha", "alpha_pattern", "alpha")):
        sizes = {site: getattr(sites[site], what) for site in sorted(sites)}
        if sizes:
            fields[field] = Counter(sizes.values()).most_common(1)[0][0]
        fields[patterns] = {f"^{re.escape(site)}$": size for site, size in sizes.items() if size != fields[field]}
    return fields
