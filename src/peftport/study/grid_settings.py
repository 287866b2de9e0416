"""Settings of the grid of a study: what it runs, picked from the definitions."""

from typing import Annotated, Literal, get_args

from pydantic import Field, Tag

from peftport.settings import EACH_ONCE, TAG, Seed, Settings, is_empty, list_or
from peftport.storage.extensions import added
from peftport.storage.names import COPY

Initialisation = Literal[
    "ported",
    "sampled",
    "scratch",
    "matched",
    "permuted",
    "norm_matched",
    "target_mean",
    "sampled_product",
    "random_target",
    "ported_fresh_head",
    "sampled_fresh_head",
    "head_only",
    "ported_inner_part",
    "ported_outer_part",
    "distilled",
    "wrong_layers",
    "shuffled_map",
    "random_basis",
    "ported_quarter",
    "ported_half",
    "ported_double",
]
if added("initialisations"):  # those of installed packages
    Initialisation = Literal[(*get_args(Initialisation), *added("initialisations"))]


class PairSettings(Settings):
    """Where a module comes from and where it goes."""

    source: str = Field(description="where the module comes from")
    target: str = Field(description="where it goes")


class TransferSettings(PairSettings):
    """Hosts that a module comes from and goes to, and how it is carried from one to the other."""

    map: str = Field(
        COPY,
        description="how the module is carried: the name of one of `maps`, or `copy`, which needs hosts of equal shape",
    )


SeedOrBlock = Annotated[
    Annotated[Seed, Tag(f"{TAG}integer")] | Annotated[list[Seed], Field(min_length=1), Tag(f"{TAG}array")],
    list_or("integer"),
]


class GridSettings(Settings):
    """What the study runs, picked from the definitions."""

    techniques: Annotated[list[str], EACH_ONCE] = Field(
        [], description="names of techniques; at least one, or one of `modules`"
    )
    modules: Annotated[list[str], EACH_ONCE] = Field(
        [],
        description="names of modules that exist already; every transfer and dataset pair starts where they were made",
        exclude_if=is_empty,
    )
    transfers: list[TransferSettings] = Field(
        min_length=1, description="ordered pairs of hosts; the same pair stands once for each `map`"
    )
    dataset_pairs: list[PairSettings] = Field(
        min_length=1, description="ordered pairs of datasets; the same name twice is the same dataset on both sides"
    )
    probes: Annotated[list[str], EACH_ONCE] = Field(
        [],
        description="datasets that are only tested on and tell what a module costs elsewhere (forgetting): `ported` "
        "modules at every budget, hosts alone, and their own modules where `references` has them; answers stand in "
        "`evaluations/`, tables and report leave them out",
        exclude_if=is_empty,
    )
    initialisations: Annotated[list[Initialisation], EACH_ONCE] = Field(
        min_length=1, description="what a module in the target host starts from"
    )
    budgets: list[Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="optimiser steps in the target host before each test, rising; 0 is zero-shot"
    )
    seeds: list[SeedOrBlock] = Field(
        min_length=1,
        description="seeds, or lists of seeds; each list is a block that shares its jobs; a seed more or less runs "
        "only what is new",
    )
    references: Annotated[list[Literal["bare", "native", "source"]], EACH_ONCE] = Field(
        ["bare", "native"],
        description="what scores are read against: the target host alone and its own modules; `source`: both of the "
        "source host too, tested on the target dataset",
    )
