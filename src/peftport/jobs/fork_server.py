"""The fork server of a Snakemake run: it imports what jobs with a host import, then forks one child per job.

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
from pathlib import Path

from peftport.jobs.fork_client import RUN

PRELOADED = (
    "torch",
    "transformers.models.t5.modeling_t5",
    "transformers.models.auto",
    "peft",
    "pandas",
    "pyarrow.parquet",
)
PR_SET_PDEATHSIG = 1


class ForkServer:
    """Answers jobs until the run ends.

    Args:
        listener: where jobs call; a call is one message, the script's path with the job's standard streams.
        run: process id of Snakemake.
    """

    def __init__(self, listener: socket.socket, run: int) -> None:
        self.listener, self.events = listener, selectors.DefaultSelector()
        self.events.register(listener, selectors.EVENT_READ, (self._answer, None))
        self.events.register(os.pidfd_open(run), selectors.EVENT_READ, (self._end, None))
        self.children: dict[int, socket.socket] = {}
        self.ended = False

    def serve(self) -> None:
        """Fork, pass signals on, tell outcomes; return when the run has ended."""
        while not self.ended:
            for key, _ in self.events.select():
                act, child = key.data
                if child is None or child in self.children:  # else it ended within this round
                    act(child)

    def _answer(self, _: None) -> None:
        call, _address = self.listener.accept()
        message, streams, _flags, _sender = socket.recv_fds(call, 4096, 3)
        call.send(b"1")
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            self._become_job(os.fsdecode(message), streams, parent)
        for stream in streams:
            os.close(stream)
        self.children[child] = call
        self.events.register(call, selectors.EVENT_READ, (self._signal, child))
        self.events.register(os.pidfd_open(child), selectors.EVENT_READ, (self._tell, child))

    def _signal(self, child: int) -> None:
        """Pass a signal on; a job that is gone takes its child along."""
        try:
            number = self.children[child].recv(1)
        except OSError:
            number = b""
        if not number:
            self.events.unregister(self.children[child])
        os.kill(child, number[0] if number else signal.SIGKILL)

    def _tell(self, child: int) -> None:
        _, status = os.waitpid(child, 0)
        call = self.children.pop(child)
        for key in list(self.events.get_map().values()):
            if key.data[1] == child:
                self.events.unregister(key.fileobj)
                if isinstance(key.fileobj, int):
                    os.close(key.fileobj)
        with contextlib.suppress(OSError):  # the job is gone
            call.send(str(os.waitstatus_to_exitcode(status)).encode())
        call.close()

    def _end(self, _: None) -> None:
        for child in self.children:
            os.kill(child, signal.SIGKILL)
        self.ended = True

    def _become_job(self, script: str, streams: list[int], parent: int) -> None:
        """In the child: take the job's streams, keep nothing of the server open, run the script, end."""
        code = 1
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            for key in list(self.events.get_map().values()):
                os.close(key.fd)
            if os.getppid() == parent:  # else it died before it could have taken this process along
                code = run_script(script)
        finally:
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
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def main(arguments: list[str]) -> None:
    """``<file descriptor of the listening socket> <process id of Snakemake> <path of the socket>``"""
    address = Path(arguments[2])
    try:
        server = ForkServer(socket.socket(fileno=int(arguments[0])), int(arguments[1]))
        for name in PRELOADED:
            importlib.import_module(name)
        gc.collect()
        gc.freeze()  # what is there now stays, and its pages stay shared
        server.serve()
    finally:
        address.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another one is still there
            address.parent.rmdir()


if __name__ == "__main__":
    main(sys.argv[1:])
