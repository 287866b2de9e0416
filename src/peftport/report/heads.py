"""What a classification head and the module beside it carry, in sentences: where a study moves them apart."""

import pandas as pd

from peftport.report.phrases import capital, comparison, moment

# the first of a comparison, its name in a sentence, and the second
COMPARED = (
    ("ported", "module and head moved together are", "head_only"),
    ("ported", "module and head moved together are", "ported_fresh_head"),
    ("ported_fresh_head", "modules moved without their head, which get a fresh one, are", "sampled_fresh_head"),
    ("ported_fresh_head", "modules moved without their head, which get a fresh one, are", "scratch"),
)


def heads(technique: str, contrasts: pd.DataFrame) -> list[str]:
    """Sentences on one technique, at the smallest and the largest budget; none where no head was left behind.

    Args:
        contrasts: table `contrasts`.
    """
    if contrasts.empty:
        return []
    rows = contrasts[contrasts["technique"] == technique]
    pairs = len(rows[["source_dataset", "target_dataset"]].drop_duplicates()) > 1
    sentences = []
    for budget in sorted({rows["budget_steps"].min(), rows["budget_steps"].max()}):
        for first, name, second in COMPARED:
            chosen = rows[
                (rows["initialisation"] == first) & (rows["baseline"] == second) & (rows["budget_steps"] == budget)
            ]
            if len(chosen):
                sentences.append(f"{capital(moment(int(budget)))}, {name} {comparison(chosen, second, pairs)}.")
    return sentences
