"""What becomes of answers when modules are written into the weights of their host: sentences by technique."""

import pandas as pd

from peftport.report.phrases import count


def merging(runs: pd.DataFrame) -> list[str]:
    """A sentence for every technique whose modules were merged, and for every number type of weights that they were
    merged into; none where the study does not merge.

    A merged module takes on the numbers of its host's weights, so that float32 loses next to nothing and bfloat16 does.
    """
    if "merged_score" not in runs or runs["merged_score"].isna().all():
        return []
    merged = runs.dropna(subset=["merged_score"])
    return [_sentence(technique, dtype, rows) for (technique, dtype), rows in merged.groupby(["technique", "dtype"])]


def _sentence(technique: str, dtype: str, rows: pd.DataFrame) -> str:
    means = rows[["score", "merged_score", "merged_changed"]].mean()
    return (
        f"{technique}: merged into the host's {dtype} weights, modules give another answer to "
        f"{means['merged_changed']:.2%} of test examples (score {means['score']:.3f} attached, "
        f"{means['merged_score']:.3f} merged, over {count(len(rows), 'test')}); the log-likelihood of a right answer "
        f"changes by at most {rows['merged_difference'].max():.2g} nats."
    )
