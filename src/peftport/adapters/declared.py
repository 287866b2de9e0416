"""The host that an adapter declares as its own, against a host that is there. A name is no identity."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from peftport.adapters.config import AdapterConfig


@dataclass(frozen=True)
class KnownHost:
    """What a host that is there goes by.

    Attributes:
        where: what sentences call it.
        folder: where it lies.
        names: of its folder, of its repository, what its config says; the first is the one that is told.
        commit: of a hub; None where that is not known.
    """

    where: str
    folder: Path
    names: Sequence[str]
    commit: str | None

    def goes_by(self, base: str) -> bool:
        """Whether this is its folder, or the last part of one of its names."""
        if Path(base).is_dir() and Path(base).resolve() == self.folder.resolve():
            return True
        return _last(base) in {_last(name) for name in self.names}


@dataclass(frozen=True)
class Compared:
    """One thing that an adapter declares.

    Attributes:
        about: `base` or `revision`.
        agrees: whether it is shown to be the host's; None where the adapter declares none.
        text: a sentence.
    """

    about: str
    agrees: bool | None
    text: str


def declared(config: AdapterConfig, host: KnownHost) -> Iterator[Compared]:
    """Base and revision."""
    base, where = config.base, host.where
    if base is None:
        yield Compared("base", None, "it does not say in which host it was trained")
    elif host.goes_by(base):
        yield Compared("base", True, f"it declares the base {base[:120]}, and {where} goes by that name")
    else:
        given = f"{where} is {host.names[0]}"
        text = f"it declares the base {base[:120]}, and {given}; whether that is the same host, names do not tell"
        yield Compared("base", False, text)
    if config.revision is not None:
        yield _revision(config.revision, host)


def _revision(revision: str, host: KnownHost) -> Compared:
    says = f"it declares the revision {revision[:60]}, and"
    if host.commit is None:
        return Compared("revision", False, f"{says} the folder of {host.where} does not say which it is")
    if not host.commit.startswith(revision):
        return Compared("revision", False, f"{says} {host.where} is of the commit {host.commit}")
    return Compared("revision", True, f"the commit of {host.where} is the revision that it declares")


def _last(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1].lower()
