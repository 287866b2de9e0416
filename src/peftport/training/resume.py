"""Where a job of several trainings stands, so that a checkpoint can hold it and the next run go on from there."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from peftport.jobs.checkpoints import Checkpoint, State
from peftport.jobs.signals import STOPS
from peftport.training.loop import Training

Work, Result = TypeVar("Work"), TypeVar("Result")


class Ongoing(Generic[Result]):
    """What the trainings of a job have given so far, and where the one at work stands.

    Args:
        checkpoint: where it is left, and what is there is gone on from.
        kind: the dataclass of what a training gives; its fields can stand in a checkpoint.

    Attributes:
        done: what each finished training gave.
        left: where the training that was at work stood when the checkpoint was left, until it is taken up.
    """

    def __init__(self, checkpoint: Checkpoint, kind: Callable[..., Result]) -> None:
        self.checkpoint = checkpoint
        left = checkpoint.restore() or {"done": [], "at": None}
        self.done: list[Result] = [kind(**fields) for fields in left["done"]]
        self.left: State | None = left["at"]
        self.notes: Any = None
        self.run: Training | None = None

    def each(self, works: Sequence[Work], work: Callable[[Work], Result]) -> list[Result]:
        """What ``work`` gives for each of ``works``, one after the other; what was done before is not done again.

        Raises:
            Stopped: the job was told to stop.
        """
        with STOPS.after_a_step():
            for item in works[len(self.done) :]:
                self.done.append(work(item))
                self.run = self.notes = None
                self.offer()
        return self.done

    def take_up(self, run: Training | None, notes: Any) -> Any:
        """Begin a training, or go on with it.

        Args:
            run: the training, at its beginning; None if nothing is trained. Taken to where it stood.
            notes: a dataclass of what the work wants to know again, at its beginning; it may be changed between two
                steps.

        Returns:
            The notes as they stood.
        """
        if self.left is not None:
            notes = type(notes)(**self.left["notes"])
            if run is not None:
                run.load_state(self.left["run"])
        if run is not None:
            run.optimisation.between = self.offer
        self.run, self.left, self.notes = run, None, notes
        return notes

    def offer(self) -> None:
        """Leave a checkpoint if it is time.

        Raises:
            Stopped: the job was told to stop; the checkpoint is written.
        """
        self.checkpoint.offer(self._state)

    def _state(self) -> State:
        at = None if self.notes is None else {"notes": vars(self.notes), "run": self.run and self.run.state()}
        return {"done": [vars(result) for result in self.done], "at": at}
