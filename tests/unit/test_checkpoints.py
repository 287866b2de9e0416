"""A checkpoint comes back exactly, or not at all."""

import os
import signal

import numpy as np
import pytest

from peftport.checkpoints import Checkpoint
from peftport.stopping import STOPS, Stopped, heeding

ARRAYS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.asarray(1.5)}
FACTS = {"step": 7, "loss": [0.1, 1 / 3], "rows": [{"seed": 0, "phase": "train"}]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "training.safetensors"


@pytest.fixture(autouse=True)
def nothing_came():
    yield
    STOPS.came = None


def test_what_was_saved_comes_back_bit_for_bit(path):
    Checkpoint(path, "key").save(ARRAYS, FACTS)
    arrays, facts = Checkpoint(path, "key").restore()
    assert facts == FACTS
    assert arrays.keys() == ARRAYS.keys()
    assert all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_there_is_none_at_first_and_none_after_the_end(path):
    checkpoint = Checkpoint(path, "key")
    assert checkpoint.restore() is None
    checkpoint.save(ARRAYS, FACTS)
    checkpoint.remove()
    assert not path.exists() and checkpoint.restore() is None
    checkpoint.remove()


def test_one_of_other_settings_is_thrown_away(path, capsys):
    Checkpoint(path, "key").save(ARRAYS, FACTS)
    assert Checkpoint(path, "other").restore() is None
    assert not path.exists()
    assert "other settings" in capsys.readouterr().out


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_damaged_one_is_thrown_away(path, share, how, capsys):
    Checkpoint(path, "key").save(ARRAYS, FACTS)
    content = bytearray(path.read_bytes())
    at = int(share * len(content))
    if how == "flipped":
        content[at] ^= 1
    path.write_bytes(content[:at] if how == "cut" else content)
    assert Checkpoint(path, "key").restore() is None
    assert not path.exists()
    assert "is not used" in capsys.readouterr().out


def test_it_is_written_when_it_is_time(path):
    Checkpoint(path, "key", seconds=1000).offer(lambda: pytest.fail("too early"))
    Checkpoint(path, "key", seconds=0).offer(lambda: (ARRAYS, FACTS))
    assert path.is_file()
    Checkpoint(None, seconds=0).offer(lambda: pytest.fail("nowhere to write"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_is_heeded_after_the_step(path, number):
    checkpoint, steps = Checkpoint(path, "key", seconds=1000), []
    with pytest.raises(Stopped) as stopped, heeding(), STOPS.after_a_step():
        for step in range(5):
            if step == 2:
                os.kill(os.getpid(), number)
            steps.append(step)
            checkpoint.offer(lambda: (ARRAYS, {"step": steps[-1]}))
    assert steps == [0, 1, 2]
    assert stopped.value.code == 128 + number
    assert signal.Signals(number).name in str(stopped.value) and str(path) in str(stopped.value)
    assert checkpoint.restore()[1] == {"step": 2}


def test_without_steps_to_wait_for_it_ends_at_once_and_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped), heeding():
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("went on")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_in_a_block_without_a_checkpoint_ends_it_after_the_block():
    with pytest.raises(Stopped), heeding():
        with STOPS.after_a_step():
            os.kill(os.getpid(), signal.SIGUSR1)
            done = True
        pytest.fail("went on")
    assert done
