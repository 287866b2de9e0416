"""``peftport assess``: from an adapter and labelled examples to a verdict, by a study of its own."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from peftport.adapters.arguments import label_pairs, number_within
from peftport.adapters.terminal import folded, terminal_width
from peftport.assess.config import config_text, make_config
from peftport.assess.gate import EXIT, Limit, together
from peftport.assess.request import Request, WrongRequest
from peftport.commands.help import command_parser
from peftport.commands.table import COMMANDS
from peftport.storage.files import write_text
from peftport.storage.hub_refusal import HubRefusal
from peftport.study.config import ConfigError
from peftport.study.read import read_configs, read_study
from peftport.study.study import Study

WRONG, RUN_FAILED = 2, 1
CONFIG_NAME, MODULE = "study.yaml", "module"
STATUS = (
    "0 done, and every limit kept; 1 a limit is exceeded, or the run failed; 2 something given is wrong; "
    "3 the examples cannot tell whether a limit is kept"
)

Run = Callable[[list[str]], int]


def assess_command(arguments: Sequence[str], run: Run | None = None) -> int:
    """Assess an adapter; returns the exit status.

    Args:
        run: runs the workflow with these arguments and returns its exit status; that of `peftport run` unless given.
    """
    chosen = parser().parse_args(arguments)
    try:
        file = _config_file(chosen)
        if chosen.config_only:
            return 0
        study = read_study(file, chosen.out.absolute())
        given = {"drop": chosen.max_drop, "flips": chosen.max_flips}
        by = _calibration(chosen.expect)
        limits = [Limit(name, most) for name, most in given.items() if most is not None]
        budget = study.budgets[0] if chosen.after is None else chosen.after
        if budget not in study.budgets:
            raise WrongRequest(f"--after {budget}: expected one of the budgets {', '.join(map(str, study.budgets))}")
    except (ConfigError, HubRefusal, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG
    run = run or COMMANDS["run"].call
    status = run(["--configfile", str(file.resolve()), "--directory", str(chosen.out), "--cores", chosen.cores])
    if status:
        print(f"The study did not run to its end (exit status {status}); the same command goes on.", file=sys.stderr)
        return RUN_FAILED
    return _told(study, chosen.out, limits, budget, by)


def _told(study: Study, folder: Path, limits: list[Limit], budget: int, by: "Calibration | None") -> int:  # noqa: F821
    """Print the verdict of a study that has run, and write the module; returns the exit status."""
    from peftport.assess.expected import expected_lines  # pandas and torch, which a config needs not
    from peftport.assess.results import Results
    from peftport.assess.verdict import forgetting_lines, gate_lines, verdict_lines, where_lines

    try:
        results = Results.of(study, folder)
        _say(["", *verdict_lines(results), *expected_lines(results, by)])
        seen = results.flips(budget)
        verdict = together([limit.verdict(seen) for limit in limits])
        written = _written(results, folder)
        forgotten = forgetting_lines(results, written[1])
        _say([*forgotten, *gate_lines(results, limits, budget), *where_lines(results, written)])
    except (ConfigError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return RUN_FAILED
    return EXIT[verdict]


def _calibration(file: Path | None) -> "Calibration | None":  # noqa: F821
    from peftport.prediction.calibration import read_calibration

    return None if file is None else read_calibration(file)


def _say(lines: Sequence[str]) -> None:
    print("\n".join(folded(lines, terminal_width())))


def _written(results: "Results", folder: Path) -> tuple[Path, int]:  # noqa: F821
    from peftport.assess.module import write_trained

    return folder / MODULE, write_trained(results, folder / MODULE)


def _config_file(chosen: argparse.Namespace) -> Path:
    """The config of the study: written, or the one that is there already and says the same, or is to be kept.

    Raises:
        WrongRequest: another is there, or there is none to keep.
    """
    if chosen.out is None:
        chosen.out = Path(f"assess-{Path(chosen.adapter.partition('@')[0]).expanduser().resolve().name}")
    file = chosen.out / CONFIG_NAME
    if chosen.keep_config:
        if not file.is_file():
            raise WrongRequest(f"--keep-config: expected the config {file}, there is none")
        print(f"Config, as it is there: {file}")
        return file
    config = make_config(_request(chosen))
    if file.exists() and read_configs([file]) != config:
        raise WrongRequest(
            f"{file} is there already and says something else than this command would write. To run what is there give "
            "--keep-config; else give another --out, or move it away"
        )
    if not file.exists():
        write_text(file, config_text(config))
    print(f"Config: {file}")
    return file


def _request(chosen: argparse.Namespace) -> Request:
    """What the study depends on; arguments are called as the request's attributes are."""
    return Request(**{field.name: getattr(chosen, field.name) for field in fields(Request)})


def parser() -> argparse.ArgumentParser:
    """What it takes."""
    what = "What an adapter that you have keeps in a new host, measured on labelled examples of its task."
    made = command_parser("assess", what, STATUS)
    add = made.add_argument
    hosts = "a folder, a .gguf file, bundled:<name>, or <hub id>@<commit>"
    add("adapter", metavar="ADAPTER", help="its PEFT folder, or <hub id>@<commit>")
    add("--from", dest="old", metavar="OLD", required=True, help=f"host that it was trained in: {hosts}")
    add("--to", dest="new", metavar="NEW", required=True, help="host that it is to move into")
    add("--data", metavar="FILE", type=Path, required=True, help="labelled examples: csv, tsv, jsonl, json, parquet")
    add("--test-data", metavar="FILE", type=Path, help="examples to test on; else a share of --data, half at most")
    add("--text", metavar="COLUMN", help="column with the texts, where it is not clear")
    add("--label", metavar="COLUMN", help="column with the labels, where it is not clear")
    add(
        "--labels",
        type=label_pairs,
        metavar="0=WORD,1=WORD",
        help="label words; else the values themselves",
    )
    add("--template", default="{text}", help="the prompt that the adapter was trained with, with {text} in it")
    add("--budgets", type=_budgets, metavar="0,B,...", help="steps of training in the new host; else by the examples")
    add("--seeds", type=_positive, default=3, help="how many seeds; 3 unless given")
    add("--learning-rate", type=_rate, help="of trainings in the new host")
    add("--initial", metavar="DIR", type=Path, help="initial state of an adapter by PiSSA or OLoRA")
    add("--probe", metavar="FILE", type=Path, help="labelled examples of something else: what is forgotten there")
    add("--probe-text", metavar="COLUMN", help="as --text, of --probe")
    add("--probe-label", metavar="COLUMN", help="as --label, of --probe")
    add("--probe-labels", type=label_pairs, metavar="0=WORD,1=WORD", help="as --labels, of --probe")
    add("--probe-template", help="the prompt for --probe, with {text} in it; {text} alone unless given")
    add("--max-drop", type=_limit, metavar="SHARE", help="gate: largest drop in accuracy, such as 0.02")
    add("--max-flips", type=_limit, metavar="SHARE", help="gate: largest share of answers that were right, are wrong")
    add("--expect", metavar="FILE", type=Path, help="say what was to be expected: by peftport predict --save")
    add("--after", type=int, metavar="STEPS", help="gate: judge the copy after so many steps; else as it is copied")
    add("--out", metavar="DIR", type=Path, help="folder of the study; assess-<name of the adapter> unless given")
    add("--config-only", action="store_true", help="write the study's config and run nothing")
    add("--keep-config", action="store_true", help="run the config that is in the folder, which you have edited")
    add("--cores", default="all", help="processes at a time; all unless given")
    return made


def _budgets(text: str) -> list[int]:
    try:
        budgets = [int(part) for part in text.split(",")]
    except ValueError:
        budgets = []
    if not budgets or budgets[0] != 0 or budgets != sorted(set(budgets)):
        raise argparse.ArgumentTypeError(f"expected 0 and then rising numbers of steps, joined by commas; got {text!r}")
    return budgets


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 100, got {text!r}")
    return int(text)


def _rate(text: str) -> float:
    return number_within(text, 0, 1, "a learning rate above 0 and below 1")


def _limit(text: str) -> float:
    return number_within(text, -1e-9, 1, "a share from 0 and below 1, such as 0.02")
