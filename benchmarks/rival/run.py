"""``python -m benchmarks.rival.run JOB``: one run of a study. JOB is a JSON file written by the benchmark."""

import json
import sys

import numpy as np
import torch

from benchmarks.rival.train import accuracy, examples, load_host, train, write
from peftport.injection.attach import attach, attach_module
from peftport.storage.modules import Module, read_module

STARTS = ("ported", "sampled", "scratch")  # beside the references, what a run can start from here


def start(host, job: dict):
    """The host with the module that the run starts from: scratch, ported (or native), sampled, or none.

    Raises:
        ValueError: another initialisation.
    """
    if job["initialisation"] not in (*STARTS, "bare", "native"):
        raise ValueError(f"initialisation {job['initialisation']!r}: expected one of {', '.join(STARTS)}")
    kind, technique = job["initialisation"], job["technique"]
    if kind == "bare":
        return host
    if kind == "scratch":
        return attach(host, technique["method"], technique, seed=job["seed"])
    module = read_module(job["module"])
    if kind == "sampled":
        rng, tensors = np.random.default_rng(job["seed"]), {}
        for name, tensor in module.tensors.items():
            drawn = rng.normal(tensor.mean(), tensor.std(), tensor.shape).astype(tensor.dtype)
            tensors[name] = tensor if tensor.std() == 0 else drawn
        module = Module(module.config, tensors, module.card)
    return attach_module(host, module)


def main(job: dict) -> None:
    """Put the module into the target host, train for the budget, test."""
    torch.set_num_threads(job["threads"])
    host, tokenizer = load_host(job["host"])
    model, recipe = start(host, job), job["training"]
    if job["budget"]:
        rows = examples(job["train"], job["template"], tokenizer, recipe["max_tokens"])
        recipe = recipe | {"learning_rate": job["technique"]["learning_rate"]}
        train(model, tokenizer, rows, recipe, job["budget"], job["seed"])
    test = examples(job["test"], job["template"], tokenizer, recipe["max_tokens"])
    reached = accuracy(model, tokenizer, test, job["words"], job["test_batch_size"])
    write(job["result"], json.dumps({"accuracy": reached}))


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        main(json.load(file))
