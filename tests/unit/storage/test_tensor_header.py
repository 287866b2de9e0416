"""Headers of safetensors files are read whole and checked; floats of every kind are the numbers that torch reads."""

import json
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from peftport.storage.tensor_header import LARGEST_HEADER, UnreadableTensors, read_floats, read_header

FLOATS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}


@pytest.mark.parametrize(("kind", "dtype"), FLOATS.items())
def test_floats_are_those_that_torch_reads(kind, dtype, tmp_path):
    numbers = torch.tensor([[0.0, -1.5, 3.14159], [1e-3, float("nan"), 448.0]]).to(dtype)
    save_file({"b.weight": numbers, "a": numbers[0].clone()}, tmp_path / "t.safetensors")
    facts = read_header(tmp_path / "t.safetensors")
    assert list(facts) == ["a", "b.weight"]
    assert (facts["b.weight"].dtype, facts["b.weight"].shape) == (kind, (2, 3))
    floats = read_floats(tmp_path / "t.safetensors", facts)
    assert floats["b.weight"].dtype == np.float32
    np.testing.assert_array_equal(floats["b.weight"], numbers.float().numpy())


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_all_numbers_of_eight_bits(dtype, tmp_path):
    numbers = torch.arange(256, dtype=torch.uint8).view(dtype)
    save_file({"t": numbers}, tmp_path / "t.safetensors")
    floats = read_floats(tmp_path / "t.safetensors", read_header(tmp_path / "t.safetensors"))
    np.testing.assert_array_equal(floats["t"], numbers.float().numpy())


def test_whole_numbers_are_refused_by_name(tmp_path):
    save_file({"places": torch.arange(3)}, tmp_path / "t.safetensors")
    with pytest.raises(UnreadableTensors, match="tensor 'places' is of type I64, expected one of F32, F16, BF16"):
        read_floats(tmp_path / "t.safetensors", read_header(tmp_path / "t.safetensors"))


def entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


WRONG_HEADERS = {
    "a huge shape": ({"a": entry([2**40, 2**40], 0, 8)}, "'a' declares shape 1099511627776x1099511627776 of F32"),
    "more than there is": ({"a": entry([2], 0, 8), "b": entry([2**30], 8, 8 + 2**32)}, "was cut short: its header"),
    "less than there is": ({"a": entry([1], 0, 4)}, "has bytes that belong to no tensor"),
    "tensors on top of each other": ({"a": entry([2], 0, 8), "b": entry([1], 4, 8)}, "'b' overlaps 'a'"),
    "a hole": ({"a": entry([1], 4, 8)}, "'a' does not begin where there is an end, behind 'the header'"),
    "a path": ({"../../etc/passwd": entry([2], 0, 8)}, "'../../etc/passwd' is no name of a tensor"),
    "a path of dots": ({"a..b": entry([2], 0, 8)}, "'a..b' is no name of a tensor"),
    "an unknown type": ({"a": entry([2], 0, 8, "F128")}, "'a' is of type 'F128'; known: F64, F32"),
    "no numbers": ({"a": entry(["2"], 0, 8)}, "'a' has no shape and data_offsets of whole numbers"),
    "a size below nothing": ({"a": entry([-2], 0, 8)}, "'a' has no shape and data_offsets of whole numbers"),
    "no mapping": ([1], "expected a header with names of tensors, got list"),
    "nothing of a tensor": ({"a": 1}, "'a' is of type 'None'"),
}


def written(path, header, numbers=b"\0" * 8):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)
    return path


@pytest.mark.parametrize(("header", "message"), WRONG_HEADERS.values(), ids=WRONG_HEADERS)
def test_what_a_header_declares_is_held_against_the_file(header, message, tmp_path):
    with pytest.raises(UnreadableTensors, match=message):
        read_header(written(tmp_path / "t.safetensors", header))


def test_a_name_that_is_there_twice(tmp_path):
    said = json.dumps(entry([2], 0, 8))
    with pytest.raises(UnreadableTensors, match="it names 'a' twice"):
        read_header(written(tmp_path / "t.safetensors", f'{{"a": {said}, "a": {said}}}'.encode()))


def test_a_header_nested_without_end(tmp_path):
    with pytest.raises(UnreadableTensors, match="no JSON of tensors"):
        read_header(written(tmp_path / "t.safetensors", b"[" * 100_000))


def test_a_header_larger_than_any_is_not_read(tmp_path):
    path = tmp_path / "t.safetensors"
    with open(path, "wb") as stream:
        stream.write(struct.pack("<Q", LARGEST_HEADER + 1))
        stream.truncate(2 * LARGEST_HEADER)
    with pytest.raises(UnreadableTensors, match="is not read: it declares a header of"):
        read_header(path)


@pytest.mark.parametrize("size", [0, 5, 8, 40, -1])
def test_a_file_that_was_cut_short(size, tmp_path):
    save_file({"a": torch.ones(4)}, tmp_path / "t.safetensors")
    whole = (tmp_path / "t.safetensors").read_bytes()
    (tmp_path / "t.safetensors").write_bytes(whole[:size])
    with pytest.raises(UnreadableTensors, match=r"cut short|got \d bytes"):
        read_header(tmp_path / "t.safetensors")
