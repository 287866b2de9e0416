"""Prompts of several datasets as those of one: each keeps its prompt, and what the host learns to write for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from peftport.data.mixture import drawn, numbers
from peftport.prompting.encoded import Answers, Encoded, read_encoded
from peftport.prompting.task import Task
from peftport.prompting.template import TaskSettings
from peftport.storage.provenance import JsonObject


def read_member(path: str | Path, settings: TaskSettings, tokenizer: Any, card: JsonObject) -> tuple[Task, Encoded]:
    """A member's task as a host sees it, and its prompts of a split.

    Args:
        path: a table `prompts`.
        settings: how the member is put to hosts.
        tokenizer: the host's.
        card: the host's.

    Raises:
        ValueError: as ``Task.for_host`` and ``read_encoded`` say.
    """
    task = Task.for_host(settings, tokenizer, card)
    return task, read_encoded(path, task.words)


def mixed(
    members: Mapping[str, tuple[Task, Encoded]],
    weights: Mapping[str, float],
    examples: int | None,
    seed: int,
    split: str,
) -> tuple[Encoded, dict[str, int]]:
    """Draw a split of a mixture.

    Args:
        members: each with its task and its prompts of the split.
        weights: in whose proportion they are drawn.
        examples: how many there are to be; None for as many as there are before a member is used up.
        seed: of the draw.
        split: which it is.

    Returns:
        The prompts, member after member. The answer of each is the one that is taught, and its tokens are all that the
        host learns to write, an end included: members' hosts are taught the ends of their answers in ways of their own
        (masks of a cloze). And member to how many examples it gave.

    Raises:
        ValueError: a member would give none.
    """
    given = numbers({name: len(data) for name, (_, data) in members.items()}, weights, examples)
    prompts, answers, ids, cut = [], [], [], []
    for name, number in given.items():
        task, data = members[name]
        places, right = drawn(len(data), number, seed, f"{split}/{name}"), data.right()
        taught = task.taught(data, places)
        prompts += [data.prompts[place] for place in places]
        answers += [Answers([right[place]], [tokens]) for place, tokens in zip(places, taught, strict=True)]
        ids += [f"{name}/{data.example_ids[place]}" for place in places]
        cut += [int(data.cut_tokens[place]) for place in places]
    labels = np.zeros(len(prompts), np.int64)
    return Encoded(prompts, labels, [], ids, np.asarray(cut, np.int64), answers), given
