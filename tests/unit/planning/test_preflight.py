"""Command lines that are wrong: one line before Snakemake starts, and none for those that are right."""

import pytest

from peftport.planning.preflight import refusal, targets

SUBCOMMANDS = ("run", "plan", "check")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cores", "0"], "`--cores 0`: expected at least 1, or `all`."),
        (["-c0"], "`--cores 0`"),
        (["--cores=-2"], "`--cores -2`"),
        (["-j", "0"], "`--jobs 0`"),
        (["--configfile"], "argument --configfile"),
        (["plna"], "no subcommand and no target `plna`. Did you mean `plan`? Subcommands: `run`, `plan`, `check`."),
        (["modles", "--cores", "2"], "Did you mean `modules`?"),
        (["--configfile", "nope.yaml"], "config nope.yaml: cannot be read: No such file or directory."),
        (["--configfile", "tab.yaml"], "config tab.yaml: no valid YAML: line 2, column 1: found character '\\t'"),
        (["--configfile", "empty.yaml"], "config empty.yaml: expected a mapping of keys at the top, got NoneType."),
        (["--configfile", "typo.yaml", "--cores", "2"], "config key `the top level`: `hosts` is missing"),
        (["-d", "typo.yaml"], "`--directory typo.yaml`: expected a folder, it is a file."),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("tab", "study: a\n\tb: c\n"), ("empty", ""), ("typo", "study: a\n")):
        (tmp_path / f"{name}.yaml").write_text(text)
    message = refusal(arguments, SUBCOMMANDS)
    assert message.startswith("error: ") and said in message and "\n" not in message


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--cores", "all"],
        ["-c4"],
        ["--cores"],
        ["modules"],
        ["make_starts", "-n"],
        ["--config", "a=b"],
        ["x/y.csv"],
    ],
)
def test_what_snakemake_understands_passes(arguments):
    assert refusal(arguments, SUBCOMMANDS) == ""


def test_targets_are_rules_without_a_stage():
    assert {"all", "modules", "tables"} <= set(targets()) and "make_starts" not in targets()
