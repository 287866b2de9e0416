"""The fork server: a job runs there as it would run by itself, and nothing outlives what it belongs to."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import peftport
from peftport.jobs.fork_client import GPU_DEVICES, SETTINGS
from peftport.jobs.fork_server import PRELOADED

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or any(map(os.path.exists, GPU_DEVICES)), reason="Linux without a GPU only"
)
LIBRARY = Path(peftport.__file__).parents[1]
ENTER = "from peftport.jobs.fork_client import run_in_fork_server\nrun_in_fork_server()\nimport os, sys, time\n"
SHOW = "print(os.getppid(), 'torch' in sys.modules, sys.argv, os.environ.get('PEFTPORT_RUN'), flush=True)\n"
LONG = """
with open('now', 'w') as file:
    file.write(str(os.getpid()))
os.rename('now', 'began')
try:
    time.sleep(60)
finally:
    open('cleaned', 'w').close()
"""


@pytest.fixture
def folder(tmp_path_factory):
    """For temporary files; its path is short, as an address has to be."""
    return tmp_path_factory.mktemp("t")


@pytest.fixture
def run(tmp_path, folder):
    """Start a shell that plays Snakemake, with empty packages in place of those that cost seconds."""
    for name in PRELOADED:
        module = tmp_path / "fakes" / name.replace(".", "/")
        for package in (module, *module.parents[: name.count(".")]):
            package.mkdir(parents=True, exist_ok=True)
            (package / "__init__.py").touch()
    started = []

    def shell(command):
        path = f"{tmp_path / 'fakes'}:{LIBRARY}"
        environment = os.environ | {"PYTHONPATH": path, "TMPDIR": str(folder), "PEFTPORT_FORK_SERVER": ""}
        started.append(
            subprocess.Popen(
                ["bash", "-c", f"export PEFTPORT_RUN=$$; python={sys.executable}; {command}\n:"],
                cwd=tmp_path,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    yield shell
    for process in started:
        process.kill()
        process.wait()


def script(where, code, name="job.py", enter=ENTER):
    (where / name).write_text(enter + code)


def until(true, seconds=20):
    """Wait until something is true; a test fails if it does not become so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def alive(process):
    path = Path(f"/proc/{process}/stat")
    try:
        return path.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def started(where):
    """Process id of the job that has begun."""
    path = where / "began"
    until(path.exists)
    return int(path.read_text())


def parent(process):
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_jobs_of_a_run_share_one_process_which_ends_with_the_run(run, tmp_path, folder):
    script(tmp_path, SHOW)
    out = run("$python job.py; $python job.py; echo $$").communicate()[0].splitlines()
    assert out[0] == out[1] and out[0].endswith(f"True ['{tmp_path / 'job.py'}'] None")
    assert not out[0].startswith(f"{out[2]} ")
    until(lambda: not list(folder.iterdir()))
    until(lambda: not alive(int(out[0].split()[0])))


@pytest.mark.parametrize(
    ("code", "status", "printed"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit('a reason')", 1, "a reason"),
        ("raise KeyError('gone')", 1, "KeyError: 'gone'"),
        ("os.kill(os.getpid(), 9)", 128 + 9, "Killed"),
    ],
)
def test_a_job_ends_as_its_script_ends(run, tmp_path, code, status, printed):
    script(tmp_path, code)
    out = run("$python job.py; echo $?").communicate()[0].splitlines()
    assert out[-1] == str(status) and printed in " ".join(out)


@pytest.mark.parametrize(
    "before",
    [
        "export PEFTPORT_FORK_SERVER=0",
        "unset PEFTPORT_RUN",
        "sleep 9 & export PEFTPORT_RUN=$!",
        "echo 'raise ImportError' > fakes/peft/__init__.py",
        "touch $TMPDIR/peftport-$$-$(cut -d' ' -f22 /proc/$$/stat)",
        "export TMPDIR=$PWD/$(printf 'a%.0s' {1..99}); mkdir $TMPDIR",
    ],
    ids=["not wanted", "no run", "run is no ancestor", "import fails", "folder is not private", "address too long"],
)
def test_without_a_fork_server_a_job_runs_by_itself(run, tmp_path, before):
    script(tmp_path, "print('torch' in sys.modules)")
    assert run(f"{before}; $python job.py; kill %1 2>/dev/null").communicate()[0] == "False\n"


def test_a_job_that_needs_no_host_joins_a_fork_server_and_starts_none(run, tmp_path, folder):
    script(tmp_path, "print('torch' in sys.modules)")
    script(tmp_path, "print('torch' in sys.modules)", "light.py", ENTER.replace("()", "(start=False)"))
    assert run("$python light.py; $python job.py; $python light.py").communicate()[0] == "False\nTrue\nTrue\n"
    assert run("$python light.py").communicate()[0] == "False\n"
    until(lambda: not list(folder.iterdir()))


def test_environments_do_not_mix_and_their_number_is_limited(run, tmp_path):
    script(tmp_path, "print(os.environ['THREADS'], 'torch' in sys.modules)")
    out = run("for n in 1 2 3; do THREADS=$n $python job.py; done").communicate()[0]
    assert out == "1 True\n2 True\n3 False\n"


@pytest.mark.parametrize(("sent", "cleaned"), [("INT", True), ("TERM", False), ("KILL", False)])
def test_a_signal_to_the_job_reaches_its_child(run, tmp_path, sent, cleaned):
    script(tmp_path, LONG)
    # Python starts the job, because a shell's job in the background ignores SIGINT, and so do its children
    (tmp_path / "waiting.py").write_text(
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "job = subprocess.Popen([sys.executable, 'job.py'])\n"
        "print(job.pid, flush=True)\n"
        "job.wait()\n"
    )
    process = run("$python waiting.py")
    child = started(tmp_path)
    os.kill(int(process.stdout.readline()), getattr(signal, f"SIG{sent}"))
    process.wait(20)
    until(lambda: not alive(child))
    assert (tmp_path / "cleaned").exists() == cleaned


def test_a_killed_fork_server_takes_its_children_along_and_the_job_fails(run, tmp_path):
    script(tmp_path, LONG)
    process = run("$python job.py; echo $?")
    child = started(tmp_path)
    os.kill(parent(child), 9)
    out = process.communicate()[0]
    assert out.endswith("1\n") and "the fork server was ended" in out
    until(lambda: not alive(child))


def test_a_killed_run_leaves_nothing_running(run, tmp_path, folder):
    script(tmp_path, LONG)
    process = run("$python job.py")
    child = started(tmp_path)
    server = parent(child)
    process.kill()
    until(lambda: not alive(child) and not alive(server))
    until(lambda: not list(folder.iterdir()))


HASTY = ENTER.replace(
    "run_in_fork_server()\n",
    "from peftport.jobs import fork_client\nfork_client.ANSWER_SECONDS = 1\nrun_in_fork_server()\n",
)
WHO = "print(os.getppid(), 'torch' in sys.modules, *fork_client.NOTES, flush=True)\n"


def test_a_stopped_fork_server_keeps_no_job_and_the_next_starts_another(run, tmp_path):
    """The first job has the server, which is then stopped; the second runs by itself, once; the third has another."""
    script(tmp_path, WHO, enter=HASTY)
    process = run("for n in 1 2 3; do $python job.py; read; done; exec 0<&-; $python job.py")
    first = process.stdout.readline().split()
    os.kill(int(first[0]), signal.SIGSTOP)
    process.stdin.write("\n")
    process.stdin.flush()
    second = process.stdout.readline()
    assert second.startswith(f"{process.pid} False the fork server did not answer for ")
    assert second.endswith("(is it stopped?); this job runs by itself\n")
    process.stdin.write("\n")
    process.stdin.flush()
    third = process.stdout.readline().split()
    assert third[1:] == ["True"] and third[0] != first[0]
    os.kill(int(first[0]), signal.SIGCONT)
    fourth = process.communicate("\n")[0]
    assert fourth.split() == third
    until(lambda: not alive(int(first[0])) and not alive(int(third[0])))


def test_a_fork_server_that_is_stopped_meanwhile_keeps_no_job_waiting(run, tmp_path):
    script(tmp_path, LONG.replace("time.sleep(60)", "time.sleep(1)") + "sys.exit(3)")
    process = run("$python job.py; echo $?")
    server = parent(started(tmp_path))
    os.kill(server, signal.SIGSTOP)
    try:
        assert process.communicate(timeout=20)[0] == "3\n"
    finally:
        os.kill(server, signal.SIGCONT)


def test_after_a_fork_server_was_killed_the_next_job_starts_another(run, tmp_path, folder):
    script(tmp_path, SHOW)
    process = run("$python job.py; read; $python job.py; $python job.py")
    first = process.stdout.readline().split()[0]
    os.kill(int(first), signal.SIGKILL)
    until(lambda: not alive(int(first)))
    second, third = process.communicate("\n")[0].splitlines()
    assert second == third and " True " in second and not second.startswith(f"{first} ")
    until(lambda: not list(folder.iterdir()))


@pytest.mark.slow
def test_what_is_imported_beforehand_starts_no_thread_and_no_gpu():
    code = (
        "import importlib, os, sys\n"
        "from peftport.jobs.fork_server import PRELOADED\n"
        "for name in PRELOADED: importlib.import_module(name)\n"
        "assert len(os.listdir('/proc/self/task')) == 1\n"
        "assert not sys.modules['torch'].cuda.is_initialized()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(LIBRARY), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment |= SETTINGS
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
