"""``peftport show``: the verdict of a study that has run, in the terminal."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from peftport.adapters.terminal import folded, terminal_width
from peftport.commands.help import command_parser, of_a_study
from peftport.storage.files import DamagedFile
from peftport.study.config import ConfigError
from peftport.study.read import read_study, refuse_unless_folder
from peftport.study.study import Study

WRONG, NOT_THERE = 2, 1
STATUS = "0 shown; 1 the study has not run to its end, or a table of it is damaged; 2 the config is wrong"


def show(arguments: Sequence[str]) -> int:
    """Show what came out of a study; returns the exit status."""
    chosen = parser().parse_args(arguments)
    try:
        refuse_unless_folder(chosen.directory)
        study = read_study(chosen.config, chosen.directory)
        told = _told(study, chosen.directory)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG
    except (DamagedFile, FileNotFoundError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return NOT_THERE
    print(json.dumps(told, indent=2) if chosen.json else "\n".join(folded(_lines(told), terminal_width())))
    return 0


def _told(study: Study, folder: Path) -> dict:
    """What is told of a study: the sentences of its report, and the advice, move by move.

    Raises:
        FileNotFoundError: it has not run to its end.
        DamagedFile: a table is damaged.
    """
    from peftport.report.facts import NamedSettings  # pandas, which other commands need not
    from peftport.report.recommendation import recommendations
    from peftport.report.verdict import verdict
    from peftport.stages.report_tables import reported
    from peftport.storage.parquet import read_table
    from peftport.storage.provenance import RESULTS

    results = folder / RESULTS / study.name
    if not (page := results / "report.html").is_file():
        raise FileNotFoundError(f"study {study.name} has not run to its end: there is no {page}")
    tables = {name: read_table(results / "tables" / f"{name}.parquet", name) for name in reported(study)}
    margin, steps = study.config.statistics.margin, study.config.training.source_steps
    said = asdict(verdict(tables, NamedSettings(margin=margin, source_steps=steps)))
    return {
        "study": study.name,
        "title": study.config.title,
        **said,
        "advice": recommendations(tables["advice"]),
        "report": str(page),
    }


def _lines(told: dict) -> list[str]:
    """The same for people."""
    lines = [f"{told['study']}: {told['title']}" if told["title"] else told["study"], "", *told["answer"], ""]
    if told["advice"]:
        lines.append("What to do with a module when its host changes")
        for row in told["advice"]:
            lines.append(f"  {row['technique']}, {row['move']}: {row['advice']} ({row['accuracy']})")
            lines.append(f"    {row['reason']}")
        lines.append("")
    for technique, sentences in told["techniques"]:
        lines += [technique, *(f"  {sentence}" for sentence in sentences), ""]
    for heading, sentences in (("Across techniques", told["across"]), ("To keep in mind", told["caveats"])):
        lines += [heading, *(f"  {sentence}" for sentence in sentences), ""] if sentences else []
    return [*lines, f"Report: {told['report']}"]


def parser() -> argparse.ArgumentParser:
    """What it takes."""
    what = "The verdict of a study that has run, in the terminal: the sentences of its report, and what to do."
    made = command_parser("show", what, STATUS)
    of_a_study(made)
    made.add_argument("--json", action="store_true", help="for machines")
    return made
