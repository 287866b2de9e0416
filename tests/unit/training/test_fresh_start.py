from peftport.hosts.load import load_model
from peftport.injection.attach import attach, module_tensors
from peftport.storage.cards import read_card
from peftport.storage.modules import read_module
from peftport.training.fresh_start import initialise_scratch
from tests.ground import MADE, TECHNIQUE, modules


def test_a_scratch_module_is_the_techniques_own_initialisation(ground, tmp_path):
    folders = {seed: tmp_path / f"seed-{seed}" for seed in (0, 1)}
    initialise_scratch(ground / "instruct.json", TECHNIQUE, folders, MADE)
    made = {seed: read_module(folder) for seed, folder in folders.items()}
    for seed, module in made.items():
        fresh = module_tensors(attach(load_model(ground / "hosts/instruct"), "lora", TECHNIQUE, seed=seed))
        assert list(module.tensors) == list(fresh)
        assert all(module.tensors[name].tobytes() == tensor.tobytes() for name, tensor in fresh.items())
    drawn = [name for name in made[0].tensors if "lora_A" in name]
    assert drawn and all((made[0].tensors[name] != made[1].tensors[name]).any() for name in drawn)
    assert made[0].shapes() == read_module(modules(ground, "instruct")[0]).shapes()


def test_its_card_names_the_target_host(ground, tmp_path):
    initialise_scratch(ground / "instruct.json", TECHNIQUE, {3: tmp_path}, MADE)
    card = read_module(tmp_path).card
    expected = {
        "technique": "lora",
        "initialisation": "scratch",
        "seed": 3,
        "target_host": "instruct",
        "target_weights_sha256": read_card(ground / "instruct.json")["weights_sha256"],
        "key": MADE["key"],
    }
    assert expected.items() <= card.items() and card["rule"]
