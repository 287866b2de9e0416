"""Client of the fork server: a job lets the server run its script, and need not import torch and peft itself.

The first job that needs a host starts the fork server (``peftport.jobs.fork_server``) of its Snakemake run. Every such
job sends its script's path and its standard streams over a socket in a private folder. The server forks a child that
runs the script; the job waits, passes signals on and ends as the child ends. Where there can be no server (not Linux,
a GPU, a job of a cluster, ``PEFTPORT_FORK_SERVER=0``, any error on the way), the job runs its script itself. Jobs that
need no host use a server that is there and start none. Only the standard library is imported here.
"""

import contextlib
import gc
import hashlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

RUN = "PEFTPORT_RUN"  # set by the Snakefile: the process id of Snakemake
WANTED = "PEFTPORT_FORK_SERVER"
GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
MOST = 2  # fork servers of one run: one for each environment that jobs have (numbers of threads, for example)
OF_SHELLS = ("SHLVL", "_")
SETTINGS = {
    # glibc's malloc gives the pages of large tensors back and asks for them again in every step, a tenth of its time
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow would start a thread, and a fork must find none
}
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


def run_in_fork_server(start: bool = True) -> None:
    """Run this script in the fork server and end as it ends; return where it has to run here.

    Args:
        start: whether a server is started where there is none; a job that needs no host can do without.
    """
    with contextlib.suppress(OSError, ValueError):
        if (call := _call(Path(sys.argv[0]).absolute(), start)) is not None:
            _end_as(_outcome(call))
    gc.disable()  # looking for garbage is a fifth of the time that the imports take; `jobs.job` turns it on again


def _call(script: Path, start: bool) -> socket.socket | None:
    """A connection over which the script's outcome will come; None if nobody takes the script."""
    possible = sys.platform.startswith("linux") and not any(map(os.path.exists, GPU_DEVICES))
    if not possible or os.environ.get(WANTED) == "0" or (run := _controlling_run()) is None:
        return None
    call = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    call.connect(str(_address(*run, start)))
    # from here on a signal belongs to the child; one that comes before it is there follows right after it
    for number in PASSED_ON:
        signal.signal(number, lambda number, frame: _pass_on(call, number))
    socket.send_fds(call, [os.fsencode(script)], [0, 1, 2])
    if call.recv(1):
        return call
    for number in PASSED_ON:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    return None


def _pass_on(call: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):
        call.send(bytes([number]))


def _outcome(call: socket.socket) -> int:
    """What ``os.waitstatus_to_exitcode`` says of the child."""
    try:
        answer = call.recv(64)
    except OSError:
        answer = b""
    if not answer:
        print("error: the fork server was ended; PEFTPORT_FORK_SERVER=0 does without it", file=sys.stderr)
    return int(answer or 1)


def _end_as(code: int) -> None:
    """End with this exit status, or by this signal if it is negative."""
    if code < 0:
        if code != -signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    raise SystemExit(code)


def _controlling_run() -> tuple[int, str] | None:
    """Process id and start of the Snakemake process that this job descends from, if the Snakefile has named it."""
    named, process = os.environ.get(RUN, ""), os.getpid()
    while named and process > 1:
        # the fields after the name, which stands in brackets and may hold anything: state, parent, ..., start
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        if str(process) == named:
            return process, fields[19]
        process = int(fields[1])
    return None


def _address(run: int, began: str, start: bool) -> Path:
    """The socket of the fork server for this run and this environment; if there is none, it may be started.

    Raises:
        OSError: it cannot be started; a longer path than about 100 characters is no address.
        ValueError: the folder is not private, there is none and it is not to be started, or the run has enough of them.
    """
    folder = Path(tempfile.gettempdir()) / f"peftport-{run}-{began}"
    if start:
        folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise ValueError(f"{folder} is not private")
    environment = sorted(item for item in os.environ.items() if item[0] not in OF_SHELLS)
    same = json.dumps([sys.executable, os.getcwd(), environment])
    address = folder / hashlib.sha256(same.encode()).hexdigest()[:16]
    if not address.exists():
        if not start:
            raise ValueError(f"nobody listens at {address}")
        if len(list(folder.iterdir())) >= MOST:
            raise ValueError(f"{folder} holds {MOST} sockets")
        _start(run, address)
    return address


def _start(run: int, address: Path) -> None:
    """Start a fork server that listens at ``address``, unless another job is first."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        private = address.with_suffix(f".{os.getpid()}")
        listener.bind(str(private))
        listener.listen(128)
        try:
            os.link(private, address)  # nobody finds a socket that does not listen yet
        except FileExistsError:
            return
        finally:
            private.unlink()
        subprocess.Popen(
            [sys.executable, "-P", "-m", "peftport.jobs.fork_server", str(listener.fileno()), str(run), str(address)],
            env=SETTINGS | os.environ,
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
