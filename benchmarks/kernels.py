"""What a step in a frozen host is made of, on a CPU with one thread: torch's own way against the one taken here.

python -m benchmarks.kernels [--repetitions 7]

Products of frozen layers by oneDNN (``peftport.hosts.products``, which jobs use on AMD's processors only) and attention
of short texts (``peftport.hosts.short_attention``), forward and backward, whether they pay or not. Writes
``benchmarks/results/<date>-kernels.md``.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from functools import partial
from statistics import median
from unittest.mock import patch

import torch
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from benchmarks.measured import RESULTS, write_results
from benchmarks.steps import machine, table
from peftport.costs.clock import in_turns
from peftport.hosts import short_attention
from peftport.hosts.products import frozen_product

Work = Callable[[], Tensor]
WIDTHS, ROWS = (64, 128, 512, 1024), (64, 128, 256, 1024, 4096)
TEXTS, HEADS = ((96, 25), (96, 50), (64, 64), (32, 100), (16, 256)), (16, 32, 64)
SECONDS = 0.02


def passes(work: Work, inputs: list[Tensor], number: int) -> None:
    """So many times forward and back."""
    for _ in range(number):
        out = work()
        torch.autograd.grad(out, inputs, out.detach())


def compared(plain: Work, ours: Work, inputs: list[Tensor], repetitions: int) -> dict[str, str]:
    """Processor time of a pass, both ways in turns, each three passes or what takes torch's a fiftieth of a second."""
    began = time.process_time()
    passes(plain, inputs, 3)
    number = max(3, int(3 * SECONDS / (time.process_time() - began)))
    ways = {"plain": partial(passes, plain, inputs, number), "ours": partial(passes, ours, inputs, number)}
    seconds = in_turns(ways, repetitions, torch.device("cpu"), clock=time.process_time)
    gains = seconds["plain"] / seconds["ours"]
    return {
        "torch's way, us": f"{1e6 * median(seconds['plain']) / number:.0f}",
        "ours, us": f"{1e6 * median(seconds['ours']) / number:.0f}",
        "gain (range)": f"x{median(gains):.2f} ({min(gains):.2f}-{max(gains):.2f})",
    }


def products(widths: Iterable[int], rows: Iterable[int], repetitions: int) -> list[dict[str, str]]:
    """Square frozen layers: a product, and the one of its gradient."""
    found = []
    for width in widths:
        for number in rows:
            inputs, weight = torch.randn(number, width, requires_grad=True), torch.randn(width, width)
            ways = [lambda way=way: way(inputs, weight) for way in (nn.functional.linear, frozen_product)]  # noqa: B023
            found.append({"width": width, "rows": number} | compared(*ways, [inputs], repetitions))
    return found


def attention(texts: Iterable[tuple[int, int]], heads: Iterable[int], repetitions: int) -> list[dict[str, str]]:
    """Four heads over texts of equal length, with T5's bias and a mask that hides nothing."""
    found = []
    for batch, tokens in texts:
        for width in heads:
            shape, told = (batch, 4, tokens, width), {"scaling": 1.0, "is_causal": False}
            inputs = [torch.randn(shape, requires_grad=True) for _ in range(3)]
            told["position_bias"] = torch.randn(1, 4, tokens, tokens)
            mask, module = torch.ones(batch, 1, tokens, tokens, dtype=torch.bool), nn.Module()
            ways = [
                lambda way=way: way(module, *inputs, mask, **told)[0]  # noqa: B023
                for way in (sdpa_attention_forward, short_attention.short_attention_forward)
            ]
            with patch.object(short_attention, "_pays", lambda query, key: True):
                row = compared(*ways, inputs, repetitions)
            found.append({"texts": batch, "tokens": tokens, "width of a head": width} | row)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--out", type=type(RESULTS), default=RESULTS)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    parts = [
        "# Products and attention in frozen hosts\n",
        f"{machine(torch.device('cpu'))}. Processor time, forward and back, float32; medians of {given.repetitions}.\n",
        "## Products of frozen layers, by oneDNN\n",
        table(products(WIDTHS, ROWS, given.repetitions)),
        "\n## Attention of short texts, four heads\n",
        table(attention(TEXTS, HEADS, given.repetitions)),
    ]
    text = "\n".join(parts) + "\n"
    print(text)
    print(f"written: {write_results('kernels', text, given.out)}")


if __name__ == "__main__":
    main()
