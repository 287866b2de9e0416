"""The host that an adapter declares as its own, against the host that was given. A name is no identity."""

from collections.abc import Iterator
from pathlib import Path

from peftport.adapters.case import Case
from peftport.adapters.host_files import HostFiles
from peftport.adapters.verdict import Reason
from peftport.hosts.locate import hub_commit

NOT_GIVEN = (
    "the host that it was trained in was not given (--trained-in): how far this one is from it cannot be told, only "
    "that it fits"
)


def reasons(case: Case) -> Iterator[Reason]:
    """Base and revision."""
    base, host = case.config.base, case.old or case.new
    where = "--trained-in" if case.old else "--onto"
    if case.old is None:
        yield Reason("base", "copy", NOT_GIVEN)
    if base is None:
        level = "copy" if case.old is None else "same"
        yield Reason("base", level, "it does not say in which host it was trained")
    elif _is_named(base, host):
        yield Reason("base", "same", f"it declares the base {base[:120]}, and {where} goes by that name")
    else:
        given = f"{where} is {_names(host)[0]}"
        text = f"it declares the base {base[:120]}, and {given}; whether that is the same host, names do not tell"
        yield Reason("base", "copy", text)
    yield from _revision(case.config.revision, host, where)


def _revision(revision: str | None, host: HostFiles, where: str) -> Iterator[Reason]:
    commit = hub_commit(host.folder.resolve())
    if revision is None:
        return
    if commit is None:
        text = f"it declares the revision {revision[:60]}, and the folder of {where} does not say which it is"
        yield Reason("revision", "copy", text)
    elif not commit.startswith(revision):
        text = f"it declares the revision {revision[:60]}, and {where} is of the commit {commit}"
        yield Reason("revision", "copy", text)
    else:
        yield Reason("revision", "same", f"the commit of {where} is the revision that it declares")


def _names(host: HostFiles) -> list[str]:
    """What a host may go by: its folder, the repository of a hub's cache, and what its config says."""
    folder = host.folder.resolve()
    cached = [part.removeprefix("models--").replace("--", "/") for part in folder.parts if part.startswith("models--")]
    said = host.config.get("_name_or_path")
    return [*cached, host.folder.name or folder.name, *([said] if isinstance(said, str) and said else [])]


def _is_named(base: str, host: HostFiles) -> bool:
    if Path(base).is_dir() and Path(base).resolve() == host.folder.resolve():
        return True
    ends = {name.rstrip("/").rsplit("/", 1)[-1].lower() for name in _names(host)}
    return base.rstrip("/").rsplit("/", 1)[-1].lower() in ends
