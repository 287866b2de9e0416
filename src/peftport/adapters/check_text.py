"""A report on an adapter as lines on a terminal, and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict

from peftport.adapters.terminal import folded
from peftport.adapters.verdict import EXIT_CODES, MEANING, Report
from peftport.storage.provenance import JsonObject


def report_text(report: Report, width: int | None = None) -> str:
    """The verdict, then every reason in a line, the worst first.

    Args:
        width: characters beyond which lines are folded; None for never.
    """
    levels = list(EXIT_CODES)
    ordered = sorted(report.reasons, key=lambda reason: -levels.index(reason.level))
    first = f"{report.verdict}: {report.adapter} -> {report.onto}: {MEANING[report.verdict]}."
    lines = [_line("" if one.level == "same" else one.level, one.check, one.line) for one in ordered]
    lines += _measured(report.measured)
    return "\n".join([*folded([first], width), *folded(lines, width, len(_line("", "", "")))])


def _line(level: str, check: str, text: str) -> str:
    return f"  {level:<11}{check:<12}{text}"


def _measured(measured: JsonObject) -> Iterator[str]:
    for what, numbers in measured.items():
        if isinstance(numbers, dict) and numbers:
            said = [f"{name} {value:.4g}" for name, value in numbers.items() if isinstance(value, float | int)]
            if said:
                yield _line("", what, ", ".join(said))


def report_json(report: Report) -> JsonObject:
    """The report for machines: everything that the lines say, with all names."""
    said = asdict(report)
    return {"verdict": report.verdict, "exit_code": report.exit_code} | said
