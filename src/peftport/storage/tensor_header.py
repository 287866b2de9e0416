"""The header of a safetensors file, read and checked by itself: what tensors there are, before any of them is read.

The format (huggingface/safetensors, README): eight bytes with the length of a header, little-endian; the header, JSON
of names to ``dtype``, ``shape`` and ``data_offsets``; then the numbers, without holes. All that a header declares is
held against the size of the file, so nothing is reserved for numbers that are not there.
"""

import json
import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peftport.storage.provenance import JsonObject

LARGEST_HEADER = 32 * 2**20  # bytes; a header has about 120 for each tensor
MOST_DIMENSIONS = 16
NAME = re.compile(r"[\w.\-]{1,512}")  # parts joined by dots, and no path
BITS = {
    **{"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4},
    **{"I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "C64": 64},
}


class UnreadableTensors(ValueError):
    """A file that is no whole safetensors file, or holds numbers that cannot be read as floats. It says which file."""


@dataclass(frozen=True)
class TensorFact:
    """What a header says of one tensor.

    Attributes:
        dtype: the format's name of its number type, such as ``BF16``.
        shape: its sizes.
        start: the byte of the file at which its numbers begin.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int = 0

    @property
    def entries(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """How many bytes its numbers take."""
        return self.entries * BITS[self.dtype] // 8

    def rows(self, first: int, last: int) -> "TensorFact":
        """The rows from ``first`` to before ``last`` as a tensor of its own."""
        row = math.prod(self.shape[1:]) * BITS[self.dtype] // 8
        return TensorFact(self.dtype, (last - first, *self.shape[1:]), self.start + first * row)


def read_header(path: Path) -> dict[str, TensorFact]:
    """The tensors of a safetensors file by name, in the order of their names; no numbers are read.

    Raises:
        OSError: the file cannot be opened.
        UnreadableTensors: it is no safetensors file, it was cut short, or what it declares does not agree with itself.
    """
    size = path.stat().st_size
    with open(path, "rb") as stream:
        first = stream.read(8)
        if len(first) < 8:
            raise UnreadableTensors(f"{path}: expected a safetensors file, got {len(first)} bytes")
        (length,) = struct.unpack("<Q", first)
        if length > min(LARGEST_HEADER, size - 8):
            reason = "was cut short or is no safetensors file" if length > size - 8 else "is not read"
            raise UnreadableTensors(
                f"{path} {reason}: it declares a header of {length} bytes; expected at most "
                f"{min(LARGEST_HEADER, size - 8)} in a file of {size}"
            )
        text = stream.read(length)
    facts = _facts(path, _parsed(path, text), 8 + length)
    end = max([8 + length, *(fact.start + fact.size for fact in facts.values())])
    if end != size:
        what = "was cut short" if end > size else "has bytes that belong to no tensor"
        raise UnreadableTensors(f"{path} {what}: its header declares {end} bytes, and the file has {size}")
    return facts


def _parsed(path: Path, text: bytes) -> JsonObject:
    """The header as a mapping, without what it says of itself."""
    try:
        header = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise UnreadableTensors(f"{path}: its header is no JSON of tensors: {str(error)[:200]}") from error
    if not isinstance(header, dict):
        raise UnreadableTensors(f"{path}: expected a header with names of tensors, got {type(header).__name__}")
    header.pop("__metadata__", None)
    return header


def _each_once(pairs: list[tuple[str, Any]]) -> JsonObject:
    mapping: JsonObject = {}
    for name, value in pairs:
        if name in mapping:
            raise ValueError(f"it names {name[:80]!r} twice")
        mapping[name] = value
    return mapping


def _facts(path: Path, header: JsonObject, start: int) -> dict[str, TensorFact]:
    """The tensors of a header; they must lie one behind the other from byte ``start`` on."""
    ranges: list[tuple[int, int, str]] = []
    facts: dict[str, TensorFact] = {}
    for name, said in sorted(header.items()):
        if not NAME.fullmatch(name) or ".." in name:
            raise UnreadableTensors(
                f"{path}: {name[:80]!r} is no name of a tensor; expected letters, digits, - and _, joined by dots"
            )
        kind, shape, offsets = (
            (said.get("dtype"), said.get("shape"), said.get("data_offsets")) if isinstance(said, dict) else [None] * 3
        )
        if kind not in BITS:
            raise UnreadableTensors(f"{path}: tensor {name!r} is of type {str(kind)[:40]!r}; known: {', '.join(BITS)}")
        if not _whole_numbers(shape, MOST_DIMENSIONS) or not _whole_numbers(offsets, 2) or len(offsets) < 2:
            raise UnreadableTensors(f"{path}: tensor {name!r} has no shape and data_offsets of whole numbers")
        fact = TensorFact(kind, tuple(shape), start + offsets[0])
        if offsets[1] - offsets[0] != fact.size:
            raise UnreadableTensors(
                f"{path}: tensor {name!r} declares shape {_sizes(shape)} of {kind}, which takes "
                f"{str(fact.size)[:40]} bytes, and {offsets[1] - offsets[0]} bytes"
            )
        facts[name] = fact
        ranges.append((offsets[0], offsets[1], name))
    last, before = 0, ""
    for first, end, name in sorted(ranges):
        if first != last:
            how = "overlaps" if first < last else "does not begin where there is an end, behind"
            raise UnreadableTensors(f"{path}: tensor {name!r} {how} {before or 'the header'!r}")
        last, before = end, name
    return facts


def _whole_numbers(values: Any, most: int) -> bool:
    if not isinstance(values, list) or len(values) > most:
        return False
    return all(type(value) is int and 0 <= value < 2**63 for value in values)


def _sizes(shape: list[int]) -> str:
    return "x".join(str(size) for size in shape) or "one number"


def read_floats(path: Path, facts: dict[str, TensorFact]) -> dict[str, np.ndarray]:
    """Tensors of a file as float32 copies, whatever floats they are kept as.

    Numbers of F64 that float32 cannot hold become infinite; bfloat16 is the upper half of float32; the two kinds of
    eight bits are those of Micikevicius et al., *FP8 Formats for Deep Learning* (arXiv 2209.05433).

    Args:
        facts: as ``read_header`` gave them.

    Raises:
        OSError: the file cannot be opened.
        UnreadableTensors: a tensor holds no such floats, or the file is shorter than it was.
    """
    tensors = {}
    with open(path, "rb") as stream:
        for name, fact in facts.items():
            if fact.dtype not in FLOATS:
                raise UnreadableTensors(
                    f"{path}: tensor {name!r} is of type {fact.dtype}, expected one of {', '.join(FLOATS)}"
                )
            stream.seek(fact.start)
            raw = stream.read(fact.size)
            if len(raw) != fact.size:
                raise UnreadableTensors(f"{path}: tensor {name!r} was cut short while it was read")
            tensors[name] = FLOATS[fact.dtype](raw).reshape(fact.shape)
    return tensors


def _narrowed(raw: bytes) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.frombuffer(raw, "<f8").astype(np.float32)


def _e4m3() -> np.ndarray:
    """The numbers of E4M3's 256 bytes: exponents around 7, no infinity, all ones is no number."""
    codes = np.arange(256)
    exponent, fraction = (codes >> 3) & 15, codes & 7
    size = np.where(exponent > 0, (1 + fraction / 8) * 2.0 ** (exponent - 7), fraction / 8 * 2.0**-6)
    values = np.where(codes >> 7, -size, size).astype(np.float32)
    values[[127, 255]] = np.nan
    return values


FLOATS = {
    "F32": lambda raw: np.frombuffer(raw, "<f4").astype(np.float32),
    "F16": lambda raw: np.frombuffer(raw, "<f2").astype(np.float32),
    "BF16": lambda raw: (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32),
    "F64": _narrowed,
    "F8_E4M3": lambda raw: _e4m3()[np.frombuffer(raw, np.uint8)],
    "F8_E5M2": lambda raw: (np.frombuffer(raw, np.uint8).astype(np.uint16) << 8).view(np.float16).astype(np.float32),
}
