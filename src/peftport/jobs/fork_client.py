"""Client of the fork server: a job lets the server run its script, and need not import torch and peft itself.

The first job that needs a host starts the fork server (``peftport.jobs.fork_server``) of its Snakemake run. Every such
job sends its script's path and its standard streams over a socket in a private folder. The server offers to take the
script, the job accepts, and the server forks a child that runs it; the job waits, passes signals on and ends as the
child ends. Where there can be no server (not Linux, a GPU, a job of a cluster, ``PEFTPORT_FORK_SERVER=0``, any error on
the way), or where it does not answer in time, the job runs its script itself. Jobs that need no host use a server that
is there and start none. Beside the standard library only what needs nothing else is imported here.
"""

import contextlib
import gc
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from peftport.jobs.address_space import too_little_address_space
from peftport.jobs.controlling_run import controlling_run, end_with_run, is_private, servers_folder

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
ANSWER_SECONDS = 5.0  # within which a server that is ready has to offer to take a script
START_SECONDS = 60.0  # within which one has to be ready: it imports torch, and the machine may be busy
OFFER, ACCEPT = b"1", b"\0"
READY, SILENT = ".ready", ".silent"  # beside a server's socket: it has imported everything; it gave no answer

NOTES: list[str] = []  # what the job's log says of the hand-over, once there is one


def run_in_fork_server(start: bool = True) -> None:
    """Run this script in the fork server and end as it ends; return where it has to run here.

    Args:
        start: whether a server is started where there is none; a job that needs no host can do without.

    Raises:
        SystemExit: as the script's process ended; or the address space is too small for it.
    """
    sys.excepthook = _quiet_on_interrupt
    if message := too_little_address_space():
        raise SystemExit(f"error: {message}.")
    with contextlib.suppress(OSError, ValueError):
        if (call := _call(Path(sys.argv[0]).absolute(), start)) is not None:
            _end_as(_outcome(call))
    end_with_run()
    gc.disable()  # looking for garbage is a fifth of the time that the imports take; `jobs.job` turns it on again


def _quiet_on_interrupt(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What an error that nobody caught says; nothing after Ctrl-C."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


def _call(script: Path, start: bool) -> socket.socket | None:
    """A connection over which the script's outcome will come; None if nobody takes the script."""
    possible = sys.platform.startswith("linux") and not any(map(os.path.exists, GPU_DEVICES))
    if not possible or os.environ.get(WANTED) == "0" or (run := controlling_run()) is None:
        return None
    call, address = _connected(run, start)
    # a signal that comes now waits; it belongs to the child if there will be one, else to this process
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    try:
        socket.send_fds(call, [os.fsencode(script)], [0, 1, 2])
        if not _offered(call, address):
            call.close()
            return None
        call.settimeout(None)  # the job may take as long as it takes
        call.send(ACCEPT)
        for number in PASSED_ON:
            signal.signal(number, lambda number, frame: _pass_on(call, number))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    return call


def _connected(run: tuple[int, str], start: bool) -> tuple[socket.socket, Path]:
    """A connection to a fork server of this run, and its address; one that is dead is replaced.

    Raises:
        OSError, ValueError: there can be none; as ``_address``.
    """
    for last in (False, True):
        address = _address(*run, start)
        inode = address.stat().st_ino
        call = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        call.settimeout(ANSWER_SECONDS)
        try:
            call.connect(str(address))
            break
        except ConnectionRefusedError:  # nobody listens any more
            call.close()
            if last:
                raise
            if address.stat().st_ino == inode:  # else another job has replaced it already
                address.unlink(missing_ok=True)
    return call, address


def _offered(call: socket.socket, address: Path) -> bool:
    """Wait until the server offers to take the script. One that does not in time gets no further jobs."""
    began, ready = time.monotonic(), None
    call.settimeout(0.2)
    while True:
        try:
            return call.recv(1) == OFFER
        except TimeoutError:
            now = time.monotonic()
        if ready is None and address.with_suffix(READY).exists():
            ready = now
        if now - began > START_SECONDS or (ready is not None and now - ready > ANSWER_SECONDS):
            NOTES.append(
                f"the fork server did not answer for {now - began:.0f} s (is it stopped?); this job runs by itself"
            )
            address.rename(address.with_suffix(SILENT))  # it still counts, so that there are never more than MOST
            return False


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


def _address(run: int, began: str, start: bool) -> Path:
    """The socket of the fork server for this run and this environment; if there is none, it may be started.

    Raises:
        OSError: it cannot be started; a longer path than about 100 characters is no address.
        ValueError: the folder is not private, there is none and it is not to be started, or the run has enough of them.
    """
    folder = servers_folder(run, began)
    if start:
        folder.mkdir(mode=0o700, exist_ok=True)
    if not is_private(folder):
        raise ValueError(f"{folder} is not private")
    environment = sorted(item for item in os.environ.items() if item[0] not in OF_SHELLS)
    same = json.dumps([sys.executable, os.getcwd(), environment])
    address = folder / hashlib.sha256(same.encode()).hexdigest()[:16]
    if not address.exists():
        if not start:
            raise ValueError(f"nobody listens at {address}")
        if sum(path.suffix != READY for path in folder.iterdir()) >= MOST:
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
        address.with_suffix(READY).unlink(missing_ok=True)  # of one that was killed
        subprocess.Popen(
            [sys.executable, "-P", "-m", "peftport.jobs.fork_server", str(listener.fileno()), str(run), str(address)],
            env=SETTINGS | os.environ,
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
