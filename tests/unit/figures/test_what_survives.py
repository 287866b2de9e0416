"""The figure of what survives in other coordinates: its numbers, its frames, its notes."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from peftport.figures import style, what_survives
from peftport.storage.tables import TABLES
from tests.unit.figures.test_figures import texts

CHANGES = {"stream_turned": "stream: rotation", "heads_ordered": "heads: permutation"}
CHANGES |= {"all_changed": "stream: rotation, heads: permutation, units: permutation"}
SEVEN = tuple(style.ORDER)


def rows(maps=("copy", "weight_match"), datasets=("film",)):
    found = []
    for dataset in datasets:
        for by in maps:
            for host, what in CHANGES.items():
                for number, technique in enumerate(SEVEN):
                    row = dict.fromkeys(TABLES["survival"], "") | {"technique": technique, "map": by}
                    row |= {"source_host": "raw", "target_host": host, "coordinates": what, "seeds": 3}
                    row |= {"source_dataset": dataset, "target_dataset": dataset, "copy_survives": number < 2}
                    row |= {"accuracy_mean": 0.913, "source_accuracy": 0.95, "survived": 0.987, "metric": "accuracy"}
                    found.append(row | {"low": -0.06, "high": 1.24})
    return pd.DataFrame(found, columns=list(TABLES["survival"]))


def frames(figure):
    ink = to_rgba(what_survives.FRAME)
    return [patch for patch in figure.findobj(Rectangle) if patch.get_edgecolor() == ink]


def test_theory_frames_copies_and_no_maps():
    assert len(frames(what_survives.draw({"survival": rows()}))) == 2 * len(CHANGES)
    assert not frames(what_survives.draw({"survival": rows().assign(copy_survives=None)}))
    assert not frames(what_survives.draw({"survival": rows(maps=("weight_match",))}))


def test_copies_stand_first_and_cells_say_share_interval_and_score():
    table = rows(maps=("weight_match", "copy"))
    table.loc[0, ["survived", "low", "high"]] = np.nan
    seen = [text for text, _ in texts(what_survives.draw({"survival": table}))]
    assert seen.count("99%") == len(table) - 1 and seen.count("withheld") == 1
    assert seen.count("[\N{MINUS SIGN}6, 124]  0.91") == len(table) - 1 and "0.91" in seen
    names = [text for text in seen if "raw \N{RIGHTWARDS ARROW}" in text]
    assert ["(weight_match)" in name for name in names] == [False] * 3 + [True] * 3
    assert names[2].endswith("stream: rotation\nheads: permutation\nunits: permutation")


@pytest.mark.parametrize("datasets", [("film",), ("film", "book")])
def test_no_text_overlaps_another(datasets):
    table = rows(datasets=datasets).drop(index=4)
    seen = texts(what_survives.draw({"survival": table}))
    assert "not run" in [text for text, _ in seen]
    boxes = np.array([box for _, box in seen])
    before = (boxes[:, None, 2:] <= boxes[None, :, :2] + 1).any(2)
    overlaps = np.argwhere(np.triu(~(before | before.T), 1))
    assert [(seen[one][0], seen[other][0]) for one, other in overlaps] == []


def test_an_empty_table_gives_a_note():
    figure = what_survives.draw({"survival": rows().iloc[:0]})
    assert next(text for text, _ in texts(figure)).startswith("No ")
