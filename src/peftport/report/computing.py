"""Whether the scores of a study were computed in one way, or by devices, number types or kernels that round unlike."""

import pandas as pd

from peftport.report.phrases import count, listing
from peftport.storage.tables import COMPUTED


def mixed(tables: dict[str, pd.DataFrame]) -> list[str]:
    """One sentence where `runs` and `references` were computed in more than one way, else none.

    Args:
        tables: `runs` and `references`, where there are any.
    """
    frames = [tables[name] for name in ("runs", "references") if len(tables.get(name, ()))]
    if not frames:
        return []
    ways = pd.concat(frames)[list(COMPUTED)].value_counts()
    if len(ways) < 2:
        return []
    parts = [
        f"{rows:,} by {device} ({dtype}, {kernels}, {count(threads, 'thread')})"
        for (device, dtype, kernels, threads), rows in ways.items()
    ]
    return [
        f"The scores were computed in {len(ways)} ways, whose rounding differs: {listing(parts)}. Differences between "
        "rows may come from that as well."
    ]
