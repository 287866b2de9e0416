"""Matrix products of frozen layers on a CPU: torch's own way against oneDNN's, by rows and width; one thread.

python -m benchmarks.products [--widths 64,128,512,1024] [--rows 64,128,256,1024,4096]

``peftport.hosts.products`` rests on it. Writes ``benchmarks/results/<date>-products.md``.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn

from benchmarks.measured import RESULTS, write_results
from benchmarks.steps import machine, table
from peftport.hosts.products import frozen_product

REPETITIONS, SECONDS = 7, 0.02


def forward_and_back(product: Callable[..., torch.Tensor], inputs: torch.Tensor, weight: torch.Tensor) -> None:
    """One product, and the one of its gradient."""
    out = product(inputs, weight)
    torch.autograd.grad(out, inputs, out.detach())


def microseconds(work: Callable[[], None]) -> float:
    """Processor time of one call, the mean over a fiftieth of a second or three calls."""
    work()
    began, calls = time.process_time(), 0
    while calls < 3 or time.process_time() - began < SECONDS:
        work()
        calls += 1
    return 1e6 * (time.process_time() - began) / calls


def measure(width: int, rows: int) -> dict[str, str]:
    """One row of the table: medians over repetitions in turns."""
    inputs, weight = torch.randn(rows, width, requires_grad=True), torch.randn(width, width)
    plain, fast = [], []
    for _ in range(REPETITIONS):
        plain.append(microseconds(lambda: forward_and_back(nn.functional.linear, inputs, weight)))
        fast.append(microseconds(lambda: forward_and_back(frozen_product, inputs, weight)))
    ratios = [one / other for one, other in zip(plain, fast, strict=True)]
    return {
        "width": str(width),
        "rows": str(rows),
        "torch's way, us": f"{median(plain):.1f}",
        "oneDNN, us": f"{median(fast):.1f}",
        "gain (range)": f"x{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
        "oneDNN, GFLOP/s": f"{4 * rows * width**2 / median(fast) / 1e3:.0f}",
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", default="64,128,512,1024")
    parser.add_argument("--rows", default="64,128,256,1024,4096")
    parser.add_argument("--out", type=type(RESULTS), default=RESULTS)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    widths, rows = ([int(number) for number in text.split(",")] for text in (given.widths, given.rows))
    found = [measure(width, number) for width in widths for number in rows]
    said = f"{machine(torch.device('cpu'))}. Processor time of a product and of its gradient, float32, square weights."
    text = f"# Products of frozen layers\n\n{said}\n\n{table(found)}\n"
    print(text)
    print(f"written: {write_results('products', text, given.out)}")


if __name__ == "__main__":
    main()
