"""A mixture's prompts: what a host reads and learns of each row is what it reads and learns of the member alone."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from peftport.prompting.encoded import read_encoded
from peftport.prompting.mixture import mixed, read_member
from peftport.prompting.task import Task
from peftport.storage.parquet import write_table
from tests.unit.prompting.lm_types.test_lm_types import KINDS, card, tokenizer

FILM = {"template": "sentiment: {text}", "words": ["negative", "positive"], "kind": "labels"}
TOPIC = {"template": "{text} It is about {answer}", "words": ["a bad film", "food", "music"], "kind": "labels"}
CHOICE = {"template": "{text}", "words": [], "kind": "multiple_choice"}
ALL = {"template": "{text}", "words": [], "kind": "mixture"}


def member(kind, settings, number):
    """A member of so many examples, its answers in turn."""
    words = settings["words"] or ["good", "bad and slow"]
    rows = [
        {
            "example_id": f"{index}",
            "text": f"the plot was {'slow ' * (index % 4)}good {index} .",
            "label": words[index % 2],
        }
        for index in range(number)
    ]
    frame = pd.DataFrame(rows).assign(answers=[None if settings["words"] else words for _ in rows])
    made = Task.for_host(settings, tokenizer(kind), card(kind), 60)
    return made, made.encode(frame, "train")


def members(kind):
    kinds = {"film": (FILM, 12), "topic": (TOPIC, 30)}
    if kind not in ("bert", "roberta"):
        kinds["choice"] = CHOICE, 20
    return {name: member(kind, settings, number) for name, (settings, number) in kinds.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_a_mixture_is_what_its_members_alone_would_give(kind, tmp_path):
    """Of every language model type: prompts, masks, what is learnt and where, each as in the member's own batch."""
    own, weights = members(kind), {"topic": 2.0, "film": 1.0, "choice": 0.5}
    data, given = mixed(own, {name: weights[name] for name in own}, 40, 3, "train")
    write_table(tmp_path / "train.parquet", data.table(), "prompts")
    data = read_encoded(tmp_path / "train.parquet", [])
    whole = Task.for_host(ALL, tokenizer(kind), card(kind))
    assert len(data) == sum(given.values()) == 40
    for place in range(0, len(data), 3):
        name, _, example = data.example_ids[place].partition("/")
        task, alone = own[name]
        batch = whole.batch(data, np.asarray([place]), "cpu")
        expected = task.batch(alone, np.asarray([alone.example_ids.index(example)]), "cpu")
        assert batch.keys() == expected.keys()
        assert all(batch[key].tolist() == expected[key].tolist() for key in batch), name
        assert data.right()[place] == alone.right()[alone.example_ids.index(example)]
    together = whole.batch(data, np.arange(len(data)), "cpu")  # rows of all members in one batch
    assert (together["labels"] != -100).sum() == sum(
        (whole.batch(data, np.asarray([place]), "cpu")["labels"] != -100).sum() for place in range(len(data))
    )


def test_members_give_their_numbers_each_example_as_often_as_the_next():
    own = members("t5")
    data, given = mixed(own, {"film": 1, "topic": 1, "choice": 2}, 100, 0, "train")
    assert given == {"film": 25, "topic": 25, "choice": 50}
    counts = Counter(data.example_ids)
    film = [counts[f"film/{index}"] for index in range(12)]
    assert sum(film) == 25 and set(film) == {2, 3}
    assert max(counts[f"topic/{index}"] for index in range(30)) == 1
    again, _ = mixed(own, {"film": 1, "topic": 1, "choice": 2}, 100, 0, "train")
    assert again.example_ids == data.example_ids
    other, _ = mixed(own, {"film": 1, "topic": 1, "choice": 2}, 100, 0, "validation")
    assert other.example_ids != data.example_ids


def test_what_was_cut_stays_counted():
    own = members("t5")
    data, _ = mixed(own, {"film": 1, "topic": 1, "choice": 1}, None, 0, "train")
    by_id = {
        f"{name}/{example}": cut
        for name, (_, alone) in own.items()
        for example, cut in zip(alone.example_ids, alone.cut_tokens, strict=True)
    }
    assert data.cut_tokens.tolist() == [by_id[name] for name in data.example_ids]


def test_a_member_is_read_as_its_own_task(tmp_path):
    task, data = member("t5", FILM, 6)
    write_table(tmp_path / "train.parquet", data.table(), "prompts")
    read, back = read_member(tmp_path / "train.parquet", FILM, tokenizer("t5"), card("t5"))
    assert read.words == task.words and back.labels.tolist() == data.labels.tolist()
