"""What students reach without labels, beside their teachers and modules from scratch: sentences, not tests.

A student has been trained before its first budget. So it is never called zero-shot, and its fair comparison is a module
from scratch after as many steps, which has seen labels.
"""

import pandas as pd

from peftport.figures.style import score_name, techniques_of, title
from peftport.report.facts import NamedSettings
from peftport.report.phrases import count, place
from peftport.statistics.contrasts import TAUGHT
from peftport.storage.names import COPY

TEACHER, SCRATCH = "teacher", "scratch"
TARGET = ["technique", "target_host", "target_dataset"]
LEARNT = ["technique", "source_host", "source_dataset", "target_dataset"]


def named(frame: pd.DataFrame, settings: NamedSettings) -> pd.DataFrame:
    """A table with initialisations in which `distilled` stands with its steps, so that budget 0 misleads nobody."""
    if settings.distil_steps is None or "initialisation" not in frame:
        return frame
    told = f"{TAUGHT}, {count(settings.distil_steps, 'step')} without labels before"
    return frame.assign(initialisation=frame["initialisation"].replace(TAUGHT, told))


def distillation(tables: dict[str, pd.DataFrame], settings: NamedSettings) -> list[str]:
    """Sentences on every technique; none where nothing was distilled.

    Args:
        tables: `portability`, and `references` where there are any.
        settings: those that sentences name.
    """
    summary, references = tables["portability"], tables.get("references", pd.DataFrame())
    students = summary[summary["initialisation"] == TAUGHT]
    if settings.distil_steps is None or students.empty:
        return []
    budget = int(students["budget_steps"].min())
    students = students[students["budget_steps"] == budget].drop_duplicates([*LEARNT, "target_host"])
    students = students.assign(map=COPY)  # they depend on no map, so none is named
    pairs = len(students[["source_dataset", "target_dataset"]].drop_duplicates()) > 1
    fair = summary[(summary["initialisation"] == SCRATCH) & (summary["budget_steps"] == budget + settings.distil_steps)]
    parts = [_opening(settings.distil_steps, budget)]
    for technique in techniques_of(students):
        for _, row in students[students["technique"] == technique].iterrows():
            scores = [_score(row), *_teacher(row, references), _beside(row, fair, budget + settings.distil_steps)]
            parts.append(f"{title(technique)}, {place(row, pairs)}: {'; '.join(scores)}.")
    return parts


def _opening(steps: int, budget: int) -> str:
    further = f", and then for {count(budget, 'step')} with labels" if budget else ""
    return (
        f"Before its first test a student was trained for {count(steps, 'step')} without labels, by the answers of the "
        f"source host with its module{further}. Its score there is none of zero-shot, and the verdict does not count "
        "it. Differences were not tested."
    )


def _score(row: pd.Series) -> str:
    return f"{score_name(row.to_frame().T)} {_mean(row)}"


def _mean(row: pd.Series) -> str:
    """A mean with its interval: ``0.81 [0.78, 0.84]``."""
    return f"{row['accuracy_mean']:.2f} [{row['accuracy_low']:.2f}, {row['accuracy_high']:.2f}]"


def _teacher(row: pd.Series, references: pd.DataFrame) -> list[str]:
    """What the teacher reaches on the same test examples."""
    if references.empty:
        return []
    own = references[(references["initialisation"] == TEACHER) & (references[LEARNT] == row[LEARNT]).all(axis=1)]
    scores = own["score"].dropna()
    return [f"its teacher {scores.mean():.2f}"] if len(scores) else ["its teacher failed"]


def _beside(row: pd.Series, fair: pd.DataFrame, steps: int) -> str:
    """Modules from scratch after as many steps."""
    same = fair[(fair[TARGET] == row[TARGET]).all(axis=1)]
    if same.empty:
        return f"modules from scratch were not tested after {count(steps, 'step')}"
    return f"modules from scratch after {count(steps, 'step')} with labels {_mean(same.iloc[0])}"
