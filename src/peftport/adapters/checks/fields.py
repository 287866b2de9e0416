"""What the fields of the config say that cannot be moved, or that the installed peft does not know."""

from collections.abc import Iterator

from peftport.adapters.case import Case
from peftport.adapters.known_fields import known_fields
from peftport.adapters.patterns import Pattern, Unmatchable
from peftport.adapters.verdict import Reason

PATTERNS = ("target_modules", "exclude_modules")
MAPPINGS = ("rank_pattern", "alpha_pattern")


def reasons(case: Case) -> Iterator[Reason]:
    """Fields that are refused, patterns that peft may never finish, and what is only worth a remark."""
    config = case.config
    for line in config.refused:
        yield Reason("fields", "impossible", line)
    yield from _patterns(case)
    if config.ignored:
        text = "fields that the installed peft does not know are passed over, they switch nothing on"
        yield Reason("fields", "same", text, config.ignored)
    if named := case.adapter.config.get("tokenizer_name_or_path"):
        yield Reason("fields", "same", f"it names a tokenizer, {str(named)[:80]}, which is passed over and not fetched")
    known = known_fields(config.peft_type)
    if known and config.peft_version and _newer(config.peft_version, known.peft_version):
        text = f"it was written by peft {config.peft_version[:40]}, and {known.peft_version} is installed"
        yield Reason("fields", "same", text)


def _patterns(case: Case) -> Iterator[Reason]:
    """Patterns are tried one by one, so that each that is wrong is named."""
    said = case.adapter.config
    texts = [(name, said[name]) for name in PATTERNS if isinstance(said.get(name), str)]
    texts += [(name, key) for name in MAPPINGS for key in (said.get(name) or {})]
    for name, text in texts:
        try:
            if (why := Pattern(text).endless) is not None:
                seen = f"{name} has a pattern that peft may never finish, {text[:80]!r}: {why}"
                yield Reason("patterns", "impossible", f"{seen}; name the submodules instead")
        except Unmatchable as error:
            yield Reason("patterns", "unknown", f"{name}: {error}")


def _newer(one: str, other: str) -> bool:
    def numbers(version: str) -> list[int]:
        return [int(part) for part in version.split(".")[:3] if part.isdecimal()]

    return numbers(one) > numbers(other)
