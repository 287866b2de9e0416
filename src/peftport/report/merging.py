"""What becomes of answers when modules are written into the weights of their host: a sentence for each technique."""

import pandas as pd

from peftport.report.phrases import count


def merging(runs: pd.DataFrame) -> list[str]:
    """A sentence for every technique whose modules were merged; none where the study does not merge."""
    if "merged_score" not in runs or runs["merged_score"].isna().all():
        return []
    sentences = []
    for technique, rows in runs.dropna(subset=["merged_score"]).groupby("technique", sort=True):
        means = rows[["score", "merged_score", "merged_changed"]].mean()
        sentences.append(
            f"{technique}: merged into the host's weights, modules give another answer to "
            f"{means['merged_changed']:.2%} of test examples (score {means['score']:.3f} attached, "
            f"{means['merged_score']:.3f} merged, over {count(len(rows), 'test')}); the log-likelihood of a right "
            f"answer changes by at most {rows['merged_difference'].max():.2g} nats."
        )
    return sentences
