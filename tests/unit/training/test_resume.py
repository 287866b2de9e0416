"""A source training that is stopped anywhere and goes on ends as if nothing had been: equal to the bit on the CPU."""

import pytest

from peftport.jobs.signals import STOPS
from peftport.storage.cards import read_card
from peftport.storage.parquet import read_table
from peftport.training.loop import Training
from tests.ground import TECHNIQUE, TRAINING, Stopping, in_pieces, train

LONGER = TRAINING | {"source_steps": 13, "validate_every": 4}
WAYS = {
    "keeping the last": (LONGER, TECHNIQUE),
    "with dropout": (LONGER | {"source_steps": 4}, TECHNIQUE | {"dropout": 0.5}),
    "keeping the best": (LONGER | {"source_steps": 6, "keep": "best"}, TECHNIQUE),
}


def same(left, right):
    """Trained states equal to the bit, and curves but for their times; nothing else lies beside them."""
    curves = [read_table(outputs["curve"], "curve").drop(columns="elapsed_seconds") for outputs in (left, right)]
    assert curves[0].equals(curves[1])
    assert sorted(path.name for path in right["state"].parent.iterdir()) == sorted(path.name for path in right.values())
    return left["state"].read_bytes() == right["state"].read_bytes()


@pytest.fixture(scope="module")
def whole(ground, tmp_path_factory):
    """What undisturbed trainings leave."""
    folder = tmp_path_factory.mktemp("whole")
    return {name: train(ground, "raw", folder / name, how, what) for name, (what, how) in WAYS.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("way", "offers", "stops"), [
    ("keeping the last", 3, 9), ("with dropout", 1, 10), ("keeping the best", 1, 14),
])  # fmt: skip
def test_stopped_after_every_few_steps(ground, whole, tmp_path, way, offers, stops):
    """Every step, and the end of every training, are where a checkpoint is offered."""
    training, technique = WAYS[way]
    path = tmp_path / "checkpoint.safetensors"
    outputs, times = in_pieces(path, offers, lambda c: train(ground, "raw", tmp_path / "out", technique, training, c))
    assert times == stops
    assert same(whole[way], outputs)
    assert path.is_file()  # until the block ends in which the job used it


@pytest.mark.parametrize("way", ["keeping the last", "keeping the best"])
def test_told_to_stop_while_validating(ground, whole, tmp_path, way, monkeypatch):
    training, technique = WAYS[way]
    path, validate, told = tmp_path / "checkpoint.safetensors", Training.validate, []

    def interrupted(run, data):
        if not told:
            told.append(run.step)
            STOPS.came = 15
        return validate(run, data)

    monkeypatch.setattr(Training, "validate", interrupted)
    outputs, times = in_pieces(path, 0, lambda c: train(ground, "raw", tmp_path / "out", technique, training, c))
    assert times == len(told) == 1 and same(whole[way], outputs)


@pytest.mark.parametrize("how", ["damaged", "other settings"])
def test_a_checkpoint_that_cannot_be_used_costs_time_and_nothing_else(ground, whole, tmp_path, how, capsys):
    training, technique = WAYS["keeping the last"]
    path, job = tmp_path / "c.safetensors", lambda c: train(ground, "raw", tmp_path / "out", technique, training, c)
    with pytest.raises(SystemExit):
        job(Stopping(path, 5))
    STOPS.came = None
    if how == "damaged":
        content = bytearray(path.read_bytes())
        content[-5] ^= 16
        path.write_bytes(content)
    outputs = job(Stopping(path, 0, "key" if how == "damaged" else "another key"))
    assert same(whole["keeping the last"], outputs)
    assert (
        f"is not used: {'its checksum is wrong' if how == 'damaged' else 'it is of other'}" in capsys.readouterr().out
    )


def test_a_training_that_failed_before_the_stop_has_failed_after_it(ground, tmp_path, monkeypatch):
    """And its step is that of the undisturbed training."""
    next_loss, path = Training._next_loss, tmp_path / "c.safetensors"
    training, technique = WAYS["keeping the last"]

    def broken(run):
        return next_loss(run) * (float("nan") if run.seed == 1 and run.step == 1 else 1.0)

    monkeypatch.setattr(Training, "_next_loss", broken)
    for offers in (0, 4):
        outputs, _ = in_pieces(path, offers, lambda c: train(ground, "raw", tmp_path / "out", technique, training, c))
        assert read_card(outputs["config"])["failed_at_step"] == {"1": 2}
