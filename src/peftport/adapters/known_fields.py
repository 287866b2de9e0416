"""The fields of peft's config classes as the installed peft has them, read from its source: peft takes seconds to load.

Each type of peft has a file ``tuners/<name>/config.py`` whose class says ``self.peft_type = PeftType.<TYPE>``; the
common fields stand in ``config.py``.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

COMMON, PROMPT = ("PeftConfigMixin", "PeftConfig"), "PromptLearningConfig"
PREFIX = re.compile(r'^    prefix(?:: str)? = "(\w+)"$', re.MULTILINE)


@dataclass(frozen=True)
class KnownFields:
    """What the installed peft knows of one of its types.

    Attributes:
        peft_version: its version.
        names: fields of the type's config class.
        prompt: whether it is a type that adds tokens and wraps no site.
        marker: how the names of its tensors begin below a site, such as ``lora_``; empty where it has none.
    """

    peft_version: str
    names: frozenset[str]
    prompt: bool
    marker: str


@cache
def known_fields(peft_type: str) -> KnownFields | None:
    """The fields that the installed peft knows of a type; None where it has no such type."""
    for file in sorted(_peft().glob("tuners/*/config.py")):
        if f"PeftType.{peft_type}" not in file.read_text(encoding="utf-8"):
            continue
        for node in _classes(file).values():
            if _is_of_type(node, peft_type):
                common = _classes(_peft() / "config.py")
                line = [*_line(node), *(common[name] for name in COMMON)]
                names = frozenset(name for ancestor in line for name in _fields(ancestor))
                prompt = any(ancestor.name == PROMPT for ancestor in line)
                return KnownFields(version("peft"), names, prompt, _marker(line, file))
    return None


@cache
def _peft() -> Path:
    spec = find_spec("peft")
    if spec is None or spec.origin is None:
        raise ImportError("peft is not installed")
    return Path(spec.origin).parent


@cache
def _classes(file: Path) -> dict[str, ast.ClassDef]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.ClassDef)}


def _is_of_type(node: ast.ClassDef, peft_type: str) -> bool:
    return any(
        isinstance(part, ast.Assign)
        and ast.unparse(part.targets[0]) == "self.peft_type"
        and ast.unparse(part.value) == f"PeftType.{peft_type}"
        for part in ast.walk(node)
    )


def _line(node: ast.ClassDef) -> Iterator[ast.ClassDef]:
    """A class of peft and those that it comes from."""
    yield node
    for base in node.bases:
        if isinstance(base, ast.Name) and (ancestor := _find(base.id)) is not None:
            yield from _line(ancestor)


@cache
def _find(name: str) -> ast.ClassDef | None:
    """peft's class of a name, where configs and what they have in common are kept."""
    for file in (_peft() / "config.py", *sorted(_peft().glob("tuners/*/config.py")), *_peft().glob("tuners/*.py")):
        if f"class {name}(" in file.read_text(encoding="utf-8"):
            return _classes(file)[name]
    return None


def _marker(line: list[ast.ClassDef], file: Path) -> str:
    """The prefix of the type's tuner, which stands in ``model.py`` beside its config, or beside an ancestor's."""
    homes = [home for node in line for home in _peft().glob("tuners/*/config.py") if node in _classes(home).values()]
    for home in (file, *homes):
        model = home.with_name("model.py")
        if model.is_file() and (prefix := PREFIX.search(model.read_text(encoding="utf-8"))):
            return prefix[1]
    return ""


def _fields(node: ast.ClassDef) -> Iterator[str]:
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            yield part.target.id
