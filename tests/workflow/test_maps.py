"""Modules are carried by a map between hosts of unequal width and depth, from the first job to the report."""

import re

import pytest

from peftport.maps.correspondence import read_correspondence
from peftport.storage.cards import read_card
from peftport.storage.modules import read_module
from tests import studies

pytestmark = pytest.mark.slow

KINDS = {"ported", "sampled", "scratch", "shuffled_map"}


def test_the_tables_say_how_modules_were_carried(whole_study):
    runs, references, portability, contrasts = studies.read_tables(
        whole_study, "runs", "references", "portability", "contrasts"
    )
    assert set(runs["map"]) == set(portability["map"]) == set(contrasts["map"]) == {"weight_match"}
    assert set(references["map"]) == {"any"}
    assert set(runs["initialisation"]) == KINDS
    assert len(runs) == len(KINDS) * 2 * 2  # budgets, seeds
    assert not runs["accuracy"].isna().any()


def test_the_map_is_of_both_hosts_and_starts_are_of_the_targets_shape(whole_study):
    results = whole_study / studies.RESULTS
    folder = results / f"maps/{studies.MAPPED}"
    correspondence, card = read_correspondence(folder), read_card(folder / "card.json")
    assert {stack: len(rows) for stack, rows in correspondence.layers.items()} == {"encoder": 2, "decoder": 2}
    assert card["method"] == "weight_match" and card["key"]
    assert read_card(results / f"hosts/transfers/{studies.MAPPED}.json")["verdict"] == "map"
    source = read_module(results / studies.module_folder("lora", "raw", "film", block="0-1"))
    fresh = read_module(results / "starts/lora/instruct/scratch/seeds-0-1/seed-0")
    carried = [
        read_module(results / f"starts/lora/{studies.MAPPED}/film/{kind}/seeds-0-1/seed-0")
        for kind in KINDS - {"scratch"}
    ]
    assert all(module.shapes() == fresh.shapes() != source.shapes() for module in carried)
    assert {module.card["map"] for module in carried} == {"weight_match"}
    assert len({module.card["weights_sha256"] for module in carried}) == len(carried)


def test_the_report_says_how_modules_were_carried(whole_study):
    page = (whole_study / studies.RESULTS / "report.html").read_text()
    section = re.search(r"<h2>How modules were carried</h2>(.*?)<h2>", page, re.DOTALL)[1]
    assert "raw \N{RIGHTWARDS ARROW} instruct (weight_match)" in section
    assert "shared tokens" in section and "encoder: 0, " in section
