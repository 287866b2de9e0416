"""What a job does about the files that it reads: are they those of its plan, and if not, out of the way with them.

A file of a study says which file it is (``path``) and how it was made (``key``). Files in which neither can stand, such
as pictures, have their digest in a card beside them (``digests``).
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from peftport.storage.cards import DIGESTS, read_card
from peftport.storage.files import DamagedFile, check_files
from peftport.storage.provenance import JsonObject, path_in_study

AGAIN = "run the same command again to remake"
ABSENT = "is not there"
NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
WITHOUT_PERMISSION = "Get write permission, or copy the folder of the study and run there (--directory)."


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file.

    Attributes:
        path: the file.
        why: what is said of it, after its path.
    """

    path: Path
    why: str


class WrongInputs(ValueError):
    """Files that are not what the plan of a job says.

    Attributes:
        faults: what is wrong with each.
    """

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.path} {fault.why}" for fault in faults))


def provenance_of(path: Path) -> JsonObject:
    """What a Parquet file, or a JSON card, says of itself.

    Raises:
        DamagedFile: it is damaged.
        FileNotFoundError: it is not there.
    """
    if path.suffix != ".parquet":
        return read_card(path)
    from peftport.storage.parquet import read_provenance  # planning imports this file and need not load pandas

    return read_provenance(path)


def check_inputs(expected: dict[str, str]) -> None:
    """Compare files with what they should be, and the files beside them with the digests that they give.

    Args:
        expected: paths to keys.

    Raises:
        WrongInputs: with every file that is absent, damaged, another one, or made otherwise.
    """
    if faults := [fault for path, key in expected.items() for fault in faults_of(Path(path), key)]:
        raise WrongInputs(faults)


def faults_of(path: Path, key: str) -> Iterator[Fault]:
    """What is wrong with a file that must have this key, and with the files beside it whose digests it gives."""
    try:
        said = provenance_of(path)
    except DamagedFile as error:
        yield Fault(path, f"is damaged: {error.why}")
        return
    except FileNotFoundError:
        yield Fault(path, ABSENT)
        return
    keys = f"(its key is {said.get('key')}, expected {key})"
    if said.get("path") != path_in_study(path):
        yield Fault(path, f"says that it is {said.get('path')} {keys}")
    elif said.get("key") != key:
        yield Fault(path, f"was made with other settings or other code {keys}")
    for name, digest in said.get(DIGESTS, {}).items():
        try:
            check_files(path.parent, {name: digest}, f"{path.name} was written")
        except DamagedFile as error:
            yield Fault(error.path, f"is damaged: {error.why}")


def explained(error: Exception, inputs: Iterable[str]) -> str:
    """What to say of an expected error; wrong inputs that the study made are taken out of the way.

    The next run then makes them anew; of an input that is a folder, the whole. Files that are no inputs of the job's
    rule, such as those of a host from elsewhere, stay where they are. Another job that reads the same file at that
    moment does not find it, and says why.

    Args:
        inputs: the paths of the rule's inputs.
    """
    inputs = list(inputs)
    if getattr(error, "errno", None) in NO_PERMISSION:
        return f"{error}. {WITHOUT_PERMISSION}"
    if not isinstance(error, WrongInputs):
        path = getattr(error, "path", None) or getattr(error, "filename", None)
        damaged = isinstance(error, DamagedFile)
        if path is None or input_of(path, inputs) is None or (Path(path).exists() and not damaged):
            return str(error)
        error = WrongInputs([Fault(Path(path), f"is damaged: {error.why}" if damaged else ABSENT)])
    said = [_aside(fault, input_of(fault.path, inputs)) for fault in error.faults]
    if len(said) == 1:
        return said[0]
    lines = "".join(f"\n  {sentence}" for sentence in said)
    return f"{len(said)} files that this job reads are not what they should be:{lines}"


def _aside(fault: Fault, given: Path | None) -> str:
    """Take the input out of the way in which the fault is, if it is still there, and say so."""
    aside = Path(f"{given}.damaged")
    if given is None or not (given.exists() or aside.exists()):
        return f"{fault.path} {fault.why}."
    itself = os.path.normpath(fault.path) == str(given)
    if itself and fault.why == ABSENT:
        return f"{fault.path} was found damaged and now lies in {aside.name}; {AGAIN} it."
    take_aside(given, aside)
    what = "It" if itself else f"Its folder {given}"
    return f"{fault.path} {fault.why}. {what} now lies in {aside.name}; {AGAIN} it."


def input_of(path: str | Path, inputs: Iterable[str]) -> Path | None:
    """The input of a rule that a file is, or that it lies in."""
    file, places = Path(os.path.normpath(path)), {os.path.normpath(given) for given in inputs}
    return next((place for place in (file, *file.parents) if str(place) in places), None)


def take_aside(path: Path, aside: Path) -> None:
    """Rename a file or a folder; what an earlier fault has left under the new name goes."""
    with contextlib.suppress(FileNotFoundError):  # another job was faster
        if path.is_dir() and aside.is_dir():
            shutil.rmtree(aside)
        os.replace(path, aside)
