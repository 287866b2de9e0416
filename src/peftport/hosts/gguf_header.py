"""The header of a GGUF file: its architecture, tokenizer and tensors, read without its weights and without libraries.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Counts and lengths in the file are bounded before
anything is read by them, so that a hostile file costs neither memory nor time.
"""

import functools
import math
import os
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from peftport.hosts.families.table import FAMILIES
from peftport.registry import unknown_name
from peftport.storage.provenance import JsonObject

MAGIC, VERSIONS = b"GGUF", (2, 3)
SCALARS = dict(enumerate(["B", "b", "H", "h", "I", "i", "f", "?", "", "", "Q", "q", "d"]))  # by the file's type
STRING, ARRAY = 8, 9
MOST_ENTRIES, MOST_TENSORS, MOST_ITEMS, MOST_BYTES = 10_000, 100_000, 4_000_000, 1 << 20  # the last: of one string
# type of a tensor: its name, how many numbers a block holds, and in how many bytes (ggml's ggml_quant_sizes)
TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2),
}  # fmt: skip
# GGUF's architecture to transformers' model_type, of those whose conversion a test has seen to be right
ARCHITECTURES = {"llama": "llama"}
SIZES = {
    "d_model": "embedding_length",
    "d_ff": "feed_forward_length",
    "heads": "attention.head_count",
    "layers": "block_count",
    "d_kv": "rope.dimension_count",
}


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF file says before its weights.

    Attributes:
        facts: key to value; of a list only its length.
        tensors: their names.
        types: type of tensors to their number.
        main_type: the type of most weights, such as ``Q4_1``.
    """

    facts: JsonObject
    tensors: tuple[str, ...]
    types: dict[str, int]
    main_type: str

    @property
    def model_type(self) -> str:
        """transformers' name of the architecture."""
        return ARCHITECTURES[self.facts["general.architecture"]]

    @property
    def shape(self) -> dict[str, int]:
        """The sizes that it says, as ``peftport.hosts.shape`` names them."""
        said = {size: self.facts.get(f"{self.facts['general.architecture']}.{key}") for size, key in SIZES.items()}
        return {size: value for size, value in said.items() if isinstance(value, int)}


def read_header(file: Path) -> GgufHeader:
    """The header of a GGUF file that can be a host.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no GGUF file or cut, of an architecture that is not read, without a tokenizer, or with
            settings that would be lost.
    """
    state = os.stat(file)
    return _read(file, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _read(file: Path, size: int, changed: int) -> GgufHeader:
    with open(file, "rb") as stream:
        try:
            header, end = _Reader(stream, size).header()
        except (EOFError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"{file} is no whole GGUF file: {error}; its header is cut or damaged") from None
        except ValueError as error:
            raise ValueError(f"{file} is no GGUF file that can be read: {error}") from None
    if end > size:
        raise ValueError(f"{file} is cut: its header tells of {end:,} bytes, and it has {size:,}")
    _check(file, header)
    return header


def _check(file: Path, header: GgufHeader) -> None:
    facts, name = header.facts, header.facts.get("general.architecture")
    known = sorted(key for key, model_type in ARCHITECTURES.items() if model_type in FAMILIES)
    if name not in known:
        raise ValueError(f"{file}: {unknown_name('GGUF architecture', str(name), known)}")
    if not facts.get("tokenizer.ggml.tokens") or "tokenizer.ggml.model" not in facts:
        raise ValueError(f"{file} holds no tokenizer (tokenizer.ggml.model and tokenizer.ggml.tokens)")
    if facts.get(f"{name}.rope.scaling.type", "none") != "none" or "rope_freqs.weight" in header.tensors:
        raise ValueError(
            f"{file}: its positions are scaled (rope scaling), which reading a GGUF file would lose; take the "
            "original model"
        )


class _Reader:
    """Reads the parts of a header one after the other; what is told to be too large is refused first."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.stream, self.size, self.items = stream, size, 0

    def header(self) -> tuple[GgufHeader, int]:
        """The header, and how many bytes the whole file must have at least."""
        if self.stream.read(4) != MAGIC:
            raise ValueError("it does not begin with GGUF")
        if (version := self.number("I")) not in VERSIONS:
            raise ValueError(f"expected version 2 or 3, got {version}")
        tensors, entries = self.bounded(self.number("Q"), MOST_TENSORS), self.bounded(self.number("Q"), MOST_ENTRIES)
        facts = {self.text(): self.value(self.number("I")) for _ in range(entries)}
        names, types, weights, ends = [], Counter(), Counter(), [0]
        for _ in range(tensors):
            name, numbers, kind, offset = self.tensor()
            if kind not in TYPES:
                raise ValueError(f"the tensor {name[:80]!r} has an unknown type ({kind})")
            called, block, held = TYPES[kind]
            names.append(name)
            types[called] += 1
            weights[called] += numbers
            ends.append(offset + math.ceil(numbers / block) * held)
        if not names:
            raise ValueError("it holds no tensors")
        aligned = facts.get("general.alignment", 32)
        if not isinstance(aligned, int) or not 1 <= aligned <= MOST_BYTES:
            raise ValueError(f"its alignment is {aligned!r}")
        begin = math.ceil(self.stream.tell() / aligned) * aligned
        return GgufHeader(facts, tuple(names), dict(types), weights.most_common(1)[0][0]), begin + max(ends)

    def tensor(self) -> tuple[str, int, int, int]:
        """Name, how many numbers, type, and where it begins behind the header."""
        name = self.text()
        sizes = [self.number("Q") for _ in range(self.bounded(self.number("I"), 8))]
        return name, math.prod(sizes), self.number("I"), self.number("Q")

    def value(self, kind: int) -> Any:
        """A value; of a list its length."""
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            inner, length = self.number("I"), self.number("Q")
            self.items = self.bounded(self.items + length, MOST_ITEMS)
            if inner == STRING:
                for _ in range(length):
                    self.skip(self.number("Q"))
            else:
                self.skip(length * struct.calcsize("<" + self.scalar(inner)))
            return length
        return self.number(self.scalar(kind))

    def scalar(self, kind: int) -> str:
        """How ``struct`` calls a type of numbers."""
        if not SCALARS.get(kind):
            raise ValueError(f"a value has an unknown type ({kind})")
        return SCALARS[kind]

    def text(self) -> str:
        """A string."""
        return self.bytes(self.bounded(self.number("Q"), MOST_BYTES)).decode()

    def number(self, code: str) -> Any:
        """A number of a type of ``struct``."""
        return struct.unpack("<" + code, self.bytes(struct.calcsize("<" + code)))[0]

    def skip(self, length: int) -> None:
        """Pass over so many bytes."""
        if self.stream.seek(length if length < self.size else self.size + 1, os.SEEK_CUR) > self.size:
            raise EOFError("it ends too early")

    def bytes(self, length: int) -> bytes:
        """So many bytes."""
        got = self.stream.read(length)
        if len(got) < length:
            raise EOFError("it ends too early")
        return got

    def bounded(self, number: int, most: int) -> int:
        """The number, if it is not above a bound."""
        if number > most:
            raise ValueError(f"it tells of {number:,} entries where {most:,} are the most that are read")
        return number
