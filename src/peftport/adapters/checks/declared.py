"""The host that an adapter declares as its own, against the host that was given."""

from collections.abc import Iterator

from peftport.adapters.case import Case
from peftport.adapters.declared import KnownHost, declared
from peftport.adapters.host_files import HostFiles
from peftport.adapters.verdict import Reason
from peftport.hosts.locate import hub_commit

NOT_GIVEN = (
    "the host that it was trained in was not given (--trained-in): how far this one is from it cannot be told, only "
    "that it fits"
)


def reasons(case: Case) -> Iterator[Reason]:
    """Base and revision; that it declares no base matters where no other host was given."""
    if case.old is None:
        yield Reason("base", "copy", NOT_GIVEN)
    for compared in declared(case.config, _known(case.old or case.new, "--trained-in" if case.old else "--onto")):
        held = case.old is not None if compared.agrees is None else compared.agrees
        yield Reason(compared.about, "same" if held else "copy", compared.text)


def _known(host: HostFiles, where: str) -> KnownHost:
    folder = host.folder.resolve()
    cached = [part.removeprefix("models--").replace("--", "/") for part in folder.parts if part.startswith("models--")]
    said = host.config.get("_name_or_path")
    names = [*cached, host.folder.name or folder.name, *([said] if isinstance(said, str) and said else [])]
    return KnownHost(where, folder, names, hub_commit(folder))
