"""Where the workflow lies: beside the library in an installed package, at the top of a checkout."""

from pathlib import Path

import yaml

SHIPPED = Path(__file__).parent / "pipeline"
CHECKOUT = Path(__file__).parents[2]


def pipeline_root() -> Path:
    """The folder that holds Snakefile, workflow/, config/, envs/ and profiles/."""
    return SHIPPED if SHIPPED.is_dir() else CHECKOUT


def config_schema() -> dict:
    """The config's JSON schema, the only home of its defaults."""
    path = pipeline_root() / "workflow" / "schemas" / "config.schema.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))
