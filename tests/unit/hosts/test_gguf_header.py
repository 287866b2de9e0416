"""The header of a GGUF file, read without its weights."""

import struct

import gguf
import pytest

from peftport.hosts.gguf_header import ARCHITECTURES, MOST_ITEMS, TYPES, read_header
from tests.other_formats import llama, write_gguf


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_gguf(tmp_path_factory.mktemp("gguf") / "host.gguf", llama(), "Q8_0")


def test_what_a_header_says(file):
    header = read_header(file)
    assert header.model_type == "llama" and header.main_type == "Q8_0"
    assert header.types == {"F32": 3, "Q8_0": 8}
    assert header.shape == {"d_model": 32, "d_ff": 64, "heads": 4, "layers": 1, "d_kv": 8}


def test_the_sizes_of_types_are_those_of_the_package():
    for kind, (name, block, held) in TYPES.items():
        assert gguf.GGMLQuantizationType(kind).name == name
        assert gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(kind)] == (block, held)


def test_transformers_reads_these_architectures():
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    assert set(ARCHITECTURES) <= set(GGUF_SUPPORTED_ARCHITECTURES)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.3, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(file, tmp_path, share):
    whole, cut = file.read_bytes(), tmp_path / "cut.gguf"
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match=r"is cut|cut or damaged|begin with GGUF"):
        read_header(cut)


def test_one_byte_less_is_noticed(file, tmp_path):
    padded = file.read_bytes()
    header_end = max(size for size in range(len(padded) - 64, len(padded)) if _reads(tmp_path, padded[: size + 1]))
    assert _reads(tmp_path, padded[: header_end + 1])
    ends = [size for size in range(len(padded) - 64, len(padded) + 1) if not _reads(tmp_path, padded[:size])]
    assert len(padded) - 33 <= max(ends) < len(padded)  # writers pad the last tensor to 32 bytes


def _reads(folder, content):
    file = folder / f"{len(content)}.gguf"
    file.write_bytes(content)
    try:
        read_header(file)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"architecture": "lama"}, "no GGUF architecture `lama`. Did you mean `llama`"),
        ({"tokenizer": False}, "holds no tokenizer"),
        ({"scaled": True}, "positions are scaled"),
    ],
)
def test_what_cannot_be_a_host(tmp_path, other, message):
    with pytest.raises(ValueError, match=message):
        read_header(write_gguf(tmp_path / "host.gguf", llama(), **other))


@pytest.mark.parametrize(
    "entries",
    [
        struct.pack("<QQ", 1 << 60, 1),
        struct.pack("<QQ", 1, 1 << 60),
        struct.pack("<QQQ", 1, 1, 1 << 60),
        struct.pack("<QQQ1sIIQ", 1, 1, 1, b"a", 9, 4, MOST_ITEMS + 1),
        struct.pack("<QQQ1sIIQ", 1, 1, 1, b"a", 9, 9, 5),
        struct.pack("<QQQ1sI", 1, 1, 1, b"a", 77),
        struct.pack("<QQQ1sIIQQ", 1, 1, 1, b"a", 9, 8, 1, 1 << 63),
    ],
    ids=["tensors", "keys", "a name", "a list", "a list of lists", "a type", "a string in a list"],
)
def test_absurd_numbers_are_refused(tmp_path, entries):
    file = tmp_path / "host.gguf"
    file.write_bytes(b"GGUF" + struct.pack("<I", 3) + entries + bytes(64))
    with pytest.raises(ValueError, match=r"host\.gguf is no"):
        read_header(file)
