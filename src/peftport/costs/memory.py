"""How much memory a computation takes: bytes of all tensors that it makes and that live at once."""

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Allocated(TorchDispatchMode):
    """Counts the storages that operations make on one kind of device, until each is freed.

    What a kernel uses inside itself is not seen. The count is exact and equal from run to run, on the CPU and on a GPU,
    which the process's resident memory is not.

    Attributes:
        live: bytes now.
        peak: most bytes at once.
    """

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device, self.live, self.peak = device, 0, 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(self, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        given = {storage._cdata for storage in self._storages((args, kwargs))}
        output = operation(*args, **(kwargs or {}))
        for storage in self._storages(output):
            name = storage._cdata
            if name not in given and name not in self._sizes:
                self._sizes[name] = storage.nbytes()
                self.live += self._sizes[name]
                weakref.finalize(storage, self._free, name)
        self.peak = max(self.peak, self.live)
        return output

    def _storages(self, values: Any) -> list[Any]:
        tensors = [value for value in tree_leaves(values) if isinstance(value, Tensor)]
        return [tensor.untyped_storage() for tensor in tensors if tensor.device.type == self.device]

    def _free(self, name: int) -> None:
        self.live -= self._sizes.pop(name)


def peak_bytes(device: str, *actions: Callable[[], Any]) -> int:
    """Most bytes of tensors made and alive at once while the actions run, one after the other."""
    with Allocated(device) as allocated:
        for action in actions:
            action()
    return allocated.peak
