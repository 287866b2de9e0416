"""What the page tells of a study beside its tables, and of its cost."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from peftport.settings import StatisticsSettings
from peftport.storage.provenance import JsonObject


@dataclass(frozen=True)
class NamedSettings:
    """Settings that sentences name.

    Attributes:
        margin: difference in accuracy that is large enough to matter.
        source_steps: optimiser steps of a source module; None where they are not known.
        distil_steps: steps without labels that `distilled` takes before its first budget; None without it.
        warnings: sentences on settings that do not go together well, each without its capital and full stop.
    """

    margin: float = StatisticsSettings().margin
    source_steps: int | None = None
    distil_steps: int | None = None
    warnings: Sequence[str] = ()


NOT_KNOWN = NamedSettings()


@dataclass(frozen=True)
class StudyFacts:
    """A study in words and facts; only its name must be known.

    Attributes:
        description: one line above the question.
        rules: how each initialisation is drawn, by its name.
        maps: what is told of each map (``peftport.report.carrying``).
        reconstructions: sentences on values that are not published.
        hosts: facts by the hosts' names; each fact stands in a column under its own name.
        host_notes: sentences on hosts.
        datasets: facts by the datasets' names, as those of hosts.
        prompts: facts on lengths of prompts by dataset, split and host, as those of hosts.
        config: the config, as YAML.
        settings: settings that sentences name.
    """

    name: str
    description: str = ""
    rules: dict[str, str] = field(default_factory=dict)
    maps: list[JsonObject] = field(default_factory=list)
    reconstructions: list[str] = field(default_factory=list)
    hosts: dict[str, JsonObject] = field(default_factory=dict)
    host_notes: list[str] = field(default_factory=list)
    datasets: dict[str, JsonObject] = field(default_factory=dict)
    prompts: dict[str, JsonObject] = field(default_factory=dict)
    config: str = ""
    settings: NamedSettings = NOT_KNOWN


@dataclass(frozen=True)
class Cost:
    """What a study took; None where it is not known.

    Attributes:
        wall_seconds: of all jobs together.
        machine: what it ran on, in words.
        versions: of libraries, by name.
        failed: what failed, one line each.
    """

    jobs: int | None = None
    wall_seconds: float | None = None
    largest_job_mebibytes: int | None = None
    optimiser_steps: int | None = None
    machine: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
