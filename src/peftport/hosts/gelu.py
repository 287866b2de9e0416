"""The tanh form of GELU in one pass.

transformers computes ``gelu_new`` (T5 v1.1, GPT-2) step by step, and each step keeps a tensor as large as the inner
activations for the gradient. torch has the same function (Hendrycks and Gimpel, 2016, arXiv 1606.08415) as one kernel,
which keeps its input alone; the results differ in rounding.
"""

from torch import Tensor, nn
from transformers.activations import NewGELUActivation


class OnePassGELU(NewGELUActivation):
    """``NewGELUActivation`` by torch's kernel."""

    def forward(self, input: Tensor) -> Tensor:
        return nn.functional.gelu(input, approximate="tanh")


def use_one_pass_gelu(host: nn.Module) -> None:
    """Let a host's ``gelu_new`` be computed in one pass; no change where it has another non-linearity."""
    for part in host.modules():
        if type(part) is NewGELUActivation:
            part.__class__ = OnePassGELU
