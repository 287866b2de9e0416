"""The fork server of a Snakemake run: it imports what most jobs import, then forks one child per job.

It has one thread, never touches a GPU, and nothing of this library is imported before the fork, so a job runs the
same code as in a process of its own. It ends with the Snakemake run, however that ends, and its children with it.
"""

import contextlib
import ctypes
import gc
import importlib
import os
import runpy
import selectors
import signal
import socket
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from peftport.jobs.controlling_run import RUN
from peftport.jobs.fork_client import OFFER, READY

PRELOADED = (
    "torch",
    "transformers.models.t5.modeling_t5",
    "transformers.models.auto",
    "peft",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "seaborn",
    "snakemake.script",
    "pydantic.networks",
    "pydantic.types",
    "pydantic.root_model",  # has a model, so that pydantic has looked for its plugins
)
PR_SET_PDEATHSIG = 1


@dataclass(eq=False)
class Call:
    """A job that calls.

    Attributes:
        socket: the connection to it.
        script: the path of its script; empty until it has said it.
        streams: its standard streams, until its child has them.
        child: process id of the child that runs the script; None until the job has accepted the offer.
        over: whether the child has ended, or the job has gone before there was one.
    """

    socket: socket.socket
    script: str = ""
    streams: list[int] = field(default_factory=list)
    child: int | None = None
    over: bool = False


class ForkServer:
    """Answers jobs until the run ends.

    A job sends its script's path with its standard streams, gets an offer, and accepts it; only then a child is forked,
    so that a job that no longer waited runs its script nowhere twice. What it sends later are signals for the child.

    Args:
        listener: where jobs call.
        run: process id of Snakemake.
    """

    def __init__(self, listener: socket.socket, run: int) -> None:
        self.listener, self.events = listener, selectors.DefaultSelector()
        self.events.register(listener, selectors.EVENT_READ, (self._answer, None))
        self.events.register(os.pidfd_open(run), selectors.EVENT_READ, (self._end, None))
        self.calls: set[Call] = set()
        self.ended = False

    def serve(self) -> None:
        """Fork, pass signals on, tell outcomes; return when the run has ended."""
        while not self.ended:
            for key, _ in self.events.select():
                act, call = key.data
                if call is None or not call.over:  # else it was over within this round
                    act(call)

    def _answer(self, _: None) -> None:
        call = Call(self.listener.accept()[0])
        self.calls.add(call)
        self.events.register(call.socket, selectors.EVENT_READ, (self._hear, call))

    def _hear(self, call: Call) -> None:
        """A message of a job: its script, that it accepts, a signal for its child; or that it is gone."""
        try:
            message, streams, _flags, _sender = socket.recv_fds(call.socket, 4096, 3)
            if message and not call.script:
                call.script, call.streams = os.fsdecode(message), streams
                call.socket.send(OFFER)
                return
        except OSError:
            message = b""
        if not message:
            self._forget(call)
        elif call.child is None:
            self._fork(call)
        else:
            os.kill(call.child, message[0])

    def _fork(self, call: Call) -> None:
        parent = os.getpid()
        call.child = os.fork()
        if call.child == 0:
            self._become_job(call, parent)
        self._close_streams(call)
        self.events.register(os.pidfd_open(call.child), selectors.EVENT_READ, (self._tell, call))

    def _forget(self, call: Call) -> None:
        """A job that is gone takes its child along."""
        self.events.unregister(call.socket)
        if call.child is not None:
            os.kill(call.child, signal.SIGKILL)
            return
        self._close_streams(call)
        self._close(call)

    def _tell(self, call: Call) -> None:
        _, status = os.waitpid(call.child, 0)
        for key in list(self.events.get_map().values()):
            if key.data[1] is call:
                self.events.unregister(key.fileobj)
                if isinstance(key.fileobj, int):
                    os.close(key.fileobj)
        with contextlib.suppress(OSError):  # the job is gone
            call.socket.send(str(os.waitstatus_to_exitcode(status)).encode())
        self._close(call)

    def _close(self, call: Call) -> None:
        call.over = True
        call.socket.close()
        self.calls.discard(call)

    def _close_streams(self, call: Call) -> None:
        for stream in call.streams:
            os.close(stream)
        call.streams = []

    def _end(self, _: None) -> None:
        for call in self.calls:
            if call.child is not None:
                os.kill(call.child, signal.SIGKILL)
        self.ended = True

    def _become_job(self, call: Call, parent: int) -> None:
        """In the child: take the job's streams, keep nothing else of the server open, run the script, end.

        The child tells the job its outcome itself, so that a server that is stopped meanwhile keeps no job waiting.
        """
        code = 1
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            for number, stream in enumerate(call.streams):
                os.dup2(stream, number)
                os.close(stream)
            for other in self.calls - {call}:
                self._close_streams(other)
            for key in list(self.events.get_map().values()):
                if key.fileobj is not call.socket:
                    os.close(key.fd)
            if os.getppid() == parent:  # else it died before it could have taken this process along
                code = run_script(call.script)
        finally:
            with contextlib.suppress(OSError):
                call.socket.send(str(code).encode())
            os._exit(code)


def run_script(script: str) -> int:
    """Run a script as Python runs its main program; returns the exit status."""
    del os.environ[RUN]  # whoever has it asks for a fork server
    sys.argv, code = [script], 0
    sys.path.insert(0, str(Path(script).parent))
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except KeyboardInterrupt:  # Ctrl-C before the job could say what that means to it
        code = 128 + signal.SIGINT
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def main(arguments: list[str]) -> None:
    """``<file descriptor of the listening socket> <process id of Snakemake> <path of the socket>``"""
    address = Path(arguments[2])
    inode = address.stat().st_ino
    try:
        server = ForkServer(socket.socket(fileno=int(arguments[0])), int(arguments[1]))
        for name in PRELOADED:
            importlib.import_module(name)
        gc.collect()
        gc.freeze()  # what is there now stays, and its pages stay shared
        address.with_suffix(READY).touch()
        server.serve()
    finally:
        with contextlib.suppress(OSError):  # the run has taken the folder away, or another server is still there
            if address.exists() and address.stat().st_ino == inode:
                address.unlink()
                address.with_suffix(READY).unlink(missing_ok=True)
            address.parent.rmdir()


if __name__ == "__main__":
    main(sys.argv[1:])
