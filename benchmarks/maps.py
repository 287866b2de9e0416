"""What a map of two hosts of LLaMA-1B's shape costs: memory, CPU seconds and the step that takes most.

python -m benchmarks.maps [--layers 16] [--vocabulary 128256] [--method weight_match]

Fewer layers and a smaller vocabulary take less time: the steps of a layer grow with the number of layers, products of
shared tokens with the vocabulary, isometries with neither. Both hosts are written as bfloat16 in several safetensors
files, mapped in a process of its own, and deleted. Weights that have nothing in common are the worst case for the
assignment of units. Writes ``benchmarks/results/<date>-maps.md``.
"""

import argparse
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.measured import RESULTS, ROOT, machine, write_results
from peftport.adapters.host_files import HostFiles, read_host
from peftport.maps import heads, stream_tokens, units
from peftport.maps.correspondence import write_correspondence
from peftport.maps.pair import End, Pair
from peftport.maps.settings import MapSettings
from peftport.maps.table import method

# whose function, which, and the step that it is; what a step calls of the others counts there alone
STEPS = (
    (HostFiles, "weights", "reading weights"),
    (HostFiles, "rows", "reading embeddings"),
    (stream_tokens, "products_of", "products of shared tokens"),
    (stream_tokens, "polar", "isometries of the stream"),
    (heads, "read_attention", "weights of heads"),
    (heads.Attention, "through", "weights of heads, over the target's coordinates"),
    (heads, "likeness", "likeness of heads"),
    (units, "likeness", "likeness of units, weights over the target's coordinates included"),
    (units, "assigned", "assignment of units"),
)
# steps that do not grow with the number of layers, and what of a shape they grow with
GROWS_WITH = {
    **dict.fromkeys(("reading embeddings", "products of shared tokens"), "vocabulary"),
    "isometries of the stream": None,
}
TOGETHER = 4  # layers in a file
BLOCK = 2**22  # random numbers drawn together


@dataclass(frozen=True)
class Shape:
    """The shape of a LLaMA; by default that of LLaMA 3.2 1B."""

    d_model: int = 2048
    d_ff: int = 8192
    heads: int = 32
    key_value_heads: int = 8
    d_kv: int = 64
    vocabulary: int = 128256
    layers: int = 16

    def card(self, name: str) -> dict:
        """What a map reads of a host's card."""
        shape = asdict(self) | {"encoder_layers": 0, "decoder_layers": self.layers, "embedding": self.d_model}
        return {"host": name, "model_type": "llama", "shape": shape}

    def tensors(self) -> list[dict[str, tuple[int, ...]]]:
        """Names and shapes of the tensors of each file."""
        d, narrow, files = self.d_model, self.key_value_heads * self.d_kv, []
        for first in range(0, self.layers, TOGETHER):
            files.append({})
            for layer in range(first, min(first + TOGETHER, self.layers)):
                at = f"model.layers.{layer}"
                files[-1] |= {f"{at}.input_layernorm.weight": (d,), f"{at}.post_attention_layernorm.weight": (d,)}
                files[-1] |= {f"{at}.self_attn.{kind}_proj.weight": (narrow, d) for kind in "kv"}
                files[-1][f"{at}.self_attn.q_proj.weight"] = (self.heads * self.d_kv, d)
                files[-1][f"{at}.self_attn.o_proj.weight"] = (d, self.heads * self.d_kv)
                files[-1] |= {f"{at}.mlp.{kind}_proj.weight": (self.d_ff, d) for kind in ("gate", "up")}
                files[-1][f"{at}.mlp.down_proj.weight"] = (d, self.d_ff)
        return [*files, {"model.embed_tokens.weight": (self.vocabulary, d), "model.norm.weight": (d,)}]


def write_host(folder: Path, shape: Shape, seed: int) -> None:
    """Write a host with random weights, bfloat16, in several files."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    rng = np.random.default_rng(seed)
    for index, tensors in enumerate(shape.tensors()):
        header, end = {}, 0
        for name, sizes in tensors.items():
            begin, end = end, end + 2 * int(np.prod(sizes))
            header[name] = {"dtype": "BF16", "shape": list(sizes), "data_offsets": [begin, end]}
        text = json.dumps(header).encode()
        with open(folder / f"model-{index}.safetensors", "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for name, sizes in tensors.items():
                _write_numbers(file, int(np.prod(sizes)), 1.0 if "norm" in name else 0.0, rng)


def _write_numbers(file, count: int, mean: float, rng: np.random.Generator) -> None:
    for first in range(0, count, BLOCK):
        drawn = rng.standard_normal(min(BLOCK, count - first), np.float32)
        drawn = np.float32(mean) + np.float32(0.02) * drawn
        file.write((drawn.view(np.uint32) >> 16).astype("<u2").tobytes())


def timed(steps: dict[str, float], name: str, work: Callable) -> Callable:
    """``work`` that adds its CPU seconds to a step's, without those of other steps in it."""

    def run(*arguments, **named):
        began, others = time.process_time(), sum(steps.values())
        try:
            return work(*arguments, **named)
        finally:
            spent = time.process_time() - began - (sum(steps.values()) - others)
            steps[name] = steps.get(name, 0.0) + spent

    return run


def watch(steps: dict[str, float]) -> None:
    """Time the steps of a map by their functions, in this process from now on."""
    for owner, function, name in STEPS:
        setattr(owner, function, timed(steps, name, getattr(owner, function)))


def mapped(folder: Path, shape: Shape, name: str) -> Mapping[str, float]:
    """Map two hosts that ``write_host`` wrote, in this process, and say what it took: CPU seconds of each step and in
    all, wall seconds, and the largest resident memory in MiB."""
    steps: dict[str, float] = {}
    watch(steps)
    ids = np.arange(shape.vocabulary)
    ends = [End(shape.card(host), read_host(folder / host)) for host in ("source", "target")]
    began, cpu = time.monotonic(), time.process_time()
    pair, settings = Pair(*ends, lambda: (ids, ids)), MapSettings(method=name)
    found = method(name).fit(pair, settings, np.random.default_rng(0))
    write = timed(steps, "writing", write_correspondence)
    write(folder / "map", found, {})
    facts = {"cpu": time.process_time() - cpu, "wall": time.monotonic() - began}
    size = sum(file.stat().st_size for file in (folder / "map").iterdir()) / 2**20
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return facts | {"memory": memory, "size": size} | {f"step {step}": spent for step, spent in steps.items()}


def measured(shape: Shape, name: str, root: Path) -> Mapping[str, float]:
    """Write two hosts, map them in a process of its own, and delete them."""
    with tempfile.TemporaryDirectory(dir=root) as folder:
        for seed, host in enumerate(("source", "target")):
            write_host(Path(folder) / host, shape, seed)
        given = f"Path({folder!r}), Shape(**{asdict(shape)!r}), {name!r}"
        call = f"from benchmarks.maps import *; print(json.dumps(mapped({given})))"
        environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
        done = subprocess.run(
            [sys.executable, "-c", call], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"the map ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])


def whole(shape: Shape, step: str, spent: float) -> float:
    """CPU seconds that a step takes at the default shape, computed from what it took at one with fewer layers or a
    smaller vocabulary."""
    size = GROWS_WITH.get(step, "layers")
    return spent if size is None else spent * getattr(Shape(), size) / getattr(shape, size)


def page(shape: Shape, name: str, took: Mapping[str, float], command: str) -> str:
    """The results in words."""
    steps = {step.removeprefix("step "): spent for step, spent in took.items() if step.startswith("step ")}
    steps["everything else"] = took["cpu"] - sum(steps.values())
    computed = {step: whole(shape, step, spent) for step, spent in steps.items()}
    rows = "\n".join(
        f"| {step} | {spent:.1f} | {computed[step]:.0f} | {100 * computed[step] / sum(computed.values()):.0f}% |"
        for step, spent in steps.items()
    )
    shaped = ", ".join(f"{key} {value}" for key, value in asdict(shape).items())
    total = f"{sum(computed.values()):.0f} CPU s"
    return (
        f"# A map of two large hosts\n\n`{command}` on {machine()}.\n\n"
        f"Method `{name}`, random bfloat16 weights, both hosts of one shape: {shaped}.\n\n"
        f"* largest resident memory: {took['memory'] / 1024:.2f} GiB\n"
        f"* CPU: {took['cpu']:.0f} s, wall: {took['wall']:.0f} s\n"
        f"* the map on disk: {took['size']:.0f} MiB\n"
        f"* computed from that for {Shape.layers} layers and {Shape.vocabulary} tokens: {total}\n\n"
        f"| step | CPU seconds | computed for the whole | share of it |\n|---|---|---|---|\n{rows}\n"
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=Shape.layers)
    parser.add_argument("--vocabulary", type=int, default=Shape.vocabulary)
    parser.add_argument("--method", default="weight_match")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the hosts are written")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    shape = Shape(layers=options.layers, vocabulary=options.vocabulary)
    sizes = f"--layers {options.layers} --vocabulary {options.vocabulary}"
    command = f"python -m benchmarks.maps {sizes} --method {options.method}"
    took = measured(shape, options.method, options.folder)
    text = page(shape, options.method, took, command)
    print(text)
    write_results("maps", text, options.out)


if __name__ == "__main__":
    main()
