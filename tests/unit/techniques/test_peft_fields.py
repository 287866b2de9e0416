"""What a study may set of peft's config classes, and what it is told otherwise; nothing imports peft without need."""

import subprocess
import sys

import peft
import pytest

from peftport.techniques.from_peft import config_class, offered
from peftport.techniques.peft_fields import complaint, settable
from peftport.techniques.settings import PeftSettings

WRONG = {
    "a type of another case": ({"peft_type": "loha"}, "peft_type", "no peft_type `loha`. Did you mean `LOHA`?"),
    "a type that is not there": ({"peft_type": "LOHAA"}, "peft_type", "Did you mean `LOHA`? Known: `LORA`, "),
    "a prompt": ({"peft_type": "CPT"}, "peft_type", "peft's CPT is not offered: its prompt is made of the tokens"),
    "one that needs a GPU": ({"peft_type": "BOFT"}, "peft_type", "compiles code for the graphics card"),
    "one with a method here": ({"peft_type": "IA3"}, "peft_type", "use `method: ia3`."),
    "a near name": ({"alfa": 2}, "alfa", "no field of peft's LoHaConfig `alfa`. Did you mean `alpha`? Known: `r`, "),
    "text for a number": ({"r": "8"}, "r", "expected a whole number, got '8'."),
    "a fraction for a whole number": ({"r": 8.0}, "r", "expected a whole number, got 8.0."),
    "a truth for a number": ({"r": True}, "r", "expected a whole number, got True."),
    "a number for a truth": ({"init_weights": 1}, "init_weights", "expected true or false, got 1."),
    "no number": ({"module_dropout": float("nan")}, "module_dropout", "expected a number, got nan."),
    "no rank": ({"r": 0}, "r", "expected more than 0, got 0."),
    "a dropout of all": ({"rank_dropout": 1.0}, "rank_dropout", "expected a share of at least 0 and below 1, got 1.0."),
    "a negative size": ({"peft_type": "PEANUT", "depth": -1}, "depth", "expected at least 0, got -1."),
    "a seed that is drawn": (
        {"peft_type": "FOURIERFT", "random_loc_seed": None},
        "random_loc_seed",
        "a seed of at least 0",
    ),
    "a word that is not listed": (
        {"peft_type": "DEFT", "decomposition_method": "svd"},
        "decomposition_method",
        "`relu` or `qr`",
    ),
    "a member of peft's that is not listed": (
        {"peft_type": "ROAD", "variant": "road_3"},
        "variant",
        "`road_1` or `road_2`",
    ),
    "sites by a host's names": ({"target_modules": ["q"]}, "target_modules", "is said by `targets`"),
    "sites of what wraps norms": ({"peft_type": "LN_TUNING", "targets": ["q"]}, "targets", "wraps layer norms"),
    "a mapping": ({"rank_pattern": {}}, "rank_pattern", "it takes more than a number or a word."),
    "a config inside": (
        {"peft_type": "LORA", "eva_config": {}},
        "eva_config",
        "it takes more than a number or a word.",
    ),
    "an initialisation from data": (
        {"peft_type": "LORA", "init_lora_weights": "eva"},
        "init_lora_weights",
        "from data.",
    ),
    "code": ({"peft_type": "LORA", "megatron_core": "os"}, "megatron_core", "nothing is fetched or run"),
    "a repository": ({"base_model_name_or_path": "x/y"}, "base_model_name_or_path", "nothing is fetched or run"),
    "a revision": ({"revision": "main"}, "revision", "nothing is fetched or run"),
    "a custom class": ({"auto_mapping": {}}, "auto_mapping", "nothing is fetched or run"),
    "parts of the host": ({"modules_to_save": ["lm_head"]}, "modules_to_save", "trains more than the update"),
    "biases of the host": ({"peft_type": "VERA", "bias": "all"}, "bias", "trains more than the update"),
    "frozen projections in the file": (
        {"peft_type": "VERA", "save_projection": True},
        "save_projection",
        "module's file",
    ),
    "chance in tests": ({"peft_type": "PVERA", "sample_at_inference": True}, "sample_at_inference", "each time"),
    "what does not go together": (
        {"peft_type": "OFT", "r": 8},
        "",
        "peft's OFTConfig refuses it: You can only specify",
    ),
    "a value that peft knows": ({"peft_type": "PEANUT", "act_fn": "zelu"}, "", "Unsupported `act_fn`: zelu"),
}
FINE = [
    {},
    {"r": 2, "alpha": 4, "rank_dropout": 0.5, "init_weights": False},
    {"module_dropout": 0},
    {"targets": ["wo"]},
    {"peft_type": "OFT", "r": 8, "oft_block_size": 0},
    {"peft_type": "LOKR", "decompose_factor": -1},
    {"peft_type": "DEFT", "alpha": None},
    {"peft_type": "FOURIERFT", "random_loc_seed": 0},
    {"peft_type": "ROAD", "variant": "road_4"},
    {"peft_type": "LORA", "use_dora": True, "init_lora_weights": True},
]


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_of_its_field(case):
    edit, field, message = WRONG[case]
    key, said = complaint(PeftSettings.model_construct(**{"peft_type": "LOHA"} | edit))
    assert key == field
    assert message in said


@pytest.mark.parametrize("edit", FINE, ids=str)
def test_what_peft_takes_is_taken(edit):
    assert complaint(PeftSettings.model_construct(**{"peft_type": "LOHA"} | edit)) is None


@pytest.mark.parametrize("peft_type", offered())
def test_every_type_has_its_defaults_taken(peft_type):
    """Each settable field at peft's own default: a default that is refused here would be a rule that is too strict."""
    kind = config_class(peft_type)
    defaults = {name: getattr(kind, name) for name in settable(kind)}
    plain = {name: getattr(value, "value", value) for name, value in defaults.items()}
    assert complaint(PeftSettings.model_construct(peft_type=peft_type, **plain)) is None
    for name in {"r", "alpha", "vera_dropout", "init_weights", "random_loc_seed"} & vars(kind()).keys():
        assert name in settable(kind)


def test_free_text_is_settable_where_peft_checks_it():
    """A later peft with a new field of free text is to be looked at: it could name a file."""
    free = {
        (peft_type, name)
        for peft_type in offered()
        for name, hint in settable(config_class(peft_type)).items()
        if hint is str
    }
    assert free == {("PEANUT", "act_fn"), ("WAVEFT", "wavelet_family")}, peft.__version__


def test_a_study_that_does_not_name_peft_does_not_import_it():
    code = (
        "import sys\n"
        "from peftport.study.config import check_config\n"
        "from tests.unit.study.test_config import edited\n"
        "check_config(edited({}))\n"
        "assert not {'peft', 'torch', 'transformers'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
