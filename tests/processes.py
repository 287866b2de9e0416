"""Which processes there are, for tests that end some of their own."""

import os
from pathlib import Path


def _all() -> dict[int, tuple[int, list[str]]]:
    """Parent and command line of every process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(folder.name)] = parent, (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:  # it ended
            continue
    return found


def cpu_seconds(process: int) -> float:
    """Seconds of user and system time that a process has taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def below(process: int) -> dict[int, str]:
    """Command lines of the processes that descend from this one."""
    every = _all()

    def descends(one: int) -> bool:
        while one in every and one != process:
            one = every[one][0]
        return one == process

    return {one: " ".join(line) for one, (_, line) in every.items() if one != process and descends(one)}


def fork_servers(run: int) -> list[int]:
    """The fork servers of a Snakemake run, with the jobs that they forked."""
    every = _all()
    return [
        one for one, (_, line) in every.items() if "peftport.jobs.fork_server" in line and line[-3:-2] == [str(run)]
    ]
