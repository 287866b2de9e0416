"""Optimiser steps of a module in one host: time, tokens, padding, memory."""

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from transformers import PreTrainedModel, T5Config, T5ForConditionalGeneration

from benchmarks import measured
from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from peftport.storage.provenance import JsonObject
from peftport.training.loop import Recipe, Training

# of the prompts of 1,500 sentences each of SST-2 and Rotten Tomatoes under T5's tokenizer: 33 tokens on average
LOG_LENGTH, LOG_SPREAD, SHORTEST, LONGEST = 3.41, 0.47, 6, 128
RECIPE = Recipe(learning_rate=1e-3, warmup_steps=60, batch_size=32, weight_decay=0.0, gradient_clip=1.0)


@dataclass(frozen=True)
class Steps:
    """What one optimiser step of a module takes.

    Attributes:
        seconds: wall time of a step, the mean over the steps timed.
        cpu_seconds: processor time of a step.
        prompt_tokens: of the prompts of a step, without padding.
        answer_tokens: of the answers of a step.
        padding: share of the prompts' places that are padding.
        memory_bytes: largest memory taken on the device; None on a CPU.
    """

    seconds: float
    cpu_seconds: float
    prompt_tokens: float
    answer_tokens: float
    padding: float
    memory_bytes: int | None


class _Counting:
    """A task that counts the tokens in the batches it makes."""

    def __init__(self, task: Task) -> None:
        self.task, self.real, self.places, self.answers = task, 0, 0, 0

    def batch(self, data: Encoded, indices: np.ndarray, device: torch.device) -> dict[str, torch.Tensor]:
        made = self.task.batch(data, indices, device)
        self.real += sum(len(data.prompts[index]) for index in indices)
        self.places += made["input_ids"].numel()
        self.answers += made["labels"].numel()
        return made


def random_host(shape: Mapping[str, Any], device: torch.device, kind: torch.dtype) -> PreTrainedModel:
    """A frozen T5 v1.1 host of this shape with random weights, made on the device, as a job has it."""
    config = T5Config(
        feed_forward_proj="gated-gelu",
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
        attn_implementation="sdpa",
        **shape,
    )
    torch.manual_seed(0)
    with torch.device(device):
        host = T5ForConditionalGeneration(config)
        host.lm_head = torch.nn.Linear(config.d_model, config.vocab_size, bias=False)  # T5 v1.1 has its own
    return host.to(kind).eval().requires_grad_(False)


class Ends:
    """A tokenizer that ends every text with one token: all that a training asks it for."""

    pad_token_id, eos_token_id = 0, 1

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        """The tokens of a text, which is one."""
        return {"input_ids": [5, self.eos_token_id] if add_special_tokens else [5]}


def random_task(vocabulary: int, examples: int = 2048) -> tuple[Task, Encoded]:
    """A task of two words and random prompts of realistic lengths."""
    random = np.random.default_rng(0)
    lengths = np.clip(np.exp(random.normal(LOG_LENGTH, LOG_SPREAD, examples)), SHORTEST, LONGEST).astype(int)
    prompts = [np.append(random.integers(5, vocabulary, length - 1), 1) for length in lengths]
    tokenizer = Ends()
    words = ["negative", "positive"]
    task = Task("{text}", words, [[3], [4]], tokenizer, "encoder_decoder", None, LONGEST)
    names = [str(place) for place in range(examples)]
    return task, Encoded(prompts, random.integers(0, 2, examples), words, names, np.zeros(examples, np.int64))


def time_steps(
    model: PeftModel, task: Task, data: Encoded, recipe: Recipe = RECIPE, steps: int = 5, warm: int = 3
) -> Steps:
    """Train a module for ``warm + steps`` steps and time the last ``steps``.

    Raises:
        torch.OutOfMemoryError: it does not fit.
    """
    device = model.device
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    counting = _Counting(task)
    run = Training(model, counting, data, recipe, seed=0)
    run.advance(warm)
    counting.real = counting.places = counting.answers = 0
    _wait(device)
    began, cpu = time.perf_counter(), time.process_time()
    run.advance(warm + steps)
    _wait(device)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    memory = torch.cuda.max_memory_allocated() if device.type == "cuda" else None
    padding = 1 - counting.real / counting.places
    return Steps(seconds / steps, cpu / steps, counting.real / steps, counting.answers / steps, padding, memory)


def machine(device: torch.device) -> str:
    """The device and the libraries, in words."""
    gpu = f"{torch.cuda.get_device_name()}, " if device.type == "cuda" else ""
    return f"{gpu}{measured.machine()}; torch {torch.__version__}, {torch.get_num_threads()} threads"


def table(rows: list[JsonObject]) -> str:
    """Rows as a Markdown table."""
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([str(row[head]) for head in heads] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
