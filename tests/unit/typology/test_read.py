"""The typology's file is complete, in its vocabulary, and says of no cell that it was published."""

import pytest
import yaml

from peftport.report.properties import PROPERTIES
from peftport.storage.technique_columns import TYPOLOGY
from peftport.typology.read import FILE, TypologyError, read_typology, said
from tests.techniques import FROM_PEFT, SETTINGS

NINE = (
    *("intra_connectivity", "inter_connectivity", "parameter_adaptation", "parameter_sharing", "input_type"),
    *("insertion_form", "number_of_insertions", "integration_form", "workspace"),
)


@pytest.fixture
def content():
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def written(content, folder):
    (folder / "typology.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return folder / "typology.yaml"


def test_every_technique_has_a_row_and_nine_cells():
    typology = read_typology()
    assert tuple(typology.properties) == NINE
    single = set(SETTINGS) - {"hybrid"}  # what two techniques are together is no cell of a table of one
    assert len(single) == 7 and single <= set(typology.techniques) <= single | set(FROM_PEFT)
    assert all(tuple(row.cells) == NINE for row in typology.techniques.values())


def test_the_nine_are_columns_and_have_names():
    assert set(PROPERTIES) == set(NINE)
    assert set(NINE) - set(TYPOLOGY) == {"workspace"}  # measured on the study's hosts, a column of the costs


def test_no_cell_is_called_published():
    """Nobody here has seen the paper's table; a value may say so only after it was compared."""
    provenances = {cell.provenance for row in read_typology().techniques.values() for cell in row.cells.values()}
    assert provenances == {"derived", "measured"}
    assert "RECONSTRUCTION" in FILE.read_text(encoding="utf-8")


def test_every_value_of_the_vocabulary_has_a_meaning():
    vocabulary = read_typology().vocabulary
    assert all(isinstance(meaning, str) and meaning for values in vocabulary.values() for meaning in values.values())
    assert all(isinstance(value, str) for values in vocabulary.values() for value in values)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda t: t["lora"]["workspace"].update({"is": "attenton"}),
            "lora, workspace: expected one of embedding, att",
        ),
        (lambda t: t["lora"].pop("input_type"), r"lora: missing \['input_type'\]"),
        (lambda t: t["lora"].update(colour={"is": "red", "from": "derived"}), r"unknown \['colour'\]"),
        (lambda t: t["ia3"]["workspace"].update({"from": "guessed"}), "ia3, workspace: expected one of published, der"),
        (lambda t: t["ia3"]["parameters"].pop("once"), r"ia3, parameters: missing \['once'\]"),
        (lambda t: t["ia3"]["number_of_insertions"].update(count={"block": 1}), "count: expected one of host, encoder"),
    ],
    ids=["value", "missing", "unknown", "provenance", "formula", "place"],
)
def test_a_wrong_file_is_refused(content, tmp_path, edit, message):
    edit(content["techniques"])
    with pytest.raises(TypologyError, match=message):
        read_typology(written(content, tmp_path))


def test_values_are_said_in_words():
    assert said(("attention", "feed_forward")) == "attention + feed forward"
    assert read_typology().techniques["compacter"].formula == "2*r*(d + b) + d + b per insertion, n**3 once"
