"""``peftport check``: whether an adapter that is there can be moved into a host."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from peftport.adapters.case import Case
from peftport.adapters.check import checked
from peftport.adapters.check_text import report_json, report_text
from peftport.adapters.host_files import HostFilesError
from peftport.adapters.terminal import terminal_width
from peftport.adapters.verdict import Report
from peftport.commands.help import command_parser

WRONG = 2
STATUS = "0 same or copy, 3 map, 4 partial, 5 impossible, 6 unknown, 2 where a host cannot be read"


def check_command(arguments: Sequence[str]) -> int:
    """Check an adapter; returns the exit status, which says the verdict."""
    chosen = (taken := parser()).parse_args(arguments)
    if chosen.expect is not None and not (chosen.weights and chosen.trained_in):
        taken.error("--expect reads the weights of both hosts: give --weights and --trained-in as well")
    try:
        report, case = checked(chosen.adapter, chosen.onto, chosen.trained_in, chosen.weights, chosen.label_words)
        report = report if chosen.expect is None or case is None else _expecting(report, case, chosen.expect)
    except (HostFilesError, ValueError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return WRONG
    print(json.dumps(report_json(report), indent=2) if chosen.json else report_text(report, terminal_width()))
    return report.exit_code


def parser() -> argparse.ArgumentParser:
    """What it takes."""
    what = "Whether an adapter that you have can be moved into a host, and every reason; runs and fetches nothing."
    made = command_parser("check", what, STATUS)
    made.add_argument("adapter", type=Path, help="its PEFT folder")
    made.add_argument("--onto", metavar="NEW", type=Path, required=True, help="folder of the host to move it into")
    made.add_argument("--trained-in", metavar="OLD", type=Path, help="folder of the host that it was trained in")
    made.add_argument("--label-words", metavar="WORD,WORD", type=_words, default=(), help="words that it answers")
    made.add_argument("--weights", action="store_true", help="read weights as well, and try it on fixed tokens")
    made.add_argument("--expect", metavar="FILE", type=Path, help="say what to expect: by peftport predict --save")
    made.add_argument("--json", action="store_true", help="for machines, with all names")
    return made


def _expecting(report: Report, case: Case, file: Path) -> Report:
    from peftport.adapters.expected import expecting  # pandas, which a check needs not
    from peftport.prediction.calibration import read_calibration

    return expecting(report, case, read_calibration(file))


def _words(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(","))
    if len(words) < 2 or "" in words or len(set(words)) < len(words):
        raise argparse.ArgumentTypeError(f"expected at least two different words, joined by commas; got {text!r}")
    return words
