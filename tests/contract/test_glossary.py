"""docs/glossary.md defines the words that tables share, each once, in order, and only words that are in use."""

import re
from collections import Counter

import pytest

from peftport.paths import CHECKOUT
from peftport.porting.table import INITIALISATIONS
from peftport.storage.tables import TABLES

GLOSSARY = (CHECKOUT / "docs/glossary.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| \*\*(.+?)\*\* \| (.+) \|$", re.MULTILINE)
SECTIONS = {text.partition("\n")[0]: ROW.findall(text) for text in GLOSSARY.split("\n## ")[1:]}
TERMS = [term for rows in SECTIONS.values() for term, _ in rows]
SHARED_BY = 3  # columns in so many tables are words of the field, and not of one table
IDENTIFIERS = {"example_id"}  # explains itself
PAGES = ("output", "statistics", "running", "reliability", "reruns", "maps", "add-a-technique", "add-a-host-family")
READERS = ("README.md", "CONTRIBUTING.md", "config/README.md", *(f"docs/{name}.md" for name in PAGES))


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_terms_of_a_section_are_in_order(heading):
    terms = [term.replace("_", " ") for term, _ in SECTIONS[heading]]
    assert len(terms) >= 5
    assert terms == sorted(terms)


def test_a_term_is_defined_once():
    assert [term for term, times in Counter(TERMS).items() if times > 1] == []


def test_columns_that_tables_share_are_explained():
    tables = Counter(column for columns in TABLES.values() for column in columns)
    shared = {column for column, times in tables.items() if times >= SHARED_BY} - IDENTIFIERS
    assert {"study", "technique", "source_host", "budget_steps", "seed"} <= shared
    assert sorted(column for column in shared if f"`{column}`" not in GLOSSARY) == []


def test_every_initialisation_is_a_term():
    assert sorted(set(INITIALISATIONS) - set(TERMS)) == []


def test_code_in_a_definition_is_a_name_that_exists():
    """A column, a key of the config, a value or a file; so a renamed column is noticed here."""
    known = {column for columns in TABLES.values() for column in columns} | set(INITIALISATIONS)
    known |= {f"{table}.parquet" for table in TABLES}
    others = (CHECKOUT / "config/README.md").read_text(encoding="utf-8") + (CHECKOUT / "docs/output.md").read_text(
        encoding="utf-8"
    )
    named = {name for rows in SECTIONS.values() for _, text in rows for name in re.findall(r"`([^`]+)`", text)}
    assert sorted(name for name in named - known if f"`{name}`" not in others) == []


def test_every_term_is_used_elsewhere():
    """Else it is a word that nobody meets."""
    text = " ".join(" ".join((CHECKOUT / page).read_text(encoding="utf-8") for page in READERS).lower().split())
    assert [term for term in TERMS if not re.search(rf"\b{re.escape(term.lower())}s?\b", text)] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_first_pages_lead_to_the_glossary(page):
    assert "glossary.md)" in (CHECKOUT / page).read_text(encoding="utf-8")
