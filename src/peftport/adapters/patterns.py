"""Regular expressions that a stranger wrote, matched in bounded time.

``target_modules``, ``rank_pattern`` and the like of an adapter are regular expressions. Python's own engine goes back
over a text as often as a pattern makes it: ``(a+)+b`` never ends on a long name. Here a pattern is parsed by Python and
then walked: for each part and each place in the name it is asked once at which places that part can end. So the work
is bounded by the sizes of pattern and name, and a count of steps bounds it for all names together. The answers are
those of ``re.fullmatch``. What needs more than places to decide, back references and lookbehind, is refused, and flags
and possessive parts are too: no adapter is known that has them.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

LONGEST = 4096  # characters of a pattern; those that trainers write have less than 1,000
MOST_STEPS = 1_000_000
MOST_REPEATS = 1000
MOST_RUNS, MOST_ONCE = 6, 4  # of unbounded repeats in a row; a part that repeats at most so often is bounded

_OPERATIONS = re._parser  # the parser behind ``re.compile``, which Python keeps in a module of its own
_CODES = re._constants
_ONE_CHARACTER = (_CODES.LITERAL, _CODES.NOT_LITERAL, _CODES.ANY, _CODES.IN)


class Unmatchable(ValueError):
    """A pattern that is not matched here: it is none, needs what is not bounded, or takes too many steps."""


class Budget:
    """The steps that are left for one pattern, or for several together, over all names."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self.left = steps


class Pattern:
    """A regular expression of a stranger.

    Args:
        budget: that it shares with other patterns; its own by default.

    Raises:
        Unmatchable: it is no regular expression, too long, or has parts that are not matched here.
    """

    def __init__(self, text: str, budget: Budget | None = None) -> None:
        self.text, self.budget = text, budget or Budget()
        if len(text) > LONGEST:
            raise Unmatchable(f"the pattern has {len(text)} characters, expected at most {LONGEST}")
        try:
            parsed = _OPERATIONS.parse(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise Unmatchable(f"{text[:80]!r} is no regular expression: {str(error)[:80]}") from error
        if parsed.state.flags & ~re.UNICODE.value:
            raise self._refused("flags")
        self._parts = parsed

    @property
    def endless(self) -> str | None:
        """Why Python's engine may never finish with this pattern; None where nothing is seen that makes it so."""
        try:
            return _endless(self._parts, False)
        except RecursionError:
            return "parts within parts within parts"

    def matches(self, name: str) -> bool:
        """Whether the whole name matches.

        Raises:
            Unmatchable: it took too many steps, over all names so far, or has a part that is not matched here.
        """
        try:
            return len(name) in _Walk(self, name).sequence(self._parts, frozenset([0]))
        except RecursionError as error:
            raise self._refused("too many parts within parts") from error

    def step(self, number: int = 1) -> None:
        """Count steps."""
        self.budget.left -= number
        if self.budget.left < 0:
            raise Unmatchable(f"{self.text[:80]!r} takes more than {MOST_STEPS} steps")

    def _refused(self, what: str) -> Unmatchable:
        return Unmatchable(f"{self.text[:80]!r} has {what}, which is not matched here")


def _endless(parts: Iterable[Any], repeated: bool) -> str | None:
    """A repeat within a repeat, a choice within one, or many repeats one behind the other."""
    runs = 0
    for code, said in parts:
        if repeated and code is _CODES.BRANCH:
            return "a choice within a repeat"
        unbounded = code in (_CODES.MAX_REPEAT, _CODES.MIN_REPEAT) and said[1] > MOST_ONCE
        if unbounded and repeated:
            return "a repeat within a repeat"
        runs += unbounded
        if runs > MOST_RUNS:
            return f"more than {MOST_RUNS} repeats one behind the other"
        for inner in _inner(code, said):
            if (why := _endless(inner, repeated or unbounded)) is not None:
                return why
    return None


def _inner(code: Any, said: Any) -> list[Any]:
    """The sequences that a part is made of."""
    if code in (_CODES.MAX_REPEAT, _CODES.MIN_REPEAT):
        return [said[2]]
    if code is _CODES.BRANCH:
        return list(said[1])
    if code is _CODES.SUBPATTERN:
        return [said[3]]
    return [said[1]] if code in (_CODES.ASSERT, _CODES.ASSERT_NOT) else []


Places = frozenset[int]


class _Walk:
    """A pattern on one name: where its parts can end, asked once for each part and place."""

    def __init__(self, pattern: Pattern, name: str) -> None:
        self.pattern, self.name, self.known = pattern, name, {}
        self.ways: dict[Any, Callable[[Any, int], Iterable[int]]] = {
            _CODES.BRANCH: lambda said, place: self._branch(said[1], place),
            _CODES.SUBPATTERN: lambda said, place: self._group(said, place),
            _CODES.MAX_REPEAT: lambda said, place: self._repeat(said, place),
            _CODES.MIN_REPEAT: lambda said, place: self._repeat(said, place),
            _CODES.ASSERT: lambda said, place: [place] if self._ahead(said, place) else [],
            _CODES.ASSERT_NOT: lambda said, place: [] if self._ahead(said, place) else [place],
            _CODES.AT: lambda said, place: [place] if self._at(said, place) else [],
        }

    def sequence(self, parts: Iterable[Any], places: Places) -> Places:
        """Where parts one behind the other can end if they begin at one of these places."""
        for part in parts:
            places = frozenset().union(*(self._ends(part, place) for place in places))
            if not places:
                break
        return places

    def _ends(self, part: Any, place: int) -> Places:
        self.pattern.step()
        key = (id(part), place)
        if key not in self.known:
            code, said = part
            way = self.ways.get(code, lambda said, place: self._character(part, place))
            self.known[key] = frozenset(way(said, place))
        return self.known[key]

    def _character(self, part: Any, place: int) -> list[int]:
        code, said = part
        if code not in _ONE_CHARACTER:
            raise self.pattern._refused(str(code).lower().replace("_", " "))
        return [place + 1] if place < len(self.name) and _is_one(code, said, self.name[place]) else []

    def _branch(self, ways: list[Any], place: int) -> Places:
        return frozenset().union(*(self.sequence(parts, frozenset([place])) for parts in ways))

    def _group(self, said: Any, place: int) -> Places:
        _, added, removed, parts = said
        if added or removed:
            raise self.pattern._refused("flags")
        return self.sequence(parts, frozenset([place]))

    def _repeat(self, said: Any, place: int) -> set[int]:
        least, most, parts = said
        if least > MOST_REPEATS:
            raise self.pattern._refused(f"more than {MOST_REPEATS} repeats")
        if len(parts) == 1 and parts[0][0] in _ONE_CHARACTER:
            return self._run(parts[0], place, least, int(most))
        places = frozenset([place])
        for _ in range(least):
            places = self.sequence(parts, places)
        ends, new = set(places), places
        for _ in range(min(int(most) - least, len(self.name) + 1)):
            new = frozenset(self.sequence(parts, new) - ends)
            if not new:
                break
            ends |= new
        return ends

    def _run(self, part: Any, place: int, least: int, most: int) -> set[int]:
        """Where a repeated single character can end."""
        code, said = part
        end = place
        while end < min(len(self.name), place + most) and _is_one(code, said, self.name[end]):
            end += 1
        self.pattern.step(1 + end - place)
        return set(range(place + least, end + 1))

    def _ahead(self, said: Any, place: int) -> bool:
        direction, parts = said
        if direction < 0:
            raise self.pattern._refused("a lookbehind")
        return bool(self.sequence(parts, frozenset([place])))

    def _at(self, said: Any, place: int) -> bool:
        if said in (_CODES.AT_BEGINNING, _CODES.AT_BEGINNING_STRING):
            return place == 0
        if said in (_CODES.AT_END, _CODES.AT_END_STRING):
            return place == len(self.name)
        if said in (_CODES.AT_BOUNDARY, _CODES.AT_NON_BOUNDARY):
            before, behind = self.name[:place][-1:], self.name[place : place + 1]
            return (_is_word(before) != _is_word(behind)) == (said is _CODES.AT_BOUNDARY)
        raise self.pattern._refused(str(said).lower())


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    _CODES.CATEGORY_DIGIT: str.isdecimal,
    _CODES.CATEGORY_NOT_DIGIT: lambda character: not character.isdecimal(),
    _CODES.CATEGORY_SPACE: str.isspace,
    _CODES.CATEGORY_NOT_SPACE: lambda character: not character.isspace(),
    _CODES.CATEGORY_WORD: _is_word,
    _CODES.CATEGORY_NOT_WORD: lambda character: not _is_word(character),
}


def _is_one(code: Any, said: Any, character: str) -> bool:
    """Whether a character is of a part that takes one."""
    if code is _CODES.LITERAL:
        return ord(character) == said
    if code is _CODES.NOT_LITERAL:
        return ord(character) != said
    if code is _CODES.ANY:
        return character != "\n"
    negated = bool(said) and said[0][0] is _CODES.NEGATE
    return negated != any(_is_in(entry, value, character) for entry, value in said[negated:])


def _is_in(entry: Any, value: Any, character: str) -> bool:
    if entry is _CODES.LITERAL:
        return ord(character) == value
    if entry is _CODES.RANGE:
        return value[0] <= ord(character) <= value[1]
    return _CATEGORIES[value](character)
