"""Whether the scores of a study were computed in one way, or by devices, number types or kernels that round unlike."""

from typing import Any

import pandas as pd

from peftport.report.phrases import count, listing
from peftport.storage.tables import COMPUTED


def mixed(tables: dict[str, pd.DataFrame]) -> list[str]:
    """One sentence where `runs` and `references` were computed in more than one way, else none.

    Target hosts of different precisions are no such ways, because a study asks for them. One host in two is.

    Args:
        tables: `runs` and `references`, where there are any.
    """
    frames = [tables[name] for name in ("runs", "references") if len(tables.get(name, ()))]
    if not frames:
        return []
    scores = pd.concat(frames)
    asked = scores["dtype"].nunique() > 1 and scores.groupby("target_host")["dtype"].nunique().max() == 1
    ways = scores[[name for name in COMPUTED if not (asked and name == "dtype")]].value_counts()
    if len(ways) < 2:
        return []
    named = [(dict(zip(ways.index.names, way, strict=True)), rows) for way, rows in ways.items()]
    parts = [
        f"{rows:,} by {way['device']} ({', '.join([*_dtype(way), way['kernels'], count(way['threads'], 'thread')])})"
        for way, rows in named
    ]
    return [
        f"The scores were computed in {len(ways)} ways, whose rounding differs: {listing(parts)}. Differences between "
        "rows may come from that as well."
    ]


def _dtype(way: dict[str, Any]) -> list[str]:
    return [way["dtype"]] if "dtype" in way else []
