"""Processes that have imported what takes long, for a whole test session: what tests start begins as a fork of one.

Snakemake's own imports cost a run two seconds of CPU time, those of its fork server ten. There are two such processes,
``snakemake`` and ``fork_server``. Each starts when a test first asks for it, imports nothing of this library, so that
a fork runs the code of its own checkout, and ends with the test session.

A run's jobs start the fork server as ever, by ``sys.executable``. In a run that came from here that is the Python of a
virtual environment that holds nothing but ``HAND_OVER``. It lets ``fork_server`` fork, where one that starts by itself
would be no different, and ``snakemake`` where a command starts that; a job asks its fork server before it loads what
Snakemake writes above a script, which takes two thirds of the time of a job that only waits. Else it goes on. Tests of
processes (how they start, stop and are killed) do without.
"""

import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import site
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER, SESSION = "PEFTPORT_TESTS_WARM", "PEFTPORT_TESTS_SESSION"  # of the sockets; process id that all ends with
FORK_SERVER = "peftport.jobs.fork_server"
PLANNING = ["snakemake.cli", "snakemake.dag", "numpy", "pandas", "scipy.stats", "pyarrow.parquet", "pydantic", "yaml"]
READ_AT_IMPORT = ("HF_", "TRANSFORMERS_", "TORCH", "OMP_", "MKL_", "MPL", "NO_PROXY", "PYTHON")
DIES_WITH_PARENT = 1  # of prctl
START_SECONDS = 120
POSSIBLE = sys.platform.startswith("linux")  # elsewhere everything starts by itself
HAND_OVER = """
import os, sys
taken = sys.orig_argv[1:4] == ["-P", "-m", "peftport.jobs.fork_server"] or sys.orig_argv[1:3] == ["-m", "snakemake"]
if taken and "PEFTPORT_TESTS_WARM" in os.environ:
    sys.path.append({tests!r})
    import warm
    warm.hand_over()
if len(sys.orig_argv) == 2 and ".snakemake/scripts/" in sys.orig_argv[1]:
    from peftport.jobs.fork_client import run_in_fork_server
    try:
        run_in_fork_server(start=False)
    except SystemExit as ended:  # a message instead of a status is the script's own to say
        if isinstance(ended.code, int):
            os._exit(ended.code)
"""


def offer(folder: Path, session: int) -> None:
    """Let the tests of this process use the warm processes of a test session, whose sockets lie in ``folder``."""
    os.environ[FOLDER], os.environ[SESSION] = str(folder), str(session)


def python() -> Path:
    """The Python of a run whose fork server is a fork; made once in a test session."""
    if not POSSIBLE:
        return Path(sys.executable)
    folder = Path(os.environ[FOLDER])
    with _locked(folder / "venv.lock"):
        if not (folder / "venv/ready").exists():
            venv.EnvBuilder(symlinks=True).create(folder / "venv")
            (packages,) = folder.glob("venv/lib/python*/site-packages")
            (packages / "base.pth").write_text("".join(f"import site; site.addsitedir({p!r})\n" for p in _packages()))
            (packages / "sitecustomize.py").write_text(HAND_OVER.format(tests=str(Path(__file__).parent)))
            (folder / "venv/ready").touch()
    return folder / "venv/bin/python"


def _packages() -> list[str]:
    return [path for path in (*site.getsitepackages(), site.getusersitepackages()) if Path(path).is_dir()]


def run(module: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, apart: bool = False):
    """Run a module's command line to its end in a fork; output and errors together in ``stdout``, or ``apart``.

    Args:
        module: as ``python -m`` takes it, or a function, as ``module:function``.
        arguments: of its command line.
        environment: of the process.
        folder: where it works.
        apart: whether its errors go to ``stderr``.
    """
    if not POSSIBLE:
        name, _, function = module.partition(":")
        command = ["-c", f"from {name} import {function}; {function}()"] if function else ["-m", module]
        errors = subprocess.PIPE if apart else subprocess.STDOUT
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": errors, "text": True}
        return subprocess.run([sys.executable, *command, *arguments], env=dict(environment), cwd=folder, **quiet)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors, open(os.devnull) as nothing:
        streams = [nothing.fileno(), out.fileno(), (errors if apart else out).fileno()]
        call = _call("snakemake", module, arguments, environment, folder, streams, str(python()))
        status = int(call.makefile().read() or 1)
        said = [os.pread(file.fileno(), 1 << 30, 0).decode() for file in (out, errors)]
        return subprocess.CompletedProcess([module, *arguments], status, *said)


def hand_over() -> None:
    """In a process that is to be a fork server or Snakemake: end, if a fork takes its place; else return."""
    if "snakemake" in sys.orig_argv[:3]:
        given = (sys.orig_argv[3:], os.environ, Path.cwd(), [0, 1, 2], sys.executable)
        os._exit(int(_call("snakemake", "snakemake", *given).makefile().read() or 1))
    listener = int(sys.orig_argv[4])
    with contextlib.suppress(OSError), open(os.devnull, "r+") as nothing:
        streams = [nothing.fileno()] * 3
        given = (FORK_SERVER, sys.orig_argv[4:], os.environ, Path.cwd(), [*streams, listener], sys.executable)
        if _call("fork_server", *given).recv(8) == b"begun":
            os._exit(0)


def _call(name, module, arguments, environment, folder, streams, executable) -> socket.socket:
    """Ask a warm process for a fork; the connection over which ``begun`` or its exit status comes."""
    call = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    call.connect(str(_address(name)))
    socket.send_fds(call, [b"\0"], streams)
    asked = {"module": module, "arguments": list(arguments), "environment": dict(environment)}
    call.sendall(json.dumps(asked | {"folder": str(folder), "executable": executable}).encode())
    call.shutdown(socket.SHUT_WR)
    return call


def _address(name: str) -> Path:
    """The socket of a warm process, which is started if nobody has asked for it before."""
    folder = Path(os.environ[FOLDER])
    address = folder / name
    with _locked(folder / f"{name}.lock"):
        if not address.exists():
            command = [sys.executable, "-P", __file__, name, str(address), os.environ[SESSION]]
            quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
            process = subprocess.Popen(command, start_new_session=True, **quiet)
            end = time.monotonic() + START_SECONDS
            while not address.exists():
                if process.poll() is not None or time.monotonic() > end:
                    raise OSError(f"the warm process {name} does not start")
                time.sleep(0.02)
    return address


@contextlib.contextmanager
def _locked(path: Path):
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Warm:
    """Forks a process for each call until the test session ends, and all that it forked with it."""

    def __init__(self, address: Path, session: int, picky: bool) -> None:
        self.picky, self.events, self.ended = picky, selectors.DefaultSelector(), False
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unready = address.with_suffix(".unready")
        self.listener.bind(str(unready))
        self.listener.listen(64)
        unready.rename(address)
        self.events.register(self.listener, selectors.EVENT_READ, self._answer)
        self.events.register(os.pidfd_open(session), selectors.EVENT_READ, self._end)

    def serve(self) -> None:
        """Answer until the session has ended."""
        while not self.ended:
            for key, _ in self.events.select():
                key.data()

    def _end(self) -> None:
        self.ended = True

    def _answer(self) -> None:
        call, _ = self.listener.accept()
        _, streams, _, _ = socket.recv_fds(call, 1, 8)
        asked = json.loads(call.makefile().read())
        if not self.picky or _read_at_import(asked["environment"]) == _read_at_import(os.environ):
            child = os.fork()
            if child == 0:
                self._become(asked, streams)
            ended = os.pidfd_open(child)
            self.events.register(ended, selectors.EVENT_READ, lambda: self._tell(call, child, ended))
            if self.picky:
                call.send(b"begun")
        else:
            call.close()
        for stream in streams:
            os.close(stream)

    def _tell(self, call: socket.socket, child: int, ended: int) -> None:
        _, status = os.waitpid(child, 0)
        self.events.unregister(ended)
        os.close(ended)
        with contextlib.suppress(OSError):  # who asked is gone
            call.send(str(os.waitstatus_to_exitcode(status)).encode())
        call.close()

    def _become(self, asked: dict, streams: list[int]) -> None:
        """In the child: be what ``python -m`` would have been."""
        code = 1
        try:
            os.setsid()
            ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)
            for key in list(self.events.get_map().values()):
                os.close(key.fd)
            for number, stream in enumerate(streams[:3]):
                os.dup2(stream, number)
                os.close(stream)
            os.environ.clear()
            os.environ.update(asked["environment"])
            os.chdir(asked["folder"])
            sys.executable = asked["executable"]
            sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
            listener = [str(stream) for stream in streams[3:]]
            sys.argv = [asked["module"], *listener, *asked["arguments"][len(listener) :]]
            code = _exit_status(asked["module"])
        finally:
            atexit._run_exitfuncs()
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(code)


def _exit_status(module: str) -> int:
    """Run a module as ``python -m`` does, or one of its functions; the exit status."""
    name, _, function = module.partition(":")
    try:
        if function:
            getattr(importlib.import_module(name), function)()
        else:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _read_at_import(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(READ_AT_IMPORT)}


def main(name: str, address: str, session: str) -> None:
    """Import what this process is for, and serve."""
    names = PLANNING
    if name == "fork_server":
        library = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        sys.path[:0] = library
        names = importlib.import_module(FORK_SERVER).PRELOADED
        for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] == "peftport"]:
            del sys.modules[loaded]
        sys.path[:] = [entry for entry in sys.path if entry not in library]
    for module in names:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what is there now stays, and its pages stay shared
    Warm(Path(address), int(session), picky=name == "fork_server").serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
