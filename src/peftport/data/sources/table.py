"""The kinds of sources by their names in the config. Each is one module, imported when it is asked for, with

* ``read(dataset, root, reading)``: a dataset's settings, the folder that relative paths start from, and how its kind
  reads rows (``peftport.data.reading``), to the examples of each split that the source gives and facts about the
  source.
"""

from types import ModuleType

from peftport.registry import import_entry

SOURCES = {
    "generated": "peftport.data.sources.generated",
    "files": "peftport.data.sources.files",
    "hub": "peftport.data.sources.hub",
    "lm_eval": "peftport.data.sources.lm_eval",
}


def source(kind: str) -> ModuleType:
    """Import the module of a kind of source, and only that one.

    Raises:
        ValueError: no such kind.
    """
    return import_entry("source of a dataset", kind, SOURCES)
