"""``peftport port``: write an adapter that is there for another host."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from peftport.adapters.arguments import number_within
from peftport.adapters.case import Case
from peftport.adapters.check import checked
from peftport.adapters.check_text import report_text
from peftport.adapters.folder import AdapterError
from peftport.adapters.host_files import HostFilesError
from peftport.adapters.port import write_ported
from peftport.adapters.terminal import terminal_width
from peftport.adapters.verdict import COPIED, Report
from peftport.commands.help import command_parser
from peftport.maps.table import MAPS
from peftport.storage.names import COPY

WRONG = 2
STATUS = "0 written, 3 to 6 as `peftport check` says, 2 where something cannot be read, carried or written"


def port_command(arguments: Sequence[str]) -> int:
    """Port an adapter; returns the exit status, that of ``check`` where nothing is written."""
    chosen = parser().parse_args(arguments)
    try:
        report, case = checked(chosen.adapter, chosen.new, chosen.old)
        print(report_text(report, terminal_width()))
        if case is None or (chosen.map == COPY and report.verdict not in COPIED):
            print(f"Nothing is written: expected the verdict {' or '.join(COPIED)}.", file=sys.stderr)
            return report.exit_code
        _write(case, report, chosen)
    except (AdapterError, HostFilesError, OSError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return WRONG
    print(f"Written: {chosen.out}")
    return 0


def parser() -> argparse.ArgumentParser:
    """What it takes."""
    what = "Write an adapter that you have for another host: a new PEFT folder; the adapter itself is only read."
    made = command_parser("port", what, STATUS)
    made.add_argument("adapter", type=Path, help="its PEFT folder")
    made.add_argument("--from", dest="old", metavar="OLD", type=Path, required=True, help="host it was trained in")
    made.add_argument("--to", dest="new", metavar="NEW", type=Path, required=True, help="host it is to move into")
    made.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder to write, new or empty")
    made.add_argument("--map", choices=[COPY, *MAPS], default=COPY, help="how; by default it is copied")
    made.add_argument("--texts", metavar="FILE", type=Path, help="a text a line, for a map that both hosts read for")
    made.add_argument("--scale", type=_factor, default=1.0, help="multiply what a LoRA adds by this")
    return made


def _write(case: Case, report: Report, chosen: argparse.Namespace) -> None:
    """Write it as the arguments say."""
    texts = None if chosen.texts is None else _texts(chosen.texts)
    if chosen.map != COPY:
        from peftport.adapters.carried import write_carried  # loads torch

        write_carried(case, report, chosen.map, chosen.scale, chosen.out, texts)
        return
    if texts is not None:
        raise AdapterError("--texts: no texts are read where an adapter is copied; expected a --map beside it")
    write_ported(case, report, chosen.scale, chosen.out)


def _texts(file: Path) -> list[str]:
    """The lines of a text file that are not empty."""
    try:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise AdapterError(f"--texts {file}: expected lines of UTF-8 text: {error}") from error


def _factor(text: str) -> float:
    return number_within(text, 0, math.inf, "a number above 0")
