"""A checkpoint comes back exactly, or not at all."""

import os
import signal

import numpy as np
import pandas as pd
import pytest

from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.signals import STOPS, Stopped, heeding

STATE = {
    "step": 7,
    "loss": [0.1, 1 / 3, float("inf")],
    "rows": [{"seed": 0, "phase": "train"}],
    "best": [{"b": np.arange(6, dtype=np.float32).reshape(2, 3).T, "a": np.asarray(1.5)}, {}],
    "made": {"none": None, "flags": np.asarray([True, False])},
}
FRAME = pd.DataFrame({"text": ["a", "\u00e9"], "right": [True, False], "loss": [0.1, -1e300], "no": None})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "training.safetensors"


@pytest.fixture(autouse=True)
def nothing_came():
    yield
    STOPS.came = None


def test_what_was_saved_comes_back_bit_for_bit(path):
    Checkpoint(path, "key").save(STATE | {"frames": [FRAME]})
    state = Checkpoint(path, "key").restore()
    assert list(state) == [*STATE, "frames"]
    assert all(state[name] == STATE[name] for name in ("step", "loss", "rows"))
    arrays, empty = state["best"]
    assert empty == {} and state["made"]["none"] is None and state["made"]["flags"].tolist() == [True, False]
    for name, array in STATE["best"][0].items():
        assert arrays[name].dtype == array.dtype and arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()
    pd.testing.assert_frame_equal(state["frames"][0], FRAME, check_exact=True)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_there_is_none_at_first_and_none_after_the_end(path):
    checkpoint = Checkpoint(path, "key")
    assert checkpoint.restore() is None
    checkpoint.save(STATE)
    checkpoint.remove()
    assert not path.exists() and checkpoint.restore() is None
    checkpoint.remove()


def test_it_goes_at_the_end_of_a_block_that_ends_well(path):
    with pytest.raises(ValueError, match="on the way"), Checkpoint(path, "key") as checkpoint:
        checkpoint.save(STATE)
        raise ValueError("on the way")
    assert path.is_file()
    with Checkpoint(path, "key") as checkpoint:
        assert checkpoint.restore() is not None
    assert not path.exists()


def test_one_of_other_settings_is_thrown_away(path, capsys):
    Checkpoint(path, "key").save(STATE)
    assert Checkpoint(path, "other").restore() is None
    assert not path.exists()
    assert "other settings" in capsys.readouterr().out


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_damaged_one_is_thrown_away(path, share, how, capsys):
    Checkpoint(path, "key").save(STATE)
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
    Checkpoint(path, "key", seconds=0).offer(lambda: STATE)
    assert path.is_file()
    Checkpoint(None, seconds=0).offer(lambda: pytest.fail("nowhere to write"))


@pytest.mark.parametrize("told", [False, True])
def test_one_that_cannot_be_written_is_said_and_the_training_goes_on(tmp_path, capsys, told):
    (tmp_path / "file").write_text("in the way")
    checkpoint = Checkpoint(tmp_path / "file" / "training.safetensors", "key", seconds=0)
    STOPS.came = signal.SIGTERM if told else None
    if told:
        with pytest.raises(Stopped, match="told to stop by SIGTERM; run snakemake again"):
            checkpoint.offer(lambda: STATE)
    else:
        checkpoint.offer(lambda: STATE)
    assert "no checkpoint could be written: " in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_is_heeded_after_the_step(path, number):
    checkpoint, steps = Checkpoint(path, "key", seconds=1000), []
    with pytest.raises(Stopped) as stopped, heeding(), STOPS.after_a_step():
        for step in range(5):
            if step == 2:
                os.kill(os.getpid(), number)
            steps.append(step)
            checkpoint.offer(lambda: {"step": steps[-1]})
    assert steps == [0, 1, 2]
    assert stopped.value.code == 128 + number
    assert signal.Signals(number).name in str(stopped.value) and str(path) in str(stopped.value)
    assert checkpoint.restore() == {"step": 2}


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
