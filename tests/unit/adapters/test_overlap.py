"""Overlap of subspaces, on pairs whose answer is known; and norms are folded into what reads them, in every family."""

import numpy as np
import pytest
import torch

from peftport.adapters.case import read_case, read_hosts
from peftport.adapters.check import check
from peftport.adapters.overlap import FoldedWeights, overlap, overlaps
from peftport.hosts.families.table import family
from tests.adapters import host_on_disk, lora_on_disk
from tests.hosts import DECODERS, ENCODERS, OTHER_HOSTS, T5_HOSTS, batch, host

SIZE = 64
CHANCE = 8 / SIZE  # of 8 directions, an eighth of the size
READING = [
    name for name in (*T5_HOSTS, *OTHER_HOSTS, *ENCODERS, *DECODERS) if family(host(name).config.model_type).norms_read
]


def matrix(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def rotation(seed, size=SIZE):
    return np.linalg.qr(matrix(seed, size, size))[0]


def test_identical_weights_share_all():
    weight = matrix(0, SIZE, 2 * SIZE)
    found = overlap(weight, weight)
    assert (found.outputs, found.inputs) == (pytest.approx(1, abs=1e-4), pytest.approx(1, abs=1e-4))
    assert (found.outputs_chance, found.inputs_chance) == (CHANCE, CHANCE / 2)


@pytest.mark.parametrize("side", ["outputs", "inputs"])
def test_rotated_weights_share_what_was_not_rotated(side):
    """A rotation of the hidden basis turns what some sites read and what others write, and the other side stays."""
    weight, turn = matrix(0, SIZE, SIZE), rotation(1)
    found = overlap(weight, turn @ weight if side == "outputs" else weight @ turn)
    other = {"outputs": "inputs", "inputs": "outputs"}[side]
    assert getattr(found, other) == pytest.approx(1, abs=1e-4)
    assert getattr(found, side) == pytest.approx(CHANCE, abs=0.1)


def test_noise_leaves_most_and_unrelated_weights_share_chance():
    noise, alike = np.float32(0.2) * matrix(1, SIZE, SIZE), matrix(0, SIZE, SIZE)
    left, _, right = np.linalg.svd(alike)
    falling = (left * np.exp(-np.arange(SIZE) / 8) * 16) @ right
    near, far = overlap(falling, falling + noise), overlap(alike, matrix(2, SIZE, SIZE))
    assert 0.85 < near.outputs < 1 and 0.85 < near.inputs < 1
    assert far.outputs == pytest.approx(CHANCE, abs=0.1) and far.inputs == pytest.approx(CHANCE, abs=0.1)


def test_it_is_that_of_whole_decompositions():
    one, other = matrix(0, SIZE, 40), matrix(0, SIZE, 40) + matrix(1, SIZE, 40)
    (u, _, v), (p, _, q) = (np.linalg.svd(weight, full_matrices=False) for weight in (one, other))
    found = overlap(one, other)
    assert found.outputs == pytest.approx(np.linalg.norm(u[:, :5].T @ p[:, :5]) ** 2 / 5, rel=1e-4)
    assert found.inputs == pytest.approx(np.linalg.norm(v[:5] @ q[:5].T) ** 2 / 5, rel=1e-4)


def refolded(name, folder):
    """Save a host whose norms scale otherwise, and whose reading projections undo that: the same host to compute with.

    Returns:
        The logits of it and of the host as it was, and the ends of the names of what was changed.
    """
    before, now = host(name).eval(), host(name).eval()
    kind, numbers = family(now.config.model_type), np.random.default_rng(3)
    parts, scales, changed = dict(now.named_modules()), {}, []
    with torch.no_grad():
        for site, part in parts.items():
            for end, norm in kind.norms_read.items():
                where = f"{site.removesuffix(end)}{norm}"
                if not site.endswith(f".{end}") or not hasattr(parts.get(where), "weight"):
                    continue
                weight = parts[where].weight
                if where not in scales:
                    scales[where] = torch.tensor(numbers.uniform(0.5, 2, len(weight)), dtype=weight.dtype)
                    weight.copy_((weight + kind.norm_begins) * scales[where] - kind.norm_begins)
                    if getattr(parts[where], "bias", None) is not None:
                        parts[where].bias.mul_(scales[where])
                part.weight.div_(scales[where][:, None] if kind.transposed else scales[where])
                changed.append(end)
        now.save_pretrained(folder)
        inputs = batch(encoder_decoder=kind.lm_type == "encoder_decoder")
        inputs = {key: value for key, value in inputs.items() if key != "labels" or kind.lm_type == "encoder_decoder"}
        return now(**inputs).logits, before(**inputs).logits, set(changed)


@pytest.mark.parametrize("name", READING)
def test_folded_weights_are_one_for_hosts_that_compute_the_same(name, tmp_path, tmp_path_factory):
    now, before, changed = refolded(name, tmp_path)
    torch.testing.assert_close(now, before, rtol=1e-4, atol=1e-4)
    assert changed == {end for end in family(host(name).config.model_type).norms_read if changed_there(name, end)}
    pair = read_hosts(tmp_path, host_on_disk(tmp_path_factory, name))
    case = read_case(lora_on_disk(tmp_path_factory, name), *pair)
    new, old = map(FoldedWeights, pair)
    read = [site for site in case.new_modules.weights if site.endswith(tuple(f".{end}" for end in changed))]
    assert len(read) >= len(changed) > 1
    for site in read:
        np.testing.assert_allclose(new.weight(site), old.weight(site), rtol=1e-4, atol=1e-6)
    found = overlaps(case)
    assert set(found) == set(case.sites.tensors)
    for part in found.values():
        assert (part.outputs, part.inputs) == (pytest.approx(1, abs=1e-3), pytest.approx(1, abs=1e-3))


def changed_there(name, end):
    return any(site.endswith(f".{end}") for site, _ in host(name).named_modules())


def test_the_report_says_it_beside_the_drift(tmp_path, tmp_path_factory):
    refolded("llama", tmp_path)
    report = check(lora_on_disk(tmp_path_factory, "llama"), tmp_path, host_on_disk(tmp_path_factory, "llama"), True)
    assert report.measured["overlap"]["outputs"] == pytest.approx(1, abs=1e-3)
    assert report.measured["drift"]["total"] > 0.2
    (line,) = [one for one in report.reasons if one.check == "overlap"]
    assert line.level == "same" and "shared by both hosts to 1 in what they write (unrelated ones to 0.12)" in line.text
    assert set(report.measured["sites"]["model.layers.0.self_attn.q_proj"]["overlap"]) == {
        *("outputs", "inputs", "outputs_chance", "inputs_chance")
    }
