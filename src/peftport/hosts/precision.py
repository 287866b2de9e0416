"""Precisions of a host in which bitsandbytes holds its projections: in 8 bits (``int8``), or in 4 (``nf4``).

``nf4`` is what QLoRA trains in: Dettmers et al., *QLoRA: Efficient Finetuning of Quantized LLMs*, NeurIPS 2023
(arXiv 2305.14314); ``int8`` is Dettmers et al., *LLM.int8()*, NeurIPS 2022 (arXiv 2208.07339).
"""

from importlib.util import find_spec

from peftport.storage.provenance import JsonObject

# precision to the arguments of transformers' BitsAndBytesConfig
QUANTISED: dict[str, JsonObject] = {
    "int8": {"load_in_8bit": True},
    "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": "bfloat16"},
}


def lacking(precision: str) -> str | None:
    """What this Python lacks to hold a host in these numbers; None for nothing. A GPU is not asked for."""
    if precision not in QUANTISED or find_spec("bitsandbytes") is not None:
        return None
    return f"`{precision}` needs bitsandbytes, which is not installed: pip install 'peftport[quantised]'"
