"""The hosts of a pair from the files of their cards."""

from pathlib import Path

from peftport.adapters.host_files import read_host
from peftport.hosts.locate import known_folder
from peftport.maps.pair import End
from peftport.storage.cards import read_card


def end_of(card: str | Path) -> End:
    """One host of a pair; its weights are read from its files when they are asked for.

    Raises:
        HostFilesError: its files are no host's.
    """
    facts = read_card(card)
    return End(facts, read_host(known_folder(facts)))
