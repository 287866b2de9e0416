"""A module directory that was changed in any way loads as it was, or is refused with a message that names the file."""

import json
import shutil

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from peftport.storage.cards import CARD_DIGEST, read_card, write_card
from peftport.storage.files import file_digest
from peftport.storage.modules import CARD, CONFIG, WEIGHTS, Module, read_module, write_module
from tests.fuzz.cases import cases_of

FILES = (CONFIG, WEIGHTS, CARD)
EDITS = some.lists(
    some.tuples(
        some.sampled_from(["flip", "cut", "insert", "drop", "double"]), some.floats(0, 1), some.binary(max_size=8)
    ),
    min_size=1,
    max_size=3,
)
NUMBERS = some.integers(-2, 2**70) | some.sampled_from([0, 4, 24, 2**31, 2**40, 2**63])
JSON = some.recursive(
    some.none() | some.booleans() | NUMBERS | some.floats() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TENSORS = some.dictionaries(
    some.sampled_from(["a", "b", "__metadata__"]),
    some.fixed_dictionaries(
        {
            "dtype": some.sampled_from(["F32", "F16", "F64", "BF16", "F8_E4M3", "I64", "BOOL", "C64", "X"]),
            "shape": some.lists(NUMBERS, max_size=3),
            "data_offsets": some.lists(NUMBERS, min_size=2, max_size=2),
        }
    )
    | JSON,
    max_size=3,
)


def module():
    rng = np.random.default_rng(0)
    tensors = {f"layer.{n}.weight": rng.normal(size=(2, 3)).astype(np.float32) for n in range(3)}
    return Module({"peft_type": "LORA", "r": 2}, tensors, {"technique": "lora", "seed": 0, "key": "k"})


def damaged(content, edits):
    for kind, where, extra in edits:
        at = int(where * len(content))
        if kind == "flip" and at < len(content):
            content = content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :]
        elif kind == "cut":
            content = content[:at]
        elif kind == "insert":
            content = content[:at] + extra + content[at:]
        elif kind == "drop":
            content = content[:at] + content[at + 1 + len(extra) :]
        elif kind == "double":
            content += content
    return content


def settle(folder):
    """The module as it was written, or None where it is refused."""
    try:
        found = read_module(folder)
    except (ValueError, FileNotFoundError) as error:
        assert str(folder) in str(error)
        return None
    return found


def test_changed_files(cases, tmp_path):
    write_module(tmp_path / "good", module())
    good = read_module(tmp_path / "good")

    @cases_of(60)
    @given(some.sampled_from(FILES), EDITS)
    def check(name, edits):
        cases["module, changed file"] += 1
        shutil.copytree(tmp_path / "good", tmp_path / "bad", dirs_exist_ok=True)
        (tmp_path / "bad" / name).write_bytes(damaged((tmp_path / "bad" / name).read_bytes(), edits))
        if (found := settle(tmp_path / "bad")) is not None:
            assert (found.config, found.card) == (good.config, good.card)
            assert all(found.tensors[key].tobytes() == tensor.tobytes() for key, tensor in good.tensors.items())

    check()


def test_foreign_directories_with_right_checksums(cases, tmp_path):
    """From outside: any card, config and header, huge declared tensors among them, and checksums that fit."""

    @cases_of(60)
    @given(JSON, JSON, TENSORS, some.binary(max_size=64), some.integers(-9, 9))
    def check(card, config, header, data, excess):
        cases["module, foreign"] += 1
        text = json.dumps(header).encode()
        weights = max(0, len(text) + (excess if abs(excess) > 6 else 0)).to_bytes(8, "little") + text + data
        tmp_path.joinpath(WEIGHTS).write_bytes(weights)
        tmp_path.joinpath(CONFIG).write_text(json.dumps(config))
        facts = {"weights_sha256": file_digest(tmp_path / WEIGHTS), "config_sha256": file_digest(tmp_path / CONFIG)}
        write_card(tmp_path / CARD, (card if isinstance(card, dict) else {}) | facts)
        if (found := settle(tmp_path)) is not None:
            assert isinstance(found.config, dict)
            assert sum(tensor.nbytes for tensor in found.tensors.values()) <= 64

    check()


def test_cards(cases, tmp_path):
    """A card comes back as it was, or, changed, is refused."""
    path = tmp_path / "card.json"

    @cases_of(40)
    @given(some.dictionaries(some.text(max_size=5), JSON, max_size=4), EDITS)
    def check(card, edits):
        cases["card"] += 1
        card.pop(CARD_DIGEST, None)
        write_card(path, card)
        same = json.dumps(json.loads(json.dumps(card)), sort_keys=True)
        assert json.dumps(read_card(path), sort_keys=True) == same
        path.write_bytes(damaged(path.read_bytes(), edits))
        try:
            found = read_card(path)
        except ValueError as error:
            assert "card.json is damaged" in str(error)
        else:
            assert json.dumps(found, sort_keys=True) == same

    check()
