"""The families of hosts by transformers' ``model_type``. Each is a row of one module, imported when it is asked for.

A module has ``describe(name) -> Family`` (``peftport.hosts.sites``) for all families of its layout. To add one, write
its row and add its line here: docs/add-a-host-family.md.
"""

from typing import TYPE_CHECKING

from peftport.registry import import_entry, unknown_name
from peftport.storage.extensions import extended

if TYPE_CHECKING:
    from peftport.hosts.sites import Family

FAMILIES = {
    "t5": "peftport.hosts.families.t5",
    "mt5": "peftport.hosts.families.t5",
    "umt5": "peftport.hosts.families.t5",
    "bart": "peftport.hosts.families.bart",
    "bert": "peftport.hosts.families.bert",
    "roberta": "peftport.hosts.families.bert",
    "xlm-roberta": "peftport.hosts.families.bert",
    "electra": "peftport.hosts.families.bert",
    "deberta-v2": "peftport.hosts.families.bert",
    "distilbert": "peftport.hosts.families.distilbert",
    "modernbert": "peftport.hosts.families.modernbert",
    "gpt2": "peftport.hosts.families.gpt2",
    "llama": "peftport.hosts.families.llama",
    "mistral": "peftport.hosts.families.llama",
    "qwen2": "peftport.hosts.families.llama",
    "qwen3": "peftport.hosts.families.llama",
    "phi3": "peftport.hosts.families.llama",
    "olmo2": "peftport.hosts.families.llama",
    "gemma2": "peftport.hosts.families.llama",
    "gemma3_text": "peftport.hosts.families.llama",
    "mixtral": "peftport.hosts.families.mixtures",
    "qwen2_moe": "peftport.hosts.families.mixtures",
    "qwen3_moe": "peftport.hosts.families.mixtures",
    "olmoe": "peftport.hosts.families.mixtures",
    "gpt_neox": "peftport.hosts.families.gpt_neox",
    "opt": "peftport.hosts.families.opt",
}
FAMILIES = extended("families", FAMILIES)

MIXTURES = (
    *("qwen3_next", "phimoe", "granitemoe", "jetmoe", "dbrx", "jamba", "deepseek_v3"),
    *("gpt_oss", "glm4_moe", "ernie4_5_moe", "hunyuan_v1_moe", "minimax", "llama4_text"),
    *("switch_transformers", "nllb-moe"),
)
KNOWN_MIXTURES = ("mixtral", "qwen2_moe", "qwen3_moe", "olmoe")
EXPERTS = (
    "it is a mixture of experts: its feed-forward sub-layers have several experts, of which a router takes some for "
    "each token, and transformers keeps their weights in one tensor that no technique here wraps. Techniques in "
    f"attention alone are known in {', '.join(f'`{name}`' for name in KNOWN_MIXTURES)}"
)
IMAGES = "it reads images too, and only hosts that read text alone are known here"
# types that are refused on purpose, and why
REFUSED = {
    **dict.fromkeys(MIXTURES, EXPERTS),
    **dict.fromkeys(("mistral3", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "llama4", "mllama"), IMAGES),
    "gemma3": f"{IMAGES}; those of Gemma 3 are of the type `gemma3_text`",
}
TO_ADD = "How to add one: docs/add-a-host-family.md."


def refusal(model_type: object) -> str | None:
    """Why hosts of a ``model_type`` cannot be used; None if they can."""
    if model_type in REFUSED:
        return f"hosts of the type `{model_type}` are refused: {REFUSED[model_type]}."
    if model_type not in FAMILIES:
        return f"{unknown_name('family of hosts', model_type, FAMILIES)} {TO_ADD}"
    return None


def family(model_type: str) -> "Family":
    """The family of a host, by transformers' ``model_type``.

    Raises:
        ValueError: no such family; the message has the reason, or the nearest name, the known ones and how to add one.
    """
    if (reason := refusal(model_type)) is not None:
        raise ValueError(reason)
    return import_entry("family of hosts", model_type, FAMILIES).describe(model_type)
