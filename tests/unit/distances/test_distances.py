"""Distances of pairs of hosts whose answers are known: the same host, in other coordinates, trained further."""

import math

import numpy as np
import pandas as pd
import pytest

from peftport.data.generated.settings import GeneratedReviews
from peftport.data.generated.tasks import labelled
from peftport.distances.activations import activation_distances
from peftport.distances.measures import ALL, MEASURES
from peftport.distances.modules import module_distances
from peftport.distances.weights import common_sites, folded, weight_distances
from peftport.hosts.families.table import family
from peftport.maps.pair import End
from peftport.maps.spaces import Place
from peftport.paths import CHECKOUT
from peftport.storage.parquet import write_table
from tests.shipped import INSTRUCT, RAW, shipped, turned

Q = "base_model.model.encoder.block.0.layer.0.SelfAttention.q"
PLACE = Place("encoder", 0, "self")


def means(found):
    return {one.measure: one for one in found if one.site_kind == ALL}


def test_a_host_is_at_no_distance_from_itself():
    found = weight_distances(shipped(RAW), shipped(RAW))
    assert {one.site_kind for one in found} >= {"q", "k", "v", "o", "wi_0", "wi_1", "wo", ALL}
    for one in found:
        assert one.value == pytest.approx(0 if one.measure == "drift" else 1, abs=1e-5)


def test_a_rotated_host_is_unrelated_where_the_rotation_is_seen():
    """A reader's inputs and a writer's outputs lie at chance; what the rotation does not touch stays."""
    found = {(one.measure, one.site_kind): one for one in weight_distances(shipped(RAW), turned(RAW)[0])}
    assert found["drift", ALL].value == pytest.approx(math.sqrt(2), abs=0.08)
    assert found["cosine", ALL].value == pytest.approx(0, abs=0.1)
    for kind, seen, unseen in (("q", "inputs", "outputs"), ("wi_0", "inputs", "outputs"), ("o", "outputs", "inputs")):
        one = found[f"overlap_{seen}", kind]
        assert one.value == pytest.approx(one.chance, abs=0.12)
        assert found[f"overlap_{unseen}", kind].value == pytest.approx(1, abs=1e-3)


def test_scales_of_norms_are_folded_in():
    """A norm's scale moved into what reads it changes nothing that is measured."""
    source = shipped(RAW)
    place_weight, gain = source.weight(PLACE, "q"), source.gain(PLACE)
    assert not np.allclose(gain, 1)
    assert folded(source, PLACE, "q") == pytest.approx(place_weight * gain)
    cross = Place("decoder", 0, "cross")
    memory = source.tensor("encoder.final_layer_norm.weight")
    assert folded(source, cross, "k") == pytest.approx(source.weight(cross, "k") * memory)


def test_a_host_trained_further_is_near():
    found = means(weight_distances(shipped(RAW), shipped(INSTRUCT)))
    assert 0.05 < found["drift"].value < 0.2 and found["cosine"].value > 0.97
    assert found["overlap_outputs"].chance < found["overlap_outputs"].value < 1


def test_layers_of_other_numbers_are_left_out():
    source, target = shipped(RAW), shipped(RAW)
    shallower = type(target)(target.card | {"shape": target.card["shape"] | {"encoder_layers": 1}}, target.files)
    assert {place.stack for place, _ in common_sites(source, shallower)} == {"decoder"}


def test_how_much_of_a_change_lies_in_what_a_module_touches():
    """All of it in its own directions, none in others, chance in random ones."""
    source, target = shipped(RAW), shipped(INSTRUCT)
    change = folded(target, PLACE, "q") - folded(source, PLACE, "q")
    left, sizes, right = np.linalg.svd(change, full_matrices=False)
    gain = source.gain(PLACE)

    def lora(inputs, outputs):
        return {f"{Q}.lora_A.weight": inputs / gain, f"{Q}.lora_B.weight": outputs}

    rng = np.random.default_rng(0)
    modules = {
        "all": lora(right, left),
        "most": lora(right[:8], left[:, :8]),
        "least": lora(right[-8:], left[:, -8:]),
        "random": lora(rng.standard_normal((8, change.shape[1])), rng.standard_normal((change.shape[0], 8))),
        "nothing": lora(rng.standard_normal((8, change.shape[1])), np.zeros((change.shape[0], 8))),
    }
    found = {key: means(one) for key, one in module_distances(source, target, modules).items()}
    for measure in ("module_inputs", "module_outputs"):
        assert found["all"][measure].value == pytest.approx(1)
        assert found["most"][measure].value == pytest.approx((sizes[:8] ** 2).sum() / (sizes**2).sum())
        assert found["random"][measure].chance == 8 / 64
        assert found["least"][measure].value < 0.02 < found["random"][measure].value < found["most"][measure].value
        assert found["random"][measure].value == pytest.approx(1 / 8, abs=0.08)
    assert set(found["nothing"]) == {"module_inputs"}


def test_an_adapter_is_held_against_what_writes_in_front_of_it():
    source, target = shipped(RAW), shipped(INSTRUCT)
    left = np.linalg.svd(folded(target, PLACE, "o") - folded(source, PLACE, "o"))[0]
    template = dict(family("t5").sites["attention"])["encoder"].format(layer=0)
    tensors = {f"{template}.houlsby_down_weight": left[:, :4].T, f"{template}.houlsby_up_weight": left[:, -4:]}
    found = means(module_distances(source, target, {"adapter": tensors})["adapter"])
    assert found["module_inputs"].value > 10 * found["module_outputs"].value
    assert found["module_inputs"].chance == 4 / 64


def test_a_module_says_nothing_of_a_host_that_did_not_change():
    tensors = {f"{Q}.lora_A.weight": np.eye(8, 64), f"{Q}.lora_B.weight": np.eye(64, 8)}
    assert module_distances(shipped(RAW), shipped(RAW), {"lora": tensors}) == {}


def test_every_measure_has_its_meaning_and_its_place_on_the_page():
    page = (CHECKOUT / "docs/predict.md").read_text(encoding="utf-8")
    assert [name for name in MEASURES if f"`{name}`" not in page] == []


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A table of a few reviews."""
    frame = pd.DataFrame(labelled(GeneratedReviews(domain="film", seed=3), 48), columns=["text", "label"])
    file = tmp_path_factory.mktemp("texts") / "train.parquet"
    write_table(file, frame.assign(example_id=[str(row) for row in frame.index], answers=None), "examples")
    return file


def test_cka_is_one_for_the_same_function_in_other_coordinates_and_less_for_another(texts):
    source, (rotated, _) = shipped(RAW), turned(RAW)
    same, other, further = (
        {one.site_kind: one.value for one in activation_distances(known(source), known(target), texts)}
        for target in (source, rotated, shipped(INSTRUCT))
    )
    assert set(same) == {"encoder", "decoder", ALL}
    assert same[ALL] == pytest.approx(1, abs=1e-6)
    assert other[ALL] == pytest.approx(1, abs=1e-3)
    assert 0.3 < further[ALL] < 0.9995


def known(end):
    """The host with where it lies in its card."""
    return End(end.card | {"folder": str(end.files.folder), "files": {}, "origin": {}}, end.files)
