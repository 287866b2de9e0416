"""What installed packages add: found by entry points, part of the keys, and refused where two things have one name."""

import json
import os
import subprocess
import sys

import pytest

from peftport.paths import CHECKOUT
from tests.extension import NAME, VERSION, install, write_entry_points

LOOK = """
import json, sys
from peftport.figures.table import FIGURES_ADDED
from peftport.maps.table import MAPS
from peftport.porting.table import INITIALISATIONS, initialisation
from peftport.storage.code_stamp import code_stamp, stamped_files
from peftport.storage.extensions import faults
from peftport.study.config import ConfigError, read_settings
from peftport.study.read import read_configs
from peftport.techniques.table import METHODS, PEFT_TYPES
from peftport.paths import script_file

said = {"faults": faults()}
if not said["faults"]:
    names = ("adapter_bias", "half_noise", "spread")
    said["stamps"] = {name: code_stamp(f"peftport_example.{name}") for name in names}
    said["ours"] = code_stamp("peftport.porting.ported")
    said["files"] = sorted(stamped_files(script_file("make_starts"), "peftport_example.half_noise"))
    said["rule"] = initialisation("half_noise").rule
    said["tables"] = [METHODS["adapter_bias"], PEFT_TYPES["ADAPTER_BIAS"], INITIALISATIONS["half_noise"], FIGURES_ADDED]
config = read_configs([])
config["techniques"]["adapter_bias"] = {"learning_rate": 0.01}
config["grid"] |= {"techniques": ["adapter_bias"], "initialisations": ["ported", "half_noise", "scratch"]}
try:
    said["settings"] = read_settings(config).techniques["adapter_bias"].as_json()
except ConfigError as error:
    said["refused"] = str(error)
said["torch"] = "torch" in sys.modules
print(json.dumps(said))
"""


def look(folder):
    """What a process sees that has this folder among its packages."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(CHECKOUT / "src"), str(folder)])}
    done = subprocess.run([sys.executable, "-c", LOOK], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    install(folder)
    return look(folder)


@pytest.fixture
def installed(tmp_path):
    return install(tmp_path)


def test_what_is_installed_is_in_the_tables_and_a_config_can_name_it(before):
    assert before["faults"] == [] and "refused" not in before
    assert before["tables"] == [
        f"{NAME}.adapter_bias",
        "adapter_bias",
        f"{NAME}.half_noise",
        {"spread": f"{NAME}.spread"},
    ]
    assert before["settings"]["init_std"] == 0.02
    assert before["rule"].startswith("Every tensor is the mean")
    assert not before["torch"]


def test_an_edit_moves_the_keys_of_what_it_touches_and_a_comment_none(before, installed):
    assert f"{NAME}.half_noise" in before["files"]
    start = installed / "half_noise.py"
    start.write_text("# why\n" + start.read_text())
    assert look(installed.parent)["stamps"] == before["stamps"]
    start.write_text(start.read_text().replace("/ 2)", "/ 3)"))
    after = look(installed.parent)
    assert [name for name in before["stamps"] if after["stamps"][name] != before["stamps"][name]] == ["half_noise"]
    assert after["ours"] == before["ours"]


def test_its_version_and_its_data_files_move_its_keys(before, installed):
    (installed / "words.txt").write_text("bias")
    data = look(installed.parent)
    assert all(data["stamps"][name] != before["stamps"][name] for name in before["stamps"])
    noted = installed.with_name(f"{NAME}-{VERSION}.dist-info") / "METADATA"
    noted.write_text(noted.read_text().replace("Version: 1.0", "Version: 1.1"))
    version = look(installed.parent)
    assert all(version["stamps"][name] != data["stamps"][name] for name in before["stamps"])
    assert version["ours"] == before["ours"]


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"maps": {"core": f"{NAME}.half_noise"}}, "adds `core` to `peftport.maps`, which peftport has itself"),
        ({"techniques": {"bias": f"{NAME}.adapter_bias"}}, "`bias`, which an installed package adds to"),
        ({"technique_settings": {"bias": f"{NAME}.nothing:Bias"}, "techniques": {"bias": NAME}}, "No module named"),
        ({"technique_settings": {"bias": f"{NAME}:Bias"}, "techniques": {"bias": NAME}}, "has no attribute 'Bias'"),
        (
            {"figures": {"alone": "peftport_alone"}},
            "adds `peftport_alone` to `peftport.figures`, which lies in no package",
        ),
    ],
)
def test_what_is_wrong_with_a_package_is_one_message_for_every_config(groups, said, installed):
    (installed.parent / "peftport_alone.py").touch()
    noted = installed.with_name(f"{NAME}-{VERSION}.dist-info")
    write_entry_points(noted, {f"peftport.{group}": one for group, one in groups.items()})
    seen = look(installed.parent)
    assert said in seen["refused"]
    assert "\n" not in seen["refused"]


def test_two_packages_with_one_name_are_refused(installed):
    other = installed.with_name("other-2.0.dist-info")
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 2.0\n")
    write_entry_points(other, {"peftport.figures": {"spread": f"{NAME}.half_noise"}})
    said = look(installed.parent)["refused"]
    assert "peftport-example 1.0" in said and "other 2.0" in said and "both add `spread`" in said
