"""The kinds of tasks by their names in the config, which are keys of a dataset. Each is a folder with three modules:

* ``rows``: ``reading(dataset)`` gives a ``peftport.data.reading.Reading``: how rows of files become examples;
  ``counts(frame)`` says how many a split has, by label where there are labels; ``shuffled(frame, order)`` deals the
  right answers out anew, by a permutation of the rows. No torch.
* ``prompts``: what the host is taught and asked, beside the prompt itself; its functions are named in
  ``peftport.prompting.task``.
* ``scores``: ``score`` and ``validate``, as ``peftport.evaluation.score`` describes them.

They are imported when they are asked for, each alone, so that a change of a score prepares and trains nothing anew.
"""

from types import ModuleType

from peftport.registry import import_entry

MIXTURE = "mixture"  # several datasets at once, each of its own kind: trained on and never tested, so it is in no table
LABELS = "labels"  # the kind of a dataset made before there were others
ROWS = {
    "labels": "peftport.tasks.labels.rows",
    "multiple_choice": "peftport.tasks.multiple_choice.rows",
    "generation": "peftport.tasks.generation.rows",
    "lm_eval": "peftport.tasks.lm_eval.rows",
}
PROMPTS = {
    "labels": "peftport.tasks.labels.prompts",
    "multiple_choice": "peftport.tasks.multiple_choice.prompts",
    "generation": "peftport.tasks.generation.prompts",
    "lm_eval": "peftport.tasks.lm_eval.prompts",
}
SCORES = {
    "labels": "peftport.tasks.labels.scores",
    "multiple_choice": "peftport.tasks.multiple_choice.scores",
    "generation": "peftport.tasks.generation.scores",
    "lm_eval": "peftport.tasks.lm_eval.scores",
}
# kind and language model type to why such a host cannot do it
REFUSED = {
    ("multiple_choice", "masked"): "a masked language model reads label words at masks, as many as the longest has "
    "tokens; choices of unlike lengths would tell themselves apart by that number",
    ("generation", "masked"): "a masked language model fills gaps and writes no text",
    ("multiple_choice", "classifier"): "a classification head has one output for each label of the dataset",
    ("generation", "classifier"): "a classification head writes no text",
    (MIXTURE, "classifier"): "a classification head has one output for each label of one dataset",
    ("lm_eval", "classifier"): "a classification head has one output for each label of the dataset",
    ("lm_eval", "masked"): "lm-evaluation-harness asks for what follows a text, and a masked language model fills gaps",
}


def rows(kind: str) -> ModuleType:
    """How examples of a kind are read.

    Raises:
        ValueError: no such kind.
    """
    return import_entry("kind of a dataset", kind, ROWS)


def prompts(kind: str) -> ModuleType:
    """How examples of a kind are put to a host; raises ValueError for no such kind."""
    return import_entry("kind of a dataset", kind, PROMPTS)


def scores(kind: str) -> ModuleType:
    """How a host is scored on examples of a kind; raises ValueError for no such kind."""
    return import_entry("kind of a dataset", kind, SCORES)


def refusal(kind: str, lm_type: str) -> str | None:
    """Why hosts of a language model type cannot do tasks of a kind; None where they can."""
    return REFUSED.get((kind, lm_type))
