"""Write files of pickled tensors as safetensors: the program of a process of its own, with bounded memory.

``python -m peftport.host_building.unpickle BYTES SOURCE TARGET [SOURCE TARGET ...]``: so many
bytes may it take beside its libraries. Only tensors are read (torch's ``weights_only``): what
a pickle would run is refused by torch before it runs. The last line on the error output is the message.
"""

import contextlib
import resource
import sys
import zipfile
from pathlib import Path
from typing import Any

FAILED = 3


def write_tensors(torch: Any, source: Path, target: Path) -> None:
    """Read the tensors of ``source`` and write them, each with memory of its own, under the same names.

    Raises:
        ValueError: the file holds something else than a mapping of names to dense tensors, or cannot be read.
    """
    from safetensors.torch import save_file

    try:
        said = torch.load(source, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(source))
    except MemoryError:
        raise
    except Exception as error:  # a pickle fails in many ways
        first = str(error).strip().splitlines() or [type(error).__name__]
        refused = [line.strip() for line in str(error).splitlines() if "GLOBAL" in line or "Unsupported" in line]
        raise ValueError(f"it cannot be read as tensors alone: {(refused or first)[0][:300]}") from error
    if not isinstance(said, dict) or not said:
        raise ValueError(f"expected names with tensors, got {type(said).__name__}")
    for name, tensor in said.items():
        if not isinstance(name, str) or not _is_plain(torch, tensor):
            raise ValueError(f"expected names with dense tensors, got {type(tensor).__name__} under {str(name)[:80]!r}")
    tensors = {name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in said.items()}
    save_file(tensors, target, metadata={"format": "pt"})


def _is_plain(torch: Any, value: Any) -> bool:
    plain = isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_quantized
    return plain and value.device.type == "cpu"


def limit_memory(allowance: int) -> None:
    """Limit the address space to what is taken now and so many bytes more, where the system says what is taken."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(FileNotFoundError):
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        limit = taken + allowance if most == resource.RLIM_INFINITY else min(taken + allowance, most)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    limit_memory(int(sys.argv[1]))
    for source, target in zip(sys.argv[2::2], sys.argv[3::2], strict=True):
        try:
            write_tensors(torch, Path(source), Path(target))
        except (ValueError, OSError) as error:
            print(f"{source}: {error}", file=sys.stderr)
            sys.exit(FAILED)
        except (MemoryError, RuntimeError) as error:
            said = " ".join(str(error).split())[:200]
            print(f"{source}: it needs more memory than its size explains ({said})", file=sys.stderr)
            sys.exit(FAILED)
