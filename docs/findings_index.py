"""The page that lists all findings: claims first, then studies, then pages that were written by hand."""

from collections.abc import Sequence

import pandas as pd

from docs.claims import CANNOT_TELL, CLAIMS, CONTRADICTS, MIXED, SUPPORTS, Claim
from docs.findings_text import number, table

HEAD = """\
Written by `python -m docs.write_findings` from the tables of studies that were run to their reports. The first table
says what they tell together. A study supports a claim where its tests are told in favour of it in some moves and
against it in none. Tests are corrected over the moves of their study, but for intervals of the recovered gap; none is
corrected over studies. The interval goes from the lowest to the highest end over a study's moves, after their
median."""


def index(claims: pd.DataFrame, pages: pd.DataFrame, others: Sequence[tuple[str, str]]) -> str:
    """The page.

    Args:
        claims: a row for each claim and study, the columns of ``claims.csv``.
        pages: a row for each study, the columns of ``pages.csv``.
        others: file and heading of further pages.
    """
    lines = [_line(claim, rows) for claim in CLAIMS if len(rows := claims[claims["claim"] == claim.name])]
    studies = [[_link(row), row.question, row.answer, row.took, row.commit] for row in pages.itertuples()]
    parts = [
        "# Findings",
        " ".join(HEAD.split()),
        table(["claim", "where it was seen", "interval", "what contradicts it"], lines),
        "## Studies",
        table(["study", "question", "answer", "took", "commit"], studies),
        "## Written by hand, of earlier runs" if others else "",
        "\n".join(f"* [{heading}]({file})" for file, heading in others),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(claim: Claim, rows: pd.DataFrame) -> list[str]:
    """The row of a claim."""
    seen = {name: rows[rows["outcome"] == name] for name in (SUPPORTS, CONTRADICTS, MIXED, CANNOT_TELL)}
    where = _links(seen[SUPPORTS]) or "nowhere so far"
    if len(seen[CANNOT_TELL]):
        where += f"; cannot tell: {_links(seen[CANNOT_TELL])}"
    ends = [f"{_link(row)}: {_interval(row)}" for row in rows.itertuples()]
    against = _links(pd.concat([seen[CONTRADICTS], seen[MIXED]])) or "nothing so far"
    return [f"{claim.statement} ({claim.source})", where, "<br>".join([*ends, claim.quantity]), against]


def _links(rows: pd.DataFrame) -> str:
    return ", ".join(f"{_link(row)} ({_told(row)})" for row in rows.itertuples())


def _interval(row: object) -> str:
    return f"{number(row.estimate)} [{number(row.low)}, {number(row.high)}]"


def _told(row: object) -> str:
    against = f", {row.against} against" if row.against else ""
    return f"{row.for_it} of {row.number}{against}"


def _link(row: object) -> str:
    return f"[{row.study}]({row.study}.md)"
