"""The help, the version, and the table of commands behind them."""

import re
import subprocess
import sys

import pytest

from peftport import cli
from peftport.commands.table import COMMANDS


def said(monkeypatch, capsys, *arguments):
    """What ``peftport`` with these arguments prints before it ends well."""
    monkeypatch.setattr(sys, "argv", ["peftport", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_version_is_ours_and_snakemakes(monkeypatch, capsys):
    assert re.fullmatch(r"peftport \S+ \(snakemake \S+\)\n", said(monkeypatch, capsys, "--version"))


@pytest.mark.parametrize("asked", ["--help", "-h", "help"])
def test_the_help_names_every_command(monkeypatch, capsys, asked):
    text = said(monkeypatch, capsys, asked)
    assert re.findall(r"^  (?!peftport )([a-z]+)  +\w", text, re.MULTILINE) == list(COMMANDS)
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches_with_an_example_and_its_exit_status(monkeypatch, capsys, name):
    """The example is a command line that its own parser takes."""
    monkeypatch.setenv("COLUMNS", "200")
    text = said(monkeypatch, capsys, name, "--help")
    assert f"usage: peftport {name} " in text and "\nexit status: 0 " in text
    example = re.search(r"^example: (peftport .*)$", text, re.MULTILINE)[1]
    words = example.partition(" > ")[0].split()[1:]
    COMMANDS[name].parser().parse_args(words[1:] if words[0] == name else words)


def test_what_is_written_to_a_pipe_has_no_colours():
    asked = [sys.executable, "-c", "from peftport.cli import main; main()", "plan", "--help"]
    done = subprocess.run(asked, capture_output=True, check=True)
    assert b"\x1b" not in done.stdout + done.stderr
