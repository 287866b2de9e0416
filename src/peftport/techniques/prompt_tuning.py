"""Prompt tuning: Lester, Al-Rfou and Constant, *The Power of Scale for Parameter-Efficient Prompt Tuning*, EMNLP 2021
(arXiv 2104.08691); peft's own.

Formula: ``[P; E(x)]`` in place of the embedded input ``E(x)`` of (batch, length, d), with ``P`` of
(prompt length, d).

Parameters: prompt length * d.

Where we differ: peft's default for T5 (``num_transformer_submodules=2``) makes a table of which half never receives a
gradient, so it is 1 here. The paper starts from embeddings of the vocabulary; peft's random start, N(0, 1), is the
default here because it does not depend on the host (``vocabulary`` draws rows of the host's own embedding).
Only for hosts that read a prompt in front of their text, encoder-decoders and decoders, and whose embeddings are as
wide as their layers: peft makes a prompt as wide as these.
"""

from collections.abc import Mapping

from peft import PromptTuningConfig

from peftport.hosts.sites import Family
from peftport.techniques.output import ENTRIES, Output
from peftport.techniques.settings import PromptTuningSettings

OUTPUT = Output(ENTRIES)
STARTS = {"random": "RANDOM", "vocabulary": "SAMPLE_VOCAB"}


def peft_config(settings: PromptTuningSettings, family: Family) -> PromptTuningConfig:
    """peft's config for these settings in hosts of this family.

    Raises:
        ValueError: hosts of this family take no prompt, or an unknown start is asked for.
    """
    if family.task is None:
        raise ValueError(f"hosts of the family {family.name!r} take no prompt: prompt tuning needs a decoder")
    return PromptTuningConfig(
        task_type=family.task,
        num_virtual_tokens=settings.length,
        num_transformer_submodules=1,
        prompt_tuning_init=STARTS[settings.start],
    )


def site_kinds(settings: PromptTuningSettings, family: Family) -> list[str]:
    """No sites: the prompt stands in front of the host."""
    return []


def expected_sites(settings: PromptTuningSettings, shape: Mapping[str, int]) -> int:
    """No sites: the prompt stands in front of the host."""
    return 0


def parameter_count(settings: PromptTuningSettings, shape: Mapping[str, int]) -> int:
    """Exact number of trainable parameters.

    Raises:
        ValueError: the host's embeddings are not as wide as its layers.
    """
    if shape["embedding"] != shape["d_model"]:
        widths = f"its embeddings are {shape['embedding']} wide and its layers {shape['d_model']}"
        raise ValueError(f"this host takes no prompt of peft's: {widths}")
    return settings.length * shape["d_model"]
