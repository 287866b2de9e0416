"""``python -m benchmarks.rival.source JOB``: train one source module. JOB is a JSON file written by the benchmark."""

import json
import sys

import torch

from benchmarks.rival.train import examples, load_host, train
from peftport.injection.attach import attach, config_dict, module_tensors
from peftport.storage.modules import Module, write_module


def main(job: dict) -> None:
    """Train in the source host on the source dataset and save the module."""
    torch.set_num_threads(job["threads"])
    host, tokenizer = load_host(job["host"])
    technique, recipe = job["technique"], job["training"]
    model = attach(host, technique["method"], technique, seed=job["seed"])
    rows = examples(job["train"], job["template"], tokenizer, recipe["max_tokens"])
    recipe = recipe | {"learning_rate": technique["learning_rate"]}
    train(model, tokenizer, rows, recipe, recipe["source_steps"], job["seed"])
    write_module(job["module"], Module(config_dict(model), module_tensors(model), {}))


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        main(json.load(file))
