"""Groups of columns about moves: between two hosts both ways, and from task to task."""

from peftport.storage.technique_columns import INTERVAL, REAL, TEXT, WHOLE, Column

BOTH_WAYS = (
    {
        "seeds": Column(WHOLE, "number of seeds compared pair by pair"),
        "forward": Column(REAL, "mean score of ported above the bare target host, from the first to the second host"),
        "backward": Column(REAL, "the same from the second to the first"),
        "difference": Column(REAL, "forward minus backward"),
    }
    | INTERVAL
    | {
        "p_value": Column(REAL, "two-sided p-value of no difference"),
        "p_value_holm": Column(REAL, "the same after Holm's correction over the rows of this budget"),
        "forward_recovered_gap": Column(REAL, "recovered gap from the first to the second host; null as there", True),
        "backward_recovered_gap": Column(REAL, "the same from the second to the first", True),
    }
)
CROSS_TASK = (
    {
        "seeds": Column(WHOLE, "number of seeds compared pair by pair"),
        "ported": Column(REAL, "mean score of modules of the source task"),
        "scratch": Column(REAL, "mean score of modules from scratch, with which nothing is carried"),
        "difference": Column(REAL, "ported minus scratch"),
    }
    | INTERVAL
    | {
        "p_value": Column(REAL, "two-sided p-value of no difference"),
        "p_value_holm": Column(
            REAL,
            "the same after Holm's correction over the moves of this technique from task to another task, by this "
            "transfer at this budget; null from a task to itself",
            True,
        ),
        "outcome": Column(
            TEXT, "`helps`, `harms` (negative transfer), `cannot_tell`; `own_task` from a task to itself"
        ),
        "bare": Column(REAL, "score of the bare host; null where it was not run", True),
        "bare_difference": Column(REAL, "ported minus bare; null as `bare`", True),
        "bare_low": Column(REAL, "lower end of its 95% interval; null as `bare`", True),
        "bare_high": Column(REAL, "upper end of it; null as `bare`", True),
        "own": Column(
            REAL,
            "mean score of ported modules of the target task itself, at the same budget: the ceiling; null where they "
            "were not run",
            True,
        ),
        "own_difference": Column(REAL, "ported minus own; null as `own`, and where both are the same modules", True),
        "own_low": Column(REAL, "lower end of its 95% interval; null as there", True),
        "own_high": Column(REAL, "upper end of it; null as there", True),
    }
)
