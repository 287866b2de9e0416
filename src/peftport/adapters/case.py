"""One adapter, the host that it is to move into, and the host that it was trained in: all that checks look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peftport.adapters.config import AdapterConfig, normalised
from peftport.adapters.folder import LARGEST_CONFIG, Adapter, file_inside, read_adapter
from peftport.adapters.host_files import HostFiles, read_host
from peftport.adapters.host_modules import HostModules, host_modules
from peftport.adapters.sites import Sites, sites_of
from peftport.storage.cards import read_card
from peftport.storage.modules import CARD, LABEL_WORDS


@dataclass(frozen=True)
class Case:
    """What the files of an adapter and of its hosts say.

    Attributes:
        adapter: as it lies in its folder.
        config: its config in one form.
        sites: where its tensors belong.
        new: the host that it is to move into, and its submodules.
        old: the host that it was trained in, and its submodules; None where it was not given.
        words: the label words that it answers; none where they are not known.
    """

    adapter: Adapter
    config: AdapterConfig
    sites: Sites
    new: HostFiles
    new_modules: HostModules
    old: HostFiles | None
    old_modules: HostModules | None
    words: tuple[str, ...] = ()

    @property
    def unlike(self) -> bool:
        """Whether both hosts are there and are not one folder."""
        return self.old is not None and self.old.folder.resolve() != self.new.folder.resolve()


def read_case(adapter: Path, new: HostFiles, old: HostFiles | None, words: Sequence[str] = ()) -> Case:
    """All of it from files.

    Args:
        words: the label words; without any those of the adapter's card, if `peftport assess` wrote it.

    Raises:
        AdapterError: the adapter cannot be read.
    """
    there = read_adapter(adapter)
    config = normalised(there)
    modules = None if old is None else host_modules(old)
    words = tuple(words) or words_of(there)
    return Case(there, config, sites_of(there, config), new, host_modules(new), old, modules, words)


def words_of(adapter: Adapter) -> tuple[str, ...]:
    """The label words that a card beside an adapter says; none where there is no whole card, or it says none."""
    try:
        path = file_inside(adapter.folder, CARD)
        said = read_card(path).get(LABEL_WORDS) if path.stat().st_size <= LARGEST_CONFIG else None
    except (OSError, ValueError):
        return ()
    return tuple(map(str, said)) if isinstance(said, list) else ()


def read_hosts(new: Path, old: Path | None) -> tuple[HostFiles, HostFiles | None]:
    """The host that an adapter is to move into, and the one that it was trained in if that is given.

    Raises:
        HostFilesError: one cannot be read.
    """
    return read_host(new), None if old is None else read_host(old)
