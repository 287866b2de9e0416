"""Where the workflow lies: beside the library in an installed package, at the top of a checkout."""

from pathlib import Path

SHIPPED = Path(__file__).parent / "pipeline"
CHECKOUT = Path(__file__).parents[2]


def pipeline_root() -> Path:
    """The folder that holds Snakefile, workflow/, config/, envs/ and profiles/."""
    return SHIPPED if SHIPPED.is_dir() else CHECKOUT


def script_file(rule: str) -> Path:
    """The script of a rule, which has the rule's name."""
    return pipeline_root() / "workflow" / "scripts" / f"{rule}.py"
