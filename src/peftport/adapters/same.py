"""Whether two hosts are one: their weights, byte for byte."""

from pathlib import Path

from peftport.adapters.host_files import HostFiles

CHUNK = 4 * 2**20


def same_weights(one: HostFiles, other: HostFiles) -> bool:
    """Whether the weight files of two hosts hold the same bytes; reading ends at the first that differ."""
    files = [sorted(set(host.homes.values())) for host in (one, other)]
    if [file.name for file in files[0]] != [file.name for file in files[1]]:
        return False
    pairs = [pair for pair in zip(*files, strict=True) if not pair[0].samefile(pair[1])]
    return all(a.stat().st_size == b.stat().st_size for a, b in pairs) and all(_same(a, b) for a, b in pairs)


def _same(one: Path, other: Path) -> bool:
    with open(one, "rb") as first, open(other, "rb") as second:
        while True:
            chunk = first.read(CHUNK)
            if chunk != second.read(CHUNK):
                return False
            if not chunk:
                return True
