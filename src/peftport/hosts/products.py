"""The matrix products of a frozen host on an AMD processor, by oneDNN.

torch hands products of float32 matrices to MKL, which on processors that are not Intel's uses half the width of their
vectors. torch also carries oneDNN, which uses all of it: a large product takes less than half the time on AMD's. On
Intel's, where the two have the same width, oneDNN gains nothing and starts more slowly, and elsewhere nothing was
measured (``benchmarks/kernels.py``): there torch's own way stays. The results differ in the order of additions. Weights
stay as they are, and what a frozen layer needs for its gradient is its weight alone.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

PROCESSORS = Path("/proc/cpuinfo")
LEAST_WORK = 2 << 20  # multiplications; with fewer, oneDNN's start costs more than it saves


def _multiply(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``inputs @ weight.T + bias``, the weight (outputs, inputs) in any layout."""
    return torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")


class _Product(torch.autograd.Function):
    """``_multiply`` with a gradient for the inputs only."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return _multiply(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        return _multiply(gradient, weight.T, None), None, None


def frozen_product(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``inputs @ weight.T + bias`` by oneDNN.

    Args:
        inputs: (..., inputs), float32, on the CPU.
        weight: (outputs, inputs), in any layout; it gets no gradient, and neither does the bias.
    """
    return _Product.apply(inputs, weight, bias)


def _pays(inputs: Tensor, layer: nn.Linear | Conv1D) -> bool:
    """Whether a call is one for oneDNN: a frozen layer in float32 on a CPU, and work enough."""
    weight = layer.weight
    work = inputs.numel() * weight.numel() // inputs.shape[-1]
    kinds = {inputs.dtype, weight.dtype}
    return work >= LEAST_WORK and not weight.requires_grad and inputs.is_cpu and kinds == {torch.float32}


class FrozenLinear(nn.Linear):
    """``nn.Linear``, its weight (outputs, inputs)."""

    def forward(self, inputs: Tensor) -> Tensor:
        if _pays(inputs, self):
            return frozen_product(inputs, self.weight, self.bias)
        return super().forward(inputs)


class FrozenConv1D(Conv1D):
    """transformers' ``Conv1D``, as in GPT-2, its weight (inputs, outputs)."""

    def forward(self, inputs: Tensor) -> Tensor:
        if _pays(inputs, self):
            return frozen_product(inputs, self.weight.T, self.bias)
        return super().forward(inputs)


# plain layer -> the same by oneDNN
LAYERS = {nn.Linear: FrozenLinear, Conv1D: FrozenConv1D}


def onednn_pays() -> bool:
    """Whether large products cost less by oneDNN here: torch has it, and the processor is one of AMD's."""
    if not torch.backends.mkldnn.is_available() or not PROCESSORS.is_file():
        return False
    return "AuthenticAMD" in PROCESSORS.read_text(encoding="utf-8", errors="replace")
