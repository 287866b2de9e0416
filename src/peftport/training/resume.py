"""Where a job of several trainings stands, so that a checkpoint can hold it and the next run go on from there."""

from typing import Any

from peftport.jobs.checkpoints import Checkpoint, State
from peftport.training.loop import Training


class Ongoing:
    """What the groups of a job have given so far, and where the one at work stands.

    Args:
        checkpoint: where it is left, and what is there is gone on from.

    Attributes:
        done: each finished group of members with what its work gave.
        left: where the group that was at work stood when the checkpoint was left, until it is taken up.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        left = checkpoint.restore() or {"done": [], "at": None}
        self.done: list[tuple[list[int], Any]] = [(group, result) for group, result in left["done"]]
        self.left: dict[str, Any] | None = left["at"]
        self.at: dict[str, Any] | None = None
        self.run: Training | None = None

    def group(self, members: list[int]) -> list[int]:
        """The members to work on: these, or those of the group that was at work when the checkpoint was left."""
        return members if self.left is None else self.left["group"]

    def take_up(self, group: list[int], run: Training | None, notes: dict[str, Any]) -> dict[str, Any]:
        """Begin the work on a group, or go on with it.

        Args:
            group: its members.
            run: its training, at its beginning; None if nothing is trained. Taken to where it stood.
            notes: what the work wants to know again, at its beginning; it may be changed between two steps.

        Returns:
            The notes as they stood.
        """
        if self.left is not None:
            notes = self.left["notes"]
            if run is not None:
                run.load_state(self.left["run"])
        if run is not None:
            run.between = self.offer
        self.run, self.left, self.at = run, None, {"group": group, "notes": notes}
        return notes

    def finish(self, group: list[int], result: Any) -> None:
        """Note what the work on a group gave."""
        self.done.append((group, result))
        self.run = self.at = None
        self.offer()

    def offer(self) -> None:
        """Leave a checkpoint if it is time.

        Raises:
            Stopped: the job was told to stop; the checkpoint is written.
        """
        self.checkpoint.offer(self._state)

    def _state(self) -> State:
        at = self.at and self.at | {"run": self.run and self.run.state()}
        return {"done": self.done, "at": at}
