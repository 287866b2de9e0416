"""Completions, by the shells themselves."""

import shutil
import subprocess

import pytest

from peftport.commands.completion import completion
from peftport.commands.table import COMMANDS


def offered(folder, capsys, *words):
    """What bash offers behind these words."""
    assert completion(["bash"]) == 0
    (folder / "peftport.bash").write_text(capsys.readouterr().out)
    asked = f"""source {folder}/peftport.bash
COMP_WORDS=(peftport {" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words)}
COMP_LINE="peftport {" ".join(words)}"; COMP_POINT=${{#COMP_LINE}}
$(complete -p peftport | sed -E 's/.*-F ([^ ]+).*/\\1/')
printf '%s\\n' "${{COMPREPLY[@]}}\""""
    done = subprocess.run(["bash", "-c", asked], cwd=folder, capture_output=True, text=True, check=True)
    return [word.strip() for word in done.stdout.splitlines()]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_commands_options_and_files(tmp_path, capsys):
    (tmp_path / "study.yaml").touch()
    assert set(COMMANDS) <= {*offered(tmp_path, capsys, "")}
    assert offered(tmp_path, capsys, "ver") == ["verify"]
    assert "--trained-in" in offered(tmp_path, capsys, "check", "--tr")
    assert "weight_match" in offered(tmp_path, capsys, "port", "--map", "")
    assert offered(tmp_path, capsys, "plan", "stu") == ["study.yaml"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_every_command(shell, capsys):
    assert completion([shell]) == 0
    text = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in text] == []
