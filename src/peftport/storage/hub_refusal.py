"""What goes wrong with the Hugging Face hub: what passes and is tried again, and one message for the rest."""

import contextlib
import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from peftport.registry import did_you_mean, unknown_name

WAITS = (2.0, 8.0)  # seconds before a request is sent a second and a third time, after the library's own tries
LONGEST_WAIT = 60.0  # seconds that a hub may ask for (`Retry-After`)
BUSY = (408, 429, 500, 502, 503, 504)  # answers of a hub that may answer otherwise in a moment
UNCONNECTED = ("ConnectError", "ConnectTimeout")  # httpx's errors where no connection came about
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
LOG_IN = "log in with a token that may read it (`hf auth login`, or the variable HF_TOKEN)"
FINAL = {  # answers that no further try changes
    "gated": f"it is gated. Accept its licence at {{page}} in a browser, and {LOG_IN}.",
    "missing": f"the hub has no such repository, or shows it to its members alone. Check the name.{{near}} If it is "
    f"private, {LOG_IN}.",
    "revision": "the repository has no such branch, tag or commit.{near}",
    "name": "no repository can have this name: {said}.",
    "disabled": "the hub has disabled this repository: {said}.",
}
NOT_HAD = {
    "offline": "HF_HUB_OFFLINE is set",
    "busy": "the hub is busy and answered {status}",
    "unreachable": "the hub cannot be reached, or the connection was cut: {said}",
    "disk": "the cache cannot be written: {said}",
    "other": "{said}",
}
INSTEAD = {
    **dict.fromkeys(("host", "module"), "give a local directory with `path:`"),
    "dataset": "give local `files:`",
}
OPTION = {"host": "", "module": "", "dataset": " --repo-type dataset"}

Answer = TypeVar("Answer")


class HubRefusal(FileNotFoundError):
    """A repository of the hub cannot be had; the message says what came and what to do."""


class WrongContent(OSError):
    """A file came whole and is not what the hub published."""


@contextlib.contextmanager
def named(key: str) -> Iterator[None]:
    """Begin the message of a refusal with the key of the config that names the repository."""
    try:
        yield
    except HubRefusal as error:
        raise HubRefusal(f"config key `{key}`: {error}") from error


def tried_again(request: Callable[[], Answer], say: Callable[[str], None]) -> Answer:
    """The answer to a request, which is sent again after growing waits while the hub is busy or a connection is cut.

    Args:
        say: told of each wait. ``Retry-After`` of the hub makes it longer.

    Raises:
        Exception: what the last try raised, or the first that no further try changes.
    """
    for wait in WAITS:
        try:
            return request()
        except Exception as error:  # the library raises many kinds
            if not passes(error):
                raise
            wait = max(wait, min(_asked_wait(error), LONGEST_WAIT))
            say(f"The hub: {_said(error)}. Trying again in {wait:g} s.")
        time.sleep(wait)
    return request()


def passes(error: Exception) -> bool:
    """Whether the same request may be answered otherwise in a moment.

    Where no connection comes about there is no network, or the library has tried often enough.
    """
    causes, status = list(_causes(error)), _status(error)
    if kind_of(error) in (*FINAL, "offline", "disk"):
        return False
    if status is not None:
        return status in BUSY
    if any(type(cause).__name__ in UNCONNECTED for cause in causes):
        return False
    return any(isinstance(cause, WrongContent) for cause in causes) or _is_transport(causes)


def kind_of(error: Exception) -> str:
    """What an error of the hub's library means: a key of ``FINAL`` or of ``NOT_HAD``."""
    from huggingface_hub import errors

    kinds = {
        errors.GatedRepoError: "gated",  # a kind of RepositoryNotFoundError, so it comes first
        errors.RepositoryNotFoundError: "missing",
        errors.RevisionNotFoundError: "revision",
        errors.DisabledRepoError: "disabled",
        errors.HFValidationError: "name",
        errors.OfflineModeIsEnabled: "offline",
    }
    causes, status = list(_causes(error)), _status(error)
    for cause in causes:
        for sort, kind in kinds.items():
            if isinstance(cause, sort):
                return kind
    if status in (401, 403):  # so a hub may answer to who asks for what is missing, and so it answers for private ones
        return "missing"
    if status is not None:
        return "busy" if status in BUSY else "other"
    if any(isinstance(cause, OSError) and cause.errno in DISK for cause in causes):
        return "disk"
    return "unreachable" if _is_transport(causes) else "other"


def refusal(kind: str, identifier: str, revision: str, error: Exception) -> HubRefusal:
    """One message for an error of the hub's library.

    Args:
        kind: ``host``, ``module`` or ``dataset``.
    """
    means, name = kind_of(error), f"{kind} `{identifier}` at revision `{revision}`"
    facts = {"said": _said(error), "status": _status(error)}
    if means in FINAL:
        facts |= {"page": _page(kind, identifier), "near": _near(means, kind, identifier, revision)}
        return HubRefusal(f"{name}: {FINAL[means].format(**facts)}")
    return HubRefusal(
        f"{name} is neither in the local cache nor could it be downloaded: {NOT_HAD[means].format(**facts)}. Fetch it "
        f"once where there is a network with `{fetch_command(kind, identifier, revision)}`, or {INSTEAD[kind]}."
    )


def fetch_command(kind: str, identifier: str, revision: str) -> str:
    """The command that downloads a repository into the local cache."""
    return f"hf download {identifier} --revision {revision}{OPTION[kind]}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def _status(error: Exception) -> int | None:
    """The status of the answer that an error is about."""
    responses = (getattr(cause, "response", None) for cause in _causes(error))
    return next((response.status_code for response in responses if response is not None), None)


def _asked_wait(error: Exception) -> float:
    """Seconds that the hub asks to wait (``Retry-After``), 0 where it says nothing."""
    responses = (getattr(cause, "response", None) for cause in _causes(error))
    asked = next((response.headers.get("Retry-After", "") for response in responses if response is not None), "")
    return float(asked) if asked.isdigit() else 0.0


def _is_transport(causes: list[BaseException]) -> bool:
    """Whether a connection failed: httpx's errors (the library's client), Python's own, or a length that is wrong."""
    return any(
        type(cause).__module__.startswith("httpx")
        or isinstance(cause, (ConnectionError, TimeoutError))
        or "Consistency check failed" in str(cause)
        for cause in causes
    )


def _said(error: Exception) -> str:
    """The deepest cause of an error, as its kind and the first line that it says."""
    *_, cause = _causes(error)
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[0].rstrip('.')}" if lines else type(cause).__name__


def _page(kind: str, identifier: str) -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{identifier}"


def _near(means: str, kind: str, identifier: str, revision: str) -> str:
    """Near names: of a revision those of the repository, of a repository those in the local cache."""
    if means == "missing":
        return did_you_mean(identifier, _cached_repositories(kind))
    if means != "revision":
        return ""
    from huggingface_hub import HfApi

    try:
        refs = HfApi().list_repo_refs(identifier, repo_type="dataset" if kind == "dataset" else "model")
    except Exception:  # any: the message goes without
        return ""
    known = [ref.name for ref in (*refs.branches, *refs.tags)]
    message = unknown_name("revision", revision, known)
    return " " + message[0].upper() + message[1:]


def _cached_repositories(kind: str) -> list[str]:
    from huggingface_hub import constants

    start = "datasets--" if kind == "dataset" else "models--"
    folders = sorted(Path(constants.HF_HUB_CACHE).glob(f"{start}*"))
    return [folder.name.removeprefix(start).replace("--", "/") for folder in folders]
