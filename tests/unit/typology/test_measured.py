"""The typology's file against hosts: what it says of a technique is what a probe finds."""

import pytest

from peftport.costs.measure import described
from peftport.costs.uses import part_of, shared, uses, workspace
from peftport.hosts.families.table import FAMILIES, family
from peftport.hosts.shape import attention_width, host_shape, projection_size
from peftport.injection.attach import attach, module_tensors, trainable_parameters
from peftport.statistics.techniques import sharing
from peftport.storage.modules import TENSOR_NAME, WEIGHTS, Module, write_module
from peftport.techniques.ia3 import SCALED_AT_INPUT
from peftport.techniques.settings import technique_settings
from peftport.techniques.table import method
from peftport.typology.read import read_typology
from tests.hosts import batch, host, spread_module
from tests.probe import integration
from tests.techniques import FROM_PEFT, SETTINGS, of_name

TYPOLOGY = {name: row for name, row in read_typology().techniques.items() if name in SETTINGS | FROM_PEFT}
HOSTS = ("t5_gated_untied", "t5_relu_tied", "bert", "llama")
REFUSED = {("bert", "prompt_tuning"), ("llama", "tiny_attention")}
CASES = [(name, technique) for name in HOSTS for technique in TYPOLOGY if (name, technique) not in REFUSED]


def attached(name, technique, **more):
    way, settings = of_name(technique)
    return spread_module(attach(host(name, attention="eager"), way, settings | more, seed=1))


def inputs(name):
    return batch(encoder_decoder=name.startswith("t5"))


def card(model):
    shape = host_shape(model.config)
    return {"model_type": model.config.model_type, "shape": shape, "parameters": 1}


def settings_of(technique):
    name, settings = of_name(technique)
    return {"method": name} | settings


def workspace_of(technique, sites, model):
    kind = family(model.config.model_type)
    kinds = method(of_name(technique)[0]).site_kinds(technique_settings(*of_name(technique)), kind)
    return workspace(sites, kind.name, kinds)


def symbols(technique, shape, site):
    """What the symbols of the formulas stand for, at one site."""
    (name, settings), kind = of_name(technique), family("t5")
    known = {"d": shape["d_model"], "i": attention_width(shape), "l": settings.get("length")}
    known |= {"r": settings.get("rank", settings.get("r")), "n": settings.get("division"), "e": settings.get("width")}
    known |= {"w": settings.get("reparameterisation"), "k": 3, "m": 1}
    if "reduction_factor" in settings:
        known["b"] = shape["d_model"] // settings["reduction_factor"]
    if "targets" in settings or (name == "peft" and technique != "ln_tuning"):
        target = kind.kind(site, settings.get("targets", ["q", "v"]))
        known["x"], known["y"] = projection_size(target, shape)
        known["s"] = known["x"] if target in SCALED_AT_INPUT else known["y"]
    return known


@pytest.mark.parametrize(("name", "technique"), CASES)
def test_sharing_and_workspace(name, technique):
    model = attached(name, technique)
    sites = uses(model, inputs(name))
    sizes = {one: parameter.numel() for one, parameter in trainable_parameters(model).items()}
    assert set().union(*sites.values()) == set(sizes)  # no tensor is used nowhere
    several = sum(sizes[one] for one in shared(sites))
    assert TYPOLOGY[technique].cells["parameter_sharing"].values == (sharing(several, sum(sizes.values())),)
    assert TYPOLOGY[technique].cells["workspace"].values == tuple(workspace_of(technique, sites, model))


@pytest.mark.parametrize(("name", "technique"), [case for case in CASES if case[0].startswith("t5")])
def test_number_of_insertions(name, technique):
    model = attached(name, technique)
    found, shape = described(model, inputs(name), card(model), settings_of(technique)), host_shape(model.config)
    count = TYPOLOGY[technique].count
    assert found["encoder_layer_insertions"] == count.get("encoder_layer", 0)
    assert found["decoder_layer_insertions"] == count.get("decoder_layer", 0)
    layers = sum(shape[f"{stack}_layers"] * count.get(f"{stack}_layer", 0) for stack in ("encoder", "decoder"))
    assert found["insertions"] == layers + count.get("host", 0)


@pytest.mark.parametrize("technique", TYPOLOGY)
def test_parameters_of_a_layer_follow_the_formula(technique):
    model = attached("t5_gated_untied", technique)
    sites, shape = uses(model, inputs("t5")), host_shape(model.config)
    found, formula = described(model, inputs("t5"), card(model), settings_of(technique)), TYPOLOGY[technique].parameters
    sizes = {site: eval(formula["insertion"], symbols(technique, shape, site)) for site in sites}
    once = eval(formula["once"], symbols(technique, shape, next(iter(sites))))
    for stack in ("encoder", "decoder"):
        layer = [site for site in sites if (match := TENSOR_NAME.search(site)) and match["stack"] == stack]
        inside = sum(sizes[site] for site in layer if TENSOR_NAME.search(site)["layer"] == "0")
        assert found[f"{stack}_layer_parameters"] == inside
    assert found["parameters"] == sum(sizes.values()) + once
    assert found["other_parameters"] == once + sum(size for site, size in sizes.items() if not TENSOR_NAME.search(site))


@pytest.mark.parametrize(("name", "technique"), CASES)
def test_integration(name, technique):
    cell = TYPOLOGY[technique].cells["integration_form"]
    if cell.provenance == "measured":
        assert integration(attached(name, technique), inputs(name)) == set(cell.values)
    else:
        assert technique == "dora"  # it adds and rescales at once, which no probe here takes apart


def test_a_prefix_without_reparameterisation_shares_nothing():
    model = attached("t5_gated_untied", "prefix_tuning", reparameterisation=None)
    assert shared(uses(model, inputs("t5"))) == set()


def test_the_workspace_follows_the_settings():
    found = {
        targets: workspace(uses(attached("t5_gated_untied", "lora", targets=[*targets]), inputs("t5")), "t5", targets)
        for targets in (("q",), ("wi_0", "wo"), ("v", "wo"))
    }
    assert list(found.values()) == [["attention"], ["feed_forward"], ["attention", "feed_forward"]]


def test_every_kind_of_site_belongs_to_a_part():
    for name in FAMILIES:
        assert {part_of(kind) for kind in family(name).sites} <= {"attention", "feed_forward", "layer_norm"}
    with pytest.raises(ValueError, match="no part of the host has sites of the kind 'pooler'"):
        part_of("pooler")


def test_storage_is_the_size_of_the_module_file(tmp_path):
    model = attached("t5_gated_untied", "lora")
    write_module(tmp_path, Module({}, module_tensors(model), {}))
    assert (
        described(model, inputs("t5"), card(model), settings_of("lora"))["storage_bytes"]
        == (tmp_path / WEIGHTS).stat().st_size
    )


def test_hosts_are_left_as_they_were():
    model = attached("t5_gated_untied", "compacter")
    before = module_tensors(model)
    uses(model, inputs("t5"))
    assert all((before[name] == tensor).all() for name, tensor in module_tensors(model).items())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in model.modules())
