"""``peftport predict``: what studies that have run let expect of a move that was not."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from peftport.adapters.terminal import folded, terminal_width
from peftport.commands.help import command_parser
from peftport.prediction.calibration import calibration, save
from peftport.prediction.moves import NoMoves, read_moves
from peftport.prediction.predict import predict
from peftport.prediction.text import prediction_json, prediction_lines
from peftport.storage.files import DamagedFile

WRONG = 2
STATUS = "0 told; 2 a folder is no study's, or nothing can be read there"


def predict_command(arguments: Sequence[str]) -> int:
    """Print what studies tell together, and save it; returns the exit status, 2 where a folder is no study's."""
    chosen = parser().parse_args(arguments)
    try:
        moves = read_moves(chosen.results)
    except (NoMoves, DamagedFile, OSError, ValueError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return WRONG
    told = predict(moves)
    if chosen.save is not None:
        save(chosen.save, calibration(moves, told))
    lines = folded(prediction_lines(told), terminal_width())
    print(json.dumps(prediction_json(told), indent=2) if chosen.json else "\n".join(lines))
    return 0


def parser() -> argparse.ArgumentParser:
    """What it takes."""
    what = "What survives a plain copy, held against what files and one forward pass say of two hosts; runs nothing."
    made = command_parser("predict", what, STATUS)
    made.add_argument("results", nargs="+", type=Path, help="folders of studies that have run, results/<study>")
    made.add_argument("--save", metavar="FILE", type=Path, help="write a calibration, for --expect of check, assess")
    made.add_argument("--json", action="store_true", help="for machines, with every number")
    return made
