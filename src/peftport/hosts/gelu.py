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


# plain layer -> the same in one pass
LAYERS = {NewGELUActivation: OnePassGELU}
