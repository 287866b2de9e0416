"""A report on an adapter as lines on a terminal, and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict

from peftport.adapters.verdict import EXIT_CODES, MEANING, Report
from peftport.storage.provenance import JsonObject


def report_text(report: Report) -> str:
    """The verdict, then every reason in a line, the worst first."""
    levels = list(EXIT_CODES)
    ordered = sorted(report.reasons, key=lambda reason: -levels.index(reason.level))
    lines = [f"{report.verdict}: {report.adapter} -> {report.onto}: {MEANING[report.verdict]}."]
    lines += [f"  {'' if one.level == 'same' else one.level:<11}{one.check:<12}{one.line}" for one in ordered]
    return "\n".join([*lines, *_measured(report.measured)])


def _measured(measured: JsonObject) -> Iterator[str]:
    for what, numbers in measured.items():
        if isinstance(numbers, dict) and numbers:
            said = [f"{name} {value:.4g}" for name, value in numbers.items() if isinstance(value, float | int)]
            if said:
                yield f"  {'':<11}{what:<12}{', '.join(said)}"


def report_json(report: Report) -> JsonObject:
    """The report for machines: everything that the lines say, with all names."""
    said = asdict(report)
    return {"verdict": report.verdict, "exit_code": report.exit_code} | said
