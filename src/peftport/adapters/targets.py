"""Which submodules the patterns of an adapter's config mean, in bounded time (``peftport.adapters.patterns``)."""

import re
from collections.abc import Iterable, Mapping

from peftport.adapters.config import AdapterConfig
from peftport.adapters.patterns import Budget, Pattern, Unmatchable
from peftport.storage.provenance import JsonObject


def wrapped_modules(config: AdapterConfig, names: Iterable[str]) -> set[str] | None:
    """Which of these submodules peft would wrap for a config; None where the config names no modules.

    The rules are those of ``check_target_module_exists`` of peft 0.21.

    Raises:
        Unmatchable: a pattern is not matched here.
    """
    if config.target_modules is None or config.target_modules == "all-linear":
        return None
    wanted, excluded = _Named(config.target_modules), _Named(config.exclude_modules or ())
    saved = set(config.modules_to_save)
    return {
        name
        for name in names
        if (wanted.whole(name) or (wanted.end(name) and _in_chosen_layers(name, config)))
        and not (excluded.whole(name) or excluded.end(name) or saved & set(name.split(".")))
    }


def patterns_by_name(config: AdapterConfig, sites: Iterable[str]) -> JsonObject:
    """``rank_pattern`` and ``alpha_pattern`` of a config with the whole names of sites in place of its patterns.

    Raises:
        Unmatchable: a pattern is not matched here.
    """
    sites, fields = sorted(sites), {}
    for field, patterns in (("rank_pattern", config.rank_pattern), ("alpha_pattern", config.alpha_pattern)):
        said = ByPattern(patterns)
        meant = {f"^{re.escape(site)}$": patterns[key] for site in sites if (key := said.key(site)) is not None}
        fields |= {field: meant} if patterns else {}
    return fields


class _Named:
    """Submodules by a pattern for their whole names, or by the ends of their names."""

    def __init__(self, said: str | tuple[str, ...]) -> None:
        self.pattern = Pattern(said) if isinstance(said, str) else None
        self.names = frozenset() if isinstance(said, str) else frozenset(said)

    def whole(self, name: str) -> bool:
        return name in self.names or (self.pattern is not None and self.pattern.matches(name))

    def end(self, name: str) -> bool:
        return not self.names.isdisjoint(_ends(name))


def _ends(name: str) -> Iterable[str]:
    parts = name.split(".")
    return (".".join(parts[start:]) for start in range(1, len(parts)))


def _in_chosen_layers(name: str, config: AdapterConfig) -> bool:
    if config.layers_to_transform is None:
        return True
    parts = name.split(".")
    if not all(part.isidentifier() for part in config.layers_pattern):
        raise Unmatchable(f"layers_pattern is {config.layers_pattern}; expected names of submodules")
    for place in range(1 if config.layers_pattern else 2, len(parts) - 1):
        if parts[place].isdecimal() and (not config.layers_pattern or parts[place - 1] in config.layers_pattern):
            return int(parts[place]) in config.layers_to_transform
    return False


class ByPattern:
    """``rank_pattern`` or ``alpha_pattern``: values by the ends of sites' names, of which the first that fits counts.

    A key of letters, digits, ``_`` and dots is looked up as it is; only others are regular expressions.

    Raises:
        Unmatchable: a key is a pattern that is not matched here.
    """

    def __init__(self, patterns: Mapping[str, float]) -> None:
        budget, self.values = Budget(), patterns
        self.plain: dict[str, tuple[int, str]] = {}
        self.others: list[tuple[int, str, Pattern]] = []
        for place, key in enumerate(patterns):
            if key.replace("_", "").replace(".", "").isalnum():
                self.plain[key] = (place, key)
            else:
                self.others.append((place, key, Pattern(rf"(.*\.)?({key})", budget)))

    def key(self, site: str) -> str | None:
        """The key that counts for a site; None if none does."""
        hits = [self.plain[end] for end in (site, *_ends(site)) if end in self.plain]
        first = min(hits, default=(len(self.plain) + len(self.others), None))
        return next(
            (key for place, key, pattern in self.others if place < first[0] and pattern.matches(site)), first[1]
        )

    def value(self, site: str, usual: float | None) -> float | None:
        """The value that counts for a site; the usual one if no key does."""
        key = self.key(site)
        return usual if key is None else self.values[key]
