"""Training on a GPU: steps of all techniques in hosts of T5 v1.1's shapes with random weights.

python -m benchmarks.gpu [--shapes base,large] [--precision bfloat16] [--limit 540]

Needs no network. Prints what it measures: time of a step, tokens per second, share of the device's matrix-product peak,
memory; and what the 1,440 runs of the reconstructed study would take. Writes ``benchmarks/results/<date>-gpu.md``.
Ends after ``--limit`` seconds with what it has; the rest is marked as not measured. On a machine without a GPU only
``--shapes tiny`` is measured, and the page says that GPU figures are missing.
"""

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
import yaml

from benchmarks.device_hours import Costs, extrapolated
from benchmarks.measured import RESULTS, write_results
from benchmarks.steps import Steps, machine, random_host, random_task, table, time_steps
from peftport.evaluation.likelihood import log_likelihoods
from peftport.injection.attach import attach, detach
from peftport.paths import CHECKOUT
from peftport.storage.provenance import JsonObject
from peftport.study.config import check_config

COMMON = {"d_kv": 64, "vocab_size": 32128}
SHAPES: dict[str, dict[str, int]] = {
    "base": COMMON | {"d_model": 768, "d_ff": 2048, "num_layers": 12, "num_decoder_layers": 12, "num_heads": 12},
    "large": COMMON | {"d_model": 1024, "d_ff": 2816, "num_layers": 24, "num_decoder_layers": 24, "num_heads": 16},
    "tiny": {"d_kv": 8, "vocab_size": 64, "d_model": 32, "d_ff": 64, "num_layers": 1, "num_heads": 4},
}
TECHNIQUES = ("adapters", "compacter", "lora", "prefix_tuning", "prompt_tuning", "ia3", "tiny_attention")
STUDY = CHECKOUT / "config/studies/portability-2024.yaml"
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
MISSING = "**GPU figures are missing: this machine has no GPU.** What stands below is the CPU at a tiny size.\n\n"


@dataclass
class Measurements:
    """What was measured in one host: steps by technique, None where memory ran out."""

    shape: str
    steps: dict[str, Steps | None] = field(default_factory=dict)
    tests_per_second: float = 0.0
    weights: dict[str, int] = field(default_factory=dict)

    def flops(self, found: Steps) -> float:
        """Of one step: 4 for every token and every weight that multiplies it (Hu et al., 2022: no weight gradient)."""
        read = self.weights["encoder"] + self.weights["cross"]
        return 4 * (read * found.prompt_tokens + self.weights["decoder"] * found.answer_tokens)


def study_config() -> JsonObject:
    """The reconstructed study, with the techniques that it leaves out at their defaults."""
    config = yaml.safe_load(STUDY.read_text(encoding="utf-8"))
    return check_config(config | {"techniques": {name: {} for name in TECHNIQUES} | config["techniques"]})


SMALL = {"rank": 1, "reduction_factor": 4}  # settings of techniques in a tiny host


def matrix_peak(device: torch.device, kind: torch.dtype, size: int) -> float:
    """Operations per second of a square matrix product, the best of five."""
    left, right = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    best = float("inf")
    for _ in range(7):
        _wait(device)
        began = time.perf_counter()
        left @ right
        _wait(device)
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def measure(shape: str, device: torch.device, kind: torch.dtype, steps: int, end: float) -> Measurements:
    """All techniques in one host, until the clock says ``end``."""
    host = random_host(SHAPES[shape], device, kind)
    found = Measurements(shape, weights=_weights(host))
    task, data = random_task(host.config.vocab_size)
    config = study_config()["techniques"]
    began = time.perf_counter()
    log_likelihoods(host, data, task, 128)
    _wait(device)
    found.tests_per_second = len(data) / (time.perf_counter() - began)
    for technique in TECHNIQUES:
        if time.monotonic() > end:
            break
        settings = config[technique]
        if shape == "tiny":
            settings = settings | {name: size for name, size in SMALL.items() if name in settings}
        model = attach(host, technique, settings, seed=0)
        try:
            found.steps[technique] = time_steps(model, task, data, steps=steps)
        except torch.OutOfMemoryError:
            found.steps[technique] = None
        print(shape, technique, found.steps[technique], flush=True)
        host = detach(model)
    return found


def rows(found: Measurements, peak: float) -> list[dict[str, str]]:
    """One row per technique."""
    made = []
    for technique in TECHNIQUES:
        row, steps = {"shape": found.shape, "technique": technique}, found.steps.get(technique)
        if steps is None:
            said = "out of memory" if technique in found.steps else "not measured"
            made.append(row | dict.fromkeys(HEADS, "") | {"ms per step": said})
            continue
        values = [
            f"{1000 * steps.seconds:.1f}",
            f"{(steps.prompt_tokens + steps.answer_tokens) / steps.seconds:,.0f}",
            f"{found.flops(steps) / steps.seconds / peak:.1%}",
            f"{steps.padding:.0%}",
            "" if steps.memory_bytes is None else f"{steps.memory_bytes / 2**30:.1f}",
        ]
        made.append(row | dict(zip(HEADS, values, strict=True)))
    return made


HEADS = ("ms per step", "tokens/s", "share of peak", "padding", "GiB")


def page(all_found: list[Measurements], peak: float, where: str) -> str:
    """The results as Markdown."""
    parts = [f"{where}. Best matrix product: {peak / 1e12:.2f} TFLOP/s. Batch 32, random weights.\n"]
    for found in all_found:
        said = f"## {found.shape}\n\nTests without a module: {found.tests_per_second:,.0f} examples per second.\n"
        parts += [said, table(rows(found, peak)), ""]
    costs = {found.shape: Costs(found.steps, found.tests_per_second) for found in all_found}
    return "\n".join([*parts, extrapolated(study_config(), costs)])


def _weights(host: torch.nn.Module) -> dict[str, int]:
    """Weights by which tokens are multiplied: by prompt tokens (encoder, keys and values of cross-attention), and by
    answer tokens (the rest of the decoder, and the output layer).
    """
    sizes = {name: weight.numel() for name, weight in host.named_parameters() if weight.dim() == 2}
    sizes = {name: size for name, size in sizes.items() if "shared" not in name and "relative" not in name}
    encoder = sum(size for name, size in sizes.items() if name.startswith("encoder."))
    cross = sum(
        size for name, size in sizes.items() if name.endswith(("EncDecAttention.k.weight", "EncDecAttention.v.weight"))
    )
    return {"encoder": encoder, "cross": cross, "decoder": sum(sizes.values()) - encoder - cross}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main(arguments: list[str] | None = None) -> Path:
    """Measure, print, write."""
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", default="base,large" if gpu else "tiny")
    parser.add_argument("--precision", choices=PRECISIONS, default="bfloat16" if gpu else "float32")
    parser.add_argument("--steps", type=int, default=5, help="timed, after three others")
    parser.add_argument("--limit", type=float, default=540, help="seconds")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    began, device = time.monotonic(), torch.device("cuda" if gpu else "cpu")
    where = f"{machine(device)}; host in {given.precision}, modules in float32"
    shapes = given.shapes.split(",")
    kind = PRECISIONS[given.precision]
    peak = matrix_peak(device, kind, 8192 if gpu else 256)
    found = []
    for place, shape in enumerate(shapes, 1):
        end = began + given.limit * place / len(shapes)
        found.append(measure(shape, device, kind, given.steps, end))
    text = f"# Training steps on a GPU\n\n{'' if gpu else MISSING}{page(found, peak, where)}\n"
    print(text)
    return write_results("gpu" if gpu else "gpu-missing", text, given.out)


if __name__ == "__main__":
    main()
