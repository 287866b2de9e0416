"""Small tasks of lm-evaluation-harness with local data."""

import json
from pathlib import Path

import yaml

TASKS = "tasks"
DATA = {"train": "data/train.jsonl", "test": "data/test.jsonl"}
CHOICE = {
    "task": "film_choice",
    "dataset_path": "json",
    "training_split": "train",
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "sentiment: {{text}}",
    "doc_to_choice": ["negative", "positive"],
    "doc_to_target": "label",
    "metric_list": [{"metric": "acc"}],
    "metadata": {"version": 1.0},
}
WRITING = CHOICE | {
    "task": "film_writing",
    "output_type": "generate_until",
    "doc_to_target": "{{['negative', 'positive'][label]}}",
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4, "do_sample": False},
}
del WRITING["doc_to_choice"]


def write_tasks(folder: Path, *tasks: dict, examples: int = 24) -> None:
    """Write tasks as YAML files in ``folder/tasks`` and their documents in ``folder/data``; paths are absolute."""
    words = {0: ("dull", "bad", "slow"), 1: ("good", "fine", "witty")}
    for place, name in enumerate(DATA.values()):
        docs = [
            {"text": f"the plot {place} {at} was {words[at % 2][at % 3]} .", "label": at % 2} for at in range(examples)
        ]
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("".join(f"{json.dumps(doc)}\n" for doc in docs), encoding="utf-8")
    (folder / TASKS).mkdir(exist_ok=True)
    files = {split: str(folder / name) for split, name in DATA.items()}
    for task in tasks:
        said = {"dataset_kwargs": {"data_files": files}} | task
        (folder / TASKS / f"{task['task']}.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
