"""Verdicts on an adapter and a host, and the reasons for them: the worst of the reasons is the verdict."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from peftport.storage.provenance import JsonObject

# from best to worst, with the exit status of the command
EXIT_CODES = {"same": 0, "copy": 0, "map": 3, "partial": 4, "unknown": 6, "impossible": 5}
MEANING = {
    "same": "the host is the one that it was trained in",
    "copy": "it can be copied",
    "map": "it does not fit as it is; it needs a map between the hosts",
    "partial": "only a part of it can be copied",
    "unknown": "what can be told from files is not enough",
    "impossible": "it cannot be moved",
}
COPIED = ("same", "copy")  # verdicts with which an adapter can be copied
_ORDER = list(EXIT_CODES)
SHOWN = 5


@dataclass(frozen=True)
class Reason:
    """One thing that was looked at, and what it means for the move.

    Attributes:
        check: what was looked at, in one word.
        level: the best verdict that it allows. ``same`` is a remark: it holds nothing up.
        text: what was seen, as a sentence.
        names: the tensors, sites or fields that it is about, all of them.
    """

    check: str
    level: str
    text: str
    names: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The sentence with the first of the names."""
        return f"{self.text}: {some(self.names)}" if self.names else self.text


@dataclass(frozen=True)
class Report:
    """What came of a check.

    Attributes:
        adapter, onto, trained_in: the folders as they were given; the last may be missing.
        reasons: in the order in which they were found.
        measured: numbers from weights, if they were read.
    """

    adapter: str
    onto: str
    trained_in: str | None
    reasons: tuple[Reason, ...]
    measured: JsonObject = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """The worst of the levels of the reasons."""
        return worst(reason.level for reason in self.reasons)

    @property
    def exit_code(self) -> int:
        """The exit status of the command for this verdict."""
        return EXIT_CODES[self.verdict]


def worst(levels: Iterable[str]) -> str:
    """The worst of some verdicts; ``same`` of none."""
    return max(levels, key=_ORDER.index, default="same")


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(name[:120] for name in names[:SHOWN])}{more}"
