"""What made a file: the code that a workflow script reaches by import, data files beside it, and library versions.

Snakemake does not see the library behind a script. Each rule therefore carries a key, and part of it is the stamp of
its script: a hash over the syntax trees of the script and of the library's modules that it reaches by import, over the
data files in their folders (templates, for example), and over the versions of the distributions that all of these
import. Comments, docstrings and formatting do not count, nor do modules of settings. A syntax tree depends on Python's
minor version, so an upgrade of Python makes everything anew.

Parsing is most of what a stamp costs. A run keeps what it has parsed in a file, by the content of each module, and its
jobs look there; a module with another content is parsed.
"""

import ast
import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from peftport.storage.cards import read_card, write_card
from peftport.storage.extensions import packages
from peftport.storage.files import file_digest
from peftport.storage.provenance import digest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT.name
INDEX = PACKAGE  # the package itself: an index of names for users and the version, which makes no result
TABLE = "table"  # how a module is called that names entries: a stage stamps the entries that it uses, and no others
# How modules of settings are called, or how their names end. What a script is given of the values is in the key, every
# default filled in, so a default that changes moves the keys that it changes, and a description moves none.
SETTINGS = "settings"
# what distributions bring along, and what our code then runs without importing it
BROUGHT = {
    "transformers": ("tokenizers", "safetensors"),
    "peft": ("safetensors",),
    "pandas": ("numpy",),
    "scipy": ("numpy",),
    "seaborn": ("matplotlib", "pandas", "numpy"),
}
NAMED_OTHERWISE = {"yaml": "PyYAML"}  # distributions that are not named as what is imported; a search takes 0.4 s
NOT_DATA = {".py", ".pyc", ".typed", ".md"}
PARSED = "PEFTPORT_PARSED"  # the environment variable that names the file in which a run keeps what it has parsed


@dataclass(frozen=True)
class Code:
    """One module or script.

    Attributes:
        digest: of its syntax tree without docstrings.
        imports: names of all modules that it imports, wherever in its code.
    """

    digest: str
    imports: frozenset[str]


def _folder(package: str) -> Path | None:
    """Where the package lies: the library, or one that an installed package adds to it; None for any other."""
    return ROOT if package == PACKAGE else packages().get(package)


def _file(module: str) -> Path | None:
    """The file of a library module, or of one that is added to it; None for what is neither."""
    package, *inner = module.split(".")
    if (folder := _folder(package)) is None:
        return None
    base = folder.joinpath(*inner)
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _imports(tree: ast.AST, module: str, is_package: bool) -> frozenset[str]:
    """Names of all modules that a tree imports; ``from a import b`` gives both a and a.b."""
    parts, names = module.split("."), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level + is_package] if node.level else []
            name = ".".join([*base, *filter(None, [node.module])])
            names |= {name} | {f"{name}.{alias.name}" for alias in node.names}
    return frozenset(names)


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                first.value.value = ""
    return tree


def _without_entries(tree: ast.Module) -> ast.Module:
    """A table's module without the mappings that stand at its top: they are the entries."""
    tree.body = [node for node in tree.body if not _is_mapping(node)]
    return tree


def _is_mapping(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict)


_read: dict[str, Code] = {}  # what this process has read, by the content


def _code(path: Path, module: str) -> Code:
    """The code of a file."""
    content = path.read_bytes()
    name = hashlib.sha256(content + path.name.encode() + module.encode()).hexdigest()
    if name not in _read:
        known = _parsed().get(name)
        _read[name] = _parse(content, path, module) if known is None else Code(known[0], frozenset(known[1]))
    return _read[name]


def _parse(content: bytes, path: Path, module: str) -> Code:
    tree = _without_docstrings(ast.parse(content))
    if module.rpartition(".")[2] == TABLE:
        tree = _without_entries(tree)
    imports = _imports(tree, module, path.name == "__init__.py")
    return Code(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imports)


@functools.cache
def _parsed() -> dict[str, list]:
    """What this version of the parser has left in the file of the run; nothing where there is none."""
    with contextlib.suppress(KeyError, OSError, ValueError):
        card = read_card(os.environ[PARSED])
        if card["parser"] == _parser():
            return card["modules"]
    return {}


@functools.cache
def _parser() -> list[str]:
    """What says how a module is parsed: this file, and the version of Python."""
    return [file_digest(__file__), sys.version]


def keep_parsed() -> None:
    """Write what this process has read to the file that the environment names, if it does not hold that already."""
    if (path := os.environ.get(PARSED)) and _read.keys() - _parsed().keys():
        modules = {name: [code.digest, sorted(code.imports)] for name, code in _read.items()}
        with contextlib.suppress(OSError):  # it saves time and nothing else
            write_card(path, {"parser": _parser(), "modules": _parsed() | modules})


@functools.cache
def _module(name: str) -> Code | None:
    """The code of a library module; None for what is none, and for the package's index."""
    path = None if name == INDEX else _file(name)
    return None if path is None else _code(path, name)


@functools.cache
def _data(folder: Path) -> dict[str, str]:
    """The data files in a folder of the library, with their digests."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix not in NOT_DATA)
    return {_said(path): file_digest(path) for path in files if not path.name.startswith(".")}


def _said(path: Path) -> str:
    """How a data file is called: by its path in the library, or with the package that adds it in front."""
    if path.is_relative_to(ROOT):
        return path.relative_to(ROOT).as_posix()
    name, folder = next((name, folder) for name, folder in packages().items() if path.is_relative_to(folder))
    return f"{name}/{path.relative_to(folder).as_posix()}"


def import_closure(*modules: str) -> list[str]:
    """Library modules reached by import from ``modules``, with the packages around them, sorted.

    Raises:
        ModuleNotFoundError: one of ``modules`` is no module of this library.
    """
    if unknown := [name for name in modules if _file(name) is None]:
        raise ModuleNotFoundError(f"no library module {', '.join(unknown)}")
    seen: set[str] = set()
    queue = list(modules)
    while queue:
        name = queue.pop()
        if name in seen or (code := _module(name)) is None:
            continue
        seen.add(name)
        queue += [*code.imports, *(name.rsplit(".", cut)[0] for cut in range(1, name.count(".") + 1))]
    return sorted(seen)


@functools.cache
def version(name: str) -> str | None:
    """The version of the distribution that an import's first name comes from; None for Python's own and absent ones."""
    if name in sys.stdlib_module_names:
        return None
    try:
        return metadata.version(NAMED_OTHERWISE.get(name, name))
    except metadata.PackageNotFoundError:
        distributions = metadata.packages_distributions().get(name, [])
        return metadata.version(distributions[0]) if distributions else None


def versions_of(imports: Iterable[str]) -> dict[str, str]:
    """The versions of the distributions behind imports, and of what those bring along."""
    names = {name.split(".")[0] for name in imports} - {PACKAGE}
    names |= {brought for name in names for brought in BROUGHT.get(name, ())}
    return {name: found for name in sorted(names) if (found := version(name)) is not None}


@functools.cache
def code_stamp(*modules: str) -> str:
    """One digest for the code of ``modules`` and all that they import: library, data files, versions."""
    return digest(_stamped(modules, frozenset()))


@functools.cache
def script_stamp(path: Path, *modules: str) -> str:
    """One digest for a workflow script, for what it imports, and for further ``modules`` reached by name."""
    code = _code(path, "script")
    imported = sorted(name for name in code.imports if _file(name) is not None)
    return digest([path.stem, code.digest, _stamped((*imported, *modules), code.imports)])


def stamped_files(path: Path, *modules: str) -> dict[str, Path]:
    """The files that the stamp of a script is made from: ``script``, the library's modules, data files by their paths.

    A module has its name; the names of data files have a slash.
    """
    imported = [name for name in _code(path, "script").imports if _file(name) is not None]
    reached = {name: file for name in import_closure(*imported, *modules) if (file := _file(name)) is not None}
    folders = {file.parent for file in reached.values()}
    data = [folder / name.rpartition("/")[2] for folder in folders for name in _data(folder)]
    return {"script": path} | reached | {file.as_posix(): file for file in data}


def _is_settings(module: str) -> bool:
    """Whether a module only describes settings; what it imports is stamped, and it is not."""
    name = module.rpartition(".")[2]
    return name == SETTINGS or name.endswith(f"_{SETTINGS}")


def _stamped(modules: Iterable[str], imports: frozenset[str]) -> dict[str, dict[str, str]]:
    reached = import_closure(*modules)
    folders = {path.parent for name in reached if (path := _file(name)) is not None}
    external = imports.union(reached, *(_module(name).imports for name in reached))
    return {
        "code": {name: _module(name).digest for name in reached if not _is_settings(name)},
        "data": {name: value for folder in sorted(folders) for name, value in _data(folder).items()},
        "versions": versions_of(external),
    }
