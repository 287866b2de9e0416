"""Grades of ``weight_match`` on the exactness ladder, what it recovers, and what its card says."""

import numpy as np
import pytest

from peftport.adapters.host_files import HostFiles
from peftport.maps import heads, procrustes, units
from peftport.maps.correspondence import Space, read_correspondence, write_correspondence
from peftport.maps.methods.weight_match import INTO_UNITS, refusals
from peftport.maps.pair import Pair
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import Place
from tests.graded import ATTENTION, fitted, grade, pair_of, step_of
from tests.ladder import RUNGS
from tests.shipped import INSTRUCT, RAW, in_turned, pair, shipped, turned, updates

FIVE = ("t5", "llama", "gpt2", "bert_plain")
# rungs whose target differs in what the method looks for, and their hosts
EXACT = {name: RUNGS[name][0] for name in ("permuted", "signed", "folded", "heads_and_units", "padded", "doubled")}
EXACT |= {
    name: RUNGS[name][0] for name in ("same", "rotated", "wider_heads", "more_heads", "scaled_stream", "ungrouped")
}
EXACT |= {"turned": FIVE, "wider_turned": ("t5", "llama")}
# others, and between what their grades lie: inside heads it takes isometries alone, and no unit is scaled
FAILURES = {("values", "llama"): (0.5, 3), ("queries", "llama"): (0.1, 1), ("scaled_units", "llama"): (0.2, 2)}
# noise on all weights of the target, and the grade at most, that of trial code
NOISY = {"noise_2_turned": 0.11, "noise_20_turned": 0.5, "drift_20": 0.43}


def distance(made, others):
    """How far updates are apart, as a share of the others' size, over all weights."""
    off = sum(np.linalg.norm(made[name] - others[name]) ** 2 for name in others)
    return np.sqrt(off / sum(np.linalg.norm(delta) ** 2 for delta in others.values()))


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in EXACT.items() for kind in kinds])
def test_what_a_lora_does_arrives_exactly(name, kind):
    assert grade(step_of(name, kind), fitted("weight_match", pair_of(name, kind))) < 1e-5


@pytest.mark.parametrize(("name", "kind"), FAILURES)
def test_what_it_does_not_look_for_it_does_not_find(name, kind):
    low, high = FAILURES[name, kind]
    assert low < grade(step_of(name, kind), fitted("weight_match", pair_of(name, kind))) < high


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_numbers_of_half_the_size_put_units_in_the_same_order_and_leave_the_scale_exact(kind):
    """Against all weights in float64, of hosts between which noise decides."""
    found, given = fitted("weight_match", pair_of("noise_20_turned", kind)), pair_of("noise_20_turned", kind)
    basis, place = found.embedding().basis, Place("decoder", 1, "feed_forward")
    sides = [
        [end.weight(place, name) * end.gain(place) for name in units_into(end, place)] + [end.weight(place, "wo").T]
        for end in (given.target, given.source)
    ]
    exact = units.likeness(zip(sides[0], (side @ basis.T for side in sides[1]), strict=True))
    order = units.assigned(exact.scores)[0]
    at = {name: found.maps[Space(name, place.stack, place.sublayer, 1, 1)] for name in ("units", "write")}
    assert at["units"].indices.tolist() == order.tolist()
    there = order >= 0
    sizes = [np.linalg.norm(rows) for rows in (sides[0][-1][there], (sides[1][-1] @ basis.T)[order[there]])]
    assert at["write"].scale == pytest.approx(sizes[0] / sizes[1], rel=1e-13)


def units_into(end, place):
    """Kinds of projections into the units of a host."""
    return [kind for kind in INTO_UNITS if end.has(place, kind)]


@pytest.mark.parametrize("name", NOISY)
@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_noise_on_the_weights_costs_less_than_the_noise(name, kind):
    assert 1e-3 < grade(step_of(name, kind), fitted("weight_match", pair_of(name, kind)), ATTENTION) < NOISY[name]


@pytest.mark.parametrize("rope", [False, True])
def test_rotary_pairs_may_turn_together(rope):
    found = fitted("weight_match", pair_of("noise_20_turned", "llama"), rope=rope)
    block = found.maps[Space("q", "decoder", "self", 1, 1)].matrices[0]
    turns = np.allclose(block[:4, :4], block[4:, 4:]) and np.allclose(block[:4, 4:], -block[4:, :4])
    assert turns == rope
    assert grade(step_of("noise_20_turned", "llama"), found, ATTENTION) < 0.5
    assert grade(step_of("same", "llama"), fitted("weight_match", pair_of("same", "llama"), rope=rope)) < 1e-5


@pytest.mark.parametrize("kind", ["t5", "llama", "gpt2"])
def test_heads_units_and_streams_are_recovered(kind):
    found, truth = fitted("weight_match", pair_of("turned", kind)), step_of("turned", kind).truth
    for space, linear in truth.maps.items():
        if space.name in ("q", "k", "v", "mix", "units", "write"):
            width = linear.shape[1]
            np.testing.assert_allclose(
                found.maps[space].forward(np.eye(width)), linear.forward(np.eye(width)), atol=2e-6, err_msg=str(space)
            )


def test_the_heads_of_a_stack_have_one_order_where_one_table_of_positions_serves_all():
    """And those of a cross-attention each their own; the noise would tell some layers otherwise."""
    found = fitted("weight_match", pair_of("noise_20_turned", "t5"))
    for stack in ("encoder", "decoder"):
        orders = {found.maps[Space("mix", stack, "self", n, n)].pairs[:, 1].tobytes() for n in range(3)}
        assert len(orders) == 1
    assert len({found.maps[Space("mix", "decoder", "cross", n, n)].pairs[:, 1].tobytes() for n in range(3)}) > 1


def test_one_order_is_found_together_where_a_layer_alone_says_another(monkeypatch):
    """Scores are summed over the layers of the stack before heads are assigned."""
    seen = []
    real = heads.assigned
    monkeypatch.setattr(heads, "assigned", lambda scores: seen.append(scores.max()) or real(scores))
    fitted("weight_match", pair_of("same", "t5"))
    assert [round(score) for score in seen] == [3, 3, 1, 1, 1]


@pytest.mark.parametrize(("layers", "count"), [("depth", 4), ("linear", 6)])
def test_unequal_depths_have_a_map_for_every_pair_of_layers(layers, count):
    found = fitted("weight_match", pair_of("deeper", "llama"), layers=layers)
    pairs = {(space.target_layer, space.source_layer) for space in found.maps if space.name == "q"}
    assert pairs == {(target, source) for target, row in enumerate(found.layers["decoder"]) for source, _ in row}
    assert len(pairs) == count


def test_the_card_says_what_was_matched_and_how_well():
    exact, noisy, wider = (
        fitted("weight_match", pair_of(name, "llama")).facts for name in ("turned", "noise_20_turned", "more_heads")
    )
    assert exact["matched"] == pytest.approx({"heads": 1, "head_cosine": 1, "units": 1, "unit_cosine": 1}, abs=1e-5)
    assert set(exact["residuals"]) == {"embedding", "q", "k", "v", "write"}
    assert all(off["map"] < 1e-5 for off in exact["residuals"].values())
    assert all(0.15 < off["map"] < 0.4 for off in noisy["residuals"].values())
    assert wider["matched"]["heads"] == pytest.approx(4 / 8)
    assert wider["matched"]["units"] == pytest.approx(48 / 64)
    assert exact["clipped_gains"] == 0
    assert exact["units_assigned_by"] == "largest sum of cosines"


def test_a_greedy_assignment_is_named_on_the_card(monkeypatch):
    monkeypatch.setattr(units.assigned, "__defaults__", (40,))
    found = fitted("weight_match", pair_of("turned", "llama"))
    assert found.facts["units_assigned_by"] == "of nearest ones"
    assert grade(step_of("turned", "llama"), found) < 1e-5


def test_scales_near_zero_are_raised_and_counted(monkeypatch):
    pair, real = pair_of("same", "llama"), HostFiles.weights

    def weights(self, names):
        found = real(self, names)
        for name in names:
            if name == "model.layers.1.input_layernorm.weight" and self is pair.target.files:
                found[name] = found[name].copy()
                found[name][:2] = (0, -1e-9)
        return found

    monkeypatch.setattr(HostFiles, "weights", weights)
    found = fitted("weight_match", pair)
    read = found.maps[Space("read", "decoder", "self", 1, 1)]
    assert found.facts["clipped_gains"] == 2
    assert 0 < read.target_gain[0] == -read.target_gain[1] < 0.01
    assert np.isfinite(read.back(np.ones(32))).all()


def test_all_spaces_of_the_stream_share_one_array_on_disk(tmp_path):
    found = fitted("weight_match", pair_of("turned", "t5"))
    write_correspondence(tmp_path, found, {})
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    stream = [linear for space, linear in found.maps.items() if space.name in ("read", "write", "memory", "embedding")]
    assert len({id(linear.basis) for linear in stream}) == 1
    assert size < 32 * 32 * 4 * len(stream)
    again = read_correspondence(tmp_path)
    assert grade(step_of("turned", "t5"), again) < 1e-5


def test_nothing_depends_on_the_driver_of_the_svd(monkeypatch):
    """Also where a head has no weights and a stream is wider."""
    found = []
    for driver in ("gesdd", "gesvd"):
        monkeypatch.setattr(procrustes, "DRIVER", driver)
        found.append(fitted("weight_match", pair_of("doubled", "gpt2")))
    for space, linear in found[0].maps.items():
        eye = np.eye(linear.shape[1])
        np.testing.assert_allclose(
            linear.forward(eye), found[1].maps[space].forward(eye), atol=1e-9, err_msg=str(space)
        )


def test_into_a_turned_copy_of_the_target_the_module_is_the_turned_one():
    """The law that needs no truth, on the two hosts that ship: method(s, g t) = g method(s, t)."""
    raw, instruct, (other, basis) = shipped(RAW), shipped(INSTRUCT), turned(INSTRUCT)
    into, into_turned = (fitted("weight_match", pair(raw, target)) for target in (instruct, other))
    made = updates(raw, into)
    assert distance(updates(raw, into_turned), in_turned(instruct, made, basis)) < 1e-4
    copied = updates(raw, fitted("weight_match", pair(raw, raw)))
    assert 0.02 < distance(made, copied) < 0.5
    assert into.facts["distance_from_identity"] < 0.3
    assert into_turned.facts["distance_from_identity"] > 1


def test_hosts_that_cannot_be_matched_are_refused_from_their_cards():
    settings = MapSettings(method="weight_match")
    cards = {kind: pair_of("same", kind).source.card for kind in ("t5", "llama", "gpt2", "bert")}
    assert refusals(cards["llama"], cards["llama"], settings) == []
    assert (
        "have other sub-layers: encoder self, encoder feed_forward; decoder self"
        in refusals(cards["bert"], cards["gpt2"], settings)[0]
    )
    lines = refusals(cards["gpt2"], cards["llama"], settings)
    assert [line.partition(" of ")[0] for line in lines] == ["norms", "one"]
    assert "take the mean away" in lines[0]
    assert "rotates queries and keys" in lines[1]
    few = cards["t5"] | {"shape": cards["t5"]["shape"] | {"vocabulary": 20}}
    assert "at least 32" in refusals(cards["t5"], few, settings)[0]
    narrow = cards["bert"] | {"shape": cards["bert"]["shape"] | {"embedding": 8}}
    assert "are 8 wide and its stream 32" in refusals(narrow, cards["bert"], settings)[0]
    assert "is not described" in refusals(cards["t5"] | {"model_type": "opt"}, cards["t5"], settings)[0]
    assert "which source (t5)" in refusals(cards["t5"], cards["t5"], settings.model_copy(update={"rope": True}))[0]
    wide = cards["llama"] | {"shape": cards["llama"]["shape"] | {"d_kv": 16}}
    assert "8 and 16 wide" in refusals(cards["llama"], wide, settings.model_copy(update={"rope": True}))[0]


def test_too_few_shared_tokens_are_refused_when_they_are_known():
    full = pair_of("same", "t5")
    few = Pair(full.source, full.target, lambda: (np.arange(5), np.arange(5)))
    with pytest.raises(ValueError, match="share 5 tokens, 27 too few"):
        fitted("weight_match", few)
