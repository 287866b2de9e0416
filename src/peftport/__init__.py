"""Measure how well the task knowledge in a PEFT module survives the move to another host.

The names below are the public API; everything else may change between versions. Each is imported when it is first
used, so ``import peftport`` loads neither torch nor pandas.

Hosts and modules:

load_host      a frozen host, by the name of a bundled one or from a folder
read_module    a module from its directory
attach_module  put a module into a host
write_module   write a module to a directory
split_module   a module of two techniques as one module a part

Studies and results:

read_study     the study that a config file describes
Study          a checked config and everything it asks for
read_table     a table that a study left, as a pandas data frame

``docs/api.md`` shows them at work, and ``docs/architecture.md`` says what is where in the library.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> module that defines it; a string, so that it is imported only when it is used. Code stamps leave this
# file out (``storage.code_stamp``): it makes no result.
_DEFINED_IN = {
    "Study": "peftport.study.study",
    "attach_module": "peftport.injection.attach",
    "load_host": "peftport.hosts.by_name",
    "read_module": "peftport.storage.modules",
    "read_study": "peftport.study.read",
    "read_table": "peftport.storage.parquet",
    "split_module": "peftport.storage.module_parts",
    "write_module": "peftport.storage.modules",
}
__all__ = ["__version__", *_DEFINED_IN]


def __getattr__(name: str) -> Any:
    """The public name ``name``, from the module that defines it.

    Raises:
        AttributeError: no such name.
    """
    if name not in _DEFINED_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public are {', '.join(_DEFINED_IN)}")
    return getattr(importlib.import_module(_DEFINED_IN[name]), name)


def __dir__() -> list[str]:
    """All names of the package, the public ones that were not used yet included."""
    return sorted({*globals(), *_DEFINED_IN})
