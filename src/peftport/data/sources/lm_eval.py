"""Examples from a task of lm-evaluation-harness: what it tests on, and its training split."""

from pathlib import Path

from peftport.data.lm_eval_tasks import documents, load_task
from peftport.data.reading import Raw, Reading
from peftport.data.settings import DatasetSettings
from peftport.storage.provenance import JsonObject


def read(dataset: DatasetSettings, root: Path, reading: Reading) -> tuple[Raw, JsonObject]:
    """The documents of the training split, of what lm-eval tests on, and of the validation split if that is another.

    Facts: the task, its version, lm-eval's version.

    Raises:
        ValueError: as ``load_task`` and ``documents``, or the task does not have the metric.
    """
    from importlib.metadata import version

    source = dataset.source.lm_eval
    task = load_task(source)
    if source.metric not in (metrics := list(task.aggregation())):
        raise ValueError(
            f"source.lm_eval.metric: the task `{source.task}` has no metric `{source.metric}`; it has "
            + ", ".join(f"`{name}`" for name in metrics)
        )
    splits = {"test": task.eval_docs, "train": task.training_docs()}
    if task.has_test_docs() and task.has_validation_docs():
        splits["validation"] = task.validation_docs()
    raw: Raw = {
        name: [(own.text, own.targets[0], own.targets, own.name) for own in documents(task, docs)]
        for name, docs in splits.items()
    }
    facts = {"kind": "lm_eval", "task": source.task, "task_version": str(task.VERSION), "lm_eval": version("lm_eval")}
    return raw, facts
