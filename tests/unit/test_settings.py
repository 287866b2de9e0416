"""Settings are closed, strict and frozen."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from peftport.settings import CostSettings, EvaluationSettings, StatisticsSettings, TrainingSettings
from peftport.techniques.settings import LoraSettings

WRONG = [
    (TrainingSettings, {"batch_sise": 4}, "extra_forbidden"),
    (TrainingSettings, {"batch_size": "4"}, "int_type"),
    (TrainingSettings, {"batch_size": 4.0}, "int_type"),
    (TrainingSettings, {"batch_size": True}, "int_type"),
    (TrainingSettings, {"batch_size": 0}, "greater_than_equal"),
    (TrainingSettings, {"gradient_clip": True}, "float_type"),
    (TrainingSettings, {"gradient_clip": float("inf")}, "finite_number"),
    (TrainingSettings, {"host_precision": "float16"}, "literal_error"),
    (EvaluationSettings, {"generate": 1}, "bool_type"),
    (StatisticsSettings, {"margin": 1.0}, "less_than"),
    (CostSettings, {"repetitions": 1001}, "less_than_equal"),
]


@pytest.mark.parametrize(("section", "values", "error"), WRONG)
def test_what_is_not_meant_is_refused(section, values, error):
    with pytest.raises(ValidationError) as refusal:
        section.model_validate(values)
    assert [entry["type"] for entry in refusal.value.errors()] == [error]


@pytest.mark.parametrize(("written", "number"), [("1e-3", 0.001), ("2E3", 2000.0), ("+.5e+1", 5.0), ("1.e2", 100.0)])
def test_numbers_of_yaml_1_2_are_numbers(written, number):
    """PyYAML reads YAML 1.1, in which they are text."""
    assert TrainingSettings(weight_decay=written).weight_decay == number
    assert LoraSettings(learning_rate=[written, 0.1]).learning_rate == [number, 0.1]


@pytest.mark.parametrize("section", [TrainingSettings, EvaluationSettings, StatisticsSettings, CostSettings])
def test_every_key_has_a_default_and_a_text(section):
    assert section().model_dump() == section.model_validate({}).model_dump()
    assert all(field.description and not field.is_required() for field in section.model_fields.values())


def test_settings_stay_as_they_are():
    with pytest.raises(ValidationError, match="frozen"):
        StatisticsSettings().margin = 0.5


def test_settings_load_no_models():
    code = "import sys, peftport.settings; assert not {'torch', 'transformers', 'pandas'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
