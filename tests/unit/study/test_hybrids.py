"""Techniques of two parts in a config: what is refused with one message, and which runs a grid has of them."""

import pytest

from peftport.maps.laws.table import refusals, touched
from peftport.stages.sections import law_code, method_code
from peftport.study.config import ConfigError, read_settings
from peftport.study.study import Study
from tests.unit.planning.test_graph import CONFIG

SHAPE = {"d_model": 16, "heads": 2, "encoder_layers": 2, "decoder_layers": 2}
TWO = {"lora": {"rank": 4}, "adapters": {"bottleneck": 5}}


def config(parts=TWO, grid=None, **more):
    two = {"method": "hybrid", "parts": parts, **more}
    named = {"techniques": ["lora", "two"], **(grid or {})}
    return CONFIG | {"techniques": CONFIG["techniques"] | {"two": two}, "grid": CONFIG["grid"] | named}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            {"lora": {}, "adaptors": {}},
            r"parts\.adaptors`: no part `adaptors`.*Did you mean `adapters`",
        ),
        ({"lora": {}}, r"techniques\.two\.parts`: expected two parts of lora, .*, got lora\."),
        ({**TWO, "ia3": {}}, r"techniques\.two\.parts`: expected two parts"),
        ({"lora": {}, "prompt_tuning": {}}, r"`prompt_tuning` cannot be a part: a prompt stands in front of the host"),
        ({"lora": {}, "peft": {"peft_type": "LOHA"}}, r"`peft` cannot be a part: of peft's own types"),
        (
            {"lora": {"rnak": 2}, "ia3": {}},
            r"parts\.lora\.rnak`: no such key `rnak`.*Did you mean `rank`",
        ),
        ({"lora": {"rank": 0}, "ia3": {}}, r"techniques\.two\.parts\.lora\.rank`: expected .* got 0"),
        ({"lora": {"learning_rate": 0.1}, "ia3": {}}, r"parts\.lora\.learning_rate`: parts are trained together"),
        (
            {"lora": {"method": "lora"}, "ia3": {"method": "lora"}},
            r"parts\.ia3\.method`: expected `ia3`",
        ),
    ],
)
def test_wrong_parts_are_refused_with_one_message(parts, said):
    with pytest.raises(ConfigError, match=said) as refused:
        read_settings(config(parts))
    assert str(refused.value).count("config key") == 1


def test_settings_are_the_parts_own_and_training_is_the_whole_s():
    settings = read_settings(config(learning_rate=0.01)).techniques["two"].as_json()
    assert settings["learning_rate"] == 0.01 and list(settings["parts"]) == ["lora", "adapters"]
    assert settings["parts"]["lora"]["rank"] == 4 and settings["parts"]["adapters"]["init_std"] == 0.01
    assert not {"learning_rate", "source_steps"} & {key for part in settings["parts"].values() for key in part}


def test_a_grid_has_starts_of_one_part_for_techniques_of_two_alone():
    kinds = ["ported", "ported_inner_part", "ported_outer_part", "scratch"]
    study = Study(read_settings(config(grid={"initialisations": kinds})))
    found = {(cell.technique, cell.initialisation) for cell in study.cells if not cell.is_reference}
    assert found == {*(("two", kind) for kind in kinds), ("lora", "ported"), ("lora", "scratch")}


def test_a_grid_without_such_a_technique_is_refused():
    grid = {"techniques": ["lora"], "initialisations": ["ported", "ported_inner_part"]}
    with pytest.raises(ConfigError, match=r"grid\.initialisations`: `ported_inner_part` is about a module of two"):
        read_settings(config(grid=grid))


@pytest.mark.parametrize("kind", ["matched", "ported_half", "random_basis"])
def test_what_cannot_be_made_of_two_parts_is_refused(kind):
    with pytest.raises(ConfigError, match=rf"`{kind}` cannot be made for the technique `two`: "):
        read_settings(config(grid={"initialisations": ["ported", kind], "techniques": ["two"]}))


def test_a_part_that_a_map_may_carry_as_another_technique_is_refused():
    cards = [{"host": name, "model_type": "t5", "shape": SHAPE} for name in ("raw", "instruct")]
    parts = {"compacter": {"sites": ["attention"]}, "lora": {"targets": ["q"]}}
    assert refusals("hybrid", {"parts": parts}, *cards) == ["its part `compacter`: a map may carry it as adapters"]
    assert refusals("hybrid", {"parts": {"lora": {"targets": ["q"]}, "ia3": {}}}, *cards) == []
    assert touched("hybrid", {"parts": {"ia3": {}, "adapters": {}}}) == ["stream", "heads", "units"]


def test_what_a_job_with_it_runs_is_its_parts_code_too():
    study = Study(read_settings(config()))
    assert method_code(study, "two") == [f"peftport.techniques.{name}" for name in ("adapters", "hybrid", "lora")]
    assert law_code(study, "two") == [f"peftport.maps.laws.{name}" for name in ("lora", "adapters")]
