"""Which of a study's settings ask for bfloat16 that the processor here has no units for, so that it takes longer."""

import re
from pathlib import Path

from peftport.study.study import Study

FLAGS = Path("/proc/cpuinfo")  # Linux alone has it
UNITS = ("avx512_bf16", "amx_bf16", "bf16")  # flags of processors with units for bfloat16; `bf16` on ARM


def slow_bfloat16(study: Study, flags: Path = FLAGS) -> list[str]:
    """One sentence where the processor has no units for bfloat16 and hosts are computed in it; else none.

    Whether jobs compute on this processor, on a GPU or on another machine is not known to a plan, and the sentence
    says so. Where the system does not tell what its processor has, nothing is said.

    Args:
        flags: the system's list of what its processor has.
    """
    keys = _bfloat16_keys(study)
    if not keys or _has_units(flags) is not False:
        return []
    return [
        f"this processor has no units for bfloat16 (none of {', '.join(UNITS)}): jobs that compute on it and not on a "
        f"GPU take longer with bfloat16 than with float32 ({', '.join(keys)})"
    ]


def _bfloat16_keys(study: Study) -> list[str]:
    """Keys of the config by which hosts of the study are held, or trained further, in bfloat16."""
    held = [study.precision_key(host) for host in study.grid_hosts if study.precision(host) == "bfloat16"]
    recipes = {host: study.config.hosts[host].build for host in study.hosts}
    products = {host: getattr(recipe, "products", None) for host, recipe in recipes.items()}  # of further trainings
    trained = [f"hosts.{host}.build.products" for host, numbers in products.items() if numbers == "bfloat16"]
    return [f"`{key}`" for key in dict.fromkeys([*held, *trained])]


def _has_units(flags: Path) -> bool | None:
    """Whether the processor has units for bfloat16; None where that is not told."""
    try:
        words = set(re.findall(r"\w+", flags.read_text(encoding="utf-8")))
    except OSError:
        return None
    return not words.isdisjoint(UNITS)
