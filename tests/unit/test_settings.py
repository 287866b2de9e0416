"""Settings are closed, strict and frozen."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from peftport.settings import CostSettings, EvaluationSettings, StatisticsSettings, TrainingSettings

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
