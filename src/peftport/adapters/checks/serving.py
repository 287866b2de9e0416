"""What vLLM would say of an adapter, by the code of a named version. It is a remark and holds nothing up.

Rules of the loader (``PEFTHelper.from_local_dir`` and ``validate_legal``, ``LoRAModel.from_local_checkpoint``) were
held against that code itself, adapter by adapter (LOG, 2026-11-30). Read and not run: the ranks and the default of
``LoRAConfig``, which types of hosts take LoRA (``SupportsLoRA``), and which do in their tables (``embedding_modules``).
Whether vLLM's names of submodules are those of transformers depends on the model's code there and is not told here.
"""

from collections.abc import Iterator

from peftport.adapters.case import Case
from peftport.adapters.verdict import Reason, some

VERSION = "0.14.0"
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
DEFAULT = 16
NO_SIDE = ("encoder_decoder", "masked")  # kinds of hosts that it does not generate with
NO_LORA = ("gpt2", "gpt_neox")  # types whose class in vLLM takes no adapters
WITH_TABLES = ("llama", "mistral", "mixtral", "phi3")  # types in which it takes a LoRA of these submodules
TABLES = ("embed_tokens", "lm_head")
REQUIRED = ("r", "lora_alpha", "target_modules")
READ = (".lora_A.weight", ".lora_B.weight", ".lora_embedding_A", ".lora_embedding_B")
PASSED_OVER = tuple(f".{table}.base_layer.weight" for table in TABLES)


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
    if case.config.peft_type != "LORA":
        yield f"it is of the type {case.config.peft_type}, and only LORA is served"
        return
    yield from _by_the_config(case)
    yield from _by_the_names(case)
    if case.new.family is not None and case.new.family.lm_type in NO_SIDE:
        yield f"it generates with decoders, and the host is of the type {case.new.model_type}"
    if case.new.model_type in NO_LORA:
        yield f"its class for hosts of the type {case.new.model_type} takes no adapters"


def _by_the_config(case: Case) -> Iterator[str]:
    config = case.config
    if config.modules_to_save:
        yield f"modules_to_save ({some(config.modules_to_save)})"
    if config.use_dora:
        yield "use_dora"
    if config.bias != "none":
        yield f"bias is {config.bias}"
    if (rank := max(_ranks(case) | {config.rank or 0})) > RANKS[-1]:
        yield f"rank {rank} is above {RANKS[-1]}"
    if absent := [field for field in REQUIRED if field not in case.adapter.config]:
        yield f"its config lacks {some(absent)}"


def _by_the_names(case: Case) -> Iterator[str]:
    """What it refuses for the name of a tensor, or for the last part of a site's name."""
    if not case.config.modules_to_save and not case.config.use_dora:
        strange = [name for name in case.adapter.tensors if not name.endswith((*READ, *PASSED_OVER))]
        if strange:
            yield f"tensors that it cannot read ({some(strange)})"
    leaves = {name.rpartition(".")[2] for name in case.new_modules.weights}
    if unknown := [site for site in case.sites.tensors if site.rpartition(".")[2] not in leaves]:
        yield f"sites by a name that nothing in the host has ({some(unknown)})"
    tables = [site for site in case.sites.tensors if site.rpartition(".")[2] in TABLES]
    if tables and case.new.model_type not in WITH_TABLES:
        yield f"hosts of the type {case.new.model_type} take no LoRA there ({some(tables)})"


def _otherwise(case: Case) -> Iterator[str]:
    """What it would do in another way than peft."""
    config = case.config
    if config.rank_pattern or config.alpha_pattern:
        yield "it does not read rank_pattern and alpha_pattern, and scales every site by lora_alpha and r"
    if any(site not in case.new_modules.names for site in case.sites.tensors):
        yield "it looks at the last part of a name alone, so sites that the host lacks would be accepted and do nothing"
    if passed := [name for name in case.adapter.tensors if name.endswith(PASSED_OVER)]:
        yield f"it passes over {some(passed)}"
    if config.refused:
        yield "it does not look at what else its config asks for"
