"""What a job in one host reads: the host's card, and prompts of a dataset as the host reads them."""

from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedModel

from peftport.compute.device import load_host
from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.prompting.task import Task
from peftport.prompting.template import TaskSettings
from peftport.storage.cards import read_card
from peftport.storage.provenance import JsonObject


@dataclass(frozen=True)
class HostInputs:
    """Files that a job in one host reads.

    Attributes:
        card: the host's card.
        train: prompts of the dataset's training split for this host; None where the job reads none.
        validation: those of its validation split.
        test: those of its test split.
    """

    card: Path
    train: Path | None = None
    validation: Path | None = None
    test: Path | None = None


@dataclass(frozen=True)
class HostWithTask:
    """A host by its card, and a dataset as it is put to the host.

    Attributes:
        card: what the host's card says.
        task: the dataset as the host sees it.
    """

    card: JsonObject
    task: Task

    @classmethod
    def read(cls, card_file: Path, task: TaskSettings) -> "HostWithTask":
        """Read a host's card and its tokenizer.

        Args:
            task: template and label words.

        Raises:
            ValueError: the host's files are not where the card says, or as ``Task.for_host`` says.
        """
        card = read_card(card_file)
        return cls(card, Task.for_host(task, load_tokenizer(known_folder(card)), card))

    def load(self, precision: str) -> PreTrainedModel:
        """The frozen host on the job's device, its weights in this precision (``load_host``)."""
        return load_host(known_folder(self.card), precision, len(self.task.words) if self.parts else None)

    @property
    def parts(self) -> tuple[str, ...]:
        """The submodules of its classification head that belong to modules; none where it has no such head."""
        return tuple(self.card.get("head_parts", ()))
