"""The text of a finding from the tables of its study: question, answer, figures, numbers, claims, set-up, cost."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from docs.claims import CLAIMS
from peftport.figures.style import label, signed, techniques_of, title
from peftport.report.cross_task import from_task_to_task
from peftport.report.dials import along_dials
from peftport.report.facts import Cost, StudyFacts
from peftport.report.phrases import MOVE, count, place, shares
from peftport.report.recommendation import recommendations
from peftport.report.verdict import verdict
from peftport.study.study import Study

BEGIN, END = "<!-- written by docs.write_findings: begin -->", "<!-- written by docs.write_findings: end -->"
EARLIER = "## An earlier run, written by hand"
HOST_FACTS = ("origin", "family", "parameters", "width", "layers")
# figures that answer a study's question, the first that are there
SHOWN = ("what_survives", "cross_task", "dials", "portability_matrix", "learning_curves")
MOST_FIGURES, MOST_ROWS = 2, 40
# further sentences of the report, by their heading: functions of the tables
SENTENCES = {"Along the dials": along_dials, "From task to task": from_task_to_task}


@dataclass(frozen=True)
class Finished:
    """A study that has run.

    Attributes:
        study: its settings.
        config: the config file, relative to the checkout.
        tables: those of its report.
        facts: hosts and datasets.
        cost: what its jobs took.
        cpu_seconds: of all jobs.
        minutes: wall time from start to end, as it was measured beside; None where it was not.
        machine: the processor and its cores.
        commit, date: of the code, and of the run.
    """

    study: Study
    config: str
    tables: dict[str, pd.DataFrame]
    facts: StudyFacts
    cost: Cost
    cpu_seconds: float
    minutes: float | None
    machine: str
    commit: str
    date: str

    @property
    def name(self) -> str:
        """What the page is called."""
        return "default" if self.config == "config/config.yaml" else Path(self.config).stem

    @property
    def took(self) -> str:
        """Its time in words."""
        cpu = f"{self.cpu_seconds / 60:.0f} CPU minutes in {self.cost.jobs:,} jobs"
        return cpu if self.minutes is None else f"{self.minutes:.0f} minutes of wall time, {cpu}"


def question(config: Path) -> str:
    """The first paragraph of a config's comment, which asks what the study is for."""
    lines = []
    for line in config.read_text(encoding="utf-8").splitlines():
        said = line.removeprefix("#").strip()
        if not line.startswith("#") or (not said and lines):
            break
        if said and not said.startswith("needs-data:"):
            lines.append(said)
    return " ".join(lines)


def page(done: Finished, asks: str, figures: Sequence[tuple[str, str]]) -> str:
    """The page between its marks.

    Args:
        asks: the question.
        figures: path from the page and caption of each.
    """
    said = verdict(done.tables, done.facts.settings)
    further = [(heading, of(done.tables)) for heading, of in SENTENCES.items()]
    parts = [
        f"# {done.facts.description or done.name} ({done.date})",
        f"**Question.** {asks}",
        f"**Answer.** {' '.join(said.answer)}",
        *(_listed(heading, sentences) for heading, sentences in further if sentences),
        *(f"![{_plain(_first(caption))}]({path})" for path, caption in figures),
        "## Numbers",
        numbers(done.tables["portability"]),
        _advice(done.tables),
        *_claims(done),
        "## What was run",
        _set_up(done),
        "## To keep in mind" if said.caveats else "",
        "\n".join(f"* {_marked(sentence)}" for sentence in said.caveats),
    ]
    return "\n\n".join([BEGIN, *(part for part in parts if part), END]) + "\n"


def _listed(heading: str, sentences: Iterable[str]) -> str:
    return "\n".join([f"**{heading}.**", "", *(f"* {sentence}" for sentence in sentences)])


def _first(text: str) -> str:
    """The first sentence."""
    return re.split(r"(?<=[.?!]) ", text, maxsplit=1)[0]


def _plain(text: str) -> str:
    return " ".join(text.replace("[", "(").replace("]", ")").split())


def _marked(text: str) -> str:
    return text.replace("<", "&lt;")


def numbers(portability: pd.DataFrame) -> str:
    """The main numbers: a row for each move, or where there are many for each technique."""
    every = portability[portability["metric"] == portability["metric"].iloc[0]]
    ported = every[every["initialisation"] == "ported"]
    first, last = ported["budget_steps"].min(), ported["budget_steps"].max()
    head = [
        "move",
        "bare host",
        f"ported, {_steps(first)}",
        *(f"{one}, {_steps(first)}" for one in _others(every)),
        "native",
        "recovered gap",
    ]
    if last > first:
        head.insert(3, f"ported, {_steps(last)}")
    start, end = (ported[ported["budget_steps"] == budget] for budget in (first, last))
    zero = every[every["budget_steps"] == first]
    pairs, several = len(start[MOVE[4:]].drop_duplicates()) > 1, len(start) > MOST_ROWS
    lines = []
    for name in techniques_of(start):
        rows = start[start["technique"] == name]
        for where, group in [(None, rows)] if several else rows.groupby(MOVE[1:], sort=False, observed=True):
            said = f"mean of {len(group)} moves" if several else place(group.iloc[0], pairs)
            others = [zero[zero["initialisation"] == one] for one in _others(every).values()]
            lines.append(
                [
                    f"{title(name)}, {said}",
                    _mean(group["bare_accuracy"]),
                    _interval(group),
                    *([_interval(_same(end, name, where))] if last > first else []),
                    *(_mean(_same(rows, name, where)["accuracy_mean"]) for rows in others),
                    _mean(group["native_accuracy"]),
                    _gap(group),
                ]
            )
    return table(head, lines)


def _others(every: pd.DataFrame) -> dict[str, str]:
    """The other initialisations by how they are headed, at the smallest budget."""
    return {label(name): name for name in dict.fromkeys(every["initialisation"]) if name != "ported"}


def _same(rows: pd.DataFrame, technique: str, where: tuple | None) -> pd.DataFrame:
    """The rows of one technique, and where a move is given of that move."""
    rows = rows[rows["technique"] == technique]
    return rows if where is None else rows[(rows[MOVE[1:]] == list(where)).all(axis=1)]


def _steps(number: int) -> str:
    return "zero-shot" if number == 0 else f"{number:,} steps"


def _mean(values: pd.Series) -> str:
    return "" if values.dropna().empty else f"{values.mean():.3f}"


def _interval(rows: pd.DataFrame) -> str:
    """The mean, and of one row its interval."""
    if len(rows) != 1:
        return _mean(rows["accuracy_mean"])
    row = rows.iloc[0]
    return f"{row['accuracy_mean']:.3f} [{row['accuracy_low']:.3f}, {row['accuracy_high']:.3f}]"


def _gap(rows: pd.DataFrame) -> str:
    known = rows.dropna(subset=["recovered_gap"])
    if known.empty:
        return "withheld"
    if len(rows) > 1:
        return f"{100 * known['recovered_gap'].mean():.0f}% (of {len(known)})"
    row = known.iloc[0]
    return shares(row["recovered_gap"], row["recovered_gap_low"], row["recovered_gap_high"])


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows)


def _cell(text: object) -> str:
    return " ".join(str(text).replace("|", "\\|").split())


def _advice(tables: dict[str, pd.DataFrame]) -> str:
    """What to do, counted over moves."""
    rows = recommendations(tables.get("advice", pd.DataFrame()))
    if not rows:
        return ""
    counts = pd.Series([row["advice"] for row in rows]).value_counts()
    parts = [f"{name} ({number} of {len(rows)})" for name, number in counts.items()]
    return f"**Advice of the report, over all moves.** {'; '.join(parts).capitalize()}."


def _claims(done: Finished) -> list[str]:
    """What the study says of the claims that several studies test."""
    lines = []
    for claim in CLAIMS:
        if (found := claim.read(done.tables)) is not None:
            ends = f"{number(found.estimate)} [{number(found.low)}, {number(found.high)}]"
            count = f"{found.for_it} for, {found.against} against, of {found.number} {found.unit}"
            lines.append([claim.statement, found.outcome, count, f"{ends} {claim.quantity}"])
    if not lines:
        return []
    return ["## Claims", table(["claim", "this study", "tests told", "median [lowest, highest end]"], lines)]


def number(value: float) -> str:
    """A number of points, of percent, or of whatever a claim counts."""
    return "?" if pd.isna(value) else signed(value / 100) if abs(value) < 1e6 else f"{value:.2g}"


def _set_up(done: Finished) -> str:
    """Hosts, datasets, techniques and grid, the cost, and how to run it."""
    grid, study, facts = done.study.grid, done.study, done.facts
    hosts = [f"`{name}` ({_facts(one, HOST_FACTS)})" for name, one in facts.hosts.items()]
    datasets = [f"`{name}` ({_examples(one)})" for name, one in facts.datasets.items()]
    sizes = done.tables.get("techniques", pd.DataFrame())
    techniques = [f"{title(name)}{_parameters(sizes, name)}" for name in [*grid.techniques, *grid.modules]]
    lines = [
        ["hosts", "; ".join(hosts)],
        ["datasets", "; ".join(datasets)],
        ["techniques", "; ".join(techniques)],
        ["initialisations", ", ".join(f"`{name}`" for name in grid.initialisations)],
        [
            "budgets, seeds",
            f"{', '.join(map(str, study.budgets))} steps; {count(sum(map(len, study.blocks.values())), 'seed')}",
        ],
        ["cost", f"{done.took}, largest job {done.cost.largest_job_mebibytes:,} MiB; {done.machine}"],
        ["code", f"commit {done.commit}"],
        ["again", f"`peftport --configfile {done.config}`"],
    ]
    return table(["", ""], lines)


def _facts(facts: dict, names: Iterable[str]) -> str:
    parts = [(name, facts[name]) for name in names if name in facts]
    return ", ".join(f"{value:,} {name}" if isinstance(value, int) else f"{value}" for name, value in parts)


def _examples(facts: dict) -> str:
    splits = {name.removesuffix(" examples"): value for name, value in facts.items() if name.endswith(" examples")}
    return ", ".join([str(facts["source"]), *(f"{value:,} {name}" for name, value in splits.items())])


def _parameters(sizes: pd.DataFrame, name: str) -> str:
    """The numbers of parameters of a technique's modules, the same in all hosts or from the least to the most."""
    found = sorted(set(sizes.loc[sizes["technique"] == name, "parameters"].dropna().astype(int))) if len(sizes) else []
    if not found:
        return ""
    return f" ({found[0]:,} parameters)" if len(found) == 1 else f" ({found[0]:,} to {found[-1]:,} parameters)"


def merged(old: str, new: str) -> str:
    """A page with its written part anew; what stands around it is kept, and a page without one stays below it."""
    if BEGIN in old and END in old:
        before, _, rest = old.partition(BEGIN)
        return before + new.rstrip("\n") + rest.partition(END)[2]
    return new if not old.strip() else f"{new}\n{EARLIER}\n\n{_lowered(old)}"


def _lowered(text: str) -> str:
    """A page as a section: each heading one level further down."""
    return re.sub(r"^(#+) ", r"##\1 ", text, flags=re.MULTILINE)
