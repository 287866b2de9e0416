import subprocess
import sys
import time

from benchmarks.measured import measure

LEAVES = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.4); sum(range(3_000_000))"], start_new_session=True)
"""


def test_what_a_command_leaves_behind_is_waited_for_and_older_children_are_not(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as older:
        began = time.monotonic()
        cost = measure([[sys.executable, "-c", LEAVES]], 1, tmp_path, tmp_path / "log")
        assert 0.4 < cost.wall < 30 and time.monotonic() - began < 30
        assert older.poll() is None
        older.kill()
