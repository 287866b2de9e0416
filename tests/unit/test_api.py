"""The public names: the examples of docs/api.md run on tiny hosts, and importing the package is cheap."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel

import peftport
from peftport.injection.attach import attach, config_dict, module_tensors
from peftport.paths import CHECKOUT
from peftport.planning.code_stamp import import_closure
from peftport.storage.files import DamagedFile
from peftport.storage.modules import Module, write_module
from peftport.storage.parquet import write_table
from peftport.study.config import ConfigError
from tests import simulated, studies
from tests.hosts import spread_module
from tests.techniques import SETTINGS

PAGE = (CHECKOUT / "docs/api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
MODULE = Path("results/demo/modules/lora/raw/film/seeds-0-4/seed-0")
RUNS = Path("results/demo/tables/runs.parquet")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with what the examples name: hosts, a module that was made in another host, a table, a config."""
    folder = tmp_path_factory.mktemp("api")
    studies.save_hosts(folder / "models")
    shutil.copytree(folder / "models/raw", folder / "models/my-t5-v2")
    model = spread_module(attach(peftport.load_host(folder / "models/instruct"), "lora", SETTINGS["lora"], seed=0))
    write_module(folder / MODULE, Module(config_dict(model), module_tensors(model), {"technique": "lora"}))
    write_table(folder / RUNS, simulated.study(simulated.Design()).runs.assign(failed_at_step=np.nan), "runs")
    studies.write_config(folder, studies.smoke_config(folder / "models"))
    return folder


@pytest.fixture
def names(here, monkeypatch):
    """What the examples leave, run from the first to the last."""
    monkeypatch.chdir(here)
    names: dict = {}
    for example in EXAMPLES:
        exec(example, names)
    return names


def test_the_examples_of_the_documentation_run(names):
    assert len(EXAMPLES) == 4
    model, module = names["model"], names["module"]
    assert isinstance(model, PeftModel)
    trained_further = {name for name, tensor in model.named_parameters() if tensor.requires_grad}
    assert trained_further == {name for name, _ in model.named_parameters() if "lora_" in name}
    np.testing.assert_equal(module_tensors(model), module.tensors)
    assert (names["study"].name, names["study"].runs) == ("smoke", 2 * 3 * 2)


def test_peft_reads_the_module_that_the_example_writes(names, here):
    """It adds half of what the module added, by peft's own loading as by ours."""
    tokens = {"input_ids": torch.tensor([[5, 6, 7]]), "decoder_input_ids": torch.tensor([[0]])}

    def answer(model):
        with torch.no_grad():
            return model.eval()(**tokens).logits

    folder = here / "models/half-as-much"
    ours = peftport.attach_module(peftport.load_host(here / "models/raw"), peftport.read_module(folder))
    theirs = PeftModel.from_pretrained(peftport.load_host(here / "models/raw"), folder)
    torch.testing.assert_close(answer(ours), answer(theirs), rtol=0, atol=0)
    assert not torch.equal(answer(ours), answer(names["model"]))


def test_a_host_is_a_bundled_name_or_a_folder(here, monkeypatch):
    monkeypatch.chdir(here)
    (here / "reviews-raw").mkdir(exist_ok=True)
    assert peftport.load_host("reviews-raw").config.model_type == "t5"
    assert not any(tensor.requires_grad for tensor in peftport.load_host("models/raw").parameters())
    with pytest.raises(ValueError, match="Unrecognized model in reviews-raw"):  # the folder, which is empty
        peftport.load_host(Path("reviews-raw"))
    with pytest.raises(FileNotFoundError, match=r"no bundled host `reviews-rw`\. Did you mean `reviews-raw`"):
        peftport.load_host("reviews-rw")


def test_a_table_is_what_its_file_says(here, tmp_path):
    """`runs` and `references` have the same columns, so only the file can tell."""
    assert list(peftport.read_table(here / RUNS)) == list(peftport.read_table(here / RUNS, "references"))
    with pytest.raises(ValueError, match="is no table 'contrasts'"):
        peftport.read_table(here / RUNS, "contrasts")
    with pytest.raises(ValueError, match=r"no table `rums`\. Did you mean `runs`"):
        peftport.read_table(here / RUNS, "rums")
    damaged = bytearray((here / RUNS).read_bytes())
    damaged[20] ^= 1
    (tmp_path / "runs.parquet").write_bytes(damaged)
    with pytest.raises(DamagedFile):
        peftport.read_table(tmp_path / "runs.parquet")


def test_a_study_is_read_from_one_file_or_several_or_none(here, tmp_path):
    assert peftport.read_study().name == "demo"
    (tmp_path / "overlay.yaml").write_text("study: small\n")
    study = peftport.read_study([here / "study.yaml", tmp_path / "overlay.yaml"], here)
    assert isinstance(study, peftport.Study)
    assert (study.name, study.runs) == ("small", 12)
    with pytest.raises(ConfigError, match="cannot be read"):
        peftport.read_study(tmp_path / "absent.yaml")


def test_every_public_name_is_there_and_documented():
    assert {name for name in peftport.__all__ if getattr(peftport, name) is None} == set()
    assert set(peftport.__all__) <= set(dir(peftport))
    assert {name for name in peftport.__all__ if f"`{name}" not in PAGE} == set()
    assert {name for name in peftport.__all__ if name not in peftport.__doc__} == {"__version__"}
    with pytest.raises(AttributeError, match="no attribute 'load_hosts'"):
        peftport.load_hosts  # noqa: B018 - the access is what is tested


def test_importing_the_package_loads_nothing():
    code = "import sys, peftport; dir(peftport); print([m for m in ('torch', 'pandas', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_code_stamps_do_not_reach_the_library_through_the_package():
    """Every stage's stamp has the packages around its modules, this one among them."""
    assert set(import_closure("peftport")) <= {"peftport"}
