"""Tasks of lm-evaluation-harness: found, loaded, and their documents as text and right answers.

Needs the extra ``lm-eval``. A task's data are local files as a rule (``dataset_path: json`` with ``data_files``).
"""

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peftport.data.lm_eval_files import EXTRA, refuse_large_data
from peftport.data.settings import LmEvalSource
from peftport.registry import unknown_name

DONE = ("multiple_choice", "generate_until", "loglikelihood")  # kinds of output whose answer can be taught
ID = 16  # digits of a document's hash


@dataclass(frozen=True)
class Document:
    """A document of a task.

    Attributes:
        name: the first 16 digits of the hash that lm-eval calls ``doc_hash``.
        text: what the host reads, without examples of the task before it; white space within it as it is.
        targets: the right answers with what stands between text and answer before them.
    """

    name: str
    text: str
    targets: list[str]


def load_task(source: LmEvalSource) -> Any:
    """A task, loaded once in a process.

    Raises:
        OSError, ValueError: lm-eval is not installed, there is no such task, its data cannot be had or are too large,
            or it cannot be taught.
    """
    return _load(source.task, source.include_path)


@functools.cache
def _load(name: str, include_path: str | None) -> Any:
    try:
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise ValueError(f"{EXTRA} ({error})") from error
    refuse_large_data(LmEvalSource(task=name, include_path=include_path), Path())
    manager = TaskManager(include_path=include_path, include_defaults=include_path is None)
    if name not in manager.all_subtasks:
        kinds = " (it is a group: name one of its tasks)" if name in manager.all_tasks else ""
        raise ValueError(unknown_name("task of lm-eval", name, list(manager.all_subtasks)) + kinds)
    try:
        task = manager.load([name])["tasks"][name]
    except Exception as error:  # datasets and what it asks raise many kinds
        first = (str(error).splitlines() or [""])[0]
        raise ValueError(
            f"the data of the task `{name}` of lm-eval cannot be had: {type(error).__name__}: {first[:300]}. A task "
            "whose data are on a hub needs the network, or their copy in the local cache"
        ) from error
    if task.OUTPUT_TYPE not in DONE or task.multiple_input:
        what = "choices in its prompts" if task.OUTPUT_TYPE in DONE else f"the output type {task.OUTPUT_TYPE}"
        raise ValueError(f"the task `{name}` of lm-eval has {what}; such a task cannot be taught")
    if not task.has_training_docs():
        raise ValueError(f"the task `{name}` of lm-eval has no `training_split`, so that nothing can be learned on it")
    return task


def documents(task: Any, docs: Any) -> Iterator[Document]:
    """The documents of a split of a task.

    Raises:
        ValueError: one has no text or no right answer.
    """
    for doc in docs:
        name, whole, targets = doc_hash(doc)[:ID], task.fewshot_context(doc, 0), targets_of(task, doc)
        if not isinstance(whole, str) or not (text := whole.rstrip()) or not targets or not all(targets):
            raise ValueError(f"the document {name} of the task `{task.task_name}` has no text or no right answer")
        between = whole[len(text) :] + task.config.target_delimiter
        yield Document(name, text, [between + target for target in targets])


def targets_of(task: Any, doc: Any) -> list[str]:
    """The right answers to a document: those of ``doc_to_target``, as choices where it gives their places."""
    target = task.doc_to_target(doc)
    several = list(target) if isinstance(target, list | tuple) else [target]
    if task.OUTPUT_TYPE == "multiple_choice":
        choices = task.doc_to_choice(doc)
        several = [choices[own] if isinstance(own, int) else own for own in several]
    return list(dict.fromkeys(map(str, several)))


def doc_hash(doc: Any) -> str:
    """The hash of a document that stands in lm-eval's samples (``lm_eval.evaluator.evaluate``)."""
    from lm_eval.utils import handle_non_serializable

    text = json.dumps(doc, indent=2, default=handle_non_serializable, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
