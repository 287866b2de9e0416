"""What made a file: the library code behind a stage, by import, and the versions it ran with.

Snakemake does not see the library behind a script. Each rule therefore carries a key, and part of it is the
``code_stamp`` of its stage: a hash over the syntax trees of the modules that the stage reaches by import.
Comments, docstrings and formatting do not count. The tree depends on Python's minor version, so an upgrade
of Python makes everything anew.
"""

import ast
import functools
import hashlib
from pathlib import Path

from peftport.storage.provenance import digest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT.name
NOT_STAMPED = frozenset(
    {
        "peftport.jobs.cost",
        "peftport.jobs.job",
        "peftport.figures.table",
        "peftport.hosts.families.table",
        "peftport.prompting.lm_types.table",
        "peftport.host_building.recipes.table",
        "peftport.porting.table",
        "peftport.statistics.table",
        "peftport.techniques.table",
        "peftport.jobs.fork_client",
    }
)


def _file(module: str) -> Path | None:
    """The file of a library module; None for what is no module of this library."""
    if module.split(".")[0] != PACKAGE:
        return None
    base = ROOT.parent.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _imports(tree: ast.AST, module: str, is_package: bool) -> set[str]:
    """Names of all modules that a tree imports, wherever in the code; ``from a import b`` gives both a and a.b."""
    parts, names = module.split("."), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level + is_package] if node.level else []
            name = ".".join([*base, *filter(None, [node.module])])
            names |= {name} | {f"{name}.{alias.name}" for alias in node.names}
    return names


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


@functools.cache
def _module(name: str) -> tuple[str, frozenset[str]] | None:
    """The digest of one library module's code, and what it imports."""
    if (path := _file(name)) is None:
        return None
    tree = _without_docstrings(ast.parse(path.read_text(encoding="utf-8")))
    imports = _imports(tree, name, path.name == "__init__.py")
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), frozenset(imports)


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
        if name in seen or (found := _module(name)) is None:
            continue
        seen.add(name)
        queue += [*found[1], *(name.rsplit(".", cut)[0] for cut in range(1, name.count(".") + 1))]
    return sorted(seen)


@functools.cache
def code_stamp(*modules: str) -> str:
    """One digest for the code of ``modules`` and of all that they import within the library."""
    return digest({name: _module(name)[0] for name in import_closure(*modules) if name not in NOT_STAMPED})


@functools.cache
def script_stamp(path: Path, *modules: str) -> str:
    """One digest for a workflow script's code, for what it imports, and for further ``modules`` reached by name."""
    tree = _without_docstrings(ast.parse(path.read_text(encoding="utf-8")))
    imported = sorted(name for name in _imports(tree, "script", False) if _file(name) is not None)
    return digest([ast.dump(tree), code_stamp(*imported, *modules)])
