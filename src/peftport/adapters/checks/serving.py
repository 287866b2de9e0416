"""What vLLM would say of an adapter, by its own rules at a named version. It is a remark and holds nothing up.

The rules were read, not run: the set of ranks and the default in ``LoRAConfig``
(docs.vllm.ai/en/v0.14.0/api/vllm/config/lora; the pages of 0.22.1 and 0.26.0 have the same default), fields in
``PEFTHelper`` (docs.vllm.ai, ``vllm.lora.peft_helper``), names in ``LoRAModel.from_local_checkpoint``
(``vllm/lora/lora_model.py``). Which submodules it wraps depends on the model's code in vLLM and is not told here.
"""

from collections.abc import Iterator

from peftport.adapters.case import Case
from peftport.adapters.verdict import Reason, some

VERSION = "0.14.0"
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
DEFAULT = 16
NO_SIDE = ("encoder_decoder", "masked")  # kinds of hosts that it does not generate with


def reasons(case: Case) -> Iterator[Reason]:
    """One line: that it serves it, with which setting, or all that keeps it from it."""
    refused = list(_refused(case))
    if refused:
        yield Reason("vllm", "same", f"vLLM {VERSION} would not serve it: {'; '.join(refused)}")
        return
    rank = max(_ranks(case), default=case.config.rank or 0)
    setting = next(size for size in RANKS if size >= rank)
    how = f"with max_lora_rank {setting}" if setting > DEFAULT else "as it is"
    notes = list(_otherwise(case))
    more = f"; but {'; '.join(notes)}" if notes else ""
    yield Reason("vllm", "same", f"vLLM {VERSION} would serve it {how} (rank {rank}){more}")


def _ranks(case: Case) -> set[int]:
    names = (parts.get("lora_A.weight") for parts in case.sites.tensors.values())
    return {case.adapter.tensors[name].shape[0] for name in names if name is not None}


def _refused(case: Case) -> Iterator[str]:
    config = case.config
    if config.peft_type != "LORA":
        yield f"it is of the type {config.peft_type}, and only LORA is served"
        return
    if config.modules_to_save:
        yield f"modules_to_save ({some(config.modules_to_save)})"
    if config.use_dora:
        yield "use_dora"
    if config.bias != "none":
        yield f"bias is {config.bias}"
    if (rank := max(_ranks(case) | {config.rank or 0})) > RANKS[-1]:
        yield f"rank {rank} is above {RANKS[-1]}"
    if case.sites.whole and not config.modules_to_save:
        yield f"tensors of a host ({some(tuple(case.sites.whole))})"
    if case.new.family is not None and case.new.family.lm_type in NO_SIDE:
        yield f"it generates with decoders, and the host is of the type {case.new.model_type}"


def _otherwise(case: Case) -> Iterator[str]:
    """What it would do in another way than peft."""
    if case.config.rank_pattern or case.config.alpha_pattern:
        yield "it does not read rank_pattern and alpha_pattern, and scales every site by lora_alpha and r"
    if any(site not in case.new_modules.names for site in case.sites.tensors):
        yield "it looks at the last part of a name alone, so sites that the host lacks would be accepted and do nothing"
