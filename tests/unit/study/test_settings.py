"""Settings of whole studies: what goes in comes out, and the JSON schema takes what the settings take."""

import copy
import subprocess
import sys

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from peftport.paths import CHECKOUT
from peftport.study.schema import config_schema
from peftport.study.settings import StudySettings

SHIPPED = [CHECKOUT / "config/config.yaml", *sorted((CHECKOUT / "config/studies").glob("*.yaml"))]
shipped = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def contained(part, whole):
    """Whether all that a config says stands in another one."""
    if isinstance(part, dict):
        return all(key in whole and contained(value, whole[key]) for key, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(contained(*pair) for pair in zip(part, whole, strict=True))
    return part == whole


@shipped
def test_a_shipped_config_stays_what_it_is(path):
    config = read(path)
    settings = StudySettings.model_validate(config)
    assert contained(config, settings.as_json())
    assert StudySettings.model_validate(settings.as_json()) == settings


@shipped
def test_the_schema_takes_a_shipped_config_with_and_without_its_defaults(path):
    validator = Draft202012Validator(config_schema())
    validator.validate(read(path))
    validator.validate(StudySettings.model_validate(read(path)).as_json())


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("training", "batch_size"), 0),
        (("training", "batch_sise"), 8),
        (("techniques", "lora", "rank"), "8"),
        (("hosts", "a b"), {"bundled": "reviews-raw"}),
        (("grid", "seeds"), []),
        (("grid", "references"), ["bare", "bare"]),
        (("techniques", "lora", "learning_rate"), [0.1, 0.1]),
    ],
)
def test_settings_and_schema_refuse_the_same(keys, value):
    config = read(SHIPPED[0])
    part = config
    for key in keys[:-1]:
        part = part.setdefault(key, {})
    part[keys[-1]] = value
    with pytest.raises(ValidationError):
        StudySettings.model_validate(copy.deepcopy(config))
    assert not Draft202012Validator(config_schema()).is_valid(config)


def test_settings_load_no_models_and_no_tables():
    """Only settings of peft's own techniques import peft, when a study has some."""
    code = (
        "import sys, yaml\n"
        "from peftport.study.settings import StudySettings\n"
        f"StudySettings.model_validate(yaml.safe_load(open({str(SHIPPED[0])!r}, encoding='utf-8')))\n"
        "loaded = {'torch', 'transformers', 'peft', 'pandas', 'pyarrow'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT, check=False)
    assert done.returncode == 0, done.stderr
