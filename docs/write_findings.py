"""Write the page of a study that was run to its end, and the index of all findings.

``python -m docs.write_findings --directory DIR --configfile config/studies/X.yaml [--minutes N]``, in a checkout.
``DIR`` is where the study ran, with its ``results/`` in it; ``--minutes`` is the wall time from start to end, where it
was taken. It writes ``docs/findings/X.md`` between two marks (what stands around them is kept), its pictures, a line
for each claim in ``docs/findings/claims.csv``, one for the study in ``docs/findings/pages.csv``, and the index.

It refuses results in which anything is wrong, results of other code than what stands here, and code that is not
committed.
"""

import argparse
import contextlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from docs.claims import CLAIMS
from docs.findings_index import index
from docs.findings_text import MOST_FIGURES, SHOWN, Finished, merged, page, question
from peftport.figures.table import caption
from peftport.paths import CHECKOUT
from peftport.planning.graph import Graph
from peftport.planning.verify import read_graph, verify_study
from peftport.report.study import describe_cost, describe_study
from peftport.report.verdict import verdict
from peftport.stages.write_report import WriteReport
from peftport.storage.files import write_text
from peftport.storage.parquet import read_table
from peftport.study.config import ConfigError

CODE = ("Snakefile", "workflow", "src", "config")
WRONG = 2


class NoFinding(ValueError):
    """There is nothing that a page could be written from; the message says why."""


def main(arguments: Sequence[str], checkout: Path = CHECKOUT) -> int:
    """Write a finding; returns the exit status.

    Args:
        checkout: whose config it is, and where the page goes.
    """
    parser = argparse.ArgumentParser("python -m docs.write_findings", description=__doc__.splitlines()[0])
    parser.add_argument("--directory", type=Path, required=True, help="where the study ran")
    parser.add_argument("--configfile", type=Path, required=True, help="its config, of this checkout")
    parser.add_argument("--minutes", type=float, help="its wall time, where it was taken")
    chosen = parser.parse_args(arguments)
    try:
        config = chosen.configfile.resolve().relative_to(checkout.resolve()).as_posix()
        commit = committed(checkout)
        with contextlib.chdir(chosen.directory):
            graph = whole(checkout / config)
            done = finished(graph, config, commit, chosen.minutes)
            written = write(done, graph, checkout)
    except (NoFinding, ConfigError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG
    print("\n".join(str(path.relative_to(checkout)) for path in written))
    return 0


def committed(checkout: Path) -> str:
    """The commit of the checkout, short.

    Raises:
        NoFinding: what makes results differs from it.
    """
    changed = _git(checkout, "status", "--porcelain", "--", *CODE).splitlines()
    if changed:
        raise NoFinding(f"{changed[0][3:]}: expected no change that is not committed in {', '.join(CODE)}")
    return _git(checkout, "rev-parse", "--short=8", "HEAD").strip()


def _git(checkout: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=checkout, capture_output=True, text=True, check=True).stdout


def whole(config: Path) -> Graph:
    """The stages of a study that ran in the working directory, once nothing is wrong with any file of it.

    Raises:
        NoFinding: something is; the message has the first fault.
    """
    graph = read_graph([config])
    verified = verify_study(graph)
    if faults := [*verified.faults, *verified.outside]:
        more = f", and {len(faults) - 1:,} more" if len(faults) > 1 else ""
        raise NoFinding(f"{faults[0].path} {faults[0].why}{more}: run the study again, or `peftport verify` it")
    return graph


def finished(graph: Graph, config: str, commit: str, minutes: float | None) -> Finished:
    """What a page is written from; the study ran in the working directory."""
    study, needs = graph.study, graph.needs(WriteReport())
    named = {
        name: [graph.path(need) for need in (many if isinstance(many, list) else [many])]
        for name, many in needs.items()
    }
    tables = {Path(file).stem: read_table(file, Path(file).stem) for file in named["tables"]}
    facts = describe_study(study, named["cards"], named["datasets"], named["prompts"], named["maps"])
    benchmarks = Path(graph.below_results("benchmarks"))
    costs = [pd.read_csv(file, sep="\t")["cpu_seconds"].iloc[-1] for file in sorted(benchmarks.rglob("*.tsv"))]
    report = Path(graph.below_results("report.html"))
    date = datetime.fromtimestamp(report.stat().st_mtime, UTC).date().isoformat()
    cost = describe_cost(study, benchmarks)
    return Finished(study, config, tables, facts, cost, float(sum(costs)), minutes, _machine(), commit, date)


def _machine() -> str:
    """The processor, as Linux names it, and its cores."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
        return f"{name}, {sum(line.startswith('processor') for line in lines)} cores"
    return name


def write(done: Finished, graph: Graph, checkout: Path) -> list[Path]:
    """Write page, pictures, claims and index into the checkout's folder of findings; returns the files."""
    folder = checkout / "docs" / "findings"
    images, path = folder.parent / "images" / done.name, folder / f"{done.name}.md"
    figures = list(_figures(done, graph, images))
    shown = [(f"../images/{done.name}/{file.name}", text) for file, text in figures]
    asks = question(checkout / done.config)
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    write_text(path, merged(old, page(done, asks, shown)))
    claims = _with(folder / "claims.csv", done.name, _claims(done))
    answer = verdict(done.tables, done.facts.settings).answer[0]
    row = {"study": done.name, "question": asks, "answer": answer, "took": done.took, "commit": done.commit}
    pages = _with(folder / "pages.csv", done.name, [row | {"date": done.date}])
    write_text(folder / "README.md", index(claims, pages, _others(folder, set(pages["study"]))))
    return [path, *(file for file, _ in figures), folder / "claims.csv", folder / "pages.csv", folder / "README.md"]


def _figures(done: Finished, graph: Graph, images: Path) -> Iterator[tuple[Path, str]]:
    """Copies of the figures that answer the question, with their captions."""
    made = {Path(graph.path(need)).stem: graph.path(need) for need in graph.needs(WriteReport())["figures"]}
    for name in [name for name in SHOWN if name in made][:MOST_FIGURES]:
        images.mkdir(parents=True, exist_ok=True)
        yield Path(shutil.copy(made[name], images / f"{name}.svg")), caption(name)


def _claims(done: Finished) -> list[dict]:
    """A line for each claim that the study has something to say about."""
    found = {claim.name: claim.read(done.tables) for claim in CLAIMS}
    common = {"study": done.name, "date": done.date, "commit": done.commit}
    return [
        {"claim": name} | common | asdict(evidence) | {"outcome": evidence.outcome}
        for name, evidence in found.items()
        if evidence is not None
    ]


def _with(file: Path, study: str, rows: list[dict]) -> pd.DataFrame:
    """The lines of a file with those of a study anew, as they stand in the file now."""
    old = pd.read_csv(file, dtype=str).to_dict("records") if file.is_file() else []
    table = pd.DataFrame([*(row for row in old if row["study"] != study), *rows])
    order = [name for name in ("claim", "study") if name in table]
    text = table.sort_values(order, kind="stable") if order else table
    write_text(file, text.to_csv(index=False, lineterminator="\n", float_format="%.6g"))
    return pd.read_csv(file, dtype={"commit": str})


def _others(folder: Path, written: set[str]) -> list[tuple[str, str]]:
    """Pages that this script has not written, with their headings."""
    pages = [path for path in sorted(folder.glob("*.md")) if path.stem not in written and path.name != "README.md"]
    return [(path.name, path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")) for path in pages]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
