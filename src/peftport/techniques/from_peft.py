"""Techniques that peft itself offers, named in a study's config and ported by the same code as all others.

Each is an entry of ``TECHNIQUES``: peft's config class, the fields of it that a study may set (under peft's names,
with peft's defaults), those that are fixed here, and its size per projection. All of them wrap projections, which
``targets`` names by kind (``q``, ``v``, ``wo`` ...). Formulas and papers are in peft's documentation of the class.

What moves, and what does not:

* a module holds the trained tensors only. Frozen random ones (``vera``, ``pvera``, ``randlora``: the projections;
  ``unilora``, ``fourierft``, ``waveft``: which entries are trained) are drawn again from the seed in the settings, on
  the CPU. So all hosts of one shape have the same ones, and ``sampled`` does not touch them. torch does not promise
  equal draws between its versions, so such a module belongs to the torch version that its card names;
* ``dora`` starts its magnitudes at the norms of the host's weights. A ported magnitude is the source host's, trained;
* ``hira``, ``dora``, ``deft``, ``oft`` and ``hra`` multiply the host's weights, so a ported module does something else
  in a target host even where its tensors are the same.

``peftport.techniques.table.NOT_OFFERED`` says why the others of peft are not here.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import peft
from peft import PeftConfig

from peftport.hosts.shape import projection_size, site_counts
from peftport.hosts.sites import Family

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class FromPeft:
    """A technique of peft that wraps projections.

    Attributes:
        config: name of peft's config class.
        names: fields of it that a study sets.
        size: (settings, inputs, outputs) to the number of trained parameters of one projection.
        fixed: fields that are the same in every study.
        once: settings to the number of trained parameters that all projections share.
        transposed: whether peft's class knows projections that are stored transposed (GPT-2's ``Conv1D``).
    """

    config: str
    names: tuple[str, ...]
    size: Callable[[Settings, int, int], int]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    once: Callable[[Settings], int] = lambda settings: 0
    transposed: bool = True

    def peft_config(self, settings: Settings, family: Family) -> PeftConfig:
        """peft's config for these settings in hosts of this family.

        Raises:
            ValueError: the family has no such projections, or peft's class knows no transposed ones.
        """
        chosen = {"target_modules": family.pattern(settings["targets"]), **self.fixed}
        if self.transposed:
            chosen["fan_in_fan_out"] = family.transposed
        elif family.transposed:
            raise ValueError(f"peft's {self.config} does not know the transposed projections of {family.name!r} hosts")
        return getattr(peft, self.config)(**chosen, **{name: settings[name] for name in self.names})

    def site_kinds(self, settings: Settings, family: Family) -> list[str]:
        """The kinds of sites wrapped."""
        return list(settings["targets"])

    def expected_sites(self, settings: Settings, shape: Mapping[str, int]) -> int:
        """Number of projections wrapped in a host of this shape."""
        counts = site_counts(shape)
        return sum(counts[kind] for kind in settings["targets"])

    def parameter_count(self, settings: Settings, shape: Mapping[str, int]) -> int:
        """Exact number of trainable parameters.

        Raises:
            ValueError: a target is no projection.
        """
        counts = site_counts(shape)
        sizes = {kind: self.size(settings, *projection_size(kind, shape)) for kind in settings["targets"]}
        return self.once(settings) + sum(counts[kind] * size for kind, size in sizes.items())


def _low_rank(settings: Settings, inputs: int, outputs: int) -> int:
    return settings["r"] * (inputs + outputs)


def _randlora(settings: Settings, inputs: int, outputs: int) -> int:
    narrow = min(inputs, outputs)
    return math.ceil(narrow / settings["r"]) * (settings["r"] + narrow)


def _halves(size: int) -> tuple[int, int]:
    """The two factors of ``size`` that are nearest to each other, the smaller one first."""
    small = next(divisor for divisor in range(math.isqrt(size), 0, -1) if size % divisor == 0)
    return small, size // small


def _lokr(settings: Settings, inputs: int, outputs: int) -> int:
    total = 0
    for part, sides in enumerate(zip(_halves(inputs), _halves(outputs), strict=True)):
        low = settings["r"] < max(sides) / 2 and (part == 1 or settings["decompose_both"])
        total += settings["r"] * sum(sides) if low else math.prod(sides)
    return total


def _oft(settings: Settings, inputs: int, outputs: int) -> int:
    block = settings["oft_block_size"]
    blocks = 1 if settings["block_share"] else inputs // block
    return blocks * block * (block - 1) // 2


def _vblora(settings: Settings, inputs: int, outputs: int) -> int:
    return settings["r"] * settings["num_vectors"] * (inputs + outputs) // settings["vector_length"]


REDRAWN = {"save_projection": False}
TECHNIQUES = {
    "dora": FromPeft(
        "LoraConfig", ("r", "lora_alpha", "lora_dropout"), lambda s, i, o: _low_rank(s, i, o) + o, {"use_dora": True}
    ),
    "vera": FromPeft(
        "VeraConfig",
        ("r", "projection_prng_key", "vera_dropout", "d_initial"),
        lambda s, i, o: s["r"] + o,
        REDRAWN,
    ),
    "pvera": FromPeft(
        "PveraConfig",
        ("r", "projection_prng_key", "pvera_dropout", "d_initial"),
        lambda s, i, o: 2 * s["r"] + o,
        REDRAWN,
    ),
    "randlora": FromPeft(
        "RandLoraConfig",
        ("r", "projection_prng_key", "sparse", "very_sparse", "randlora_dropout", "randlora_alpha"),
        _randlora,
        REDRAWN,
    ),
    "unilora": FromPeft(
        "UniLoraConfig",
        ("r", "proj_seed", "theta_d_length", "unilora_dropout", "init_theta_d_bound"),
        lambda s, i, o: 0,
        once=lambda s: s["theta_d_length"],
    ),
    "vblora": FromPeft(
        "VBLoRAConfig",
        ("r", "num_vectors", "vector_length", "topk", "vblora_dropout", "init_vector_bank_bound", "init_logits_std"),
        _vblora,
        once=lambda s: s["num_vectors"] * s["vector_length"],
    ),
    "loha": FromPeft(
        "LoHaConfig",
        ("r", "alpha", "rank_dropout", "module_dropout"),
        lambda s, i, o: 2 * _low_rank(s, i, o),
        transposed=False,
    ),
    "lokr": FromPeft(
        "LoKrConfig", ("r", "alpha", "decompose_both", "rank_dropout", "module_dropout"), _lokr, transposed=False
    ),
    "hira": FromPeft("HiraConfig", ("r", "hira_dropout"), _low_rank),
    "gralora": FromPeft("GraloraConfig", ("r", "alpha", "gralora_dropout", "gralora_k"), _low_rank),
    "deft": FromPeft("DeftConfig", ("r", "decomposition_method", "init_scale", "deft_dropout"), _low_rank),
    "hra": FromPeft("HRAConfig", ("r", "apply_GS"), lambda s, i, o: s["r"] * i, transposed=False),
    "oft": FromPeft(
        "OFTConfig",
        ("oft_block_size", "module_dropout", "coft", "eps", "block_share", "use_cayley_neumann"),
        _oft,
        transposed=False,
    ),
    "c3a": FromPeft("C3AConfig", ("block_size",), lambda s, i, o: i * o // s["block_size"], transposed=False),
    "fourierft": FromPeft(
        "FourierFTConfig", ("n_frequency", "scaling", "random_loc_seed"), lambda s, i, o: s["n_frequency"]
    ),
    "waveft": FromPeft(
        "WaveFTConfig",
        ("n_frequency", "scaling", "wavelet_family", "use_idwt", "random_loc_seed"),
        lambda s, i, o: s["n_frequency"],
    ),
    "miss": FromPeft("MissConfig", ("r", "miss_dropout"), lambda s, i, o: s["r"] * o, transposed=False),
    "peanut": FromPeft(
        "PeanutConfig",
        ("r", "depth", "act_fn", "scaling"),
        lambda s, i, o: 2 * s["r"] * o + 2 * s["depth"] * s["r"] ** 2,
        transposed=False,
    ),
    "road": FromPeft(
        "RoadConfig",
        ("variant", "group_size"),
        lambda s, i, o: o * int(s["variant"].removeprefix("road_")),
        transposed=False,
    ),
    "beft": FromPeft("BeftConfig", (), lambda s, i, o: o, transposed=False),
}
