"""What the report says of modules that were merged into their host's weights."""

import pandas as pd

from peftport.report.merging import merging

COLUMNS = ("technique", "dtype", "score", "merged_score", "merged_changed", "merged_difference")
FLOAT = ("lora", "float32", 0.9, 0.9, 0.0, 1e-6)
HALF = [("lora", "bfloat16", 0.9, 0.8, 0.04, 0.25), ("lora", "bfloat16", 0.7, 0.7, 0.0, 0.5)]
ADAPTERS = ("adapters", "float32", 0.5, None, None, None)


def test_each_number_type_of_weights_has_its_sentence():
    half, whole = merging(pd.DataFrame([FLOAT, *HALF, ADAPTERS], columns=COLUMNS))
    assert half.startswith("lora: merged into the host's bfloat16 weights, modules give another answer to 2.00% of")
    assert "score 0.800 attached, 0.750 merged, over 2 tests" in half and "at most 0.5 nats" in half
    assert whole.startswith("lora: merged into the host's float32 weights, modules give another answer to 0.00% of")


def test_nothing_is_said_where_nothing_was_merged():
    assert merging(pd.DataFrame([ADAPTERS], columns=COLUMNS)) == []
    assert merging(pd.DataFrame([], columns=["technique"])) == []
