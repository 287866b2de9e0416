"""Whether an adapter can be moved into a host, and every reason: from files alone, or with their weights as well."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from peftport.adapters.case import Case, read_case, read_hosts
from peftport.adapters.checks.table import CHECKS
from peftport.adapters.folder import AdapterError
from peftport.adapters.same import same_weights
from peftport.adapters.verdict import Reason, Report
from peftport.adapters.weights import look_at_weights


def check(
    adapter: str | Path,
    onto: str | Path,
    trained_in: str | Path | None = None,
    weights: bool = False,
    words: Sequence[str] = (),
) -> Report:
    """The verdict on an adapter and a host, as ``checked`` finds it."""
    return checked(adapter, onto, trained_in, weights, words)[0]


def checked(
    adapter: str | Path,
    onto: str | Path,
    trained_in: str | Path | None = None,
    weights: bool = False,
    words: Sequence[str] = (),
) -> tuple[Report, Case | None]:
    """The verdict on an adapter and a host, and what was looked at.

    An adapter that cannot be read is ``impossible``, with the reason, and there is nothing that was looked at.

    Args:
        adapter: a PEFT folder.
        onto: the folder of the host that it is to move into.
        trained_in: that of the host that it was trained in, if there is one.
        weights: whether weights are read as well; loads torch.
        words: the label words that it answers, if they are known.

    Raises:
        HostFilesError: a host cannot be read.
    """
    new, old = read_hosts(Path(onto), None if trained_in is None else Path(trained_in))
    names = (str(adapter), str(onto), None if trained_in is None else str(trained_in))
    try:
        case = read_case(Path(adapter), new, old, words)
    except AdapterError as error:
        return Report(*names, (Reason("file", "impossible", str(error)),)), None
    reasons = [*_identity(case), *(reason for looked_at in CHECKS.values() for reason in looked_at(case))]
    measured = {}
    if weights:
        more, measured = look_at_weights(case, reasons)
        reasons += more
    if any(reason.level == "map" for reason in reasons):
        from peftport.adapters import by_map  # most adapters fit, and the methods take a while to import

        reasons += by_map.reasons(case)
    return Report(*names, tuple(reasons), measured), case


def _identity(case: Case) -> Iterator[Reason]:
    """Whether both hosts are one; without that, no verdict is better than ``copy``."""
    if case.old is None:
        return
    if same_weights(case.old, case.new):
        yield Reason("weights", "same", "the weights of both hosts are the same, byte for byte")
    else:
        text = "the weights of the hosts are not the same; --weights says how far they are apart"
        yield Reason("weights", "copy", text)
